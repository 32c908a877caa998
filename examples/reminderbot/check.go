package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/migrations"
)

// checkTime bounds each check.
const checkTime = 20 * time.Second

// checkAll tests every setting and connection, and says in a sentence each what
// is wrong and what to do.
func checkAll(ctx context.Context, environ []string, stdout, stderr io.Writer) int {
	config, err := bot.LoadConfig(environ, ".env")
	if err != nil {
		return failed(stderr, err)
	}
	stdout = bot.Redact(stdout, config.Secrets()...)
	fmt.Fprintln(stdout, "ok    settings: they can be read")
	for _, note := range config.Notes() {
		fmt.Fprintf(stdout, "note  settings: %s\n", note)
	}
	status := exitFine
	for _, one := range []struct {
		name string
		test func(context.Context, bot.Config) (string, error)
	}{
		{"store", checkStore},
		{"telegram", checkTelegram},
		{"model", checkModel},
		{"http", checkHTTP},
	} {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		fine, err := one.test(ctx, config)
		cancel()
		if err != nil {
			status = exitError
			fmt.Fprintf(stdout, "FAIL  %s: %v\n", one.name, err)
			continue
		}
		fmt.Fprintf(stdout, "ok    %s: %s\n", one.name, fine)
	}
	return status
}

// checkStore tests that the tables can be reached, with every column.
func checkStore(ctx context.Context, config bot.Config) (string, error) {
	if config.Embedded() {
		return checkFile(config)
	}
	client, err := bot.Connect(config)
	if err != nil {
		return "", err
	}
	remedy := remedyFor(config.BackendDialect)
	missing, err := missingTables(ctx, client)
	if config.BackendDialect == bot.InsForge {
		if unrecorded := missingRecords(ctx, client); len(unrecorded) > 0 {
			missing = unrecorded
		}
	}
	switch {
	case err != nil && len(missing) > 0:
		return "", fmt.Errorf("missing: %s; run: %s (%w)", strings.Join(missing, ", "), remedy, err)
	case err != nil:
		return "", err
	case len(missing) > 0:
		return "", fmt.Errorf("every table and column is there, but the project has no record of %s; run: %s", strings.Join(missing, ", "), remedy)
	}
	if err := checkWriting(ctx, client, remedy); err != nil {
		return "", err
	}
	fine := fmt.Sprintf("%s speaks %s, takes the key, and has every table and column", config.BackendURL, config.BackendDialect)
	if config.BackendDialect == bot.InsForge {
		return fine, nil
	}
	// What guards the rows cannot be seen through the tables, but its function can.
	_, err = insforge.Call[json.RawMessage](ctx, client, "current_telegram_id", nil, insforge.Idempotent())
	switch {
	case insforge.IsNotFound(err) && isEmbedded(ctx, client):
		return fine + "; it is a server for tests, without row security", nil
	case insforge.IsNotFound(err):
		return "", fmt.Errorf("missing: 004_row_security, so that nothing may keep users from each other's rows; run: %s", remedy)
	}
	return fine, nil
}

// isEmbedded reports whether the backend is an embedded store that is served
// over HTTP, as mockpostgrest does. It has neither roles nor functions.
func isEmbedded(ctx context.Context, client *insforge.Client) bool {
	root, err := client.Do(ctx, insforge.Request{Method: http.MethodGet, Path: "/"})
	return err == nil && bytes.Contains(root.Body, []byte(`"Embedded PostgREST"`))
}

// writtenTables are the tables that the service writes to: the primary key, and what
// a conflict is looked for by, if it is.
var writtenTables = []struct {
	table, key string
	unique     []string
}{
	{"lead_registry", "id", []string{"source_ref"}},
	{"lead_activity_log", "id", nil},
	{"scheduled_reminders", "id", []string{"lead_id", "plan_version", "step_id"}},
	{"bot_users", "telegram_id", []string{"telegram_id"}},
	{"service_leases", "name", []string{"name"}},
}

// checkWriting tests whether the tables can be written to, by requests that
// change nothing in any case: PostgreSQL looks for the unique index and at the
// rights of the role before it misses a value, or finds no row. The value is the
// primary key's, for other columns take NULL where the tables are older than the
// migrations; and it is the second row's, so that the first draws the number of an
// older table, which is a right of its own.
func checkWriting(ctx context.Context, client *insforge.Client, remedy string) error {
	for _, w := range writtenTables {
		var options []insforge.WriteOption
		if w.unique != nil {
			options = append(options, insforge.OnConflictIgnore(w.unique...))
		}
		nothing := map[string]any{w.key: nil}
		none := client.From(w.table).Where(filter.IsNull(w.key))
		_, insertErr := client.From(w.table).Insert(ctx, []map[string]any{{}, nothing}, options...)
		_, updateErr := none.Update(ctx, nothing)
		_, deleteErr := none.Delete(ctx)
		for _, err := range []error{insertErr, updateErr, deleteErr} {
			var refused *insforge.Error
			switch {
			case insforge.IsPermission(err):
				return fmt.Errorf("the key may read the tables but not write to %s; its role must have every right on them and bypass row security, as service_role and project_admin do (%w)", w.table, err)
			case errors.As(err, &refused) && refused.Code == "42P10":
				return fmt.Errorf("%s is incomplete: it has no unique index on %s; run: %s", w.table, strings.Join(w.unique, ", "), remedy)
			}
		}
	}
	return nil
}

// missingRecords lists the migrations an InsForge project has no record of. A
// server that keeps no records misses none.
func missingRecords(ctx context.Context, client *insforge.Client) (missing []string) {
	all, err := migrations.All()
	if err != nil {
		return nil
	}
	list, err := client.Migrations(ctx)
	if err != nil {
		return nil
	}
	for _, m := range all {
		if !slices.ContainsFunc(list, func(r insforge.AppliedMigration) bool { return r.Name == recordName(m) }) {
			missing = append(missing, m.String())
		}
	}
	return missing
}

// remedyFor is the command that brings the tables up to date.
func remedyFor(dialect bot.Dialect) string {
	if dialect == bot.InsForge {
		return "reminderbot migrate"
	}
	// psql goes on after an error, and calls it success, unless told otherwise.
	return "reminderbot migrate -print | psql -v ON_ERROR_STOP=1 YOUR_DATABASE_URL"
}

// missingTables is nil when the backend has every table with every column the
// service uses, and lets the key read them. Otherwise it tells what is wrong
// with the first one that is not as it should be, and which migrations make the
// tables that are not.
func missingTables(ctx context.Context, client *insforge.Client) (missing []string, first error) {
	var tables map[string]struct {
		Columns []struct {
			Name string `json:"name"`
		} `json:"columns"`
	}
	if err := json.Unmarshal(migrations.Tables, &tables); err != nil {
		return nil, fmt.Errorf("the declared tables: %w", err)
	}
	all, err := migrations.All()
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		for _, table := range slices.Sorted(maps.Keys(tables)) {
			if !m.Creates(table) {
				continue
			}
			var columns []string
			for _, column := range tables[table].Columns {
				columns = append(columns, column.Name)
			}
			_, err := insforge.All[map[string]any](ctx, client.From(table).Select(columns...).Limit(1))
			if err == nil {
				continue
			}
			if first == nil {
				first = backendAdvice(table, err)
			}
			if !isMissing(err) {
				return missing, first // the others would fail in the same way
			}
			if !slices.Contains(missing, m.String()) {
				missing = append(missing, m.String())
			}
		}
	}
	return missing, first
}

// isMissing reports whether the backend has no such table or column.
func isMissing(err error) bool {
	var refused *insforge.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case "42P01", "PGRST205", "42703", "PGRST204":
		return true
	}
	// Without a code it is somebody else who answers, and knows no tables at all.
	return refused.Status == http.StatusNotFound && refused.Code != ""
}

// backendAdvice turns a failure of the backend into what to do about it.
func backendAdvice(table string, err error) error {
	var refused *insforge.Error
	if !errors.As(err, &refused) {
		return fmt.Errorf("INSFORGE_URL does not answer; is the address right, and the server up? (%w)", err)
	}
	switch {
	case refused.Code == "42501": // 401 where the role is anon, which is everybody's without a key
		return fmt.Errorf("the key may not read %s; the service needs the service key, not the one for browsers, nor none (%w)", table, err)
	case refused.Code == "22023":
		return fmt.Errorf("INSFORGE_API_KEY is for a role that the database does not have; make one for its service role (%w)", err)
	case refused.Status == 401:
		return fmt.Errorf("the backend does not accept INSFORGE_API_KEY; copy it again from the project's settings (%w)", err)
	case insforge.IsPermission(err):
		return fmt.Errorf("the key may not read %s; the service needs the service key, not the one for browsers (%w)", table, err)
	case refused.Code == "42P01" || refused.Code == "PGRST205":
		return fmt.Errorf("there is no table %s: %w", table, err)
	case refused.Code == "42703" || refused.Code == "PGRST204":
		return fmt.Errorf("table %s lacks a column: %w", table, err)
	case refused.Status >= 500:
		return fmt.Errorf("the backend is in trouble; is its database up? (%w)", err)
	case refused.Status == http.StatusNotFound, refused.Status < 300: // or a page instead of rows
		return fmt.Errorf("there are no tables at this address; are INSFORGE_URL and INSFORGE_DIALECT right? (%w)", err)
	}
	return fmt.Errorf("table %s: %w", table, err)
}

func checkTelegram(ctx context.Context, config bot.Config) (string, error) {
	if config.Demo() {
		return "TELEGRAM_BOT_TOKEN is not set: a chat page stands in for Telegram", nil
	}
	report, err := bot.InspectTelegram(ctx, config)
	if err != nil {
		return "", err
	}
	who := "everyone may use it; ALLOWED_USERS can narrow that"
	if n := len(config.AllowedUsers); n > 0 {
		who = fmt.Sprintf("%d people may use it", n)
	}
	return strings.Join(append([]string{fmt.Sprintf("the token belongs to @%s; %s", report.Username, who)}, report.Notes...), "; "), nil
}

func checkModel(ctx context.Context, config bot.Config) (string, error) {
	if config.LLMURL == "" {
		return "LLM_BASE_URL is not set: the built-in playbook writes the plans", nil
	}
	steps, err := bot.InspectModel(ctx, config)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s wrote a plan of %d steps", config.LLMModel, steps), nil
}
