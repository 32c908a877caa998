package scheduler

import (
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
	UpdatedAt time.Time `json:"updated_at"`          // of the last change by this package, and unique then
}

// Planned is the date to show as the step's own: the plan's, or the due date
// of a row that came without one.
func (r Reminder) Planned() time.Time {
	if r.PlannedAt.IsZero() {
		return r.DueAt
	}
	return r.PlannedAt
}
