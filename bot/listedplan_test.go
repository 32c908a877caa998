package bot

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestListedPlan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Day 1: like their posts, Day 3: connect, Day 7: send the DM": "Day 1=like their posts|Day 3=connect|Day 7=send the DM",
		"- **Day 1** – Like\n- **Day 3-5** – Connect":                 "Day 1=Like|Day 3-5=Connect",
		"1. Tomorrow: call\n   at noon\n2) In two weeks: write":       "Tomorrow=call at noon|In two weeks=write",
		"Sure!\n\nWeek 1: like\nWeek 2: call; Week 3: write\n\nBye":   "Week 1=like|Week 2=call|Week 3=write Bye",
		"Day 1: Connect\nDraft: \"Hi Jane\"\nDay 2: Call":             "Day 1=Connect/Hi Jane|Day 2=Call",
		"Day 1: she called":                        "",
		"Note: likes tea\nMail: jane@acme.example": "",
		"10:30 meeting\n11:30 lunch":               "",
		"https://x.example\nhttps://y.example":     "",
		"":                                         "",
	} {
		plan, ok := listedPlan(text)
		var steps []string
		for _, step := range plan.Steps {
			line := step.Timing + "=" + step.Description
			if step.SuggestedText != "" {
				line += "/" + step.SuggestedText
			}
			steps = append(steps, line)
		}
		require.Equal(t, want, strings.Join(steps, "|"), "%q", text)
		require.Equal(t, want != "", ok, "%q", text)
	}
}

func FuzzListedPlan(f *testing.F) {
	for _, text := range []string{"Day 1: a, Day 2: b", "Tomorrow: x\nDraft: \"y\"\nFriday – z", "1. **Day 1:** a\n2. Day 2 | b", "Day 1: \xff\nDay 2: \x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plan, ok := listedPlan(text)
		if !ok {
			return
		}
		require.GreaterOrEqual(t, len(plan.Steps), 2)
		for _, step := range plan.Steps {
			require.NotEmpty(t, step.Timing)
		}
	})
}
