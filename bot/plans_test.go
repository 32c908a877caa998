package bot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/scheduler"
)

// A step that is due at once is claimed while its plan is still being told
// about, and its due date moves on to the next nudge.
func TestWhatWasScheduledIsToldAsItWasPlanned(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	scheduled := scheduler.Scheduled{Lead: scheduler.Lead{Name: "Jane Doe"}, Reminders: []scheduler.Reminder{
		{StepID: 2, Status: scheduler.Pending, PlannedAt: now.Add(time.Hour), DueAt: now.Add(time.Hour)},
		{StepID: 3, Status: scheduler.Completed, PlannedAt: now, DueAt: now},
		{StepID: 1, Status: scheduler.Pending, PlannedAt: now, DueAt: now.Add(24 * time.Hour), ReminderCount: 1},
	}}
	text := scheduledText(scheduled, scheduler.User{}, now).plain()
	require.Contains(t, text, "2 reminders.\n\n1. Wed 4 Mar 10:00 (today) · \n2. Wed 4 Mar 11:00 (today) · \n\nYou")

	scheduled.Already = true // on a later day, when it comes next is what counts
	text = scheduledText(scheduled, scheduler.User{}, now).plain()
	require.Contains(t, text, "2. Wed 4 Mar 11:00 (today) · \n1. Thu 5 Mar 10:00 (tomorrow) · \n")
}
