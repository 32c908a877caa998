package migrations

import (
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestAllInOrder(t *testing.T) {
	t.Parallel()
	all, err := All()
	require.NoError(t, err)
	var names []string
	for i, m := range all {
		require.Equal(t, i+1, m.Number)
		names = append(names, m.String())
	}
	require.Equal(t, []string{"001_leads", "002_scheduled_reminders", "003_users_and_leases", "004_row_security"}, names)
}

func TestMisnamedFilesAreRefused(t *testing.T) {
	t.Parallel()
	file := &fstest.MapFile{Data: []byte("SELECT 1")}
	for name, tt := range map[string]struct {
		files fstest.MapFS
		want  string
	}{
		"no number":     {fstest.MapFS{"leads.sql": file, "leads.down.sql": file}, "leads.sql is not named NNN_name.sql"},
		"no way back":   {fstest.MapFS{"001_leads.sql": file}, "001_leads.sql has no way back"},
		"only way back": {fstest.MapFS{"001_a.sql": file, "001_a.down.sql": file, "002_b.down.sql": file}, "2 files lead back and 1 forth"},
		"a gap":         {fstest.MapFS{"001_a.sql": file, "001_a.down.sql": file, "003_b.sql": file, "003_b.down.sql": file}, "number 002 is missing"},
		"twice":         {fstest.MapFS{"001_a.sql": file, "001_a.down.sql": file, "001_b.sql": file, "001_b.down.sql": file}, "number 002 is missing or used twice"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(tt.files)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// What the runners ask of a file, and what no database at hand would notice: InsForge refuses some words wherever they stand.
func TestFilesKeepToTheRules(t *testing.T) {
	t.Parallel()
	all, err := All()
	require.NoError(t, err)
	comment := regexp.MustCompile(`--[^\n]*`)
	forbidden := regexp.MustCompile(`(?i)(^|\n)\s*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION)\s*;|(CREATE|ALTER|DROP)\s+(ROLE|USER|DATABASE)|SET\s+(LOCAL\s+|SESSION\s+)?(ROLE|search_path\s+TO|statement_timeout)|set_config|pg_catalog|RESET\s+ALL|USING\s*\(\s*true\s*\)|TO\s+anon\b`)
	for _, m := range all {
		for direction, sql := range map[string]string{"up": m.Up, "down": m.Down} {
			code := comment.ReplaceAllString(sql, "")
			code = strings.ReplaceAll(code, "ALTER ROLE % BYPASSRLS", "") // advice in a warning
			require.Empty(t, forbidden.FindString(code), "%s %s", m, direction)
			require.Regexp(t, `^\s*DO \$\$ BEGIN PERFORM pg_advisory_xact_lock\(5870237214046\); END \$\$;`, code, "%s %s waits for other runners first", m, direction)
			require.Regexp(t, `NOTIFY pgrst, 'reload schema';\s*$`, code, "%s %s", m, direction)
		}
	}
}

// A reader asks of every index, policy and grant what it is there for.
func TestReasonsAreGiven(t *testing.T) {
	t.Parallel()
	all, err := All()
	require.NoError(t, err)
	needsReason := regexp.MustCompile(`^\s*(CREATE (UNIQUE )?INDEX|GRANT|EXECUTE format\('GRANT)`)
	statements := 0
	for _, m := range all {
		lines := strings.Split(m.Up, "\n")
		for i, line := range lines {
			if !needsReason.MatchString(line) {
				continue
			}
			statements++
			reason := i - 1
			if strings.HasSuffix(lines[reason], " THEN") {
				reason-- // the reason stands before the condition
			}
			require.Regexp(t, `^\s*--`, lines[reason], "%s, line %d: %s", m, i+1, line)
		}
	}
	require.Greater(t, statements, 10)
}
