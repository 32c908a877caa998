package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// courier delivers messages at the pace Telegram allows. Reminders and the
// dialogue share it, since Telegram counts them together. It is safe for
// concurrent use.
type courier struct {
	api     *telegram
	limiter *scheduler.Limiter
	floods  floods
	// complete adds what a reminder's message lacks; words puts it into words.
	complete func(context.Context, scheduler.Message) scheduler.Message
	words    func(scheduler.Message) chatMessage
	// held is nil, or asked before each message of the dialogue whether it is
	// still this process that answers people; see poller.
	held func(ctx context.Context) bool
}

var _ scheduler.Sender = (*courier)(nil)

// Send implements scheduler.Sender: one attempt, and a verdict.
func (c *courier) Send(ctx context.Context, m scheduler.Message) scheduler.Result {
	if wait, everyone := c.floods.left(m.TelegramID, time.Now()); wait > 0 {
		return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: wait, Everyone: everyone, Err: errFlood}
	}
	began := time.Now().Round(0) // the wall's time: it goes on while the machine sleeps
	if err := c.limiter.Wait(ctx, m.TelegramID); err != nil {
		return scheduler.Result{Outcome: scheduler.NotDelivered, Err: err}
	}
	if now := m.Now.Add(time.Now().Round(0).Sub(began)); !m.Until.IsZero() && now.After(m.Until) {
		return scheduler.Result{Outcome: scheduler.NotDelivered, Err: errTooLate}
	}
	words := c.words(c.complete(ctx, m))
	// From here the message may be on its way, and stopping must not turn a
	// delivery into a guess; the call has a time limit of its own.
	id, err := c.api.send(context.WithoutCancel(ctx), m.TelegramID, words)
	return c.verdict(m.TelegramID, id, err)
}

var (
	errFlood   = errors.New("Telegram asked to wait")
	errTooLate = errors.New("its turn came too late")
)

// verdict sorts what became of a message into the four outcomes.
func (c *courier) verdict(chat, id int64, err error) scheduler.Result {
	result := scheduler.Result{Outcome: scheduler.Delivered, MessageID: id, Err: err}
	var refused *apiError
	var failed *callError
	switch {
	case err == nil:
	case errors.As(err, &refused):
		return c.refusal(chat, refused, result)
	case errors.As(err, &failed) && failed.Unsent:
		// The Bot API cannot be reached, for whomever the message is.
		result.Outcome, result.Everyone = scheduler.NotDelivered, true
		var proxy *proxyError
		if errors.As(err, &proxy) {
			result.RetryAfter = proxy.RetryAfter
		}
	default:
		result.Outcome = scheduler.Ambiguous
	}
	return result
}

func (c *courier) refusal(chat int64, refused *apiError, result scheduler.Result) scheduler.Result {
	switch {
	case refused.Code == http.StatusTooManyRequests:
		result.Outcome, result.RetryAfter = scheduler.NotDelivered, max(refused.RetryAfter, time.Second)
		result.Everyone = c.floods.note(chat, result.RetryAfter, time.Now())
	case refused.unreachable():
		result.Outcome = scheduler.Refused
	case refused.Code == http.StatusUnauthorized || refused.Code == http.StatusNotFound:
		// The token is not accepted: nobody can be reached, until the operator
		// has seen to it.
		result.Outcome, result.Everyone = scheduler.NotDelivered, true
	case refused.Code == http.StatusBadGateway || refused.Code == http.StatusGatewayTimeout:
		// Telegram's own front end words these as the Bot API does. Like every
		// gateway's, they say nothing of what happened behind it.
		result.Outcome = scheduler.Ambiguous
	case refused.Code >= 500:
		result.Outcome = scheduler.NotDelivered
	default:
		// Telegram finds fault with this message, and would do so again.
		result.Outcome, result.ThisOnly = scheduler.Refused, true
	}
	return result
}

// unreachable reports whether the person cannot be written to, until they
// write themselves.
func (e *apiError) unreachable() bool {
	if e.Code == http.StatusForbidden {
		return true
	}
	if e.Code != http.StatusBadRequest {
		return false
	}
	for _, reason := range []string{"chat not found", "user not found", "PEER_ID_INVALID", "USER_IS_BLOCKED", "INPUT_USER_DEACTIVATED", "group chat was upgraded", "have no rights to send", "not enough rights to send"} {
		if strings.Contains(e.Description, reason) {
			return true
		}
	}
	return false
}

// say sends a message of the dialogue. Other than a reminder it is tried
// again, for as long as ctx lasts, while it certainly has not arrived.
func (c *courier) say(ctx context.Context, chat int64, m chatMessage) (int64, error) {
	var id int64
	err := c.persist(ctx, chat, func() (err error) {
		id, err = c.api.send(ctx, chat, m)
		return err
	})
	return id, err
}

// sendDocument sends a file of the dialogue, as say sends a text.
func (c *courier) sendDocument(ctx context.Context, chat int64, file document, caption string) error {
	return c.persist(ctx, chat, func() error { return c.api.sendDocument(ctx, chat, file, caption) })
}

// edit replaces a message of the dialogue. Editing twice is harmless, so it is
// tried again whatever happened.
func (c *courier) edit(ctx context.Context, chat, message int64, m chatMessage) error {
	return c.persist(ctx, chat, func() error {
		err := c.api.edit(ctx, chat, message, m)
		if failed := (*callError)(nil); errors.As(err, &failed) {
			failed.Unsent = true
		}
		return err
	})
}

// persist repeats a call that had no effect, at Telegram's pace.
func (c *courier) persist(ctx context.Context, chat int64, call func() error) error {
	for attempt := 1; ; attempt++ {
		if wait, _ := c.floods.left(chat, time.Now()); wait > 0 {
			if err := patience(ctx, wait); err != nil {
				return err
			}
		}
		if err := c.limiter.Wait(ctx, chat); err != nil {
			return err
		}
		if c.held != nil && !c.held(ctx) {
			return errSuperseded
		}
		err := call()
		if err == nil {
			return nil
		}
		result := c.verdict(chat, 0, err)
		if result.Outcome != scheduler.NotDelivered || attempt == dialogueTries {
			return err
		}
		if patience(ctx, max(result.RetryAfter, time.Duration(attempt)*300*time.Millisecond)) != nil {
			return err
		}
	}
}

// errSuperseded says that another process answers people now, this message
// included.
var errSuperseded = fmt.Errorf("%w: another process has taken over", context.Canceled)

// dialogueTries is how often an answer of the dialogue is tried: people are
// waiting for it, and can ask again.
const dialogueTries = 5

// patience waits, and refuses to where ctx would end before that.
func patience(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return context.DeadlineExceeded
	}
	return pause(ctx, d)
}

// pause waits, until ctx ends at the latest.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// floods remembers where Telegram asked to wait. It does not say whether it
// means one chat or the whole bot: two chats at once mean the bot.
type floods struct {
	mu    sync.Mutex
	chats map[int64]time.Time
	all   time.Time
}

// note keeps a request to wait, and reports whether it holds for everyone.
func (f *floods) note(chat int64, wait time.Duration, now time.Time) (everyone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.chats == nil {
		f.chats = map[int64]time.Time{}
	}
	for other, until := range f.chats {
		if !until.After(now) {
			delete(f.chats, other)
		} else if other != chat {
			everyone = true
		}
	}
	until := now.Add(wait)
	f.chats[chat] = until
	if everyone && until.After(f.all) {
		f.all = until
	}
	return everyone
}

// left is how long is still to wait, and whether everyone has to.
func (f *floods) left(chat int64, now time.Time) (wait time.Duration, everyone bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if wait = f.all.Sub(now); wait > 0 {
		return wait, true
	}
	return max(f.chats[chat].Sub(now), 0), false
}
