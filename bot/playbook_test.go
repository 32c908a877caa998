package bot

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/planparse"
)

func TestThePlaybook(t *testing.T) {
	t.Parallel()
	for _, lead := range []planparse.Brief{
		{Name: "Dr. Jane Doe", Title: "CTO", Company: "Acme", Notes: "met at the fair"},
		{Name: "Jane"},
		{Name: "Lead 7"},
		{Name: strings.Repeat("Maximiliane ", 50), Company: strings.Repeat("Acme ", 100), Title: strings.Repeat("x", 300), Notes: strings.Repeat("n ", 3000)},
		{Name: "=\"quo\\ted\"=", Company: "<Acme> & Söhne"},
	} {
		plan, err := playbook(lead)
		require.NoError(t, err)
		require.Equal(t, planparse.OutcomeOK, plan.Outcome)
		require.Empty(t, plan.Warnings)
		require.Len(t, plan.Steps, 7)
		slots := plan.Schedule(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
		for i, step := range plan.Steps {
			require.Equal(t, i+1, step.ID)
			require.Contains(t, planparse.Actions(), step.Action)
			require.Empty(t, step.Warnings)
			require.Empty(t, slots[i].Warnings)
			require.NotEmpty(t, step.Description)
			for _, gap := range []string{"{", "}", "[", "]", "  ", " ,", " ."} {
				require.NotContains(t, step.SuggestedText, gap, "a draft is usable as it is")
			}
			switch step.Action {
			case planparse.ActionLinkedInLike, planparse.ActionLinkedInComment:
				require.Empty(t, step.SuggestedText)
			case planparse.ActionLinkedInConnect:
				require.NotEmpty(t, step.SuggestedText)
				require.Less(t, units(step.SuggestedText), 300, "what LinkedIn takes")
			default:
				require.NotEmpty(t, step.SuggestedText)
			}
		}
	}
	require.Equal(t, "Jane", firstName("Dr. Jane Doe"))
	require.Equal(t, "Dr.", firstName("Dr."))
}
