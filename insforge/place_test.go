package insforge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

const walkTables = `{"rows": {"columns": [
	{"name": "id", "type": "int8", "primary_key": true},
	{"name": "at", "type": "timestamptz"},
	{"name": "low", "type": "int4"},
	{"name": "price", "type": "numeric"},
	{"name": "name", "type": "text"},
	{"name": "flag", "type": "bool"},
	{"name": "odd.name", "type": "text"},
	{"name": "doc", "type": "jsonb"}
]}}`

// walkRow has few different values, so that many rows are equal in all but the key.
type walkRow struct {
	ID    int64          `json:"id"`
	At    *string        `json:"at"`
	Low   *int           `json:"low"`
	Price *json.Number   `json:"price"`
	Name  *string        `json:"name"`
	Flag  *bool          `json:"flag"`
	Odd   *string        `json:"odd.name"`
	Doc   map[string]any `json:"doc"`
}

func drawWalkRow(t *rapid.T, id int64) walkRow {
	row := walkRow{ID: id}
	maybe := func() bool { return rapid.IntRange(0, 3).Draw(t, "null") > 0 }
	if maybe() {
		at := fmt.Sprintf("2026-01-01T00:00:00.00000%dZ", rapid.IntRange(0, 3).Draw(t, "at"))
		row.At = &at
	}
	if maybe() {
		low := rapid.IntRange(-1, 1).Draw(t, "low")
		row.Low = &low
	}
	if maybe() {
		price := rapid.SampledFrom([]json.Number{"1", "1.0", "1.00", "-0.5", "12345678901234567890.5"}).Draw(t, "price")
		row.Price = &price
	}
	if maybe() {
		name := rapid.SampledFrom([]string{"", "a", `b,"c`, "null", "7", "é😀", strings.Repeat("long", 60)}).Draw(t, "name")
		row.Name = &name
	}
	if maybe() {
		flag := rapid.Bool().Draw(t, "flag")
		row.Flag = &flag
	}
	if maybe() {
		odd := rapid.SampledFrom([]string{"x", "(y)"}).Draw(t, "odd")
		row.Odd = &odd
	}
	if maybe() {
		row.Doc = map[string]any{"n": rapid.IntRange(0, 1).Draw(t, "doc")}
	}
	return row
}

var walkOrders = []string{
	"id", "id.desc", "at,id", "at.desc,id", "at.nullsfirst,id.desc", "at.desc.nullslast,low,id", "low,at.desc,id", "low.desc.nullslast,at.nullsfirst,id",
	"name,id", "name.desc,low,id", "flag,price,id", "price.desc,id", `"odd.name",id`, "doc->n,id", "low,doc,id", "flag.nullsfirst,name,price.nullsfirst,id",
}

// tight is a server that returns fewer rows than it is asked for: at most so
// many, or another number every time.
type tight struct {
	next   http.RoundTripper
	most   int
	random *rand.Rand
}

func (s tight) RoundTrip(r *http.Request) (*http.Response, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	limit, most := query.Get("limit"), s.most
	if s.random != nil {
		most = 1 + s.random.IntN(most)
	}
	if n, err := strconv.Atoi(limit); err == nil && n > most && r.Method == http.MethodGet {
		query.Set("limit", strconv.Itoa(most))
	}
	r = r.Clone(r.Context())
	r.URL.RawQuery = query.Encode()
	return s.next.RoundTrip(r)
}

// TestWalksAmongChanges: while rows come and go, in front of the reader and
// behind, every row that stays is read once, in order, and no row twice,
// whatever the order, the size of a page, and what the server makes of it.
func TestWalksAmongChanges(t *testing.T) {
	t.Parallel()
	tables, err := embedded.ParseTables([]byte(walkTables))
	require.NoError(t, err)
	store, err := embedded.Open(":memory:", tables)
	require.NoError(t, err)
	direct, err := insforge.New("http://embedded", insforge.WithHTTPClient(&http.Client{Transport: store.Transport(embedded.PostgREST)}))
	require.NoError(t, err)
	table := direct.From("rows")
	rapid.Check(t, func(rt *rapid.T) {
		ctx := context.Background()
		_, err := table.AllRows().Delete(ctx)
		require.NoError(rt, err)
		var rows []walkRow
		for id := range int64(rapid.IntRange(0, 30).Draw(rt, "rows")) {
			rows = append(rows, drawWalkRow(rt, id*10))
		}
		_, err = table.Insert(ctx, rows)
		require.NoError(rt, err)

		transport, most := store.Transport(embedded.PostgREST), 0
		if rapid.Bool().Draw(rt, "tight") {
			most = rapid.IntRange(1, 8).Draw(rt, "cap")
			capped := tight{transport, most, nil}
			if rapid.Bool().Draw(rt, "unsteady") {
				capped.random = rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
			}
			transport = capped
		}
		c, err := insforge.New("http://embedded", insforge.WithHTTPClient(&http.Client{Transport: transport}),
			insforge.WithPageSize(rapid.IntRange(1, 12).Draw(rt, "page")))
		require.NoError(rt, err)
		order := rapid.SampledFrom(walkOrders).Draw(rt, "order")
		q := c.From("rows").Order(order)
		if rapid.Bool().Draw(rt, "counted") {
			q = q.Counted()
		}
		limit := -1
		if rapid.IntRange(0, 3).Draw(rt, "limited") == 0 {
			limit = rapid.IntRange(0, 40).Draw(rt, "limit")
			q = q.Limit(limit)
		}
		// A number of rows cannot tell a place where these come and go.
		changing := rapid.Bool().Draw(rt, "changing") && !strings.Contains(order, "doc")

		seen := map[int64]bool{}
		var got []int64
		gone := map[int64]bool{}
		for row, err := range insforge.Rows[walkRow](ctx, q) {
			require.NoError(rt, err)
			require.False(rt, seen[row.ID], "row %d came twice", row.ID)
			seen[row.ID] = true
			got = append(got, row.ID)
			if !changing || !comparable(rows) {
				continue
			}
			switch rapid.IntRange(0, 5).Draw(rt, "change") {
			case 0, 1: // what was read is done with
				_, err = table.Where(filter.Eq("id", row.ID)).Delete(ctx)
			case 2:
				victim := rows[rapid.IntRange(0, len(rows)-1).Draw(rt, "victim")].ID
				gone[victim] = true
				_, err = table.Where(filter.Eq("id", victim)).Delete(ctx)
			case 3:
				if row := drawWalkRow(rt, row.ID+1+int64(rapid.IntRange(0, 8).Draw(rt, "new"))); comparable([]walkRow{row}) {
					_, err = table.Insert(ctx, row, insforge.OnConflictIgnore())
				}
			}
			require.NoError(rt, err)
		}
		if limit >= 0 {
			require.LessOrEqual(rt, len(got), limit)
			if changing {
				return
			}
		}
		want, err := insforge.All[walkRow](ctx, direct.From("rows").Order(order))
		require.NoError(rt, err)
		if !changing {
			ids := []int64{}
			for _, row := range want {
				ids = append(ids, row.ID)
			}
			if limit >= 0 {
				ids = ids[:min(len(ids), limit)]
			}
			require.Equal(rt, ids, append([]int64{}, got...))
			return
		}
		missed := 0
		for _, row := range rows {
			if !gone[row.ID] && !seen[row.ID] {
				missed++
			}
		}
		require.Zero(rt, missed, "%d rows were not read", missed)
	})
}

// TestWhatStandsBehindDeletedRows: where a page is short, what is behind it is not
// skipped in the place of its last row, which is gone.
func TestWhatStandsBehindDeletedRows(t *testing.T) {
	t.Parallel()
	tables, err := embedded.ParseTables([]byte(walkTables))
	require.NoError(t, err)
	at, late := "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
	for name, tt := range map[string]struct {
		rows    []walkRow
		page    int
		most    int // the server's own limit
		deleted []int64
	}{
		"null":      {[]walkRow{{ID: 1, At: &at}, {ID: 2, At: &at}, {ID: 3, At: &at}, {ID: 4, At: &at}, {ID: 5, At: &at}, {ID: 6}}, 2, 100, []int64{1, 3, 4, 5}},
		"held back": {[]walkRow{{ID: 1, At: &at}, {ID: 2, At: &at}, {ID: 3, At: &late}}, 5, 2, []int64{2}},
		"only one":  {[]walkRow{{ID: 1, At: &at}, {ID: 2}}, 5, 1, []int64{1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := embedded.Open(":memory:", tables)
			require.NoError(t, err)
			c, err := insforge.New("http://embedded", insforge.WithPageSize(tt.page),
				insforge.WithHTTPClient(&http.Client{Transport: tight{store.Transport(embedded.PostgREST), tt.most, nil}}))
			require.NoError(t, err)
			table := c.From("rows")
			_, err = table.Insert(t.Context(), tt.rows)
			require.NoError(t, err)
			var got []int64
			for row, err := range insforge.Rows[walkRow](t.Context(), table.Order("at", "id")) {
				require.NoError(t, err)
				if got = append(got, row.ID); slices.Contains(tt.deleted, row.ID) {
					_, err = table.Where(filter.Eq("id", row.ID)).Delete(t.Context())
					require.NoError(t, err)
				}
			}
			require.Len(t, got, len(tt.rows), got)
		})
	}
}

// comparable reports whether a place can be told by all the values.
func comparable(rows []walkRow) bool {
	for _, row := range rows {
		if row.Name != nil && (len(*row.Name) > 200 || *row.Name == "7" || *row.Name == "null") {
			return false
		}
	}
	return true
}

// TestCountingThatTakesTooLong: a server that stops a count when its time is up
// gives the rows all the same.
func TestCountingThatTakesTooLong(t *testing.T) {
	t.Parallel()
	tables, err := embedded.ParseTables([]byte(walkTables))
	require.NoError(t, err)
	store, err := embedded.Open(":memory:", tables)
	require.NoError(t, err)
	within := tight{store.Transport(embedded.PostgREST), 3, nil}
	c, err := insforge.New("http://embedded", insforge.WithPageSize(5), insforge.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet && strings.Contains(r.Header.Get("Prefer"), "count=") {
			return &http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: io.NopCloser(strings.NewReader(`{"code":"57014","message":"canceling statement due to statement timeout","details":null,"hint":null}`))}, nil
		}
		return within.RoundTrip(r)
	})}))
	require.NoError(t, err)
	at := "2026-01-01T00:00:00Z"
	_, err = c.From("rows").Insert(t.Context(), []walkRow{{ID: 1, At: &at}, {ID: 2, At: &at}, {ID: 3, At: &at}, {ID: 4, At: &at}, {ID: 5}, {ID: 6}, {ID: 7}})
	require.NoError(t, err)
	rows := c.From("rows").Order("at", "id")
	for name, q := range map[string]insforge.Query{"a walk": rows, "a counted list": rows.Counted(), "without an order": c.From("rows").Counted()} {
		got, err := insforge.All[walkRow](t.Context(), q)
		require.NoError(t, err, name)
		require.Len(t, got, 7, name)
	}
}
