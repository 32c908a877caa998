package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"time"

	tele "gopkg.in/telebot.v3"

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

	last string // as written; for who reads and writes, one after the other
}

// unknown is what a ledger says after a write that failed: it may have been
// carried out.
const unknown = "?"

// entries are what a ledger holds.
type entries struct {
	// Open are updates that were received and not handled. Telegram may have
	// forgotten them.
	Open []tele.Update `json:"open,omitempty"`
	// Handled are updates that Telegram may send again: one before them is not
	// handled, or it has not been told.
	Handled []int `json:"handled,omitempty"`
}

// The ledger's name among the leases, and its times. Telegram keeps an update
// for a day, and so does the ledger; numbers do not begin anew within a week.
const (
	ledgerName  = "telegram-updates-handled"
	ledgerLife  = 24 * time.Hour
	ledgerEvery = time.Second
	ledgerLimit = time.Second
)

func newLedger(store *scheduler.Store, log *slog.Logger) ledger {
	return ledger{store: store, log: log, poked: make(chan struct{}, 1)}
}

// read is what the process before this one has written.
func (l *ledger) read(ctx context.Context) (e entries) {
	if l.store == nil {
		return entries{}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*ledgerLimit)
	defer cancel()
	text, err := l.store.Memo(ctx, ledgerName)
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &e)
	}
	if err != nil {
		l.log.Warn("what a process before this one had in hand cannot be read; it may be handled again, or not at all", "error", err)
		return entries{}
	}
	l.last = text
	return e
}

// write keeps the entries, if they are others than before, and reports whether
// they are kept.
func (l *ledger) write(ctx context.Context, e entries) bool {
	if l.store == nil {
		return false
	}
	text, err := dense(e)
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

// dense encodes a value without what is zero in it: most of telebot's types is,
// and says so at length.
func dense(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	var parts any
	numbers := json.NewDecoder(bytes.NewReader(text))
	numbers.UseNumber()
	if err := numbers.Decode(&parts); err != nil {
		return nil, err
	}
	return json.Marshal(withoutZeros(parts))
}

// withoutZeros is a decoded value without the members of objects that are zero,
// or nil where nothing is left.
func withoutZeros(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if v[key] = withoutZeros(member); v[key] == nil {
				delete(v, key)
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = withoutZeros(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	case json.Number:
		if v == "0" {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}

// poke has the ledger written soon.
func (l *ledger) poke() {
	select {
	case l.poked <- struct{}{}:
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
		}
		e, settled := in.entries(time.Now())
		if !mine() {
			return
		}
		kept := l.write(ctx, e)
		if ctx.Err() != nil {
			return // whoever comes next goes by what was written before
		}
		in.recorded(settled) // a ledger that cannot be written must not keep people waiting
		if kept {
			in.free(e.Open)
		} else if in.crowded() {
			l.log.Warn("updates confirmed before they were handled, so that others get through; a crash would lose them", "updates", in.release())
		}
	}
}

// essence is what the dialogue makes use of in an update: telebot's types cannot
// read everything that they write.
func essence(u tele.Update) (kept tele.Update, ok bool) {
	message := func(m *tele.Message) *tele.Message {
		return &tele.Message{ID: m.ID, Sender: m.Sender, Chat: m.Chat, Unixtime: m.Unixtime, Text: textOf(m), Location: m.Location, Contact: m.Contact}
	}
	switch m, press := u.Message, u.Callback; {
	case press != nil:
		kept := *press
		if m := press.Message; m != nil {
			kept.Message = message(m)
			if m.ReplyTo != nil {
				kept.Message.ReplyTo = message(m.ReplyTo)
			}
		}
		return tele.Update{ID: u.ID, Callback: &kept}, true
	case m != nil:
		return tele.Update{ID: u.ID, Message: message(m)}, !isService(m)
	case u.MyChatMember != nil:
		return tele.Update{ID: u.ID, MyChatMember: u.MyChatMember}, true
	}
	return tele.Update{}, false
}
