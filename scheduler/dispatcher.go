package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// lookAhead is the longest a dispatcher sleeps without looking for the next
// due date. Other processes schedule plans too, and rows are written by hand:
// a look is one indexed row, and lets those go out on time as well.
const lookAhead = time.Second

// maxBackoff bounds the wait after a failure of the store, so that work
// resumes soon after it is back.
const maxBackoff = 5 * time.Second

// Dispatcher sends reminders when they are due. Any number of dispatchers, in
// any number of processes, may work on one store: a nudge goes out once.
//
// The promise is that each nudge is delivered at most once, and that no step
// is silently lost: what a crash or a cut connection leaves open is taken up
// by the step's next nudge.
type Dispatcher struct {
	store      *Store
	sender     Sender
	clock      Clock
	log        *slog.Logger
	zone       *time.Location
	interval   time.Duration
	maxSingles int
	escalation Escalation
	onReport   func(Report)

	tokens  tokens
	cycling chan struct{} // held by the one cycle that runs
	trigger chan struct{}

	mu          sync.Mutex
	lost        []*claim            // claims whose outcome is unknown
	unsettled   []write             // outcomes that could not be stored
	left        map[int64]time.Time // rows that cannot be claimed, and until when they are left alone
	inFlight    map[*cycle]struct{}
	lines       map[int64]chan struct{} // of users who are being sent something: closed when the last of it has ended
	pausedUntil time.Time
	lastCycle   time.Time
	earliest    time.Time      // due date of the earliest unsent reminder, as far as known; zero for none
	status      DispatchStatus // but for the lag
}

// DispatchStatus is how a dispatcher is doing, for health checks.
type DispatchStatus struct {
	LastCycle time.Time     // when the store was last found in order; zero before the first time
	LastError error         // of the last attempt; nil if it went well
	Lag       time.Duration // how long the earliest unsent reminder is overdue
}

// DispatcherOption sets up a [Dispatcher].
type DispatcherOption func(*Dispatcher) error

// WithInterval sets the longest time between two cycles; 15 minutes by
// default. Reminders are not late for it: the dispatcher wakes when the
// earliest is due, and looks every second when that is (a request for one
// indexed row), since other processes schedule reminders, too.
func WithInterval(interval time.Duration) DispatcherOption {
	return func(d *Dispatcher) error {
		if interval <= 0 {
			return fmt.Errorf("scheduler: the interval must be positive, not %s", interval)
		}
		d.interval = interval
		return nil
	}
}

// WithMaxPerCycle sets how many single messages a user gets in one cycle; what
// is over comes as a digest. 3 by default.
func WithMaxPerCycle(n int) DispatcherOption {
	return func(d *Dispatcher) error {
		if n < 0 {
			return fmt.Errorf("scheduler: messages per cycle cannot be %d", n)
		}
		d.maxSingles = n
		return nil
	}
}

// WithEscalation sets how a step nobody acts on is followed up;
// [DefaultEscalation] by default.
func WithEscalation(e Escalation) DispatcherOption {
	return func(d *Dispatcher) error {
		for _, gap := range append([]time.Duration{e.Rest}, e.Gaps...) {
			if gap <= 0 {
				return fmt.Errorf("scheduler: the gaps of an escalation must be positive, not %s", gap)
			}
		}
		d.escalation = e
		return nil
	}
}

// WithDispatchZone sets the time zone of users who have chosen none; UTC by
// default.
func WithDispatchZone(zone *time.Location) DispatcherOption {
	return func(d *Dispatcher) error {
		if zone == nil {
			return errors.New("scheduler: the time zone is nil")
		}
		d.zone = zone
		return nil
	}
}

// WithDispatchLogger sets the logger; slog's default one otherwise.
func WithDispatchLogger(log *slog.Logger) DispatcherOption {
	return func(d *Dispatcher) error { d.log = log; return nil }
}

// WithReport sets a function that is told of every cycle when it is over, for
// metrics. It must be safe for concurrent use: a cycle may end while the next
// one is under way.
func WithReport(told func(Report)) DispatcherOption {
	return func(d *Dispatcher) error { d.onReport = told; return nil }
}

// NewDispatcher returns a Dispatcher that sends the reminders in store by
// sender.
func NewDispatcher(store *Store, sender Sender, options ...DispatcherOption) (*Dispatcher, error) {
	if store == nil || sender == nil {
		return nil, errors.New("scheduler: a dispatcher needs a store and a sender")
	}
	d := &Dispatcher{
		store: store, sender: sender, clock: store.clock, log: slog.Default(), zone: time.UTC,
		interval: 15 * time.Minute, maxSingles: 3, escalation: DefaultEscalation(), onReport: func(Report) {},
		cycling: make(chan struct{}, 1), trigger: make(chan struct{}, 1),
		inFlight: map[*cycle]struct{}{}, lines: map[int64]chan struct{}{}, left: map[int64]time.Time{},
	}
	for _, option := range options {
		if err := option(d); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Trigger makes the dispatcher look at once for what is due. It never blocks.
func (d *Dispatcher) Trigger() {
	select {
	case d.trigger <- struct{}{}:
	default:
	}
}

// Status tells how the dispatcher is doing.
func (d *Dispatcher) Status() DispatchStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	status := d.status
	if !d.earliest.IsZero() {
		status.Lag = max(d.clock.Now().Sub(d.earliest), 0)
	}
	return status
}

// Run sends reminders as they become due until ctx ends. It then stops
// claiming, sees messages through that are on their way, gives back what was
// claimed and not sent, and returns nil. It outlives failures of the store and
// of the sender: it waits and goes on.
func (d *Dispatcher) Run(ctx context.Context) error {
	defer d.waitForCycles()
	failures := 0
	for ctx.Err() == nil {
		wait, err := d.turn(ctx)
		switch {
		case ctx.Err() != nil:
			continue
		case err != nil:
			failures++
			wait = backoff(failures)
			d.log.Error("reminders cannot be sent for now", "error", err, "next_try_in", wait)
		case failures > 0:
			d.log.Info("reminders are sent again", "after_failures", failures)
			failures = 0
		}
		timer := d.clock.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-d.trigger:
		case <-timer.C():
		}
		timer.Stop()
	}
	return nil
}

// turn sends what is due, if anything is, and says how long to sleep.
func (d *Dispatcher) turn(ctx context.Context) (time.Duration, error) {
	if wait := d.pauseLeft(); wait > 0 {
		return wait, nil
	}
	if !d.needsCycle() {
		next, ok, err := d.store.earliestDue(ctx, d.leftAlone())
		if err != nil && ctx.Err() != nil {
			return 0, err // that it was stopped says nothing of the store
		}
		now := d.clock.Now()
		d.look(next, ok, now, err)
		switch {
		case err != nil:
			return 0, err
		case !ok:
			return min(d.interval, lookAhead), nil
		case next.After(now):
			return min(next.Sub(now), d.interval, lookAhead), nil
		}
	}
	c, err := d.cycle(ctx)
	if c == nil {
		return 0, err
	}
	c.mu.Lock()
	found, err := c.report, cmp.Or(err, c.failed)
	c.mu.Unlock()
	go func() { _, _ = c.end(err) }()
	if err != nil {
		return 0, err
	}
	if found.Claimed+found.Held+found.Orphaned+found.Parked == 0 {
		// Others were faster, or the rows cannot be had: do not spin.
		return time.Second, nil
	}
	return 0, nil
}

// needsCycle reports whether a cycle is due whatever a look would find: there
// are loose ends, or the last one was an interval ago.
func (d *Dispatcher) needsCycle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.lost)+len(d.unsettled) > 0 || d.clock.Now().Sub(d.lastCycle) >= d.interval
}

// look notes what a look at the store found.
func (d *Dispatcher) look(next time.Time, ok bool, now time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status.LastError = err
	if err != nil {
		return
	}
	d.status.LastCycle, d.earliest = now, time.Time{}
	if ok {
		d.earliest = next
	}
}

// setEarliest notes the due date of the earliest reminder still to be sent.
func (d *Dispatcher) setEarliest(due time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.earliest = due
}

// note keeps what a cycle found.
func (d *Dispatcher) note(r Report, err error) {
	d.mu.Lock()
	d.status.LastError = err
	d.lastCycle = d.clock.Now()
	if err == nil {
		d.status.LastCycle = d.lastCycle
	}
	d.mu.Unlock()
	d.onReport(r)
}

// step is what a claim after count nudges means.
func (d *Dispatcher) step(count int, digest bool) escalationStep {
	if digest {
		return d.escalation.inDigest(count)
	}
	return d.escalation.after(count)
}

// pause stops all sending for a while.
func (d *Dispatcher) pause(wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if until := d.clock.Now().Add(wait); until.After(d.pausedUntil) {
		d.pausedUntil = until
		d.log.Warn("sending pauses", "for", wait)
	}
}

func (d *Dispatcher) pauseLeft() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return max(d.pausedUntil.Sub(d.clock.Now()), 0)
}

func (d *Dispatcher) paused() bool { return d.pauseLeft() > 0 }

// lose keeps claims whose outcome is unknown, if they are of any row.
func (d *Dispatcher) lose(claims ...*claim) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range claims {
		if len(c.rows) > 0 {
			d.lost = append(d.lost, c)
		}
	}
}

// leave has a row that cannot be claimed left alone for a while.
func (d *Dispatcher) leave(id int64, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left[id] = until
}

// leftAlone lists the rows that are to be left alone now, up to as many as a
// request has room for.
func (d *Dispatcher) leftAlone() []int64 {
	now := d.clock.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.left, func(_ int64, until time.Time) bool { return !until.After(now) })
	ids := slices.Sorted(maps.Keys(d.left))
	return ids[:min(len(ids), maxBatch)]
}

// withoutLeft drops the rows that are to be left alone.
func (d *Dispatcher) withoutLeft(rows []Reminder) []Reminder {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(rows, func(r Reminder) bool { return d.left[r.ID].After(d.clock.Now()) })
}

func (d *Dispatcher) takeLost() []*claim {
	d.mu.Lock()
	defer d.mu.Unlock()
	lost := d.lost
	d.lost = nil
	return lost
}

// backoff is the wait before the next try after a number of failures in a row:
// doubling from half a second to maxBackoff, with jitter so that replicas do
// not come back in step.
func backoff(failures int) time.Duration {
	wait := min(time.Second<<min(failures-1, 10), maxBackoff)
	return wait/2 + rand.N(wait/2)
}
