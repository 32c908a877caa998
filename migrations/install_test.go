package migrations_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
)

// hosted is a database as the hosted services hand it out: everything new is given to everyone, and the role that
// migrates is neither a superuser nor the service. The migrations must neither need that nor leave it so.
var hosted = role("project_admin NOLOGIN BYPASSRLS") + `
	GRANT CREATE, USAGE ON SCHEMA public TO project_admin;
	ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM service_role;
	ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM service_role;
	ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM service_role;
	ALTER DEFAULT PRIVILEGES FOR ROLE project_admin GRANT ALL ON TABLES TO anon, authenticated;
	ALTER DEFAULT PRIVILEGES FOR ROLE project_admin GRANT ALL ON SEQUENCES TO anon, authenticated;
	ALTER DEFAULT PRIVILEGES FOR ROLE project_admin GRANT ALL ON FUNCTIONS TO anon, authenticated;
	SET SESSION AUTHORIZATION project_admin;
`

// role creates a role unless another test has: roles belong to the whole server.
func role(definition string) string {
	return `DO $$ BEGIN CREATE ROLE ` + definition + `; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;`
}

// original is the schema that installations had before there were migrations, row security wide open.
const original = `
	CREATE TABLE lead_registry (
		id serial PRIMARY KEY, user_id integer, telegram_id bigint, prospect_name text, status text DEFAULT 'analyzed', notes text,
		engagement_plan jsonb, next_followup timestamptz, followup_count integer DEFAULT 0,
		created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
	CREATE TABLE lead_activity_log (
		id serial PRIMARY KEY, lead_id integer, telegram_id bigint, activity_type text, content text, metadata jsonb, created_at timestamptz DEFAULT now());
	CREATE TABLE scheduled_reminders (
		id serial PRIMARY KEY, lead_id integer NOT NULL, telegram_id bigint NOT NULL, step_id integer NOT NULL, due_at timestamptz NOT NULL,
		status text DEFAULT 'pending', snooze_count integer DEFAULT 0, reminder_count integer DEFAULT 0, last_reminded_at timestamptz,
		draft_text text, completed_at timestamptz, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
	CREATE INDEX ON scheduled_reminders (due_at) WHERE status IN ('pending', 'sent');
	CREATE INDEX ON scheduled_reminders (lead_id, step_id);
	CREATE INDEX ON scheduled_reminders (telegram_id, status);
	ALTER TABLE scheduled_reminders ENABLE ROW LEVEL SECURITY;
	CREATE POLICY "Allow all" ON scheduled_reminders FOR ALL USING (true) WITH CHECK (true);
	GRANT ALL ON scheduled_reminders TO anon;
	GRANT ALL ON SEQUENCE scheduled_reminders_id_seq TO anon;
`

func script(t testing.TB) string {
	t.Helper()
	sql, err := migrations.Script()
	require.NoError(t, err)
	return sql
}

// back is the way back, all of it.
func back(t testing.TB) string {
	t.Helper()
	all, err := migrations.All()
	require.NoError(t, err)
	var sql strings.Builder
	sql.WriteString("BEGIN;")
	for _, m := range slices.Backward(all) {
		sql.WriteString(m.Down)
	}
	sql.WriteString("COMMIT;")
	return sql.String()
}

// asProjectAdmin is sql run the way a hosted service runs it.
func asProjectAdmin(sql string) string {
	return "SET SESSION AUTHORIZATION project_admin;" + sql
}

// described is the schema in words: everything of it that a client or an attacker could tell apart.
func described(srv *insforgetest.Server) string {
	rows := srv.SQL(`
		SELECT format('column %s.%s %s%s default %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
			CASE WHEN a.attnotnull THEN ' not null' END, COALESCE(pg_get_expr(d.adbin, d.adrelid), 'none'), a.attidentity)
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
		UNION ALL SELECT format('table %s security %s owner %s, %s', relname, relrowsecurity, relowner::regrole, obj_description(oid, 'pg_class'))
			FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
		UNION ALL SELECT format('constraint %s: %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT format('policy %s on %s %s %s to %s using %s check %s', policyname, tablename, permissive, cmd, roles, qual, with_check)
			FROM pg_policies WHERE schemaname = 'public'
		UNION ALL SELECT format('%s: %s may %s', c.relname, g.grantee::regrole, g.privilege_type)
			FROM pg_class c, aclexplode(c.relacl) g WHERE c.relnamespace = 'public'::regnamespace
		UNION ALL SELECT format('%s.%s: %s may %s', c.relname, a.attname, g.grantee::regrole, g.privilege_type)
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid, aclexplode(a.attacl) g WHERE c.relnamespace = 'public'::regnamespace
		UNION ALL SELECT format('function %s, may: %s', pg_get_functiondef(p.oid), (SELECT string_agg(g.grantee::regrole::text, ' ' ORDER BY 1) FROM aclexplode(p.proacl) g))
			FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
		ORDER BY 1`)
	var lines []string
	for _, row := range rows {
		lines = append(lines, row[0])
	}
	return strings.Join(lines, "\n")
}

// Onto an empty database or over the original, as whoever migrates there: a second run changes nothing, and nothing is
// left to outsiders whatever the database gives to everyone.
func TestRunningTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ as, before string }{
		"as InsForge's project_admin": {"project_admin", hosted},
		"over the original":           {"project_admin", hosted + original},
		"as a superuser":              {"postgres", ""},
		"as Supabase's owner, who is no superuser": {"hosted_owner", role("hosted_owner NOLOGIN CREATEROLE BYPASSRLS") + `
			GRANT ALL ON SCHEMA public TO hosted_owner;
			ALTER DEFAULT PRIVILEGES FOR ROLE hosted_owner IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
			ALTER DEFAULT PRIVILEGES FOR ROLE hosted_owner IN SCHEMA public GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
			ALTER DEFAULT PRIVILEGES FOR ROLE hosted_owner IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;`},
		"as anybody who may create tables": {"somebody", role("somebody NOLOGIN") + `GRANT CREATE ON SCHEMA public TO somebody;`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			migrate := "SET SESSION AUTHORIZATION " + tt.as + ";" + script(t)
			srv := insforgetest.Genuine(t, tt.before+migrate)
			once := described(srv)
			require.Contains(t, once, "policy scheduled_reminders_answer on scheduled_reminders")
			require.Contains(t, once, "table scheduled_reminders security t owner "+tt.as)
			require.Empty(t, leftToOutsiders(srv))
			srv.SQL(migrate)
			require.Equal(t, once, described(srv))
		})
	}
}

// leftToOutsiders lists the privileges of everybody and of anon, and those of users beyond reading, on whole relations.
func leftToOutsiders(srv *insforgetest.Server) [][]string {
	return srv.SQL(`
		SELECT c.relname, g.grantee::regrole, g.privilege_type FROM pg_class c, aclexplode(c.relacl) g
		WHERE c.relnamespace = 'public'::regnamespace AND (g.grantee = 0 OR g.grantee = 'anon'::regrole
			OR g.grantee = 'authenticated'::regrole AND (c.relkind = 'S' OR g.privilege_type <> 'SELECT'))
		UNION ALL SELECT p.proname, g.grantee::regrole, g.privilege_type FROM pg_proc p, aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) g
		WHERE p.pronamespace = 'public'::regnamespace AND g.grantee IN (0, 'anon'::regrole)`)
}

// A plain PostgreSQL has none of the roles; there is nobody to grant to, and nothing to stumble over.
func TestRolesMayBeMissing(t *testing.T) {
	t.Parallel()
	renamed := strings.NewReplacer("anon", "absent_anon", "authenticated", "absent_user", "service_role", "absent_service", "project_admin", "absent_admin")
	srv := insforgetest.Genuine(t, renamed.Replace(script(t)))
	require.Equal(t, [][]string{{"0"}}, srv.SQL(`SELECT count(*) FROM pg_policies`))
	require.Equal(t, [][]string{{"6"}}, srv.SQL(`SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relrowsecurity`))

	// The roles come later: the same script opens what it skipped.
	srv.SQL(script(t))
	require.Equal(t, [][]string{{"5"}}, srv.SQL(`SELECT count(*) FROM pg_policies`))
}

func TestAServiceRoleThatSeesNothingIsReported(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, role("weak_service NOLOGIN"))
	// A warning is not an error; raise it to one by asking for the text in the log of the session.
	_, err := srv.TrySQL(strings.NewReplacer("service_role", "weak_service", "RAISE WARNING", "RAISE EXCEPTION").Replace(script(t)))
	require.ErrorContains(t, err, "role weak_service does not bypass row security and will see no rows: ALTER ROLE weak_service BYPASSRLS")
}

// An installation with data: columns are added, rows are kept, statuses of other spellings become ours.
func TestOriginalSchemaWithDataIsUpgraded(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, hosted+original+`
		INSERT INTO lead_registry (user_id, telegram_id, prospect_name, engagement_plan) VALUES (7, 111, 'Jane', '[{"step_id": 1, "extra": true}]');
		INSERT INTO lead_activity_log (lead_id, telegram_id, activity_type) VALUES (1, 111, 'context_update');
		INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at, status, reminder_count, draft_text)
		SELECT 1, 111, n, '2026-03-01 10:00Z', status, CASE WHEN status = 'sent' THEN 2 END, 'draft ' || n
		FROM unnest(ARRAY['pending', 'sent', 'completed', 'skipped', 'cancelled', 'done', 'Canceled', 'snoozed', 'processing', NULL]) WITH ORDINALITY AS s (status, n);
		UPDATE scheduled_reminders SET completed_at = '2025-01-01', created_at = NULL, updated_at = NULL WHERE status = 'completed';
		ALTER TABLE scheduled_reminders ADD CONSTRAINT an_old_check CHECK (status <> 'elsewhere');`+
		script(t))

	require.Equal(t, [][]string{
		{"1", "pending", "0", "NULL"},
		{"2", "sent", "2", "NULL"},
		{"3", "completed", "0", "NULL"},
		{"4", "skipped", "0", "NULL"},
		{"5", "cancelled", "0", "NULL"},
		{"6", "completed", "0", "NULL"},
		{"7", "cancelled", "0", "NULL"},
		{"8", "snoozed", "0", "NULL"},
		{"9", "parked", "0", "status before migration: processing"},
		{"10", "parked", "0", "status before migration: NULL"},
	}, srv.SQL(`SELECT step_id, status, reminder_count, last_error FROM scheduled_reminders ORDER BY id`))
	require.Equal(t, [][]string{{"10", "10", "10"}},
		srv.SQL(`SELECT count(DISTINCT plan_version), count(*) FILTER (WHERE draft_text = 'draft ' || step_id), count(*) FILTER (WHERE due_at = '2026-03-01 10:00Z') FROM scheduled_reminders`),
		"every old row has a version of its own, and keeps its text and date")
	require.Equal(t, [][]string{{"7", "Jane", `[{"extra": true, "step_id": 1}]`, "NULL"}}, srv.SQL(`SELECT user_id, prospect_name, engagement_plan, proposed_plan FROM lead_registry`))
	require.Equal(t, [][]string{{"1"}}, srv.SQL(`SELECT count(*) FROM lead_activity_log`))
	require.Equal(t, [][]string{{"t", "f"}}, srv.SQL(`SELECT updated_at = completed_at, created_at IS NOT NULL FROM scheduled_reminders WHERE step_id = 3`),
		"a row without a date of its last change has one now, or it would never be old")

	// What is written from now on keeps to our statuses, with only the original columns, as the service's role.
	srv.SQL(`SET ROLE service_role; INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at) VALUES (1, 111, 1, now())`)
	_, err := srv.TrySQL(`UPDATE scheduled_reminders SET status = 'done'`)
	require.ErrorContains(t, err, `violates check constraint "scheduled_reminders_status_check"`)
}

func TestMigratingFromTwoProcessesAtOnce(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{"empty": "", "over the original": original} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alone := insforgetest.Genuine(t, before+script(t))
			srv := insforgetest.Genuine(t, before)
			var group errgroup.Group
			for range 4 {
				group.Go(func() error {
					_, err := srv.TrySQL(script(t))
					return err
				})
			}
			require.NoError(t, group.Wait())
			require.Equal(t, described(alone), described(srv))
		})
	}
}

// Policies are joined by OR: one that somebody else wrote would widen what ours allow. For roles that are nobody's users
// it does not matter, and a restrictive one only takes away.
func TestNoOtherPolicyLetsUsersIn(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, hosted+original+`
		CREATE POLICY tautology ON scheduled_reminders TO authenticated USING (1 = 1);
		CREATE POLICY signed_in ON lead_registry FOR SELECT TO authenticated USING (current_setting('request.jwt.claims', true) <> '');
		CREATE POLICY own_in_any_state ON scheduled_reminders FOR UPDATE TO authenticated USING (telegram_id = 111);
		CREATE POLICY for_anon ON lead_activity_log TO anon, service_role USING (telegram_id > 0);
		CREATE POLICY through_a_group ON scheduled_reminders TO authenticator USING (true);
		CREATE POLICY for_the_service ON scheduled_reminders TO service_role USING (true);
		CREATE POLICY narrower ON scheduled_reminders AS RESTRICTIVE TO authenticated USING (lead_id > 0);
		RESET SESSION AUTHORIZATION;`+role("team NOLOGIN")+`
		GRANT team TO authenticated;
		ALTER POLICY through_a_group ON scheduled_reminders TO team;
		`+asProjectAdmin(script(t)))
	require.Equal(t, [][]string{
		{"bot_users_own"}, {"for_the_service"}, {"lead_activity_log_own"}, {"lead_registry_own"}, {"narrower"}, {"scheduled_reminders_answer"}, {"scheduled_reminders_own"},
	}, srv.SQL(`SELECT policyname FROM pg_policies ORDER BY 1`))
}

// What was granted is taken back from whom it was passed on to as well, and from single columns.
func TestNoOlderGrantStays(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, original+`
		GRANT ALL ON scheduled_reminders TO anon WITH GRANT OPTION;
		GRANT SELECT (draft_text), UPDATE (telegram_id) ON scheduled_reminders TO PUBLIC, anon, authenticated;
		SET ROLE anon; GRANT SELECT ON scheduled_reminders TO authenticator; RESET ROLE;`+script(t))
	require.Empty(t, srv.SQL(`
		SELECT grantee, privilege_type FROM information_schema.role_table_grants WHERE table_schema = 'public' AND grantee IN ('PUBLIC', 'anon', 'authenticator')
		UNION ALL SELECT grantee, column_name FROM information_schema.column_privileges WHERE table_schema = 'public' AND grantee IN ('PUBLIC', 'anon', 'authenticator')`))
	require.Equal(t, [][]string{{"completed_at due_at snooze_count status"}}, srv.SQL(`
		SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM information_schema.column_privileges
		WHERE table_schema = 'public' AND grantee = 'authenticated' AND privilege_type = 'UPDATE'`))
}

// CREATE INDEX IF NOT EXISTS takes any index of the name for the one that is wanted.
func TestAnotherIndexOfTheNameStepsAside(t *testing.T) {
	t.Parallel()
	indexes := `SELECT indexdef FROM pg_indexes WHERE tablename = 'scheduled_reminders' ORDER BY 1`
	want := insforgetest.Genuine(t, original+script(t)).SQL(indexes)
	srv := insforgetest.Genuine(t, original+`
		CREATE INDEX scheduled_reminders_lead_id_plan_version_step_id_key ON scheduled_reminders (lead_id);
		CREATE INDEX scheduled_reminders_due_idx ON scheduled_reminders (due_at, id);
		CREATE UNIQUE INDEX scheduled_reminders_over_idx ON scheduled_reminders (updated_at, id) WHERE status = 'done';`+script(t))
	for _, definition := range want {
		require.Contains(t, srv.SQL(indexes), definition)
	}
	require.Len(t, srv.SQL(indexes), len(want)+3)
	once := described(srv)
	srv.SQL(script(t))
	require.Equal(t, once, described(srv))
}

// A migration that fails changes nothing: the script is one transaction.
func TestAFailureInTheMiddleChangesNothing(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, `CREATE TABLE scheduled_reminders (id text PRIMARY KEY, due_at text); INSERT INTO scheduled_reminders VALUES ('mine', 'whenever')`)
	before := described(srv)
	_, err := srv.TrySQL(script(t))
	require.ErrorContains(t, err, `column "lead_id" of relation "scheduled_reminders" contains null values`)
	require.Equal(t, before, described(srv))
}

func TestTheWayBack(t *testing.T) {
	t.Parallel()

	t.Run("what the migrations made goes", func(t *testing.T) {
		t.Parallel()
		srv := insforgetest.Genuine(t, hosted)
		before := described(srv)
		srv.SQL(asProjectAdmin(script(t) + back(t)))
		require.Equal(t, before, described(srv))
		srv.SQL(asProjectAdmin(back(t))) // twice does no harm
		srv.SQL(asProjectAdmin(script(t)))
		require.Contains(t, described(srv), "policy scheduled_reminders_own")
	})

	t.Run("what was there before stays, with its rows", func(t *testing.T) {
		t.Parallel()
		columns := `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2`
		srv := insforgetest.Genuine(t, hosted+original+`
			INSERT INTO lead_registry (telegram_id, prospect_name) VALUES (111, 'Jane');
			INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at) SELECT 1, 111, n, now() FROM generate_series(1, 3) n;
			INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at, status) VALUES (1, 111, 4, now(), 'processing'), (1, 111, 5, now(), NULL);`)
		want := srv.SQL(columns)
		srv.SQL(asProjectAdmin(script(t)))
		srv.SQL(`UPDATE scheduled_reminders SET status = 'snoozed' WHERE step_id = 1; UPDATE scheduled_reminders SET status = 'parked' WHERE step_id = 2`)
		srv.SQL(asProjectAdmin(back(t) + back(t))) // twice does no harm

		kept := [][]string{}
		for _, column := range srv.SQL(columns) {
			switch column[1] { // columns that 001 found missing in an old table stay, empty: they may be in use by now
			case "ai_response", "closing_strategy", "draft_response", "engagement_tactics", "input_type", "last_contacted", "original_context", "photo_key", "photo_url",
				"prospect_analysis", "prospect_company", "prospect_first_name", "prospect_geography", "prospect_last_name", "prospect_title", "web_research", "web_research_versions":
			default:
				kept = append(kept, column)
			}
		}
		require.Equal(t, want, kept)
		require.Equal(t, [][]string{{"pending"}, {"cancelled"}, {"pending"}, {"processing"}, {"cancelled"}}, srv.SQL(`SELECT status FROM scheduled_reminders ORDER BY step_id`))
		require.Equal(t, [][]string{{"0"}}, srv.SQL(`SELECT count(*) FROM pg_policies`), "the open policy does not come back")

		srv.SQL(asProjectAdmin(script(t)))
		require.Equal(t, [][]string{{"5", "5"}}, srv.SQL(`SELECT count(*), count(DISTINCT plan_version) FROM scheduled_reminders`))
		require.Contains(t, described(srv), "policy scheduled_reminders_answer")
	})

	t.Run("each step by itself", func(t *testing.T) {
		t.Parallel()
		all, err := migrations.All()
		require.NoError(t, err)
		srv := insforgetest.Genuine(t, hosted)
		privilege := regexp.MustCompile(`(?m)^\S+ \S+ may .*$\n?`)
		shape := func() string { return privilege.ReplaceAllString(described(srv), "") } // what was taken from everybody stays taken
		var stages []string
		for _, m := range all {
			stages = append(stages, shape())
			srv.SQL(asProjectAdmin(m.Up))
		}
		for i, m := range slices.Backward(all) {
			require.NotEqual(t, stages[i], shape())
			srv.SQL(asProjectAdmin(m.Down))
			require.Equal(t, stages[i], shape(), "back from %s", m)
		}
	})
}

func ExampleAll() {
	all, err := migrations.All()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for _, m := range all {
		fmt.Println(m)
	}
	// Output:
	// 001_leads
	// 002_scheduled_reminders
	// 003_users_and_leases
	// 004_row_security
}
