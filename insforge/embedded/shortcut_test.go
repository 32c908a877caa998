package embedded

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// What the shortcut takes, the grammar reads the same.
func TestQuickFilterAgreesWithTheGrammar(t *testing.T) {
	t.Parallel()
	keys := rapid.OneOf(rapid.SampledFrom([]string{"id", "due_at", "and", "or", "order", "a.b", "not"}), rapid.StringMatching(`[a-z0-9_. ]{0,6}`))
	values := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"eq", "neq", "gt", "gte", "lt", "lte", "in", "is", "not", "eq(any)"}).Draw(t, "op") +
				"." + rapid.StringMatching(`[(a-c,."{} )\n\\ü%+-]{0,8}`).Draw(t, "operand")
		}),
		rapid.StringMatching(`in\.\([a-c, "]{0,6}\)[x)]{0,2}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		key, value := keys.Draw(t, "key"), values.Draw(t, "value")
		quick, ok := quickFilter(key, value)
		if !ok {
			t.Skip()
		}
		parsed, err := filter.ParseParam(key, value)
		require.NoError(t, err)
		require.Equal(t, filter.Filter(quick), parsed)
	})
}
