package planparse

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func FuzzParseTiming(f *testing.F) {
	for _, v := range readVariants(f) {
		f.Add(v.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTiming(text, labelBase)
		var refused *TimingError
		if errors.As(err, &refused) {
			require.NotEmpty(t, refused.Reason)
			return
		}
		require.NoError(t, err)
		require.False(t, got.Due.Before(labelBase))
		require.GreaterOrEqual(t, got.OffsetDays, 0.0)
		require.LessOrEqual(t, got.OffsetDays, float64(MaxDays))
		again, err := ParseTiming(text, labelBase)
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func FuzzParse(f *testing.F) {
	for _, l := range readLines[labelledPlan](f, "plan_docs.jsonl") {
		if len(l.Raw) < 4096 {
			f.Add(l.Raw)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		begin := time.Now()
		plan, err := Parse(text)
		require.Less(t, time.Since(begin), 5*time.Second, "something is not linear")
		require.Equal(t, err != nil, plan.Outcome == OutcomeError)
		require.Equal(t, err != nil, len(plan.Steps) == 0)
		require.LessOrEqual(t, len(plan.Steps), MaxSteps)
		once, err := json.Marshal(plan)
		require.NoError(t, err)
		var read Plan
		require.NoError(t, json.Unmarshal(once, &read))
		twice, err := json.Marshal(read)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
		for _, slot := range plan.Schedule(labelBase) {
			require.False(t, slot.Due.Before(labelBase))
		}
	})
}
