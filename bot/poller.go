package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
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
	unhook func(ctx context.Context) error // deletes the webhook
	// received is told of an update when it comes, and handle handles it when
	// its turn has come.
	received func(ctx context.Context, update tele.Update)
	handle   func(ctx context.Context, update tele.Update)
	log      *slog.Logger
	health   pollHealth
}

// run polls until ctx ends, waits for the handlers that are at work, and
// confirms what they have handled. Failures of Telegram do not end it.
func (p *poller) run(ctx context.Context) error {
	p.health.start()
	defer p.health.stop()
	// Handlers outlive ctx by drainTime, so that they can finish their answer.
	handling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	inbox := newInbox(
		func(update tele.Update) { p.received(handling, update) },
		func(update tele.Update) { p.handle(handling, update) })
	p.poll(ctx, inbox)

	patience := time.AfterFunc(drainTime, cancel)
	inbox.close()
	patience.Stop()
	p.confirm(context.WithoutCancel(ctx), inbox)
	return nil
}

func (p *poller) poll(ctx context.Context, inbox *inbox) {
	failures, polled := 0, false
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
			if !polled && hooked(err) {
				err = p.takeOver(ctx)
			}
			p.failed(ctx, err, failures)
			continue
		}
		polled = true
		if failures > 0 {
			p.log.Info("Telegram answers again", "after_failures", failures)
			failures = 0
		}
		p.health.succeeded()
		if inbox.admit(updates) > 0 {
			continue
		}
		if len(updates) >= updatesAtOnce {
			// Telegram shows no more than these, and all of them are known: what
			// everybody else sends would wait for the slowest handler.
			p.log.Warn("updates confirmed before they were handled, so that others get through", "updates", inbox.release())
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

// hooked reports whether updates go to a webhook.
func hooked(err error) bool {
	var refused *apiError
	return errors.As(err, &refused) && refused.Code == http.StatusConflict && strings.Contains(refused.Description, "webhook")
}

// takeOver deletes the webhook of a time when WEBHOOK_URL was set. It is for
// the beginning: a webhook that appears while updates are polled was set by
// somebody who wants it.
func (p *poller) takeOver(ctx context.Context) error {
	if err := p.unhook(ctx); err != nil {
		return err
	}
	p.log.Warn("the bot had a webhook, and WEBHOOK_URL is not set: webhook deleted")
	return errUnhooked
}

var errUnhooked = errors.New("updates went to a webhook until now")

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
			advice = "something else receives this bot's updates: another process with its token, or a webhook (a restart takes it away)"
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
