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

func TestReadLater(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC) // a Monday
	for text, want := range map[string]string{
		"in 3 hours": "Mon 23 Nov 13:30", "1h": "Mon 23 Nov 11:30", "30 min": "Mon 23 Nov 11:00", "tomorrow": "Tue 24 Nov 09:00",
		"until friday": "Fri 27 Nov 09:00", "Friday 14:00": "Fri 27 Nov 14:00", "for 3 days": "Thu 26 Nov 09:00", "week": "Mon 30 Nov 09:00", "for a week": "Mon 30 Nov 09:00",
		"2 weeks": "Mon 7 Dec 09:00", "12 Dec": "Sat 12 Dec 09:00", "14:00": "Mon 23 Nov 14:00", "9:00": "Tue 24 Nov 09:00", "noon": "Mon 23 Nov 12:00",
		"until 8": "Tue 24 Nov 08:00", "at 14": "Mon 23 Nov 14:00", "until 25": "", "8": "Tue 1 Dec 09:00",
		"tonight": "Mon 23 Nov 18:00", "morning": "Tue 24 Nov 09:00", "завтра": "Tue 24 Nov 09:00", "morgen": "Tue 24 Nov 09:00",
		"": "", "later": "", "never": "", "yesterday": "", "once they answer": "", "2 days after step 1": "", "in 10 years": "", "-1": "", "every Monday": "",
	} {
		at, ok := readLater(text, now, 9)
		require.Equal(t, want != "", ok, "%q: %v", text, at)
		if ok {
			require.Equal(t, want, at.Format("Mon 2 Jan 15:04"), text)
		}
	}
}

func FuzzReadLater(f *testing.F) {
	for _, text := range []string{"in 3 hours", "friday 14:00", "until monday", "2 weeks", "14:00", "noon", "week", "-1"} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := readLater(text, now, 9); ok {
			require.True(t, at.After(now))
		}
	})
}
