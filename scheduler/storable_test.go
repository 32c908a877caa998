package scheduler_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/planparse"
)

func TestAPlanWithCharactersThatPostgreSQLCannotKeep(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		p, err := planparse.Parse(`Here: [{"step_id":1,"description":"Call\u0000 her \ud83d\ude00 \ud83d","suggested_text":"Hi \\u0000 \u0000","timing":"Day 1\u0000","x\u0000":{"y":["\udc00\u00e9"]}}]`)
		require.NoError(t, err)
		proposal, err := w.store.Propose(t.Context(), ann, lead.ID, p)
		require.NoError(t, err)
		require.Equal(t, p.Warnings, proposal.Plan.Warnings)
		scheduled, err := w.scheduler.Approve(t.Context(), ann, lead.ID, proposal.At)
		require.NoError(t, err)
		require.Equal(t, `Hi \u0000 `, scheduled.Reminders[0].DraftText, "an escaped backslash is one")
		stored, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		step, ok := stored.Step(1)
		require.True(t, ok)
		require.Equal(t, "Call her 😀 \ufffd", step.Description)
		require.Equal(t, "Day 1", step.Timing)
		require.Contains(t, string(stored.PlanJSON), "\ufffdé", "fields that nobody knows stay, too")
		_, err = w.scheduler.Complete(t.Context(), ann, scheduled.Reminders[0].ID)
		require.NoError(t, err)
	})
}
