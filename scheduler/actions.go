package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/planparse"
)

// ErrAlreadyHandled says that a reminder is no longer in a state the action
// applies to: it was done, skipped, cancelled or put off before. The error is
// an [*AlreadyHandledError], which tells how it stands now.
var ErrAlreadyHandled = errors.New("already handled")

// ErrTooLate says that an action is too old to be undone.
var ErrTooLate = errors.New("too late to undo")

// AlreadyHandledError is [ErrAlreadyHandled] with the reminder as it stands.
type AlreadyHandledError struct{ Reminder Reminder }

// Error implements error.
func (e *AlreadyHandledError) Error() string {
	return fmt.Sprintf("reminder %d is %s: %v", e.Reminder.ID, e.Reminder.Status, ErrAlreadyHandled)
}

// Is makes errors.Is(err, ErrAlreadyHandled) true.
func (e *AlreadyHandledError) Is(target error) bool { return target == ErrAlreadyHandled }

// Change is what an action did.
type Change struct {
	Before, After Reminder
	Lead          Lead           // the zero Lead where it has vanished
	Step          planparse.Step // the zero Step where the lead's plan has none of that number
	Next          *Reminder      // the lead's next open reminder; nil when none is left
	Mark          Mark           // takes the action back, for a minute
}

// undoTime is how long an action can be taken back.
const undoTime = time.Minute

// Mark identifies an action and remembers what it replaced: all it takes to
// undo it. Its text form fits a button.
type Mark struct {
	ReminderID int64
	At         time.Time // of the action, to the microsecond
	Status     Status    // before the action
	DueAt      time.Time // before the action
	Count      int       // reminder_count before the action
}

var markLetters = map[Status]string{Pending: "p", Sent: "s", Snoozed: "z", Parked: "k", Completed: "c", Skipped: "x"}

// String is the mark's text form: letters, digits and dots, at most 48 bytes.
func (m Mark) String() string {
	base36 := func(n int64) string { return strconv.FormatInt(n, 36) }
	return strings.Join([]string{base36(m.ReminderID), markLetters[m.Status], base36(m.At.UnixMicro()), base36(m.DueAt.UnixMicro()), base36(int64(m.Count))}, ".")
}

// ParseMark reads the text form of a mark.
func ParseMark(text string) (Mark, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 5 {
		return Mark{}, fmt.Errorf("%q is no undo mark", text)
	}
	var numbers [4]int64
	for i, part := range []string{parts[0], parts[2], parts[3], parts[4]} {
		n, err := strconv.ParseInt(part, 36, 64)
		if err != nil {
			return Mark{}, fmt.Errorf("%q is no undo mark", text)
		}
		numbers[i] = n
	}
	if numbers[3] < 0 || numbers[3] > 100 {
		return Mark{}, fmt.Errorf("%q is no undo mark", text) // whoever presses a button may have made it
	}
	for status, letter := range markLetters {
		if letter == parts[1] {
			return Mark{ReminderID: numbers[0], Status: status, At: time.UnixMicro(numbers[1]).UTC(),
				DueAt: time.UnixMicro(numbers[2]).UTC(), Count: int(numbers[3])}, nil
		}
	}
	return Mark{}, fmt.Errorf("%q is no undo mark", text)
}

// Complete marks a user's reminder as done.
func (s *Scheduler) Complete(ctx context.Context, telegramID, reminderID int64) (Change, error) {
	return s.close(ctx, telegramID, reminderID, Completed)
}

// Skip marks a user's reminder as let go.
func (s *Scheduler) Skip(ctx context.Context, telegramID, reminderID int64) (Change, error) {
	return s.close(ctx, telegramID, reminderID, Skipped)
}

func (s *Scheduler) close(ctx context.Context, telegramID, reminderID int64, status Status) (Change, error) {
	return s.act(ctx, telegramID, reminderID, func(r Reminder, at time.Time) map[string]any {
		if !r.Status.Open() && r.Status != Parked {
			return nil
		}
		set := map[string]any{"status": status}
		if status == Completed {
			set["completed_at"] = at
		}
		return set
	})
}

// Snooze puts a user's reminder off until a later time. It does not use up a
// nudge: the one that was answered with a snooze comes again. A reminder that
// its user put off already stays as it is until it comes back.
func (s *Scheduler) Snooze(ctx context.Context, telegramID, reminderID int64, until time.Time) (Change, error) {
	return s.putOff(ctx, telegramID, reminderID, until, false)
}

// Postpone puts a user's reminder off as Snooze does, and also one that was put
// off before: to another time.
func (s *Scheduler) Postpone(ctx context.Context, telegramID, reminderID int64, until time.Time) (Change, error) {
	return s.putOff(ctx, telegramID, reminderID, until, true)
}

func (s *Scheduler) putOff(ctx context.Context, telegramID, reminderID int64, until time.Time, again bool) (Change, error) {
	until = until.UTC().Truncate(time.Microsecond)
	if !until.After(s.store.clock.Now()) {
		return Change{}, fmt.Errorf("snooze until %s: that is not in the future", until.Format(time.RFC3339))
	}
	return s.act(ctx, telegramID, reminderID, func(r Reminder, at time.Time) map[string]any {
		putOff := r.Status == Snoozed && r.ClaimToken.IsZero() // by its user, and not nudged since
		if (putOff && r.DueAt.After(at) && !again) || (!r.Status.Open() && r.Status != Parked) {
			return nil
		}
		set := map[string]any{"status": Snoozed, "due_at": until, "snooze_count": r.SnoozeCount + 1, "last_reminded_at": nil}
		if !putOff {
			set["reminder_count"] = max(r.ReminderCount-1, 0)
		}
		return set
	})
}

// Reopen makes a done or skipped reminder of a user's open again. It comes
// when the plan said, or a day from now where that has passed.
func (s *Scheduler) Reopen(ctx context.Context, telegramID, reminderID int64) (Change, error) {
	return s.act(ctx, telegramID, reminderID, func(r Reminder, at time.Time) map[string]any {
		if r.Status != Completed && r.Status != Skipped {
			return nil
		}
		due := r.Planned()
		if !due.After(at) {
			due = at.Add(24 * time.Hour)
		}
		return map[string]any{"status": Pending, "due_at": due, "reminder_count": 0, "last_reminded_at": nil, "completed_at": nil, "last_error": nil}
	})
}

// Undo takes an action back, within a minute, if nothing happened to the
// reminder since.
func (s *Scheduler) Undo(ctx context.Context, telegramID int64, mark Mark) (Change, error) {
	tooLate := false
	done, err := s.act(ctx, telegramID, mark.ReminderID, func(r Reminder, at time.Time) map[string]any {
		if !r.UpdatedAt.Equal(mark.At) {
			return nil // perhaps by this very press, which is handled again
		}
		if tooLate = at.Sub(mark.At) > undoTime; tooLate {
			return nil
		}
		set := map[string]any{"status": mark.Status, "due_at": mark.DueAt, "reminder_count": mark.Count, "completed_at": nil}
		if mark.Status == Completed {
			set["completed_at"] = at
		}
		if r.Status == Snoozed {
			set["snooze_count"] = max(r.SnoozeCount-1, 0)
			if mark.Count > r.ReminderCount {
				// The snooze gave a nudge back. Some token must stand there, or
				// a second snooze could not; what was put off again has none.
				set["last_reminded_at"] = s.tokens.next(s.store.clock.Now())
			}
		}
		return set
	})
	if tooLate {
		return Change{}, ErrTooLate
	}
	return done, err
}

// SetStep ticks a step of a lead's plan off, or opens it again: the reminder
// and the plan together. A step without a reminder changes in the plan only.
func (s *Scheduler) SetStep(ctx context.Context, telegramID, leadID int64, stepID int, done bool) (Change, error) {
	rows, err := s.store.leadReminders(ctx, telegramID, leadID)
	if err != nil {
		return Change{}, err
	}
	for _, r := range inForce(rows) {
		switch {
		case r.StepID != stepID || r.PlannedAt.IsZero():
		case done:
			return s.Complete(ctx, telegramID, r.ID)
		default:
			return s.Reopen(ctx, telegramID, r.ID)
		}
	}
	status := planparse.StatusPending
	if done {
		status = planparse.StatusDone
	}
	lead, err := s.setPlanSteps(ctx, telegramID, leadID, map[int]string{stepID: status})
	if err != nil {
		return Change{}, err
	}
	step, ok := lead.Step(stepID)
	if !ok {
		return Change{}, fmt.Errorf("step %d: %w", stepID, ErrNotFound)
	}
	return Change{Lead: lead, Step: step}, nil
}

// act reads a user's reminder, asks change what to set, and swaps the row if
// it still stands as it was read. change returns nil where the action does not
// apply. A row that moved in between is looked at again, a few times.
//
// What follows a change is done before act returns. A process may die before
// that, or its store be gone; whoever presses next does the rest.
func (s *Scheduler) act(ctx context.Context, telegramID, reminderID int64, change func(r Reminder, at time.Time) map[string]any) (Change, error) {
	for range 4 {
		before, err := insforge.One[Reminder](ctx, s.store.reminders(filter.Eq("id", reminderID), filter.Eq("telegram_id", telegramID)))
		if errors.Is(err, insforge.ErrNoRows) {
			return Change{}, fmt.Errorf("reminder: %w", ErrNotFound)
		}
		if err != nil {
			return Change{}, fmt.Errorf("read reminder: %w", err)
		}
		if before, err = s.mendLog(ctx, before); err != nil {
			return Change{}, err
		}
		now := s.store.now()
		set := change(before, now)
		if set == nil {
			s.showPress(ctx, before)
			return Change{}, &AlreadyHandledError{Reminder: before}
		}
		at := s.tokens.next(now)
		set["updated_at"] = at
		after, swapped, err := s.swap(ctx, before, set, at)
		if err != nil {
			return Change{}, err
		}
		if swapped {
			return s.changed(ctx, before, after)
		}
	}
	return Change{}, fmt.Errorf("reminder %d keeps changing; try again", reminderID)
}

// swap is the compare-and-swap: it sets columns of a row that still has the
// state it was read in. When the answer to the request is lost, the row is
// read back: at tells whether the change is ours.
func (s *Scheduler) swap(ctx context.Context, before Reminder, set map[string]any, at time.Time) (Reminder, bool, error) {
	row := s.store.reminders(filter.Eq("id", before.ID), filter.Eq("telegram_id", before.TelegramID))
	rows, err := insforge.Update[Reminder](ctx, row.Where(
		filter.Eq("status", before.Status), filter.Eq("due_at", before.DueAt),
		filter.Eq("reminder_count", before.ReminderCount), filter.Eq("snooze_count", before.SnoozeCount),
	), set)
	// A gateway may carry a request out twice and answer with what the second
	// time found, which is nothing.
	if (err == nil && len(rows) == 0) || (err != nil && !insforge.SafeToRepeat(err)) {
		back, readErr := insforge.All[Reminder](ctx, row.Where(filter.Eq("updated_at", at)))
		if readErr == nil {
			rows, err = back, nil
		}
	}
	if err != nil {
		return Reminder{}, false, fmt.Errorf("change reminder: %w", err)
	}
	if len(rows) == 0 {
		return Reminder{}, false, nil
	}
	return rows[0], true, nil
}

// changed does what follows a press: the plan shown with the lead, the log, and
// the look ahead.
func (s *Scheduler) changed(ctx context.Context, before, after Reminder) (Change, error) {
	s.wake()
	change := Change{Before: before, After: after,
		Mark: Mark{ReminderID: after.ID, At: after.UpdatedAt, Status: before.Status, DueAt: before.DueAt, Count: before.ReminderCount}}
	change.Lead, change.Next = s.showPress(ctx, after)
	change.Step, _ = change.Lead.Step(after.StepID)
	kind := ActivityStepReopened
	switch {
	case after.Status == Completed:
		kind = ActivityStepDone
	case after.Status == Skipped:
		kind = ActivityStepSkipped
	case after.SnoozeCount > before.SnoozeCount:
		kind = ActivityStepSnoozed
	}
	if err := s.logPress(ctx, after, kind, change.Step); err != nil {
		return Change{}, err
	}
	return change, nil
}

// showPress brings the plan shown with a reminder's lead in line, and has the
// lead asked after where nothing of it is open. It returns the lead and the next
// open reminder. The reminders are what counts, so failures are logged, and
// repaired when the lead is next looked at.
func (s *Scheduler) showPress(ctx context.Context, r Reminder) (lead Lead, next *Reminder) {
	lead, reminders, err := s.Reconcile(ctx, r.TelegramID, r.LeadID)
	if err != nil {
		if !errors.Is(err, ErrNotFound) {
			s.log.Warn("plan of the lead not updated", "lead", r.LeadID, "error", err)
		}
		return lead, nil
	}
	for _, one := range reminders {
		if one.Status.Open() {
			return lead, &one
		}
	}
	s.planFollowup(ctx, lead)
	return lead, nil
}

// stepStatus is what the plan says of a step whose reminder has a status.
func stepStatus(status Status) string {
	switch status {
	case Completed:
		return planparse.StatusDone
	case Skipped:
		return planparse.StatusSkipped
	default:
		return planparse.StatusPending
	}
}
