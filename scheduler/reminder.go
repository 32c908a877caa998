package scheduler

import (
	"encoding/json"
	"time"
)

// Status says where a reminder stands. The database holds the same set in a
// CHECK constraint.
type Status string

// The statuses of a reminder.
const (
	Pending   Status = "pending"   // never delivered so far
	Sent      Status = "sent"      // at least one nudge was delivered; the next comes at DueAt
	Snoozed   Status = "snoozed"   // put off, by its user or after the last nudge; comes back at DueAt
	Completed Status = "completed" // the user did the step
	Skipped   Status = "skipped"   // the user let the step go, or its lead is gone
	Cancelled Status = "cancelled" // another plan took its place
	Parked    Status = "parked"    // no longer sent, only listed: every nudge is used up, or the user cannot be reached
)

// Open reports whether a reminder in this status still comes by itself.
func (s Status) Open() bool { return s == Pending || s == Sent || s == Snoozed }

// Reminder is a row of scheduled_reminders: one step of one lead's plan, and
// when its user is to be reminded of it. Zero times stand for NULL.
type Reminder struct {
	ID          int64  `json:"id"`
	LeadID      int64  `json:"lead_id"`
	TelegramID  int64  `json:"telegram_id"`
	StepID      int    `json:"step_id"`
	PlanVersion string `json:"plan_version"`
	Status      Status `json:"status"`

	DueAt        time.Time `json:"due_at"`        // when the next nudge is due
	PlannedAt    time.Time `json:"planned_at"`    // what the plan said; zero for rows written by others
	TimingSource string    `json:"timing_source"` // how the plan's date was found

	SnoozeCount   int       `json:"snooze_count"`
	ReminderCount int       `json:"reminder_count"` // nudges claimed so far
	ClaimToken    time.Time `json:"last_reminded_at"`
	CompletedAt   time.Time `json:"completed_at"`

	DraftText string    `json:"draft_text"`
	MessageID int64     `json:"telegram_message_id"` // the last nudge's message, where known
	LastError string    `json:"last_error"`          // why it was parked or skipped
	UpdatedAt time.Time `json:"updated_at"`          // of the last change; unique where a person made it
}

// UnmarshalJSON implements json.Unmarshaler. It reads whatever dates
// PostgreSQL holds.
func (r *Reminder) UnmarshalJSON(data []byte) error {
	var row storedReminder
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	*r = row.reminder()
	return nil
}

// storedReminder is a Reminder as it is read. Listings of many rows read it
// directly, which takes a fraction of the time that an UnmarshalJSON for every
// row takes.
type storedReminder struct {
	ID            int64   `json:"id"`
	LeadID        int64   `json:"lead_id"`
	TelegramID    int64   `json:"telegram_id"`
	StepID        int     `json:"step_id"`
	PlanVersion   string  `json:"plan_version"`
	Status        Status  `json:"status"`
	DueAt         instant `json:"due_at"`
	PlannedAt     instant `json:"planned_at"`
	TimingSource  string  `json:"timing_source"`
	SnoozeCount   int     `json:"snooze_count"`
	ReminderCount int     `json:"reminder_count"`
	ClaimToken    instant `json:"last_reminded_at"`
	CompletedAt   instant `json:"completed_at"`
	DraftText     string  `json:"draft_text"`
	MessageID     int64   `json:"telegram_message_id"`
	LastError     string  `json:"last_error"`
	UpdatedAt     instant `json:"updated_at"`
}

func (r storedReminder) reminder() Reminder {
	return Reminder{
		ID: r.ID, LeadID: r.LeadID, TelegramID: r.TelegramID, StepID: r.StepID, PlanVersion: r.PlanVersion, Status: r.Status,
		DueAt: time.Time(r.DueAt), PlannedAt: time.Time(r.PlannedAt), TimingSource: r.TimingSource,
		SnoozeCount: r.SnoozeCount, ReminderCount: r.ReminderCount, ClaimToken: time.Time(r.ClaimToken), CompletedAt: time.Time(r.CompletedAt),
		DraftText: r.DraftText, MessageID: r.MessageID, LastError: r.LastError, UpdatedAt: time.Time(r.UpdatedAt),
	}
}

// Planned is the date to show as the step's own: the plan's, or the due date
// of a row that came without one.
func (r Reminder) Planned() time.Time {
	if r.PlannedAt.IsZero() {
		return r.DueAt
	}
	return r.PlannedAt
}
