package embedded

import (
	"strings"
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

func TestQuickOrderAgreesWithTheGrammar(t *testing.T) {
	t.Parallel()
	terms := rapid.OneOf(rapid.StringMatching(`[a-c_0-9]{1,3}(\.asc|\.desc)?`), rapid.StringMatching(`[a-c_0-9]{1,3}(\.asc|\.desc)?`),
		rapid.StringMatching(`[a-c_0-9(> -]{0,3}(\.(asc|desc|nullsfirst|nullslast|x)){0,2}`))
	rapid.Check(t, func(t *rapid.T) {
		value := strings.Join(rapid.SliceOfN(terms, 0, 3).Draw(t, "terms"), ",")
		quick, ok := quickOrder(value)
		if !ok {
			t.Skip()
		}
		parsed, err := filter.ParseOrder(value)
		require.NoError(t, err)
		require.Equal(t, parsed, quick)
	})
}
