package embedded

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"go.etcd.io/bbolt"
)

// holder names the process that has locked a file, as well as the kernel tells.
func holder(path string) string {
	const unknown = "another process"
	info, err := os.Stat(path)
	if err != nil {
		return unknown
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	locks, err := os.ReadFile("/proc/locks")
	if !ok || err != nil {
		return unknown
	}
	// 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF
	inode := fmt.Sprintf(":%d", stat.Ino)
	for line := range strings.Lines(string(locks)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "FLOCK" || !strings.HasSuffix(fields[5], inode) {
			continue
		}
		pid := fields[4]
		if pid == fmt.Sprint(os.Getpid()) {
			return "this process"
		}
		// In a container the number may be another's, or nobody's.
		if name, err := os.ReadFile("/proc/" + pid + "/comm"); err == nil {
			return "process " + pid + " (" + strings.TrimSpace(string(name)) + ")"
		}
	}
	return unknown
}

// unlock gives a lock up before its file is closed. bbolt leaves that to the
// closing where it only reads, but a child that this process is just starting
// has the file open as well, and the lock lasts until the child's program runs.
func unlock(file *os.File) error {
	return syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
}

// forget gives the memory back that the pages of a file take up which were read
// through its mapping. Whoever needs one again finds it in the system's cache.
func forget(tx *bbolt.Tx) {
	// An advice: where it is not taken, the pages stay.
	_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, tx.DB().Info().Data, uintptr(tx.Size()), syscall.MADV_DONTNEED)
}
