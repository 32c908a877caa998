package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asProgram makes the test binary be the program itself.
const asProgram = "MOCKPOSTGREST_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const tables = `{"leads":{"columns":[{"name":"id","type":"bigint","primary_key":true,"generated":"identity"},{"name":"name","type":"text"}],"rows":[{"name":"Ann"}]}}`

// start runs the program until the test ends and returns its base URL.
func start(t *testing.T, args ...string) (url string, process *exec.Cmd) {
	t.Helper()
	process = exec.Command(os.Args[0], append([]string{"-listen", "127.0.0.1:0"}, args...)...)
	process.Env = append(os.Environ(), asProgram+"=1")
	stdout, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	t.Cleanup(func() { _ = process.Process.Kill() }) // unless it has ended
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	require.True(t, ok, line)
	return url, process
}

func stop(t *testing.T, process *exec.Cmd) {
	t.Helper()
	require.NoError(t, process.Process.Signal(syscall.SIGTERM))
	require.NoError(t, process.Wait(), "a stop is not a failure")
}

func fetch(t *testing.T, method, url, key, body string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { require.NoError(t, res.Body.Close()) }()
	out, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(out)
}

func tablesFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tables.json")
	require.NoError(t, os.WriteFile(path, []byte(tables), 0o600))
	return path
}

func TestServesTheTablesFile(t *testing.T) {
	t.Parallel()
	url, process := start(t, "-tables", tablesFile(t))
	status, body := fetch(t, http.MethodGet, url+"/leads", "", "")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `[{"id":1,"name":"Ann"}]`, body)
	status, _ = fetch(t, http.MethodPost, url+"/rpc/anything", "", "{}")
	require.Equal(t, http.StatusNotFound, status)
	stop(t, process)
}

func TestDataOutlivesTheProgram(t *testing.T) {
	t.Parallel()
	declared, data := tablesFile(t), filepath.Join(t.TempDir(), "data.db")
	url, process := start(t, "-tables", declared, "-data", data)
	status, _ := fetch(t, http.MethodPost, url+"/leads", "", `{"name":"Bob"}`)
	require.Equal(t, http.StatusCreated, status)

	var stderr bytes.Buffer
	err := run([]string{"-listen", "127.0.0.1:0", "-tables", declared, "-data", data}, io.Discard, &stderr)
	require.ErrorContains(t, err, "in use", "a second program is refused")
	stop(t, process)

	url, process = start(t, "-tables", declared, "-data", data)
	_, body := fetch(t, http.MethodGet, url+"/leads?order=id&select=name", "", "")
	require.JSONEq(t, `[{"name":"Ann"},{"name":"Bob"}]`, body)
	stop(t, process)
}

func TestKeysAndDialects(t *testing.T) {
	t.Parallel()
	for dialect, prefix := range map[string]string{"postgrest": "", "insforge": "/api/database/records"} {
		url, process := start(t, "-tables", tablesFile(t), "-dialect", dialect, "-api-key", "ik_right")
		status, body := fetch(t, http.MethodGet, url+prefix+"/leads", "", "")
		require.Equal(t, http.StatusUnauthorized, status, body)
		status, body = fetch(t, http.MethodGet, url+prefix+"/leads", "ik_wrong", "")
		require.Equal(t, http.StatusUnauthorized, status, body)
		status, body = fetch(t, http.MethodGet, url+prefix+"/leads", "ik_right", "")
		require.Equal(t, http.StatusOK, status, body)
		stop(t, process)
	}
}

func TestWrongUseIsExplained(t *testing.T) {
	t.Parallel()
	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{"leads":{"colums":[]}}`), 0o600))
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"an unknown key":     {[]string{"-tables", bad}, `unknown key "colums"`},
		"a missing file":     {[]string{"-tables", "nowhere.json"}, "nowhere.json"},
		"an unknown dialect": {[]string{"-dialect", "mysql"}, "postgrest or insforge"},
		"a stray argument":   {[]string{"tables.json"}, "-help"},
		"an unknown flag":    {[]string{"-tabels", "x"}, "tabels"},
		"a busy address":     {[]string{"-listen", "256.0.0.1:1"}, "256.0.0.1"},
	} {
		err := run(tt.args, io.Discard, io.Discard)
		require.ErrorContains(t, err, tt.want, name)
	}
	var help bytes.Buffer
	require.Error(t, run([]string{"-help"}, &help, io.Discard))
	for _, word := range []string{"curl", "tables.json", "-api-key", "foreign_keys", "insforge", "listening on"} {
		require.Contains(t, help.String(), word)
	}
}
