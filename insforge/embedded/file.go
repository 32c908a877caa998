package embedded

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// The file is a bbolt database:
//
//	followthrough/        format = "1"; ready once the first rows are in
//	tables/NAME           the columns rows were written with, as JSON
//	sequences/NAME        the identity number last given out, 8 bytes
//	rows/NAME/ID          a row's data and its CRC-32C; ID is 8 bytes, big-endian
const formatVersion = "1"

var (
	bucketMeta      = []byte("followthrough")
	bucketTables    = []byte("tables")
	bucketSequences = []byte("sequences")
	bucketRows      = []byte("rows")
	keyFormat       = []byte("format")
	keyReady        = []byte("ready")
	castagnoli      = crc32.MakeTable(crc32.Castagnoli)
)

// lockWait is how long opening waits for another process; bbolt needs more than
// nothing to try at all.
const lockWait = time.Millisecond

// A file writes what transactions have changed, many of them with one fsync.
type file struct {
	db *bbolt.DB

	mu       sync.Mutex
	pending  []change
	numbers  map[*table]int64
	queued   uint64        // the last version in pending, or on its way
	durable  uint64        // the last version on disk
	progress chan struct{} // closed and replaced when durable or failed changes
	wake     chan struct{}
	failed   error
	done     chan struct{} // closed when the writer has ended
	stop     bool
}

// openFile opens or creates the file and loads its rows into s.
func openFile(path string, s *Store) (f *file, isNew bool, err error) {
	if isNew, err = inspect(path); err != nil {
		return nil, false, err
	}
	db, err := openBolt(path)
	if err != nil {
		return nil, false, err
	}
	f = &file{
		db: db, numbers: map[*table]int64{}, progress: make(chan struct{}), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
	if !isNew {
		err = guard(func() error { isNew, err = f.check(); return err })
	}
	if err == nil {
		err = guard(func() error { return f.load(s, isNew) })
	}
	if err != nil {
		_ = db.Close() // nothing was written
		return nil, false, err
	}
	go f.run()
	return f, isNew, nil
}

// inspect looks at the file before bbolt does, which trusts the sizes it reads
// in it and maps them into memory.
func inspect(path string) (isNew bool, err error) {
	handle, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = handle.Close() }() // only read
	info, err := handle.Stat()
	if err != nil {
		return false, err
	}
	if info.IsDir() {
		return false, fmt.Errorf("%w: it is a directory", ErrForeignFile)
	}
	if info.Size() == 0 {
		return true, nil
	}
	pageSize := int64(os.Getpagesize())
	head := make([]byte, 2*pageSize)
	if n, err := handle.ReadAt(head, 0); int64(n) < 2*pageSize {
		return false, fmt.Errorf("%w: it is too short (%d bytes): %w", ErrForeignFile, info.Size(), err)
	}
	pages, ok := boltPages(head[:pageSize])
	if other, okToo := boltPages(head[pageSize:]); okToo && (!ok || other > pages) {
		pages, ok = other, true
	}
	if !ok {
		return false, fmt.Errorf("%w: it has another format", ErrForeignFile)
	}
	if info.Size() < int64(pages)*pageSize {
		return false, fmt.Errorf("%w: it is cut short (%d bytes of %d)", ErrForeignFile, info.Size(), int64(pages)*pageSize)
	}
	return false, nil
}

// boltPages reads how many pages a bbolt meta page says are in use.
func boltPages(page []byte) (uint64, bool) {
	const header, magic, version = 16, 0xED0CDAED, 2
	meta := page[header:]
	if binary.NativeEndian.Uint32(meta) != magic || binary.NativeEndian.Uint32(meta[4:]) != version ||
		int(binary.NativeEndian.Uint32(meta[8:])) != os.Getpagesize() {
		return 0, false
	}
	return binary.NativeEndian.Uint64(meta[40:]), true
}

func openBolt(path string) (db *bbolt.DB, err error) {
	err = guard(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockWait, FreelistType: bbolt.FreelistMapType})
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("%w by another process", ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch), errors.Is(err, bolterrors.ErrChecksum):
		return nil, fmt.Errorf("%w: %w", ErrForeignFile, err)
	}
	return db, err
}

// guard turns the panics and memory faults with which bbolt answers damaged
// pages into errors.
func guard(do func() error) (err error) {
	previous := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(previous)
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: it is damaged: %v", ErrForeignFile, r)
		}
	}()
	return do()
}

// check refuses a file that is not ours, or whose pages do not hang together. A
// file whose creation was interrupted counts as new: nobody was told of it.
func (f *file) check() (isNew bool, err error) {
	err = f.db.View(func(tx *bbolt.Tx) error {
		meta := tx.Bucket(bucketMeta)
		if meta == nil {
			if first, _ := tx.Cursor().First(); first == nil {
				isNew = true
				return nil
			}
			return fmt.Errorf("%w: it belongs to another program", ErrForeignFile)
		}
		if format := string(meta.Get(keyFormat)); format != formatVersion {
			return fmt.Errorf("%w: it has format %q, this program reads %q", ErrForeignFile, format, formatVersion)
		}
		var first error
		for err := range tx.Check() { // to the end: it runs in a goroutine
			if first == nil {
				first = fmt.Errorf("%w: it is damaged: %w", ErrForeignFile, err)
			}
		}
		isNew = meta.Get(keyReady) == nil
		return first
	})
	return isNew, err
}

// markReady ends the creation of a file.
func (f *file) markReady() error {
	return f.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(keyReady, []byte{1}) })
}

// wipe empties a file whose creation was interrupted.
func wipe(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketTables, bucketSequences, bucketRows} {
		if err := tx.DeleteBucket(name); err != nil && !errors.Is(err, bolterrors.ErrBucketNotFound) {
			return err
		}
	}
	return nil
}

// storedColumn is how a file remembers a column.
type storedColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// load reads every table of the schema, adding to the file what it lacks.
func (f *file) load(s *Store, isNew bool) error {
	if isNew {
		if err := f.db.Update(wipe); err != nil {
			return err
		}
	}
	var upgrades []*table
	stored := map[*table][]storedColumn{}
	read := func(tx *bbolt.Tx) error {
		tables := tx.Bucket(bucketTables)
		for _, t := range s.schema.tables {
			var columns []storedColumn
			if tables != nil {
				if raw := tables.Get([]byte(t.name)); raw != nil {
					if err := json.Unmarshal(raw, &columns); err != nil {
						return fmt.Errorf("%w: table %s: %w", ErrForeignFile, t.name, err)
					}
				}
			}
			stored[t] = columns
			if !slices.Equal(columns, storedColumns(t)) {
				upgrades = append(upgrades, t)
			}
		}
		return nil
	}
	if err := f.db.View(read); err != nil {
		return err
	}
	if isNew || len(upgrades) > 0 {
		if err := f.upgrade(s, upgrades, stored); err != nil {
			return err
		}
	}
	return f.db.View(func(tx *bbolt.Tx) error {
		for _, t := range s.schema.tables {
			if err := f.loadTable(tx, s, t); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
		}
		return nil
	})
}

func storedColumns(t *table) []storedColumn {
	out := make([]storedColumn, len(t.columns))
	for i, c := range t.columns {
		out[i] = storedColumn{c.name, c.typ.String()}
	}
	return out
}

func (f *file) loadTable(tx *bbolt.Tx, s *Store, t *table) error {
	if n := tx.Bucket(bucketSequences).Get([]byte(t.name)); len(n) == 8 {
		s.sequences[t.ordinal] = int64(binary.BigEndian.Uint64(n))
	}
	st := &s.state.Load().tables[t.ordinal] // nobody else has it yet
	by := &edit{}
	cursor := tx.Bucket(bucketRows).Bucket([]byte(t.name)).Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		data, err := unseal(value)
		if err != nil || len(key) != 8 || !t.layout.valid(data) {
			return fmt.Errorf("%w: row %x is damaged", ErrForeignFile, key)
		}
		r := &row{id: binary.BigEndian.Uint64(key), data: data}
		s.nextRow = max(s.nextRow, r.id+1)
		st.rows.insert(by, r, byID)
		for i, ix := range t.indexes {
			if ix.unique {
				if key, complete := keyOf(t, ix.columns, data); complete && lookup(st, t, ix, key) != nil {
					return fmt.Errorf("could not create unique index %q: keys are duplicated", ix.name)
				}
			}
			st.indexes[i].insert(by, r, ix.cmp)
		}
	}
	return nil
}

func seal(data string) []byte {
	out := make([]byte, len(data), len(data)+4)
	copy(out, data)
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

func unseal(value []byte) (string, error) {
	if len(value) < 4 {
		return "", errors.New("too short")
	}
	data, sum := value[:len(value)-4], binary.BigEndian.Uint32(value[len(value)-4:])
	if crc32.Checksum(data, castagnoli) != sum {
		return "", errors.New("checksum mismatch")
	}
	return string(data), nil
}

// upgrade creates what the file lacks and rewrites the rows of tables whose
// columns have changed: new columns get their defaults.
func (f *file) upgrade(s *Store, tables []*table, stored map[*table][]storedColumn) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketTables, bucketSequences, bucketRows} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if err := tx.Bucket(bucketMeta).Put(keyFormat, []byte(formatVersion)); err != nil {
			return err
		}
		for _, t := range tables {
			if err := f.upgradeTable(tx, s, t, stored[t]); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
		}
		return nil
	})
}

func (f *file) upgradeTable(tx *bbolt.Tx, s *Store, t *table, have []storedColumn) error {
	rows, err := tx.Bucket(bucketRows).CreateBucketIfNotExists([]byte(t.name))
	if err != nil {
		return err
	}
	description, err := json.Marshal(storedColumns(t))
	if err != nil {
		return err
	}
	if err := tx.Bucket(bucketTables).Put([]byte(t.name), description); err != nil {
		return err
	}
	if have == nil {
		return nil
	}
	old := make([]column, len(have))
	for i, c := range have {
		typ, err := filter.ParseType(c.Type)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrForeignFile, err)
		}
		old[i] = column{name: c.Name, typ: typ}
		n, wanted := t.byName[c.Name]
		if !wanted {
			return fmt.Errorf("the file has a column %q that the schema lacks", c.Name)
		}
		if t.columns[n].typ.String() != c.Type {
			return fmt.Errorf("column %q is %s in the file and %s in the schema", c.Name, c.Type, t.columns[n].typ)
		}
	}
	before := newLayout(old)
	filler := &txn{store: s, session: s.session(time.UTC), numbers: map[*table]int64{}}
	rewritten := map[string][]byte{}
	cursor := rows.Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		data, err := unseal(value)
		if err != nil || !before.valid(data) {
			return fmt.Errorf("%w: row %x is damaged", ErrForeignFile, key)
		}
		values := make([]filter.Value, len(t.columns))
		for i := range t.columns {
			if values[i], err = filler.fill(t, i); err != nil {
				return err
			}
		}
		for i, c := range old {
			values[t.byName[c.name]] = before.value(data, i)
		}
		if err := filler.validate(t, values); err != nil {
			return err
		}
		rewritten[string(key)] = seal(t.layout.encode(values))
	}
	for key, value := range rewritten {
		if err := rows.Put([]byte(key), value); err != nil {
			return err
		}
	}
	return nil
}

// enqueue hands a transaction to the writer. It is called in order of version.
func (f *file) enqueue(version uint64, changes []change, numbers map[*table]int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	f.pending = append(f.pending, changes...)
	maps.Copy(f.numbers, numbers)
	f.queued = version
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return nil
}

// waitFor returns when a version is on disk.
func (f *file) waitFor(ctx context.Context, version uint64) error {
	for {
		f.mu.Lock()
		durable, failed, progress := f.durable, f.failed, f.progress
		f.mu.Unlock()
		if durable >= version {
			return nil
		}
		if failed != nil {
			return failed
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// run is the writer: it takes all that is pending and makes it durable at once.
func (f *file) run() {
	defer close(f.done)
	for range f.wake {
		f.mu.Lock()
		changes, numbers, version, stop := f.pending, f.numbers, f.queued, f.stop
		f.pending, f.numbers = nil, map[*table]int64{}
		f.mu.Unlock()
		var err error
		if len(changes) > 0 {
			err = f.commit(changes, numbers)
		}
		f.mu.Lock()
		if err != nil {
			f.failed = fmt.Errorf("%w: writing to the data file failed: %w", ErrClosed, err)
		} else {
			f.durable = version
		}
		close(f.progress)
		f.progress = make(chan struct{})
		f.mu.Unlock()
		if stop || err != nil {
			return
		}
	}
}

func (f *file) commit(changes []change, numbers map[*table]int64) error {
	return f.db.Update(func(tx *bbolt.Tx) error {
		rows := tx.Bucket(bucketRows)
		buckets := map[*table]*bbolt.Bucket{}
		var key [8]byte
		for _, c := range changes {
			bucket := buckets[c.table]
			if bucket == nil {
				bucket = rows.Bucket([]byte(c.table.name))
				buckets[c.table] = bucket
			}
			binary.BigEndian.PutUint64(key[:], c.id)
			var err error
			if c.data == "" {
				err = bucket.Delete(key[:])
			} else {
				err = bucket.Put(key[:], seal(c.data))
			}
			if err != nil {
				return err
			}
		}
		for t, n := range numbers {
			if err := tx.Bucket(bucketSequences).Put([]byte(t.name), binary.BigEndian.AppendUint64(nil, uint64(n))); err != nil {
				return err
			}
		}
		return nil
	})
}

// close writes what is pending and releases the file.
func (f *file) close() error {
	f.mu.Lock()
	f.stop = true
	select {
	case f.wake <- struct{}{}:
	default:
	}
	f.mu.Unlock()
	<-f.done
	f.mu.Lock()
	if f.failed == nil {
		f.failed = ErrClosed
	}
	close(f.progress)
	f.progress = make(chan struct{})
	f.mu.Unlock()
	return f.db.Close()
}
