package planparse

import (
	"maps"
	"sync"
)

// Tally counts timings that name no date, by reason. Its zero value is empty
// and ready; handing [Tally.Add] to [OnUnparseable] fills it. It may be used by
// any number of plans at the same time.
type Tally struct {
	mu      sync.Mutex
	reasons map[Reason]int
}

// Add counts one. The text is not kept: a function that stores it can call Add
// besides.
func (t *Tally) Add(_ string, reason Reason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reasons == nil {
		t.reasons = map[Reason]int{}
	}
	t.reasons[reason]++
}

// Total is how many were counted.
func (t *Tally) Total() int {
	n := 0
	for _, count := range t.ByReason() {
		n += count
	}
	return n
}

// ByReason is how many were counted for each reason, in a map of the caller's.
func (t *Tally) ByReason() map[Reason]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.reasons)
}
