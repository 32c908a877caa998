package embedded_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

var crashes = flag.Int("crashes", 5, "how often TestKilledProcessLosesNothing kills its child")

// crashChild names the file of the store that the child process of the crash
// tests writes to, crashWriters says with how many at once.
const (
	crashChild   = "EMBEDDED_CRASH_CHILD"
	crashWriters = "EMBEDDED_CRASH_WRITERS"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(crashChild); path != "" {
		writeUntilKilled(path)
		return
	}
	goleak.VerifyTestMain(m)
}

const batchTables = `{"batches":{"columns":[{"name":"id","type":"bigint","primary_key":true,"generated":"identity"},
	{"name":"batch","type":"bigint","not_null":true},{"name":"place","type":"integer","not_null":true}],"indexes":[["batch"]]}}`

func openTables(t testing.TB, path, tables string, opts ...embedded.Option) *embedded.Store {
	t.Helper()
	store, err := tryOpen(path, tables, opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

func tryOpen(path, tables string, opts ...embedded.Option) (*embedded.Store, error) {
	schema, err := embedded.ParseTables([]byte(tables))
	if err != nil {
		return nil, err
	}
	return embedded.Open(path, schema, opts...)
}

// do sends one request to a store without a socket.
func do(store *embedded.Store, method, target, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Prefer", "return=representation")
	store.Handler(embedded.PostgREST).ServeHTTP(rec, r)
	return rec
}

// writeUntilKilled is the child: its writers insert batches of three rows and
// print the number of each batch that was acknowledged, until it is killed or its
// standard input ends.
func writeUntilKilled(path string) {
	store, err := tryOpen(path, batchTables)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var out sync.Mutex
	base := time.Now().UnixNano()
	writers, err := strconv.ParseInt(os.Getenv(crashWriters), 10, 64)
	if err != nil {
		writers = 4
	}
	for writer := range writers {
		go func() {
			for n := base + writer; ; n += writers {
				rec := do(store, http.MethodPost, "/batches", fmt.Sprintf(
					`[{"batch":%d,"place":1},{"batch":%d,"place":2},{"batch":%d,"place":3}]`, n, n, n))
				if rec.Code != http.StatusCreated {
					fmt.Println("error", rec.Code, rec.Body)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(n)
				out.Unlock()
			}
		}()
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startWriters starts the child process, which goes on until its standard input
// is closed or it is killed, and returns what it prints, line by line.
func startWriters(t *testing.T, path string, writers int, trace ...string) (child *exec.Cmd, stdin io.Closer, lines *bufio.Scanner) {
	t.Helper()
	command := append(trace, os.Args[0])
	child = exec.CommandContext(t.Context(), command[0], command[1:]...)
	child.Env = append(os.Environ(), crashChild+"="+path, crashWriters+"="+strconv.Itoa(writers))
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	stdin, err = child.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	return child, stdin, bufio.NewScanner(stdout)
}

// A store whose process is killed while it writes has every batch that was
// acknowledged, and no batch in part.
func TestKilledProcessLosesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "crash.db")
	acknowledged := map[string]bool{}
	for round := range *crashes {
		child, _, lines := startWriters(t, path, 4)
		wanted := 20 + 7*(round%20) // killed at a different point each time
		for n := 0; lines.Scan(); n++ {
			require.NotContains(t, lines.Text(), "error")
			acknowledged[lines.Text()] = true
			if n == wanted {
				require.NoError(t, child.Process.Kill())
			}
		}
		require.Error(t, child.Wait())
		requireBatches(t, path, nil, acknowledged)
	}
}

func TestFileKeepsRowsAndNumbering(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	tables := `{"t":{"columns":[{"name":"id","type":"bigint","primary_key":true,"generated":"identity"},{"name":"x","type":"text"}],
		"rows":[{"id":7,"x":"seeded"}]}}`
	store, err := tryOpen(path, tables)
	require.NoError(t, err)
	require.JSONEq(t, `[{"id":8,"x":"ü"}]`, do(store, http.MethodPost, "/t", `{"x":"ü"}`).Body.String())
	require.JSONEq(t, `[{"id":7,"x":"changed"}]`, do(store, http.MethodPatch, "/t?id=eq.7", `{"x":"changed"}`).Body.String())
	require.JSONEq(t, `[{"id":8,"x":"ü"}]`, do(store, http.MethodDelete, "/t?id=eq.8", "").Body.String())
	require.NoError(t, store.Close())
	require.NoError(t, store.Close(), "closing twice is harmless")
	require.Equal(t, http.StatusServiceUnavailable, do(store, http.MethodPost, "/t", `{"x":"late"}`).Code)

	store = openTables(t, path, tables)
	require.JSONEq(t, `[{"id":9,"x":null}]`, do(store, http.MethodPost, "/t", `{}`).Body.String(), "a number is not given twice")
	require.JSONEq(t, `[{"id":7,"x":"changed"},{"id":9,"x":null}]`, do(store, http.MethodGet, "/t?order=id", "").Body.String(),
		"the rows of the tables file fill only a new file")
}

// A file that is closed and opened at any moment holds what a store in memory
// does, whether a change has just been logged or is where it belongs.
func TestFileAgreesWithMemory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	memory, file := openTables(t, embedded.Memory, batchTables), openTables(t, path, batchTables)
	random := rand.New(rand.NewPCG(5, 6))
	for n := range 400 {
		method, target, body := http.MethodPost, "/batches", "["+strings.Repeat(fmt.Sprintf(`{"batch":%d,"place":1},`, n), random.IntN(9))+fmt.Sprintf(`{"batch":%d,"place":2}]`, n)
		switch random.IntN(4) {
		case 0:
			method, target, body = http.MethodPatch, fmt.Sprintf("/batches?batch=eq.%d", random.IntN(n+1)), fmt.Sprintf(`{"place":%d}`, n)
		case 1:
			method, target, body = http.MethodDelete, fmt.Sprintf("/batches?batch=gte.%d", n-random.IntN(3)), ""
		}
		require.Equal(t, do(memory, method, target, body).Body.String(), do(file, method, target, body).Body.String())
		if random.IntN(20) == 0 {
			require.NoError(t, file.Close())
			file = openTables(t, path, batchTables)
			require.Equal(t, do(memory, http.MethodGet, "/batches", "").Body.String(), do(file, http.MethodGet, "/batches", "").Body.String())
		}
	}
}

func TestFileGainsTablesAndColumns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	store, err := tryOpen(path, `{"t":{"columns":[{"name":"id","type":"int","primary_key":true},{"name":"x","type":"text"}],"rows":[{"id":1,"x":"a"}]}}`)
	require.NoError(t, err)
	require.NoError(t, store.Close())

	wider := `{"t":{"columns":[{"name":"id","type":"int","primary_key":true},{"name":"n","type":"int","not_null":true,"default":5},{"name":"x","type":"text"}]},
		"u":{"columns":[{"name":"id","type":"int"}]}}`
	store, err = tryOpen(path, wider)
	require.NoError(t, err)
	require.JSONEq(t, `[{"id":1,"n":5,"x":"a"}]`, do(store, http.MethodGet, "/t", "").Body.String())
	require.JSONEq(t, `[]`, do(store, http.MethodGet, "/u", "").Body.String())
	require.NoError(t, store.Close())

	for name, tables := range map[string]string{
		"a column is gone":               `{"t":{"columns":[{"name":"id","type":"int","primary_key":true}]}}`,
		"a column has another type":      `{"t":{"columns":[{"name":"id","type":"text","primary_key":true},{"name":"n","type":"int"},{"name":"x","type":"text"}]}}`,
		"the new column cannot be empty": `{"t":{"columns":[{"name":"id","type":"int"},{"name":"n","type":"int"},{"name":"x","type":"text"},{"name":"y","type":"int","not_null":true}]}}`,
	} {
		_, err := tryOpen(path, tables)
		require.Error(t, err, name)
	}
	store = openTables(t, path, wider)
	require.JSONEq(t, `[{"id":1,"n":5,"x":"a"}]`, do(store, http.MethodGet, "/t", "").Body.String(), "a refused opening changes nothing")
}

// A second opening is refused at once, and told who has the file.
func TestFileIsLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data.db")
	store, err := tryOpen(path, batchTables)
	require.NoError(t, err)
	_, err = tryOpen(path, batchTables)
	require.ErrorIs(t, err, embedded.ErrLocked)
	require.ErrorContains(t, err, path)
	require.NoError(t, store.Close())

	child, _, lines := startWriters(t, path, 1)
	require.True(t, lines.Scan(), "it writes")
	_, err = tryOpen(path, batchTables)
	require.ErrorIs(t, err, embedded.ErrLocked)
	if runtime.GOOS == "linux" {
		require.ErrorContains(t, err, strconv.Itoa(child.Process.Pid))
	}
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	openTables(t, path, batchTables)
}

// A writer that asks for the impossible leaves no trace, and readers never see
// half of a transaction.
func TestWritesAreAtomic(t *testing.T) {
	t.Parallel()
	store := openTables(t, filepath.Join(t.TempDir(), "data.db"), batchTables)
	var writers sync.WaitGroup
	done := make(chan struct{})
	for writer := range 4 {
		writers.Go(func() {
			for n := range 25 {
				batch := writer*1000 + n
				do(store, http.MethodPost, "/batches", fmt.Sprintf(`[{"batch":%d,"place":1},{"batch":%d,"place":2}]`, batch, batch))
				do(store, http.MethodPost, "/batches", fmt.Sprintf(`[{"batch":%d,"place":3},{"batch":%d,"place":null}]`, batch, batch))
			}
		})
	}
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			var rows []struct{ Batch int }
			if err := json.Unmarshal(do(store, http.MethodGet, "/batches?select=batch", "").Body.Bytes(), &rows); err != nil || len(rows)%2 != 0 {
				t.Errorf("a reader saw %d rows: %v", len(rows), err)
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	writers.Wait()
	close(done)
	reader.Wait()
	rec := do(store, http.MethodGet, "/batches?place=eq.3", "")
	require.JSONEq(t, `[]`, rec.Body.String(), "what was refused is not there")
	rec = do(store, http.MethodGet, "/batches", "")
	require.Equal(t, 200, strings.Count(rec.Body.String(), `"batch"`))
}
