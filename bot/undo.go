package bot

import (
	"context"
	"errors"
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
	m := reminderMessage("↩️ Open again", change.After, change.Lead, change.Step, "I ask again "+moment(change.After.DueAt.In(now.Location()), now)+".", now)
	return t.show(ctx, m.text, m.keys...)
}

// asBefore reports whether a reminder stands as it did before an action.
func asBefore(r scheduler.Reminder, mark scheduler.Mark) bool {
	return r.Status == mark.Status && r.DueAt.Equal(mark.DueAt) && r.ReminderCount == mark.Count
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
