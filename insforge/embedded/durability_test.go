package embedded_test

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// What is acknowledged survives a power cut, whatever of the writes that were
// under way the disk has made. The test looks at the system calls of a process
// that writes, and opens what a disk could hold at any moment: all that was
// written before the last completed fsync, and of what came later some sectors.
func TestAcknowledgedIsOnDisk(t *testing.T) {
	t.Parallel()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed")
	}
	dir := t.TempDir()
	path, log := filepath.Join(dir, "traced.db"), filepath.Join(dir, "log")
	const writers, wanted = 16, 500 // enough for the log to be applied
	child, stdin, lines := startWriters(t, path, writers, strace, "-f", "-y", "-xx", "-s", "1000000", "-o", log,
		"-e", "trace=write,pwrite64,ftruncate,fsync,fdatasync")
	n := 0
	for ; n < wanted && lines.Scan(); n++ {
		require.NotContains(t, lines.Text(), "error")
	}
	require.NoError(t, stdin.Close())
	for lines.Scan() { // until it has ended
	}
	_ = child.Wait() // as it was told to
	if n == 0 {
		t.Skip("strace may not trace here")
	}

	disk := &tracedDisk{path: path, dir: dir}
	trace, err := os.Open(log)
	require.NoError(t, err)
	defer func() { require.NoError(t, trace.Close()) }()
	random := rand.New(rand.NewPCG(3, 4))
	reader := bufio.NewReaderSize(trace, 1<<20)
	acknowledged, images := map[string]bool{}, 0
	for len(acknowledged) < wanted {
		line, err := reader.ReadString('\n')
		if err != nil {
			break
		}
		ack := disk.follow(t, strings.TrimSpace(line))
		if ack != "" {
			require.True(t, disk.named, "the file's name was not on disk when %s was acknowledged", ack)
			acknowledged[ack] = true
		}
		if ack == "" && !disk.moved || len(acknowledged) == 0 || random.IntN(25) > 0 {
			continue // one moment in many will do
		}
		images++
		requireBatches(t, filepath.Join(dir, "image.db"), disk.after(random), acknowledged)
	}
	require.Greater(t, len(acknowledged), wanted/2)
	t.Logf("%d batches by %d writers with %d fsyncs; %d images of the disk", len(acknowledged), writers, disk.syncs, images)
	require.Less(t, disk.syncs, 2*len(acknowledged), "writers share commits, each of which takes two fsyncs")
}

// requireBatches opens a file and finds every acknowledged batch, and no batch
// in part.
func requireBatches(t *testing.T, path string, content []byte, acknowledged map[string]bool) {
	t.Helper()
	if content != nil {
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
	store, err := tryOpen(path, batchTables)
	require.NoError(t, err)
	rec := do(store, http.MethodGet, "/batches?select=batch", "")
	require.NoError(t, store.Close())
	var rows []struct{ Batch json.Number }
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &rows))
	places := map[string]int{}
	for _, r := range rows {
		places[r.Batch.String()]++
	}
	for batch := range acknowledged {
		require.Equal(t, 3, places[batch], "acknowledged batch %s", batch)
	}
	for batch, n := range places {
		require.Equal(t, 3, n, "batch %s is there in part", batch)
	}
}

// A tracedDisk is what a trace of system calls has made of a file.
type tracedDisk struct {
	path, dir string
	safe      []byte            // what the last fsync has put on disk
	loose     []diskWrite       // what came since
	half      map[string]func() // what the end of a thread's call means
	named     bool              // the directory was synced
	moved     bool              // the last line changed something
	syncs     int
}

// A diskWrite is data at an offset or, without data, a new size.
type diskWrite struct {
	at   int64
	data []byte
}

// follow reads a line of the trace; ack is what was acknowledged with it.
func (d *tracedDisk) follow(t *testing.T, line string) (ack string) {
	d.moved = false
	thread, call, _ := strings.Cut(line, " ")
	call = strings.TrimSpace(call)
	if strings.HasPrefix(call, "<... ") { // resumed>
		if end := d.half[thread]; end != nil {
			end()
			delete(d.half, thread)
		}
		return ""
	}
	name, rest, ok := strings.Cut(call, "(")
	if !ok {
		return "" // a signal, or the end of a thread
	}
	_, rest, _ = strings.Cut(rest, "<") // the number of the file
	file, rest, _ := strings.Cut(rest, ">")
	file, rest = unhex(file), strings.TrimPrefix(rest, ", ")
	var data string
	if quoted, ok := strings.CutPrefix(rest, `"`); ok {
		data, rest, _ = strings.Cut(quoted, `"`)
		rest = strings.TrimPrefix(rest, ", ")
	}
	numbers := strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == ')' || r == ' ' })
	number := func(i int) int64 {
		n, err := strconv.ParseInt(numbers[i], 10, 64)
		require.NoError(t, err, "%.200s", line)
		return n
	}
	switch {
	case name == "write" && strings.HasPrefix(file, "pipe:"):
		return strings.TrimSpace(unhex(data))
	case file == d.path && name == "pwrite64":
		d.loose, d.moved = append(d.loose, diskWrite{number(1), []byte(unhex(data))}), true
	case file == d.path && name == "ftruncate":
		d.loose, d.moved = append(d.loose, diskWrite{at: number(0)}), true
	case file == d.path || file == d.dir:
		covers := len(d.loose) // what is written while it runs may be left out
		end := func() { d.sync(file, covers) }
		if strings.Contains(rest, "unfinished") {
			if d.half == nil {
				d.half = map[string]func(){}
			}
			d.half[thread] = end
		} else {
			end()
		}
	}
	return ""
}

func (d *tracedDisk) sync(file string, covers int) {
	if file == d.dir {
		d.named = true
		return
	}
	d.syncs++
	d.moved = true
	for _, w := range d.loose[:covers] {
		d.safe = w.apply(d.safe, nil)
	}
	d.loose = append([]diskWrite(nil), d.loose[covers:]...)
}

// after is what the disk may hold if the power goes now.
func (d *tracedDisk) after(random *rand.Rand) []byte {
	image := append([]byte(nil), d.safe...)
	for _, w := range d.loose {
		image = w.apply(image, random)
	}
	return image
}

// apply makes a write, or some of its sectors.
func (w diskWrite) apply(disk []byte, random *rand.Rand) []byte {
	const sector = 512
	if w.data == nil {
		if more := int(w.at) - len(disk); more > 0 && (random == nil || random.IntN(2) == 0) {
			disk = append(disk, make([]byte, more)...)
		}
		return disk
	}
	for from := 0; from < len(w.data); from += sector {
		piece := w.data[from:min(from+sector, len(w.data))]
		if random != nil && random.IntN(2) == 0 {
			continue
		}
		at := int(w.at) + from
		if more := at + len(piece) - len(disk); more > 0 {
			disk = append(disk, make([]byte, more)...)
		}
		copy(disk[at:], piece)
	}
	return disk
}

func unhex(s string) string {
	if !strings.HasPrefix(s, `\x`) {
		return s
	}
	out := make([]byte, 0, len(s)/4)
	for at := 0; at+4 <= len(s); at += 4 {
		b, err := strconv.ParseUint(s[at+2:at+4], 16, 8)
		if err != nil {
			return s
		}
		out = append(out, byte(b))
	}
	return string(out)
}

// A file that somebody else has cut short is no memory to read from: writes fail,
// the program goes on, and what it has in memory is not shown as if it were kept.
func TestAFileCutShortWhileOpenEndsTheStore(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cut.db")
	store, err := tryOpen(path, batchTables)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, do(store, http.MethodPost, "/batches", `{"batch":1,"place":1}`).Code)
	require.NoError(t, os.Truncate(path, int64(os.Getpagesize())))
	for range 2 {
		answer := do(store, http.MethodPost, "/batches", `{"batch":1,"place":2}`)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, answer.Body)
		answer = do(store, http.MethodGet, "/batches", "")
		require.Equal(t, http.StatusServiceUnavailable, answer.Code, answer.Body)
	}
	require.NoError(t, store.Close())
	_, err = tryOpen(path, batchTables)
	require.ErrorIs(t, err, embedded.ErrForeignFile, "and not that it is in use")
}

// A write that needs nothing of what was cut off is refused as well: the file is
// no longer whole, and nobody could open it with what was written.
func TestAWriteNoticesThatPagesItDoesNotReadWereCutOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cut.db")
	store, err := tryOpen(path, batchTables)
	require.NoError(t, err)
	many := "[" + strings.Repeat(`{"batch":1,"place":1},`, 20_000) + `{"batch":1,"place":1}]`
	require.Equal(t, http.StatusCreated, do(store, http.MethodPost, "/batches", many).Code)
	for place := range 3 { // into the first pages, which are free again
		require.Equal(t, http.StatusCreated, do(store, http.MethodPost, "/batches", `{"batch":2,"place":`+strconv.Itoa(place)+`}`).Code)
	}
	require.NoError(t, os.Truncate(path, 300_000))
	answer := do(store, http.MethodPost, "/batches", `{"batch":3,"place":1}`)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code, answer.Body)
	require.ErrorContains(t, store.Err(), "cut short while it was open")
	require.NoError(t, store.Close())
}
