package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// Listings keep to dates between epoch and doomsday. PostgreSQL's "infinity",
// "-infinity" and far-off years are read as one of the two (see [instant]), and
// a row cannot be compared with a date that is not quite its own.
var (
	epoch    = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	doomsday = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

func dated() filter.Filter {
	return filter.And(filter.Gte("due_at", epoch), filter.Lt("due_at", doomsday))
}

// open keeps reminders that still come by themselves; actionable also those a
// person can still act on.
func open() filter.Filter       { return filter.In("status", Pending, Sent, Snoozed) }
func actionable() filter.Filter { return filter.In("status", Pending, Sent, Snoozed, Parked) }

func (s *Store) reminders(filters ...filter.Filter) insforge.Query {
	return s.client.From(tableReminders).Where(filters...)
}

// listReminders lists each row once. One that a claim moves while the list is
// read, page by page by the due date, is met a second time: where it was and
// where it is now, and stays where it was.
func (s *Store) listReminders(ctx context.Context, q insforge.Query) ([]Reminder, error) {
	rows, err := insforge.All[Reminder](ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list reminders: %w", err)
	}
	met := make(map[int64]bool, len(rows))
	return slices.DeleteFunc(rows, func(r Reminder) bool {
		again := met[r.ID]
		met[r.ID] = true
		return again
	}), nil
}

// Reminder returns one of a user's reminders.
func (s *Store) Reminder(ctx context.Context, telegramID, id int64) (Reminder, error) {
	r, err := insforge.One[Reminder](ctx, s.reminders(filter.Eq("id", id), filter.Eq("telegram_id", telegramID)))
	if errors.Is(err, insforge.ErrNoRows) {
		return Reminder{}, fmt.Errorf("reminder: %w", ErrNotFound)
	}
	if err != nil {
		return Reminder{}, fmt.Errorf("read reminder: %w", err)
	}
	return r, nil
}

// Reminders lists the reminders of a user's lead in the order of their due
// dates, whatever became of them; only those another plan replaced are left
// out.
func (s *Store) Reminders(ctx context.Context, telegramID, leadID int64) ([]Reminder, error) {
	return s.leadReminders(ctx, telegramID, leadID, filter.Neq("status", Cancelled))
}

// leadReminders lists the reminders of a lead that pass the filters, cancelled
// ones included.
func (s *Store) leadReminders(ctx context.Context, telegramID, leadID int64, filters ...filter.Filter) ([]Reminder, error) {
	return s.listReminders(ctx, s.reminders(filter.Eq("lead_id", leadID), filter.Eq("telegram_id", telegramID), dated()).
		Where(filters...).Order("due_at.asc", "step_id.asc", "id.asc").Counted())
}

// Agenda lists a user's open reminders due before until, the oldest first.
func (s *Store) Agenda(ctx context.Context, telegramID int64, until time.Time) ([]Reminder, error) {
	return s.listReminders(ctx, s.reminders(
		filter.Eq("telegram_id", telegramID), open(), filter.Gte("due_at", epoch), filter.Lt("due_at", until),
	).Order("due_at.asc", "id.asc").Counted())
}

// Resting lists a user's reminders that were put off or are no longer sent.
func (s *Store) Resting(ctx context.Context, telegramID int64) ([]Reminder, error) {
	return s.listReminders(ctx, s.reminders(
		filter.Eq("telegram_id", telegramID), filter.In("status", Snoozed, Parked), dated(),
	).Order("due_at.asc", "id.asc").Counted())
}

// Upcoming lists the next open reminders of all users, at most limit.
func (s *Store) Upcoming(ctx context.Context, limit int) ([]Reminder, error) {
	return s.listReminders(ctx, s.reminders(open(), dated()).
		Order("due_at.asc", "id.asc").Limit(limit))
}

// Finished lists the reminders of all users that were done or skipped at a time
// or later, the latest first, at most limit.
func (s *Store) Finished(ctx context.Context, since time.Time, limit int) ([]Reminder, error) {
	return s.listReminders(ctx, s.reminders(filter.In("status", Completed, Skipped), filter.Gte("updated_at", since)).
		Order("updated_at.desc", "id.desc").Limit(limit))
}

// earliestDue is when the next open reminder is due, some left out; false if
// there is none.
func (s *Store) earliestDue(ctx context.Context, except []int64) (time.Time, bool, error) {
	next := s.reminders(open(), dated()).Select("due_at", "id").Order("due_at.asc", "id.asc").Limit(1)
	if len(except) > 0 {
		next = next.Where(filter.Not(filter.In("id", except)))
	}
	rows, err := insforge.All[storedReminder](ctx, next)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("look for the next reminder: %w", err)
	}
	if len(rows) == 0 {
		return time.Time{}, false, nil
	}
	return time.Time(rows[0].DueAt), true, nil
}

// dueReminder is what a listing of due reminders asks for, which may be ten
// thousand rows.
type dueReminder struct {
	ID            int64   `json:"id"`
	LeadID        int64   `json:"lead_id"`
	TelegramID    int64   `json:"telegram_id"`
	StepID        int     `json:"step_id"`
	DueAt         instant `json:"due_at"`
	ReminderCount int     `json:"reminder_count"`
}

// due lists up to limit open reminders that are due at now, the oldest first:
// whose they are and how often they were nudged. What else there is to know
// comes with the claim, and then it is fresh.
func (s *Store) due(ctx context.Context, now time.Time, limit int) ([]Reminder, error) {
	rows, err := insforge.All[dueReminder](ctx, s.reminders(open(), filter.Gte("due_at", epoch), filter.Lte("due_at", now)).
		Select("id", "lead_id", "telegram_id", "step_id", "due_at", "reminder_count").
		Order("due_at.asc", "id.asc").Limit(limit))
	if err != nil {
		return nil, fmt.Errorf("list due reminders: %w", err)
	}
	due := make([]Reminder, len(rows))
	for i, row := range rows {
		due[i] = Reminder{ID: row.ID, LeadID: row.LeadID, TelegramID: row.TelegramID, StepID: row.StepID, DueAt: time.Time(row.DueAt), ReminderCount: row.ReminderCount}
	}
	return due, nil
}

// Ping asks the backend for next to nothing. Its error says why reminders
// cannot be reached: connection, credentials or missing tables.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := insforge.All[Reminder](ctx, s.client.From(tableReminders).Limit(1)); err != nil {
		return fmt.Errorf("reach reminders: %w", err)
	}
	return nil
}

// unreachable is last_error of reminders parked because Telegram refused their
// user: those come back at the user's next /start, the used-up ones do not.
const unreachable = "unreachable: "

// block notes that a user cannot be reached and parks what is open for them,
// so that it is not tried for ever.
func (s *Store) block(ctx context.Context, telegramID int64, reason string) (int64, error) {
	if err := s.ChangeUser(ctx, telegramID, UserChange{ColumnBlockedAt: s.now()}); err != nil {
		return 0, err
	}
	return s.parkAll(ctx, telegramID, reason)
}

// parkAll parks what is open for a user who cannot be reached.
func (s *Store) parkAll(ctx context.Context, telegramID int64, reason string) (int64, error) {
	n, err := s.reminders(filter.Eq("telegram_id", telegramID), open()).
		Update(ctx, map[string]any{"status": Parked, "last_error": unreachable + reason, "updated_at": s.now()}, insforge.Idempotent())
	if err != nil {
		return 0, fmt.Errorf("park reminders: %w", err)
	}
	return n, nil
}

// Unblock is for a user who writes again: what was parked because they could
// not be reached becomes open again, due as it was. It returns how many
// reminders came back.
func (s *Store) Unblock(ctx context.Context, telegramID int64) (int64, error) {
	now := s.now()
	// Reachable first: a dispatcher that looks in between would park again what
	// was opened.
	if _, err := s.client.From(tableUsers).Where(filter.Eq("telegram_id", telegramID), filter.Not(filter.IsNull("blocked_at"))).
		Update(ctx, map[string]any{"blocked_at": nil, "updated_at": now}, insforge.Idempotent()); err != nil {
		return 0, fmt.Errorf("store settings: %w", err)
	}
	var back int64
	for status, nudged := range map[Status]filter.Filter{Pending: filter.Lte("reminder_count", 0), Sent: filter.Gt("reminder_count", 0)} {
		n, err := s.reminders(filter.Eq("telegram_id", telegramID), filter.Eq("status", Parked), filter.Like("last_error", unreachable+"*"), nudged).
			Update(ctx, map[string]any{"status": status, "last_error": nil, "updated_at": now}, insforge.Idempotent())
		if err != nil {
			return back, fmt.Errorf("un-park reminders: %w", err)
		}
		back += n
	}
	return back, nil
}
