package insforgeprom_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgeprom"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

const tables = `{"leads": {"columns": [{"name": "id", "type": "int", "primary_key": true}, {"name": "name", "type": "text"}], "rows": [{"id": 1}]}}`

func TestEveryAttemptIsCounted(t *testing.T) {
	t.Parallel()
	observer, err := insforgeprom.New(insforgeprom.WithNamespace("app"), insforgeprom.WithBuckets(60))
	require.NoError(t, err)
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(observer))
	server := insforgetest.New(t, []byte(tables))
	client := server.Client(insforge.WithObserver(observer))
	leads := client.From("leads")

	server.Fault(insforgetest.Fault{Method: http.MethodGet, Status: http.StatusBadGateway, Times: 1})
	_, err = insforge.One[map[string]any](t.Context(), leads.Where(filter.Eq("id", 1)))
	require.NoError(t, err)
	_, err = leads.Insert(t.Context(), map[string]any{"id": 1})
	require.True(t, insforge.IsUniqueViolation(err))
	_, err = client.Do(t.Context(), insforge.Request{Method: http.MethodGet, Path: "/leads", Query: map[string][]string{"id": {"eq.1"}}})
	require.NoError(t, err)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = insforge.Count(cancelled, leads)
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
		# HELP app_insforge_attempts_in_flight Requests to the database API that are under way.
		# TYPE app_insforge_attempts_in_flight gauge
		app_insforge_attempts_in_flight 0
		# HELP app_insforge_attempts_total Requests to the database API as they were sent, repetitions included; status 0 is no answer.
		# TYPE app_insforge_attempts_total counter
		app_insforge_attempts_total{operation="insert",status="409",table="leads"} 1
		app_insforge_attempts_total{operation="raw",status="200",table=""} 1
		app_insforge_attempts_total{operation="select",status="200",table="leads"} 1
		app_insforge_attempts_total{operation="select",status="502",table="leads"} 1
		# HELP app_insforge_repetitions_total Requests to the database API that were sent again.
		# TYPE app_insforge_repetitions_total counter
		app_insforge_repetitions_total{operation="select"} 1
	`), "app_insforge_attempts_total", "app_insforge_repetitions_total", "app_insforge_attempts_in_flight"))
	durations, err := testutil.GatherAndCount(registry, "app_insforge_attempt_seconds")
	require.NoError(t, err)
	require.Equal(t, 3, durations, "one histogram an operation")
}

func TestWhatTheServerDidNotDoIsCounted(t *testing.T) {
	t.Parallel()
	observer, err := insforgeprom.New()
	require.NoError(t, err)
	server := insforgetest.New(t, []byte(tables))
	leads := server.Client(insforge.WithObserver(observer), insforge.WithRetry(insforge.NoRetry())).From("leads")

	server.Fault(insforgetest.Fault{DropResponse: true, Times: 1})
	_, err = insforge.Count(t.Context(), leads)
	var lost *insforge.TransportError
	require.True(t, errors.As(err, &lost), "%v", err)
	observer.Fallback(t.Context(), insforge.FallbackReport{Table: "leads"})

	require.NoError(t, testutil.CollectAndCompare(observer, strings.NewReader(`
		# HELP insforge_attempts_total Requests to the database API as they were sent, repetitions included; status 0 is no answer.
		# TYPE insforge_attempts_total counter
		insforge_attempts_total{operation="count",status="0",table="leads"} 1
		# HELP insforge_fallbacks_total Reads that the client filtered itself, because the server would not.
		# TYPE insforge_fallbacks_total counter
		insforge_fallbacks_total{table="leads"} 1
	`), "insforge_attempts_total", "insforge_fallbacks_total"))
}

func TestBucketsMustIncrease(t *testing.T) {
	t.Parallel()
	for _, buckets := range [][]float64{{}, {2, 1}, {1, 1}} {
		_, err := insforgeprom.New(insforgeprom.WithBuckets(buckets...))
		require.ErrorContains(t, err, "buckets must increase", "%v", buckets)
	}
}

func Example() {
	observer, err := insforgeprom.New(insforgeprom.WithNamespace("crm"))
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(observer)
	client, err := insforge.New("https://db.example.com", insforge.WithObserver(observer))
	fmt.Println(client, err)
	// Output: insforge.Client(postgrest, https://db.example.com) <nil>
}
