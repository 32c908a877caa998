package insforge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// seen is one request as a stub server got it.
type seen struct {
	Method, Path, Query, Body string
	Header                    http.Header
}

// stub is a server that answers by a script and writes down what it was asked.
type stub struct {
	*httptest.Server
	mu       sync.Mutex
	requests []seen
	handlers []http.HandlerFunc
}

// newStub answers the n-th request by the n-th handler; the last one goes on.
func newStub(t testing.TB, handlers ...http.HandlerFunc) *stub {
	t.Helper()
	s := &stub{handlers: handlers}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, seen{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body), r.Header.Clone()})
	s.mu.Unlock()
	s.handlers[min(n, len(s.handlers)-1)](w, r)
}

func (s *stub) seen() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.requests...)
}

// client makes a client of the stub that does not wait between attempts.
func (s *stub) client(t testing.TB, opts ...insforge.Option) *insforge.Client {
	t.Helper()
	quick := insforge.DefaultRetryPolicy()
	quick.Base, quick.Max = 2, 2
	c, err := insforge.New(s.URL, append([]insforge.Option{insforge.WithRetry(quick)}, opts...)...)
	require.NoError(t, err)
	return c
}

func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

type lead struct {
	ID   int64  `json:"id,omitempty"`
	Name string `json:"name"`
}

func TestRequests(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.FixedZone("", 3600))
	tests := []struct {
		name   string
		do     func(t *testing.T, c *insforge.Client) error
		answer http.HandlerFunc
		want   seen
		prefer string
	}{{
		name: "select with everything",
		do: func(t *testing.T, c *insforge.Client) error {
			_, err := insforge.One[lead](t.Context(), c.From("leads").
				Select("id", "name", "author(name)").
				Where(filter.Lte("due_at", at), filter.In("status", "pending", "sent"), filter.Eq("author.name", "Ann")).
				Filter("notes", "not.is.null").
				Order("due_at.asc", "id.asc").Limit(1).Offset(2).EmbedLimit("author", 3))
			return err
		},
		answer: answer(200, `[{"id":1,"name":"Ann"}]`),
		want: seen{Method: "GET", Path: "/leads", Query: "select=id,name,author(name)" +
			"&due_at=lte.2026-01-02T02:04:05.678901Z&status=in.(pending,sent)&notes=not.is.null&author.name=eq.Ann" +
			"&author.limit=3&order=due_at.asc,id.asc&limit=1&offset=2"},
	}, {
		name: "count",
		do: func(t *testing.T, c *insforge.Client) error {
			n, err := insforge.Count(t.Context(), c.From("leads").Where(filter.Gt("id", 1)).Order("id").Limit(3))
			require.EqualValues(t, 57, n)
			return err
		},
		answer: answer(206, ``, "Content-Range", "0-9/57"),
		want:   seen{Method: "HEAD", Path: "/leads", Query: "id=gt.1"},
		prefer: "count=exact",
	}, {
		name: "insert one",
		do: func(t *testing.T, c *insforge.Client) error {
			n, err := c.From("leads").Insert(t.Context(), lead{Name: "Ann <a@b>"})
			require.EqualValues(t, 1, n)
			return err
		},
		answer: answer(201, ``, "Content-Range", "*/1"),
		want:   seen{Method: "POST", Path: "/leads", Body: `[{"name":"Ann <a@b>"}]`},
		prefer: "return=minimal,count=exact",
	}, {
		name: "insert rows with different keys",
		do: func(t *testing.T, c *insforge.Client) error {
			_, err := insforge.Insert[lead](t.Context(), c.From("leads"), []lead{{Name: "Ann"}, {ID: 7, Name: "Bob"}})
			return err
		},
		answer: answer(201, `[]`),
		want: seen{Method: "POST", Path: "/leads", Query: "columns=id,name",
			Body: `[{"name":"Ann"},{"id":7,"name":"Bob"}]`},
		prefer: "missing=default,return=representation",
	}, {
		name: "upsert",
		do: func(t *testing.T, c *insforge.Client) error {
			_, err := insforge.Insert[lead](t.Context(), c.From("leads").Select("id"), map[string]any{"name": "Ann"},
				insforge.OnConflictIgnore("lead_id", "odd.name"))
			return err
		},
		answer: answer(201, `[]`),
		want: seen{Method: "POST", Path: "/leads", Query: "select=id&on_conflict=lead_id,%22odd.name%22",
			Body: `[{"name":"Ann"}]`},
		prefer: "resolution=ignore-duplicates,return=representation",
	}, {
		name: "update",
		do: func(t *testing.T, c *insforge.Client) error {
			rows, err := insforge.Update[lead](t.Context(),
				c.From("leads").Where(filter.Eq("id", 1), filter.Gte("n", 2), filter.Lt("n", 5)), map[string]any{"name": nil})
			require.Equal(t, []lead{{ID: 1}}, rows)
			return err
		},
		answer: answer(200, `[{"id":1}]`),
		want:   seen{Method: "PATCH", Path: "/leads", Query: "id=eq.1&n=gte.2&%22n%22=lt.5", Body: `{"name":null}`},
		prefer: "return=representation",
	}, {
		name: "delete",
		do: func(t *testing.T, c *insforge.Client) error {
			n, err := c.From("leads").Where(filter.In("id", []int{})).Delete(t.Context())
			require.EqualValues(t, 0, n)
			return err
		},
		answer: answer(204, ``, "Content-Range", "*/0"),
		want:   seen{Method: "DELETE", Path: "/leads", Query: "id=in.()"},
		prefer: "return=minimal,count=exact",
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, tt.answer)
			require.NoError(t, tt.do(t, s.client(t, insforge.WithAPIKey("k"))))
			requests := s.seen()
			require.Len(t, requests, 1)
			got := requests[0]
			require.Equal(t, "Bearer k", got.Header.Get("Authorization"))
			require.Equal(t, tt.prefer, got.Header.Get("Prefer"))
			if got.Body != "" {
				require.JSONEq(t, tt.want.Body, got.Body)
				require.NotEmpty(t, got.Header.Get("Content-Length"))
				got.Body = tt.want.Body
			}
			if got.Body == "" {
				require.Empty(t, got.Header.Get("Content-Type"))
			}
			got.Header = nil
			require.Equal(t, tt.want, got)
		})
	}
}

func TestUnfilteredWritesAreRefused(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(204, ``, "Content-Range", "*/3"))
	all := s.client(t).From("leads")
	_, err := all.Delete(t.Context())
	require.ErrorIs(t, err, insforge.ErrUnfiltered)
	_, err = all.Where(filter.Eq("author.name", "Ann")).Update(t.Context(), map[string]any{"a": 1})
	require.ErrorIs(t, err, insforge.ErrUnfiltered, "a filter on an embedded resource restricts nothing")
	_, err = all.Where(filter.Eq("id", 1)).Limit(1).Delete(t.Context())
	require.ErrorContains(t, err, "for reads only")
	// What an empty list makes true of every row is no filter either.
	none := filter.In("id", []int{})
	for _, f := range []filter.Filter{
		filter.Not(none), filter.Or(filter.Eq("id", 1), filter.Not(none)), filter.Not(filter.And(none, filter.Eq("id", 1))),
		filter.And(filter.Not(none), filter.Not(filter.Eq("name", filter.AnyOf()))),
	} {
		_, err = all.Where(f).Delete(t.Context())
		require.ErrorIs(t, err, insforge.ErrUnfiltered, filter.TreeString(f))
		_, err = all.Where(f).Update(t.Context(), map[string]any{"a": 1})
		require.ErrorIs(t, err, insforge.ErrUnfiltered, filter.TreeString(f))
	}
	require.Empty(t, s.seen())
	for _, f := range []filter.Filter{
		none, filter.Not(filter.Not(none)), filter.And(filter.Eq("id", 1), filter.Not(none)), filter.Or(none, filter.Eq("id", 1)),
	} {
		_, err = all.Where(f).Delete(t.Context())
		require.NoError(t, err, filter.TreeString(f))
	}

	n, err := all.AllRows().Delete(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
}

// TestPaging has a server that returns at most 3 rows, whatever it is asked for.
func TestPaging(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"id", "name"} {
		t.Run(order, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, pagingServer(10, 3))
			c := s.client(t, insforge.WithPageSize(4))
			rows, err := insforge.All[lead](t.Context(), c.From("leads").Order(order))
			require.NoError(t, err)
			require.Len(t, rows, 10)
			for i, row := range rows {
				require.EqualValues(t, i+1, row.ID)
			}
			_, err = insforge.All[lead](t.Context(), c.From("leads").Order(order).MaxRows(9))
			require.ErrorIs(t, err, insforge.ErrRowLimit)
			rows, err = insforge.All[lead](t.Context(), c.From("leads").Order(order).Limit(5).Offset(2))
			require.NoError(t, err)
			require.Len(t, rows, 5)
			require.EqualValues(t, 3, rows[0].ID)
		})
	}
}

func pagingServer(rows, most int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		limit, offset, from := 0, 0, 0
		for target, text := range map[*int]string{
			&limit: q.Get("limit"), &offset: q.Get("offset"), &from: lowestID(q),
		} {
			*target, _ = strconv.Atoi(text)
		}
		page := []lead{}
		for id := max(from, 1) + offset; id <= rows && len(page) < min(limit, most); id++ {
			page = append(page, lead{int64(id), strings.Repeat("x", id)})
		}
		if q.Get("id") == "is.null" {
			page = []lead{}
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(page)
	}
}

// lowestID reads how the client seeks a place in the order of the id: id=gte.7,
// or or=(id.gte.7,id.is.null) where it expects nothing there.
func lowestID(q url.Values) string {
	id := strings.TrimPrefix(q.Get("id"), "gte.")
	if or, ok := strings.CutPrefix(q.Get("or"), "(id.gte."); ok {
		id, _, _ = strings.Cut(or, ",")
	}
	return id
}

// TestEscaping: whatever is in a parameter, it arrives as it was, and only it.
func TestEscaping(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(200, `[]`))
	c := s.client(t)
	rapid.Check(t, func(rt *rapid.T) {
		value := rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0) }).Draw(rt, "value")
		_, err := insforge.One[lead](t.Context(), c.From("t").Where(filter.Eq("name", value)))
		require.ErrorIs(rt, err, insforge.ErrNoRows)
		requests := s.seen()
		query := requests[len(requests)-1].Query
		got, err := url.ParseQuery(query)
		require.NoError(rt, err)
		require.Equal(rt, url.Values{"name": {"eq." + value}, "limit": {"2"}}, got)
		require.NotContains(rt, query, "+")
	})
}

// TestQueriesAreValues: what is derived from a query does not change it, in
// whatever order and from however many goroutines.
func TestQueriesAreValues(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(200, `[{"id":1}]`))
	base := s.client(t).From("t").Select("id").Where(filter.Gt("id", 0)).Order("id").EmbedLimit("a", 1)
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			q := base.Select("name").Where(filter.Eq("n", i)).Order("name").EmbedLimit("a", i+2).Schema(fmt.Sprint("s", i))
			_, err := insforge.One[lead](t.Context(), q)
			require.NoError(t, err)
		})
	}
	group.Wait()
	for _, r := range s.seen() {
		i, err := strconv.Atoi(strings.TrimPrefix(r.Header.Get("Accept-Profile"), "s"))
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("select=id,name&id=gt.0&n=eq.%d&a.limit=%d&order=id,name&limit=2", i, i+2), r.Query)
	}
	_, err := insforge.One[lead](t.Context(), base)
	require.NoError(t, err)
	require.Equal(t, "select=id&id=gt.0&a.limit=1&order=id&limit=2", s.seen()[16].Query)
}

// TestMistakesAreNotSent: a query that was built wrongly is an error of
// whatever sends it.
func TestMistakesAreNotSent(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(200, `[]`))
	c := s.client(t)
	table := c.From("t")
	for name, q := range map[string]insforge.Query{
		"no client":     {},
		"no table":      c.From(""),
		"limit":         table.Limit(-1),
		"offset":        table.Offset(-1),
		"filter":        table.Where(filter.Eq("a", nil)),
		"nil filter":    table.Where(nil),
		"string filter": table.Filter("a", "in.progress"),
		"schema":        table.Schema("a\nb"),
		"argument":      c.Function("f", map[string]any{"a": "in.progress"}),
		"reserved name": c.Function("f", map[string]any{"limit": 1}),
		"time zone":     table.TimeZone("a,b=c"),
		"max rows":      table.MaxRows(0),
		"embed":         table.EmbedOrder("", "a"),
		"long":          table.Where(filter.Eq("a", strings.Repeat("x", 9000))),
	} {
		ctx := t.Context()
		_, err := insforge.All[lead](ctx, q)
		require.Error(t, err, name)
		if name != "long" { // which falling back would shorten
			_, err = insforge.All[lead](ctx, q.Fallback())
			require.Error(t, err, name)
		}
		for _, err := range insforge.Rows[lead](ctx, q) {
			require.Error(t, err, name)
		}
		_, err = insforge.One[lead](ctx, q)
		require.Error(t, err, name)
		if name != "limit" && name != "offset" {
			_, err = insforge.Count(ctx, q)
			require.Error(t, err, name)
		}
		_, err = q.Update(ctx, lead{})
		require.Error(t, err, name)
		_, err = q.Insert(ctx, lead{})
		require.Error(t, err, name)
	}
	filtered := table.Where(filter.Eq("id", 1))
	for name, rows := range map[string]any{
		"nil": nil, "number": 1, "numbers": []int{1}, "null row": []*lead{nil}, "channel": make(chan int), "text": "x",
	} {
		_, err := table.Insert(t.Context(), rows)
		require.Error(t, err, name)
		_, err = filtered.Update(t.Context(), rows)
		require.Error(t, err, name)
	}
	_, err := table.Insert(t.Context(), []lead{{Name: "Ann"}, {ID: 7, Name: "Bob"}}, insforge.OnConflictMerge())
	require.ErrorContains(t, err, "different keys")
	_, err = filtered.Update(t.Context(), map[string]any{})
	require.ErrorContains(t, err, "no columns")
	_, err = filtered.Insert(t.Context(), lead{})
	require.ErrorContains(t, err, "no filters")
	for _, path := range []string{"", "leads", "//other.example/leads", "http://other.example/", "/a/../b", "/a/%2e%2e/b", "/a?b"} {
		_, err := c.Do(t.Context(), insforge.Request{Method: "GET", Path: path})
		require.Error(t, err, path)
	}
	require.Empty(t, s.seen())
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	bad := map[string]insforge.Option{
		"empty key":   insforge.WithAPIKey(" "),
		"dialect":     insforge.WithDialect(7),
		"http client": insforge.WithHTTPClient(nil),
		"timeout":     insforge.WithTimeout(0),
		"retry":       insforge.WithRetry(insforge.RetryPolicy{}),
		"waits":       insforge.WithRetry(insforge.RetryPolicy{Attempts: 2}),
		"schema":      insforge.WithSchema("a\n"),
		"page":        insforge.WithPageSize(0),
		"rows":        insforge.WithMaxRows(0),
		"response":    insforge.WithMaxResponse(0),
		"decoder":     insforge.WithDecoder(nil),
		"logger":      insforge.WithLogger(nil),
		"observer":    insforge.WithObserver(nil),
		"clock":       insforge.WithClock(nil),
		"tokens":      insforge.WithTokenSource(nil),
		"fallback":    insforge.WithFallback(insforge.FallbackRows(0)),
	}
	for name, option := range bad {
		_, err := insforge.New("http://db.example", option)
		require.Error(t, err, name)
	}
}
