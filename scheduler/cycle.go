package scheduler

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
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
	longOverdue  = 2 * time.Hour    // after this, several come as one digest
	retryDelay   = 5 * time.Second  // before a message that did not leave is tried again
	claimTime    = 5 * time.Second  // for a claim, and for reading it back
	wrapUpTime   = 5 * time.Second  // for storing what became of messages
	slowAfter    = 2 * time.Second  // a message that takes longer no longer holds up others
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
	_ = c.waitFor(context.WithoutCancel(ctx), 0, math.MaxInt)
	if err == nil && !c.paused() {
		c.unsent(time.Time{})
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
	changed  chan struct{} // signalled when a send ends, or proves slow
	over     chan struct{} // closed when everything has ended

	mu          sync.Mutex
	report      Report
	outstanding int // messages claimed that have not ended, nor proved slow
	slow        int // messages claimed that proved slow and have not ended
	unknown     int // messages claimed whose outcome the collector has not got
	failed      error
}

// tally adds to the report, which the collector adds to as well.
func (c *cycle) tally(add func(r *Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	add(&c.report)
}

// sendDue lists what is due, and claims and sends it in the order in which its
// users take turns. What a stretch of messages is about is read while the one
// before it is claimed.
func (c *cycle) sendDue(ctx context.Context) error {
	rows, err := c.store.due(ctx, c.now, maxPerCycle)
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return nil
	}
	rows = once(rows)
	c.unsent(rows[0].DueAt)
	c.tally(func(r *Report) { r.Due = len(rows) })
	rows = c.withoutLeft(rows)
	users, err := c.store.usersByID(ctx, distinct(rows, func(r Reminder) int64 { return r.TelegramID }))
	if err != nil {
		return err
	}
	if rows, err = c.setAside(ctx, rows, users); err != nil {
		return err
	}
	stretch, rest := cut(c.parcels(rows), lookUpAtOnce)
	next := c.lookUp(ctx, users, stretch)
	for size := firstBatch; len(stretch) > 0; {
		about, err := next()
		if err != nil {
			return err
		}
		parcels, err := c.withLeads(ctx, stretch, about)
		if err != nil {
			return err
		}
		stretch, rest = cut(rest, lookUpAtOnce)
		next = c.lookUp(ctx, users, stretch)
		for len(parcels) > 0 {
			// Claim only when most of what was claimed before has left, however
			// slow single recipients are. Where all are slow, as in a queue for
			// the pace that Telegram allows, wait for them after all: what a
			// process has claimed and not sent is put off when it dies.
			if err := c.waitFor(ctx, size/4, maxBatch); err != nil || c.paused() {
				_, _ = next()
				return nil // what is unclaimed stays due
			}
			var batch []parcel
			batch, parcels = cut(parcels, size)
			size = min(size*batchGrowth, maxBatch)
			if err := c.claimAndSend(ctx, batch, about); err != nil {
				_, _ = next()
				return err
			}
		}
	}
	return nil
}

// subject is who and what messages are about.
type subject struct {
	users map[int64]User
	leads map[int64]Lead
}

// lookUp begins to read the leads of parcels, and returns how to wait for that.
func (c *cycle) lookUp(ctx context.Context, users map[int64]User, parcels []parcel) (wait func() (subject, error)) {
	about := subject{users: users}
	if len(parcels) == 0 {
		return func() (subject, error) { return about, nil }
	}
	var leads []int64
	for _, p := range parcels {
		for _, r := range p.rows {
			leads = append(leads, r.LeadID)
		}
	}
	slices.Sort(leads)
	leads = slices.Compact(leads)
	done := make(chan error, 1)
	go func() {
		var err error
		about.leads, err = c.store.leadsByID(ctx, leads)
		done <- err
	}()
	return func() (subject, error) {
		err := <-done // before about is looked at: it is being filled
		return about, err
	}
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

// setAside takes out what may not be sent: rows of users who are paused or in
// quiet hours are moved to when they may be, so that they are neither listed
// nor waited on again; those of users who cannot be reached are parked.
func (c *cycle) setAside(ctx context.Context, rows []Reminder, users map[int64]User) ([]Reminder, error) {
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
	return slices.DeleteFunc(rows, func(r Reminder) bool { return away[r.TelegramID] }), nil
}

// withLeads skips reminders whose lead no longer exists, and returns the
// parcels without them.
func (c *cycle) withLeads(ctx context.Context, parcels []parcel, about subject) ([]parcel, error) {
	var orphans []int64
	var kept []parcel
	for _, p := range parcels {
		p.rows = slices.DeleteFunc(slices.Clone(p.rows), func(r Reminder) bool {
			_, found := about.leads[r.LeadID]
			if !found {
				orphans = append(orphans, r.ID)
			}
			return !found
		})
		if len(p.rows) > 0 {
			kept = append(kept, p)
		}
	}
	if len(orphans) > 0 {
		slices.Sort(orphans)
		n, err := c.store.orphan(ctx, orphans)
		if err != nil {
			return nil, err
		}
		c.tally(func(r *Report) { r.Orphaned += int(n) })
		c.log.Warn("reminders skipped: their lead no longer exists", "reminders", n)
	}
	return kept, nil
}

// claimAndSend claims a batch and starts sending what it got.
func (c *cycle) claimAndSend(ctx context.Context, batch []parcel, about subject) error {
	before := map[int64]Reminder{}
	for _, p := range batch {
		for _, r := range p.rows {
			before[r.ID] = r
		}
	}
	got := map[int64]Reminder{}
	var failed error
	for _, claim := range c.claims(batch, c.store.now()) {
		rows, err := c.claim(ctx, claim)
		for _, r := range rows {
			got[r.ID] = r
		}
		if err != nil {
			failed = err
			break
		}
	}
	var taken []parcel
	for _, p := range batch {
		mine := parcel{user: p.user, kind: p.kind}
		for _, r := range p.rows {
			if claimed, ok := got[r.ID]; ok {
				mine.rows = append(mine.rows, claimed)
				delete(got, r.ID)
			}
		}
		if len(mine.rows) > 0 {
			taken = append(taken, mine)
		}
	}
	c.send(ctx, taken, before, about)
	return failed
}

// claim carries a claim out. Where the database takes offence at a row (a
// constraint, a trigger, a number that overflows), the claim is split until
// only that row stays behind: it must not hold up all the others.
func (c *cycle) claim(ctx context.Context, claim claim) ([]Reminder, error) {
	rows, uncertain, err := c.store.claim(ctx, claim, c.now)
	if uncertain {
		c.lose(claim.without(rows))
	}
	if err == nil || !aboutARow(err) {
		return rows, err
	}
	if len(claim.ids) == 1 {
		c.log.Error("reminder cannot be claimed; it stays due", "reminder", claim.ids[0], "error", err, "next_try_in", c.interval)
		c.leave(claim.ids[0], c.now.Add(c.interval))
		return nil, nil
	}
	first, second := claim, claim
	first.ids, second.ids = claim.ids[:len(claim.ids)/2], claim.ids[len(claim.ids)/2:]
	first.token, second.token = c.tokens.next(c.store.now()), c.tokens.next(c.store.now())
	rows, err = c.claim(ctx, first)
	if err != nil {
		return rows, err
	}
	more, err := c.claim(ctx, second)
	return append(rows, more...), err
}

// aboutARow reports whether PostgreSQL refused a statement for what a row
// holds: a data exception (class 22), an integrity violation (23), or what a
// trigger raised (P0).
func aboutARow(err error) bool {
	var refused *insforge.Error
	if !errors.As(err, &refused) || len(refused.Code) != 5 {
		return false
	}
	class := refused.Code[:2]
	return class == "22" || class == "23" || class == "P0"
}

// without is a claim of the rows that are not among these.
func (c claim) without(rows []Reminder) claim {
	known := ids(rows)
	c.ids = slices.DeleteFunc(slices.Clone(c.ids), func(id int64) bool { return slices.Contains(known, id) })
	return c
}

// waitFor waits until at most so many messages are claimed and on their way:
// limit that did not prove slow, and slow that did.
func (c *cycle) waitFor(ctx context.Context, limit, slow int) error {
	for {
		c.mu.Lock()
		enough := c.outstanding <= limit && c.slow <= slow
		c.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return err
		}
		if enough {
			return nil
		}
		select {
		case <-c.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func distinct(rows []Reminder, key func(Reminder) int64) []int64 {
	seen := map[int64]bool{}
	var keys []int64
	for _, r := range rows {
		if k := key(r); !seen[k] {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}
