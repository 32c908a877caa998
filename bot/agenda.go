package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// agendaPage is how many reminders one page of a list has.
const agendaPage = 10

// listing is a list of reminders that people ask for.
type listing struct {
	head string
	// nothing is said where the list is empty.
	nothing string
	// days is up to the end of which day it goes, today being 1; zero stands
	// for what is put off, or no longer reminded of.
	days int
}

// listings are the lists by the names that their buttons have.
var listings = map[string]listing{
	"today":   {"📅 Today", "Nothing is due today.", 1},
	"week":    {"📅 The next seven days", "Nothing is due in the next seven days.", 7},
	"snoozed": {"💤 Put off, or no longer reminded of", "Nothing is put off. /week shows what comes.", 0},
}

func today(ctx context.Context, t *turn, _ string) error { return t.agenda(ctx, "today", 0, t.say) }
func week(ctx context.Context, t *turn, _ string) error  { return t.agenda(ctx, "week", 0, t.say) }
func snoozed(ctx context.Context, t *turn, _ string) error {
	return t.agenda(ctx, "snoozed", 0, t.say)
}

// pageAgenda turns to another page of a list.
func pageAgenda(ctx context.Context, t *turn, args []string) error {
	if len(args) != 2 {
		return errStale
	}
	page, err := numbers(args[1:], 1)
	if _, known := listings[args[0]]; err != nil || !known {
		return errStale
	}
	return t.agenda(ctx, args[0], int(min(page[0], 1000)), t.show)
}

// agenda shows a page of the list of that name.
func (t *turn) agenda(ctx context.Context, name string, page int, by teller) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	list, now := listings[name], t.now(user)
	leads, err := t.store.Leads(ctx, t.from.ID)
	if err != nil {
		return err
	}
	byID := leadsByID{}
	for _, lead := range leads {
		byID[lead.ID] = lead
	}
	if list.days == 0 {
		resting, err := t.store.Resting(ctx, t.from.ID)
		if err != nil {
			return err
		}
		return t.listReminders(ctx, name, resting, byID, page, plain(list.nothing), now, by)
	}
	open, err := t.store.Agenda(ctx, t.from.ID, now.AddDate(1, 0, 0))
	if err != nil {
		return err
	}
	// What was delivered and not answered is still to do, whenever its next
	// nudge comes.
	end := atHour(now, list.days, 0)
	due := slices.DeleteFunc(slices.Clone(open), func(r scheduler.Reminder) bool {
		return !r.DueAt.Before(end) && !waiting(r)
	})
	nothing := plain(list.nothing + " /leads shows your leads, /newlead adds one.")
	if len(open) > 0 {
		next := slices.MinFunc(open, func(a, b scheduler.Reminder) int { return a.DueAt.Compare(b.DueAt) })
		name, what := byID.named(next)
		nothing = lines(plain(list.nothing), join(plain("Next: "), agendaLine(name, what, next, now)))
	}
	return t.listReminders(ctx, name, due, byID, page, nothing, now, by)
}

// agendaLine is a reminder in a list: whose it is, what to do, and when.
func agendaLine(name, what string, r scheduler.Reminder, now time.Time) richText {
	return join(bold(isolated(cut(name, 40))), plain(": "+cut(oneLine(what), 70)+" – "+standing(r, now)))
}

// named are the lead's name and what to do, for a reminder; the lead may have
// vanished.
func (leads leadsByID) named(r scheduler.Reminder) (name, what string) {
	lead := leads[r.LeadID]
	lead.ID = r.LeadID
	step, _ := lead.Step(r.StepID)
	what, _ = stepTexts(r, step)
	return called(lead), what
}

// leadsByID are leads by their numbers.
type leadsByID map[int64]scheduler.Lead

// listReminders lists a page of reminders under the days they come, with a
// button each.
func (t *turn) listReminders(ctx context.Context, name string, reminders []scheduler.Reminder, leads leadsByID, page int, nothing richText, now time.Time, by teller) error {
	if len(reminders) == 0 {
		return by(ctx, nothing)
	}
	pages := (len(reminders) + agendaPage - 1) / agendaPage
	page = min(page, pages-1)
	head := bold(listings[name].head)
	if pages > 1 {
		head = join(head, plain(fmt.Sprintf(" (%d), page %d of %d", len(reminders), page+1, pages)))
	}
	reminders = slices.SortedStableFunc(slices.Values(reminders), func(a, b scheduler.Reminder) int {
		return cmp.Or(cmp.Compare(part(a, now), part(b, now)), listedBy(a, now).Compare(listedBy(b, now)))
	})
	var list richText
	var rows [][]button
	under := ""
	for i := page * agendaPage; i < min((page+1)*agendaPage, len(reminders)); i++ {
		r := reminders[i]
		lead, what := leads.named(r)
		heading := [...]string{partWaiting: "waiting for you", partComing: day(r.DueAt.In(now.Location()), now), partParked: "no longer reminded of"}[part(r, now)]
		if heading != under {
			under = heading
			list = paragraphs(list, bold(upperFirst(heading)))
		}
		list = lines(list, join(plain(fmt.Sprintf("%d. ", i+1)), agendaLine(lead, what, r, now)))
		rows = append(rows, []button{press(reminderLabel(i+1, lead, what), "open", r.ID)})
	}
	return by(ctx, paragraphs(head, list), append(rows, pageButtons(page, pages, "◀ Earlier", "Later ▶", "list", name))...)
}

// The parts of a list, in their order.
const (
	partWaiting = iota // what is to be done now
	partComing         // what comes, under the days it comes
	partParked         // what is no longer reminded of
)

func part(r scheduler.Reminder, now time.Time) int {
	switch {
	case r.Status == scheduler.Parked:
		return partParked
	case waiting(r), r.Status == scheduler.Pending && overdue(now.Sub(r.DueAt)) != "":
		return partWaiting
	}
	return partComing
}

// listedBy is the time that a reminder is listed by within its part: when it
// comes, or for what was brought up, when it was meant for.
func listedBy(r scheduler.Reminder, now time.Time) time.Time {
	if part(r, now) == partWaiting {
		return r.Planned()
	}
	return r.DueAt
}

// reminderLabel is the label of a button that opens a reminder.
func reminderLabel(number int, lead, what string) string {
	return cut(fmt.Sprintf("%d. %s · %s", number, isolated(cut(lead, 24)), oneLine(what)), 40)
}
