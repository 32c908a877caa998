package embedded_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

var caseHeader = regexp.MustCompile(`^\s*\[([A-Za-z-]+): ([^\]]*)\]`)

// readCases reads testdata/cases.txt, a request a line: method, path, headers in
// brackets, body. ␤ stands for the end of a line in a body, ∅ for an empty one;
// a body without a Content-Type is JSON, unless that is "none".
func readCases(t testing.TB) []request {
	t.Helper()
	var requests []request
	lines := bufio.NewScanner(bytes.NewReader(readFile(t, "cases.txt")))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		r := request{Header: map[string]string{}}
		r.Method, line, _ = strings.Cut(line, " ")
		r.Path, line, _ = strings.Cut(line, " ")
		for {
			m := caseHeader.FindStringSubmatch(line)
			if m == nil {
				break
			}
			r.Header[m[1]] = m[2]
			line = line[len(m[0]):]
		}
		if body := strings.TrimSpace(line); body != "" {
			body = strings.NewReplacer("␤", "\n", "∅", "").Replace(body)
			r.Body = &body
			switch r.Header["Content-Type"] {
			case "":
				r.Header["Content-Type"] = "application/json"
			case "none":
				delete(r.Header, "Content-Type")
			}
		}
		requests = append(requests, r)
	}
	require.NoError(t, lines.Err())
	return requests
}

// play sends the cases in order; behind a write stands a digest of all rows.
func play(t *testing.T, srv *insforgetest.Server, requests []request) []string {
	t.Helper()
	var tables map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(readFile(t, "cases_tables.json"), &tables))
	names := slices.Sorted(maps.Keys(tables))
	told := make([]string, len(requests))
	for i, r := range requests {
		a := ask(t, srv, r)
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
		if !reads || !strings.Contains(r.Path, "order=") { // PostgreSQL may show rows in any order
			a.Body = unordered(a.Body)
		}
		told[i] = fmt.Sprintf("%s\n  %s", r, show(a))
		if reads {
			continue
		}
		rows := map[string]any{}
		for _, name := range names {
			rows[name] = unordered(ask(t, srv, request{Method: http.MethodGet, Path: "/" + url.PathEscape(name)}).Body)
		}
		told[i] += fmt.Sprintf("\n  rows %v", digest(t, answer{Body: rows}).Body)
	}
	return told
}

// The cases are answered as PostgREST 12.0.2 did when testdata/cases_answers.txt
// was written (go test -run Cases -update, with the real engine installed). They
// follow its documentation, and keep what once was answered otherwise here.
func TestCasesAreAnsweredAsRecorded(t *testing.T) {
	t.Parallel()
	requests, tables := readCases(t), readFile(t, "cases_tables.json")
	functions := newTwins(t, tables)
	if *update {
		told := play(t, insforgetest.Genuine(t, sqlOf(t, tables)+functions.sql.String()), requests)
		for i := range told {
			told[i] = strings.ReplaceAll(told[i], "\n\n", "\n")
		}
		require.NoError(t, os.WriteFile("testdata/cases_answers.txt", []byte(strings.Join(told, "\n\n")+"\n"), 0o600))
	}
	recorded := strings.Split(strings.TrimSuffix(string(readFile(t, "cases_answers.txt")), "\n"), "\n\n")
	functions.embedded = insforgetest.New(t, tables, functions.options...)
	got := play(t, functions.embedded, requests)
	require.Len(t, got, len(recorded), "cases_answers.txt is older than cases.txt: run with -update")
	for i := range recorded {
		require.Equal(t, recorded[i], strings.ReplaceAll(got[i], "\n\n", "\n"), "case %d", i)
	}
}

// DIFFERENCE names a file that TestAnswersLikeGenuine kept, for TestReplay.
const differenceVariable = "DIFFERENCE"

// TestReplay sends the requests of a kept difference to both servers once more.
func TestReplay(t *testing.T) {
	t.Parallel()
	path := os.Getenv(differenceVariable)
	if path == "" {
		t.Skip(differenceVariable + " names no file to replay")
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var kept struct {
		Tables   json.RawMessage
		Requests []request
	}
	require.NoError(t, json.Unmarshal(data, &kept))
	p := newPair(t, kept.Tables)
	for i, r := range kept.Requests {
		if !p.agree(t, question{request: r}) {
			t.Errorf("request %d: %s\n%s", i, r, p.told)
		}
	}
}
