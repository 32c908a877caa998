package bot

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// export is the command of that name: it sends what a person has as files that
// calendars and spreadsheets read.
func export(ctx context.Context, t *turn, args string) error {
	wanted := strings.ToLower(strings.TrimPrefix(args, "."))
	if wanted != "" && wanted != "ics" && wanted != "csv" {
		return t.say(ctx, plain("I write a calendar, /export ics, and a table, /export csv; /export sends both."))
	}
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	all, err := t.holdings(ctx)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return t.say(ctx, plain("There is nothing to export yet. /newlead adds a lead."))
	}
	now := t.now(user)
	name := "followthrough-" + now.Format("2006-01-02")
	if wanted != "csv" {
		open := slices.DeleteFunc(slices.Clone(all), func(h holding) bool { return !h.reminder.Status.Open() })
		file := document{name + ".ics", "text/calendar", calendar(open, now)}
		if err := t.sendFile(ctx, file, count(len(open), "open step")+" as a calendar. It shows how things stand now; export again after changes."); err != nil {
			return err
		}
	}
	if wanted != "ics" {
		file := document{name + ".csv", "text/csv", table(all, now.Location())}
		return t.sendFile(ctx, file, "Your leads and their steps as a table, with times of "+zoneLabel(now.Location().String())+".")
	}
	return nil
}

// sendFile sends a file, and says so where Telegram does not take it.
func (t *turn) sendFile(ctx context.Context, file document, caption string) error {
	err := t.courier.sendDocument(ctx, t.chat, file, caption)
	if refused := (*apiError)(nil); errors.As(err, &refused) && !refused.unreachable() {
		t.log.Warn("file not taken", "telegram_id", t.from.ID, "error", err)
		return t.say(ctx, plain("Telegram does not take the file "+file.name+"; please try again later."))
	}
	return err
}

// farAhead is beyond every reminder.
const farAhead = 100 * 365 * 24 * time.Hour

// holdings are all steps of a person's leads, by lead, the latest lead first,
// and by number. It takes three requests, however much there is.
func (t *turn) holdings(ctx context.Context) ([]holding, error) {
	leads, err := t.store.Leads(ctx, t.from.ID)
	if err != nil {
		return nil, err
	}
	reminders, err := t.store.Agenda(ctx, t.from.ID, t.clock.Now().Add(farAhead))
	if err != nil {
		return nil, err
	}
	resting, err := t.store.Resting(ctx, t.from.ID)
	if err != nil {
		return nil, err
	}
	// What is snoozed is in both.
	resting = slices.DeleteFunc(resting, func(r scheduler.Reminder) bool { return r.Status != scheduler.Parked })
	byLead := map[int64][]scheduler.Reminder{}
	for _, r := range append(reminders, resting...) {
		byLead[r.LeadID] = append(byLead[r.LeadID], r)
	}
	var all []holding
	for _, lead := range leads {
		var steps []holding
		bare := map[int]planparse.Step{}
		for _, step := range lead.Plan().Steps {
			bare[step.ID] = step
		}
		for _, r := range byLead[lead.ID] {
			step, _ := lead.Step(r.StepID)
			steps = append(steps, holding{lead, step, r})
			delete(bare, r.StepID)
		}
		for _, step := range bare {
			steps = append(steps, holding{lead: lead, step: step})
		}
		if len(steps) == 0 {
			steps = []holding{{lead: lead}}
		}
		slices.SortStableFunc(steps, func(a, b holding) int {
			return cmp.Or(cmp.Compare(a.number(), b.number()), cmp.Compare(a.reminder.ID, b.reminder.ID))
		})
		all = append(all, steps...)
	}
	return all, nil
}
