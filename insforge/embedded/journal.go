package embedded

import (
	"encoding/binary"
	"slices"

	"go.etcd.io/bbolt"
)

// Rows that change lie all over the file, and a disk takes its time over many
// places. So a commit writes its changes in one piece, as an entry of the log;
// when the log has grown, they are put where they belong, all at once, and the
// log starts anew.
type journal struct {
	changes []loggedChange // those that are in the log
	entries uint64
	size    int    // of their rows
	sum     uint64 // the log's part of the digest
}

// loggedChange is a change as the log has it.
type loggedChange struct {
	table string
	id    uint64
	data  string
	gone  bool
}

// The log holds so many changes, and so many bytes; a batch of more does not go
// through it.
const (
	longestLog = 1000
	largestLog = 4 << 20
)

// putChanges writes changes into the log or, with what is there, into the tables.
func (f *file) putChanges(tx *bbolt.Tx, changes []change) error {
	logged, size := f.log.changes, f.log.size
	for _, c := range changes {
		logged = append(logged, loggedChange{c.table.name, c.row.id, c.row.data(), c.gone})
		size += len(c.row.data())
	}
	if len(logged) > longestLog || size > largestLog {
		return f.apply(tx, logged)
	}
	var entry []byte
	for _, c := range logged[len(f.log.changes):] {
		entry = c.append(entry)
	}
	bucket, err := tx.CreateBucketIfNotExists(bucketLog)
	if err != nil {
		return err
	}
	bucket.FillPercent = 1 // they come in order
	key := rowKey(f.log.entries)
	sum := entrySum(string(bucketLog)+"/", key, entry)
	f.digest += sum
	f.log = journal{logged, f.log.entries + 1, size, f.log.sum + sum}
	return bucket.Put(key, entry)
}

// apply puts changes into the tables and empties the log.
func (f *file) apply(tx *bbolt.Tx, changes []loggedChange) error {
	type place struct {
		table string
		id    uint64
	}
	last := make(map[place]int, len(changes)) // what came after counts
	for i, c := range changes {
		last[place{c.table, c.id}] = i
	}
	for i, c := range changes {
		if last[place{c.table, c.id}] != i {
			continue
		}
		bucket := tx.Bucket(bucketRows).Bucket([]byte(c.table))
		if bucket == nil {
			return damaged("the log names a table that is not there")
		}
		bucket.FillPercent = 1 // what is new comes last
		path, key := rowsPath(c.table), rowKey(c.id)
		if before := bucket.Get(key); before != nil {
			f.digest -= entrySum(path, key, before)
		}
		var err error
		if c.gone {
			err = bucket.Delete(key)
		} else {
			value := seal(c.data)
			f.digest += entrySum(path, key, value)
			err = bucket.Put(key, value)
		}
		if err != nil {
			return err
		}
	}
	if tx.Bucket(bucketLog) != nil {
		if err := tx.DeleteBucket(bucketLog); err != nil {
			return err
		}
	}
	f.digest -= f.log.sum
	f.log = journal{}
	return nil
}

// readLog takes up the log where whoever had the file before has left it.
func (f *file) readLog(tx *bbolt.Tx) error {
	bucket := tx.Bucket(bucketLog)
	if bucket == nil {
		return nil
	}
	return bucket.ForEach(func(key, entry []byte) error {
		f.log.sum += entrySum(string(bucketLog)+"/", key, entry)
		f.log.entries++
		for len(entry) > 0 {
			c, rest, ok := readLogged(entry)
			if !ok {
				return damaged("an entry of the log")
			}
			f.log.changes, f.log.size = append(f.log.changes, c), f.log.size+len(c.data)
			f.store.nextRow = max(f.store.nextRow, c.id+1) // a number is in the log for one row only
			entry = rest
		}
		return nil
	})
}

// overlay carries out on a table's rows, which are in order, what the log says.
func (j *journal) overlay(t *table, rows []*row) []*row {
	gone := map[uint64]bool{}
	for _, c := range j.changes {
		if c.table == t.name && c.gone {
			gone[c.id] = true
		}
	}
	for _, c := range j.changes {
		if c.table == t.name && !c.gone {
			rows = append(rows, newRow(c.id, c.data)) // a new row has the highest number
		}
	}
	if len(gone) == 0 {
		return rows
	}
	return slices.DeleteFunc(rows, func(r *row) bool { return gone[r.id] })
}

func (c loggedChange) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(c.table)))
	dst = append(dst, c.table...)
	dst = binary.AppendUvarint(dst, c.id)
	if c.gone {
		return append(dst, 1)
	}
	dst = binary.AppendUvarint(append(dst, 0), uint64(len(c.data)))
	return append(dst, c.data...)
}

// readLogged takes the first change of an entry.
func readLogged(entry []byte) (c loggedChange, rest []byte, ok bool) {
	rest, ok = entry, true
	number := func() uint64 {
		n, size := binary.Uvarint(rest)
		ok = ok && size > 0
		rest = rest[max(size, 0):]
		return n
	}
	text := func() string {
		n := number()
		if ok = ok && n <= uint64(len(rest)); !ok {
			return ""
		}
		s := string(rest[:n])
		rest = rest[n:]
		return s
	}
	c.table, c.id = text(), number()
	if c.gone = number() == 1; !c.gone {
		c.data = text()
	}
	return c, rest, ok
}
