package bot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDatesInWords(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	now := time.Date(2026, 3, 28, 22, 30, 0, 0, time.UTC) // 23:30 in Berlin, the night clocks go forward
	for _, tc := range []struct {
		at                            time.Time
		wantMoment, wantDate, wantFar string
	}{
		{now.Add(10 * time.Minute), "today 23:40", "Sat 28 Mar 23:40 (today)", "today"},
		{now.Add(time.Hour), "tomorrow 00:30", "Sun 29 Mar 00:30 (tomorrow)", "tomorrow"},
		{now.Add(47 * time.Hour), "Mon 30 Mar 23:30", "Mon 30 Mar 23:30 (in 2 days)", "in 2 days"},
		{now.Add(-24 * time.Hour), "yesterday 23:30", "Fri 27 Mar 23:30 (yesterday)", "yesterday"},
		{now.AddDate(0, 0, -9), "Thu 19 Mar 23:30", "Thu 19 Mar 23:30 (9 days ago)", "9 days ago"},
		{now.AddDate(1, 0, 0), "Sun 28 Mar 2027 23:30", "Sun 28 Mar 2027 23:30 (in 365 days)", "in 365 days"},
	} {
		at := tc.at.In(berlin)
		if tc.at.Year() == 2027 {
			at = time.Date(2027, 3, 28, 23, 30, 0, 0, berlin)
		}
		require.Equal(t, tc.wantMoment, moment(at, now))
		require.Equal(t, tc.wantDate, dated(at, now))
		require.Equal(t, tc.wantFar, distance(at, now))
	}
	require.Empty(t, overdue(119*time.Minute))
	require.Equal(t, "overdue by 26 hours", overdue(26*time.Hour))
	require.Equal(t, "overdue by 2 days", overdue(50*time.Hour))
}

func TestSnoozeChoicesKeepTheClockTime(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	saturday := time.Date(2026, 3, 28, 23, 30, 0, 0, berlin)
	require.Equal(t, "2026-03-29T09:00:00+02:00", atHour(saturday, 1, 9).Format(time.RFC3339), "clocks went forward in between")
	require.Equal(t, "2026-03-30T09:00:00+02:00", atHour(saturday, toMonday(saturday), 9).Format(time.RFC3339))
	monday := time.Date(2026, 3, 30, 8, 0, 0, 0, berlin)
	require.Equal(t, 7, toMonday(monday), "on a Monday, the next one")
	require.Equal(t, 1, toMonday(monday.AddDate(0, 0, -1)))
}
