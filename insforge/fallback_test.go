package insforge_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

const reminderTables = `{"reminders": {
	"columns": [
		{"name": "id", "type": "int8", "primary_key": true},
		{"name": "name", "type": "text"},
		{"name": "due_at", "type": "timestamptz"},
		{"name": "score", "type": "numeric"},
		{"name": "tags", "type": "text[]"},
		{"name": "meta", "type": "jsonb"},
		{"name": "done", "type": "bool"}
	],
	"rows": [
		{"id": 1, "name": "Ann", "due_at": "2026-01-01T10:00:00+01:00", "score": 10, "tags": ["a","b"], "meta": {"n": 1}, "done": true},
		{"id": 2, "name": "bob", "due_at": "2026-01-01T09:30:00Z", "score": 9, "tags": [], "meta": {"n": "1"}, "done": false},
		{"id": 3, "name": "Cy%", "due_at": null, "score": null, "tags": null, "meta": null, "done": null},
		{"id": 4, "name": null, "due_at": "2026-01-02T00:00:00Z", "score": 100.5, "tags": ["b"], "meta": [1], "done": true},
		{"id": 5, "name": "a,b\"c", "due_at": "2025-12-31T23:59:59.999999Z", "score": -1, "tags": ["x y"], "meta": {"n": null}, "done": false}
	]}}`

type reminder struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// crippled stands for a server or gateway that does not support everything:
// it refuses requests whose query contains a word, or drops such parameters.
type crippled struct {
	next   http.RoundTripper
	word   string
	ignore bool
}

func (c crippled) RoundTrip(r *http.Request) (*http.Response, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	for key, values := range query {
		if !strings.Contains(key+"="+values[0], c.word) {
			continue
		}
		if !c.ignore {
			return reply(r, 400, `{"code":"PGRST100","message":"not supported here"}`), nil
		}
		query.Del(key)
	}
	r = r.Clone(r.Context())
	r.URL.RawQuery = query.Encode()
	return c.next.RoundTrip(r)
}

// TestFallback compares what a whole server answers with what the client makes
// of one that refuses a feature, and of one that ignores it.
func TestFallback(t *testing.T) {
	t.Parallel()
	due := time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		word  string // what the crippled server does not know
		query func(insforge.Query) insforge.Query
		want  []int64
	}{
		{"due_at=", func(q insforge.Query) insforge.Query { return q.Where(filter.Lte("due_at", due)) }, []int64{1, 5}},
		{"due_at=", func(q insforge.Query) insforge.Query {
			return q.Select("id").Where(filter.Lte("due_at", due.Add(time.Hour)), filter.Gt("id", 1))
		}, []int64{2, 5}},
		{"or=", func(q insforge.Query) insforge.Query {
			return q.Where(filter.Or(filter.IsNull("name"), filter.ILike("name", "A*")), filter.Lt("id", 5))
		}, []int64{1, 4}},
		{"and=", func(q insforge.Query) insforge.Query {
			return q.Where(filter.Gt("score", 9), filter.Lt("score", 100.6))
		}, []int64{1, 4}},
		{"score=", func(q insforge.Query) insforge.Query { return q.Where(filter.Gt("score", "9")) }, []int64{1, 4}},
		{"name=", func(q insforge.Query) insforge.Query {
			return q.Where(filter.Not(filter.In("name", "Ann", `a,b"c`)))
		}, []int64{2, 3}},
		{"tags=", func(q insforge.Query) insforge.Query { return q.Where(filter.Cs("tags", []string{"b"})) }, []int64{1, 4}},
		{"meta", func(q insforge.Query) insforge.Query { return q.Where(filter.Eq("meta->>n", 1)) }, []int64{1, 2}},
		{"done=", func(q insforge.Query) insforge.Query { return q.Where(filter.Not(filter.Is("done", true))) }, []int64{2, 3, 5}},
		{"match", func(q insforge.Query) insforge.Query { return q.Where(filter.Match("name", "^[A-C]")) }, []int64{1, 3}},
		{"name=", func(q insforge.Query) insforge.Query {
			return q.Where(filter.IsDistinct("name", "Ann")).Offset(1).Limit(2)
		}, []int64{3, 4}},
	}
	srv := insforgetest.New(t, []byte(reminderTables))
	for i, tt := range tests {
		for _, ignore := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %s ignore=%v", i, tt.word, ignore), func(t *testing.T) {
				t.Parallel()
				var reports []insforge.FallbackReport
				c, err := insforge.New(srv.URL,
					insforge.WithPageSize(2),
					insforge.WithHTTPClient(&http.Client{Transport: crippled{&http.Transport{DisableKeepAlives: true}, tt.word, ignore}}),
					insforge.WithFallback(insforge.OnFallback(func(_ context.Context, r insforge.FallbackReport) { reports = append(reports, r) })))
				require.NoError(t, err)
				rows, err := insforge.All[reminder](t.Context(), tt.query(c.From("reminders").Order("id")))
				require.NoError(t, err)
				require.Equal(t, tt.want, ids(rows))
				require.Len(t, reports, 1)
				require.Equal(t, "reminders", reports[0].Table)
				require.Error(t, reports[0].Reason)

				whole := tt.query(srv.Client(insforge.WithFallback(insforge.OnFallback(func(_ context.Context, r insforge.FallbackReport) {
					t.Errorf("fell back from a server that can do it all: %v", r.Reason)
				}))).From("reminders").Order("id"))
				rows, err = insforge.All[reminder](t.Context(), whole)
				require.NoError(t, err)
				require.Equal(t, tt.want, ids(rows))
			})
		}
	}
}

func ids(rows []reminder) []int64 {
	out := []int64{}
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func TestFallbackSorts(t *testing.T) {
	t.Parallel()
	srv := insforgetest.New(t, []byte(reminderTables))
	c, err := insforge.New(srv.URL, insforge.WithHTTPClient(&http.Client{
		Transport: crippled{&http.Transport{DisableKeepAlives: true}, "order=", false},
	}))
	require.NoError(t, err)
	for order, want := range map[string][]int64{
		"due_at":                 {5, 1, 2, 4, 3},
		"due_at.desc":            {3, 4, 2, 1, 5},
		"due_at.desc.nullslast":  {4, 2, 1, 5, 3},
		"score.nullsfirst":       {3, 5, 2, 1, 4},
		"done.desc,id.desc":      {3, 4, 1, 5, 2},
		"meta->>n,id":            {1, 2, 3, 4, 5},
		"name.asc.nullsfirst,id": {4, 1, 3, 5, 2},
	} {
		rows, err := insforge.All[reminder](t.Context(), c.From("reminders").Select("id").Order(order).Fallback())
		require.NoError(t, err, order)
		require.Equal(t, want, ids(rows), order)
	}
	rows, err := insforge.All[reminder](t.Context(),
		c.From("reminders").Where(filter.Gt("id", 1)).Order("due_at.desc").Offset(1).Limit(2).Fallback())
	require.NoError(t, err)
	require.Equal(t, []int64{4, 2}, ids(rows))
}

// TestFallbackHasLimits: mistakes stay mistakes, large tables are not fetched,
// and what cannot be evaluated here is not guessed.
func TestFallbackHasLimits(t *testing.T) {
	t.Parallel()
	srv := insforgetest.New(t, []byte(reminderTables))
	c, err := insforge.New(srv.URL, insforge.WithHTTPClient(&http.Client{
		Transport: crippled{&http.Transport{DisableKeepAlives: true}, "name=", false},
	}))
	require.NoError(t, err)
	table := c.From("reminders")
	byName := table.Where(filter.Eq("name", "Ann"))

	_, err = insforge.All[reminder](t.Context(), byName)
	require.Error(t, err, "it must be asked for")
	_, err = insforge.All[reminder](t.Context(), byName.Fallback(insforge.FallbackRows(4)))
	require.ErrorIs(t, err, insforge.ErrRowLimit)
	_, err = insforge.All[reminder](t.Context(), table.Where(filter.Wfts("name", "", "Ann")).Fallback())
	require.ErrorContains(t, err, "PGRST100", "full-text search is not evaluated here")
	_, err = insforge.All[reminder](t.Context(), table.Where(filter.Eq("nope", 1)).Fallback())
	require.ErrorContains(t, err, "42703")
	_, err = insforge.All[reminder](t.Context(), table.Where(filter.Eq("id", "x")).Fallback())
	require.ErrorContains(t, err, "22P02")
	_, err = insforge.All[reminder](t.Context(), table.Fallback(insforge.FallbackTypes(map[string]string{"id": "nothing"})))
	require.ErrorContains(t, err, "nothing")

	n, err := insforge.Count(t.Context(), byName.Fallback())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	one, err := insforge.One[reminder](t.Context(), byName.Select("id").Fallback())
	require.NoError(t, err)
	require.Equal(t, reminder{ID: 1}, one)
	rows, err := insforge.All[map[string]any](t.Context(), byName.Select("id").Fallback())
	require.NoError(t, err)
	require.Len(t, rows[0], 1, "what was fetched only to filter is not returned")
}

// filterless ignores every filter, as a server would that knows none.
type filterless struct{ next http.RoundTripper }

func (f filterless) RoundTrip(r *http.Request) (*http.Response, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	for key := range query {
		if key != "select" && key != "order" && key != "limit" && key != "offset" {
			query.Del(key)
		}
	}
	r = r.Clone(r.Context())
	r.URL.RawQuery = query.Encode()
	return f.next.RoundTrip(r)
}

// TestFallbackAgreesWithTheServer: whatever is asked, filtering on this side
// gives the rows that filtering there gives.
func TestFallbackAgreesWithTheServer(t *testing.T) {
	t.Parallel()
	srv := insforgetest.New(t, []byte(reminderTables))
	whole := srv.Client().From("reminders")
	c, err := insforge.New(srv.URL, insforge.WithHTTPClient(&http.Client{Transport: filterless{&http.Transport{DisableKeepAlives: true}}}))
	require.NoError(t, err)
	fallible := c.From("reminders").Fallback()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	conditions := []filter.Filter{
		filter.Gt("id", 2), filter.In("id", 1, 3, 5), filter.Lte("due_at", noon), filter.Neq("due_at", "2026-01-02T01:00:00+01:00"),
		filter.Eq("name", "Ann"), filter.ILike("name", "*a*"), filter.Like("name", `%\%`), filter.IsNull("name"), filter.IMatch("name", "^[ab]"),
		filter.IsDistinct("name", "bob"), filter.In("name", "Ann", "Cy%"), filter.Lt("name", "b"), filter.Eq("name", filter.AnyOf("bob", "Ann")),
		filter.Gte("score", 9.5), filter.Eq("score", "100.50"), filter.Lt("score", filter.AllOf(10, 100)),
		filter.Is("done", true), filter.Is("done", "unknown"), filter.Eq("done", false),
		filter.Cs("tags", []string{"b"}), filter.Ov("tags", []string{"a", "x y"}), filter.Cd("tags", []string{"a", "b"}),
		filter.Eq("meta->>n", 1), filter.Cs("meta", filter.JSON(map[string]any{"n": 1})), filter.Eq("meta->n", filter.JSON("1")), filter.IsNull("meta->>n"),
	}
	rapid.Check(t, func(rt *rapid.T) {
		draw := func() filter.Filter {
			f := rapid.SampledFrom(conditions).Draw(rt, "condition")
			if rapid.Bool().Draw(rt, "not") {
				f = filter.Not(f)
			}
			return f
		}
		var filters []filter.Filter
		for range rapid.IntRange(1, 3).Draw(rt, "filters") {
			f := draw()
			if rapid.Bool().Draw(rt, "or") {
				f = filter.Or(f, filter.And(draw(), draw()))
			}
			filters = append(filters, f)
		}
		order := rapid.SampledFrom([]string{"id", "due_at.desc,id", "score.nullsfirst,id"}).Draw(rt, "order")
		offset := rapid.IntRange(0, 2).Draw(rt, "offset")
		ask := func(q insforge.Query) []int64 {
			rows, err := insforge.All[reminder](t.Context(), q.Where(filters...).Order(order).Offset(offset).Limit(3))
			require.NoError(rt, err)
			return ids(rows)
		}
		require.Equal(rt, ask(whole), ask(fallible))
	})
}
