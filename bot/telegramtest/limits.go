package telegramtest

import (
	"time"

	"golang.org/x/time/rate"
)

// limits are Telegram's published sending rates. A nil *limits allows all.
type limits struct {
	overall *rate.Limiter
	chats   map[int64]*rate.Limiter
}

func newLimits() *limits {
	return &limits{overall: rate.NewLimiter(30, 30), chats: map[int64]*rate.Limiter{}}
}

// allow refuses a message to the chat that comes too soon. A refused message
// does not count. The caller holds the server's lock.
func (l *limits) allow(c Chat, now time.Time) error {
	if l == nil {
		return nil
	}
	mine, ok := l.chats[c.ID]
	if !ok {
		mine = rate.NewLimiter(1, 3)
		if c.Type != "private" {
			mine = rate.NewLimiter(rate.Every(3*time.Second), 20)
		}
		l.chats[c.ID] = mine
	}
	for _, limiter := range []*rate.Limiter{mine, l.overall} {
		r := limiter.ReserveN(now, 1)
		if wait := r.DelayFrom(now); wait > 0 {
			r.CancelAt(now)
			return tooManyRequests(wait)
		}
	}
	return nil
}
