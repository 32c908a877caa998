package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args           string
		environ        []string
		status         int
		stdout, stderr string
	}{
		{args: "help", stdout: "TELEGRAM_BOT_TOKEN"},
		{args: "-h", stdout: "Usage:"},
		{args: "version", stdout: "reminderbot"},
		{args: "migrate -print", environ: []string{"INSFORGE_URL=nonsense"}, stdout: "CREATE TABLE"},
		{args: "migrate -help", stdout: "Usage:"},
		{args: "migrate -nope", status: exitUsage, stderr: "nope"},
		{args: "migrate up", status: exitUsage, stderr: `no argument "up"`},
		{args: "migrate", status: exitError, stderr: "there is nothing to migrate"},
		{args: "migrate", environ: []string{"INSFORGE_URL=http://127.0.0.1:1", "INSFORGE_DIALECT=postgrest"}, status: exitError, stderr: "migrate -print | psql"},
		{args: "serve", status: exitUsage, stderr: `unknown command "serve"`},
		{args: "check twice", status: exitUsage, stderr: "no arguments"},
		{args: "check", environ: []string{"SEND_RATE=fast"}, status: exitError, stderr: "SEND_RATE"},
		{args: "", environ: []string{"TZ_DEFAULT=Mars"}, status: exitError, stderr: "TZ_DEFAULT"},
		{args: "", environ: []string{"DATA_FILE=/nonexistent/x.db"}, status: exitError, stderr: "nonexistent"},
		{args: "", environ: []string{"DATA_FILE=:memory:", "HTTP_ADDR=192.0.2.1:1"}, status: exitError, stderr: "HTTP_ADDR"},
	} {
		t.Run(tc.args+" "+strings.Join(tc.environ, " "), func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			status := command(t.Context(), strings.Fields(tc.args), tc.environ, &stdout, &stderr)
			require.Equal(t, tc.status, status, stderr.String())
			require.Contains(t, stdout.String(), tc.stdout)
			require.Contains(t, stderr.String(), tc.stderr)
			if tc.stderr == "" {
				require.Empty(t, stderr.String())
			}
		})
	}
}

func TestServeEndsWell(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stderr bytes.Buffer
	require.Equal(t, exitFine, command(ctx, nil, []string{"DATA_FILE=:memory:", "HTTP_ADDR=127.0.0.1:0"}, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "demo: open http://127.0.0.1:")
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	backend := insforgetest.New(t, migrations.Tables, insforgetest.WithAPIKey("KEY-SECRET"))
	empty := insforgetest.New(t, []byte(`{"other":{"columns":[{"name":"id","type":"int","primary_key":true}]}}`))
	older := insforgetest.New(t, olderTables(t))
	telegram := telegramtest.Start(t, telegramtest.WithToken("1:TOKEN-SECRET"))
	page := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(page.Close)
	good := []string{"INSFORGE_URL=" + backend.URL, "INSFORGE_DIALECT=postgrest", "INSFORGE_API_KEY=KEY-SECRET",
		"TELEGRAM_BOT_TOKEN=1:TOKEN-SECRET", "TELEGRAM_API_URL=" + telegram.URL, "HTTP_ADDR=127.0.0.1:0"}
	for _, tc := range []struct {
		name    string
		environ []string
		status  int
		says    string
	}{
		{"all is well", nil, exitFine, "ok    telegram: the token belongs to @"},
		{"no settings", []string{"INSFORGE_URL=", "INSFORGE_API_KEY=", "TELEGRAM_BOT_TOKEN=", "DATA_FILE=:memory:"}, exitFine, "data is kept in"},
		{"no row security to be seen", nil, exitFine, "it is a server for tests, without row security"},
		{"wrong key", []string{"INSFORGE_API_KEY=OTHER-SECRET"}, exitError, "does not accept INSFORGE_API_KEY"},
		{"no tables", []string{"INSFORGE_URL=" + empty.URL}, exitError, "missing: 001_leads, 002_scheduled_reminders, 003_users_and_leases; run: reminderbot migrate -print | psql"},
		{"older tables", []string{"INSFORGE_URL=" + older.URL}, exitError, "missing: 002_scheduled_reminders; run: reminderbot migrate -print | psql -v ON_ERROR_STOP=1 YOUR_DATABASE_URL (table scheduled_reminders lacks a column"},
		{"nobody there", []string{"INSFORGE_URL=http://127.0.0.1:1"}, exitError, "INSFORGE_URL does not answer"},
		{"wrong token", []string{"TELEGRAM_BOT_TOKEN=2:TOKEN-SECRET"}, exitError, "does not know TELEGRAM_BOT_TOKEN"},
		{"no Bot API", []string{"TELEGRAM_API_URL=" + page.URL}, exitError, "is not a Bot API server"},
		{"no model", []string{"LLM_BASE_URL=" + page.URL, "LLM_MODEL=m", "LLM_API_KEY=MODEL-SECRET"}, exitError, "FAIL  model"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			status := command(t.Context(), []string{"check"}, append(append([]string{}, good...), tc.environ...), &stdout, &stderr)
			require.Equal(t, tc.status, status, "%s%s", stdout.String(), stderr.String())
			require.Contains(t, stdout.String(), tc.says)
			require.NotContains(t, stdout.String()+stderr.String(), "SECRET")
		})
	}
}

// olderTables are the tables without one column.
func olderTables(t *testing.T) []byte {
	var tables map[string]map[string]any
	require.NoError(t, json.Unmarshal(migrations.Tables, &tables))
	table := tables["scheduled_reminders"]
	var kept []any
	for _, column := range table["columns"].([]any) {
		if column.(map[string]any)["name"] != "last_error" {
			kept = append(kept, column)
		}
	}
	table["columns"] = kept
	encoded, err := json.Marshal(tables)
	require.NoError(t, err)
	return encoded
}

func TestTheClockSurvivesACrash(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "x.clock.json")
	clock, err := openClock(file, time.UTC)
	require.NoError(t, err)
	require.NoError(t, clock.advance(36*time.Hour))
	again, err := openClock(file, time.UTC)
	require.NoError(t, err)
	require.Equal(t, 36*time.Hour, again.Offset())
	require.WithinDuration(t, time.Now().Add(36*time.Hour), again.Now(), time.Minute)
	entries, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing else is left lying about")

	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, err = openClock(file, time.UTC)
	require.ErrorContains(t, err, "delete the file")
	require.Empty(t, clockFile(embedded.Memory))
	require.Empty(t, journalFile(embedded.Memory))
}
