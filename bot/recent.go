package bot

import (
	"maps"
	"sync"
	"time"
)

// recent remembers what was done in the last minutes that once is enough for.
// It is kept in memory: after a restart a thing may be said again.
type recent struct {
	mu   sync.Mutex
	done map[string]time.Time
}

// recentFor is how long a thing is remembered: longer than a model may take to
// write a plan.
const recentFor = 2 * time.Minute

// first reports whether a thing was not done lately, and takes it for done.
func (r *recent) first(thing string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.done, func(_ string, at time.Time) bool { return !lately(at, now) })
	if _, done := r.done[thing]; done {
		return false
	}
	if r.done == nil {
		r.done = map[string]time.Time{}
	}
	r.done[thing] = now
	return true
}

// has reports whether a thing was done lately.
func (r *recent) has(thing string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, done := r.done[thing]
	return done && lately(at, now)
}

// lately reports whether a time was a short while ago. It may be a little ahead,
// in another chat's eyes, and far where the clock was set back.
func lately(at, now time.Time) bool { return now.Sub(at).Abs() < recentFor }
