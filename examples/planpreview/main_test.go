package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const base = "2026-03-04T10:00:00Z"

// preview runs the program on an input.
func preview(t *testing.T, input string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(input), &out, &errs)
	return status, out.String(), errs.String()
}

func TestTimingAnswersEveryLine(t *testing.T) {
	t.Parallel()
	input := "Day 3\n\n  in 2 weeks \n3 days after step 02\n2 days after they accept\n2 business days later\ntomorrow 2pm\n\"quoted\" <b>\n" + strings.Repeat("1", 100_000) + "\nlast line"
	status, out, errs := preview(t, input, "-timing", "-base", base)
	require.Zero(t, status)
	require.Empty(t, errs)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	want := strings.Split(input, "\n")
	require.Len(t, lines, len(want))
	answers := make([]map[string]any, len(lines))
	for i, line := range lines {
		require.NoError(t, json.Unmarshal([]byte(line), &answers[i]))
		require.Equal(t, want[i], answers[i]["text"], "the line unchanged")
	}
	require.JSONEq(t, `{"text":"Day 3","offset_days":3}`, lines[0])
	require.JSONEq(t, `{"text":"","unparseable":"empty"}`, lines[1])
	require.JSONEq(t, `{"text":"  in 2 weeks ","offset_days":14}`, lines[2])
	require.JSONEq(t, `{"text":"3 days after step 02","offset_days":3,"relative_to":"step:2"}`, lines[3])
	require.JSONEq(t, `{"text":"2 days after they accept","offset_days":2,"relative_to":"event"}`, lines[4])
	require.JSONEq(t, `{"text":"2 business days later","offset_days":2,"relative_to":"previous"}`, lines[5])
	require.InDelta(t, 1+4./24, answers[6]["offset_days"], 1e-9)
	require.Equal(t, "no_timing", answers[8]["unparseable"])
	require.Equal(t, "no_timing", answers[9]["unparseable"])
}

func TestTimingOfNothingIsNothing(t *testing.T) {
	t.Parallel()
	status, out, _ := preview(t, "", "-timing", "-base", base)
	require.Zero(t, status)
	require.Empty(t, out)
}

func TestTimingCountsDaysWhateverTheClocksDo(t *testing.T) {
	t.Parallel()
	// The clocks go forward in New York on 8 March.
	_, out, _ := preview(t, "in 7 days\nin 168 hours\nDay 7, 10am\n", "-timing", "-base", "2026-03-04T10:00:00-05:00", "-tz", "America/New_York")
	require.Equal(t, `{"text":"in 7 days","offset_days":7}
{"text":"in 168 hours","offset_days":7}
{"text":"Day 7, 10am","offset_days":6.958333333333333}
`, out)
}

func TestJSON(t *testing.T) {
	t.Parallel()
	input := `[{"step_id": 1, "timing": "Day 4"}, {"step_id": 2, "timing": "1 day later"}, {"step_id": 3}, {"step_id": 4, "delay_days": "2 days"}]`
	status, out, errs := preview(t, input, "-json", "-base", base)
	require.Zero(t, status)
	require.Empty(t, errs)
	require.JSONEq(t, `{"outcome":"ok","warnings":[],"steps":[
		{"step_id":1,"due_at":"2026-03-08T10:00:00Z","offset_days":4,"source":"timing","warnings":[]},
		{"step_id":2,"due_at":"2026-03-09T10:00:00Z","offset_days":1,"source":"timing","warnings":[]},
		{"step_id":3,"due_at":"2026-03-13T10:00:00Z","offset_days":9,"source":"default","warnings":[]},
		{"step_id":4,"due_at":"2026-03-06T10:00:00Z","offset_days":2,"source":"delay_days","warnings":["delay_string","non_monotonic"]}]}`, out)
}

func TestJSONLimits(t *testing.T) {
	t.Parallel()
	var steps []string
	for i := range 60 {
		steps = append(steps, fmt.Sprintf(`{"step_id": %d, "delay_days": %d}`, i+1, i))
	}
	for name, tt := range map[string]struct {
		input, outcome string
		steps          int
		warnings       []string
	}{
		"too many":  {"[" + strings.Join(steps, ",") + "]", "partial", 50, []string{"too_many_steps"}},
		"too large": {`[{"step_id": 1}]` + strings.Repeat(" ", 256<<10), "error", 0, []string{}},
		"nothing":   {"", "error", 0, []string{"no_json"}},
		"prose":     {"I cannot do that.", "error", 0, []string{"no_json"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, out, _ := preview(t, tt.input, "-json", "-base", base)
			require.Zero(t, status, "JSON was printed")
			var doc struct {
				Outcome  string
				Warnings []string
				Steps    []json.RawMessage
			}
			require.NoError(t, json.Unmarshal([]byte(out), &doc))
			require.Equal(t, tt.outcome, doc.Outcome)
			require.Len(t, doc.Steps, tt.steps)
			require.Equal(t, tt.warnings, doc.Warnings)
		})
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "answer.txt")
	require.NoError(t, os.WriteFile(file, []byte("Sure:\n"+`[{"step_id": 1, "action_type": "linkedin_like", "timing": "Day 1"}, {"step_id": 2, "action_type": "dance", "timing": "2 days later"}, {"step_id": 3, "timing": "once they accept"}]`), 0o600))
	status, out, errs := preview(t, "", "-base", base, "-tz", "Europe/Berlin", file)
	require.Zero(t, status)
	require.Empty(t, errs)
	require.Equal(t, `Plan of 3 steps from Wed 2026-03-04 11:00 CET: ok
Document: leading_text

STEP  DAY  DATE        TIME   OFFSET        SOURCE                 ACTION         WARNINGS
1     Thu  2026-03-05  11:00  +1d           timing "Day 1"         linkedin_like
2     Sat  2026-03-07  11:00  +2d previous  timing "2 days later"  dance          action_unknown
3     Fri  2026-03-13  11:00  +9d           default                               timing_unparseable

No date in "once they accept": event
`, out)
}

func TestCalendarFile(t *testing.T) {
	t.Parallel()
	input := `[{"step_id": 1, "description": "Say hello, then wait; ` + strings.Repeat("ä", 60) + `", "suggested_text": "Hi\nthere\u0007", "delay_days": 1}]`
	status, out, _ := preview(t, input, "-ics", "-base", base)
	require.Zero(t, status)
	require.True(t, strings.HasPrefix(out, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"))
	require.True(t, strings.HasSuffix(out, "END:VCALENDAR\r\n"))
	for _, line := range strings.Split(out, "\r\n") {
		require.LessOrEqual(t, len(line), 75)
	}
	unfolded := strings.ReplaceAll(out, "\r\n ", "")
	require.Contains(t, unfolded, "DTSTART:20260305T100000Z\r\n")
	require.Contains(t, unfolded, `SUMMARY:Say hello\, then wait\; `+strings.Repeat("ä", 60)+"\r\n")
	require.Contains(t, unfolded, `DESCRIPTION:Hi\nthere`+"\r\n")
	_, again, _ := preview(t, input, "-ics", "-base", base)
	require.Equal(t, out, again, "importing it twice changes nothing")

	_, later, _ := preview(t, input, "-ics", "-base", "2026-04-04T10:00:00Z")
	uid := regexp.MustCompile(`UID:\S+`)
	require.Equal(t, uid.FindString(out), uid.FindString(later), "another start moves the event")
	_, other, _ := preview(t, strings.Replace(input, "Hi", "Hi Bob", 1), "-ics", "-base", base)
	require.NotEqual(t, uid.FindString(out), uid.FindString(other), "another lead's plan is another plan")
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args    []string
		status  int
		message string
	}{
		"unknown flag":    {[]string{"-colour"}, 2, "-colour"},
		"bad base":        {[]string{"-base", "tomorrow"}, 2, "RFC 3339"},
		"bad zone":        {[]string{"-tz", "Mars/Olympus"}, 2, "Mars/Olympus"},
		"two files":       {[]string{"a", "b"}, 2, "one FILE"},
		"two formats":     {[]string{"-json", "-ics"}, 2, "exclude each other"},
		"no such file":    {[]string{"no-such-file"}, 1, "no-such-file"},
		"a directory":     {[]string{"."}, 1, "directory"},
		"no plan to show": {[]string{}, 1, "no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, out, errs := preview(t, "no plan", tt.args...)
			require.Equal(t, tt.status, status)
			require.Empty(t, out)
			require.Contains(t, errs, tt.message)
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	status, out, errs := preview(t, "", "-help")
	require.Zero(t, status)
	require.Empty(t, errs)
	for _, flag := range []string{"-base", "-tz", "-json", "-timing", "-ics", "FILE"} {
		require.Contains(t, out, flag)
	}
}
