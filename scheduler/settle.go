package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

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
