package scheduler

import (
	"math/rand/v2"
	"sync"
	"time"
)

// tokens hands out instants that serve as names: of a claim in
// last_reminded_at, of a change in updated_at. They are whole microseconds,
// since PostgreSQL rounds anything finer and an equality filter would then
// find nothing. Within a process no two are alike; between processes the
// random microseconds of the last half second make a clash (same token and
// same row, in the same half second) as good as impossible, and the compare-
// and-swap itself does not depend on it.
type tokens struct {
	mu   sync.Mutex
	last time.Time
}

func (t *tokens) next(now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	token := now.UTC().Truncate(time.Microsecond).Add(-time.Duration(rand.IntN(500_000)) * time.Microsecond)
	if !token.After(t.last) && t.last.Sub(token) < time.Second {
		token = t.last.Add(time.Microsecond)
	}
	t.last = token
	return token
}
