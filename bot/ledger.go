package bot

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// ledger is where a process writes down what the one after it must know of the
// updates in hand, should it die. Telegram shows a hundred updates at a time and
// forgets them in their order only: the writing of a plan may take a minute, and
// without a ledger everybody else would either wait for it, or have what they
// said in the meantime handled twice, or not at all. The zero ledger keeps
// nothing.
type ledger struct {
	store *scheduler.Store
	log   *slog.Logger
	poked chan struct{} // a signal that it is time to write
	asked chan struct{} // a signal that somebody waits for it

	// For who reads and writes, one after the other.
	last   string // as written
	unread bool   // it could not be read yet, and may say more than this process knows
}

// unknown is what a ledger says after a write that failed: it may have been
// carried out.
const unknown = "?"

// entries are what a ledger holds.
type entries struct {
	// Open are updates that were received and not handled. Telegram may have
	// forgotten them.
	Open []json.RawMessage `json:"open,omitempty"`
	// Handled has the marks of updates that Telegram may send again, by number: one
	// before them is not handled, or it has not been told.
	Handled map[int]uint32 `json:"done,omitempty"`

	open    []int // ids of Open
	settled []int // ids that are settled once this is written
}

// The ledger's name among the leases, and its times. Telegram keeps an update
// for a day, and so does the ledger; numbers do not begin anew within a week.
const (
	ledgerName  = "telegram-updates-handled"
	ledgerLife  = 24 * time.Hour
	ledgerEvery = time.Second
	ledgerLimit = time.Second
	// ledgerGather is how long a write that somebody waits for is put off: in a
	// crowd others soon wait for the same.
	ledgerGather = 50 * time.Millisecond
)

func newLedger(store *scheduler.Store, log *slog.Logger) ledger {
	return ledger{store: store, log: log, poked: make(chan struct{}, 1), asked: make(chan struct{}, 1)}
}

// read is what the process before this one has written. Where that cannot be
// read, nothing is written over it until it could.
func (l *ledger) read(ctx context.Context) (e entries) {
	if l.store == nil {
		return entries{}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*ledgerLimit)
	defer cancel()
	text, err := l.store.Memo(ctx, ledgerName)
	if err != nil {
		if !l.unread {
			l.log.Warn("what a process before this one had in hand cannot be read yet", "error", err)
		}
		l.unread = true
		return entries{}
	}
	l.last, l.unread = text, false
	if text == "" {
		return entries{}
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		l.log.Error("what a process before this one had in hand cannot be understood; it may be handled again, or not at all", "error", err)
		return entries{}
	}
	return e
}

// write keeps the entries, if they are others than before, and reports whether
// they are kept.
func (l *ledger) write(ctx context.Context, e entries) bool {
	if l.store == nil || l.unread {
		return false
	}
	text, err := json.Marshal(e)
	if err != nil || string(text) == l.last || (l.last == "" && len(e.Open)+len(e.Handled) == 0) {
		return err == nil
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	if err := l.store.SetMemo(ctx, ledgerName, string(text), ledgerLife); err != nil {
		l.log.Debug("updates in hand not written down; a crash would have them handled again", "error", err)
		l.last = unknown
		return false
	}
	l.last = string(text)
	return true
}

// poke has the ledger written at once.
func (l *ledger) poke() { signal(l.poked) }

// ask has the ledger written soon.
func (l *ledger) ask() { signal(l.asked) }

// signal leaves a signal, unless one is there.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keep writes down what is in hand for long, until ctx ends, and has Telegram
// forget it then: so it goes on to show what is new. mine is asked before.
func (l *ledger) keep(ctx context.Context, in *inbox, mine func() bool) {
	if l.store == nil {
		return
	}
	every := time.NewTicker(ledgerEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		case <-l.poked:
		case <-l.asked:
			select {
			case <-ctx.Done():
				return
			case <-l.poked:
			case <-time.After(ledgerGather):
			}
		}
		if l.unread {
			in.resume(l.read(ctx))
		}
		e := in.entries(time.Now())
		if !mine() {
			return
		}
		kept := l.write(ctx, e)
		if ctx.Err() != nil {
			return // whoever comes next goes by what was written before
		}
		in.recorded(e.settled) // a ledger that cannot be written must not keep people waiting
		if kept {
			in.free(e.open)
		} else if in.crowded() {
			l.log.Warn("updates confirmed before they were handled, so that others get through; a crash would lose them", "updates", in.release())
		}
	}
}
