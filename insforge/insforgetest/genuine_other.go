//go:build !unix

package insforgetest

import (
	"errors"
	"os/exec"
)

const canSupervise = false

type user struct{}

func unprivileged() (*user, error) { return nil, errors.New("not supported on this system") }

func (*user) mkdirTemp(string) (string, error) {
	return "", errors.New("not supported on this system")
}

func (*user) applyTo(*exec.Cmd) {}
