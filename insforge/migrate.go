package insforge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
)

// ErrAlreadyApplied says that a migration of this version, or of a later one,
// has been applied before.
var ErrAlreadyApplied = errors.New("already applied")

var (
	migrationVersion = regexp.MustCompile(`^[0-9]{1,64}$`)
	migrationName    = regexp.MustCompile(`^[a-z0-9-]+$`)
)

// ApplyMigration runs SQL statements in one transaction through InsForge's
// migrations endpoint and records them under a version, which must be digits
// and higher than all before it, and a name of a-z, 0-9 and dashes. It needs an
// ik_ key. A version that is not higher than the last is [ErrAlreadyApplied].
//
// It is not repeated when its answer was lost; calling it again is safe and
// tells by ErrAlreadyApplied that it was carried out. PostgREST learns of new
// tables a moment after the answer.
func (c *Client) ApplyMigration(ctx context.Context, version, name, sql string) error {
	switch {
	case !migrationVersion.MatchString(version):
		return fmt.Errorf("insforge: the migration version %q, want digits", version)
	case !migrationName.MatchString(name):
		return fmt.Errorf("insforge: the migration name %q, want a-z, 0-9 and dashes", name)
	}
	body := struct {
		Version string `json:"version"`
		Name    string `json:"name"`
		SQL     string `json:"sql"`
	}{version, name, sql}
	err := c.admin(ctx, "migration", http.MethodPost, "/api/database/migrations", body, nil)
	if hasCode(err, "DATABASE_MIGRATION_ALREADY_EXISTS") {
		return fmt.Errorf("insforge: migration %s: %w: %w", version, ErrAlreadyApplied, err)
	}
	return err
}
