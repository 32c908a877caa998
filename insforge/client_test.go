package insforge_test

import (
	"encoding/json"
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

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// seen is one request as a stub server got it.
type seen struct {
	Method, Path, Query, Body string
	Header                    http.Header
}

func (s seen) values(t testing.TB) url.Values {
	t.Helper()
	v, err := url.ParseQuery(s.Query)
	require.NoError(t, err)
	return v
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
		want:   seen{Method: "PATCH", Path: "/leads", Query: "id=eq.1&and=(n.gte.2,n.lt.5)", Body: `{"name":null}`},
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
	require.Empty(t, s.seen())

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
			require.ErrorIs(t, err, insforge.ErrTooMany)
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
			&limit: q.Get("limit"), &offset: q.Get("offset"), &from: strings.TrimPrefix(q.Get("id"), "gte."),
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
