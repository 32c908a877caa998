package insforge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// BenchmarkBuild builds a query of ten filters and renders its URL parameters.
func BenchmarkBuild(b *testing.B) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		params, err := filter.Params(
			filter.Eq("a", 12345), filter.Neq("b", "text"), filter.Gt("c", 1.5), filter.Gte("d", at), filter.Lt("e", 7),
			filter.Lte("f", "z"), filter.IsNull("g"), filter.Like("h", "A*"), filter.Eq("i", true), filter.Match("j", "^x"),
		)
		if err != nil || len(params) != 10 {
			b.Fatal(err)
		}
	}
}

type benchRow struct {
	ID       int64          `json:"id"`
	LeadID   int64          `json:"lead_id"`
	DueAt    time.Time      `json:"due_at"`
	Status   string         `json:"status"`
	Draft    string         `json:"draft_text"`
	Tags     []string       `json:"tags"`
	Metadata map[string]int `json:"metadata"`
}

func benchBody() string {
	rows := make([]benchRow, 50)
	for i := range rows {
		rows[i] = benchRow{
			int64(i), int64(i * 7), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "pending",
			strings.Repeat("Hello there. ", 8), []string{"a", "b"}, map[string]int{"n": i},
		}
	}
	body, _ := json.Marshal(rows)
	return string(body)
}

// BenchmarkRead compares reading 50 rows with what one would write by hand.
func BenchmarkRead(b *testing.B) {
	body := benchBody()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	defer server.Close()
	b.Run("net/http", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			resp, err := http.Get(server.URL + "/rows?limit=50")
			require.NoError(b, err)
			data, err := io.ReadAll(resp.Body)
			require.NoError(b, err)
			_ = resp.Body.Close()
			var rows []benchRow
			require.NoError(b, json.Unmarshal(data, &rows))
		}
	})
	b.Run("insforge", func(b *testing.B) {
		client, err := insforge.New(server.URL)
		require.NoError(b, err)
		q := client.From("rows").Limit(50)
		b.ReportAllocs()
		for b.Loop() {
			_, err := insforge.All[benchRow](b.Context(), q)
			require.NoError(b, err)
		}
	})
}
