package bot

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// answerWithin is when a press begins to be answered, whatever the backend does:
	// until it is the button shows a waiting sign. What the press led to is told
	// with the answer if it is known by then.
	answerWithin = 50 * time.Millisecond
	// unhurried is how many presses may be at work for another to be given that
	// time. Where there are more, a press is answered when it comes and worked on
	// then, or the answers of many would wait behind the work of a few.
	unhurried = 8
	// crowdAnswered bounds how long work waits for the answers of a crowd: Telegram
	// may not take them for long.
	crowdAnswered = 2 * answerWithin
)

// toast is the answer to a press: given once, in time.
type toast struct {
	api    *telegram
	log    *slog.Logger
	id     string
	given  atomic.Bool
	timer  *time.Timer   // nil in a crowd, where nothing is waited for
	done   chan struct{} // closed when the answer that comes of itself is through
	calm   chan struct{} // of a press in a crowd: closed when the crowd is answered
	closed func()        // told when all is over
	taken  func() bool   // told when its turn has come
}

// lead lets the answers of a crowd go before the work on it.
func (t *toast) lead(ctx context.Context) {
	if t.calm == nil {
		return
	}
	timer := time.NewTimer(crowdAnswered)
	defer timer.Stop()
	select {
	case <-t.calm:
	case <-timer.C:
	case <-ctx.Done():
	}
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
	defer t.closed()
	if t.timer == nil || !t.timer.Stop() {
		<-t.done
	}
	t.show(ctx, "")
}

// toasts are the presses that were received and are not dealt with.
type toasts struct {
	mu      sync.Mutex
	open    int
	waiting map[string]*toast // those whose turn has not come
	crowd   int               // those of a crowd that are not answered
	calm    chan struct{}     // closed when there are none; nil while there are none
}

// expect sees to it that a press is answered in time.
func (t *toasts) expect(ctx context.Context, api *telegram, log *slog.Logger, id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = map[string]*toast{}
	}
	if t.waiting[id] == nil {
		waiting := t.begin(ctx, api, log, id)
		waiting.taken = context.AfterFunc(ctx, func() { t.drop(id) })
		t.waiting[id] = waiting
	}
}

// drop forgets a press whose turn does not come any more: another process has it
// now.
func (t *toasts) drop(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting[id] != nil {
		delete(t.waiting, id)
		t.open--
	}
}

// take is the toast of a press whose turn has come.
func (t *toasts) take(ctx context.Context, api *telegram, log *slog.Logger, id string) *toast {
	t.mu.Lock()
	defer t.mu.Unlock()
	if waiting := t.waiting[id]; waiting != nil {
		waiting.taken()
		delete(t.waiting, id)
		return waiting
	}
	return t.begin(ctx, api, log, id)
}

// begin makes a toast. The caller holds mu.
func (t *toasts) begin(ctx context.Context, api *telegram, log *slog.Logger, id string) *toast {
	begun := &toast{api: api, log: log, id: id, done: make(chan struct{}), closed: t.closed}
	answer := func() {
		defer close(begun.done)
		begun.show(ctx, "")
	}
	t.open++
	if t.open <= unhurried {
		begun.timer = time.AfterFunc(answerWithin, answer)
		return begun
	}
	if t.crowd++; t.calm == nil {
		t.calm = make(chan struct{})
	}
	begun.calm = t.calm
	go func() {
		defer t.answered()
		answer()
	}()
	return begun
}

func (t *toasts) closed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
}

// answered notes that one of a crowd is answered.
func (t *toasts) answered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.crowd--; t.crowd == 0 {
		close(t.calm)
		t.calm = nil
	}
}
