package scheduler

import (
	"math/rand/v2"
	"sync"
	"time"
)

// tokens hands out instants that serve as names: of a claim in
// last_reminded_at, of a change in updated_at. They are whole microseconds,
// since PostgreSQL rounds anything finer and an equality filter would then
// find nothing. One tokens never hands out an instant twice, unless its clock
// is set back by more than a second. Between several, the random microseconds
// within half a second make a clash (the same token for the same row) unlikely,
// and the compare-and-swap itself does not depend on it.
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
