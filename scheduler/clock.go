package scheduler

import (
	"context"
	"time"
)

// Clock is where the package takes the time from. [SystemClock] is the usual
// one; the demo and tests bring clocks of their own.
type Clock interface {
	Now() time.Time
	// NewTimer fires once, d after now. d counts on this clock: a clock that
	// is moved forward fires the timers it passes.
	NewTimer(d time.Duration) Timer
}

// Timer is the part of [time.Timer] that a Clock hands out.
type Timer interface {
	C() <-chan time.Time
	Stop() bool
}

// SystemClock is the machine's clock.
func SystemClock() Clock { return systemClock{} }

// sleep waits for d on a clock, or until ctx ends.
func sleep(ctx context.Context, clock Clock, d time.Duration) {
	timer := clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	}
}

type systemClock struct{}

func (systemClock) Now() time.Time                 { return time.Now() }
func (systemClock) NewTimer(d time.Duration) Timer { return systemTimer{time.NewTimer(d)} }

type systemTimer struct{ timer *time.Timer }

func (t systemTimer) C() <-chan time.Time { return t.timer.C }
func (t systemTimer) Stop() bool          { return t.timer.Stop() }
