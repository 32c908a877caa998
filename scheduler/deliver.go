package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
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

func ids(rows []Reminder) []int64 {
	return each(rows, func(r Reminder) int64 { return r.ID })
}
