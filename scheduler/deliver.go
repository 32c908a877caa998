package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"slices"
	"time"
)

// delivery is a parcel with what became of it.
type delivery struct {
	parcel parcel
	result Result
}

// queue is what one user is still to be sent of a batch.
type queue struct {
	left  int       // messages that have not ended
	since time.Time // when the one before the others began to be sent
}

// send sends claimed parcels, each user's in order and users side by side, and
// stores what became of them. It returns at once.
func (c *cycle) send(ctx context.Context, taken load) {
	rows, healed := 0, 0
	byUser := map[int64][]parcel{}
	var users []int64
	for _, p := range taken.parcels {
		if byUser[p.user] == nil {
			users = append(users, p.user)
		}
		byUser[p.user] = append(byUser[p.user], p)
		rows += len(p.rows)
		for _, r := range p.rows {
			if r.by.part || r.Status == Pending && r.by.count > 0 {
				healed++
			}
		}
	}
	queues := make([]*queue, len(users))
	now := c.clock.Now()
	c.mu.Lock()
	c.report.Claimed += rows
	c.report.Healed += healed
	c.unknown += len(taken.parcels)
	c.unsent += len(taken.parcels)
	for i, user := range users {
		queues[i] = &queue{len(byUser[user]), now}
		c.queues[queues[i]] = struct{}{}
	}
	c.mu.Unlock()
	for i, user := range users {
		before, ended := c.lineUp(user)
		c.sending.Go(func() {
			defer ended()
			if before != nil {
				<-before
			}
			for _, p := range byUser[user] {
				c.outcomes <- delivery{p, c.sendOne(ctx, p, taken.subject)}
				c.advance(queues[i])
			}
		})
	}
}

// lineUp puts messages behind those that their user is being sent already, from
// another batch or another cycle: before is closed when those have ended, and
// nil where there are none.
func (d *Dispatcher) lineUp(user int64) (before <-chan struct{}, ended func()) {
	mine := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	if last := d.lines[user]; last != nil {
		before = last
	}
	d.lines[user] = mine
	return before, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.lines[user] == mine {
			delete(d.lines, user)
		}
		close(mine)
	}
}

// advance notes that the message at the head of a queue has ended.
func (c *cycle) advance(q *queue) {
	now := c.clock.Now()
	c.mu.Lock()
	q.since = now
	if q.left--; q.left == 0 {
		delete(c.queues, q)
	}
	c.unsent--
	wake := c.unsent <= c.wakeAt
	c.mu.Unlock()
	if wake {
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
}

// waitFor waits until at most so many messages are claimed and on their way:
// quick, and slow behind one that has taken long; or until something else is
// over.
func (c *cycle) waitFor(ctx context.Context, quick, slow int, over <-chan struct{}) error {
	for ctx.Err() == nil && !c.onTheWay(quick, slow) {
		look := c.clock.NewTimer(slowAfter / 4) // at who has become slow
		select {
		case <-c.changed:
		case <-look.C():
		case <-over:
			look.Stop()
			return nil
		case <-ctx.Done():
		}
		look.Stop()
	}
	return ctx.Err()
}

// onTheWay reports whether no more than so many messages are on their way, and
// otherwise has it signalled when that may be so.
func (c *cycle) onTheWay(quick, slow int) bool {
	now := c.clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wakeAt = quick + min(slow, math.MaxInt-quick)
	if c.unsent <= quick || c.unsent > c.wakeAt {
		return c.unsent <= quick
	}
	for q := range c.queues {
		if now.Sub(q.since) < slowAfter {
			quick -= q.left
		} else {
			slow -= q.left
		}
	}
	return quick >= 0 && slow >= 0
}

// collect stores outcomes as they come in: together where they come together,
// but without waiting for recipients that take long, nor for a stop.
func (c *cycle) collect(ctx context.Context) {
	defer close(c.stored)
	var known []delivery
	every := flushFirst
	flush := c.clock.NewTimer(every)
	defer func() { flush.Stop() }()
	for more := true; more; {
		due := false
		select {
		case one, ok := <-c.outcomes:
			if more = ok; ok {
				known = append(known, one)
				due = c.lastOf(known)
			}
		case <-flush.C():
			due = true
			every = min(2*every, flushEvery)
			flush = c.clock.NewTimer(every)
		}
		if len(known) > 0 && (due || !more) {
			c.settle(ctx, known)
			known = nil
		}
	}
}

// lastOf notes that an outcome is known, and reports whether to store those
// that are: there is none that is not known yet, or there are batches of them
// and no more at hand. Half a batch would take a request as well.
func (c *cycle) lastOf(known []delivery) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unknown--
	return c.unknown == 0 || len(known) >= 2*maxBatch && len(c.outcomes) == 0 || len(known) >= 5*maxBatch
}

// sendOne sends one message, unless by now nothing may be sent.
func (c *cycle) sendOne(ctx context.Context, p parcel, about subject) Result {
	if err := ctx.Err(); err != nil {
		return Result{Outcome: NotDelivered, Everyone: true, Err: err}
	}
	if wait := c.pauseLeft(); wait > 0 {
		return Result{Outcome: NotDelivered, RetryAfter: wait}
	}
	user := about.users[p.user]
	now := c.clock.Now()
	if at := user.SendableAt(now, c.zone); at.After(now) {
		// Quiet hours began while earlier messages were sent.
		return Result{Outcome: NotDelivered, RetryAfter: at.Sub(now), Err: errors.New("quiet hours began")}
	}
	until := user.leavesBy(now, c.zone)
	for _, r := range p.rows {
		// From then on another process may send the next nudge. A process that
		// was stopped in its tracks and wakes late must not send this one still.
		if r.DueAt.Before(until) {
			until = r.DueAt
		}
	}
	if !until.After(now) || now.Sub(p.rows[0].ClaimToken) > claimLife {
		return Result{Outcome: NotDelivered, Err: errors.New("claimed too long ago")}
	}
	message := Message{Kind: p.kind, TelegramID: p.user, User: user, Now: now, Until: until, Items: make([]Item, len(p.rows))}
	for i, r := range p.rows {
		message.Items[i] = c.item(r, p.kind, about.leads[r.LeadID])
	}
	result := c.deliver(ctx, message)
	if result.Outcome == NotDelivered && result.Everyone && ctx.Err() == nil {
		c.pause(max(result.RetryAfter, retryDelay))
	}
	return result
}

// deliver hands a message to the sender. A sender that panics, or answers with
// something that is no outcome, may have delivered it.
func (d *Dispatcher) deliver(ctx context.Context, m Message) (result Result) {
	defer func() {
		if cause := recover(); cause != nil {
			result = Result{Outcome: Ambiguous, Err: fmt.Errorf("sender panicked: %v", cause)}
			d.log.Error("sender panicked", "panic", cause, "telegram_id", m.TelegramID, "stack", string(debug.Stack()))
		}
	}()
	result = d.sender.Send(ctx, m)
	if result.Outcome < Delivered || result.Outcome > Ambiguous {
		result.Outcome = Ambiguous
	}
	return result
}

// settle stores what became of messages, in as few requests as there are
// different things to say. What cannot be stored now is kept and stored later:
// it has happened. It is stored even when the service is being stopped.
func (c *cycle) settle(ctx context.Context, done []delivery) {
	stopping := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wrapUpTime)
	defer cancel()
	now := c.store.now()
	changes := map[change][]*held{}
	blocked := map[int64]string{}
	var ended []int64 // leads with a step that is not sent any more
	var report Report
	for _, one := range done {
		rows := one.parcel.rows
		digest := one.parcel.kind == Digest
		switch one.result.Outcome {
		case Delivered:
			report.Delivered += len(rows)
			if digest {
				report.Digests++
			}
			c.tell(ctx, slog.LevelInfo, "reminder delivered", one)
		case NotDelivered:
			report.Released += len(rows)
			c.tell(ctx, slog.LevelWarn, "reminder not delivered, will be tried again", one)
		case Refused:
			report.Parked += len(rows)
			c.tell(ctx, slog.LevelWarn, "reminder refused, parked", one)
			if !one.result.ThisOnly {
				blocked[one.parcel.user] = fmt.Sprint(one.result.Err)
			}
		case Ambiguous:
			report.Ambiguous += len(rows)
			c.tell(ctx, slog.LevelWarn, "reminder may or may not have been delivered; it is not sent again before its next nudge", one)
		}
		for i := range rows {
			r := &rows[i]
			var becomes change
			switch {
			case one.result.Outcome == Delivered:
				becomes = change{outcome: Delivered, status: c.step(r.by.count, digest).status}
				if !digest && len(done) <= fewMessages {
					becomes.message = one.result.MessageID
				}
				if becomes.status == Parked {
					report.Parked++
					ended = append(ended, r.LeadID)
				}
				if !digest && r.by.count == 0 {
					report.Lateness = append(report.Lateness, c.clock.Now().Sub(r.before().DueAt).Milliseconds())
				}
			case one.result.Outcome == NotDelivered, one.result.Outcome == Refused && !one.result.ThisOnly:
				// A refused user's nudges are given back before they are
				// parked, so that they come as they were at the next /start.
				becomes = change{outcome: NotDelivered, count: r.by.count, dueAt: retryAt(now, one.result, stopping),
					rested: r.Status == Snoozed && c.step(r.by.count, false).stage == StageFinal}
			case one.result.Outcome == Refused:
				becomes = change{outcome: Refused, reason: fmt.Sprint(one.result.Err)}
			default:
				continue
			}
			changes[becomes] = append(changes[becomes], r)
		}
	}
	var writes []write
	for becomes, rows := range changes {
		writes = append(writes, c.writes(rows, becomes)...)
	}
	if len(ended) > 0 {
		slices.Sort(ended)
		writes = append(writes, write{slices.Compact(ended), c.store.planFollowups})
	}
	err := c.storeAll(ctx, writes)
	for user, reason := range blocked {
		// Not kept for later, when the user may have come back: where it cannot be
		// stored, the nudge that was given back meets the same refusal again.
		_, failed := c.store.block(ctx, user, reason)
		err = cmp.Or(err, failed)
	}
	if err != nil {
		c.log.Error("what became of reminders cannot be stored for now", "error", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = cmp.Or(c.failed, err)
	c.report.Delivered += report.Delivered
	c.report.Digests += report.Digests
	c.report.Released += report.Released
	c.report.Parked += report.Parked
	c.report.Ambiguous += report.Ambiguous
	c.report.Lateness = append(c.report.Lateness, report.Lateness...)
}

// writes changes claimed rows alike: those of claims of which every row is
// among them by the claims alone, the others by their ids besides.
func (c *cycle) writes(rows []*held, becomes change) []write {
	byClaim := map[*claim][]int64{}
	for _, r := range rows {
		byClaim[r.by] = append(byClaim[r.by], r.ID)
	}
	var writes []write
	for _, whole := range []bool{true, false} {
		var claims []*claim
		var all []int64
		for claim, ids := range byClaim {
			if whole == (len(ids) == len(claim.rows) && !claim.part) {
				claims, all = append(claims, claim), append(all, ids...)
			}
		}
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		writes = append(writes, write{all, func(ctx context.Context, ids []int64) error {
			if whole && len(ids) == len(all) {
				ids = nil
			}
			return c.store.settle(ctx, claims, ids, becomes)
		}})
	}
	return writes
}

// tell logs what became of a message. A thousand times a second is not too
// often, so nothing is made ready for a log that does not want it.
func (c *cycle) tell(ctx context.Context, level slog.Level, what string, one delivery) {
	if !c.log.Enabled(ctx, level) {
		return
	}
	about := []slog.Attr{slog.Int64("telegram_id", one.parcel.user), slog.Any("reminders", each(one.parcel.rows, func(r held) int64 { return r.ID }))}
	if one.parcel.kind == Digest {
		about = append(about, slog.Bool("digest", true))
	}
	if one.result.MessageID != 0 {
		about = append(about, slog.Int64("message_id", one.result.MessageID))
	}
	if one.result.RetryAfter != 0 {
		about = append(about, slog.Duration("retry_after", one.result.RetryAfter))
	}
	if one.result.Err != nil {
		about = append(about, slog.Any("error", one.result.Err))
	}
	c.log.LogAttrs(ctx, level, what, about...)
}

// write stores something that has happened to some rows. All are conditional
// on the state they are about, so that they can be repeated and come late.
type write struct {
	ids   []int64
	store func(ctx context.Context, ids []int64) error
}

// storeAll tries every write, keeps those that fail for the next cycle, and
// returns the first error. Where the database takes offence at a row, as it may
// at a claim, the write is split until only that row's part is given up: no
// later try would fare better, and all sending would wait for it. That reminder
// stays claimed, and its next nudge comes at its time.
func (d *Dispatcher) storeAll(ctx context.Context, writes []write) error {
	var failed error
	for len(writes) > 0 {
		next := writes[0]
		writes = writes[1:]
		err := next.store(ctx, next.ids)
		switch half := len(next.ids) / 2; {
		case err == nil:
		case aboutARow(err) && half > 0:
			writes = append([]write{{next.ids[:half], next.store}, {next.ids[half:], next.store}}, writes...)
		case aboutARow(err):
			d.log.Error("what became of a reminder is not stored: the database does not take it", "row", next.ids[0], "error", err)
		default:
			failed = cmp.Or(failed, err)
			d.mu.Lock()
			d.unsettled = append(d.unsettled, next)
			d.mu.Unlock()
		}
	}
	return failed
}

// storeUnsettled tries again what could not be stored before.
func (d *Dispatcher) storeUnsettled(ctx context.Context) error {
	d.mu.Lock()
	writes := d.unsettled
	d.unsettled = nil
	d.mu.Unlock()
	return d.storeAll(ctx, writes)
}

// retryAt is when a message that did not leave is due again: when the far side
// said (to the second, so that messages can share a request), soon where it
// said nothing, and at once where the service stops.
func retryAt(now time.Time, result Result, stopping bool) time.Time {
	switch {
	case result.RetryAfter > 0:
		return now.Add(result.RetryAfter + time.Second).Truncate(time.Second)
	case stopping:
		return now
	default:
		return now.Add(retryDelay)
	}
}

func ids(rows []Reminder) []int64 {
	return each(rows, func(r Reminder) int64 { return r.ID })
}
