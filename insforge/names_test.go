package insforge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

// TestNamesOnTheRealEngine: whatever a column is called, it can be selected,
// filtered, sorted, paged by and written. (Except *: PostgREST takes that for all
// columns, quoted or not.)
func TestNamesOnTheRealEngine(t *testing.T) {
	t.Parallel()
	names := []string{
		`a"b`, `a\b`, `\`, `"`, `a.b`, `a,b`, `,`, `a(b)`, `a::text`, `x->>y`, ` a `, "a\n\tb", `日本`, `a%b`, `a+b`, `a&b=c`, `#?`, `a'b`, `{a}`, `1a`, `a-b`, `--`,
		`...x`, `x!inner`, `count()`, `eq.x`, `not.or`, `x.order`, `select`, `columns`, `on_conflict`, `order`, `limit`, `and`, `not`, `schema`, `constructor`, `$x`,
	}
	var sql strings.Builder
	for i, name := range names {
		quoted := `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
		fmt.Fprintf(&sql, "CREATE TABLE t%d (id int PRIMARY KEY, %s text UNIQUE); INSERT INTO t%d VALUES (1, 'x'), (2, 'y'), (3, NULL);\n", i, quoted, i)
	}
	c := insforgetest.Genuine(t, sql.String()).Client(insforge.WithPageSize(1))
	for i, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, table, column := t.Context(), c.From(fmt.Sprint("t", i)), filter.Quote(name)
			require.Equal(t, []int64{2}, idsOf(t, table.Where(filter.Neq(column, "x"), filter.Gt(column, "a"))))
			require.Equal(t, []int64{1, 3}, idsOf(t, table.Where(filter.Or(filter.IsNull(column), filter.In(column, "x", "z")))))
			got := []string{}
			for row, err := range insforge.Rows[map[string]any](ctx, table.Select("id", column, "again:"+column).Order(column+".nullsfirst", "id")) {
				require.NoError(t, err)
				require.Equal(t, row[name], row["again"])
				got = append(got, fmt.Sprint(row["id"], "=", row[name]))
			}
			require.Equal(t, []string{"3=<nil>", "1=x", "2=y"}, got)

			inserted, err := insforge.Insert[map[string]any](ctx, table, []map[string]any{{"id": 10, name: "z"}, {"id": 11}}, insforge.Columns("id", name))
			require.NoError(t, err)
			require.Equal(t, "z", inserted[0][name])
			n, err := table.Insert(ctx, map[string]any{"id": 12, name: "z"}, insforge.OnConflictIgnore(name))
			require.NoError(t, err)
			require.Zero(t, n)
			updated, err := insforge.Update[map[string]any](ctx, table.Where(filter.Eq(column, "z"), filter.IsDistinct(column, "q")), map[string]any{name: "w"})
			require.NoError(t, err)
			require.Len(t, updated, 1)
			require.Equal(t, "w", updated[0][name])
			n, err = table.Where(filter.Eq(column, "w")).Delete(ctx)
			require.NoError(t, err)
			require.EqualValues(t, 1, n)
		})
	}
}
