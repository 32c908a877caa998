package insforge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

func (s *stub) insforge(t testing.TB, opts ...insforge.Option) *insforge.Client {
	t.Helper()
	return s.client(t, append([]insforge.Option{insforge.WithDialect(insforge.InsForge)}, opts...)...)
}

// The bodies in this file are what InsForge 2.3.1 answered.

func TestInsForgePaths(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(201, `[]`, "Content-Range", "*/1"))
	c := s.insforge(t, insforge.WithAPIKey("ik_1"))
	n, err := c.From("leads").Insert(t.Context(), lead{Name: "Ann"})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	_, err = insforge.All[lead](t.Context(), c.From("odd/name ..").Schema("crm"))
	require.NoError(t, err)
	_, err = insforge.Call[[]lead](t.Context(), c, "due", nil)
	require.NoError(t, err)

	requests := s.seen()
	require.Equal(t, "/api/database/records/leads", requests[0].Path)
	require.Equal(t, `[{"name":"Ann"}]`, requests[0].Body, "always an array")
	require.Equal(t, "crm", requests[1].Header.Get("Accept-Profile"))
	require.Equal(t, "/api/database/records/odd%2Fname%20..", requests[1].Path)
	require.Equal(t, "/api/database/rpc/due", requests[2].Path)
	require.Equal(t, "{}", requests[2].Body)
	for _, r := range requests {
		require.Equal(t, "Bearer ik_1", r.Header.Get("Authorization"))
		require.Empty(t, r.Header.Values("Apikey"))
		require.Empty(t, r.Header.Values("X-Api-Key"))
	}
}

func TestInsForgeKeys(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(200, `[]`))
	_, err := insforge.All[lead](t.Context(), s.insforge(t, insforge.WithAPIKey("ik_1"), insforge.WithAPIKeyHeader()).From("leads"))
	require.NoError(t, err)
	require.Equal(t, "ik_1", s.seen()[0].Header.Get("X-Api-Key"))
	require.Empty(t, s.seen()[0].Header.Get("Authorization"))

	// A user's token replaces the key, which would otherwise win over it.
	user := insforge.WithTokenSource(insforge.StaticToken("user"))
	_, err = insforge.All[lead](t.Context(), s.insforge(t, insforge.WithAPIKey("ik_1"), user).From("leads"))
	require.NoError(t, err)
	require.Equal(t, "Bearer user", s.seen()[1].Header.Get("Authorization"))
	require.Empty(t, s.seen()[1].Header.Get("X-Api-Key"))
	header := insforge.WithAPIKeyHeader()
	for _, options := range [][]insforge.Option{
		{insforge.WithDialect(insforge.InsForge), insforge.WithAPIKey("ik_1"), header, user},
		{insforge.WithDialect(insforge.InsForge), header},
		{insforge.WithAPIKey("ik_1"), header},
	} {
		_, err = insforge.New(s.URL, options...)
		require.Error(t, err)
	}

	token := insforge.StaticToken("of a user")
	asJSON, err := json.Marshal(map[string]any{"token": token})
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("token", "token", token)
	require.NotContains(t, fmt.Sprintf("%v %#v %+v %s", token, token, token, asJSON)+log.String(), "of a user")
}

func TestInsForgeErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status     int
		body       string
		want       string
		permission bool
	}{
		{401, `{"error":"AUTH_INVALID_CREDENTIALS","message":"No token provided","statusCode":401,"nextActions":"Check the token is valid or login to get a new token."}`,
			"insforge: GET leads: 401 AUTH_INVALID_CREDENTIALS: No token provided", true},
		{403, `{"error":"AUTH_UNAUTHORIZED","message":"Invalid user role claim","statusCode":403}`,
			"insforge: GET leads: 403 AUTH_UNAUTHORIZED: Invalid user role claim", true},
		{404, `{"code":"42P01","details":null,"hint":null,"message":"relation \"public.leads\" does not exist"}`,
			`insforge: GET leads: 404 42P01: relation "public.leads" does not exist`, false},
		{406, `{"code":"PGRST106","details":null,"hint":null,"message":"The schema must be one of the following: public"}`,
			"insforge: GET leads: 406 PGRST106: The schema must be one of the following: public", false},
		{416, `{"code":"PGRST103","details":"An offset of 500 was requested, but there are only 6 rows.","hint":null,"message":"Requested range not satisfiable"}`,
			"insforge: GET leads: 416 PGRST103: Requested range not satisfiable (An offset of 500 was requested, but there are only 6 rows.)", false},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, answer(tt.status, tt.body))
			_, err := insforge.All[lead](t.Context(), s.insforge(t).From("leads"))
			require.EqualError(t, err, tt.want)
			require.Equal(t, tt.permission, insforge.IsPermission(err))
			require.Len(t, s.seen(), 1)
		})
	}
}

// TestInsForgeKeepsLargeNumbers: JavaScript would round them on the way.
func TestInsForgeKeepsLargeNumbers(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(200, `[]`, "Content-Range", "*/1"))
	row := map[string]any{
		"big": int64(9223372036854775807), "safe": int64(1) << 53, "small": 7, "nested": map[string]any{"n": int64(9223372036854775807)},
	}
	table := s.insforge(t).From("t")
	_, err := table.Insert(t.Context(), row)
	require.NoError(t, err)
	_, err = table.Where(filter.Eq("big", int64(9223372036854775807))).Update(t.Context(), row)
	require.NoError(t, err)
	object := `{"big":"9223372036854775807","nested":{"n":9223372036854775807},"safe":9007199254740992,"small":7}`
	require.Equal(t, "["+object+"]", s.seen()[0].Body)
	require.Equal(t, object, s.seen()[1].Body)
	require.Equal(t, "big=eq.9223372036854775807", s.seen()[1].Query)

	_, err = s.client(t).From("t").Insert(t.Context(), row)
	require.NoError(t, err)
	require.Contains(t, s.seen()[2].Body, `"big":9223372036854775807`, "PostgREST itself keeps them")
}

func TestRawSQL(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(200, `{"rows":[{"id":1}],"rowCount":1,"fields":[{"name":"id","dataTypeID":23}]}`))
	result, err := s.insforge(t, insforge.WithAPIKey("ik_1")).RawSQL(t.Context(), "SELECT id FROM leads WHERE name = $1", "Ann")
	require.NoError(t, err)
	require.EqualValues(t, 1, result.RowCount)
	require.JSONEq(t, `{"id":1}`, string(result.Rows[0]))
	require.Equal(t, "/api/database/advance/rawsql", s.seen()[0].Path)
	require.JSONEq(t, `{"query":"SELECT id FROM leads WHERE name = $1","params":["Ann"]}`, s.seen()[0].Body)

	_, err = s.client(t).RawSQL(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, insforge.ErrDialect)
}

func TestApplyMigration(t *testing.T) {
	t.Parallel()
	s := newStub(t,
		answer(201, `{"version":"001","name":"leads","statements":["CREATE TABLE leads ()"],"createdAt":"2026-01-01T00:00:00Z","message":"ok"}`),
		answer(409, `{"error":"DATABASE_MIGRATION_ALREADY_EXISTS","message":"Migration already exists","statusCode":409}`),
		answer(400, `{"error":"DATABASE_VALIDATION_ERROR","message":"relation does not exist","statusCode":400}`),
	)
	c := s.insforge(t, insforge.WithAPIKey("ik_1"))
	apply := func() error { return c.ApplyMigration(t.Context(), "001", "leads", "CREATE TABLE leads ()") }
	require.NoError(t, apply())
	require.ErrorIs(t, apply(), insforge.ErrAlreadyApplied)
	err := apply()
	require.Error(t, err)
	require.NotErrorIs(t, err, insforge.ErrAlreadyApplied)
	require.Equal(t, "/api/database/migrations", s.seen()[0].Path)
	require.JSONEq(t, `{"version":"001","name":"leads","sql":"CREATE TABLE leads ()"}`, s.seen()[0].Body)

	for _, bad := range [][2]string{{"v1", "leads"}, {"1", "Leads"}, {"", "leads"}, {"1", ""}} {
		require.Error(t, c.ApplyMigration(t.Context(), bad[0], bad[1], ""))
	}
	require.Len(t, s.seen(), 3)
}

func TestMigrationsOnRecord(t *testing.T) {
	t.Parallel()
	s := newStub(t,
		answer(200, `{"migrations":[{"version":"20261101000001","name":"leads","statements":["CREATE TABLE leads ()"],"createdAt":"2026-11-01T10:00:00.123Z"}]}`),
		answer(200, `{"valid":true,"statementCount":2,"statements":["a","b"],"riskLevel":"DANGER","riskFactors":["drops a table",{"type":"DROP","message":"drops a policy"}]}`),
		answer(200, `{"valid":false,"statementCount":0,"riskLevel":"SAFE","riskFactors":[],"error":"syntax error"}`),
	)
	c := s.insforge(t, insforge.WithAPIKey("ik_1"))
	list, err := c.Migrations(t.Context())
	require.NoError(t, err)
	require.Equal(t, []insforge.AppliedMigration{{
		Version: "20261101000001", Name: "leads", Statements: []string{"CREATE TABLE leads ()"},
		CreatedAt: time.Date(2026, 11, 1, 10, 0, 0, 123e6, time.UTC),
	}}, list)
	report, err := c.DryRunMigration(t.Context(), "DROP TABLE leads; DROP POLICY p ON leads")
	require.NoError(t, err)
	require.Equal(t, insforge.DryRun{Valid: true, StatementCount: 2, RiskLevel: "DANGER", RiskFactors: []string{"drops a table", "drops a policy"}}, report)
	report, err = c.DryRunMigration(t.Context(), "DROP")
	require.NoError(t, err)
	require.Equal(t, insforge.DryRun{RiskLevel: "SAFE", Error: "syntax error"}, report)
	require.Equal(t, "GET", s.seen()[0].Method)
	require.Equal(t, "/api/database/migrations/dry-run", s.seen()[1].Path)

	_, err = s.client(t).Migrations(t.Context())
	require.ErrorIs(t, err, insforge.ErrDialect)
}

// TestSession signs in, and the client made with the session renews its token
// when it has expired.
func TestSession(t *testing.T) {
	t.Parallel()
	current := "first"
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		user := `"user":{"id":"550adc02-6e18-4824-8c31-554fb89fd8b8","email":"u2@example.com"}`
		switch r.URL.Path {
		case "/api/auth/sessions":
			answer(200, `{`+user+`,"accessToken":"first","refreshToken":"r1"}`)(w, r)
		case "/api/auth/refresh":
			current = "second"
			answer(200, `{`+user+`,"accessToken":"second","refreshToken":"r2"}`)(w, r)
		default:
			if r.Header.Get("Authorization") != "Bearer "+current || current == "first" {
				answer(401, `{"error":"AUTH_UNAUTHORIZED","message":"Invalid token","statusCode":401}`)(w, r)
				return
			}
			answer(200, `[]`)(w, r)
		}
	})
	session, err := s.insforge(t).SignIn(t.Context(), "u2@example.com", "Passw0rd!x")
	require.NoError(t, err)
	require.Equal(t, "u2@example.com", session.User.Email)
	require.Equal(t, "client_type=server", s.seen()[0].Query)
	_, err = insforge.All[lead](t.Context(), s.insforge(t, insforge.WithTokenSource(session)).From("leads"))
	require.NoError(t, err)
	require.Equal(t, "r2", session.RefreshToken())
	for _, text := range []string{fmt.Sprint(session), fmt.Sprintf("%+v %#v", session, session)} {
		require.NotContains(t, text, "second")
		require.NotContains(t, text, "r2")
	}

	resumed, err := s.insforge(t).ResumeSession(t.Context(), "r2")
	require.NoError(t, err)
	token, err := resumed.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, "second", token)
}

func TestSignInFails(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(401, `{"error":"AUTH_UNAUTHORIZED","message":"Invalid credentials","statusCode":401}`))
	_, err := s.insforge(t).SignIn(t.Context(), "a@example.com", "hunter2")
	require.True(t, insforge.IsPermission(err))
	require.NotContains(t, err.Error(), "hunter2")
	_, err = s.insforge(t).ResumeSession(t.Context(), "")
	require.Error(t, err)

	// A proxy's page that shows the request shows no password and no token.
	s = newStub(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(502)
		fmt.Fprintf(w, "<pre>%s %v</pre>", body, r.Header)
	})
	_, err = s.insforge(t).SignIn(t.Context(), "a@example.com", `hunter"2`)
	require.ErrorContains(t, err, "502")
	require.NotContains(t, err.Error(), "hunter")
	_, err = s.insforge(t).ResumeSession(t.Context(), "refresh-token")
	require.ErrorContains(t, err, "502")
	require.NotContains(t, err.Error(), "refresh-token")
	_, err = s.client(t).SignIn(t.Context(), "a", "b")
	require.ErrorIs(t, err, insforge.ErrDialect)
}
