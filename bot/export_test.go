package bot

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

func TestTheCalendarFile(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	due := time.Date(2026, 11, 24, 9, 30, 0, 0, time.FixedZone("", 3600))
	file := string(calendar([]holding{{
		lead:     scheduler.Lead{ID: 1, Name: "Jane; Doe", Company: "Acme"},
		step:     planparse.Step{ID: 2, Description: "Call her", SuggestedText: "Hi Jane,\nare you \\ there?"},
		reminder: scheduler.Reminder{ID: 7, LeadID: 1, StepID: 2, DueAt: due},
	}}, now))
	require.Equal(t, strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Followthrough//reminders//EN", "CALSCALE:GREGORIAN", "METHOD:PUBLISH", "X-WR-CALNAME:Followthrough",
		"BEGIN:VEVENT", "UID:reminder-7@followthrough", "DTSTAMP:20261123T100000Z", "DTSTART:20261124T083000Z", "DTEND:20261124T084500Z",
		`SUMMARY:Jane\; Doe: Call her`, `DESCRIPTION:Jane\; Doe (Acme)\n\nHi Jane\,\nare you \\ there?`, "TRANSP:TRANSPARENT", "END:VEVENT",
		"END:VCALENDAR", "",
	}, "\r\n"), file)
}

func TestACalendarHasNoEndsOfLinesButItsOwn(t *testing.T) {
	t.Parallel()
	require.Equal(t, `a\nb\nc\nd\nef`, calendarText("a\r\nb\u2028c\u2029d\u0085e\x7f\x00f"))
}

func TestLongLinesOfACalendarAreFolded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := "SUMMARY:" + calendarText(rapid.String().Draw(t, "text"))
		file := folded(text)
		for line := range strings.SplitSeq(strings.TrimSuffix(file, "\r\n"), "\r\n") {
			require.LessOrEqual(t, len(line), 75)
			require.True(t, utf8.ValidString(line), "no rune is torn")
			require.NotContains(t, line, "\n", "no value begins a line")
		}
		require.Equal(t, text, strings.ReplaceAll(strings.TrimSuffix(file, "\r\n"), "\r\n ", ""))
	})
}

func TestTheTableFile(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 3600)
	due := time.Date(2026, 11, 24, 8, 30, 0, 0, time.UTC)
	jane := scheduler.Lead{ID: 1, Name: `=HYPERLINK("http://x")`, Title: "CTO", Company: "Acme, Inc.", Notes: "two\nlines"}
	file := table([]holding{
		{lead: jane, step: planparse.Step{ID: 1, Description: "Like", Action: "linkedin_like", Status: planparse.StatusDone, CompletedAt: "2026-11-23T10:00:00Z"}},
		{lead: jane, reminder: scheduler.Reminder{ID: 7, StepID: 2, Status: scheduler.Sent, PlannedAt: due, DueAt: due.Add(24 * time.Hour), DraftText: "Send the slides"}},
		{lead: scheduler.Lead{ID: 2}},
	}, zone)
	require.Equal(t, "\ufeff", string(file[:3]))
	rows, err := csv.NewReader(strings.NewReader(string(file[3:]))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, [][]string{
		tableColumns,
		{"1", `'=HYPERLINK("http://x")`, "CTO", "Acme, Inc.", "two\nlines", "1", "linkedin_like", "Like", "", "done", "", "", "2026-11-23 11:00"},
		{"1", `'=HYPERLINK("http://x")`, "CTO", "Acme, Inc.", "two\nlines", "2", "", "Send the slides", "", "sent", "2026-11-24 09:30", "2026-11-25 09:30", ""},
		{"2", "Lead 2", "", "", "", "", "", "", "", "", "", "", ""},
	}, rows)
}
