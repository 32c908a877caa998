package embedded_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fullDisk names the file of a store in a process that may not write much: a
// limit of the process stands for a disk that is full.
const fullDisk = "EMBEDDED_FULL_DISK"

// On a full disk writes fail with PostgreSQL's error and change nothing, reads go
// on, and as soon as there is space writes succeed.
func TestAFullDiskLosesNothing(t *testing.T) {
	if path := os.Getenv(fullDisk); path != "" {
		writeToFullDisk(t, path)
		return
	}
	t.Parallel()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAFullDiskLosesNothing$")
	child.Env = append(os.Environ(), fullDisk+"="+filepath.Join(t.TempDir(), "full.db"))
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func writeToFullDisk(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ)
	tables := strings.Replace(batchTables, `{"batches"`, `{"small":{"columns":[{"name":"id","type":"int","primary_key":true}]},"batches"`, 1)
	store, err := tryOpen(path, tables)
	require.NoError(t, err)
	limit := func(size uint64) {
		var now syscall.Rlimit
		require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &now))
		now.Cur = min(size, now.Max)
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now))
	}
	limit(160 << 10)

	var counting sync.Mutex
	var written, refused int
	var writers sync.WaitGroup
	for writer := range 4 {
		writers.Go(func() {
			for n := range 100 {
				batch := writer*1000 + n
				rec := do(store, http.MethodPost, "/batches", "["+strings.Repeat(fmt.Sprintf(`{"batch":%d,"place":1},`, batch), 19)+fmt.Sprintf(`{"batch":%d,"place":2}]`, batch))
				counting.Lock()
				if rec.Code == http.StatusCreated {
					written++
				} else {
					refused++
					if rec.Code != http.StatusServiceUnavailable || !strings.Contains(rec.Body.String(), `"53100"`) {
						t.Errorf("%d %s", rec.Code, rec.Body)
					}
				}
				counting.Unlock()
			}
		})
	}
	writers.Wait()
	require.Positive(t, written)
	require.Positive(t, refused)
	holds := func() int { return strings.Count(do(store, http.MethodGet, "/batches", "").Body.String(), `"batch"`) }
	require.Equal(t, 20*written, holds(), "reads go on, and show what was acknowledged")

	limit(1 << 40)
	require.Equal(t, http.StatusCreated, do(store, http.MethodPost, "/batches", `{"batch":1,"place":1}`).Code, "there is space again")
	require.Equal(t, http.StatusCreated, do(store, http.MethodPost, "/small", `{"id":1}`).Code)
	require.NoError(t, store.Close())

	store = openTables(t, path, tables)
	require.Equal(t, 20*written+1, holds())
	require.JSONEq(t, `[{"id":1}]`, do(store, http.MethodGet, "/small", "").Body.String())
}
