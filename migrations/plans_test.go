package migrations_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// With a million reminders of which most are history, each query of the service and of a user goes through the index
// that is there for it. The plans are those of the statements that PostgREST makes of the requests.
func TestQueriesUseTheirIndexesAtAMillionRows(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("fills a table with a million rows")
	}
	// A large installation that upgrades: fifty thousand leads of two thousand users with twenty steps each, one in twenty
	// still open and due over the coming months.
	withoutIndexes := regexp.MustCompile(`(?m)^\s*CREATE INDEX.*$`).ReplaceAllString(original, "") // or those would serve as well
	srv := insforgetest.Genuine(t, withoutIndexes+`
		INSERT INTO lead_registry (telegram_id) SELECT n % 2000 FROM generate_series(1, 50000) n;
		INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at, status)
		SELECT n % 50000, n % 2000, n / 50000, now() + (n % 7919 - 100) * interval '20 minutes',
			CASE WHEN n % 20 = 7 THEN (ARRAY['pending', 'sent', 'snoozed'])[n % 3 + 1] ELSE (ARRAY['completed', 'skipped', 'cancelled'])[n % 3 + 1] END
		FROM generate_series(0, 999999) n;
		`+script(t)+`ANALYZE;`)
	require.Equal(t, [][]string{{"1000000", "50000"}}, srv.SQL(`SELECT count(*), count(*) FILTER (WHERE status IN ('pending', 'sent', 'snoozed')) FROM scheduled_reminders`))

	const due, plan, listing = "scheduled_reminders_due_idx", "scheduled_reminders_lead_id_plan_version_step_id_key", "scheduled_reminders_telegram_id_status_due_at_idx"
	const over = "scheduled_reminders_over_idx"
	now := time.Now().UTC().Format(time.RFC3339)
	user := srv.Token(map[string]any{"role": insforgetest.RoleUser, "telegram_id": 1234})
	for _, tt := range []struct {
		name, token, method, query, body string
		index                            string
	}{
		{"poll", srv.APIKey, http.MethodGet, "status=in.(pending,sent,snoozed)&due_at=lte." + now + "&order=due_at.asc,id.asc&limit=500", "", due},
		{"poll, next page", srv.APIKey, http.MethodGet,
			"status=in.(pending,sent,snoozed)&and=(due_at.lte." + now + ",or(due_at.gt.2026-01-01T00:00:00Z,and(due_at.eq.2026-01-01T00:00:00Z,id.gt.500)))&order=due_at.asc,id.asc&limit=500", "", due},
		{"next wake-up", srv.APIKey, http.MethodGet, "select=due_at&status=in.(pending,sent,snoozed)&due_at=gt." + now + "&order=due_at.asc,id.asc&limit=1", "", due},
		{"lead lookup", srv.APIKey, http.MethodGet, "lead_id=eq.4321&order=due_at.asc,step_id.asc,id.asc", "", plan},
		{"cancel older plans", srv.APIKey, http.MethodPatch, "lead_id=eq.4321&plan_version=neq.00000000-0000-0000-0000-000000000001&status=in.(pending,sent,snoozed)", `{"status":"cancelled"}`, plan},
		{"user listing", srv.APIKey, http.MethodGet, "telegram_id=eq.1234&status=in.(pending,sent,snoozed)&due_at=lt.2100-01-01&order=due_at.asc,id.asc", "", listing},
		{"user listing, as the user", user, http.MethodGet, "status=in.(pending,sent,snoozed)&order=due_at.asc,id.asc", "", listing},
		{"all of a user's, as the user", user, http.MethodGet, "order=due_at.asc", "", listing},
		{"what is over and old", srv.APIKey, http.MethodGet, "select=id&status=in.(completed,skipped,cancelled)&updated_at=lt.2026-01-01T00:00:00Z&or=(completed_at.is.null,completed_at.lt.2026-01-01T00:00:00Z)&order=updated_at.asc,id.asc&limit=200", "", over},
		{"answer, as the user", user, http.MethodPatch, "id=eq.1235&status=in.(pending,sent,snoozed)", `{"status":"completed"}`, "scheduled_reminders_pkey"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, []string{tt.index}, indexesUsed(t, srv, tt.token, tt.method, "scheduled_reminders?"+tt.query, tt.body))
		})
	}
	t.Run("whatever the service itself asks", func(t *testing.T) { theServiceNeverScans(t, srv) })
}

// theServiceNeverScans has the service do its work and looks at the plan of every kind of request that it made: what
// PostgREST prepares may be written in another way than by hand, and none may read a table from end to end.
func theServiceNeverScans(t *testing.T, srv *insforgetest.Server) {
	store, err := scheduler.NewStore(srv.Client(), nil)
	require.NoError(t, err)
	dispatcher, err := scheduler.NewDispatcher(store, &schedulertest.Sender{}, scheduler.WithDispatchLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	retention, err := scheduler.NewRetention(store, 24*time.Hour, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	srv.SQL(`UPDATE scheduled_reminders SET updated_at = now() - interval '2 days' WHERE status = 'completed' AND lead_id < 100`)

	srv.ForgetRequests()
	report, err := dispatcher.Cycle(t.Context())
	require.NoError(t, err)
	require.NotZero(t, report.Claimed)
	removed, err := retention.Clean(t.Context())
	require.NoError(t, err)
	require.NotZero(t, removed)
	_, err = store.Upcoming(t.Context(), 1)
	require.NoError(t, err)
	_, err = store.Finished(t.Context(), time.Now().Add(-24*time.Hour), 5)
	require.NoError(t, err)
	_, err = store.Agenda(t.Context(), 1234, time.Now().Add(1000*time.Hour))
	require.NoError(t, err)
	_, err = store.Resting(t.Context(), 1234)
	require.NoError(t, err)
	reminders, err := store.Reminders(t.Context(), 1234, 1234)
	require.NoError(t, err)
	require.NotEmpty(t, reminders)
	_, err = store.Leads(t.Context(), 1234)
	require.NoError(t, err)
	_, err = store.Unblock(t.Context(), 1234)
	require.NoError(t, err)

	kinds := map[string]bool{}
	numbers := regexp.MustCompile(`[0-9]+(%2C[0-9]+)*`)
	for _, request := range srv.Requests() {
		kind := request.Method + " " + request.Table + "?" + numbers.ReplaceAllString(request.RawQuery, "N")
		if kinds[kind] || request.Table != "scheduled_reminders" && request.Table != "lead_registry" {
			continue
		}
		kinds[kind] = true
		used := indexesUsed(t, srv, srv.APIKey, request.Method, request.Table+"?"+request.RawQuery, string(request.Body))
		require.NotContains(t, used, "Seq Scan", kind)
		require.NotEmpty(t, used, kind)
	}
	require.Greater(t, len(kinds), 8)
}

// indexesUsed lists the indexes of the plan in which PostgREST would carry the request out, each once, and "Seq Scan" for
// a scan of a table.
func indexesUsed(t *testing.T, srv *insforgetest.Server, token, method, path, body string) []string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, srv.URL+"/"+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/vnd.pgrst.plan+json")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", content)
	var plans []struct{ Plan planNode }
	require.NoError(t, json.Unmarshal(content, &plans), "%s", content)
	require.Len(t, plans, 1)
	used := plans[0].Plan.indexes()
	slices.Sort(used)
	return slices.Compact(used)
}

type planNode struct {
	NodeType  string `json:"Node Type"`
	IndexName string `json:"Index Name"`
	Plans     []planNode
}

func (n planNode) indexes() (found []string) {
	switch {
	case n.IndexName != "":
		found = append(found, n.IndexName)
	case n.NodeType == "Seq Scan":
		found = append(found, "Seq Scan")
	}
	for _, child := range n.Plans {
		found = append(found, child.indexes()...)
	}
	return found
}
