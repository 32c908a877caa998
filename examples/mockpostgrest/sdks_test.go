package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

// The clients that applications in JavaScript use pass a scenario against the
// program in both dialects, and against the genuine PostgREST where that is
// installed. SDKS names the directory where npm has installed the clients:
//
//	cp sdks/package.json DIR && npm install --prefix DIR && SDKS=DIR go test -run SDKs .
func TestSDKs(t *testing.T) {
	t.Parallel()
	installed := os.Getenv("SDKS")
	if installed == "" {
		t.Skip("SDKS is not set")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	installed, err = filepath.Abs(installed)
	require.NoError(t, err)
	scenario := func(t *testing.T, client, dialect, url, key string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), node, "scenario.mjs", client, dialect, url, key)
		command.Dir = "sdks"
		command.Env = append(os.Environ(), "SDKS="+installed)
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		t.Log(strings.TrimSpace(string(out)))
	}
	key := "ik_" + strings.Repeat("0123456789abcdef", 4)
	for _, tt := range []struct{ client, dialect string }{
		{"postgrest-js", "postgrest"}, {"postgrest-js", "insforge"}, {"insforge-sdk", "insforge"},
	} {
		t.Run(tt.client+" on "+tt.dialect, func(t *testing.T) {
			t.Parallel()
			url, process := start(t, "-tables", filepath.Join("sdks", "tables.json"), "-dialect", tt.dialect, "-api-key", key)
			scenario(t, tt.client, tt.dialect, url, key)
			stop(t, process)
		})
	}
	t.Run("postgrest-js on the genuine PostgREST", func(t *testing.T) {
		t.Parallel()
		tables, err := os.ReadFile(filepath.Join("sdks", "tables.sql"))
		require.NoError(t, err)
		srv := insforgetest.Genuine(t, string(tables))
		scenario(t, "postgrest-js", "postgrest", srv.URL, srv.APIKey)
	})
}
