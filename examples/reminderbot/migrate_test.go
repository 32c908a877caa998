package main

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
)

// project is InsForge's migrations endpoint, by its rules, in front of tables.
type project struct {
	tables http.Handler
	run    func(sql string) error // applies SQL in one transaction

	mu       sync.Mutex
	recorded []record // the latest last
	refusal  string   // what a dry run finds wrong, if anything
	noDryRun bool
	loseOne  bool                // the next answer to a migration is lost, after it was carried out
	before   func(record) record // what happens just before a migration
}

type record struct {
	Version string `json:"version"`
	Name    string `json:"name"`
	SQL     string `json:"sql,omitempty"`
}

func (p *project) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/api/database/migrations")
	if !ok {
		p.tables.ServeHTTP(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer ik_key" && r.Header.Get("x-api-key") != "ik_key" {
		answerJSON(w, http.StatusUnauthorized, map[string]any{"error": "AUTH_INVALID_API_KEY", "message": "Invalid API key", "statusCode": 401})
		return
	}
	var asked record
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			answerJSON(w, http.StatusBadRequest, map[string]any{"error": "INVALID_INPUT", "message": err.Error(), "statusCode": 400})
			return
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case r.Method == http.MethodGet:
		list := []record{}
		for i := range p.recorded {
			list = append(list, p.recorded[len(p.recorded)-1-i])
		}
		answerJSON(w, http.StatusOK, map[string]any{"migrations": list})
	case path == "/dry-run" && p.noDryRun:
		answerJSON(w, http.StatusTooManyRequests, map[string]any{"error": "TOO_MANY_REQUESTS", "message": "Too many requests", "statusCode": 429})
	case path == "/dry-run":
		answerJSON(w, http.StatusOK, map[string]any{"valid": p.refusal == "", "statementCount": strings.Count(asked.SQL, "\n\n"), "riskLevel": "WARNING",
			"riskFactors": []string{"drops a policy"}, "error": p.refusal})
	default:
		p.apply(w, asked)
	}
}

func (p *project) apply(w http.ResponseWriter, asked record) {
	if before := p.before; before != nil {
		p.before = nil
		p.recorded = append(p.recorded, before(asked))
	}
	version, ok := new(big.Int).SetString(asked.Version, 10)
	if !ok {
		answerJSON(w, http.StatusBadRequest, map[string]any{"error": "INVALID_INPUT", "message": "version", "statusCode": 400})
		return
	}
	if n := len(p.recorded); n > 0 {
		if latest, _ := new(big.Int).SetString(p.recorded[n-1].Version, 10); version.Cmp(latest) <= 0 {
			answerJSON(w, http.StatusConflict, map[string]any{"error": "DATABASE_MIGRATION_ALREADY_EXISTS", "message": "not newer", "statusCode": 409})
			return
		}
	}
	if err := p.run(asked.SQL); err != nil {
		answerJSON(w, http.StatusInternalServerError, map[string]any{"error": "INTERNAL_ERROR", "message": err.Error(), "statusCode": 500})
		return
	}
	p.recorded = append(p.recorded, record{Version: asked.Version, Name: asked.Name})
	if p.loseOne {
		p.loseOne = false
		panic(http.ErrAbortHandler)
	}
	answerJSON(w, http.StatusCreated, map[string]any{"version": asked.Version, "name": asked.Name})
}

func (p *project) names() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.recorded {
		names = append(names, r.Name)
	}
	return names
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// newProject is a project whose tables are always there.
func newProject(t *testing.T) *project {
	t.Helper()
	schema, err := embedded.ParseTables(migrations.Tables)
	require.NoError(t, err)
	store, err := embedded.Open(embedded.Memory, schema)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return &project{tables: store.Handler(embedded.InsForge), run: func(string) error { return nil }}
}

// started returns the settings with which to reach the project.
func started(t *testing.T, p *project) []string {
	t.Helper()
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	return []string{"INSFORGE_URL=" + srv.URL, "INSFORGE_API_KEY=ik_key", "HTTP_ADDR=127.0.0.1:0", "DATA_FILE=:memory:"}
}

// ours are the names under which a project records the migrations.
func ours(t *testing.T) (names []string) {
	t.Helper()
	all, err := migrations.All()
	require.NoError(t, err)
	for _, m := range all {
		names = append(names, recordName(m))
	}
	return names
}

func migrated(t *testing.T, environ []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = command(t.Context(), append([]string{"migrate"}, args...), environ, &out, &err)
	require.NotContains(t, out.String()+err.String(), "ik_key")
	return status, out.String(), err.String()
}

func TestMigrateSaysWhatItWillDoThenDoesIt(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	environ := started(t, p)

	status, stdout, stderr := migrated(t, environ, "-dry-run")
	require.Equal(t, exitFine, status, stderr)
	require.Contains(t, stdout, "to apply: 001_leads, 002_scheduled_reminders, 003_users_and_leases, 004_row_security\ndry run: ")
	require.Contains(t, stdout, " statements, risk WARNING (drops a policy)\n")
	require.Empty(t, p.names(), "nothing was applied")

	status, stdout, stderr = migrated(t, environ)
	require.Equal(t, exitFine, status, stderr)
	require.Regexp(t, `(?s)^to apply: .*\ndry run: .*\n001_leads: applied\n002_scheduled_reminders: applied\n003_users_and_leases: applied\n004_row_security: applied\nevery table is there\n$`, stdout)
	require.Equal(t, ours(t), p.names())

	status, stdout, stderr = migrated(t, environ)
	require.Equal(t, exitFine, status, stderr)
	require.Equal(t, "001_leads: applied before\n002_scheduled_reminders: applied before\n003_users_and_leases: applied before\n004_row_security: applied before\nevery table is there\n", stdout)
	require.Equal(t, ours(t), p.names(), "nothing was applied twice")

	status, stdout, stderr = migrated(t, environ, "-dry-run")
	require.Equal(t, exitFine, status, stderr)
	require.Contains(t, stdout, "004_row_security: applied before\nnothing to apply\n")
}

func TestMigrateAgainstAProjectsHistory(t *testing.T) {
	t.Parallel()
	theirs := record{Version: "20991231235959", Name: "leads"}
	for _, tc := range []struct {
		name    string
		arrange func(*project)
		applied func(ours []string) []string
		says    string
	}{
		{"the project has later migrations", func(p *project) { p.recorded = []record{theirs} },
			func(ours []string) []string { return append([]string{"leads"}, ours...) }, "001_leads: applied\n"},
		{"a version beyond any integer", func(p *project) {
			p.recorded = []record{{Version: strings.Repeat("9", 40), Name: "huge"}}
		}, func(ours []string) []string { return append([]string{"huge"}, ours...) }, "004_row_security: applied\n"},
		{"some of ours are there", func(p *project) {
			p.recorded = []record{{Version: "20261101000001", Name: "followthrough-001-leads"}, theirs}
		}, func(ours []string) []string {
			return append([]string{"followthrough-001-leads", "leads"}, ours[1:]...)
		}, "001_leads: applied before\nto apply: 002_scheduled_reminders, "},
		{"one of theirs comes in between", func(p *project) { p.before = func(record) record { return theirs } },
			func(ours []string) []string { return append([]string{"leads"}, ours...) }, "001_leads: applied\n"},
		{"another process is faster", func(p *project) {
			p.before = func(asked record) record { return record{Version: asked.Version, Name: asked.Name} }
		}, func(ours []string) []string { return ours }, "001_leads: applied meanwhile\n"},
		{"an answer is lost", func(p *project) { p.loseOne = true },
			func(ours []string) []string { return ours }, "001_leads: applied meanwhile\n"},
		{"no dry run to be had", func(p *project) { p.noDryRun = true },
			func(ours []string) []string { return ours }, "dry run: not to be had"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			tc.arrange(p)
			environ := started(t, p)
			status, stdout, stderr := migrated(t, environ)
			require.Equal(t, exitFine, status, stderr)
			require.Contains(t, stdout, tc.says)
			require.Equal(t, tc.applied(ours(t)), p.names())
			status, stdout, stderr = migrated(t, environ)
			require.Equal(t, exitFine, status, stderr)
			require.NotContains(t, stdout, ": applied\n")
		})
	}
}

func TestMigrateThatCannotSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		arrange func(*project)
		environ []string
		says    string
		applied int
	}{
		{"refused beforehand", func(p *project) { p.refusal = "permission denied for schema public" }, nil,
			"InsForge would refuse the migrations, and nothing was changed: permission denied for schema public", 0},
		{"one fails", func(p *project) {
			n := 0
			p.run = func(string) error {
				if n++; n == 3 {
					return http.ErrBodyNotAllowed
				}
				return nil
			}
		}, nil, "migration 003_users_and_leases: ", 2},
		{"one is never answered", func(p *project) { p.run = func(string) error { panic(http.ErrAbortHandler) } }, nil,
			"no answer came, so it may be under way still", 0},
		{"another key", nil, []string{"INSFORGE_API_KEY=anon"}, "must be the project's API key, which begins with ik_", 0},
		{"nobody there", nil, []string{"INSFORGE_URL=http://127.0.0.1:1"}, "is the address right, and the server up?", 0},
		{"another dialect", nil, []string{"INSFORGE_DIALECT=postgrest"}, "reminderbot migrate -print | psql", 0},
		{"no backend", nil, []string{"INSFORGE_URL=", "INSFORGE_API_KEY="}, "there is nothing to migrate", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := newProject(t)
			if tc.arrange != nil {
				tc.arrange(p)
			}
			status, _, stderr := migrated(t, append(started(t, p), tc.environ...))
			require.Equal(t, exitError, status)
			require.Contains(t, stderr, tc.says)
			require.Len(t, p.names(), tc.applied)
		})
	}
}

func TestCheckMissesTheIndexThatSchedulingNeeds(t *testing.T) {
	t.Parallel()
	var tables map[string]map[string]any
	require.NoError(t, json.Unmarshal(migrations.Tables, &tables))
	delete(tables["scheduled_reminders"], "unique")
	without, err := json.Marshal(tables)
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitError, command(t.Context(), []string{"check"}, []string{"INSFORGE_DIALECT=postgrest", "INSFORGE_URL=" + insforgetest.New(t, without).URL}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "scheduled_reminders is incomplete: it has no unique index on lead_id, plan_version, step_id; run: ")
}

func TestCheckNamesTheMigrationsThatAreMissing(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	p.recorded = []record{{Version: "1", Name: "followthrough-001-leads"}, {Version: "2", Name: "followthrough-003-users-and-leases"}}
	environ := started(t, p)
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitError, command(t.Context(), []string{"check"}, environ, &stdout, &stderr))
	require.Contains(t, stdout.String(), "the project has no record of 002_scheduled_reminders, 004_row_security; run: reminderbot migrate\n")

	status, _, said := migrated(t, environ)
	require.Equal(t, exitFine, status, said)
	stdout.Reset()
	require.Equal(t, exitFine, command(t.Context(), []string{"check"}, environ, &stdout, &stderr), stdout.String())
}

// A role that reads and finds nothing, for row security hides every row from it, looks just like an empty database.
func TestCheckTellsAKeyThatSeesNothing(t *testing.T) {
	t.Parallel()
	script, err := migrations.Script()
	require.NoError(t, err)
	// Tables of an older installation, whose columns take NULL.
	backend := insforgetest.Genuine(t, `
		CREATE TABLE lead_registry (id serial PRIMARY KEY, telegram_id bigint);
		CREATE TABLE lead_activity_log (id serial PRIMARY KEY, lead_id integer, telegram_id bigint, activity_type text);`+script+`
		DO $$ BEGIN CREATE ROLE weak NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
		GRANT weak TO authenticator;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO weak;
		DO $$ BEGIN CREATE ROLE half NOLOGIN BYPASSRLS; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
		GRANT half TO authenticator;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO half;
		GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO half;
		REVOKE DELETE ON service_leases FROM half;
		DO $$ BEGIN CREATE ROLE unnumbered NOLOGIN BYPASSRLS; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
		GRANT unnumbered TO authenticator;
		GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO unnumbered;`)
	for role, want := range map[string]struct {
		status int
		says   string
	}{
		insforgetest.RoleService: {exitFine, "has every table and column\n"},
		insforgetest.RoleUser:    {exitError, "the service needs the service key, not the one for browsers"},
		insforgetest.RoleAnon:    {exitError, "the service needs the service key, not the one for browsers"},
		"nobody":                 {exitError, "is for a role that the database does not have"},
		"weak":                   {exitError, "may read the tables but not write to lead_registry; its role must have every right on them and bypass row security"},
		"half":                   {exitError, "may read the tables but not write to service_leases;"},
		"unnumbered":             {exitError, "permission denied for sequence lead_registry_id_seq"},
	} {
		var stdout, stderr bytes.Buffer
		status := command(t.Context(), []string{"check"}, []string{"INSFORGE_DIALECT=postgrest", "INSFORGE_URL=" + backend.URL,
			"INSFORGE_API_KEY=" + backend.Token(map[string]any{"role": role}), "HTTP_ADDR=127.0.0.1:0"}, &stdout, &stderr)
		require.Equal(t, want.status, status, "%s: %s%s", role, &stdout, &stderr)
		require.Contains(t, stdout.String(), want.says)
	}
	for _, w := range writtenTables {
		require.Equal(t, [][]string{{"0"}}, backend.SQL(`SELECT count(*) FROM `+w.table), "nothing was written")
	}

	all, err := migrations.All()
	require.NoError(t, err)
	backend.SQL(all[3].Down)
	require.Eventually(t, func() bool { // until PostgREST has learnt of it
		var said bytes.Buffer
		status := command(t.Context(), []string{"check"}, []string{"INSFORGE_DIALECT=postgrest", "INSFORGE_URL=" + backend.URL,
			"INSFORGE_API_KEY=" + backend.APIKey, "HTTP_ADDR=127.0.0.1:0"}, &said, &said)
		return status == exitError && strings.Contains(said.String(), "missing: 004_row_security")
	}, patience, 100*time.Millisecond)
}

// PostgREST learns of the tables as it does behind InsForge, a moment after they are made.
func TestMigrateFromTwoProcessesOnARealDatabase(t *testing.T) {
	t.Parallel()
	project, environ := newHosted(t, "")
	program, err := binary()
	require.NoError(t, err)
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			one := exec.CommandContext(t.Context(), program, "migrate")
			one.Env, one.Dir = environ, t.TempDir()
			if said, err := one.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, said)
			}
		})
	}
	both.Wait()
	var recorded []string
	for _, row := range project.SQL(`SELECT name FROM system.custom_migrations ORDER BY version::numeric`) {
		recorded = append(recorded, row[0])
	}
	require.Equal(t, ours(t), recorded)
	require.Equal(t, [][]string{{"project_admin", "t", "6"}}, project.SQL(`
		SELECT relowner::regrole, relrowsecurity, count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' GROUP BY 1, 2`))
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFine, command(t.Context(), []string{"check"}, environ, &stdout, &stderr), "%s%s", &stdout, &stderr)
}

func TestMigrateOnARealDatabaseThatIsInTheWay(t *testing.T) {
	t.Parallel()
	t.Run("a table of another role's", func(t *testing.T) {
		t.Parallel()
		project, environ := newHosted(t, `CREATE TABLE scheduled_reminders (id serial PRIMARY KEY, lead_id integer NOT NULL)`)
		status, _, stderr := migrated(t, environ)
		require.Equal(t, exitError, status)
		require.Contains(t, stderr, "nothing was changed: must be owner of table scheduled_reminders")
		require.Contains(t, stderr, "OWNER TO project_admin")
		require.Equal(t, [][]string{{"1"}}, project.SQL(`SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`))
	})
	t.Run("taken back, and applied again", func(t *testing.T) {
		t.Parallel()
		project, environ := newHosted(t, "")
		status, _, stderr := migrated(t, environ)
		require.Equal(t, exitFine, status, stderr)
		all, err := migrations.All()
		require.NoError(t, err)
		for _, m := range slices.Backward(all[1:]) {
			project.SQL("SET SESSION AUTHORIZATION project_admin;" + m.Down)
		}
		require.Eventually(t, func() bool { // until PostgREST has learnt of it
			var said bytes.Buffer
			return command(t.Context(), []string{"check"}, environ, &said, &said) == exitError && strings.Contains(said.String(), "missing: 002")
		}, patience, 100*time.Millisecond)

		status, stdout, stderr := migrated(t, environ)
		require.Equal(t, exitFine, status, stderr)
		require.Contains(t, stdout, "001_leads: applied before\n002_scheduled_reminders: applied before, and taken back since\n")
		require.Contains(t, stdout, "002_scheduled_reminders: applied\n003_users_and_leases: applied\n004_row_security: applied\nevery table is there\n")
		require.Equal(t, [][]string{{"7"}}, project.SQL(`SELECT count(*) FROM system.custom_migrations`))
		status, stdout, stderr = migrated(t, environ)
		require.Equal(t, exitFine, status, stderr)
		require.Contains(t, stdout, "004_row_security: applied before\nevery table is there\n")
	})
	t.Run("one that fails in the middle, and the next run", func(t *testing.T) {
		t.Parallel()
		project, environ := newHosted(t, "")
		project.fail = "003"
		status, stdout, stderr := migrated(t, environ)
		require.Equal(t, exitError, status)
		require.Contains(t, stdout, "002_scheduled_reminders: applied\n")
		require.Contains(t, stderr, "migration 003_users_and_leases: ")
		require.Contains(t, stderr, "division by zero")
		require.Contains(t, stderr, "nothing of it was kept, and those before it are in place")
		require.Equal(t, [][]string{{"NULL", "scheduled_reminders"}}, project.SQL(`SELECT to_regclass('bot_users'), to_regclass('scheduled_reminders')`))

		var said bytes.Buffer
		require.Equal(t, exitError, command(t.Context(), []string{"check"}, environ, &said, &said))
		require.Contains(t, said.String(), "missing: 003_users_and_leases, 004_row_security; run: reminderbot migrate")

		project.fail = ""
		status, stdout, stderr = migrated(t, environ)
		require.Equal(t, exitFine, status, stderr)
		require.Regexp(t, `(?s)^001_leads: applied before\n.*to apply: 003_users_and_leases, 004_row_security\n.*every table is there\n$`, stdout)
	})
}
