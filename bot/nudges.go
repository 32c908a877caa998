package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// wording puts what the scheduler wants said into words, in the zone of each
// person; zone is that of people who have not set theirs.
func wording(zone *time.Location) func(scheduler.Message) chatMessage {
	return func(m scheduler.Message) chatMessage {
		now := m.Now.In(m.User.Location(zone))
		if m.Kind != scheduler.Digest && m.Kind != scheduler.Stale && !m.Items[0].Next.IsZero() {
			// What comes next keeps to the quiet hours.
			m.Items = []scheduler.Item{m.Items[0]}
			m.Items[0].Next = m.User.SendableAt(m.Items[0].Next, zone)
		}
		switch {
		case m.Kind == scheduler.Digest:
			return digestMessage(m.Items, now)
		case m.Kind == scheduler.Followup:
			return followupMessage(m.Items[0], now)
		case m.Kind == scheduler.Stale:
			return staleMessage(m.Items)
		default:
			return nudgeMessage(m.Items[0], now)
		}
	}
}

// nudgeMessage is the reminder of one step. Each nudge of a step is worded
// differently, and says what happens next.
func nudgeMessage(item scheduler.Item, now time.Time) chatMessage {
	next := ""
	if !item.Next.IsZero() {
		next = moment(item.Next.In(now.Location()), now)
	}
	var head, tail string
	switch item.Stage {
	case scheduler.StageGentle:
		head, tail = "🔔 Still open", "Not the moment? Put it off, or let it go. Otherwise I ask again "+next+"."
		if times := item.Reminder.ReminderCount; times > 2 {
			head, tail = fmt.Sprintf("🔔 Still open, reminder %d", times), "Done in the meantime? Press it. Or give it another date; otherwise I ask again "+next+"."
		}
	case scheduler.StageLast:
		head, tail = "❗ Last reminder for now", "If nothing happens, I snooze it myself and bring it back once, "+next+"."
	case scheduler.StageFinal:
		head, tail = "🔁 Back after a rest", "This is the last time I bring it up. It stays listed with the lead and in /snoozed."
	default:
		head, tail = "🔔 Time for the next step", "If you are busy: I ask again "+next+"."
		if next == "" {
			tail = ""
		}
	}
	if late := overdue(item.Overdue); late != "" && item.Stage == scheduler.StageDue {
		head += " (" + late + ")"
	}
	r := item.Reminder
	if r.PlannedAt.IsZero() && item.Stage == scheduler.StageDue {
		r.PlannedAt = now.Add(-item.Overdue) // somebody else wrote it, and meant the date it had until now
	}
	return reminderMessage(head, r, item.Lead, item.Step, tail, now)
}

// withSteps returns what completes a message about steps that the lead's plan,
// as the dispatcher read it, does not have: a plan that was approved a moment
// ago may still be where it was proposed, while its first reminder is on its
// way. A lead that cannot be read leaves the message as it is.
func withSteps(store *scheduler.Store) func(context.Context, scheduler.Message) scheduler.Message {
	return func(ctx context.Context, m scheduler.Message) scheduler.Message {
		items := slices.Clone(m.Items)
		for i, item := range items {
			// A row without a planned date was written by somebody else, and
			// belongs to no plan.
			if item.Lead.ID == 0 || item.Step.ID != 0 || item.Reminder.PlannedAt.IsZero() {
				continue
			}
			lead, err := store.Lead(ctx, m.TelegramID, item.Lead.ID)
			if err != nil {
				continue
			}
			step, ok := lead.Step(item.Reminder.StepID)
			if proposal, waiting := lead.Proposal(); !ok && waiting {
				step, ok = proposal.Plan.Step(item.Reminder.StepID)
				lead.PlanJSON, _ = json.Marshal(proposal.Plan) // it encodes: it was decoded
			}
			if ok {
				items[i].Lead, items[i].Step = lead, step
			}
		}
		m.Items = items
		return m
	}
}

// draftRoom is how much of a draft stands in a reminder; the whole of a longer
// one is a press away.
const draftRoom = 2500

// reminderMessage shows a step with the buttons to act on it.
func reminderMessage(head string, r scheduler.Reminder, lead scheduler.Lead, step planparse.Step, tail string, now time.Time) chatMessage {
	what, draft := stepTexts(r, step)
	number := fmt.Sprintf("Step %d", r.StepID)
	if total := len(lead.Plan().Steps); total >= r.StepID && r.StepID > 0 {
		number = fmt.Sprintf("Step %d of %d", r.StepID, total)
	}
	if action := actionWords(step.Action); action != "" {
		number += " · " + action
	}
	text := paragraphs(
		lines(bold(head), whose(lead)),
		lines(plain(number), bold(cut(what, 900)), whyNow(r, step, now)),
		copyable(cut(draft, draftRoom)),
		addressLine(lead, step),
		italic(tail),
	)
	rows := [][]button{{press("✅ Done", "done", r.ID), press("⏭ Skip", "skip", r.ID)}}
	rows = append(rows, snoozeRows(r, now)...)
	var more []button
	switch size := units(draft); {
	case size > draftRoom:
		more = append(more, press("✉️ Whole draft", "draft", r.ID))
	case size > maxCopies:
		more = append(more, press("✉️ Draft alone", "draft", r.ID))
	case size > 0:
		more = append(more, copying("📋 Copy draft", draft))
	}
	if link, ok := linkFor(lead, step); ok {
		more = append(more, opening("🔗 Open "+link.host, link.url))
	}
	if lead.ID != 0 {
		more = append(more, press("👤 Open lead", "lead", lead.ID))
	}
	return chatMessage{text: text, keys: append(rows, more)}
}

// whyNow says what brought a step up: the plan's own words about its time, or
// the date that was planned. A row that somebody else wrote says less, and after
// its first nudge nothing.
func whyNow(r scheduler.Reminder, step planparse.Step, now time.Time) richText {
	if r.PlannedAt.IsZero() {
		return nil
	}
	why := "📅 Planned for " + day(r.PlannedAt.In(now.Location()), now)
	if timing := cut(oneLine(step.Timing), 60); timing != "" && r.TimingSource == string(planparse.SourceTiming) {
		why += ": the plan says “" + timing + "”"
	} else if r.StepID > 1 && r.TimingSource != "" {
		why += ", after the steps before it"
	}
	return plain(why + ".")
}

// snoozeRows are the ways to put a reminder off, or to another time where it is
// put off.
func snoozeRows(r scheduler.Reminder, now time.Time) [][]button {
	action := "snooze"
	if r.Status == scheduler.Snoozed {
		action = "postpone"
	}
	later := press("💤 Snooze to Mon 9:00", action, r.ID, "mon")
	if toMonday(now) == 1 {
		later = press("💤 Snooze a week", action, r.ID, "week") // tomorrow is Monday
	}
	return [][]button{
		{press("💤 Snooze 1 h", action, r.ID, "hour"), press("💤 Snooze to tomorrow 9:00", action, r.ID, "tomorrow")},
		{later, press("🕓 Another time", "when", r.ID)},
	}
}

// stepTexts are what to do and the draft for it. The row's draft text counts,
// also where somebody else wrote it; the plan's stands for one that is missing
// or was cut short. Where the lead's plan does not know the step, the draft says
// what to do.
func stepTexts(r scheduler.Reminder, step planparse.Step) (what, draft string) {
	what, draft = strings.TrimSpace(step.Description), strings.TrimSpace(r.DraftText)
	if whole := strings.TrimSpace(step.SuggestedText); strings.HasPrefix(whole, draft) {
		draft = whole
	}
	if what == "" {
		what, draft = draft, ""
	}
	if what == "" {
		what = fmt.Sprintf("Step %d", r.StepID)
	}
	if what == draft {
		draft = ""
	}
	return what, draft
}

// actionWords names a kind of step.
func actionWords(kind string) string {
	if words, ok := map[string]string{
		planparse.ActionLinkedInLike:    "👍 LinkedIn like",
		planparse.ActionLinkedInComment: "💬 LinkedIn comment",
		planparse.ActionLinkedInConnect: "🤝 LinkedIn connect",
		planparse.ActionLinkedInDM:      "✉️ LinkedIn message",
		planparse.ActionEmailOutreach:   "📧 Mail",
		planparse.ActionMutualIntro:     "🫱 Introduction",
		planparse.ActionFollowupMessage: "🔁 Follow-up",
		planparse.ActionMeetingRequest:  "📅 Meeting",
	}[kind]; ok {
		return words
	}
	return cut(oneLine(strings.ReplaceAll(kind, "_", " ")), 40)
}

// digestLines is how many steps one digest names; the rest is counted.
const digestLines = 20

// digestMessage tells of several steps in one message: a line and a button
// each.
func digestMessage(items []scheduler.Item, now time.Time) chatMessage {
	var list richText
	var rows [][]button
	for i, item := range items {
		if i == digestLines {
			list = lines(list, plain(fmt.Sprintf("… and %d more: /today", len(items)-i)))
			break
		}
		what, _ := stepTexts(item.Reminder, item.Step)
		late := ""
		if words := overdue(item.Overdue); words != "" {
			late = " – " + words
		}
		list = lines(list, join(plain(fmt.Sprintf("%d. ", i+1)), bold(isolated(cut(called(item.Lead), 40))), plain(": "+cut(oneLine(what), 70)+late)))
		rows = append(rows, []button{press(reminderLabel(i+1, called(item.Lead), what), "open", item.Reminder.ID)})
	}
	head := count(len(items), "more step") + " to look at"
	if !slices.ContainsFunc(items, func(item scheduler.Item) bool { return overdue(item.Overdue) == "" }) {
		head = count(len(items), "step") + " waiting for you" // after a pause, or a time when nothing could be sent
	}
	return chatMessage{
		text: paragraphs(bold("🗂 "+head), list, italic("Press one to see it with its draft.")),
		keys: rows, silent: true,
	}
}

// followupMessage asks after a lead whose plan has run out.
func followupMessage(item scheduler.Item, now time.Time) chatMessage {
	tail := ""
	if !item.Next.IsZero() {
		tail = "I ask again " + moment(item.Next.In(now.Location()), now) + ", unless there is a new plan by then."
	}
	return chatMessage{
		text: paragraphs(
			lines(bold("📨 How is it going?"), whose(item.Lead)),
			plain("No step is open for this lead. Is there an answer, or a next move?"),
			italic(tail),
		),
		keys: keyboard{{press("✨ New plan", "regen", item.Lead.ID), press("👤 Lead", "lead", item.Lead.ID)}},
	}
}

// staleLines is how many forgotten leads are named at once.
const staleLines = 10

// staleMessage lists leads that seem forgotten.
func staleMessage(items []scheduler.Item) chatMessage {
	var list richText
	var rows [][]button
	for i, item := range items {
		if i == staleLines {
			list = lines(list, plain(fmt.Sprintf("… and %d more: /leads", len(items)-i)))
			break
		}
		days := int(item.Overdue / (24 * time.Hour))
		list = lines(list, join(plain(fmt.Sprintf("%d. ", i+1)), bold(isolated(cut(called(item.Lead), 40))), plain(fmt.Sprintf(" – nothing for %d days", days))))
		rows = append(rows, []button{press(cut(fmt.Sprintf("%d. %s", i+1, called(item.Lead)), 40), "lead", item.Lead.ID)})
	}
	return chatMessage{
		text: paragraphs(bold("🕸 "+count(len(items), "lead")+" with nothing planned"), list, italic("Press one to plan the next step, or to let it go.")),
		keys: rows, silent: true,
	}
}
