// Package schedulertest helps to test programs built on package scheduler: a
// [Clock] that can be moved, a [Sender] that records what it is told to send,
// and [RunUntilQuiet] and [RunFor], which let reminders go out without waiting
// for them.
package schedulertest

import (
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// Clock runs with real time, and can be moved forward besides. Timers fire
// when the clock reaches them, whether it ran there or was moved. It is safe
// for concurrent use.
type Clock struct {
	mu     sync.Mutex
	offset time.Duration
	timers map[*timer]struct{}
}

var _ scheduler.Clock = (*Clock)(nil)

// NewClock returns a Clock that is offset ahead of real time.
func NewClock(offset time.Duration) *Clock {
	return &Clock{offset: offset, timers: map[*timer]struct{}{}}
}

// Now implements [scheduler.Clock].
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

// Offset is how far the clock is ahead of real time.
func (c *Clock) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Advance moves the clock by d, and fires the timers it passes. Where d is
// negative the clock is set back, and timers fire when they would have: as on a
// real machine, what they wait for is not a date.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	now := time.Now().Add(c.offset)
	for t := range c.timers {
		if d < 0 {
			t.deadline = t.deadline.Add(d)
			continue
		}
		t.real.Reset(max(t.deadline.Sub(now), 0))
	}
}

// NewTimer implements [scheduler.Clock].
func (c *Clock) NewTimer(d time.Duration) scheduler.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{clock: c, deadline: time.Now().Add(c.offset + d), fired: make(chan time.Time, 1)}
	t.real = time.AfterFunc(d, t.fire)
	c.timers[t] = struct{}{}
	return t
}

// timer is one timer of a Clock. Its real timer is set to what is left.
type timer struct {
	clock    *Clock
	deadline time.Time
	real     *time.Timer
	fired    chan time.Time
}

func (t *timer) C() <-chan time.Time { return t.fired }

func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	_, live := t.clock.timers[t]
	delete(t.clock.timers, t)
	t.real.Stop()
	return live
}

func (t *timer) fire() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	if _, live := t.clock.timers[t]; !live {
		return
	}
	delete(t.clock.timers, t)
	t.fired <- time.Now().Add(t.clock.offset)
}
