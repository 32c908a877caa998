package planparse

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// labelledTiming is a line of testdata/timing.jsonl.
type labelledTiming struct {
	ID       string
	Text     string
	Expected json.RawMessage
	Grain    string
	Alt      []json.RawMessage
	RelDays  float64 `json:"rel_days"`
	RelTo    string  `json:"rel_to"`
	Reason   string
	Category string
	Lang     string
}

// labelBase is the moment all labels are counted from, a Wednesday.
var labelBase = time.Date(2026, time.March, 4, 10, 0, 0, 0, time.UTC)

func readLines[T any](t testing.TB, name string) []T {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer f.Close()
	var out []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v T
		require.NoError(t, json.Unmarshal(lines.Bytes(), &v), lines.Text())
		out = append(out, v)
	}
	require.NoError(t, lines.Err())
	return out
}

// right reports whether an answer is the expected one or an accepted other,
// and whether it is the first.
func (l labelledTiming) right(got Timing, err error) (strict, accepted bool) {
	for i, want := range append([]json.RawMessage{l.Expected}, l.Alt...) {
		if l.matches(want, got, err) {
			return i == 0, true
		}
	}
	return false, false
}

func (l labelledTiming) matches(want json.RawMessage, got Timing, err error) bool {
	var word string
	if json.Unmarshal(want, &word) == nil {
		switch word {
		case "unparseable":
			return err != nil
		case "relative-to-previous":
			return err == nil && got.RelativeTo.String() == l.RelTo && math.Abs(got.OffsetDays-l.RelDays) < 1./24
		}
	}
	var days float64
	if err != nil || json.Unmarshal(want, &days) != nil || got.RelativeTo.Kind != ToBase {
		return false
	}
	if l.Grain == "hour" {
		return math.Abs(got.OffsetDays-days) <= 1./24
	}
	date := func(offset float64) string {
		return labelBase.Add(time.Duration(offset * 24 * float64(time.Hour))).Format(time.DateOnly)
	}
	return date(got.OffsetDays) == date(days)
}

// TestAccuracy measures the grammar against the labelled strings and prints
// how it does by category, failures listed. Run with -v.
func TestAccuracy(t *testing.T) {
	t.Parallel()
	type tally struct{ strict, right, all int }
	categories := map[string]*tally{}
	var english, unparseable, i18n tally
	var reasons tally
	var failures []string
	for _, l := range readLines[labelledTiming](t, "timing.jsonl") {
		got, err := ParseTiming(l.Text, labelBase)
		strict, accepted := l.right(got, err)
		name := l.Category
		if l.Lang != "" {
			name += " " + l.Lang
		}
		c := categories[name]
		if c == nil {
			c = &tally{}
			categories[name] = c
		}
		c.all++
		group := &english
		if l.Lang != "" {
			group = &i18n
		}
		group.all++
		if accepted {
			c.right++
			group.right++
		}
		if strict {
			c.strict++
			group.strict++
		}
		var timing *TimingError
		switch {
		case string(l.Expected) == `"unparseable"`:
			unparseable.all++
			if err == nil {
				unparseable.right++
			}
			if errors.As(err, &timing) {
				reasons.all++
				if string(timing.Reason) == l.Reason {
					reasons.right++
				} else {
					failures = append(failures, fmt.Sprintf("%s %q: reason %s, want %s", l.ID, l.Text, timing.Reason, l.Reason))
				}
			}
		}
		require.False(t, err == nil && got.OffsetDays == 0 && got.RelativeTo.Kind == ToBase && !accepted,
			"%s %q is taken for now", l.ID, l.Text)
		if !strict {
			verdict := "WRONG"
			if accepted {
				verdict = "accepted"
			}
			failures = append(failures, fmt.Sprintf("%s %-8s %q: got %v %v %v, want %s", l.ID, verdict, l.Text, got.OffsetDays, got.RelativeTo, err, l.Expected))
		}
	}
	names := make([]string, 0, len(categories))
	for name := range categories {
		names = append(names, name)
	}
	slices.Sort(names)
	var report strings.Builder
	for _, name := range names {
		c := categories[name]
		fmt.Fprintf(&report, "%-18s %3d/%3d, accepted %3d\n", name, c.strict, c.all, c.right)
	}
	t.Logf("\n%sEnglish %d/%d, other languages %d/%d, unparseable given a value %d/%d, reasons %d/%d\n%s",
		report.String(), english.strict, english.all, i18n.strict, i18n.all, unparseable.right, unparseable.all,
		reasons.right, reasons.all, strings.Join(failures, "\n"))
	require.Equal(t, english.all, english.strict)
	require.Zero(t, unparseable.right)
}
