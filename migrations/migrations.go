// Package migrations holds the service's tables: numbered SQL files for PostgreSQL behind any PostgREST API, and the
// same tables declared for the embedded store.
//
// Each file is safe to run again, applies over tables that already exist, and needs neither a superuser nor the right
// to manage roles. Each wants to be run in one transaction and contains no BEGIN or COMMIT of its own, since some
// runners open the transaction themselves; [Script] adds them for psql.
//
// A file NNN_name.sql has its way back in NNN_name.down.sql, which nothing in this module runs.
package migrations

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// FS holds every SQL file, up and down.
//
//go:embed *.sql
var FS embed.FS

// Tables is the tables file of the embedded store: the same tables, columns, defaults, constraints and indexes as a
// database to which every migration has been applied.
//
//go:embed tables.json
var Tables []byte

// Migration is one numbered step.
type Migration struct {
	// Number orders the migrations: 1 for 001_leads.sql.
	Number int
	// Name is the rest of the file name, "leads" for 001_leads.sql: lower-case words joined by underscores.
	Name string
	// Up is the SQL that applies the step, to be run in one transaction.
	Up string
	// Down is the SQL that takes it back, in one transaction, after those with higher numbers.
	Down string
}

// String returns the name of the file the migration came from, without its extension: "001_leads".
func (m Migration) String() string {
	return fmt.Sprintf("%03d_%s", m.Number, m.Name)
}

// Creates reports whether the step is the one that makes a table of the public
// schema where there is none.
func (m Migration) Creates(table string) bool {
	return regexp.MustCompile(`CREATE TABLE (IF NOT EXISTS )?public\.` + regexp.QuoteMeta(table) + ` `).MatchString(m.Up)
}

var fileName = regexp.MustCompile(`^([0-9]{3})_([a-z0-9_]+)\.sql$`)

// All returns the migrations in the order in which to apply them. It fails only when a file in [FS] is misnamed or lacks
// its counterpart, which the tests of this package rule out for FS as it is compiled in.
func All() ([]Migration, error) {
	return read(FS)
}

func read(files fs.FS) ([]Migration, error) {
	ups, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	downs := 0
	var all []Migration
	for _, file := range ups {
		stem, isDown := strings.CutSuffix(file, ".down.sql")
		if isDown {
			downs++
			continue
		}
		stem = strings.TrimSuffix(stem, ".sql")
		parts := fileName.FindStringSubmatch(file)
		if parts == nil {
			return nil, fmt.Errorf("migrations: %s is not named NNN_name.sql", file)
		}
		number, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, fmt.Errorf("migrations: %s: %w", file, err)
		}
		up, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, fmt.Errorf("migrations: %w", err)
		}
		down, err := fs.ReadFile(files, stem+".down.sql")
		if err != nil {
			return nil, fmt.Errorf("migrations: %s has no way back: %w", file, err)
		}
		all = append(all, Migration{Number: number, Name: parts[2], Up: string(up), Down: string(down)})
	}
	if downs != len(all) {
		return nil, fmt.Errorf("migrations: %d files lead back and %d forth", downs, len(all))
	}
	slices.SortFunc(all, func(a, b Migration) int { return cmp.Compare(a.Number, b.Number) })
	for i, m := range all {
		if m.Number != i+1 {
			return nil, fmt.Errorf("migrations: number %03d is missing or used twice", i+1)
		}
	}
	return all, nil
}

// Script returns every migration as one SQL text for psql, in one transaction: if a statement fails, nothing is applied.
func Script() (string, error) {
	all, err := All()
	if err != nil {
		return "", err
	}
	var script strings.Builder
	// Without the second line psql reports every column that is already there.
	script.WriteString("BEGIN;\nSET LOCAL client_min_messages = warning;\n\n")
	for _, m := range all {
		fmt.Fprintf(&script, "-- %s\n\n%s\n", m, m.Up)
	}
	script.WriteString("COMMIT;\n")
	return script.String(), nil
}
