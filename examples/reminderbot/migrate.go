package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/migrations"
)

// migrate applies the migrations through InsForge's migrations endpoint, or
// prints them for psql.
func migrate(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	printing := flags.Bool("print", false, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, usage)
			return exitFine
		}
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
	return failed(bot.Redact(stderr, config.Secrets()...), apply(ctx, config, stdout))
}

// migrationEpoch makes versions of migration numbers. InsForge takes a version
// only if it is higher than all before it, and its own tools number by date
// and time; so do we, by the date of the first release.
const migrationEpoch = 20261101000000

// apply applies the migrations in order. Those applied before are passed over.
func apply(ctx context.Context, config bot.Config, stdout io.Writer) error {
	if config.Embedded() {
		return errors.New("INSFORGE_URL is not set, and the embedded store makes its tables itself: there is nothing to migrate")
	}
	if config.BackendDialect != bot.InsForge {
		return errors.New("only InsForge has an endpoint for migrations; for PostgREST or Supabase run: reminderbot migrate -print | psql YOUR_DATABASE_URL")
	}
	client, err := bot.Connect(config)
	if err != nil {
		return err
	}
	all, err := migrations.All()
	if err != nil {
		return err
	}
	passed, err := applyAs(ctx, client, all, migrationEpoch, stdout)
	if err != nil {
		return err
	}
	if passed > 0 && missingTables(ctx, client) != nil {
		// The project has later migrations of its own, and took ours for old
		// ones. They do no harm where they were applied before, so they go in
		// again under today's date.
		version, err := strconv.ParseInt(time.Now().UTC().Format("20060102150405"), 10, 64)
		if err != nil {
			return err
		}
		if _, err := applyAs(ctx, client, all, version, stdout); err != nil {
			return err
		}
	}
	return waitForTables(ctx, client, stdout)
}

func applyAs(ctx context.Context, client *insforge.Client, all []migrations.Migration, epoch int64, stdout io.Writer) (passed int, err error) {
	for _, m := range all {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		err := client.ApplyMigration(ctx, fmt.Sprint(epoch+int64(m.Number)), strings.ReplaceAll(m.Name, "_", "-"), m.Up)
		cancel()
		switch {
		case errors.Is(err, insforge.ErrAlreadyApplied):
			passed++
			fmt.Fprintf(stdout, "%s: applied before\n", m)
		case err != nil:
			return passed, fmt.Errorf("migration %s: %w", m, err)
		default:
			fmt.Fprintf(stdout, "%s: applied\n", m)
		}
	}
	return passed, nil
}

// waitForTables waits until the API has learnt of the tables, which takes it a
// moment.
func waitForTables(ctx context.Context, client *insforge.Client, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		err := missingTables(ctx, client)
		if err == nil {
			fmt.Fprintln(stdout, "every table is there")
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the migrations are applied, but the API does not show the tables: %w", err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}
