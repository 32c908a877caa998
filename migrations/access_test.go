package migrations_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

const (
	userA, userB = 111, 222
	accountOfB   = "5f0c1de3-3c2f-4c4e-9a77-0d8a3ff0b222"
)

// people is one row of everything for user A and one for user B, and a reminder of each in every state.
const people = `
	INSERT INTO lead_registry (telegram_id, prospect_name) VALUES (111, 'A''s lead'), (222, 'B''s lead');
	INSERT INTO lead_activity_log (lead_id, telegram_id, activity_type) VALUES (1, 111, 'note'), (2, 222, 'note');
	INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at, status, plan_version)
	SELECT owner / 111, owner, step, now() - interval '1 day', status, ('00000000-0000-0000-0000-000000000' || owner)::uuid
	FROM unnest(ARRAY[111, 222]) owner, unnest(ARRAY['pending', 'sent', 'snoozed', 'completed', 'skipped', 'cancelled', 'parked']) WITH ORDINALITY AS s (status, step);
	INSERT INTO bot_users (telegram_id, time_zone) VALUES (111, 'Europe/Berlin'), (222, 'Asia/Tokyo');
	INSERT INTO service_leases (name, holder, expires_at) VALUES ('poller', 'one', now());
	INSERT INTO telegram_accounts (user_id, telegram_id) VALUES ('` + accountOfB + `', 222);
`

func migrated(t *testing.T) *insforgetest.Server {
	t.Helper()
	return insforgetest.Genuine(t, hosted+script(t)+`RESET SESSION AUTHORIZATION;`+people)
}

func userToken(srv *insforgetest.Server, claims map[string]any) string {
	all := map[string]any{"role": insforgetest.RoleUser}
	maps.Copy(all, claims)
	return srv.Token(all)
}

func tokenOfA(srv *insforgetest.Server) string {
	return userToken(srv, map[string]any{"telegram_id": userA})
}

// An answer is what came back: the status and, where rows are returned, how many.
type answer struct {
	status int
	rows   []map[string]any
	code   string // of an error
	count  string // Content-Range
}

func (a answer) String() string {
	if a.status < 300 {
		return fmt.Sprintf("%d:%d", a.status, len(a.rows))
	}
	return fmt.Sprint(a.status)
}

// ask sends one request; headers come in pairs.
func ask(t *testing.T, srv *insforgetest.Server, token, method, path string, body any, headers ...string) answer {
	t.Helper()
	var payload io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		require.NoError(t, err)
		payload = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, srv.URL+"/"+path, payload)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Prefer", "return=representation")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	for pair := range slices.Chunk(headers, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	got := answer{status: response.StatusCode, count: response.Header.Get("Content-Range")}
	if response.StatusCode < 300 && len(content) > 0 {
		require.NoError(t, json.Unmarshal(content, &got.rows), "%s", content)
	} else {
		var failure struct{ Code string }
		_ = json.Unmarshal(content, &failure) // some refusals have no body
		got.code = failure.Code
	}
	return got
}

// Every table, role and verb: what is answered, and with how many rows. PATCH and DELETE reach for every row there is.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	tables := []struct {
		name        string
		insert, set map[string]any
		filter      string
	}{
		{"lead_registry", map[string]any{"telegram_id": userA}, map[string]any{"notes": "x"}, "id=gt.0"},
		{"lead_activity_log", map[string]any{"lead_id": 1, "telegram_id": userA, "activity_type": "x"}, map[string]any{"content": "x"}, "id=gt.0"},
		{"scheduled_reminders", map[string]any{"lead_id": 1, "telegram_id": userA, "step_id": 9, "due_at": "2030-01-01T00:00:00Z"}, map[string]any{"status": "completed"}, "id=gt.0"},
		{"bot_users", map[string]any{"telegram_id": 333}, map[string]any{"time_zone": "UTC"}, "telegram_id=gt.0"},
		{"service_leases", map[string]any{"name": "mine"}, map[string]any{"holder": "me"}, "name=neq.x"},
		{"telegram_accounts", map[string]any{"user_id": "5f0c1de3-3c2f-4c4e-9a77-0d8a3ff0b333", "telegram_id": 333}, map[string]any{"telegram_id": 444}, "telegram_id=eq.222"},
	}
	const refused = "GET 403 POST 403 PATCH 403 DELETE 403"
	const mine, reading = "GET 200:7 POST 403 PATCH 200:3 DELETE 403", "GET 200:1 POST 403 PATCH 403 DELETE 403"
	const nothing, nothingToRead = "GET 200:0 POST 403 PATCH 200:0 DELETE 403", "GET 200:0 POST 403 PATCH 403 DELETE 403"
	const unknown = "GET 401 POST 401 PATCH 401 DELETE 401"
	for _, role := range []struct {
		name  string
		token func(*insforgetest.Server) string
		want  []string // in the order of tables
	}{
		{"anon", func(*insforgetest.Server) string { return "" },
			[]string{unknown, unknown, unknown, unknown, unknown, unknown}},
		{"user A by claim", tokenOfA,
			[]string{reading, reading, mine, reading, refused, refused}},
		{"user B by account", func(srv *insforgetest.Server) string { return userToken(srv, map[string]any{"sub": accountOfB}) },
			[]string{reading, reading, mine, reading, refused, refused}},
		{"a user without claims", func(srv *insforgetest.Server) string { return userToken(srv, nil) },
			[]string{nothingToRead, nothingToRead, nothing, nothingToRead, refused, refused}},
		{"the service", func(srv *insforgetest.Server) string { return srv.APIKey },
			[]string{
				"GET 200:2 POST 201:1 PATCH 200:3 DELETE 200:3",
				"GET 200:2 POST 201:1 PATCH 200:3 DELETE 200:3",
				"GET 200:14 POST 201:1 PATCH 200:15 DELETE 200:15",
				"GET 200:2 POST 201:1 PATCH 200:3 DELETE 200:3",
				"GET 200:1 POST 201:1 PATCH 200:2 DELETE 200:2",
				"GET 200:1 POST 201:1 PATCH 200:1 DELETE 200:0",
			}},
	} {
		t.Run(role.name, func(t *testing.T) {
			t.Parallel()
			srv := migrated(t)
			token := role.token(srv)
			for i, table := range tables {
				everything := table.name + "?" + table.filter
				got := fmt.Sprintf("GET %s POST %s PATCH %s DELETE %s",
					ask(t, srv, token, http.MethodGet, everything, nil),
					ask(t, srv, token, http.MethodPost, table.name, []any{table.insert}),
					ask(t, srv, token, http.MethodPatch, everything, table.set),
					ask(t, srv, token, http.MethodDelete, everything, nil))
				require.Equal(t, role.want[i], got, table.name)
			}
		})
	}
}

// The one thing a user may write, and everything next to it.
func TestAnsweringAReminder(t *testing.T) {
	t.Parallel()
	srv := migrated(t)
	later := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	for i, tt := range []struct {
		name   string
		filter string
		set    map[string]any
		want   string
	}{
		{"complete", "status=eq.pending", map[string]any{"status": "completed", "completed_at": "2026-03-01T10:00:00Z"}, "200:1"},
		{"skip what was sent", "status=eq.sent", map[string]any{"status": "skipped"}, "200:1"},
		{"snooze", "status=eq.sent", map[string]any{"status": "snoozed", "due_at": later, "snooze_count": 1}, "200:1"},
		{"complete what was snoozed", "status=eq.snoozed", map[string]any{"status": "completed"}, "200:1"},
		{"all open ones at once", "telegram_id=eq.111", map[string]any{"status": "completed"}, "200:3"},
		{"snooze far ahead", "status=eq.sent", map[string]any{"status": "snoozed", "due_at": "2099-12-31T23:00:00Z"}, "200:1"},

		{"someone else's", "telegram_id=eq.222", map[string]any{"status": "completed"}, "200:0"},
		{"complete again", "status=eq.completed", map[string]any{"status": "completed"}, "200:0"},
		{"reopen", "status=eq.completed", map[string]any{"status": "snoozed", "due_at": later}, "200:0"},
		{"revive what was cancelled", "status=eq.cancelled", map[string]any{"status": "snoozed", "due_at": later}, "200:0"},
		{"wake what was parked", "status=eq.parked", map[string]any{"status": "completed"}, "200:0"},

		{"snooze into the past", "status=eq.sent", map[string]any{"status": "snoozed", "due_at": "2026-01-01T00:00:00Z"}, "403"},
		{"snooze without a date", "status=eq.pending", map[string]any{"status": "snoozed"}, "403"},
		{"only move", "status=eq.pending", map[string]any{"due_at": later}, "403"},
		{"back to pending", "status=eq.sent", map[string]any{"status": "pending"}, "403"},
		{"pretend it was sent", "status=eq.pending", map[string]any{"status": "sent"}, "403"},
		{"cancel", "status=eq.pending", map[string]any{"status": "cancelled"}, "403"},
		{"park", "status=eq.pending", map[string]any{"status": "parked"}, "403"},
		{"a status of their own", "status=eq.pending", map[string]any{"status": "done"}, "403"},

		{"to another user", "status=eq.pending", map[string]any{"status": "completed", "telegram_id": userB}, "403"},
		{"to another lead", "status=eq.pending", map[string]any{"status": "completed", "lead_id": 2}, "403"},
		{"another text", "status=eq.pending", map[string]any{"status": "completed", "draft_text": "x"}, "403"},
		{"another step", "status=eq.pending", map[string]any{"status": "completed", "step_id": 3}, "403"},
		{"another plan", "status=eq.pending", map[string]any{"status": "completed", "plan_version": "00000000-0000-0000-0000-000000000222"}, "403"},
		{"another id", "status=eq.pending", map[string]any{"status": "completed", "id": 99}, "403"},
		{"the nudges", "status=eq.pending", map[string]any{"status": "completed", "reminder_count": 0}, "403"},
		{"the claim", "status=eq.pending", map[string]any{"status": "completed", "last_reminded_at": later}, "403"},

		// What PostgreSQL stores and the service could not read again would stop everyone's reminders.
		{"snooze for ever", "status=eq.pending", map[string]any{"status": "snoozed", "due_at": "infinity"}, "403"},
		{"snooze beyond the calendar", "status=eq.pending", map[string]any{"status": "snoozed", "due_at": "20000-01-01T00:00:00Z"}, "403"},
		{"complete, due never", "status=eq.pending", map[string]any{"status": "completed", "due_at": "-infinity"}, "403"},
		{"completed before Christ", "status=eq.pending", map[string]any{"status": "completed", "completed_at": "0044-03-15 BC"}, "403"},
		{"completed at infinity", "status=eq.pending", map[string]any{"status": "completed", "completed_at": "infinity"}, "403"},
		{"count to the limit", "status=eq.pending", map[string]any{"status": "completed", "snooze_count": 2147483647}, "403"},
		{"count below zero", "status=eq.pending", map[string]any{"status": "completed", "snooze_count": -1}, "403"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			user := 1000 + i // each case has a user of its own, with a copy of A's rows
			srv.SQL(`INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at, status)
				SELECT lead_id, $1, step_id, due_at, status FROM scheduled_reminders WHERE telegram_id = 111`, user)
			before := srv.SQL(`SELECT md5(string_agg(r::text, '' ORDER BY id)) FROM scheduled_reminders r WHERE telegram_id IN ($1, 222, 111)`, user)
			filter := strings.ReplaceAll(tt.filter, "111", fmt.Sprint(user))
			got := ask(t, srv, userToken(srv, map[string]any{"telegram_id": user}), http.MethodPatch, "scheduled_reminders?"+filter, tt.set)
			require.Equal(t, tt.want, got.String(), got.code)
			if tt.want == "403" {
				require.Equal(t, "42501", got.code)
			}
			after := srv.SQL(`SELECT md5(string_agg(r::text, '' ORDER BY id)) FROM scheduled_reminders r WHERE telegram_id IN ($1, 222, 111)`, user)
			require.Equal(t, tt.want == "403" || tt.want == "200:0", before[0][0] == after[0][0], "the rows changed if and only if the answer says so")
		})
	}
}

// The claim `telegram_id` decides where it is there; `sub` only where it is not.
func TestWhoseRowsATokenShows(t *testing.T) {
	t.Parallel()
	srv := migrated(t)
	for name, tt := range map[string]struct {
		claims map[string]any
		want   string // the telegram_id whose rows are seen
	}{
		"a number":                  {map[string]any{"telegram_id": 111}, "111"},
		"a number as text":          {map[string]any{"telegram_id": "111"}, "111"},
		"the linked account":        {map[string]any{"sub": accountOfB}, "222"},
		"in capitals":               {map[string]any{"sub": strings.ToUpper(accountOfB)}, "222"},
		"the claim before the link": {map[string]any{"telegram_id": 111, "sub": accountOfB}, "111"},

		"an account without a link":  {map[string]any{"sub": "5f0c1de3-3c2f-4c4e-9a77-0d8a3ff0b999"}, ""},
		"a sub that is no uuid":      {map[string]any{"sub": "222"}, ""},
		"a sub with more behind it":  {map[string]any{"sub": accountOfB + "' OR true --"}, ""},
		"neither":                    {map[string]any{}, ""},
		"negative":                   {map[string]any{"telegram_id": -111}, ""},
		"zero":                       {map[string]any{"telegram_id": 0}, ""},
		"a fraction":                 {map[string]any{"telegram_id": 111.5}, ""},
		"not a number":               {map[string]any{"telegram_id": "ann"}, ""},
		"empty":                      {map[string]any{"telegram_id": ""}, ""},
		"padded":                     {map[string]any{"telegram_id": " 111"}, ""},
		"with a line break":          {map[string]any{"telegram_id": "111\n"}, ""},
		"a list":                     {map[string]any{"telegram_id": []int{111}}, ""},
		"an object":                  {map[string]any{"telegram_id": map[string]any{"id": 111}}, ""},
		"true":                       {map[string]any{"telegram_id": true}, ""},
		"null":                       {map[string]any{"telegram_id": nil}, ""},
		"null does not fall through": {map[string]any{"telegram_id": nil, "sub": accountOfB}, ""},
		"nor does nonsense":          {map[string]any{"telegram_id": "x", "sub": accountOfB}, ""},
		"too long for a bigint":      {map[string]any{"telegram_id": "99999999999999999999"}, ""},
		"SQL":                        {map[string]any{"telegram_id": "111 OR true"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, srv, userToken(srv, tt.claims), http.MethodGet, "bot_users?select=telegram_id", nil)
			require.Equal(t, http.StatusOK, got.status, got.code)
			var seen []string
			for _, row := range got.rows {
				seen = append(seen, fmt.Sprint(row["telegram_id"]))
			}
			require.Equal(t, tt.want, strings.Join(seen, " "))
		})
	}
}

// Ways around the front door.
func TestThereIsNoWayAround(t *testing.T) {
	t.Parallel()
	srv := migrated(t)
	a := tokenOfA(srv)
	before := described(srv) + fmt.Sprint(srv.SQL(`SELECT r::text FROM scheduled_reminders r ORDER BY id`))
	hers := map[string]any{"id": 8, "lead_id": 2, "telegram_id": userB, "step_id": 1, "due_at": "2030-01-01T00:00:00Z", "status": "completed", "plan_version": "00000000-0000-0000-0000-000000000222"}
	for _, tt := range []struct {
		name, method, path string
		body               any
		headers            []string
		want               string
	}{
		{"upsert onto her row by its key", http.MethodPost, "scheduled_reminders", hers, []string{"Prefer", "resolution=merge-duplicates,return=representation"}, "403"},
		{"upsert onto her row by its plan", http.MethodPost, "scheduled_reminders?on_conflict=lead_id,plan_version,step_id", hers, []string{"Prefer", "resolution=merge-duplicates"}, "403"},
		{"learn whether her row exists", http.MethodPost, "scheduled_reminders?on_conflict=lead_id,plan_version,step_id", hers, []string{"Prefer", "resolution=ignore-duplicates"}, "403"},
		{"put her row", http.MethodPut, "scheduled_reminders?id=eq.8", hers, nil, "403"},
		{"embed her lead", http.MethodGet, "scheduled_reminders?select=*,lead_registry(*)", nil, nil, "400"},
		{"filter for her rows", http.MethodGet, "scheduled_reminders?telegram_id=eq.222", nil, nil, "200:0"},
		{"negate the filter", http.MethodGet, "scheduled_reminders?or=(telegram_id.neq.111,id.gt.0)&telegram_id=neq.111", nil, nil, "200:0"},
		{"link her account", http.MethodPost, "telegram_accounts", map[string]any{"user_id": accountOfB, "telegram_id": userA}, nil, "403"},
		{"move the link", http.MethodPatch, "telegram_accounts?telegram_id=eq.222", map[string]any{"telegram_id": userA}, nil, "403"},
		{"take the lease", http.MethodPatch, "service_leases?name=eq.poller", map[string]any{"holder": "me"}, nil, "403"},
		{"ask as another role", http.MethodGet, "scheduled_reminders?telegram_id=eq.222", nil, []string{"Role", "service_role"}, "200:0"},
		{"another schema", http.MethodGet, "pg_authid", nil, []string{"Accept-Profile", "pg_catalog"}, "406"},
		{"a function that is not there", http.MethodPost, "rpc/claim_due", map[string]any{}, nil, "404"},
		{"delete", http.MethodDelete, "scheduled_reminders?telegram_id=eq.111", nil, nil, "403"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ask(t, srv, a, tt.method, tt.path, tt.body, tt.headers...)
			require.Equal(t, tt.want, got.String(), got.code)
		})
	}
	t.Run("count what is hidden", func(t *testing.T) {
		for _, preference := range []string{"count=exact", "count=planned", "count=estimated"} {
			got := ask(t, srv, a, http.MethodGet, "scheduled_reminders?telegram_id=eq.222", nil, "Prefer", preference)
			require.Empty(t, got.rows)
			require.NotContains(t, got.count, "7", preference)
		}
		require.Equal(t, "*/0", ask(t, srv, a, http.MethodGet, "scheduled_reminders?telegram_id=eq.222", nil, "Prefer", "count=exact").count)
	})
	t.Run("the function tells a user their own id, and nobody anything", func(t *testing.T) {
		request := func(token string) (int, string) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/rpc/current_telegram_id", nil)
			require.NoError(t, err)
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			response, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			return response.StatusCode, string(body)
		}
		status, body := request(a)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "111", body)
		status, body = request("")
		require.Equal(t, http.StatusUnauthorized, status, body)
	})
	t.Run("no privilege on anything, used by the API or not", func(t *testing.T) {
		require.Empty(t, leftToOutsiders(srv))
	})
	t.Run("a search_path of the caller's making", func(t *testing.T) {
		// Not through PostgREST, which lets nobody set one: a role that can log in and own tables.
		seen := srv.SQL(`
			CREATE SCHEMA trap; GRANT ALL ON SCHEMA trap TO PUBLIC;
			SET ROLE authenticated;
			CREATE TABLE trap.telegram_accounts AS SELECT '` + accountOfB + `'::uuid AS user_id, 111 AS telegram_id;
			SET search_path = trap, public;
			SET request.jwt.claims = '{"sub": "` + accountOfB + `"}';
			SELECT current_telegram_id()`)
		require.Equal(t, [][]string{{"222"}}, seen)

		// An operator of the caller's, looked up first, would be run with the owner's rights.
		seen = srv.SQL(`
			SET ROLE authenticated;
			CREATE FUNCTION trap.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
			CREATE OPERATOR trap.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.yes);
			SET search_path = trap, public, pg_catalog;
			SET request.jwt.claims = '{"telegram_id": "0222"}';
			SELECT '0222' ~ '^1', current_telegram_id()`)
		require.Equal(t, [][]string{{"t", "NULL"}}, seen)
		srv.SQL(`DROP SCHEMA trap CASCADE`)
	})
	t.Run("temporary types of the caller's making", func(t *testing.T) {
		// They come before PostgreSQL's own unless the path says otherwise, and their checks run with the owner's rights.
		seen := srv.SQL(`
			SET ROLE authenticated;
			CREATE FUNCTION pg_temp.refuse() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'run as %', current_user; END $$;
			CREATE DOMAIN pg_temp.jsonb AS pg_catalog.jsonb CHECK (pg_temp.refuse());
			CREATE DOMAIN pg_temp.uuid AS pg_catalog.uuid CHECK (pg_temp.refuse());
			CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.refuse());
			CREATE TEMPORARY TABLE telegram_accounts AS SELECT '` + accountOfB + `'::pg_catalog.uuid AS user_id, 111 AS telegram_id;
			SET request.jwt.claims = '{"sub": "` + accountOfB + `"}';
			SELECT current_telegram_id()`)
		require.Equal(t, [][]string{{"222"}}, seen)
	})
	require.Equal(t, before, described(srv)+fmt.Sprint(srv.SQL(`SELECT r::text FROM scheduled_reminders r ORDER BY id`)))
}

// What the original policy lets through, and that migrating over it lets none of it.
func TestTheOriginalPolicyLetEveryoneIn(t *testing.T) {
	t.Parallel()
	rows := `INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at)
		SELECT owner / 111, owner, 1, now() FROM unnest(ARRAY[111, 222]) owner;`
	intrusions := []struct {
		name         string
		token        func(*insforgetest.Server) string
		method, path string
		body         any
	}{
		{"anyone reads all reminders", func(*insforgetest.Server) string { return "" }, http.MethodGet, "scheduled_reminders", nil},
		{"anyone completes a stranger's", func(*insforgetest.Server) string { return "" }, http.MethodPatch, "scheduled_reminders?telegram_id=eq.222", map[string]any{"status": "completed"}},
		{"anyone moves a reminder to another user", func(*insforgetest.Server) string { return "" }, http.MethodPatch, "scheduled_reminders?telegram_id=eq.222", map[string]any{"telegram_id": 111}},
		{"anyone writes what the bot will send", func(*insforgetest.Server) string { return "" }, http.MethodPost, "scheduled_reminders",
			map[string]any{"lead_id": 1, "telegram_id": 222, "step_id": 2, "due_at": "2026-01-01T00:00:00Z", "draft_text": "spam"}},
		{"a user reads another's", tokenOfA, http.MethodGet, "scheduled_reminders?telegram_id=eq.222", nil},
		{"anyone deletes everything", func(*insforgetest.Server) string { return "" }, http.MethodDelete, "scheduled_reminders?id=gt.0", nil},
	}
	through := func(srv *insforgetest.Server) (names []string) {
		for _, intrusion := range intrusions {
			got := ask(t, srv, intrusion.token(srv), intrusion.method, intrusion.path, intrusion.body)
			if got.status < 300 && len(got.rows) > 0 {
				names = append(names, intrusion.name)
			}
		}
		return names
	}
	granted := original + `GRANT ALL ON scheduled_reminders TO authenticated;` + rows
	require.Len(t, through(insforgetest.Genuine(t, granted)), len(intrusions), "the original lets every one through")
	require.Empty(t, through(insforgetest.Genuine(t, granted+script(t))))
}

// The due date may be written as PostgreSQL understands it, "now" included; that is what the service filters by.
func TestTheServiceSeesEverything(t *testing.T) {
	t.Parallel()
	srv := migrated(t)
	query := url.Values{"status": {"in.(pending,sent,snoozed)"}, "due_at": {"lte.now"}, "telegram_id": {"in.(111,222)"}}
	require.Equal(t, "200:6", ask(t, srv, srv.APIKey, http.MethodGet, "scheduled_reminders?"+query.Encode(), nil).String())
}
