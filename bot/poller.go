package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	tele "gopkg.in/telebot.v3"
)

// The poller's times.
const (
	// pollWait is how long Telegram holds a request for updates. It allows 50 s;
	// a short wait notices sooner when the other end is gone without a word.
	pollWait = 6 * time.Second
	// pollBusy is the pause between looks for new updates while earlier ones
	// are being handled: Telegram answers those at once, with the earlier ones.
	pollBusy = time.Second
	// pollMaxBackoff bounds the wait after failures, so that the bot listens
	// again within seconds of Telegram's return.
	pollMaxBackoff = 5 * time.Second
	// drainTime is what handlers get to finish when the poller stops.
	drainTime = 5 * time.Second
	// atOnce is how many chats are handled at the same time.
	atOnce = 64
)

// poller fetches updates and hands them out: those of one chat in order, those
// of different chats side by side. It confirms an update to Telegram, with the
// offset of its next request, only after it was handled; what was under way
// when the process died comes again.
type poller struct {
	fetch  func(ctx context.Context, offset int, wait time.Duration) ([]tele.Update, error)
	handle func(ctx context.Context, update tele.Update)
	log    *slog.Logger
	health pollHealth
}

// run polls until ctx ends, waits for the handlers that are at work, and
// confirms what they have handled. Failures of Telegram do not end it.
func (p *poller) run(ctx context.Context) error {
	p.health.start()
	defer p.health.stop()
	// Handlers outlive ctx by drainTime, so that they can finish their answer.
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	inbox := newInbox(func(update tele.Update) { p.handle(handling, update) })
	p.poll(ctx, inbox)

	patience := time.AfterFunc(drainTime, cancel)
	inbox.close()
	patience.Stop()
	p.confirm(context.WithoutCancel(ctx), inbox)
	return nil
}

func (p *poller) poll(ctx context.Context, inbox *inbox) {
	failures := 0
	for ctx.Err() == nil {
		wait := pollWait
		if inbox.busy() {
			wait = 0
		}
		started := time.Now()
		updates, err := p.fetch(ctx, inbox.offset(), wait)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failures++
			p.failed(ctx, err, failures)
			continue
		}
		if failures > 0 {
			p.log.Info("Telegram answers again", "after_failures", failures)
			failures = 0
		}
		p.health.succeeded()
		if inbox.admit(updates) > 0 {
			continue
		}
		if inbox.busy() {
			inbox.await(ctx, pollBusy)
		} else if time.Since(started) < pollBusy {
			// A server that does not hold the request must not make us spin.
			_ = pause(ctx, pollBusy/4)
		}
	}
}

// failed notes a failure and waits.
func (p *poller) failed(ctx context.Context, err error, failures int) {
	p.health.failed(err)
	wait := min(500*time.Millisecond<<min(failures-1, 10), pollMaxBackoff)
	wait = wait/2 + rand.N(wait/2)
	advice := ""
	var refused *apiError
	if errors.As(err, &refused) {
		switch refused.Code {
		case http.StatusTooManyRequests:
			wait = max(wait, refused.RetryAfter)
		case http.StatusUnauthorized, http.StatusNotFound:
			advice = "Telegram does not know the token; check TELEGRAM_BOT_TOKEN with @BotFather"
		case http.StatusConflict:
			advice = "something else receives this bot's updates: another process with its token, or a webhook (deleteWebhook takes it away)"
		}
	}
	// The first failures tell the story; the rest would bury it.
	level := slog.LevelDebug
	if failures <= 3 || failures%20 == 0 {
		level = slog.LevelWarn
	}
	p.log.Log(ctx, level, "no updates from Telegram for now", "error", err, "failures", failures, "next_try_in", wait.Round(time.Millisecond), "advice", advice)
	_ = pause(ctx, wait)
}

// confirm tells Telegram what was handled last, so that whoever polls next
// does not handle it again.
func (p *poller) confirm(ctx context.Context, inbox *inbox) {
	if !inbox.unconfirmed() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := p.fetch(ctx, inbox.offset(), 0); err != nil {
		p.log.Warn("last updates not confirmed; they will be handled again, which does no harm", "error", err)
	}
}

// inbox holds updates between their receipt and the end of their handling.
type inbox struct {
	handle func(tele.Update)
	slots  chan struct{} // one for each chat at work
	gone   chan struct{} // a signal that an update was handled

	mu        sync.Mutex
	queues    map[int64][]tele.Update // by chat with a worker; the first is being handled
	pending   map[int]struct{}        // ids received and not yet handled
	done      map[int]struct{}        // ids handled that Telegram may send again: one before them is pending
	last      int                     // id received
	confirmed int                     // the offset last asked for
	closed    bool
	workers   sync.WaitGroup
}

func newInbox(handle func(tele.Update)) *inbox {
	return &inbox{
		handle: handle, slots: make(chan struct{}, atOnce), gone: make(chan struct{}, 1),
		queues: map[int64][]tele.Update{}, pending: map[int]struct{}{}, done: map[int]struct{}{},
	}
}

// offset is the first update not yet handled: asking for it confirms all
// before it. Zero asks for whatever is unconfirmed.
func (in *inbox) offset() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.confirmed = in.next()
	maps.DeleteFunc(in.done, func(id int, _ struct{}) bool { return id < in.confirmed })
	return in.confirmed
}

func (in *inbox) next() int {
	if in.last == 0 {
		return 0
	}
	first := in.last + 1
	for id := range in.pending {
		first = min(first, id)
	}
	return first
}

// unconfirmed reports whether updates were handled that Telegram has not been
// told of.
func (in *inbox) unconfirmed() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.next() != in.confirmed
}

func (in *inbox) busy() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.pending) > 0
}

// admit queues the updates that are not queued yet and returns how many.
func (in *inbox) admit(updates []tele.Update) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	admitted := 0
	for _, update := range updates {
		// Ids are compared for equality only: after a quiet week Telegram goes
		// on with one chosen at random, which may be lower.
		_, queued := in.pending[update.ID]
		_, done := in.done[update.ID]
		if queued || done {
			continue
		}
		in.last = update.ID
		in.pending[update.ID] = struct{}{}
		chat := chatOf(update)
		queue, atWork := in.queues[chat]
		in.queues[chat] = append(queue, update)
		if !atWork {
			in.workers.Go(func() { in.work(chat) })
		}
		admitted++
	}
	return admitted
}

// work handles the updates of one chat until there are none left.
func (in *inbox) work(chat int64) {
	in.slots <- struct{}{}
	defer func() { <-in.slots }()
	for update, ok := in.first(chat); ok; update, ok = in.first(chat) {
		in.handle(update)
		in.handled(chat, update.ID)
	}
}

// first is the update of a chat to handle next. Where there is none the chat
// is forgotten in the same breath, so that the next update finds it without a
// worker.
func (in *inbox) first(chat int64) (tele.Update, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if queue := in.queues[chat]; len(queue) > 0 && !in.closed {
		return queue[0], true
	}
	delete(in.queues, chat)
	return tele.Update{}, false
}

// handled strikes an update off.
func (in *inbox) handled(chat int64, id int) {
	in.mu.Lock()
	in.queues[chat] = in.queues[chat][1:]
	delete(in.pending, id)
	in.done[id] = struct{}{}
	in.mu.Unlock()
	select {
	case in.gone <- struct{}{}:
	default:
	}
}

// await waits for an update to be handled, at most d.
func (in *inbox) await(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-in.gone:
	}
}

// close waits for the updates being handled. Those that wait behind them stay
// unhandled, and so unconfirmed.
func (in *inbox) close() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	in.workers.Wait()
}

// chatOf is the chat an update belongs to; updates of no chat share chat 0.
func chatOf(update tele.Update) int64 {
	switch {
	case update.Message != nil && update.Message.Chat != nil:
		return update.Message.Chat.ID
	case update.Callback != nil && update.Callback.Message != nil && update.Callback.Message.Chat != nil:
		return update.Callback.Message.Chat.ID
	case update.Callback != nil && update.Callback.Sender != nil:
		return update.Callback.Sender.ID
	case update.MyChatMember != nil && update.MyChatMember.Chat != nil:
		return update.MyChatMember.Chat.ID
	}
	return 0
}

// pollHealth is how polling goes, for health checks.
type pollHealth struct {
	mu      sync.Mutex
	polling bool
	last    time.Time // of the last success
	err     error     // since then
}

func (h *pollHealth) start()           { h.set(func() { h.polling, h.err = true, nil }) }
func (h *pollHealth) stop()            { h.set(func() { h.polling, h.err = false, nil }) }
func (h *pollHealth) succeeded()       { h.set(func() { h.last, h.err = time.Now(), nil }) }
func (h *pollHealth) failed(err error) { h.set(func() { h.err = err }) }

func (h *pollHealth) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// state tells whether this process polls, and what is wrong with that. A
// process that leaves the polling to another is in order.
func (h *pollHealth) state() (polling bool, last time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.polling && h.err != nil {
		return true, h.last, fmt.Errorf("updates: %w", h.err)
	}
	return h.polling, h.last, nil
}
