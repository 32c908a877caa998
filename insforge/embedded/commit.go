package embedded

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"go.etcd.io/bbolt"
)

// A file writes what transactions have changed, many of them with one commit.
type file struct {
	db     *bbolt.DB
	handle *os.File // db's
	store  *Store

	// The writer's own: what the file holds of these.
	digest  uint64
	numbers map[*table]int64
	log     journal
	// lost says that bbolt was interrupted where it does not expect it, and may
	// hold its locks for ever.
	lost bool

	mu      sync.Mutex
	pending *batch // gathers transactions until the writer takes it
	failed  error  // for good
	wake    chan struct{}
	stop    bool
	done    chan struct{} // closed when the writer has ended
}

// A batch is the transactions that reach the disk with one commit.
type batch struct {
	changes []change
	numbers map[*table]int64
	last    *state        // after all of them
	done    chan struct{} // closed when they are on disk, or will not be
	err     error         // under done
}

func newBatch() *batch { return &batch{numbers: map[*table]int64{}, done: make(chan struct{})} }

func (b *batch) end(err error) {
	b.err = err
	b.changes, b.numbers, b.last = nil, nil, nil // a state keeps its batch
	close(b.done)
}

// wait returns when the batch is on disk. What was there from the start has
// none.
func (b *batch) wait() error {
	if b == nil {
		return nil
	}
	<-b.done
	return b.err
}

func newFile(db *bbolt.DB, handle *os.File, s *Store) *file {
	return &file{
		db: db, handle: handle, store: s, numbers: map[*table]int64{},
		pending: newBatch(), wake: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// enqueue hands a transaction, and the state it leads to, to the writer. It is
// called in order.
func (f *file) enqueue(after *state, changes []change, numbers map[*table]int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return f.failed
	}
	after.batch = f.pending
	f.pending.last = after
	f.pending.changes = append(f.pending.changes, changes...)
	maps.Copy(f.pending.numbers, numbers)
	f.wakeUp()
	return nil
}

func (f *file) wakeUp() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// run is the writer: it takes all that is pending and makes it durable at once.
func (f *file) run() {
	defer close(f.done)
	for range f.wake {
		runtime.Gosched() // whoever is about to write as well comes along
		f.mu.Lock()
		b, stop := f.pending, f.stop
		f.pending = newBatch()
		f.mu.Unlock()
		if b.last != nil {
			if err := f.commit(b); err == nil {
				f.store.durable.Store(b.last)
				b.end(nil)
			} else if err = f.undo(b, err); err != nil {
				f.store.log.Error("writing to the data file failed; the store is closed", "error", err)
				return
			}
		}
		if stop {
			return
		}
	}
}

// undo takes back the transactions of a batch that did not reach the disk, and
// those that came after and have seen their work. An error is for good.
func (f *file) undo(b *batch, cause error) error {
	s := f.store
	s.writing.Lock() // no transaction is under way
	defer s.writing.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	later := f.pending
	f.pending = newBatch()
	err := fullDisk(cause)
	if err == nil {
		f.failed = fmt.Errorf("%w: writing to the data file failed: %w", ErrClosed, cause)
		err = f.failed
	} else {
		s.log.Error("the data file cannot grow; writes fail until there is space", "error", cause)
	}
	s.state.Store(s.durable.Load())
	b.end(err)
	later.end(err)
	return f.failed
}

// fullDisk is what PostgreSQL says when there is no room for what is written;
// nil if something else is wrong. Nothing has happened to what was there, and
// the next write may find room.
func fullDisk(cause error) error {
	for _, reason := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if strings.HasSuffix(cause.Error(), reason.Error()) { // bbolt does not wrap all of them
			return &apiError{
				status: statusOf("53100"), code: "53100",
				message: "could not extend the data file: " + reason.Error(), hint: "Check free disk space.",
			}
		}
	}
	return nil
}

// commit writes a batch; once it returns without an error, the batch is on disk.
func (f *file) commit(b *batch) error {
	f.lost = true
	err := guard(func() error {
		err := f.whole()
		if err == nil {
			err = f.update(b)
		}
		f.lost = false
		return err
	})
	if f.lost {
		return fmt.Errorf("%w: nobody knows whether the last write is on disk", err)
	}
	return err
}

// whole refuses a file that somebody else has cut short. Most commits would not
// notice: they read few of its pages, and write where the others no longer are.
func (f *file) whole() error {
	return f.db.View(func(tx *bbolt.Tx) error {
		info, err := f.handle.Stat()
		if err == nil && info.Size() < tx.Size() {
			err = damaged("it was cut short while it was open")
		}
		return err
	})
}

func (f *file) update(b *batch) error {
	digest, log := f.digest, f.log
	var transaction int
	err := f.db.Update(func(tx *bbolt.Tx) error {
		transaction = tx.ID()
		if err := f.putChanges(tx, b.changes); err != nil {
			return err
		}
		path := string(bucketSequences) + "/"
		for t, n := range b.numbers {
			name := []byte(t.name)
			if last := f.numbers[t]; last != 0 {
				f.digest -= entrySum(path, name, sequenceValue(last))
			}
			f.digest += entrySum(path, name, sequenceValue(n))
			if err := tx.Bucket(bucketSequences).Put(name, sequenceValue(n)); err != nil {
				return err
			}
		}
		return f.putDigest(tx)
	})
	if err == nil {
		maps.Copy(f.numbers, b.numbers)
		return nil
	}
	f.digest, f.log = digest, log
	// Only the last step makes a commit: where that failed, nobody knows what the disk holds.
	if viewErr := f.db.View(func(tx *bbolt.Tx) error {
		if tx.ID() >= transaction {
			err = fmt.Errorf("%w: nobody knows whether the last write is on disk", err)
		}
		return nil
	}); viewErr != nil {
		return errors.Join(err, viewErr)
	}
	return err
}

// failure is the error that ended the store, if one did.
func (f *file) failure() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// close writes what is pending and releases the file.
func (f *file) close() error {
	f.mu.Lock()
	f.stop = true
	f.wakeUp()
	f.mu.Unlock()
	<-f.done
	f.mu.Lock()
	if f.failed == nil {
		f.failed = ErrClosed
	}
	f.mu.Unlock()
	return f.release()
}

// release lets others have the file.
func (f *file) release() error {
	if f.lost {
		return errors.Join(unlock(f.handle), f.handle.Close())
	}
	return f.db.Close()
}
