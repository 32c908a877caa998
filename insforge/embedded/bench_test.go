package embedded_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

const benchTables = `{"reminders":{"columns":[
	{"name":"id","type":"bigint","primary_key":true,"generated":"identity"},
	{"name":"lead_id","type":"bigint","not_null":true},
	{"name":"telegram_id","type":"bigint","not_null":true},
	{"name":"step_id","type":"integer","not_null":true},
	{"name":"due_at","type":"timestamptz","not_null":true},
	{"name":"status","type":"text","not_null":true,"default":"pending"},
	{"name":"reminder_count","type":"integer","not_null":true,"default":0},
	{"name":"last_reminded_at","type":"timestamptz"},
	{"name":"draft_text","type":"text"},
	{"name":"plan_version","type":"uuid","not_null":true,"default":"gen_random_uuid()"},
	{"name":"created_at","type":"timestamptz","default":"now()"}],
	"unique":[["lead_id","plan_version","step_id"]],"indexes":[["due_at","id"],["telegram_id","status","due_at"]]}}`

// benchStore fills a store with reminders, dueRows of which are due.
func benchStore(b *testing.B, path string, rows, dueRows int) http.Handler {
	b.Helper()
	store := openTables(b, path, benchTables)
	fillBench(b, store, rows, dueRows)
	return store.Handler(embedded.PostgREST)
}

func fillBench(t testing.TB, store *embedded.Store, rows, dueRows int) {
	t.Helper()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const batch = 5000
	for from := 0; from < rows; from += batch {
		var body strings.Builder
		for i := from; i < min(from+batch, rows); i++ {
			due := start.Add(time.Duration(i) * time.Second)
			if i >= dueRows {
				due = due.AddDate(10, 0, 0)
			}
			fmt.Fprintf(&body, `,{"lead_id":%d,"telegram_id":%d,"step_id":%d,"due_at":%q,"draft_text":"Hello there, how are things going?"}`,
				i/5, i%1000, i%5, due.Format(time.RFC3339))
		}
		require.Equal(t, http.StatusCreated, do(store, http.MethodPost, "/reminders?select=id", "["+body.String()[1:]+"]").Code)
	}
}

func serveOnce(b *testing.B, h http.Handler, method, target, body string, status int) {
	rec := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	h.ServeHTTP(rec, r)
	if rec.Code != status {
		b.Fatalf("%d %s", rec.Code, rec.Body)
	}
}

func BenchmarkGetByKey(b *testing.B) {
	h := benchStore(b, embedded.Memory, 100_000, 1000)
	b.ReportAllocs()
	for b.Loop() {
		serveOnce(b, h, http.MethodGet, "/reminders?id=eq.5000", "", http.StatusOK)
	}
}

func BenchmarkDueListing(b *testing.B) {
	h := benchStore(b, embedded.Memory, 100_000, 1000)
	b.ReportAllocs()
	for b.Loop() {
		serveOnce(b, h, http.MethodGet, "/reminders?due_at=lte.2027-01-01T00:00:00Z&status=in.(pending,sent,snoozed)&order=due_at.asc,id.asc&limit=50", "", http.StatusOK)
	}
}

func BenchmarkPatchByKey(b *testing.B) {
	h := benchStore(b, filepath.Join(b.TempDir(), "bench.db"), 100_000, 1000)
	b.ReportAllocs()
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			serveOnce(b, h, http.MethodPatch, "/reminders?id=eq.5000", `{"reminder_count":1}`, http.StatusNoContent)
		}
	})
}

// Opening verifies the whole file and builds the indexes.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bench.db")
	store, err := tryOpen(path, benchTables)
	require.NoError(b, err)
	fillBench(b, store, 100_000, 1000)
	require.NoError(b, store.Close())
	for b.Loop() {
		store, err := tryOpen(path, benchTables)
		require.NoError(b, err)
		require.NoError(b, store.Close())
	}
}
