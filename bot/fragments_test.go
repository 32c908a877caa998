package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What comes after a plan without its end is its rest only if it looks like one.
func TestWhatComesAfterAPlanThatWasCut(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	long := strings.Repeat("word ", 900)
	steps := strings.Repeat(`{"description":"Write to her, at some length, of this and that","delay_days":2},`, 48)
	listed := strings.Repeat("Day 1: write to her, at some length, of this and of that, and do not forget to ask for news\n", 40)
	for name, tc := range map[string]struct {
		before, text string
		steps        int // of the plan there is after the text; 0: none
	}{
		"another step":                       {"[" + steps, `{"description":"Call","delay_days":9}]`, 49},
		"the end only":                       {"[" + strings.TrimSuffix(steps, ","), `]`, 48},
		"the end of a draft":                 {"[" + steps + `{"description":"Call","suggested_text":"Hi J`, `ane, how are you?"}]`, 49},
		"the middle of a long draft":         {"[" + steps + `{"description":"Call","suggested_text":"Hi`, long, 48},
		"a remark":                           {"[" + steps, "thanks, that is all", 0},
		"a remark after half a step":         {"[" + steps + `{"description":"Call","suggested_text":"Hi J`, "thanks, that is all", 0},
		"a lead":                             {"[" + strings.TrimSuffix(steps, ","), "Jane Doe, CTO @ Acme", 0},
		"another plan":                       {"[" + steps, `[{"description":"Call","delay_days":9}]`, 1},
		"another item of a list":             {listed, "Day 9: call", 41},
		"a remark after a list":              {listed, "thanks, that is all", 0},
		"an item after a list that was full": {strings.Repeat("x", 20), "Day 1: a, Day 2: b", 2},
	} {
		var f fragments
		if _, err := f.parse(7, tc.before, now); err != nil {
			f.listed(7, tc.before, now)
		}
		plan, err := f.parse(7, tc.text, now)
		if err != nil {
			plan, _ = f.listed(7, tc.text, now)
		}
		require.Equal(t, tc.steps, len(plan.Steps), name)
	}
}
