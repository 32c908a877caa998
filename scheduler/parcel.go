package scheduler

import (
	"cmp"
	"math"
	"slices"
)

// parcel is one message to be: what it is made of before it is claimed, and,
// afterwards, what of that was got.
type parcel struct {
	user int64
	kind Kind
	rows []held
}

// parcels makes messages of rows, which are in the order of their due dates:
// for each user up to maxSingles single nudges and a digest of the rest. What
// is long overdue (the service was down) goes to the digest too, unless it is
// the only one. Users take turns, so that no one waits behind another's pile.
func (c *cycle) parcels(rows []Reminder) []parcel {
	type pile struct{ singles, digest []held }
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
			p.digest = append(p.digest, held{Reminder: r})
		} else {
			p.singles = append(p.singles, held{Reminder: r})
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
func nudges(rows []held, round int) int {
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

// item makes a line of a message from a claimed reminder.
func (c *cycle) item(r held, kind Kind, lead Lead) Item {
	step := c.step(r.by.count, kind == Digest)
	stage := step.stage
	if r.Status == Pending && stage == StageGentle {
		stage = StageDue // the earlier ones were lost: this is the first to be read
	}
	item := Item{Reminder: r.Reminder, Lead: lead, Stage: stage, Overdue: max(c.now.Sub(r.before().DueAt), 0)}
	if step.status != Parked {
		item.Next = r.DueAt
	}
	item.Step, _ = item.Lead.Step(r.StepID)
	return item
}
