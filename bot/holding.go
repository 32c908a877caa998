package bot

import (
	"cmp"
	"slices"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// holding is a step of a lead with what became of it: from the plan, from its
// reminder, or from both. A lead without steps has one with neither.
type holding struct {
	lead     scheduler.Lead
	step     planparse.Step
	reminder scheduler.Reminder
}

// holdingsOf are the steps of a lead's plan, each with its reminder, and behind
// them the reminders that somebody else wrote, for steps the plan does not have.
func holdingsOf(lead scheduler.Lead, reminders []scheduler.Reminder) []holding {
	byStep := map[int]scheduler.Reminder{}
	for _, r := range reminders {
		byStep[r.StepID] = r
	}
	var steps []holding
	planned := map[int]bool{}
	for _, step := range lead.Plan().Steps {
		planned[step.ID] = true
		steps = append(steps, holding{lead, step, byStep[step.ID]})
	}
	for _, r := range reminders {
		if !planned[r.StepID] {
			steps = append(steps, holding{lead: lead, reminder: r})
		}
	}
	return steps
}

// mostListed is how many steps of a lead one message shows, as many as a plan
// may have: Telegram takes no more than a hundred buttons, and no longer text.
const mostListed = planparse.MaxSteps

// listed are the steps that are shown where there are too many, open ones first,
// and how many are left out.
func listed(steps []holding) (shown []holding, left int) {
	if len(steps) > mostListed {
		steps = slices.Clone(steps)
		slices.SortStableFunc(steps, func(a, b holding) int {
			return cmp.Compare(len(a.closed()), len(b.closed())) // no mark is the shortest
		})
	}
	shown = steps[:min(len(steps), mostListed)]
	return shown, len(steps) - len(shown)
}

// number is the step's.
func (h holding) number() int { return cmp.Or(h.reminder.StepID, h.step.ID) }

// status is how the step stands, in one word; empty where there is none.
func (h holding) status() string {
	switch {
	case h.reminder.ID != 0:
		return string(h.reminder.Status)
	case h.step.ID != 0:
		return h.step.Status
	}
	return ""
}

// texts are what to do and the draft for it.
func (h holding) texts() (what, draft string) {
	r := h.reminder
	r.StepID = h.number()
	return stepTexts(r, h.step)
}

// closed is the mark of a step that is done or skipped; empty for others.
func (h holding) closed() string {
	switch {
	case h.reminder.ID == 0:
		return closedMark(h.step)
	case h.reminder.Status == scheduler.Completed:
		return "✅"
	case h.reminder.Status == scheduler.Skipped:
		return "⏭"
	}
	return ""
}

// mark shows how a step stands.
func (h holding) mark() string {
	switch {
	case h.closed() != "":
		return h.closed()
	case h.reminder.Status == scheduler.Snoozed:
		return "💤"
	case h.reminder.Status == scheduler.Parked:
		return "🅿️"
	}
	return "◻️"
}

// closedMark is the mark of a step that its plan has as done or skipped.
func closedMark(step planparse.Step) string {
	switch step.Status {
	case planparse.StatusDone:
		return "✅"
	case planparse.StatusSkipped:
		return "⏭"
	}
	return ""
}

// waiting reports whether a step was brought up and is still to do. A pending
// one whose nudge was begun counts: whether it arrived is not stored yet, or
// was lost.
func waiting(r scheduler.Reminder) bool {
	return r.Status == scheduler.Sent || (r.Status == scheduler.Pending && r.ReminderCount > 0)
}

// standing says when an open reminder comes, or how it ended.
func standing(r scheduler.Reminder, now time.Time) string {
	at := r.DueAt.In(now.Location())
	if waiting(r) {
		since := "due now"
		if late := overdue(now.Sub(r.Planned())); late != "" {
			since = late
		}
		return since + ", I ask again " + moment(at, now)
	}
	switch r.Status {
	case scheduler.Pending:
		if late := overdue(now.Sub(at)); late != "" {
			return late
		}
		return moment(at, now)
	case scheduler.Snoozed:
		return "snoozed until " + moment(at, now)
	case scheduler.Completed:
		if r.CompletedAt.IsZero() {
			return "done"
		}
		return "done " + day(r.CompletedAt.In(now.Location()), now)
	case scheduler.Skipped:
		return "skipped"
	case scheduler.Parked:
		return "no longer reminded of"
	}
	return ""
}
