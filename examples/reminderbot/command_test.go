package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
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
		{args: "check -h", stdout: "Usage:"},
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

func TestPageAddress(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{"127.0.0.1:8080": "http://127.0.0.1:8080", "0.0.0.0:80": "http://localhost:80", "[::]:8080": "http://localhost:8080", "[::1]:1": "http://[::1]:1"} {
		resolved, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		require.Equal(t, want, pageAddress(resolved))
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
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0) // that the handshake fails is the point
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	tomorrow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(24*time.Hour).UTC().Format(http.TimeFormat))
		telegram.ServeHTTP(w, r)
	}))
	t.Cleanup(tomorrow.Close)
	running := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ready":true,"checks":{"dispatcher":"ok"}}`)
	}))
	t.Cleanup(running.Close)
	welcome := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>Welcome</html>")
	}))
	t.Cleanup(welcome.Close)
	damaged := filepath.Join(t.TempDir(), "x.db")
	require.NoError(t, os.WriteFile(clockFile(damaged), []byte("{"), 0o600))
	good := []string{"INSFORGE_URL=" + backend.URL, "INSFORGE_DIALECT=postgrest", "INSFORGE_API_KEY=KEY-SECRET",
		"TELEGRAM_BOT_TOKEN=1:TOKEN-SECRET", "TELEGRAM_API_URL=" + telegram.URL, "HTTP_ADDR=127.0.0.1:0"}
	for _, tc := range []struct {
		name    string
		environ []string
		status  int
		says    string
	}{
		{"all is well", nil, exitFine, "ok    telegram: the token belongs to @"},
		{"no settings", []string{"INSFORGE_URL=", "INSFORGE_API_KEY=", "TELEGRAM_BOT_TOKEN=", "DATA_FILE=:memory:"}, exitFine, "nothing outlives the service"},
		{"no row security to be seen", nil, exitFine, "it is a server for tests, without row security"},
		{"wrong key", []string{"INSFORGE_API_KEY=OTHER-SECRET"}, exitError, "does not accept INSFORGE_API_KEY"},
		{"no tables", []string{"INSFORGE_URL=" + empty.URL}, exitError, "missing: 001_leads, 002_scheduled_reminders, 003_users_and_leases; run: reminderbot migrate -print | psql"},
		{"older tables", []string{"INSFORGE_URL=" + older.URL}, exitError, "missing: 002_scheduled_reminders; run: reminderbot migrate -print | psql -v ON_ERROR_STOP=1 YOUR_DATABASE_URL (table scheduled_reminders lacks a column"},
		{"nobody there", []string{"INSFORGE_URL=http://127.0.0.1:1"}, exitError, "INSFORGE_URL does not answer"},
		{"wrong token", []string{"TELEGRAM_BOT_TOKEN=2:TOKEN-SECRET"}, exitError, "does not know TELEGRAM_BOT_TOKEN"},
		{"no Bot API", []string{"TELEGRAM_API_URL=" + page.URL}, exitError, "is not a Bot API server"},
		{"a misspelt setting", []string{"TELEGRAM_TOKEN=3:TOKEN-SECRET"}, exitFine, "note  settings: TELEGRAM_TOKEN is set, and there is no such setting; did you mean TELEGRAM_BOT_TOKEN?"},
		{"not a database", []string{"INSFORGE_URL=" + page.URL}, exitError, "there are no tables at this address; are INSFORGE_URL and INSFORGE_DIALECT right?"},
		{"a page for a database", []string{"INSFORGE_URL=" + welcome.URL}, exitError, "there are no tables at this address; are INSFORGE_URL and INSFORGE_DIALECT right?"},
		{"no such host", []string{"TELEGRAM_API_URL=https://telegram.invalid"}, exitError, "is there a way to the internet?"},
		{"no TLS", []string{"TELEGRAM_API_URL=" + strings.Replace(page.URL, "http:", "https:", 1)}, exitError, "should it begin with http: instead of https:?"},
		{"a certificate of nobody's", []string{"TELEGRAM_API_URL=" + encrypted.URL}, exitError, "a certificate that this machine does not accept"},
		{"a wrong clock", []string{"TELEGRAM_API_URL=" + tomorrow.URL}, exitError, "behind Telegram's, and reminders go by it"},
		{"a webhook to be set", []string{"WEBHOOK_URL=https://bot.example"}, exitFine, "the webhook is not set yet"},
		{"an address in use", []string{"HTTP_ADDR=" + page.Listener.Addr().String()}, exitError, "is in use by another process; stop it, or set HTTP_ADDR to another address"},
		{"an address of a bot", []string{"HTTP_ADDR=" + running.Listener.Addr().String()}, exitFine, "is in use by a running bot"},
		{"an address elsewhere", []string{"HTTP_ADDR=192.0.2.1:80"}, exitError, "is not an address of this machine"},
		{"no model there", []string{"LLM_BASE_URL=http://127.0.0.1:1", "LLM_MODEL=m"}, exitError, "LLM_BASE_URL http://127.0.0.1:1 refuses connections"},
		{"no file there", []string{"INSFORGE_URL=", "INSFORGE_API_KEY=", "DATA_FILE=/nonexistent/x.db"}, exitError, "in a directory that does not exist"},
		{"no file of ours", []string{"INSFORGE_URL=", "INSFORGE_API_KEY=", "DATA_FILE=command_test.go"}, exitError, "DATA_FILE command_test.go cannot be used"},
		{"no clock of ours", []string{"INSFORGE_URL=", "INSFORGE_API_KEY=", "TELEGRAM_BOT_TOKEN=", "DATA_FILE=" + damaged}, exitError, "delete the file to begin at the present time"},
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
