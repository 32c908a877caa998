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

// TestChangedRowsComeBack: an update answers with all rows that it changed, also
// where it sets the very columns that its filter is about, and with no column that
// was not asked for. PostgREST 12 would leave out what and/or no longer accepts.
func TestChangedRowsComeBack(t *testing.T) {
	t.Parallel()
	const table = `CREATE TABLE jobs (id int PRIMARY KEY, state text, n int, at timestamptz, "odd.name" int, "order" int);`
	const rows = `INSERT INTO jobs VALUES (1, 'new', 1, '2026-01-01Z', 1, 1), (2, 'new', 2, NULL, 2, 2), (3, 'old', 3, '2026-01-03Z', 3, 3);`
	tests := []struct {
		name    string
		filters []filter.Filter
		set     map[string]any
		want    []int64
		hidden  bool
	}{
		{"a range", []filter.Filter{filter.Gte("n", 1), filter.Lt("n", 3)}, map[string]any{"n": 9}, []int64{1, 2}, false},
		{"a range in and", []filter.Filter{filter.And(filter.Gte("n", 1), filter.Lt("n", 3))}, map[string]any{"n": 9}, []int64{1, 2}, false},
		{"three of a column, one of which stops to hold", []filter.Filter{filter.Gte("n", 0), filter.Lt("n", 100), filter.Lte("n", 2)},
			map[string]any{"n": 9}, []int64{1, 2}, false},
		{"three that all stop to hold", []filter.Filter{filter.Gte("n", 1), filter.Gt("n", 0), filter.Neq("n", 0)}, map[string]any{"n": 0}, nil, true},
		{"neither", []filter.Filter{filter.Not(filter.Or(filter.Eq("n", 3), filter.Eq("n", 4)))}, map[string]any{"n": 3}, []int64{1, 2}, false},
		{"or that goes on to hold", []filter.Filter{filter.Or(filter.Eq("state", "mine"), filter.IsNull("at"), filter.Lt("at", "2026-01-02Z"))},
			map[string]any{"state": "mine", "at": "2026-05-01T00:00:00Z"}, []int64{1, 2}, false},
		{"or that stops to hold", []filter.Filter{filter.Or(filter.IsNull("at"), filter.Lt("at", "2026-01-02Z"))},
			map[string]any{"at": "2026-05-01T00:00:00Z"}, nil, true},
		{"or of other columns", []filter.Filter{filter.Or(filter.IsNull("at"), filter.Eq("state", "old"))}, map[string]any{"n": 7}, []int64{2, 3}, false},
		{"odd names", []filter.Filter{filter.Lt(filter.Quote("odd.name"), 3), filter.Neq("order", 3)},
			map[string]any{"odd.name": 9, "order": 3}, []int64{1, 2}, false},
		{"a null that is set", []filter.Filter{filter.Or(filter.Eq("state", "new"), filter.Eq("n", 9))}, map[string]any{"state": nil}, nil, true},
	}
	servers := map[string]func(t *testing.T) insforge.Query{
		"genuine": func(t *testing.T) insforge.Query {
			return insforgetest.Genuine(t, table+rows).Client().From("jobs")
		},
		"embedded": func(t *testing.T) insforge.Query {
			return insforgetest.New(t, []byte(`{"jobs": {"columns": [{"name": "id", "type": "int4", "primary_key": true}, {"name": "state", "type": "text"},
				{"name": "n", "type": "int4"}, {"name": "at", "type": "timestamptz"}, {"name": "odd.name", "type": "int4"}, {"name": "order", "type": "int4"}],
				"rows": [{"id": 1, "state": "new", "n": 1, "at": "2026-01-01T00:00:00Z", "odd.name": 1, "order": 1}, {"id": 2, "state": "new", "n": 2, "odd.name": 2, "order": 2},
				{"id": 3, "state": "old", "n": 3, "at": "2026-01-03T00:00:00Z", "odd.name": 3, "order": 3}]}}`)).Client().From("jobs")
		},
	}
	for kind, server := range servers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			jobs := server(t)
			ctx := t.Context()
			original, err := insforge.All[map[string]any](ctx, jobs.Order("id"))
			require.NoError(t, err)
			for _, tt := range tests {
				for _, columns := range []string{"", "id", "id,label:state"} {
					q := jobs.Where(tt.filters...)
					if columns != "" {
						q = q.Select(columns)
					}
					got, err := insforge.Update[map[string]any](ctx, q, tt.set)
					if tt.hidden {
						require.ErrorIs(t, err, insforge.ErrHidden, tt.name)
						continue
					}
					require.NoError(t, err, tt.name)
					var ids []int64
					for _, row := range got {
						var id int64
						_, err := fmt.Sscan(fmt.Sprint(row["id"]), &id)
						require.NoError(t, err)
						ids = append(ids, id)
						if columns != "" {
							require.Len(t, row, 1+strings.Count(columns, ","), tt.name)
						}
					}
					require.ElementsMatch(t, tt.want, ids, "%s, selecting %s", tt.name, columns)
					n, err := jobs.Insert(ctx, original, insforge.OnConflictMerge("id"))
					require.NoError(t, err)
					require.EqualValues(t, 3, n)
				}
			}
			_, err = jobs.Where(filter.Eq("id", 1), filter.Gte("n", 1), filter.Lt("n", 2)).Update(ctx, map[string]any{"n": 5}, insforge.Single())
			require.NoError(t, err)
			gone, err := insforge.Delete[map[string]any](ctx, jobs.Select("id").Where(filter.Or(filter.Eq("n", 5), filter.IsNull("at"))))
			require.NoError(t, err)
			require.Len(t, gone, 2)
			require.Len(t, gone[0], 1)
		})
	}
}
