package insforge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// ErrAlreadyApplied says that a migration of this version, or of a later one,
// has been applied before.
var ErrAlreadyApplied = errors.New("already applied")

var (
	migrationVersion = regexp.MustCompile(`^[0-9]{1,64}$`)
	migrationName    = regexp.MustCompile(`^[a-z0-9-]+$`)
)

// AppliedMigration is a migration that InsForge has on record.
type AppliedMigration struct {
	// Version is a number of up to 64 digits, beyond what an integer holds.
	Version    string    `json:"version"`
	Name       string    `json:"name"`
	Statements []string  `json:"statements"` // its SQL, one element a statement
	CreatedAt  time.Time `json:"createdAt"`
}

// DryRun is what InsForge says of SQL without keeping what it does.
type DryRun struct {
	Valid          bool     `json:"valid"`
	StatementCount int      `json:"statementCount"`
	RiskLevel      string   `json:"riskLevel"` // SAFE, WARNING or DANGER
	RiskFactors    []string `json:"-"`         // what makes it a risk, in InsForge's words
	Error          string   `json:"error"`     // why it is not valid
}

const migrationsPath = "/api/database/migrations"

// Migrations lists the migrations applied through InsForge's endpoint, the
// latest version first. It needs an ik_ key. SQL that was run in another way
// is not among them.
func (c *Client) Migrations(ctx context.Context) ([]AppliedMigration, error) {
	var list struct {
		Migrations []AppliedMigration `json:"migrations"`
	}
	err := c.admin(ctx, "migrations", http.MethodGet, migrationsPath, nil, &list)
	return list.Migrations, err
}

// DryRunMigration asks InsForge what it thinks of SQL before it is applied. It
// needs an ik_ key. SQL that InsForge refuses is no error here but a result
// that is not valid. InsForge answers 30 of these in 15 minutes; the next is an
// error of status 429.
func (c *Client) DryRunMigration(ctx context.Context, sql string) (DryRun, error) {
	body := struct {
		SQL string `json:"sql"`
	}{sql}
	var result struct {
		DryRun
		RiskFactors []any `json:"riskFactors"`
	}
	err := c.admin(ctx, "dry run", http.MethodPost, migrationsPath+"/dry-run", body, &result)
	for _, factor := range result.RiskFactors {
		result.DryRun.RiskFactors = append(result.DryRun.RiskFactors, describe(factor))
	}
	return result.DryRun, err
}

// describe is the text of a risk factor, which is a string or an object with a
// text in it.
func describe(factor any) string {
	if object, ok := factor.(map[string]any); ok {
		for _, key := range []string{"message", "description", "reason", "type"} {
			if text, ok := object[key].(string); ok {
				return text
			}
		}
	}
	return fmt.Sprint(factor)
}

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
	err := c.admin(ctx, "migration", http.MethodPost, migrationsPath, body, nil)
	// The second is how older servers put it.
	if hasCode(err, "DATABASE_MIGRATION_ALREADY_EXISTS") || hasCode(err, "ALREADY_EXISTS") {
		return fmt.Errorf("insforge: migration %s: %w: %w", version, ErrAlreadyApplied, err)
	}
	return err
}
