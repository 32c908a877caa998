package bot

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// agendaLines is how many reminders one list names.
const agendaLines = 25

func today(ctx context.Context, t *turn, _ string) error {
	return t.agenda(ctx, 1, "📅 Today", "Nothing is due today. /week looks further ahead.")
}

func week(ctx context.Context, t *turn, _ string) error {
	return t.agenda(ctx, 7, "📅 The next seven days", "Nothing is due in the next seven days. /leads shows your leads, /newlead adds one.")
}

// agenda lists what is open and due before the end of so many days.
func (t *turn) agenda(ctx context.Context, days int, head, nothing string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	end := atHour(now, days, 0)
	open, err := t.store.Agenda(ctx, t.from.ID, now.AddDate(1, 0, 0))
	if err != nil {
		return err
	}
	// What was delivered and not answered is still to do, whenever its next
	// nudge comes.
	due := slices.DeleteFunc(open, func(r scheduler.Reminder) bool {
		return !r.DueAt.Before(end) && !waiting(r)
	})
	slices.SortStableFunc(due, func(a, b scheduler.Reminder) int { return a.Planned().Compare(b.Planned()) })
	return t.listReminders(ctx, due, head, nothing, now)
}

// waiting reports whether a step was brought up and is still to do. A pending
// one whose nudge was begun counts: whether it arrived is not stored yet, or
// was lost.
func waiting(r scheduler.Reminder) bool {
	return r.Status == scheduler.Sent || (r.Status == scheduler.Pending && r.ReminderCount > 0)
}

func snoozed(ctx context.Context, t *turn, _ string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	resting, err := t.store.Resting(ctx, t.from.ID)
	if err != nil {
		return err
	}
	return t.listReminders(ctx, resting, "💤 Put off, or no longer reminded of", "Nothing is put off.", t.now(user))
}

// listReminders lists reminders under the days they come, with a button each.
func (t *turn) listReminders(ctx context.Context, reminders []scheduler.Reminder, head, nothing string, now time.Time) error {
	if len(reminders) == 0 {
		return t.say(ctx, plain(nothing))
	}
	all, err := t.store.Leads(ctx, t.from.ID)
	if err != nil {
		return err
	}
	byID := map[int64]scheduler.Lead{}
	for _, lead := range all {
		byID[lead.ID] = lead
	}
	var list richText
	var rows [][]button
	under := ""
	for i, r := range reminders {
		if i == agendaLines {
			list = lines(list, plain(fmt.Sprintf("… and %d more", len(reminders)-i)))
			break
		}
		found := byID[r.LeadID]
		found.ID = r.LeadID
		step, _ := found.Step(r.StepID)
		what, _ := stepTexts(r, step)
		heading := day(r.DueAt.In(now.Location()), now)
		if waiting(r) || (r.Status == scheduler.Pending && overdue(now.Sub(r.DueAt)) != "") {
			heading = "waiting for you"
		}
		if heading != under {
			under = heading
			list = paragraphs(list, bold(upperFirst(heading)))
		}
		list = lines(list, join(plain(fmt.Sprintf("%d. ", i+1)), bold(cut(oneLine(found.Display()), 40)), plain(": "+cut(oneLine(what), 70)+" – "+standing(r, now))))
		rows = append(rows, []button{press(cut(fmt.Sprintf("%d. %s · %s", i+1, oneLine(found.Display()), oneLine(what)), 40), "open", r.ID)})
	}
	return t.say(ctx, paragraphs(bold(head), list), rows...)
}
