package insforge_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

const exampleTables = `{
	"leads": {
		"columns": [
			{"name": "id", "type": "bigint", "primary_key": true, "generated": "identity"},
			{"name": "name", "type": "text", "not_null": true},
			{"name": "stage", "type": "text", "default": "new"},
			{"name": "due_at", "type": "timestamptz"},
			{"name": "data", "type": "jsonb"}
		],
		"unique": [["name"]],
		"rows": [
			{"id": 1, "name": "Ann", "stage": "won", "due_at": "2026-03-01T09:00:00Z", "data": {"address": {"city": "Oslo"}}},
			{"id": 2, "name": "Bob", "due_at": "2026-03-02T09:00:00Z"},
			{"id": 3, "name": "Cy"}
		]},
	"notes": {
		"columns": [
			{"name": "id", "type": "bigint", "primary_key": true, "generated": "identity"},
			{"name": "lead_id", "type": "bigint", "not_null": true},
			{"name": "text", "type": "text"}
		],
		"foreign_keys": [{"columns": ["lead_id"], "references": "leads", "referenced_columns": ["id"]}],
		"rows": [
			{"id": 1, "lead_id": 1, "text": "met at the fair"},
			{"id": 2, "lead_id": 1, "text": "asked for the price"},
			{"id": 3, "lead_id": 2, "text": "prefers mail"}
		]}}`

// Lead is a row of the table leads.
type Lead struct {
	ID    int64      `json:"id,omitempty"`
	Name  string     `json:"name"`
	Stage string     `json:"stage,omitempty"`
	DueAt *time.Time `json:"due_at,omitempty"`
}

// exampleClient is a client of a server inside the process. A real one needs
// only its URL and key.
func exampleClient() *insforge.Client {
	tables, err := embedded.ParseTables([]byte(exampleTables))
	if err != nil {
		panic(err)
	}
	store, err := embedded.Open(":memory:", tables)
	if err != nil {
		panic(err)
	}
	client, err := insforge.New("http://embedded",
		insforge.WithHTTPClient(&http.Client{Transport: store.Transport(embedded.PostgREST)}))
	if err != nil {
		panic(err)
	}
	return client
}

func Example() {
	ctx := context.Background()
	client := exampleClient()

	due, err := insforge.All[Lead](ctx, client.From("leads").
		Select("id", "name").
		Where(filter.Lte("due_at", time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC))).
		Order("due_at.desc", "id"))
	for _, lead := range due {
		fmt.Println(lead.ID, lead.Name)
	}
	fmt.Println(err)
	// Output:
	// 2 Bob
	// 1 Ann
	// <nil>
}

func ExampleOne() {
	ctx := context.Background()
	leads := exampleClient().From("leads")

	lead, err := insforge.One[Lead](ctx, leads.Where(filter.Eq("name", "Ann")))
	fmt.Println(lead.Stage, err)
	_, err = insforge.One[Lead](ctx, leads.Where(filter.Eq("name", "Zoe")))
	fmt.Println(errors.Is(err, insforge.ErrNoRows))
	_, err = insforge.One[Lead](ctx, leads)
	fmt.Println(errors.Is(err, insforge.ErrTooManyRows))
	// Output:
	// won <nil>
	// true
	// true
}

func ExampleMaybe() {
	ctx := context.Background()
	_, found, err := insforge.Maybe[Lead](ctx, exampleClient().From("leads").Where(filter.Eq("id", 99)))
	fmt.Println(found, err)
	// Output: false <nil>
}

func ExampleRows() {
	ctx := context.Background()
	for lead, err := range insforge.Rows[Lead](ctx, exampleClient().From("leads").Order("id")) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(lead.Name)
	}
	// Output:
	// Ann
	// Bob
	// Cy
}

func ExampleCount() {
	n, err := insforge.Count(context.Background(), exampleClient().From("leads").Where(filter.IsNull("due_at")))
	fmt.Println(n, err)
	// Output: 1 <nil>
}

// The planner's estimate costs nothing and may be far off; the estimated count is
// exact up to the server's own limit of rows. All three go by HEAD: no row is sent.
func ExampleCountEstimated() {
	ctx := context.Background()
	leads := exampleClient().From("leads")
	n, err := insforge.CountEstimated(ctx, leads)
	fmt.Println(n, err)
	_, err = insforge.CountPlanned(ctx, leads)
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// <nil>
}

func ExampleInsert() {
	ctx := context.Background()
	leads := exampleClient().From("leads")

	// Dee has no stage, so that she gets the column's default.
	rows, err := insforge.Insert[Lead](ctx, leads, []Lead{{Name: "Dee"}, {Name: "Eve", Stage: "lost"}})
	for _, lead := range rows {
		fmt.Println(lead.ID, lead.Name, lead.Stage)
	}
	fmt.Println(err)

	_, err = insforge.Insert[Lead](ctx, leads, Lead{Name: "Eve"})
	fmt.Println(insforge.IsUniqueViolation(err))
	// Output:
	// 4 Dee new
	// 5 Eve lost
	// <nil>
	// true
}

func ExampleOnConflictIgnore() {
	ctx := context.Background()
	leads := exampleClient().From("leads")
	n, err := leads.Insert(ctx, []Lead{{Name: "Ann"}, {Name: "Flo"}}, insforge.OnConflictIgnore("name"))
	fmt.Println(n, err)
	// Output: 1 <nil>
}

func ExampleOnConflictMerge() {
	ctx := context.Background()
	leads := exampleClient().From("leads")
	rows, err := insforge.Insert[Lead](ctx, leads.Select("name", "stage"), Lead{Name: "Ann", Stage: "lost"},
		insforge.OnConflictMerge("name"))
	fmt.Println(rows, err)
	// Output: [{0 Ann lost <nil>}] <nil>
}

// A conditional update is how to claim a row: of several clients that try,
// one gets it.
func ExampleUpdate() {
	ctx := context.Background()
	unclaimed := exampleClient().From("leads").Select("id", "name").Where(filter.Eq("id", 2), filter.Eq("stage", "new"))
	for range 2 {
		mine, err := insforge.Update[Lead](ctx, unclaimed, map[string]any{"stage": "claimed"})
		fmt.Println(len(mine), err)
	}
	// Output:
	// 1 <nil>
	// 0 <nil>
}

// Without a type to return rows in, the answer is only how many they were.
func ExampleQuery_Update() {
	ctx := context.Background()
	stale := exampleClient().From("leads").Where(filter.Eq("stage", "new"), filter.IsNull("due_at"))
	n, err := stale.Update(ctx, map[string]any{"stage": "lost", "due_at": time.Date(2026, 3, 9, 9, 0, 0, 0, time.UTC)})
	fmt.Println(n, err)
	// Output: 1 <nil>
}

func ExampleQuery_Delete() {
	ctx := context.Background()
	notes := exampleClient().From("notes")
	_, err := notes.Delete(ctx)
	fmt.Println(errors.Is(err, insforge.ErrUnfiltered))
	n, err := notes.Where(filter.In("id", 1, 2)).Delete(ctx)
	fmt.Println(n, err)
	// Output:
	// true
	// 2 <nil>
}

func ExampleQuery_Filter() {
	ctx := context.Background()
	n, err := insforge.Count(ctx, exampleClient().From("leads").
		Filter("due_at", "lte.2026-03-01T09:00:00Z").
		Filter("stage", "won"))
	fmt.Println(n, err)
	// Output: 1 <nil>
}

// Queries are values, so that one can be the base of others.
func ExampleQuery_Where() {
	ctx := context.Background()
	open := exampleClient().From("leads").Where(filter.Neq("stage", "won"))
	dated, err := insforge.Count(ctx, open.Where(filter.Not(filter.IsNull("due_at"))))
	fmt.Println(dated, err)
	all, err := insforge.Count(ctx, open)
	fmt.Println(all, err)
	// Output:
	// 1 <nil>
	// 2 <nil>
}

func ExampleError() {
	ctx := context.Background()
	_, err := insforge.All[Lead](ctx, exampleClient().From("leads").Where(filter.Eq("stagee", "new")))
	var refusal *insforge.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Status, refusal.Code, refusal.Message)
	}
	fmt.Println(insforge.SafeToRepeat(err))
	// Output:
	// 400 42703 column leads.stagee does not exist
	// true
}

// The usual questions about an error have functions that answer them.
func ExampleIsNotFound() {
	ctx := context.Background()
	client := exampleClient()
	_, err := insforge.One[Lead](ctx, client.From("leads").Where(filter.Eq("id", 99)))
	fmt.Println(insforge.IsNotFound(err))
	_, err = insforge.All[Lead](ctx, client.From("leeds"))
	fmt.Println(insforge.IsNotFound(err), insforge.IsPermission(err))
	_, err = client.From("leads").Insert(ctx, Lead{ID: 1, Name: "Zoe"})
	fmt.Println(insforge.IsUniqueViolation(err))
	_, err = client.From("notes").Insert(ctx, map[string]any{"lead_id": 99})
	fmt.Println(insforge.IsForeignKeyViolation(err))
	// Output:
	// true
	// true false
	// true
	// true
}

// An insert whose answer was lost may have been carried out: the client does not
// send it again, and says so. Declared idempotent, or with OnConflictIgnore, it is
// repeated.
func ExampleSafeToRepeat() {
	lost := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	server := httptest.NewServer(lost)
	defer server.Close()
	client, err := insforge.New(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.From("leads").Insert(context.Background(), Lead{Name: "Dee"})
	fmt.Println(err != nil, insforge.SafeToRepeat(err))
	client.CloseIdleConnections()
	// Output: true false
}

// A service that somebody waits for gives up sooner than the default.
func ExampleWithRetry() {
	patience := insforge.DefaultRetryPolicy()
	patience.Attempts, patience.Budget = 2, 3*time.Second
	_, err := insforge.New("https://db.example.com", insforge.WithRetry(patience), insforge.WithTimeout(2*time.Second))
	fmt.Println(err)
	_, err = insforge.New("https://db.example.com", insforge.WithRetry(insforge.NoRetry()))
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
}

// vault is a source of tokens that can renew them.
type vault struct{ token string }

func (v *vault) Token(context.Context) (string, error) { return v.token, nil }
func (v *vault) Refresh(_ context.Context, stale string) (string, error) {
	fmt.Println("renewing", stale)
	v.token = "fresh"
	return v.token, nil
}

// A token that the server refuses is renewed once, and the request sent again.
// A vault for many goroutines needs a lock.
func ExampleWithTokenSource() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer fresh" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`[{"id":1,"name":"Ann"}]`))
	}))
	defer server.Close()
	client, err := insforge.New(server.URL, insforge.WithTokenSource(&vault{token: "stale"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	lead, err := insforge.One[Lead](context.Background(), client.From("leads"))
	fmt.Println(lead.Name, err)
	client.CloseIdleConnections()
	// Output:
	// renewing stale
	// Ann <nil>
}

func ExampleIsRateLimited() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer server.Close()
	client, err := insforge.New(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = insforge.All[Lead](context.Background(), client.From("leads"))
	wait, limited := insforge.IsRateLimited(err)
	fmt.Println(wait, limited)
	client.CloseIdleConnections()
	// Output: 2m0s true
}

func ExampleClient_Do() {
	response, err := exampleClient().Do(context.Background(), insforge.Request{
		Method: http.MethodGet,
		Path:   "/leads",
		Query:  map[string][]string{"select": {"name"}, "id": {"eq.1"}},
	})
	fmt.Println(response.Status, string(response.Body), err)
	// Output: 200 [{"name":"Ann"}] <nil>
}

func ExampleNew() {
	_, err := insforge.New("db.example.com", insforge.WithAPIKey("secret"))
	fmt.Println(err)
	_, err = insforge.New("https://db.example.com", insforge.WithAPIKey("secret\n"))
	fmt.Println(err)
	client, err := insforge.New("https://db.example.com", insforge.WithAPIKey("secret"))
	fmt.Println(client, err)
	// Output:
	// insforge: the base URL must be http://HOST… or https://HOST…
	// insforge: the API key has a control character (a line break?)
	// insforge.Client(postgrest, https://db.example.com) <nil>
}

// printer is an observer that prints every attempt.
type printer struct{}

func (printer) Start(ctx context.Context, _ insforge.Attempt) context.Context { return ctx }
func (printer) End(_ context.Context, a insforge.Attempt) {
	fmt.Println(a.Operation, a.Method, a.Table, a.Status, a.Number)
}

func ExampleWithObserver() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Retry-Count") == "" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_, _ = w.Write([]byte(`[{"id":1}]`))
	}))
	defer server.Close()
	client, err := insforge.New(server.URL, insforge.WithObserver(printer{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = insforge.One[Lead](context.Background(), client.From("leads"))
	fmt.Println(err)
	client.CloseIdleConnections()
	// Output:
	// select GET leads 502 1
	// select GET leads 200 2
	// <nil>
}

// A client can have all its reads fall back. Types that a server's JSON does not
// show are given as hints, and more rows than allowed are an error.
func ExampleWithFallback() {
	_, err := insforge.New("https://db.example.com", insforge.WithFallback(
		insforge.FallbackRows(5000),
		insforge.FallbackTypes(map[string]string{"due_at": "timestamptz", "tags": "text[]"}),
		insforge.OnFallback(func(_ context.Context, report insforge.FallbackReport) { fmt.Println(report.Reason) }),
	))
	fmt.Println(err)
	_, err = insforge.New("https://db.example.com", insforge.WithFallback(insforge.FallbackTypes(map[string]string{"due_at": "tomorrow"})))
	fmt.Println(err != nil)
	// Output:
	// <nil>
	// true
}

func ExampleQuery_Fallback() {
	// A gateway that knows no or=(…).
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch query := r.URL.Query(); {
		case query.Has("or"):
			w.WriteHeader(http.StatusBadRequest)
		case query.Get("limit") == "0" || query.Has("offset") || query.Has("id"):
			_, _ = w.Write([]byte(`[]`))
		default:
			_, _ = w.Write([]byte(`[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"},{"id":3,"name":null}]`))
		}
	}))
	defer gateway.Close()
	client, err := insforge.New(gateway.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, err := insforge.All[Lead](context.Background(), client.From("leads").
		Where(filter.Or(filter.IsNull("name"), filter.Like("name", "A*"))).
		Fallback(insforge.OnFallback(func(_ context.Context, report insforge.FallbackReport) {
			fmt.Printf("%d of %d rows kept, without %s\n", report.Kept, report.Scanned, report.Dropped)
		})))
	fmt.Println(len(rows), err)
	client.CloseIdleConnections()
	// Output:
	// 2 of 3 rows kept, without [or(name.is.null,name.like.A*)]
	// 2 <nil>
}
