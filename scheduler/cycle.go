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
	firstBatch  = 8
	batchGrowth = 3
	maxBatch    = 200
	maxPerCycle = 2000                   // rows listed in one cycle; the next one takes the rest
	longOverdue = 2 * time.Hour          // after this, several come as one digest
	retryDelay  = 5 * time.Second        // before a message that did not leave is tried again
	claimTime   = 5 * time.Second        // for a claim, and for reading it back
	wrapUpTime  = 5 * time.Second        // for storing what became of messages
	slowAfter   = 2 * time.Second        // a message that takes longer no longer holds up others
	flushEvery  = 250 * time.Millisecond // outcomes are stored together, but not much later than they are known
	doubtTime   = 30 * time.Second       // how long a claim is asked about whose answer was lost
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

// parcel is one message to be: what it is made of before it is claimed, and,
// afterwards, what of that was got.
type parcel struct {
	user int64
	kind Kind
	rows []Reminder
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
	c := &cycle{Dispatcher: d, started: d.clock.Now(), now: d.store.now(), changed: make(chan struct{}, 1), over: make(chan struct{})}
	d.mu.Lock()
	d.inFlight[c] = struct{}{}
	d.mu.Unlock()
	err := d.storeUnsettled(ctx)
	if err == nil {
		err = c.askAboutLost(ctx)
	}
	if err == nil {
		err = c.sendDue(ctx)
	}
	_ = c.waitFor(context.WithoutCancel(ctx), 0)
	return c, err
}

// end waits for the messages of a cycle and tells what became of it.
func (c *cycle) end(err error) (Report, error) {
	c.sending.Wait()
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
	users   map[int64]User
	leads   map[int64]Lead

	sending sync.WaitGroup
	changed chan struct{} // signalled when a send ends, or proves slow
	over    chan struct{} // closed when everything has ended and is stored

	mu          sync.Mutex
	report      Report
	outstanding int // messages claimed that have not ended, nor proved slow
	failed      error
}

func (c *cycle) sendDue(ctx context.Context) error {
	rows, err := c.store.due(ctx, c.now, maxPerCycle)
	if err != nil || len(rows) == 0 {
		return err
	}
	rows = once(rows)
	c.report.Due = len(rows)
	if rows, err = c.prepare(ctx, rows); err != nil {
		return err
	}
	parcels := c.parcels(rows)
	for size := firstBatch; len(parcels) > 0; size = min(size*batchGrowth, maxBatch) {
		// Claim only when most of what was claimed before has left, however
		// slow single recipients are.
		if err := c.waitFor(ctx, size/4); err != nil || c.paused() {
			return nil // what is unclaimed stays due
		}
		var batch []parcel
		batch, parcels = cut(parcels, size)
		if err := c.claimAndSend(ctx, batch); err != nil {
			return err
		}
	}
	return nil
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

// prepare looks up what the rows are about, and takes out what may not be
// sent: rows of users who are paused or in quiet hours are moved to when they
// may be, so that they are neither listed nor waited on again.
func (c *cycle) prepare(ctx context.Context, rows []Reminder) ([]Reminder, error) {
	if err := c.lookUp(ctx, rows); err != nil {
		return nil, err
	}
	later := map[time.Time][]int64{} // users by when they may be sent something
	away := map[int64]bool{}         // users not to be sent anything now
	for id, user := range c.users {
		if !user.BlockedAt.IsZero() {
			away[id] = true
			n, err := c.store.parkAll(ctx, id, "the bot was blocked before")
			if err != nil {
				return nil, err
			}
			c.report.Parked += int(n)
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
		c.report.Held += int(n)
	}
	rows = slices.DeleteFunc(rows, func(r Reminder) bool { return away[r.TelegramID] })
	return c.withLeads(ctx, rows)
}

// withLeads skips reminders whose lead no longer exists.
func (c *cycle) withLeads(ctx context.Context, rows []Reminder) ([]Reminder, error) {
	var orphans []int64
	rows = slices.DeleteFunc(rows, func(r Reminder) bool {
		_, found := c.leads[r.LeadID]
		if !found {
			orphans = append(orphans, r.ID)
		}
		return !found
	})
	if len(orphans) > 0 {
		slices.Sort(orphans)
		n, err := c.store.orphan(ctx, orphans)
		if err != nil {
			return nil, err
		}
		c.report.Orphaned += int(n)
		c.log.Warn("reminders skipped: their lead no longer exists", "reminders", n)
	}
	return rows, nil
}

// parcels makes messages of rows, which are in the order of their due dates:
// for each user up to maxSingles single nudges and a digest of the rest. What
// is long overdue (the service was down) goes to the digest too, unless it is
// the only one. Users take turns, so that no one waits behind another's pile.
func (c *cycle) parcels(rows []Reminder) []parcel {
	type pile struct{ singles, digest []Reminder }
	piles := map[int64]*pile{}
	var order []int64
	overdue := map[int64]int{}
	for _, r := range rows {
		if c.now.Sub(r.DueAt) > longOverdue {
			overdue[r.TelegramID]++
		}
	}
	for _, r := range rows {
		p := piles[r.TelegramID]
		if p == nil {
			p = &pile{}
			piles[r.TelegramID] = p
			order = append(order, r.TelegramID)
		}
		late := c.now.Sub(r.DueAt) > longOverdue && overdue[r.TelegramID] > 1
		if late || len(p.singles) >= c.maxSingles {
			p.digest = append(p.digest, r)
		} else {
			p.singles = append(p.singles, r)
		}
	}
	var parcels []parcel
	for round := 0; len(order) > 0; round++ {
		// Nudges of the same number are claimed by one request: keep them
		// together, as far as turns allow.
		slices.SortStableFunc(order, func(a, b int64) int {
			return cmp.Compare(nudges(piles[a].singles, round), nudges(piles[b].singles, round))
		})
		waiting := order[:0]
		for _, user := range order {
			p := piles[user]
			if round < len(p.singles) {
				parcels = append(parcels, parcel{user, Nudge, p.singles[round : round+1]})
				waiting = append(waiting, user)
				continue
			}
			if len(p.digest) > 0 {
				parcels = append(parcels, parcel{user, Digest, p.digest})
			}
		}
		order = waiting
	}
	return parcels
}

// nudges is how many nudges are behind the round-th of some reminders; those
// that have none left sort last.
func nudges(rows []Reminder, round int) int {
	if round >= len(rows) {
		return math.MaxInt
	}
	return rows[round].ReminderCount
}

// cut takes parcels of about size rows off the front, at least one.
func cut(parcels []parcel, size int) (batch, rest []parcel) {
	rows := 0
	for i, p := range parcels {
		rows += len(p.rows)
		if rows > size && i > 0 {
			return parcels[:i], parcels[i:]
		}
	}
	return parcels, nil
}

// claimAndSend claims a batch and starts sending what it got.
func (c *cycle) claimAndSend(ctx context.Context, batch []parcel) error {
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
	c.send(ctx, taken, before)
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
		c.log.Error("reminder cannot be claimed; it stays due", "reminder", claim.ids[0], "error", err)
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

// askAboutLost takes up claims whose answer was lost: the database may have
// carried them out after they were read back. Only the process that made a
// claim knows its token, so nobody else has sent these; a row that was claimed
// again since carries another.
func (c *cycle) askAboutLost(ctx context.Context) error {
	lost := c.takeLost()
	for i, claim := range lost {
		rows, err := c.store.claimed(ctx, claim)
		if err == nil && len(rows) > 0 {
			if err = c.lookUp(ctx, rows); err == nil {
				rows, err = c.withLeads(ctx, rows)
			}
		}
		if err != nil {
			c.lose(lost[i:]...)
			return err
		}
		if rest := claim.without(rows); len(rest.ids) > 0 && c.now.Sub(claim.made) < doubtTime {
			c.lose(rest)
		}
		var taken []parcel
		if claim.digest {
			byUser := map[int64][]Reminder{}
			for _, r := range rows {
				byUser[r.TelegramID] = append(byUser[r.TelegramID], r)
			}
			for user, rows := range byUser {
				taken = append(taken, parcel{user, Digest, rows})
			}
		} else {
			for _, r := range rows {
				taken = append(taken, parcel{r.TelegramID, Nudge, []Reminder{r}})
			}
		}
		c.report.Healed += len(rows)
		c.send(ctx, taken, nil)
		c.sending.Wait() // what lookUp read is replaced for the next claim
	}
	return nil
}

// lookUp reads who and what rows are about.
func (c *cycle) lookUp(ctx context.Context, rows []Reminder) (err error) {
	if c.users, err = c.store.usersByID(ctx, distinct(rows, func(r Reminder) int64 { return r.TelegramID })); err != nil {
		return err
	}
	c.leads, err = c.store.leadsByID(ctx, distinct(rows, func(r Reminder) int64 { return r.LeadID }))
	return err
}

// waitFor waits until at most limit messages are claimed and on their way, slow
// ones aside.
func (c *cycle) waitFor(ctx context.Context, limit int) error {
	for {
		c.mu.Lock()
		outstanding := c.outstanding
		c.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return err
		}
		if outstanding <= limit {
			return nil
		}
		select {
		case <-c.changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// item makes a line of a message from a claimed reminder. before is the row as
// it was listed, where known.
func (c *cycle) item(r Reminder, kind Kind, before Reminder) Item {
	count := r.ReminderCount
	if kind == Nudge {
		count-- // the claim counted this nudge
	}
	step := c.step(count, kind == Digest)
	stage := step.stage
	if r.Status == Pending && stage == StageGentle {
		stage = StageDue // the earlier ones were lost: this is the first to be read
	}
	item := Item{Reminder: r, Lead: c.leads[r.LeadID], Stage: stage}
	if step.status != Parked {
		item.Next = r.DueAt
	}
	if !before.DueAt.IsZero() {
		item.Overdue = max(c.now.Sub(before.DueAt), 0)
	}
	item.Step, _ = item.Lead.Step(r.StepID)
	return item
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
