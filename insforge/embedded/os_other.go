//go:build !linux

package embedded

import (
	"os"

	"go.etcd.io/bbolt"
)

// holder names the process that has locked a file.
func holder(string) string { return "another process" }

func unlock(*os.File) error { return nil }

// forget would give back the memory of what was read through the mapping of a
// file; here the system decides.
func forget(*bbolt.Tx) {}
