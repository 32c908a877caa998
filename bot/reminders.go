package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// wording puts what the scheduler wants said into words, in the zone of each
// person; zone is that of people who have not set theirs.
func wording(zone *time.Location) func(scheduler.Message) chatMessage {
	return func(m scheduler.Message) chatMessage {
		now := m.Now.In(m.User.Location(zone))
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
	return reminderMessage(head, item.Reminder, item.Lead, item.Step, tail, now)
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
// the date that was planned. A row that somebody else wrote says nothing.
func whyNow(r scheduler.Reminder, step planparse.Step, now time.Time) richText {
	if r.PlannedAt.IsZero() {
		return nil
	}
	why := "📅 Planned for " + day(r.PlannedAt.In(now.Location()), now)
	if timing := cut(oneLine(step.Timing), 60); timing != "" && r.TimingSource == string(planparse.SourceTiming) {
		why += ": the plan says “" + timing + "”"
	} else if r.StepID > 1 {
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

// snoozeUntil is what a way to put off means when it is pressed.
func snoozeUntil(way string, now time.Time) (time.Time, error) {
	switch way {
	case "hour":
		return now.Add(time.Hour), nil
	case "tomorrow":
		return atHour(now, 1, 9), nil
	case "mon":
		return atHour(now, toMonday(now), 9), nil
	case "week":
		return atHour(now, 7, 9), nil
	}
	return time.Time{}, errStale
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
		list = lines(list, join(plain(fmt.Sprintf("%d. ", i+1)), bold(cut(oneLine(item.Lead.Display()), 40)), plain(": "+cut(oneLine(what), 70)+late)))
		rows = append(rows, []button{press(reminderLabel(i+1, oneLine(item.Lead.Display()), what), "open", item.Reminder.ID)})
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
		list = lines(list, join(plain(fmt.Sprintf("%d. ", i+1)), bold(cut(oneLine(item.Lead.Display()), 40)), plain(fmt.Sprintf(" – nothing for %d days", days))))
		rows = append(rows, []button{press(cut(fmt.Sprintf("%d. %s", i+1, oneLine(item.Lead.Display())), 40), "lead", item.Lead.ID)})
	}
	return chatMessage{
		text: paragraphs(bold("🕸 "+count(len(items), "lead")+" with nothing planned"), list, italic("Press one to plan the next step, or to let it go.")),
		keys: rows, silent: true,
	}
}

// done, skip and snooze act on the reminder that a button is about.

func done(ctx context.Context, t *turn, args []string) error {
	return t.act(ctx, args, scheduler.Completed, t.sched.Complete)
}

func skip(ctx context.Context, t *turn, args []string) error {
	return t.act(ctx, args, scheduler.Skipped, t.sched.Skip)
}

func snooze(ctx context.Context, t *turn, args []string) error {
	return t.putOff(ctx, args, t.sched.Snooze)
}

// postpone puts off what was put off before, to another time.
func postpone(ctx context.Context, t *turn, args []string) error {
	return t.putOff(ctx, args, t.sched.Postpone)
}

func (t *turn) putOff(ctx context.Context, args []string, do func(ctx context.Context, person, id int64, until time.Time) (scheduler.Change, error)) error {
	if len(args) < 2 {
		return errStale
	}
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	until, err := snoozeUntil(args[1], t.now(user))
	if err != nil {
		return err
	}
	return t.act(ctx, args, scheduler.Snoozed, func(ctx context.Context, person, id int64) (scheduler.Change, error) {
		return do(ctx, person, id, until)
	})
}

// askWhen asks until when a reminder is to be put off.
func askWhen(ctx context.Context, t *turn, args []string) error {
	r, found, err := t.reminder(ctx, args)
	if err != nil {
		return t.gone(ctx, err)
	}
	if !r.Status.Open() && r.Status != scheduler.Parked {
		return t.alreadyHandled(ctx, r, r.Status)
	}
	step, _ := found.Step(r.StepID)
	what, _ := stepTexts(r, step)
	return t.ask(ctx, awaitingTime, r.ID, join(plain("🕓 When should “"+cut(oneLine(what), 80)+"” come back? For example: in 3 hours, friday 14:00, 2 weeks, 12 Dec.")))
}

// snoozeTo puts a reminder off until what a text says, and the message that
// brought it up shows so, too.
func (t *turn) snoozeTo(ctx context.Context, id int64, text string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	until, ok := readLater(text, t.now(user), dayHour(user.SendHour))
	if !ok {
		return t.say(ctx, plain("I cannot read when that is, or it is not ahead. For example: in 3 hours, friday 14:00, 2 weeks, 12 Dec."), []button{press("Never mind", "cancel")})
	}
	if err := t.await(ctx, ""); err != nil {
		return err
	}
	return t.act(ctx, []string{strconv.FormatInt(id, 10)}, scheduler.Snoozed, func(ctx context.Context, person, id int64) (scheduler.Change, error) {
		return t.sched.Postpone(ctx, person, id, until)
	})
}

func reopen(ctx context.Context, t *turn, args []string) error {
	return t.act(ctx, args, scheduler.Pending, t.sched.Reopen)
}

func undo(ctx context.Context, t *turn, args []string) error {
	mark, err := scheduler.ParseMark(args[0])
	if err != nil {
		return errStale
	}
	return t.undo(ctx, mark)
}

// undoLast is the command /undo.
func undoLast(ctx context.Context, t *turn, _ string) error {
	mark, ok := t.marks.last(t.from.ID)
	if !ok {
		return t.say(ctx, plain("There is nothing to take back. A step can be opened again from its lead: /lead."))
	}
	return t.undo(ctx, mark)
}

// undo takes an action back and shows the reminder as it was.
func (t *turn) undo(ctx context.Context, mark scheduler.Mark) error {
	change, err := t.sched.Undo(ctx, t.from.ID, mark)
	switch {
	case errors.Is(err, scheduler.ErrTooLate):
		return t.notice(ctx, "That is more than a minute ago. Open the lead to tick the step or open it again.")
	case errors.Is(err, scheduler.ErrAlreadyHandled):
		return t.notice(ctx, "This changed since, so there is nothing to take back.")
	case err != nil:
		return t.gone(ctx, err)
	}
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	t.flash(ctx, "↩️ Taken back")
	m := reminderMessage("↩️ Open again", change.After, change.Lead, change.Step, "I ask again "+moment(change.After.DueAt.In(now.Location()), now)+".", now)
	return t.show(ctx, m.text, m.keys...)
}

// marks remembers each person's last action, for /undo. It is kept in memory:
// an action can be taken back for a minute only.
type marks struct {
	mu     sync.Mutex
	people map[int64]scheduler.Mark
}

func (m *marks) note(person int64, mark scheduler.Mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.people == nil {
		m.people = map[int64]scheduler.Mark{}
	}
	for other, old := range m.people {
		if mark.At.Sub(old.At) > time.Hour {
			delete(m.people, other)
		}
	}
	m.people[person] = mark
}

func (m *marks) last(person int64) (scheduler.Mark, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mark, ok := m.people[person]
	return mark, ok
}

// act carries out what a press on a reminder asks for, and changes the message
// to what came of it.
func (t *turn) act(ctx context.Context, args []string, to scheduler.Status, do func(ctx context.Context, person, id int64) (scheduler.Change, error)) error {
	ids, err := numbers(args, 1)
	if err != nil {
		return err
	}
	change, err := do(ctx, t.from.ID, ids[0])
	var handled *scheduler.AlreadyHandledError
	if errors.As(err, &handled) {
		return t.alreadyHandled(ctx, handled.Reminder, to)
	}
	if err != nil {
		return t.gone(ctx, err)
	}
	user, err := t.user(ctx)
	if err != nil {
		// It is done; only the time zone to tell it in is missing.
		t.log.Warn("settings not read", "telegram_id", t.from.ID, "error", err)
	}
	now := t.now(user)
	t.marks.note(t.from.ID, change.Mark)
	t.flash(ctx, outcomeToast(to))
	text := outcomeText(change, user, t.zone, now)
	if old := change.Before.MessageID; t.toast == nil && old != 0 {
		// It was told in a message, so the buttons under the reminder still stand.
		if err := t.courier.edit(ctx, t.chat, old, chatMessage{text: text}); err != nil {
			t.log.Debug("reminder not brought up to date", "error", err)
		}
	}
	row := []button{press("↩️ Undo", "undo", change.Mark), press("👤 Lead", "lead", change.After.LeadID)}
	if change.Next == nil && change.Lead.ID != 0 && !change.After.Status.Open() {
		row = append(row, press("✨ New plan", "regen", change.Lead.ID))
	}
	return t.show(ctx, text, row)
}

// gone tells that a reminder is not there for this person; other errors it
// hands on.
func (t *turn) gone(ctx context.Context, err error) error {
	if !errors.Is(err, scheduler.ErrNotFound) {
		return err
	}
	if t.chat != t.from.ID {
		return t.notice(ctx, "This is somebody else's reminder, so your press changed nothing.")
	}
	return t.notice(ctx, "This reminder is gone: its lead was deleted, or it belongs to somebody else.")
}

// alreadyHandled tells how a reminder stands that a press came too late for. A
// message that still shows the old state is brought up to date.
func (t *turn) alreadyHandled(ctx context.Context, r scheduler.Reminder, wanted scheduler.Status) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	words := map[scheduler.Status]string{
		scheduler.Completed: "✅ Done already.",
		scheduler.Skipped:   "⏭ Skipped already.",
		scheduler.Snoozed:   "💤 Put off already, until " + moment(r.DueAt.In(now.Location()), now) + ".",
		scheduler.Cancelled: "This step was replaced by a newer plan.",
	}[r.Status]
	if words == "" {
		words = "Nothing to do: this step is open."
	}
	if err := t.notice(ctx, words); err != nil {
		return err
	}
	mark, _ := t.marks.last(t.from.ID)
	if r.Status == wanted && (r.MessageID == t.message || mark.ReminderID == r.ID) {
		return nil // a second tap; the first one changed the message
	}
	found, err := t.store.Lead(ctx, t.from.ID, r.LeadID)
	if err != nil && !errors.Is(err, scheduler.ErrNotFound) {
		return err
	}
	text := lines(bold(words), whose(found))
	if r.Status != scheduler.Cancelled { // the plan has another step of that number now, or none
		step, _ := found.Step(r.StepID)
		what, _ := stepTexts(r, step)
		text = paragraphs(text, plain(fmt.Sprintf("%d. %s", r.StepID, cut(what, 900))))
	}
	return t.show(ctx, text, []button{press("👤 Lead", "lead", r.LeadID)})
}

func outcomeToast(to scheduler.Status) string {
	switch to {
	case scheduler.Completed:
		return "✅ Done"
	case scheduler.Skipped:
		return "⏭ Skipped"
	case scheduler.Snoozed:
		return "💤 Put off"
	}
	return "↩️ Open again"
}

// outcomeText is what stands in place of a reminder after it was acted on.
func outcomeText(change scheduler.Change, user scheduler.User, zone *time.Location, now time.Time) richText {
	r := change.After
	at := moment(r.DueAt.In(now.Location()), now)
	var head string
	switch r.Status {
	case scheduler.Completed:
		head = "✅ Done"
	case scheduler.Skipped:
		head = "⏭ Skipped"
	case scheduler.Snoozed:
		head = "💤 Snoozed until " + at
	default:
		head = "↩️ Open again, comes " + at
	}
	what, _ := stepTexts(r, change.Step)
	text := lines(bold(head), whose(change.Lead), plain(fmt.Sprintf("%d. %s", r.StepID, cut(what, 900))))
	if sendable := user.SendableAt(r.DueAt, zone); r.Status.Open() && sendable.After(r.DueAt) {
		text = lines(text, italic("You want none then, so it comes "+moment(sendable.In(now.Location()), now)+": /settings."))
	}
	if next := nextText(change, now); next != "" && r.Status != scheduler.Pending {
		text = paragraphs(text, plain(next))
	}
	return text
}

// nextText says what comes next with a lead.
func nextText(change scheduler.Change, now time.Time) string {
	switch {
	case change.Lead.ID == 0:
		return ""
	case change.Next == nil && change.After.Status != scheduler.Snoozed:
		return "🎉 That was the last open step of the plan. I ask how it went in a few days."
	case change.Next == nil || change.Next.ID == change.After.ID:
		return ""
	}
	step, _ := change.Lead.Step(change.Next.StepID)
	what, _ := stepTexts(*change.Next, step)
	at := change.Next.DueAt.In(now.Location())
	if !at.After(now) {
		return fmt.Sprintf("Next: %d. %s – due now", change.Next.StepID, cut(oneLine(what), 100))
	}
	return fmt.Sprintf("Next: %d. %s – %s", change.Next.StepID, cut(oneLine(what), 100), dated(at, now))
}

// openReminder sends a reminder as a message of its own.
func openReminder(ctx context.Context, t *turn, args []string) error {
	r, found, err := t.reminder(ctx, args)
	if err != nil {
		return t.gone(ctx, err)
	}
	if !r.Status.Open() && r.Status != scheduler.Parked {
		return t.alreadyHandled(ctx, r, r.Status)
	}
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	step, _ := found.Step(r.StepID)
	m := reminderMessage("🗒 "+upperFirst(standing(r, now)), r, found, step, "", now)
	return t.say(ctx, m.text, m.keys...)
}

// showDraft sends a draft as a whole, in as many messages as it takes.
func showDraft(ctx context.Context, t *turn, args []string) error {
	r, found, err := t.reminder(ctx, args)
	if err != nil {
		return t.gone(ctx, err)
	}
	step, _ := found.Step(r.StepID)
	_, draft := stepTexts(r, step)
	if r.Status == scheduler.Cancelled {
		draft = strings.TrimSpace(r.DraftText) // the plan has another step of that number now, or none
	}
	if draft == "" {
		return t.notice(ctx, "This step has no draft.")
	}
	for _, piece := range pieces(draft, maxText) {
		if err := t.say(ctx, copyable(piece)); err != nil {
			return err
		}
	}
	return nil
}

// reminder is the reminder a button is about, with its lead; the zero lead
// where that is gone.
func (t *turn) reminder(ctx context.Context, args []string) (scheduler.Reminder, scheduler.Lead, error) {
	ids, err := numbers(args, 1)
	if err != nil {
		return scheduler.Reminder{}, scheduler.Lead{}, err
	}
	r, err := t.store.Reminder(ctx, t.from.ID, ids[0])
	if err != nil {
		return scheduler.Reminder{}, scheduler.Lead{}, err
	}
	found, err := t.store.Lead(ctx, t.from.ID, r.LeadID)
	if err != nil && !errors.Is(err, scheduler.ErrNotFound) {
		return scheduler.Reminder{}, scheduler.Lead{}, err
	}
	return r, found, nil
}

func upperFirst(text string) string {
	for i, r := range text {
		return strings.ToUpper(string(r)) + text[i+len(string(r)):]
	}
	return text
}
