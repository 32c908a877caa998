package embedded_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

// DIFFERENTIAL_REQUESTS is how many generated requests TestAnswersLikeGenuine
// sends (100000 took under twenty minutes), and DIFFERENTIAL_SEED where it begins.
const (
	requestsVariable = "DIFFERENTIAL_REQUESTS"
	seedVariable     = "DIFFERENTIAL_SEED"
	shortRun         = 1500
	perSchema        = 250 // requests before new tables are drawn
)

func fromEnvironment(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(value, 10, 64)
	require.NoError(t, err, name)
	return n
}

// Generated requests for generated tables, writes among them, are answered
// alike by the embedded and the genuine server, and leave the same rows behind.
// What differs is told with the tables and requests that lead there, in a file
// that TestReplay reads.
func TestAnswersLikeGenuine(t *testing.T) {
	t.Parallel()
	total := int(fromEnvironment(t, requestsVariable, shortRun))
	seed := fromEnvironment(t, seedVariable, 1)
	for sent := 0; sent < total; sent += perSchema {
		seed := seed + uint64(sent/perSchema)
		name := fmt.Sprintf("seed %d", seed)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareServers(t, seed, min(perSchema, total-sent))
		})
	}
}

func compareServers(t *testing.T, seed uint64, requests int) {
	g := generator{Rand: rand.New(rand.NewPCG(seed, 7))}
	tables := g.schema()
	pair := newPair(t, tables)
	var script []request
	ask := func(q question) bool {
		script = append(script, q.request)
		if pair.agree(t, q) {
			return true
		}
		pair.explain(t, tables, script, q)
		return false
	}
	for _, table := range g.tables {
		for range table.rows {
			q := g.insert(table)
			delete(q.Header, "Accept")
			if !ask(q) {
				return
			}
		}
	}
	defer func() { t.Logf("genuine answers: %v", pair.answers) }()
	wrong := 0
	for range requests {
		if ask(g.question()) {
			continue
		}
		if wrong++; wrong > 5 || pair.apart {
			return
		}
	}
	if !pair.sameRows(t, "") {
		t.Error("the tables differ in the end", pair.told)
	}
}

// A pair is the two servers with the same tables.
type pair struct {
	genuine, embedded *insforgetest.Server
	names             []string
	apart             bool // the rows are no longer the same
	told              string
	answers           map[string]int // how many, by method, status and code
}

func newPair(t *testing.T, tables []byte) *pair {
	t.Helper()
	var file map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(tables, &file))
	functions := newTwins(t, tables)
	p := &pair{
		genuine:  insforgetest.Genuine(t, sqlOf(t, tables)+functions.sql.String()),
		embedded: insforgetest.New(t, tables, functions.options...),
		answers:  map[string]int{},
	}
	functions.embedded = p.embedded
	for name := range file {
		p.names = append(p.names, name)
	}
	slices.Sort(p.names)
	return p
}

// agree asks both servers and compares: the answers and, after a write, the rows.
func (p *pair) agree(t *testing.T, q question) bool {
	t.Helper()
	want, got := comparable(ask(t, p.genuine, q.request), q), comparable(ask(t, p.embedded, q.request), q)
	genuine, embedded := apart(show(want), show(got))
	p.told = fmt.Sprintf("  genuine  …%s\n  embedded …%s", genuine, embedded)
	p.answers[fmt.Sprint(q.Method, " ", want.Status, " ", codeOf(want))]++
	same := show(want) == show(got) || p.bodyUnread(t, q, want, got)
	if q.Method == http.MethodGet || q.Method == http.MethodHead || q.Method == http.MethodOptions {
		return same
	}
	return p.sameRows(t, q.Path) && same
}

// codeOf is the code of an error; there may be none.
func codeOf(a answer) string {
	switch body := a.Body.(type) {
	case map[string]any:
		if _, ok := body["message"]; ok {
			code, _ := body["code"].(string)
			return code
		}
	case string:
		if a.Status >= 300 { // shortened by comparable
			return body
		}
	}
	return ""
}

// bodyUnread tells whether two answers differ only in that PostgreSQL's plan took
// apart the body of a PATCH before it looked for rows, of which there are none: it
// then complains of a value that nothing is set to. Asked for all rows, if there
// are any, both must complain alike.
func (p *pair) bodyUnread(t *testing.T, q question, want, got answer) bool {
	code := codeOf(want)
	if q.Method != http.MethodPatch || !strings.HasPrefix(code, "2") || got.Status/100 != 2 && codeOf(got) != "PGRST116" || !p.sameRows(t, q.Path) {
		return false
	}
	path, query, _ := strings.Cut(q.Path, "?")
	everything := ask(t, p.embedded, request{Method: http.MethodGet, Path: path})
	if rows, ok := everything.Body.([]any); ok && len(rows) == 0 {
		return true
	}
	everywhere := q
	everywhere.Path = path
	for part := range strings.SplitSeq(query, "&") {
		if strings.HasPrefix(part, "columns=") {
			everywhere.Path += "?" + part
		}
	}
	want, got = comparable(ask(t, p.genuine, everywhere.request), everywhere), comparable(ask(t, p.embedded, everywhere.request), everywhere)
	return codeOf(want) == code && show(want) == show(got)
}

// sameRows compares the tables a path is about; an empty path is about all.
func (p *pair) sameRows(t *testing.T, path string) bool {
	t.Helper()
	same := true
	for _, name := range p.names {
		if at, _, _ := strings.Cut(path, "?"); path != "" && at != "/"+url.PathEscape(name) {
			continue
		}
		state := question{request: request{Method: http.MethodGet, Path: "/" + strings.ReplaceAll(name, " ", "%20")}}
		want, got := comparable(ask(t, p.genuine, state.request), state), comparable(ask(t, p.embedded, state.request), state)
		if show(want) != show(got) {
			genuine, embedded := apart(show(want), show(got))
			p.told += fmt.Sprintf("\n  afterwards, in %s:\n  genuine  …%s\n  embedded …%s", name, genuine, embedded)
			p.apart, same = true, false
		}
	}
	return same
}

// comparable leaves out of an answer what PostgreSQL does not determine.
func comparable(a answer, q question) answer {
	hides := strings.Contains(q.Path, "inner") || strings.Contains(q.Path, "is.null")
	if rows, ok := a.Body.([]any); ok && len(rows) == 0 && q.Method == http.MethodPost && a.Status == http.StatusCreated && hides {
		// Rows that an embed hides are counted as inserted only if PostgreSQL's
		// plan has read them before it knows that nothing joins them.
		a.Status = http.StatusOK
	}
	if guessed.MatchString(q.Header["Prefer"]) && (q.Method == http.MethodGet || q.Method == http.MethodHead) && a.Header != nil {
		a = withoutTotal(a)
	}
	if !q.ordered {
		a.Body = unordered(a.Body)
	}
	if csv, ok := a.Body.(string); ok {
		a.Body = embedsInCSV.ReplaceAllStringFunc(csv, unorderedCell)
	}
	if csv, ok := a.Body.(string); ok && !q.ordered {
		lines := strings.Split(csv, "\n")
		slices.Sort(lines)
		a.Body = strings.Join(lines, "\n")
	}
	body, ok := a.Body.(map[string]any)
	if !ok {
		a.Body = unorderedEmbeds(a.Body)
		return a
	}
	code := codeOf(a)
	if code == "" { // one row
		for key := range body {
			body[key] = unordered(body[key])
		}
	}
	if code == "PGRST108" { // of several unknown resources any may be named
		return answer{Status: a.Status, Body: code}
	}
	if strings.HasPrefix(code, "PGRST20") && severalRanges.MatchString(q.Path) {
		// PostgREST keeps limits and offsets by their hashes, and the embed it
		// comes to last is the first to be resolved: any of the mistakes may be told.
		return answer{Body: "PGRST20"}
	}
	// The row or literal that is met first.
	if (q.vague || strings.Contains(q.Path, "%3A%3A")) && strings.HasPrefix(code, "2") {
		return answer{Status: a.Status, Body: code}
	}
	return a
}

// withoutTotal takes out of an answer how many rows there are, which PostgreSQL's
// plan only guesses: see the table of differences.
func withoutTotal(a answer) answer {
	if a.Status == http.StatusPartialContent {
		a.Status = http.StatusOK
	}
	a.Header = maps.Clone(a.Header)
	delete(a.Header, "Content-Range")
	return a
}

var (
	guessed       = regexp.MustCompile(`count=(?:planned|estimated)`)
	embedsInCSV   = regexp.MustCompile(`"\[\{(?:[^"]|"")*\]"`)
	severalRanges = regexp.MustCompile(`\.(?:limit|offset)=.*\.(?:limit|offset)=`)
)

// unorderedCell sorts the embedded rows in a cell of CSV.
func unorderedCell(cell string) string {
	text := strings.NewReplacer(`""`, `"`, `\\`, `\`).Replace(cell[1 : len(cell)-1])
	var rows any
	if json.Unmarshal([]byte(text), &rows) != nil {
		return cell
	}
	return show(unordered(rows))
}

// unordered sorts every array of objects, at any depth.
func unordered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key := range v {
			v[key] = unordered(v[key])
		}
	case []any:
		for i := range v {
			v[i] = unordered(v[i])
		}
		if slices.ContainsFunc(v, func(item any) bool { _, ok := item.(map[string]any); return ok }) {
			slices.SortFunc(v, func(a, b any) int { return strings.Compare(show(a), show(b)) })
		}
	}
	return v
}

// unorderedEmbeds sorts the arrays inside rows: embedded rows need not have an order.
func unorderedEmbeds(v any) any {
	rows, ok := v.([]any)
	if !ok {
		return v
	}
	for _, row := range rows {
		if row, ok := row.(map[string]any); ok {
			for key := range row {
				row[key] = unordered(row[key])
			}
		}
	}
	return rows
}

func show(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// explain reports a difference, after leaving out what has no part in it where
// that can be tried, and keeps the way there.
func (p *pair) explain(t *testing.T, tables []byte, script []request, q question) {
	t.Helper()
	if q.Method == http.MethodGet {
		q = p.shrink(t, q)
		script[len(script)-1] = q.request
		p.agree(t, q)
	}
	kept, err := json.Marshal(map[string]any{"tables": json.RawMessage(tables), "requests": script})
	require.NoError(t, err)
	path := filepath.Join(os.TempDir(), "difference-"+strings.ReplaceAll(filepath.Base(t.Name()), "#", "-")+".json")
	require.NoError(t, os.WriteFile(path, kept, 0o600))
	t.Errorf("%s\n%s\n  kept in %s", q, p.told, path)
}

// shrink leaves out parameters and headers while the answers still differ.
func (p *pair) shrink(t *testing.T, q question) question {
	t.Helper()
	for again := true; again; {
		again = false
		for _, smaller := range smaller(q) {
			if !p.agree(t, smaller) {
				q, again = smaller, true
				break
			}
		}
	}
	return q
}

func smaller(q question) []question {
	var out []question
	path, query, _ := strings.Cut(q.Path, "?")
	parts := strings.Split(query, "&")
	for i := range parts {
		less := q
		less.Path = path
		if rest := slices.Delete(slices.Clone(parts), i, i+1); len(rest) > 0 {
			less.Path += "?" + strings.Join(rest, "&")
		}
		if strings.HasPrefix(parts[i], "order=") {
			continue
		}
		if query != "" {
			out = append(out, less)
		}
	}
	for name := range q.Header {
		less := q
		less.Header = map[string]string{}
		for k, v := range q.Header {
			if k != name {
				less.Header[k] = v
			}
		}
		out = append(out, less)
	}
	return out
}

// apart is what of two texts to look at: from shortly before they differ.
func apart(a, b string) (string, string) {
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	from := max(0, same-100)
	return a[from:min(len(a), same+300)], b[from:min(len(b), same+300)]
}
