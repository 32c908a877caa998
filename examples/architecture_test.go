// Package examples_test holds the module to its layout: which rooms there are and which may look into which.
package examples_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/followthrough-go/followthrough"

// Of our own packages, what each room's code (not its tests) may import.
var mayImport = map[string][]string{
	"insforge/filter":         {},
	"insforge":                {"insforge/filter"},
	"insforge/embedded":       {"insforge/filter"},
	"insforge/insforgetest":   {"insforge", "insforge/filter", "insforge/embedded"},
	"insforge/insforgeprom":   {"insforge"},
	"planparse":               {},
	"scheduler":               {"insforge", "insforge/filter", "planparse"},
	"scheduler/schedulertest": {"scheduler"},
	"bot":                     {"insforge", "insforge/filter", "insforge/embedded", "insforge/insforgeprom", "planparse", "scheduler", "migrations"},
	"bot/telegramtest":        {},
	"migrations":              {},
}

// What a program that imports the room must not get along with it, directly or by way of anything else.
var mustNotPullIn = map[string][]string{
	"insforge":  {"go.etcd.io/bbolt", "gopkg.in/telebot.v3", "github.com/prometheus"},
	"planparse": {"go.etcd.io/bbolt", "gopkg.in/telebot.v3", "github.com/prometheus", "github.com/go-resty", "github.com/cenkalti"},
}

// The only modules beside the standard library that a room builds on, where that is a promise.
var onlyBuildsOn = map[string][]string{
	"planparse":       {"golang.org/x/text"},
	"insforge/filter": {},
}

type goPackage struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// room is the package's directory in the module.
func (p goPackage) room() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func ours(importPath string) bool { return strings.HasPrefix(importPath, module+"/") }

func inside(importPath, tree string) bool {
	return importPath == tree || strings.HasPrefix(importPath, tree+"/")
}

// packages lists the module's packages and everything they depend on, by import path.
func packages(t *testing.T) map[string]goPackage {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", "./...")
	list.Dir = ".."
	var stderr bytes.Buffer
	list.Stderr = &stderr
	out, err := list.Output()
	require.NoError(t, err, "%s", &stderr)
	all := map[string]goPackage{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all[p.ImportPath] = p
	}
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, p := range packages(t) {
		if !ours(p.ImportPath) || inside(p.room(), "examples") {
			continue
		}
		seen++
		allowed, known := mayImport[p.room()]
		require.True(t, known, "%s is a new room: say here what it may import", p.room())
		for _, imported := range p.Imports {
			if ours(imported) {
				require.Contains(t, allowed, goPackage{ImportPath: imported}.room(), "imported by %s", p.room())
			}
		}
	}
	require.Equal(t, len(mayImport), seen, "a room of the table is gone")
}

func TestImportingARoomBringsInNothingUnexpected(t *testing.T) {
	t.Parallel()
	all := packages(t)
	for room, unwanted := range mustNotPullIn {
		for _, dependency := range all[module+"/"+room].Deps {
			for _, tree := range unwanted {
				require.False(t, inside(dependency, tree), "%s pulls in %s", room, dependency)
			}
		}
	}
	for room, wanted := range onlyBuildsOn {
		require.Contains(t, all, module+"/"+room)
		for _, dependency := range all[module+"/"+room].Deps {
			known := all[dependency].Standard || inside(dependency, module+"/"+room) ||
				slices.ContainsFunc(wanted, func(tree string) bool { return inside(dependency, tree) })
			require.True(t, known, "%s pulls in %s", room, dependency)
		}
	}
}

// One room a concern, and no shelf for what has none.
func TestNothingElseAtTheTop(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "git", "-C", "..", "ls-files").Output()
	if err != nil {
		t.Skip("not a git checkout: ", err)
	}
	allowed := []string{"bot", "docs", "examples", "insforge", "migrations", "planparse", "scheduler", "CHANGELOG.md", "LICENSE", "README.md", "go.mod", "go.sum"}
	for file := range strings.Lines(string(out)) {
		file = strings.TrimSpace(file)
		top, _, _ := strings.Cut(file, "/")
		require.True(t, slices.Contains(allowed, top) || strings.HasPrefix(top, "."), "%s: %s has no place at the top level", file, top)
		for part := range strings.SplitSeq(path.Dir(file), "/") {
			require.NotContains(t, []string{"util", "utils", "common", "helper", "helpers", "misc"}, part, file)
		}
	}
}
