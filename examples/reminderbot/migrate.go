package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/migrations"
)

// migrate applies the migrations through InsForge's migrations endpoint, says
// what it would do there, or prints them for psql.
func migrate(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	printing := flags.Bool("print", false, "")
	dryRun := flags.Bool("dry-run", false, "")
	if err := flags.Parse(args); err != nil {
		return misused(stderr, err.Error())
	}
	if flags.NArg() > 0 {
		return misused(stderr, fmt.Sprintf("migrate takes no argument %q", flags.Arg(0)))
	}
	if *printing {
		script, err := migrations.Script()
		if err == nil {
			_, err = io.WriteString(stdout, script)
		}
		return failed(stderr, err)
	}
	config, err := bot.LoadConfig(environ, ".env")
	if err != nil {
		return failed(stderr, err)
	}
	return failed(bot.Redact(stderr, config.Secrets()...), migrateProject(ctx, config, *dryRun, stdout))
}

// migrationTime bounds one request to the migrations endpoint: adding an index
// to a large table takes a while.
const migrationTime = 2 * time.Minute

// migrateProject brings an InsForge project up to date: it says what is there
// and what is to come, applies that, and waits until the API knows the tables.
func migrateProject(ctx context.Context, config bot.Config, dryRun bool, stdout io.Writer) error {
	if config.Embedded() {
		return errors.New("INSFORGE_URL is not set, and the embedded store makes its tables itself: there is nothing to migrate")
	}
	if config.BackendDialect != bot.InsForge {
		return errors.New("only InsForge has an endpoint for migrations; for PostgREST or Supabase run: " + remedyFor(bot.PostgREST))
	}
	client, err := bot.Connect(config)
	if err != nil {
		return err
	}
	all, err := migrations.All()
	if err != nil {
		return err
	}
	recorded, err := records(ctx, client)
	if err != nil {
		return endpointAdvice(err)
	}
	gone := firstTakenBack(ctx, client, all, recorded)
	var todo []migrations.Migration
	for i, m := range all {
		switch {
		case !recorded.has(m):
		case i >= gone:
			fmt.Fprintf(stdout, "%s: applied before, and taken back since\n", m)
			recorded = recorded.without(m)
		default:
			fmt.Fprintf(stdout, "%s: applied before\n", m)
			continue
		}
		todo = append(todo, m)
	}
	if len(todo) > 0 {
		if err := announce(ctx, client, todo, stdout); err != nil {
			return err
		}
		if dryRun {
			return nil
		}
		for _, m := range todo {
			if recorded, err = apply(ctx, client, m, recorded, stdout); err != nil {
				return fmt.Errorf("migration %s: %w; %s", m, err, afterwards(err))
			}
		}
	}
	if dryRun {
		fmt.Fprintln(stdout, "nothing to apply")
		return nil
	}
	return waitForTables(ctx, client, stdout)
}

// firstTakenBack is the index of the first migration that is on record and whose
// tables are not there all the same: the project's records know nothing of a way
// back, which goes from the last migration down. Tables that were made a moment
// ago are waited for.
func firstTakenBack(ctx context.Context, client *insforge.Client, all []migrations.Migration, recorded migrationRecords) int {
	for asked := 0; ; asked++ {
		missing, _ := missingTables(ctx, client)
		first := slices.IndexFunc(all, func(m migrations.Migration) bool { return recorded.has(m) && slices.Contains(missing, m.String()) })
		switch {
		case first < 0:
			return len(all)
		case asked == 10 || ctx.Err() != nil:
			return first
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// announce says what is about to happen, with what InsForge thinks of it. All
// of it is asked about at once, since a later migration needs the tables of the
// earlier ones.
func announce(ctx context.Context, client *insforge.Client, todo []migrations.Migration, stdout io.Writer) error {
	var names, sql []string
	for _, m := range todo {
		names = append(names, m.String())
		sql = append(sql, m.Up)
	}
	fmt.Fprintf(stdout, "to apply: %s\n", strings.Join(names, ", "))
	ctx, cancel := context.WithTimeout(ctx, migrationTime)
	defer cancel()
	report, err := client.DryRunMigration(ctx, strings.Join(sql, "\n"))
	switch {
	case err != nil && ctx.Err() != nil:
		return err
	case err != nil: // too many in a while, or a server that has none
		fmt.Fprintf(stdout, "dry run: not to be had (%v)\n", err)
	case !report.Valid:
		return fmt.Errorf("InsForge would refuse the migrations, and nothing was changed: %s%s", cmp.Or(report.Error, "it gives no reason"), ownerAdvice(report.Error))
	default:
		fmt.Fprintf(stdout, "dry run: %d statements, risk %s", report.StatementCount, cmp.Or(report.RiskLevel, "unknown"))
		if len(report.RiskFactors) > 0 {
			fmt.Fprintf(stdout, " (%s)", strings.Join(report.RiskFactors, "; "))
		}
		fmt.Fprintln(stdout)
	}
	return nil
}

// afterwards says how things stand after a migration that did not succeed.
func afterwards(err error) string {
	if refused := (*insforge.Error)(nil); !errors.As(err, &refused) {
		return "no answer came, so it may be under way still; those before it are in place: run the command again, which does no harm"
	}
	return "nothing of it was kept, and those before it are in place: when this is mended, run the command again" + ownerAdvice(err.Error())
}

// ownerAdvice is what to do about a table that somebody else than InsForge's
// own role made, by psql or in an early version of InsForge.
func ownerAdvice(refusal string) string {
	_, table, found := strings.Cut(refusal, "must be owner of table ")
	if !found {
		return ""
	}
	table, _, _ = strings.Cut(table, " ") // in an error more follows
	return fmt.Sprintf("; as the database's superuser run: ALTER TABLE %s OWNER TO project_admin", strings.Trim(table, `;,."`))
}

// apply applies one migration and returns what is on record then. Another process may be at it, or somebody may
// add a migration of the project's own in between: then InsForge calls the
// version too old, and its records say whether ours is among them.
func apply(ctx context.Context, client *insforge.Client, m migrations.Migration, recorded migrationRecords, stdout io.Writer) (migrationRecords, error) {
	for {
		if recorded.has(m) {
			fmt.Fprintf(stdout, "%s: applied meanwhile\n", m)
			return recorded, nil
		}
		version := recorded.next(m)
		attempt, cancel := context.WithTimeout(ctx, migrationTime)
		err := client.ApplyMigration(attempt, version.String(), recordName(m), m.Up)
		cancel()
		if err == nil {
			fmt.Fprintf(stdout, "%s: applied\n", m)
			recorded.latest = version
			return recorded, nil
		}
		already := errors.Is(err, insforge.ErrAlreadyApplied)
		if refused := (*insforge.Error)(nil); errors.As(err, &refused) && refused.Status < 500 && !already {
			return recorded, err
		}
		now, listErr := records(ctx, client)
		now.stale = recorded.stale
		switch {
		case listErr != nil:
			return recorded, err
		case !already && !now.has(m):
			return recorded, err // it failed, or its request was lost
		case !now.has(m) && now.latest.Cmp(version) < 0: // nothing later is on record: it is the version itself that is
			fmt.Fprintf(stdout, "%s: applied before\n", m)
			return recorded, nil
		}
		recorded = now
	}
}

// migrationRecords is what a project knows of migrations.
type migrationRecords struct {
	names  []string
	latest *big.Int
	stale  []string // of the names, those of what was taken back
}

// records asks for them. A server that does not list them knows none.
func records(ctx context.Context, client *insforge.Client) (migrationRecords, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	known := migrationRecords{latest: new(big.Int)}
	list, err := client.Migrations(ctx)
	if insforge.IsNotFound(err) {
		return known, nil
	}
	for _, one := range list {
		known.names = append(known.names, one.Name)
		if version, ok := new(big.Int).SetString(one.Version, 10); ok && version.Cmp(known.latest) > 0 {
			known.latest = version
		}
	}
	return known, err
}

func (r migrationRecords) has(m migrations.Migration) bool {
	return count(r.names, recordName(m)) > count(r.stale, recordName(m))
}

// without is r where the records of m that are there now count for nothing.
func (r migrationRecords) without(m migrations.Migration) migrationRecords {
	for r.has(m) {
		r.stale = append(slices.Clip(r.stale), recordName(m))
	}
	return r
}

func count(list []string, wanted string) (n int) {
	for _, one := range list {
		if one == wanted {
			n++
		}
	}
	return n
}

// recordName is the name under which a project records a migration, told apart
// from names the project gives its own.
func recordName(m migrations.Migration) string {
	return "followthrough-" + strings.ReplaceAll(m.String(), "_", "-")
}

// migrationEpoch makes versions of migration numbers: InsForge's own tools
// number by date and time, and so do we, by the date of the first release.
const migrationEpoch = 20261101000000

// next is the version to give to a migration. InsForge takes only what is
// higher than all before it, the project's own migrations included.
func (r migrationRecords) next(m migrations.Migration) *big.Int {
	version := big.NewInt(migrationEpoch + int64(m.Number))
	if r.latest.Cmp(version) >= 0 {
		version.Add(r.latest, big.NewInt(1))
	}
	return version
}

// endpointAdvice turns a failure to reach the records into what to do about it.
func endpointAdvice(err error) error {
	refused := (*insforge.Error)(nil)
	switch {
	case !errors.As(err, &refused):
		return fmt.Errorf("INSFORGE_URL does not answer; is the address right, and the server up? (%w)", err)
	case refused.Status == 401 || refused.Status == 403:
		return fmt.Errorf("INSFORGE_API_KEY may not migrate; it must be the project's API key, which begins with ik_ (%w)", err)
	}
	return err
}

// waitForTables waits until the API has learnt of the tables, which takes it a
// moment.
func waitForTables(ctx context.Context, client *insforge.Client, stdout io.Writer) error {
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for asked := 0; ; asked++ {
		_, err := missingTables(wait, client)
		if err == nil {
			fmt.Fprintln(stdout, "every table is there")
			return nil
		}
		if asked == 0 {
			fmt.Fprintln(stdout, "waiting for the API to learn of the tables")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-wait.Done():
			return fmt.Errorf("the migrations are applied, but the API does not show the tables: %w", err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
