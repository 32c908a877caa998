package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/followthrough-go/followthrough/scheduler"
)

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
		return t.alreadyHandled(ctx, r)
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
	return t.act(ctx, []string{strconv.FormatInt(id, 10)}, scheduler.Snoozed, func(ctx context.Context, person, id int64) (scheduler.Change, error) {
		return t.sched.Postpone(ctx, person, id, until)
	})
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
	switch {
	case err == nil:
		t.marks.note(t.from.ID, change.Mark)
		t.flash(ctx, outcomeToast(to))
	case !errors.As(err, &handled) && !errors.Is(err, scheduler.ErrNotFound):
		return err
	}
	user, userErr := t.user(ctx)
	if userErr != nil {
		// What came of it is known; only the time zone to tell it in is missing.
		t.log.Warn("settings not read", "telegram_id", t.from.ID, "error", userErr)
	}
	if user.Awaiting == awaitingTime+":"+args[0] {
		// That was the answer, or they thought of something else.
		if err := t.await(ctx, ""); err != nil {
			t.log.Warn("question not taken back", "telegram_id", t.from.ID, "error", err)
		}
	}
	switch {
	case handled != nil && handled.Reminder.Status == to:
		return t.repeated(ctx, handled.Reminder)
	case handled != nil:
		return t.alreadyHandled(ctx, handled.Reminder)
	case err != nil:
		return t.gone(ctx, err)
	}
	now := t.now(user)
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

// alreadyHandled tells how a reminder stands that a press came too late for, and
// brings its message up to date.
func (t *turn) alreadyHandled(ctx context.Context, r scheduler.Reminder) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	words := handledWords(r, t.now(user))
	if t.toast != nil {
		if err := t.notice(ctx, words); err != nil {
			return err
		}
		if t.message == r.MessageID && t.lastDid(r) {
			return nil // what came of it stands there, and can be taken back
		}
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

// repeated answers a press that asks for what is there. As a rule it is a second
// tap, and the first one changed the message; or the press was handled by a
// process that died before it could.
func (t *turn) repeated(ctx context.Context, r scheduler.Reminder) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	t.flash(ctx, handledWords(r, now))
	if t.lastDid(r) {
		return nil
	}
	lead, reminders, err := t.sched.Reconcile(ctx, t.from.ID, r.LeadID)
	if err != nil && !errors.Is(err, scheduler.ErrNotFound) {
		return err
	}
	change := scheduler.Change{Before: r, After: r, Lead: lead}
	change.Step, _ = lead.Step(r.StepID)
	if next := slices.IndexFunc(reminders, func(r scheduler.Reminder) bool { return r.Status.Open() }); next >= 0 {
		change.Next = &reminders[next]
	}
	return t.show(ctx, outcomeText(change, user, t.zone, now), []button{press("👤 Lead", "lead", r.LeadID)})
}

// lastDid reports whether what a reminder is now is what the person did last.
func (t *turn) lastDid(r scheduler.Reminder) bool {
	mark, _ := t.marks.last(t.from.ID)
	return mark.ReminderID == r.ID && mark.At.Equal(r.UpdatedAt)
}

// handledWords say how a reminder stands that is not open any more.
func handledWords(r scheduler.Reminder, now time.Time) string {
	switch r.Status {
	case scheduler.Completed:
		return "✅ Done already."
	case scheduler.Skipped:
		return "⏭ Skipped already."
	case scheduler.Snoozed:
		return "💤 Put off already, until " + moment(r.DueAt.In(now.Location()), now) + "."
	case scheduler.Cancelled:
		return "This step was replaced by a newer plan."
	}
	return "Nothing to do: this step is open."
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
	when := dated(at, now)
	switch {
	case waiting(*change.Next): // what is due then is its next nudge
		when = standing(*change.Next, now)
	case !at.After(now):
		when = "due now"
	}
	return fmt.Sprintf("Next: %d. %s – %s", change.Next.StepID, cut(oneLine(what), 100), when)
}

// openReminder sends a reminder as a message of its own.
func openReminder(ctx context.Context, t *turn, args []string) error {
	r, found, err := t.reminder(ctx, args)
	if err != nil {
		return t.gone(ctx, err)
	}
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	if !r.Status.Open() && r.Status != scheduler.Parked {
		return t.notice(ctx, handledWords(r, now)) // the list it was pressed in stays
	}
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
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 || first == utf8.RuneError {
		return text
	}
	return strings.ToUpper(string(first)) + text[size:]
}
