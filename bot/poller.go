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

	"golang.org/x/time/rate"
	tele "gopkg.in/telebot.v3"
)

// The poller's times.
const (
	// pollWait is how long Telegram holds a request for updates. It allows 50 s;
	// a short wait notices sooner when the other end is gone without a word.
	// After a failure it is not asked to wait at all.
	pollWait = 5 * time.Second
	// pollBusy is the pause between looks for new updates while earlier ones
	// are being handled: Telegram answers those at once, with the earlier ones.
	pollBusy = 150 * time.Millisecond
	// pollMaxBackoff bounds the wait after failures, so that the bot listens
	// again within seconds of Telegram's return.
	pollMaxBackoff = 5 * time.Second
	// pollGap is the time between two requests in the long run, and pollBurst how
	// many may follow each other at once, as for what waited while nobody asked. A
	// server that shows the same updates again and again is not asked as often as
	// it answers.
	pollGap   = 50 * time.Millisecond
	pollBurst = 10
	// drainTime is what handlers get to finish when the poller stops. To confirm,
	// to write the ledger and to give the lease back may take five seconds more.
	drainTime = 4 * time.Second
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
	handlers
	// held tells whether polling is still this process's task. It is asked
	// before each request and each update: a process that was paused may have a
	// successor, with the same updates in hand.
	held func(ctx context.Context) bool
	// ledger has what the process before this one left, and keeps what this one
	// has in hand.
	ledger ledger
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
	inbox := newInbox(handling, p.handlers)
	inbox.mine = func() bool { return p.held(handling) }
	if p.ledger.store != nil {
		inbox.urge = p.ledger.ask
	}
	inbox.resume(p.ledger.read(ctx))
	keeping, stop := context.WithCancel(ctx)
	defer stop()
	var keeper sync.WaitGroup
	keeper.Go(func() { p.ledger.keep(keeping, inbox, inbox.mine) })
	p.poll(ctx, inbox)
	stop()
	keeper.Wait()

	patience := time.AfterFunc(drainTime, cancel)
	inbox.close()
	patience.Stop()
	if p.held(handling) {
		p.confirm(context.WithoutCancel(ctx), inbox)
		p.ledger.write(context.WithoutCancel(ctx), inbox.entries(time.Now()))
	}
	return nil
}

func (p *poller) poll(ctx context.Context, inbox *inbox) {
	failures, polled := 0, false
	pace := rate.NewLimiter(rate.Every(pollGap), pollBurst)
	for pace.Wait(ctx) == nil {
		if !p.held(ctx) {
			p.log.Warn("another process receives the updates now; this one was away for too long")
			return
		}
		wait := pollWait
		if inbox.busy() || failures > 0 {
			wait = 0
		}
		started := time.Now()
		offset := inbox.offset()
		updates, err := p.fetch(ctx, offset, wait)
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
		inbox.confirm(offset)
		admitted := inbox.admit(updates)
		if inbox.crowded() {
			p.ledger.poke()
		}
		if admitted > 0 {
			continue
		}
		if p.ledger.store == nil && len(updates) >= updatesAtOnce {
			// Telegram shows no more than these, and all of them are known: what
			// everybody else sends would wait for the slowest handler.
			p.log.Warn("updates confirmed before they were handled, so that others get through; a crash would lose them", "updates", inbox.release())
			continue
		}
		if inbox.busy() {
			inbox.await(ctx, pollBusy)
		} else if wait > 0 && time.Since(started) < time.Second {
			// A server that does not hold the request must not make us spin.
			_ = pause(ctx, 250*time.Millisecond)
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
	retreat(ctx, p.log, "no updates from Telegram for now", err, failures)
}

// retreat tells of a failure to receive updates, the last of so many, and waits
// before the next attempt.
func retreat(ctx context.Context, log *slog.Logger, what string, err error, failures int) {
	wait := min(500*time.Millisecond<<min(failures-1, 10), pollMaxBackoff)
	wait = wait/2 + rand.N(wait/2)
	var refused *apiError
	if errors.As(err, &refused) && refused.Code == http.StatusTooManyRequests {
		wait = max(wait, refused.RetryAfter)
	}
	// The first failures tell the story; the rest would bury it.
	level := slog.LevelDebug
	if failures <= 3 || failures%20 == 0 {
		level = slog.LevelWarn
	}
	log.Log(ctx, level, what, "error", err, "failures", failures, "next_try_in", wait.Round(time.Millisecond), "advice", advice(err))
	_ = pause(ctx, wait)
}

// advice is what an operator can do about a failure to receive updates.
func advice(err error) string {
	var refused *apiError
	var proxy *proxyError
	var failed *callError
	switch {
	case errors.As(err, &refused) && (refused.Code == http.StatusUnauthorized || refused.Code == http.StatusNotFound):
		return "Telegram does not know the token; check TELEGRAM_BOT_TOKEN with @BotFather"
	case errors.As(err, &refused) && refused.Code == http.StatusConflict:
		return "something else receives this bot's updates: another process with its token, or a webhook (a restart takes it away)"
	case errors.As(err, &refused) && refused.Code == http.StatusTooManyRequests:
		return "Telegram is asked again when the pause that it wants is over"
	case errors.As(err, &refused) && refused.Code == http.StatusBadRequest && refused.Method == "setWebhook":
		return "Telegram does not take WEBHOOK_URL; it wants an https address that it can reach, on port 443, 80, 88 or 8443"
	case errors.As(err, &refused) && refused.Code < 500:
		return ""
	case errors.As(err, &refused), errors.As(err, &proxy) && proxy.Status >= 500:
		return "Telegram is in trouble; nothing to do but wait"
	case errors.As(err, &proxy):
		return "something stands between this machine and Telegram; check TELEGRAM_API_URL and the proxy settings"
	case errors.As(err, &failed):
		return "Telegram cannot be reached; check the network, its name server and its firewall"
	}
	return ""
}

// confirm tells Telegram what was handled last, so that whoever polls next
// does not handle it again.
func (p *poller) confirm(ctx context.Context, inbox *inbox) {
	if !inbox.unconfirmed() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	offset := inbox.offset()
	if _, err := p.fetch(ctx, offset, 0); err != nil {
		p.log.Warn("last updates not confirmed; they will be handled again, which does no harm", "error", err)
		return
	}
	inbox.confirm(offset)
}

// pollHealth is how the receipt of updates goes, for health checks.
type pollHealth struct {
	mu       sync.Mutex
	polling  bool
	last     time.Time // of the last success
	err      error     // since then
	since    time.Time // of the first failure since then
	failures int       // since then
}

func (h *pollHealth) start() { h.set(true, nil) }
func (h *pollHealth) stop()  { h.set(false, nil) }

func (h *pollHealth) succeeded() {
	h.set(true, nil)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = time.Now()
}

func (h *pollHealth) failed(err error) { h.set(true, err) }

func (h *pollHealth) set(polling bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.polling, h.err = polling, err
	switch {
	case err == nil:
		h.since, h.failures = time.Time{}, 0
	case h.failures == 0:
		h.since = time.Now()
		fallthrough
	default:
		h.failures++
	}
}

// state tells whether this process polls, and what is wrong with that, for how
// long, and what can be done. A process that leaves the polling to another is
// in order.
func (h *pollHealth) state() (polling bool, last time.Time, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		return h.polling, h.last, nil
	}
	err = fmt.Errorf("no updates for %s: %w", time.Since(h.since).Round(time.Second), h.err)
	if advice := advice(h.err); advice != "" {
		err = fmt.Errorf("%w (%s)", err, advice)
	}
	return h.polling, h.last, err
}

// consecutive is how many attempts failed since the last that did not.
func (h *pollHealth) consecutive() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failures
}
