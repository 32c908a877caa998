package scheduler

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// What a cycle takes on. The claims of a cycle start small, so that a process
// that dies at once puts little off, and grow, so that many reminders take few
// requests.
const (
	firstBatch   = 8
	batchGrowth  = 3
	maxBatch     = 200
	maxPerCycle  = 10_000           // rows listed in one cycle; the next one takes the rest
	lookUpAtOnce = 1000             // rows whose leads are read together
	aheadAfter   = 1000             // messages after which a cycle is trusted with claims ahead of its sending
	longOverdue  = 2 * time.Hour    // after this, several come as one digest
	retryDelay   = 5 * time.Second  // before a message that did not leave is tried again
	claimTime    = 5 * time.Second  // for a claim, and for reading it back
	wrapUpTime   = 5 * time.Second  // for storing what became of messages
	slowAfter    = 2 * time.Second  // a message that takes longer no longer holds up others
	fewMessages  = 3                // as many are confirmed one by one, each with the id of its message
	flushFirst   = time.Second      // outcomes are stored together, but not much later than they are known;
	flushEvery   = 5 * time.Second  // in a long cycle less and less often, up to this
	claimLife    = 10 * time.Minute // how long after a claim a message may still leave
	doubtTime    = 30 * time.Second // how long a claim is asked about whose answer was lost
)

// Report counts what a cycle did, in reminders unless said otherwise.
type Report struct {
	Due       int           // found due
	Claimed   int           // taken by this process
	Delivered int           // delivered, singly or in a digest
	Digests   int           // digests among the messages delivered
	Ambiguous int           // may have been delivered; not sent again before the next nudge
	Released  int           // certainly not delivered; given back
	Parked    int           // no longer sent
	Held      int           // moved to when their user may be sent something
	Orphaned  int           // skipped, their lead being gone
	Healed    int           // claimed before by a process that died or lost track, and taken up now
	Lateness  []int64       // milliseconds from due to delivered, of single nudges on their first way out
	Took      time.Duration // on the service's clock
}

// Cycle sends what is due, once: it lists it, sets aside what may not be sent
// yet, claims the rest in batches, sends and confirms, and returns when all of
// that is over. Calls wait for one another, and for [Dispatcher.Run].
//
// The error is the first thing that went wrong with the store. What was
// claimed before that is sent and reported all the same.
func (d *Dispatcher) Cycle(ctx context.Context) (Report, error) {
	c, err := d.cycle(ctx)
	if c == nil {
		return Report{}, err
	}
	report, err := c.end(err)
	d.waitForCycles()
	return report, err
}

// waitForCycles waits until the cycles begun so far are over.
func (d *Dispatcher) waitForCycles() {
	d.mu.Lock()
	begun := slices.Collect(maps.Keys(d.inFlight))
	d.mu.Unlock()
	for _, c := range begun {
		<-c.over
	}
}

// cycle does the part of a cycle that claims. It returns while messages may
// still be on their way to recipients that take long; the cycle's end waits
// for those.
func (d *Dispatcher) cycle(ctx context.Context) (*cycle, error) {
	select {
	case d.cycling <- struct{}{}:
		defer func() { <-d.cycling }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c := &cycle{
		Dispatcher: d, started: d.clock.Now(), now: d.store.now(),
		outcomes: make(chan delivery, maxBatch), stored: make(chan struct{}), changed: make(chan struct{}, 1), over: make(chan struct{}),
		queues: map[*queue]struct{}{},
	}
	d.mu.Lock()
	d.inFlight[c] = struct{}{}
	d.mu.Unlock()
	go c.collect(ctx)
	err := d.storeUnsettled(ctx)
	if err == nil {
		err = c.askAboutLost(ctx)
	}
	if err == nil {
		err = c.sendDue(ctx)
	}
	_ = c.waitFor(context.WithoutCancel(ctx), 0, math.MaxInt, nil)
	if err == nil && !c.paused() {
		c.setEarliest(time.Time{})
	}
	return c, err
}

// end waits for the messages of a cycle and tells what became of it.
func (c *cycle) end(err error) (Report, error) {
	c.sending.Wait()
	close(c.outcomes)
	<-c.stored
	c.report.Took = c.clock.Now().Sub(c.started)
	err = cmp.Or(err, c.failed)
	c.note(c.report, err)
	c.Dispatcher.mu.Lock()
	delete(c.inFlight, c)
	c.Dispatcher.mu.Unlock()
	close(c.over)
	return c.report, err
}

// cycle is the state of one cycle.
type cycle struct {
	*Dispatcher
	started time.Time
	now     time.Time

	sending  sync.WaitGroup
	outcomes chan delivery // of what was sent; closed when there are no more
	stored   chan struct{} // closed when all of those are stored
	changed  chan struct{} // signalled when few enough messages are on their way
	over     chan struct{} // closed when everything has ended

	mu      sync.Mutex
	report  Report
	queues  map[*queue]struct{} // of users with messages on their way
	unsent  int                 // messages in them
	wakeAt  int                 // how many of these are left when changed is to be signalled
	unknown int                 // messages claimed whose outcome the collector has not got
	failed  error
}

// tally adds to the report, which the collector adds to as well.
func (c *cycle) tally(add func(r *Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add(&c.report)
}

// sendDue lists what is due, and claims and sends it in the order in which its
// users take turns. What is needed next is read, and claimed, meanwhile.
func (c *cycle) sendDue(ctx context.Context) (err error) {
	rows, err := c.store.due(ctx, c.now, maxPerCycle)
	if err != nil {
		return err
	}
	rows = c.withoutLeft(once(rows))
	if len(rows) == 0 {
		return nil
	}
	c.setEarliest(rows[0].DueAt)
	c.tally(func(r *Report) { r.Due = len(rows) })

	stretch, rest := cut(c.parcels(rows), lookUpAtOnce)
	next := start(func() (load, error) { return c.prepare(ctx, stretch) })
	claimer := &claimer{cycle: c, size: firstBatch}
	defer func() {
		err = cmp.Or(err, claimer.sendClaimed(ctx)) // whatever has happened
		_, _ = next.wait()
	}()
	for len(stretch) > 0 {
		if !next.over() {
			if err := claimer.sendClaimed(ctx); err != nil {
				return err
			}
		}
		ready, err := next.wait()
		if err != nil {
			return err
		}
		stretch, rest = cut(rest, lookUpAtOnce)
		next = start(func() (load, error) { return c.prepare(ctx, stretch) })
		if more, err := claimer.work(ctx, ready); err != nil || !more {
			return err
		}
	}
	return nil
}

// subject is who and what messages are about.
type subject struct {
	users map[int64]User
	leads map[int64]Lead
}

// load is parcels, and who and what they are about.
type load struct {
	parcels []parcel
	subject
}

// prepare reads who and what some parcels are about, and takes out what may not
// be sent, or not yet.
func (c *cycle) prepare(ctx context.Context, parcels []parcel) (ready load, err error) {
	if len(parcels) == 0 {
		return ready, nil
	}
	if ready.users, err = c.usersOf(ctx, parcels); err != nil {
		return ready, err
	}
	if parcels, err = c.setAside(ctx, parcels, ready.users); err != nil {
		return ready, err
	}
	ready.parcels, ready.leads, err = c.withLeads(ctx, parcels)
	return ready, err
}

// once drops rows that were listed twice, as a row is that moves from one page
// of a listing to the next while it is read.
func once(rows []Reminder) []Reminder {
	seen := make(map[int64]bool, len(rows))
	return slices.DeleteFunc(rows, func(r Reminder) bool {
		again := seen[r.ID]
		seen[r.ID] = true
		return again
	})
}

// usersOf reads the settings of the users of parcels.
func (c *cycle) usersOf(ctx context.Context, parcels []parcel) (map[int64]User, error) {
	return c.store.usersByID(ctx, distinct(each(parcels, func(p parcel) int64 { return p.user })))
}

// setAside takes out what may not be sent: rows of users who are paused or in
// quiet hours are moved to when they may be, so that they are neither listed
// nor waited on again; those of users who cannot be reached are parked.
func (c *cycle) setAside(ctx context.Context, parcels []parcel, users map[int64]User) ([]parcel, error) {
	later := map[time.Time][]int64{} // users by when they may be sent something
	away := map[int64]bool{}         // users not to be sent anything now
	for id, user := range users {
		if !user.BlockedAt.IsZero() {
			away[id] = true
			n, err := c.store.parkAll(ctx, id, "the bot was blocked before")
			if err != nil {
				return nil, err
			}
			c.tally(func(r *Report) { r.Parked += int(n) })
		} else if at := user.SendableAt(c.now, c.zone); at.After(c.now) {
			away[id] = true
			later[at] = append(later[at], id)
		}
	}
	for at, users := range later {
		n, err := c.store.postpone(ctx, users, c.now, at)
		if err != nil {
			return nil, err
		}
		c.tally(func(r *Report) { r.Held += int(n) })
	}
	return slices.DeleteFunc(parcels, func(p parcel) bool { return away[p.user] }), nil
}

// withLeads reads the leads of parcels, skips reminders whose lead no longer
// exists, and returns the parcels without them. That a lead is gone is believed
// when it is missing twice: a step that is skipped does not come again.
func (c *cycle) withLeads(ctx context.Context, parcels []parcel) ([]parcel, map[int64]Lead, error) {
	var wanted []int64
	for _, p := range parcels {
		for _, r := range p.rows {
			wanted = append(wanted, r.LeadID)
		}
	}
	leads, err := c.store.leadsByID(ctx, distinct(wanted))
	if err != nil {
		return nil, nil, err
	}
	isMissing := func(id int64) bool { _, found := leads[id]; return !found }
	missing := slices.DeleteFunc(distinct(wanted), func(id int64) bool { return !isMissing(id) })
	if len(missing) == 0 {
		return parcels, leads, nil
	}
	again, err := c.store.leadsByID(ctx, missing)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(leads, again)
	var orphans []int64
	var kept []parcel
	for _, p := range parcels {
		p.rows = slices.DeleteFunc(slices.Clone(p.rows), func(r held) bool {
			if isMissing(r.LeadID) {
				orphans = append(orphans, r.ID)
			}
			return isMissing(r.LeadID)
		})
		if len(p.rows) > 0 {
			kept = append(kept, p)
		}
	}
	if len(orphans) > 0 {
		slices.Sort(orphans)
		n, err := c.store.orphan(ctx, orphans)
		if err != nil {
			return nil, nil, err
		}
		c.tally(func(r *Report) { r.Orphaned += int(n) })
		c.log.Warn("reminders skipped: their lead no longer exists", "reminders", n)
	}
	return kept, leads, nil
}

func each[T, U any](values []T, of func(T) U) []U {
	out := make([]U, len(values))
	for i, value := range values {
		out[i] = of(value)
	}
	return out
}

// distinct sorts ids, and leaves out those that were there before.
func distinct(ids []int64) []int64 {
	sorted := slices.Sorted(slices.Values(ids))
	return slices.Compact(sorted)
}
