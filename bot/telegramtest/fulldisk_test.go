//go:build unix

package telegramtest

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// fullDisk says that this is the process that may have no room.
const fullDisk = "TELEGRAMTEST_FULL_DISK"

// On a disk that is full a write ends in the middle of a line. What it was for is
// refused, nothing of it is kept, and when there is room again the chat goes on.
// The kernel's limit on the size of files makes the same of a write; as it holds
// for a whole process, that is one of its own.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getenv(fullDisk) == "" {
		again := exec.Command(os.Args[0], "-test.run=^TestAFullDisk$", "-test.v")
		again.Env = append(os.Environ(), fullDisk+"=1")
		out, err := again.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "--- PASS: TestAFullDisk")
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	var normal syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &normal))
	path := filepath.Join(t.TempDir(), "chat")
	srv, err := New(WithJournal(path))
	require.NoError(t, err)
	ann := srv.User(Person{ID: 7, FirstName: "Ann"})
	ann.Send("before")

	full := normal
	full.Cur = uint64(size(t, path)) + 100
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &full))
	require.Zero(t, ann.Send(strings.Repeat("lost ", 100)))
	require.ErrorIs(t, srv.Err(), syscall.EFBIG)
	require.Len(t, ann.Messages(), 1)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &normal))

	ann.Send("after")
	require.NoError(t, srv.Err())
	require.NoError(t, srv.Close())
	again, err := New(WithJournal(path))
	require.NoError(t, err)
	defer again.Close()
	var texts []string
	for _, m := range again.User(Person{ID: 7, FirstName: "Ann"}).Messages() {
		texts = append(texts, m.Text)
	}
	require.Equal(t, []string{"before", "after"}, texts)
}
