package bot

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// ledger is where processes tell each other which updates they have handled
// that Telegram cannot be told of, since one before them is still being handled:
// the writing of a plan may take a minute, and who takes over after a crash
// would handle again what everybody else said in it. The zero ledger keeps
// nothing. It is not safe for concurrent use.
type ledger struct {
	store *scheduler.Store
	log   *slog.Logger

	last []int     // as written
	at   time.Time // when it was tried
}

// The ledger's name among the leases, and its times. Telegram's numbers do not
// begin anew within ledgerLife.
const (
	ledgerName  = "telegram-updates-handled"
	ledgerLife  = time.Hour
	ledgerEvery = time.Second
	ledgerLimit = 2 * time.Second
)

// read is what the process before this one has written.
func (l *ledger) read(ctx context.Context) (ids []int) {
	if l.store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	text, err := l.store.Memo(ctx, ledgerName)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &ids)
	}
	if err != nil {
		l.log.Warn("not known which updates were handled; the last ones may be handled again", "error", err)
		return nil
	}
	l.last = ids
	return ids
}

// due reports whether it is time to write again.
func (l *ledger) due() bool { return l.store != nil && time.Since(l.at) >= ledgerEvery }

// write keeps the updates, if they are others than before. None need no
// keeping: what was written does no harm.
func (l *ledger) write(ctx context.Context, ids []int) {
	if l.store == nil || len(ids) == 0 || slices.Equal(ids, l.last) {
		return
	}
	l.at = time.Now()
	text, _ := json.Marshal(ids) // numbers can be encoded
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	if err := l.store.SetMemo(ctx, ledgerName, string(text), ledgerLife); err != nil {
		l.log.Debug("handled updates not kept; a crash would have them handled again", "error", err)
		return
	}
	l.last = ids
}
