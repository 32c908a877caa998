package bot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// What a reminder says is what its row says, whoever wrote it; the lead's plan fills in what the row leaves out.
func TestTheTextsOfAReminder(t *testing.T) {
	t.Parallel()
	step := planparse.Step{ID: 1, Description: "Write to her", SuggestedText: "Hi Jane, how was the fair?"}
	for name, tt := range map[string]struct {
		draft       string
		step        planparse.Step
		what, wants string
	}{
		"the plan's draft":         {"Hi Jane, how was the fair?", step, "Write to her", "Hi Jane, how was the fair?"},
		"a row without one":        {"", step, "Write to her", "Hi Jane, how was the fair?"},
		"one that was cut short":   {"Hi Jane, how", step, "Write to her", "Hi Jane, how was the fair?"},
		"somebody else's":          {"Call me", step, "Write to her", "Call me"},
		"a step no plan knows":     {"Send the slides", planparse.Step{}, "Send the slides", ""},
		"nothing at all":           {" ", planparse.Step{}, "Step 4", ""},
		"a draft that is the step": {"Write to her", planparse.Step{Description: "Write to her"}, "Write to her", ""},
	} {
		what, draft := stepTexts(scheduler.Reminder{StepID: 4, DraftText: tt.draft}, tt.step)
		require.Equal(t, []string{tt.what, tt.wants}, []string{what, draft}, name)
	}
}
