package bot

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// answerWithin is how soon a press is answered, whatever the backend does:
// until then the button shows a waiting sign. What the press led to is told
// with the answer if it is known by then.
const answerWithin = 100 * time.Millisecond

// toast is the answer to a press: given once, in time.
type toast struct {
	api   *telegram
	log   *slog.Logger
	id    string
	given atomic.Bool
	timer *time.Timer
	done  chan struct{} // closed when the timer's answer is through
}

func newToast(ctx context.Context, api *telegram, log *slog.Logger, id string) *toast {
	t := &toast{api: api, log: log, id: id, done: make(chan struct{})}
	t.timer = time.AfterFunc(answerWithin, func() {
		defer close(t.done)
		t.show(ctx, "")
	})
	return t
}

// show answers the press, unless it is answered, or is being answered; it
// reports whether the person got to see this text.
func (t *toast) show(ctx context.Context, text string) (shown bool) {
	if !t.given.CompareAndSwap(false, true) {
		return false
	}
	err := t.api.answer(ctx, t.id, text)
	if err != nil {
		t.log.Debug("press not answered", "error", err)
	}
	return err == nil
}

// close answers the press if nothing else did, and waits for the answer.
func (t *toast) close(ctx context.Context) {
	if !t.timer.Stop() {
		<-t.done
	}
	t.show(ctx, "")
}

// toasts are the presses that were received and whose turn has not come.
type toasts struct {
	mu      sync.Mutex
	waiting map[string]*toast
}

// expect sees to it that a press is answered in time.
func (t *toasts) expect(ctx context.Context, api *telegram, log *slog.Logger, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = map[string]*toast{}
	}
	if t.waiting[id] == nil {
		t.waiting[id] = newToast(ctx, api, log, id)
	}
}

// take is the toast of a press whose turn has come.
func (t *toasts) take(ctx context.Context, api *telegram, log *slog.Logger, id string) *toast {
	t.mu.Lock()
	defer t.mu.Unlock()
	if waiting := t.waiting[id]; waiting != nil {
		delete(t.waiting, id)
		return waiting
	}
	return newToast(ctx, api, log, id)
}
