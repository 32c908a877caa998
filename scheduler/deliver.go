package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// delivery is a parcel with what became of it.
type delivery struct {
	parcel parcel
	result Result
}

// send sends claimed parcels, each user's in order and users side by side, and
// stores what became of them once the batch is through. It returns at once.
func (c *cycle) send(ctx context.Context, taken []parcel, before map[int64]Reminder) {
	if len(taken) == 0 {
		return
	}
	rows := 0
	healed := 0
	byUser := map[int64][]parcel{}
	var users []int64
	for _, p := range taken {
		if byUser[p.user] == nil {
			users = append(users, p.user)
		}
		byUser[p.user] = append(byUser[p.user], p)
		rows += len(p.rows)
		for _, r := range p.rows {
			if was, ok := before[r.ID]; ok && was.Status == Pending && was.ReminderCount > 0 {
				healed++
			}
		}
	}
	c.mu.Lock()
	c.report.Claimed += rows
	c.report.Healed += healed
	c.outstanding += rows
	c.mu.Unlock()

	results := make(chan delivery, len(taken))
	for _, user := range users {
		c.sending.Go(func() {
			for _, p := range byUser[user] {
				results <- delivery{p, c.sendOne(ctx, p, before)}
				c.mu.Lock()
				c.outstanding -= len(p.rows)
				c.mu.Unlock()
				select {
				case c.changed <- struct{}{}:
				default:
				}
			}
		})
	}
	c.sending.Go(func() {
		done := make([]delivery, 0, len(taken))
		for range taken {
			done = append(done, <-results)
		}
		// Stored even when the service is being stopped: it has happened.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wrapUpTime)
		defer cancel()
		if err := c.settle(ctx, done, before); err != nil {
			c.mu.Lock()
			c.failed = err
			c.mu.Unlock()
			c.log.Error("outcome of reminders not stored; their next nudge comes at its time", "error", err)
		}
	})
}

// sendOne sends one message, unless by now nothing may be sent.
func (c *cycle) sendOne(ctx context.Context, p parcel, before map[int64]Reminder) Result {
	if err := ctx.Err(); err != nil {
		return Result{Outcome: NotDelivered, Everyone: true, Err: err}
	}
	if wait := c.pauseLeft(); wait > 0 {
		return Result{Outcome: NotDelivered, RetryAfter: wait}
	}
	user := c.users[p.user]
	now := c.clock.Now()
	if at := user.SendableAt(now, c.zone); at.After(now) {
		// Quiet hours began while earlier messages were sent.
		return Result{Outcome: NotDelivered, RetryAfter: at.Sub(now), Err: errors.New("quiet hours began")}
	}
	message := Message{Kind: p.kind, TelegramID: p.user, User: user, Now: now}
	for _, r := range p.rows {
		message.Items = append(message.Items, c.item(r, p.kind, before[r.ID]))
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
			d.log.Error("sender panicked", "panic", cause, "telegram_id", m.TelegramID)
		}
	}()
	result = d.sender.Send(ctx, m)
	if result.Outcome < Delivered || result.Outcome > Ambiguous {
		result.Outcome = Ambiguous
	}
	return result
}

// settle stores what became of a batch, in as few requests as there are
// different things to say. It goes on after an error and returns the first.
func (c *cycle) settle(ctx context.Context, done []delivery, before map[int64]Reminder) error {
	type confirmation struct {
		key    claimKey
		status Status
	}
	type restoration struct {
		key   claimKey
		count int
		due   time.Time
	}
	confirmed := map[confirmation][]int64{}
	message := map[int64]int64{} // message ids by reminder
	released := map[restoration][]int64{}
	parked := map[claimKey][]int64{}
	reasons := map[claimKey]string{}
	blocked := map[int64]string{}
	var report Report
	for _, one := range done {
		rows := one.parcel.rows
		digest := one.parcel.kind == Digest
		log := c.log.With("telegram_id", one.parcel.user, "reminders", ids(rows))
		switch one.result.Outcome {
		case Delivered:
			report.Delivered += len(rows)
			if digest {
				report.Digests++
			}
			log.Info("reminder delivered", "digest", digest, "message_id", one.result.MessageID)
		case NotDelivered:
			report.Released += len(rows)
			log.Warn("reminder not delivered, will be tried again", "retry_after", one.result.RetryAfter, "error", one.result.Err)
		case Refused:
			report.Parked += len(rows)
			log.Warn("reminder refused, parked", "error", one.result.Err)
			if !one.result.ThisOnly {
				blocked[one.parcel.user] = fmt.Sprint(one.result.Err)
			}
		case Ambiguous:
			report.Ambiguous += len(rows)
			log.Warn("reminder may or may not have been delivered; it is not sent again before its next nudge", "error", one.result.Err)
		}
		for _, r := range rows {
			count := r.ReminderCount
			if !digest {
				count--
			}
			switch {
			case one.result.Outcome == Delivered:
				step := c.step(count, digest)
				k := confirmation{keyOf(r), step.status}
				confirmed[k] = append(confirmed[k], r.ID)
				message[r.ID] = one.result.MessageID
				if step.status == Parked {
					report.Parked++
				}
				if was, ok := before[r.ID]; ok && !digest && was.ReminderCount == 0 {
					report.Lateness = append(report.Lateness, c.clock.Now().Sub(was.DueAt).Milliseconds())
				}
			case one.result.Outcome == NotDelivered, one.result.Outcome == Refused && !one.result.ThisOnly:
				// A refused user's nudges are given back before they are
				// parked, so that they come as they were at the next /start.
				k := restoration{keyOf(r), count, c.retryAt(one.result)}
				released[k] = append(released[k], r.ID)
			case one.result.Outcome == Refused:
				parked[keyOf(r)] = append(parked[keyOf(r)], r.ID)
				reasons[keyOf(r)] = fmt.Sprint(one.result.Err)
			}
		}
	}
	var failed error
	try := func(err error) {
		if err != nil && failed == nil {
			failed = err
		}
	}
	for k, rows := range confirmed {
		slices.Sort(rows)
		var messageID int64
		if len(rows) == 1 {
			messageID = message[rows[0]]
		}
		try(c.store.confirm(ctx, k.key, rows, k.status, messageID))
	}
	for k, rows := range released {
		slices.Sort(rows)
		try(c.store.release(ctx, k.key, rows, k.count, k.due))
	}
	for key, rows := range parked {
		slices.Sort(rows)
		try(c.store.park(ctx, key, rows, reasons[key]))
	}
	for user, reason := range blocked {
		_, err := c.store.block(ctx, user, reason)
		try(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Delivered += report.Delivered
	c.report.Digests += report.Digests
	c.report.Released += report.Released
	c.report.Parked += report.Parked
	c.report.Ambiguous += report.Ambiguous
	c.report.Lateness = append(c.report.Lateness, report.Lateness...)
	return failed
}

// retryAt is when a message that did not leave is due again: when the far side
// said, soon where it said nothing, and at once where the service stops.
func (c *cycle) retryAt(result Result) time.Time {
	now := c.store.now()
	switch {
	case result.RetryAfter > 0:
		return now.Add(result.RetryAfter).Truncate(time.Microsecond)
	case errors.Is(result.Err, context.Canceled):
		return now
	default:
		return now.Add(retryDelay)
	}
}

func ids(rows []Reminder) []int64 {
	out := make([]int64, len(rows))
	for i, r := range rows {
		out[i] = r.ID
	}
	return out
}
