package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// Memory is the path of a store that is kept nowhere.
const Memory = ":memory:"

var (
	// ErrLocked means that another process, or another Store, has the file open.
	ErrLocked = errors.New("the data file is in use")
	// ErrForeignFile means that the file was not written by this package, or by a
	// later version of it, or is damaged. It is left as it is; the message says
	// what can be done.
	ErrForeignFile = errors.New("not a usable data file")
	// ErrClosed means that the store was closed, or that it refuses to go on
	// after a failed write to its file.
	ErrClosed = errors.New("the store is closed")
)

// A Store holds tables in memory and, unless it is made for [Memory], in one
// file. It serves them through [Store.Handler] and [Store.Transport].
//
// Readers see a snapshot and never wait for writers. Writers run one at a time;
// each is atomic. A write to a file is answered after it has reached the disk
// (fsync), together with the other writes that arrived meanwhile; nothing that
// is not yet on disk is shown to anyone, in errors neither.
type Store struct {
	schema *Schema
	now    func() time.Time
	log    *slog.Logger

	durable atomic.Pointer[state] // what readers see: it is on disk
	state   atomic.Pointer[state] // what the next transaction starts from

	buffers sync.Pool // of *[]byte, for the bodies of answers

	writing   sync.Mutex // held by the transaction that runs, or the one who undoes some
	sequences []int64    // the identity number last given out, by table; under writing
	nextRow   uint64     // under writing
	file      *file      // nil in memory
	closed    bool       // under writing
}

// state is one version of all tables; it does not change.
type state struct {
	tables []tableState
	batch  *batch // with which it reaches the disk; nil: it is there
}

type tableState struct {
	rows    tree
	indexes []tree
}

// Option changes a store that is about to open.
type Option func(*Store) error

// WithClock sets what now() means; the default is time.Now.
func WithClock(now func() time.Time) Option {
	return func(s *Store) error {
		if now == nil {
			return errors.New("embedded: WithClock: the clock is nil")
		}
		s.now = now
		return nil
	}
}

// WithLogger sets where the store reports a failing disk; the default is
// slog.Default.
func WithLogger(log *slog.Logger) Option {
	return func(s *Store) error {
		if log == nil {
			return errors.New("embedded: WithLogger: the logger is nil")
		}
		s.log = log
		return nil
	}
}

// Open opens the store in a file, or an empty one for the path [Memory]. A new
// store is filled with the schema's rows. Tables and columns that a file lacks
// are added, columns with their defaults; tables that the schema lacks stay in
// the file, unseen; a column that it lacks is an error.
//
// It fails at once with [ErrLocked] while another process has the file, and
// with [ErrForeignFile], leaving the file alone, if it is something else.
func Open(path string, schema *Schema, opts ...Option) (*Store, error) {
	s := &Store{schema: schema, now: time.Now, log: slog.Default(), sequences: make([]int64, len(schema.order)), nextRow: 1}
	for _, opt := range opts {
		if err := opt(s); err != nil {
			return nil, err
		}
	}
	first := &state{tables: make([]tableState, len(schema.order))}
	for _, t := range schema.tables {
		first.tables[t.ordinal].indexes = make([]tree, len(t.indexes))
	}
	s.publish(first)
	if path == Memory {
		if err := s.seed(); err != nil {
			return nil, fmt.Errorf("embedded: %w", err)
		}
		return s, nil
	}
	f, err := openFile(path, s)
	if err != nil {
		return nil, fmt.Errorf("embedded: %s: %w", path, err)
	}
	s.file = f
	return s, nil
}

// publish makes a state that is on disk the one that everybody sees.
func (s *Store) publish(st *state) {
	s.state.Store(st)
	s.durable.Store(st)
}

// seed inserts the rows of the tables file. Foreign keys are checked at the end,
// so tables may refer to each other in any order.
func (s *Store) seed() error {
	err := s.write(s.session(time.UTC), func(tx *txn) error {
		for _, name := range s.schema.order {
			t := s.schema.tables[name]
			if err := tx.seed(t); err != nil {
				return fmt.Errorf("rows of table %s: %w", name, err)
			}
		}
		return nil
	})
	var api *apiError
	if errors.As(err, &api) && api.details != "" {
		err = fmt.Errorf("%w: %s", err, api.details)
	}
	return err
}

func (s *Store) session(zone *time.Location) filter.Session {
	return filter.Session{Zone: zone, Now: s.now()}
}

// Close waits for writes that are under way and releases the file. It may be
// called more than once.
func (s *Store) Close() error {
	s.writing.Lock()
	closed := s.closed
	s.closed = true
	s.writing.Unlock()
	switch {
	case closed:
		return nil
	case s.file == nil:
		s.durable.Store(nil)
		return nil
	}
	return s.file.close()
}

// Err is why the store no longer works: [ErrClosed], with what went wrong where
// it gave up. It is nil as long as the store works.
func (s *Store) Err() error {
	if s.file != nil {
		return s.file.failure()
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return ErrClosed
	}
	return nil
}

// snapshot returns the tables as they are on disk. What is written and not yet
// there has not been acknowledged to anyone.
func (s *Store) snapshot() (*state, error) {
	if s.file != nil {
		if err := s.file.failure(); err != nil {
			return nil, err
		}
	}
	st := s.durable.Load()
	if st == nil {
		return nil, ErrClosed
	}
	return st, nil
}

// errRollback makes write undo everything without being an error itself.
var errRollback = errors.New("rollback")

// write runs do as one transaction: all of it is kept, or none of it if do
// fails. It returns once what it wrote, and what it has seen, is on disk.
func (s *Store) write(session filter.Session, do func(tx *txn) error) error {
	seen, err := s.apply(session, do)
	// The write will happen; a client that has gone does not change that.
	if lost := seen.batch.wait(); lost != nil {
		return lost
	}
	if errors.Is(err, errRollback) {
		return nil
	}
	return err
}

// apply returns the state that the transaction leads to, or what it started from.
func (s *Store) apply(session filter.Session, do func(tx *txn) error) (*state, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	before := s.state.Load()
	if s.closed {
		return before, ErrClosed
	}
	tx := &txn{store: s, session: session, edit: &edit{}, before: before, tables: cloneTables(before.tables), numbers: map[*table]int64{}}
	err := do(tx)
	if err == nil {
		err = tx.checkForeignKeys()
	}
	if err != nil || len(tx.changes) == 0 {
		return before, err
	}
	after := &state{tables: tx.tables}
	if s.file == nil {
		s.publish(after)
		return after, nil
	}
	if err := s.file.enqueue(after, tx.changes, tx.numbers); err != nil {
		return before, err
	}
	s.state.Store(after)
	return after, nil
}

func cloneTables(tables []tableState) []tableState {
	out := make([]tableState, len(tables))
	for i, t := range tables {
		out[i] = tableState{rows: t.rows, indexes: append([]tree(nil), t.indexes...)}
	}
	return out
}

// load fills the table with rows, in order of their ids, whatever it held.
func (t *table) load(st *tableState, rows []*row) error {
	ordered := func(o *order) []entry {
		entries := make([]entry, len(rows))
		for i, r := range rows {
			entries[i] = o.entry(r)
		}
		slices.SortFunc(entries, o.compareEntries)
		return entries
	}
	st.rows = grown(ordered(writingOrder))
	failures := make([]error, len(t.indexes))
	var sorting sync.WaitGroup
	for i, ix := range t.indexes {
		sorting.Go(func() {
			entries := ordered(ix.order)
			st.indexes[i] = grown(entries)
			if ix.unique {
				failures[i] = t.checkUnique(ix, entries)
			}
		})
	}
	sorting.Wait()
	return errors.Join(failures...)
}

// checkUnique looks for equal keys beside each other.
func (t *table) checkUnique(ix *index, sorted []entry) error {
	key := make([]filter.Value, len(ix.columns))
	for i := 1; i < len(sorted); i++ {
		if sorted[i-1].rank != sorted[i].rank {
			continue
		}
		if t.readKey(key, ix.columns, sorted[i].row.data()) && t.compareKey(ix, sorted[i-1].row.data(), key) == 0 {
			return fmt.Errorf("could not create unique index %q: keys are duplicated", ix.name)
		}
	}
	return nil
}
