//go:build unix

package insforgetest

import (
	"errors"
	"os"
	"os/exec"
	osuser "os/user"
	"strconv"
	"syscall"
)

const canSupervise = true

// A user is whom to run a program as; nil is ourselves.
type user struct{ uid, gid int }

// unprivileged is who may run PostgreSQL, which refuses to run as root.
func unprivileged() (*user, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(found.Uid)
		gid, err2 := strconv.Atoi(found.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &user{uid, gid}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

// mkdirTemp makes a directory that the user owns.
func (u *user) mkdirTemp(pattern string) (string, error) {
	if u == nil {
		return os.MkdirTemp("", pattern)
	}
	dir, err := os.MkdirTemp("/tmp", pattern) // root's TMPDIR may be closed to others
	if err != nil {
		return "", err
	}
	return dir, os.Chown(dir, u.uid, u.gid)
}

// applyTo makes cmd run as the user, in a session of its own: Ctrl-C at a terminal must reach the test, not the
// programs it may still need.
func (u *user) applyTo(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if u != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(u.uid), Gid: uint32(u.gid)}
	}
}
