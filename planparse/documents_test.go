package planparse

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// labelledPlan is a line of testdata/plan_docs.jsonl.
type labelledPlan struct {
	ID       string
	Raw      string
	Expected struct {
		Outcome  Outcome
		Steps    int
		StepIDs  []int `json:"step_ids"`
		Offsets  []float64
		Warnings []Warning
	}
	Alt struct {
		Outcome Outcome
		StepIDs []int `json:"step_ids"`
	}
	Note string
}

// allWarnings is the union of what a plan and its slots report.
func allWarnings(p Plan, slots []Slot) []Warning {
	ws := append([]Warning{}, p.Warnings...)
	for _, s := range slots {
		for _, w := range s.Warnings {
			ws = addWarning(ws, w)
		}
	}
	return ws
}

func TestParseLabelledPlans(t *testing.T) {
	t.Parallel()
	lines := readLines[labelledPlan](t, "plan_docs.jsonl")
	lines = append(lines, readLines[labelledPlan](t, "plan_docs_more.jsonl")...) // our own
	for _, l := range lines {
		t.Run(l.ID+" "+l.Note, func(t *testing.T) {
			t.Parallel()
			plan, err := Parse(l.Raw)
			require.Equal(t, plan.Outcome == OutcomeError, err != nil)
			require.Equal(t, l.Expected.Outcome, plan.Outcome)
			require.Len(t, plan.Steps, l.Expected.Steps)
			slots := plan.Schedule(labelBase)
			var ids []int
			var offsets []float64
			for i, s := range slots {
				ids = append(ids, plan.Steps[i].ID)
				offsets = append(offsets, s.Due.Sub(labelBase).Hours()/24)
			}
			require.Equal(t, l.Expected.StepIDs, ids)
			require.Equal(t, l.Expected.Offsets, offsets)
			require.ElementsMatch(t, l.Expected.Warnings, allWarnings(plan, slots))
		})
	}
}

// labelledDelay is a line of testdata/delay_days.jsonl.
type labelledDelay struct {
	ID        string
	Raw       string
	Timing    string
	StepIndex int `json:"step_index"`
	Expected  struct {
		Source     Source
		OffsetDays float64 `json:"offset_days"`
		Warnings   []Warning
	}
	Note string
}

func TestDueLabelledDelays(t *testing.T) {
	t.Parallel()
	lines := readLines[labelledDelay](t, "delay_days.jsonl")
	lines = append(lines, readLines[labelledDelay](t, "delay_days_more.jsonl")...) // our own
	for _, l := range lines {
		t.Run(l.ID+" "+l.Note, func(t *testing.T) {
			t.Parallel()
			timing, err := json.Marshal(l.Timing)
			require.NoError(t, err)
			delay := `"delay_days": ` + strings.TrimPrefix(l.Raw, "<invalid>") + `, `
			if l.Raw == "<missing>" {
				delay = ""
			}
			step := `{"step_id": %d, ` + delay + `"timing": ` + string(timing) + `}`
			var steps []string
			for i := range l.StepIndex {
				steps = append(steps, fmt.Sprintf(`{"step_id": %d, "delay_days": 0}`, i+1))
			}
			steps = append(steps, fmt.Sprintf(step, l.StepIndex+1))
			plan, err := Parse("[" + strings.Join(steps, ",") + "]")
			require.NoError(t, err)
			slot := Due(plan.Steps[l.StepIndex], l.StepIndex, labelBase)
			require.Equal(t, l.Expected.Source, slot.Source)
			require.InDelta(t, l.Expected.OffsetDays, slot.OffsetDays, 1e-9)
			require.Equal(t, l.Expected.OffsetDays, math.Round(slot.Due.Sub(labelBase).Hours()/24*1000)/1000)
			got := append(append([]Warning{}, plan.Warnings...), slot.Warnings...)
			want := l.Expected.Warnings
			require.Equal(t, append([]Warning{}, want...), got)
		})
	}
}
