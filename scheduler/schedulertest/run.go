package schedulertest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// ErrRestless is returned when a dispatcher goes on finding reminders due that
// it neither sends nor puts off: somebody else has them, or the store refuses.
var ErrRestless = errors.New("schedulertest: what is due stays due")

// restless is how many rounds without progress are too many.
const restless = 10

// RunUntilQuiet lets dispatchers work, in turn, until none of them finds
// anything due, and returns what they did in all. It does not move the clock:
// what is due later stays where it is. An error of a cycle ends it.
func RunUntilQuiet(ctx context.Context, dispatchers ...*scheduler.Dispatcher) (scheduler.Report, error) {
	var sum scheduler.Report
	for idle := 0; ; {
		due, progress := 0, 0
		for _, d := range dispatchers {
			r, err := d.Cycle(ctx)
			add(&sum, r)
			if err != nil {
				return sum, err
			}
			due += r.Due
			progress += r.Claimed + r.Held + r.Orphaned + r.Parked
		}
		if due == 0 {
			return sum, nil
		}
		if idle++; progress > 0 {
			idle = 0
		}
		if idle == restless {
			return sum, fmt.Errorf("%w: %d reminders", ErrRestless, due)
		}
	}
}

// RunFor lets a span of time go by on clock: it moves it from one due date to
// the next, and has the dispatchers send what is due at each. It returns what
// they did in all. A year takes as long as its reminders take to be sent.
func RunFor(ctx context.Context, clock *Clock, span time.Duration, store *scheduler.Store, dispatchers ...*scheduler.Dispatcher) (scheduler.Report, error) {
	var sum scheduler.Report
	end := clock.Now().Add(span)
	for {
		r, err := RunUntilQuiet(ctx, dispatchers...)
		add(&sum, r)
		if err != nil {
			return sum, err
		}
		next, err := store.Upcoming(ctx, 1)
		if err != nil {
			return sum, err
		}
		now := clock.Now()
		if len(next) == 0 || next[0].DueAt.After(end) {
			clock.Advance(max(end.Sub(now), 0))
			return sum, nil
		}
		clock.Advance(max(next[0].DueAt.Sub(now), 0))
	}
}

func add(sum *scheduler.Report, r scheduler.Report) {
	sum.Due += r.Due
	sum.Claimed += r.Claimed
	sum.Delivered += r.Delivered
	sum.Digests += r.Digests
	sum.Ambiguous += r.Ambiguous
	sum.Released += r.Released
	sum.Parked += r.Parked
	sum.Held += r.Held
	sum.Orphaned += r.Orphaned
	sum.Healed += r.Healed
	sum.Lateness = append(sum.Lateness, r.Lateness...)
	sum.Took += r.Took
}
