package scheduler

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The bursts a Limiter allows. Telegram counts by the second and tolerates a
// few messages at once in one chat.
const (
	overallBurst = 4
	chatBurst    = 3
)

// Limiter spaces messages out: so many a second overall, and so many a second
// to one chat. Waiting for one chat does not hold up another. It is safe for
// concurrent use.
type Limiter struct {
	overall *rate.Limiter
	perChat rate.Limit

	mu    sync.Mutex
	chats map[int64]*rate.Limiter
	swept time.Time
}

// NewLimiter returns a Limiter of perSecond messages overall and perChat
// messages to one chat, a second.
func NewLimiter(perSecond, perChat float64) *Limiter {
	return &Limiter{overall: rate.NewLimiter(rate.Limit(perSecond), overallBurst), perChat: rate.Limit(perChat), chats: map[int64]*rate.Limiter{}}
}

// Wait blocks until a message may be sent to chat, or ctx ends.
func (l *Limiter) Wait(ctx context.Context, chat int64) error {
	if err := l.chat(chat).Wait(ctx); err != nil {
		return err
	}
	return l.overall.Wait(ctx)
}

// chat is the limiter of one chat. Chats that are back at a full burst are
// forgotten from time to time: a new limiter is the same.
func (l *Limiter) chat(id int64) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.swept) > time.Minute {
		l.swept = now
		for id, limiter := range l.chats {
			if limiter.TokensAt(now) >= chatBurst {
				delete(l.chats, id)
			}
		}
	}
	limiter := l.chats[id]
	if limiter == nil {
		limiter = rate.NewLimiter(l.perChat, chatBurst)
		l.chats[id] = limiter
	}
	return limiter
}
