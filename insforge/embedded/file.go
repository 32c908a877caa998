package embedded

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// The file is a bbolt database:
//
//	followthrough/        format = "2"; digest: the sum of the checksums of all other entries, 8 bytes
//	tables/NAME           the columns rows were written with, as JSON
//	sequences/NAME        the identity number last given out, 8 bytes
//	rows/NAME/ID          a row's data and its CRC-32C; ID is 8 bytes, big-endian
//	log/NUMBER            changes of rows that are not there yet, in order
//
// Format 1 had no digest, and an entry followthrough/ready once it was complete.
const formatVersion = "2"

var (
	bucketMeta      = []byte("followthrough")
	bucketTables    = []byte("tables")
	bucketSequences = []byte("sequences")
	bucketRows      = []byte("rows")
	bucketLog       = []byte("log")
	keyFormat       = []byte("format")
	keyDigest       = []byte("digest")
	keyReady        = []byte("ready") // format 1
	castagnoli      = crc32.MakeTable(crc32.Castagnoli)
)

// lockWait is how long opening waits for another process: long enough to try
// more than once, since a program that starts another shares its locks with it
// for a moment.
const lockWait = 150 * time.Millisecond

// openFile opens the file and loads its rows into s. A file that is not there,
// or empty, is new: it gets the schema's rows.
func openFile(path string, s *Store) (*file, error) {
	info, err := os.Stat(path)
	isNew := errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular() && info.Size() == 0
	if !isNew {
		if err != nil {
			return nil, err
		}
		if isNew, err = examine(path, info); err != nil {
			return nil, err
		}
	}
	db, handle, err := openBolt(path, &bbolt.Options{})
	if err != nil {
		return nil, err
	}
	f := newFile(db, handle, s)
	err = f.begin(isNew)
	if err == nil && isNew {
		err = syncDirectory(filepath.Dir(path))
	}
	if err != nil {
		_ = f.release() // the first error matters
		if errors.Is(err, errMadeMeanwhile) {
			return openFile(path, s)
		}
		return nil, err
	}
	go f.run()
	return f, nil
}

// begin makes the file, or reads it.
func (f *file) begin(isNew bool) error {
	f.lost = true
	return guard(func() (err error) {
		if isNew {
			err = f.create()
		} else {
			err = f.load()
		}
		f.lost = false
		return err
	})
}

// errMadeMeanwhile means that another process was faster to create the file.
var errMadeMeanwhile = errors.New("the file is not new")

// syncDirectory makes the name of a new file durable; its content already is.
func syncDirectory(path string) error {
	if runtime.GOOS == "windows" {
		return nil // it keeps names itself
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil // this file system does, too
	}
	return errors.Join(err, dir.Close())
}

// examine refuses a file that is not a whole one of ours before anything is
// done with it. It is new if bbolt has made it and nobody has written to it.
func examine(path string, info fs.FileInfo) (isNew bool, err error) {
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("%w: it is not a file but %s", ErrForeignFile, kindOf(info.Mode()))
	}
	db, file, err := openBolt(path, &bbolt.Options{ReadOnly: true})
	if errors.Is(err, ErrForeignFile) { // bbolt has closed it
		file, openErr := os.Open(path)
		if openErr != nil {
			return false, openErr
		}
		defer func() { _ = file.Close() }() // only read
		if _, why := inspect(file, info.Size()); why != nil {
			err = why
		}
		return false, err
	}
	if err != nil {
		return false, err
	}
	faulted := false
	defer func() {
		err = errors.Join(err, unlock(file))
		if faulted { // in the middle of a transaction, for which bbolt would wait
			err = errors.Join(err, file.Close())
		} else {
			err = errors.Join(err, db.Close())
		}
	}()
	if info, err = file.Stat(); err != nil { // as it is now that it is locked
		return false, err
	}
	m, err := inspect(file, info.Size())
	if err == nil {
		err = verify(file, m)
	}
	if err != nil {
		return false, err
	}
	faulted = true
	err = guard(func() error {
		err := db.View(func(tx *bbolt.Tx) error { isNew, err = recognize(tx, m); return err })
		faulted = false
		return err
	})
	return isNew, err
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "something else (" + mode.Type().String() + ")"
}

// recognize reads whose file it is, and whether all that was put in is there.
func recognize(tx *bbolt.Tx, m meta) (isNew bool, err error) {
	about := tx.Bucket(bucketMeta)
	if about == nil {
		const created = 1 // the transaction with which bbolt makes a file
		if first, _ := tx.Cursor().First(); first == nil && m.txid <= created {
			return true, nil
		}
		return false, fmt.Errorf("%w: it belongs to another program; give another path", ErrForeignFile)
	}
	switch format := string(about.Get(keyFormat)); format {
	case formatVersion:
		stored := about.Get(keyDigest)
		sum, err := digest(tx)
		if err != nil || len(stored) != 8 || binary.BigEndian.Uint64(stored) != sum {
			return false, damaged("its content has another checksum than was written")
		}
		return false, nil
	case "1":
		if about.Get(keyReady) == nil {
			return false, fmt.Errorf("%w: its creation was interrupted; nothing is lost: delete it", ErrForeignFile)
		}
		return false, nil
	default:
		return false, fmt.Errorf("%w: it has format %q, this program reads up to %q; use the newer version that wrote it", ErrForeignFile, format, formatVersion)
	}
}

// digest is the sum of the checksums of all entries but the digest's own bucket.
func digest(tx *bbolt.Tx) (sum uint64, err error) {
	add := func(path string, bucket *bbolt.Bucket) error {
		return bucket.ForEach(func(key, value []byte) error {
			sum += entrySum(path, key, value)
			return nil
		})
	}
	for _, name := range [][]byte{bucketTables, bucketSequences, bucketRows, bucketLog} {
		bucket := tx.Bucket(name)
		if bucket == nil {
			if bytes.Equal(name, bucketLog) {
				continue // it is not always there
			}
			return 0, fmt.Errorf("there is no bucket %q", name)
		}
		if err := add(string(name)+"/", bucket); err != nil {
			return 0, err
		}
	}
	rows := tx.Bucket(bucketRows)
	err = rows.ForEachBucket(func(name []byte) error { return add(rowsPath(string(name)), rows.Bucket(name)) })
	return sum, err
}

func rowsPath(table string) string { return string(bucketRows) + "/" + table + "/" }

// entrySum is an entry's part of the digest.
func entrySum[V []byte | string](path string, key []byte, value V) uint64 {
	sum := crc32.Update(crc32.Checksum([]byte(path), castagnoli), castagnoli, key)
	return uint64(crc32.Update(sum, castagnoli, []byte(value)))
}

func openBolt(path string, options *bbolt.Options) (db *bbolt.DB, handle *os.File, err error) {
	options.Timeout = lockWait
	options.OpenFile = func(path string, flag int, mode fs.FileMode) (_ *os.File, err error) {
		handle, err = os.OpenFile(path, flag, mode)
		return handle, err
	}
	faulted := true
	err = guard(func() error {
		db, err = bbolt.Open(path, 0o600, options)
		faulted = false
		return err
	})
	if faulted && handle != nil { // bbolt has not closed it
		err = errors.Join(err, unlock(handle), handle.Close())
	}
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, nil, fmt.Errorf("%w by %s", ErrLocked, holder(path))
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("there is no such directory: %w", err)
	case errors.Is(err, fs.ErrPermission):
		return nil, nil, err
	case err != nil && options.ReadOnly:
		return nil, nil, fmt.Errorf("%w: %w", ErrForeignFile, err)
	}
	return db, handle, err
}

// guard turns into an error the fault with which a file that cannot be read, or
// was cut short by somebody else, answers for memory mapped from it.
func guard(do func() error) (err error) {
	previous := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(previous)
		if r := recover(); r != nil {
			err = damaged(fmt.Sprint(r))
		}
	}()
	return do()
}

// storedColumn is how a file remembers a column.
type storedColumn struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

func storedColumns(t *table) []storedColumn {
	out := make([]storedColumn, len(t.columns))
	for i, c := range t.columns {
		out[i] = storedColumn{c.name, c.typ.String()}
	}
	return out
}

// create fills a new file with the schema's rows, in one transaction.
func (f *file) create() error {
	s := f.store
	return f.db.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucketMeta) != nil {
			return errMadeMeanwhile
		}
		if err := s.seed(); err != nil {
			return err
		}
		st := s.state.Load()
		if err := f.upgrade(tx, nil); err != nil {
			return err
		}
		for _, t := range s.schema.tables {
			rows := tx.Bucket(bucketRows).Bucket([]byte(t.name))
			rows.FillPercent = 1 // they come in order
			var failure error
			st.tables[t.ordinal].rows.ascend(nil, func(r *row) bool {
				failure = rows.Put(rowKey(r.id), seal(r.data()))
				return failure == nil
			})
			if failure != nil {
				return failure
			}
			if err := f.putNumber(tx, t, s.sequences[t.ordinal]); err != nil {
				return err
			}
		}
		return f.renew(tx)
	})
}

// renew computes the digest from scratch, after a change of the whole file.
func (f *file) renew(tx *bbolt.Tx) (err error) {
	if f.digest, err = digest(tx); err != nil {
		return err
	}
	return f.putDigest(tx)
}

func (f *file) putDigest(tx *bbolt.Tx) error {
	return tx.Bucket(bucketMeta).Put(keyDigest, binary.BigEndian.AppendUint64(nil, f.digest))
}

// putNumber remembers the identity number last given out; 0 is none.
func (f *file) putNumber(tx *bbolt.Tx, t *table, n int64) error {
	if n == 0 {
		return nil
	}
	f.numbers[t] = n
	return tx.Bucket(bucketSequences).Put([]byte(t.name), sequenceValue(n))
}

func rowKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

func sequenceValue(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// load reads every table of the schema, adding to the file what it lacks.
func (f *file) load() error {
	stored := map[*table][]storedColumn{}
	upToDate := false
	if err := f.db.View(func(tx *bbolt.Tx) error {
		about := tx.Bucket(bucketMeta)
		if sum := about.Get(keyDigest); len(sum) == 8 {
			f.digest = binary.BigEndian.Uint64(sum)
		}
		upToDate = string(about.Get(keyFormat)) == formatVersion
		for _, t := range f.store.schema.tables {
			var columns []storedColumn
			if raw := tx.Bucket(bucketTables).Get([]byte(t.name)); raw != nil {
				if err := json.Unmarshal(raw, &columns); err != nil {
					return fmt.Errorf("table %s: %w", t.name, damaged(err.Error()))
				}
			}
			stored[t] = columns
			upToDate = upToDate && slices.Equal(columns, storedColumns(t))
		}
		return f.readLog(tx)
	}); err != nil {
		return err
	}
	if !upToDate {
		if err := f.db.Update(func(tx *bbolt.Tx) error {
			if err := f.apply(tx, f.log.changes); err != nil {
				return err
			}
			if err := f.upgrade(tx, stored); err != nil {
				return err
			}
			return f.renew(tx)
		}); err != nil {
			return err
		}
	}
	return f.db.View(func(tx *bbolt.Tx) error {
		for _, t := range f.store.schema.tables {
			if err := f.loadTable(tx, t); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
		}
		return nil
	})
}

func (f *file) loadTable(tx *bbolt.Tx, t *table) error {
	s := f.store
	if n := tx.Bucket(bucketSequences).Get([]byte(t.name)); len(n) == 8 {
		f.numbers[t] = int64(binary.BigEndian.Uint64(n))
		s.sequences[t.ordinal] = f.numbers[t]
	}
	defer forget(tx)
	var rows []*row
	const forgetful = 16 << 20
	mapped := 0
	cursor := tx.Bucket(bucketRows).Bucket([]byte(t.name)).Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		data, err := unseal(value)
		if err != nil || len(key) != 8 {
			return damaged(fmt.Sprintf("row %x", key))
		}
		r := newRow(binary.BigEndian.Uint64(key), data)
		if !t.layout.valid(r.data()) {
			return damaged(fmt.Sprintf("row %x", key))
		}
		rows = append(rows, r)
		if mapped += len(value); mapped > forgetful {
			mapped = 0
			forget(tx)
		}
	}
	for _, c := range f.log.changes {
		if c.table == t.name && !c.gone && !t.layout.valid(c.data) {
			return damaged("an entry of the log")
		}
	}
	rows = f.log.overlay(t, rows)
	if len(rows) > 0 {
		s.nextRow = max(s.nextRow, rows[len(rows)-1].id+1)
	}
	return t.load(&s.state.Load().tables[t.ordinal], rows) // nobody else has it yet
}

func seal(data string) []byte {
	out := make([]byte, len(data), len(data)+4)
	copy(out, data)
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

func unseal(value []byte) ([]byte, error) {
	if len(value) < 4 {
		return nil, errors.New("too short")
	}
	data, sum := value[:len(value)-4], binary.BigEndian.Uint32(value[len(value)-4:])
	if crc32.Checksum(data, castagnoli) != sum {
		return nil, errors.New("checksum mismatch")
	}
	return data, nil
}

// upgrade creates what the file lacks and rewrites the rows of tables whose
// columns have changed: new columns get their defaults.
func (f *file) upgrade(tx *bbolt.Tx, stored map[*table][]storedColumn) error {
	for _, name := range [][]byte{bucketMeta, bucketTables, bucketSequences, bucketRows} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	if err := tx.Bucket(bucketMeta).Put(keyFormat, []byte(formatVersion)); err != nil {
		return err
	}
	if err := tx.Bucket(bucketMeta).Delete(keyReady); err != nil {
		return err
	}
	for _, t := range f.store.schema.tables {
		if columns := stored[t]; columns == nil || !slices.Equal(columns, storedColumns(t)) {
			if err := f.upgradeTable(tx, t, columns); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
		}
	}
	return nil
}

func (f *file) upgradeTable(tx *bbolt.Tx, t *table, have []storedColumn) error {
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
	filler := &txn{store: f.store, session: f.store.session(time.UTC), numbers: map[*table]int64{}}
	rewritten := map[string][]byte{}
	cursor := rows.Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		unsealed, err := unseal(value)
		data := string(unsealed)
		if err != nil || !before.valid(data) {
			return damaged(fmt.Sprintf("row %x", key))
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
	return f.putNumber(tx, t, filler.numbers[t])
}
