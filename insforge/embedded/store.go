package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	// ErrForeignFile means that the file was not written by this package, by a
	// version of it that is too new, or is damaged. It is left as it is.
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
// is not yet on disk is shown to anyone.
type Store struct {
	schema *Schema
	now    func() time.Time
	log    *slog.Logger

	state atomic.Pointer[state]

	writing   sync.Mutex // held by the transaction that runs
	sequences []int64    // the identity number last given out, by table; under writing
	nextRow   uint64     // under writing
	file      *file      // nil in memory
	closed    bool       // under writing
}

// state is one version of all tables; it does not change.
type state struct {
	version uint64
	tables  []tableState
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
	s.state.Store(first)
	if path == Memory {
		return s, s.seed()
	}
	f, isNew, err := openFile(path, s)
	if err != nil {
		return nil, fmt.Errorf("embedded: %s: %w", path, err)
	}
	s.file = f
	if isNew {
		if err = s.seed(); err == nil {
			err = f.markReady()
		}
	}
	if err != nil {
		_ = f.close() // the first error matters
		return nil, err
	}
	return s, nil
}

// seed inserts the rows of the tables file. Foreign keys are checked at the end,
// so tables may refer to each other in any order.
func (s *Store) seed() error {
	return s.write(context.Background(), s.session(time.UTC), func(tx *txn) error {
		for _, name := range s.schema.order {
			t := s.schema.tables[name]
			if err := tx.seed(t); err != nil {
				return fmt.Errorf("embedded: rows of table %s: %w", name, err)
			}
		}
		return nil
	})
}

func (s *Store) session(zone *time.Location) filter.Session {
	return filter.Session{Zone: zone, Now: s.now()}
}

// Close waits for writes that are under way and releases the file. It may be
// called more than once.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if s.file == nil {
		return nil
	}
	return s.file.close()
}

// snapshot returns the tables as they are, waiting until all that can be seen
// in them is on disk.
func (s *Store) snapshot(ctx context.Context) (*state, error) {
	st := s.state.Load()
	if s.file != nil {
		if err := s.file.waitFor(ctx, st.version); err != nil {
			return nil, err
		}
	}
	return st, nil
}

// errRollback makes write undo everything without being an error itself.
var errRollback = errors.New("rollback")

// write runs do as one transaction: all of it is kept, or none of it if do
// fails. It returns once the result is on disk.
func (s *Store) write(ctx context.Context, session filter.Session, do func(tx *txn) error) error {
	version, err := s.apply(session, do)
	if errors.Is(err, errRollback) {
		return nil
	}
	if err != nil {
		return err
	}
	if s.file == nil {
		return nil
	}
	// The write will happen; a client that has gone does not change that.
	return s.file.waitFor(context.WithoutCancel(ctx), version)
}

func (s *Store) apply(session filter.Session, do func(tx *txn) error) (version uint64, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return 0, ErrClosed
	}
	before := s.state.Load()
	tx := &txn{store: s, session: session, edit: &edit{}, tables: cloneTables(before.tables), numbers: map[*table]int64{}}
	err = do(tx)
	if err == nil {
		err = tx.checkForeignKeys()
	}
	if err != nil {
		return 0, err
	}
	if len(tx.changes) == 0 {
		return before.version, nil
	}
	after := &state{version: before.version + 1, tables: tx.tables}
	if s.file != nil {
		if err := s.file.enqueue(after.version, tx.changes, tx.numbers); err != nil {
			return 0, err
		}
	}
	s.state.Store(after)
	return after.version, nil
}

func cloneTables(tables []tableState) []tableState {
	out := make([]tableState, len(tables))
	for i, t := range tables {
		out[i] = tableState{rows: t.rows, indexes: append([]tree(nil), t.indexes...)}
	}
	return out
}
