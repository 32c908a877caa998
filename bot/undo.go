package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

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
	if err == nil || errors.Is(err, scheduler.ErrAlreadyHandled) {
		t.marks.forget(t.from.ID, mark) // /undo goes on with what was done before it
	}
	if handled := (*scheduler.AlreadyHandledError)(nil); errors.As(err, &handled) && t.toast != nil && asBefore(handled.Reminder, mark) {
		// It was taken back: by a first tap, or by a process that died before it
		// could show so.
		change.After = handled.Reminder
		if change.Lead, err = t.store.Lead(ctx, t.from.ID, change.After.LeadID); errors.Is(err, scheduler.ErrNotFound) {
			err = nil
		}
		change.Step, _ = change.Lead.Step(change.After.StepID)
	}
	switch {
	case errors.Is(err, scheduler.ErrTooLate):
		return t.notice(ctx, "That is more than a minute ago. Open the lead to tick the step or open it again.")
	case errors.Is(err, scheduler.ErrAlreadyHandled):
		return t.notice(ctx, "This changed since, so there is nothing to take back.")
	case err != nil:
		return t.gone(ctx, err)
	}
	t.flash(ctx, "↩️ Taken back")
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	if !change.After.Status.Open() && change.After.Status != scheduler.Parked { // a step that was opened again
		return t.show(ctx, outcomeText(change, user, t.zone, now), []button{press("👤 Lead", "lead", change.After.LeadID)})
	}
	m := reminderMessage("↩️ Open again", change.After, change.Lead, change.Step, comesWords(change.After, now), now)
	return t.show(ctx, m.text, m.keys...)
}

// comesWords say when an open reminder comes.
func comesWords(r scheduler.Reminder, now time.Time) string {
	at := moment(r.DueAt.In(now.Location()), now)
	switch {
	case r.Status == scheduler.Parked:
		return "I do not bring it up any more. It stays listed with the lead and in /snoozed."
	case !r.DueAt.After(now):
		return "It comes in a moment."
	case waiting(r):
		return "I ask again " + at + "."
	}
	return "It comes " + at + "."
}

// asBefore reports whether a reminder stands as it did before an action.
func asBefore(r scheduler.Reminder, mark scheduler.Mark) bool {
	return r.Status == mark.Status && r.DueAt.Equal(mark.DueAt) && r.ReminderCount == mark.Count
}

// marks remembers what each person did lately, for /undo. It is kept in memory:
// an action can be taken back for a minute only.
type marks struct {
	mu     sync.Mutex
	people map[int64][]scheduler.Mark // the latest last
}

func (m *marks) note(person int64, mark scheduler.Mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.people == nil {
		m.people = map[int64][]scheduler.Mark{}
	}
	m.people[person] = append(m.people[person], mark)
	for other, done := range m.people {
		done = slices.DeleteFunc(done, func(old scheduler.Mark) bool { return mark.At.Sub(old.At) > time.Hour })
		if m.people[other] = done; len(done) == 0 {
			delete(m.people, other)
		}
	}
}

// forget takes out what was taken back.
func (m *marks) forget(person int64, mark scheduler.Mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if done := m.people[person]; len(done) > 0 {
		m.people[person] = slices.DeleteFunc(done, func(old scheduler.Mark) bool {
			return old.ReminderID == mark.ReminderID && old.At.Equal(mark.At)
		})
	}
}

func (m *marks) last(person int64) (scheduler.Mark, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	done := m.people[person]
	if len(done) == 0 {
		return scheduler.Mark{}, false
	}
	return done[len(done)-1], true
}
