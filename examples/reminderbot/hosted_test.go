package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

// hosted is an InsForge project on a real PostgreSQL: records through PostgREST as project_admin, and the migrations
// endpoint by the rules of its service: one transaction under a lock, as a role that is no superuser, versions that grow.
type hosted struct {
	*insforgetest.Server
	fail string // a migration whose name contains this fails at its end
}

// newHosted has what a project has before anything of ours, and then runs sql as its superuser.
func newHosted(t *testing.T, sql string) (*hosted, []string) {
	t.Helper()
	h := &hosted{Server: insforgetest.Genuine(t, `
		DO $$ BEGIN CREATE ROLE project_admin NOLOGIN BYPASSRLS; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
		GRANT project_admin TO authenticator;
		GRANT ALL ON SCHEMA public TO project_admin;
		ALTER DEFAULT PRIVILEGES FOR ROLE project_admin GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO anon, authenticated;
		ALTER DEFAULT PRIVILEGES FOR ROLE project_admin GRANT USAGE, SELECT ON SEQUENCES TO anon, authenticated;
		CREATE SCHEMA system;
		CREATE TABLE system.custom_migrations (version text PRIMARY KEY, name text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
		`+sql)}
	upstream, err := url.Parse(h.URL)
	require.NoError(t, err)
	records := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream)
		r.Out.URL.Path = strings.TrimPrefix(r.In.URL.Path, "/api/database/records")
		r.Out.Header.Set("Authorization", "Bearer "+h.Token(map[string]any{"role": "project_admin"}))
	}}
	mux := http.NewServeMux()
	mux.Handle("/api/database/records/", records)
	mux.HandleFunc("GET /api/database/migrations", h.list)
	mux.HandleFunc("POST /api/database/migrations", h.apply)
	mux.HandleFunc("POST /api/database/migrations/dry-run", h.dryRun)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return h, []string{"INSFORGE_URL=" + srv.URL, "INSFORGE_API_KEY=ik_key", "HTTP_ADDR=127.0.0.1:0"}
}

func (h *hosted) list(w http.ResponseWriter, _ *http.Request) {
	rows, err := h.TrySQL(`SELECT version, name FROM system.custom_migrations ORDER BY version::numeric DESC`)
	if err != nil {
		refuse(w, err)
		return
	}
	list := []record{}
	for _, row := range rows {
		list = append(list, record{Version: row[0], Name: row[1]})
	}
	answerJSON(w, http.StatusOK, map[string]any{"migrations": list})
}

func (h *hosted) apply(w http.ResponseWriter, r *http.Request) {
	var asked record
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, err)
		return
	}
	if guard := forbidden.FindString(asked.SQL); guard != "" {
		answerJSON(w, http.StatusForbidden, map[string]any{"error": "FORBIDDEN", "message": guard + " is not allowed.", "statusCode": 403})
		return
	}
	end := ""
	if h.fail != "" && strings.Contains(asked.Name, h.fail) {
		end = "SELECT 1 / 0;"
	}
	_, err := h.TrySQL(fmt.Sprintf(`
		BEGIN;
		SELECT pg_advisory_xact_lock(hashtext('system.custom_migrations'));
		SET LOCAL search_path TO public;
		DO $guard$ BEGIN
			IF (SELECT max(version::numeric) FROM system.custom_migrations) >= %[1]s THEN RAISE EXCEPTION 'not newer'; END IF;
		END $guard$;
		SET LOCAL ROLE project_admin;
		%[3]s;
		RESET ROLE;
		%[4]s
		INSERT INTO system.custom_migrations (version, name) VALUES ('%[1]s', '%[2]s');
		NOTIFY pgrst, 'reload schema';
		COMMIT;`, asked.Version, asked.Name, asked.SQL, end))
	if err != nil {
		refuse(w, err)
		return
	}
	answerJSON(w, http.StatusCreated, map[string]any{"version": asked.Version, "name": asked.Name, "message": "Migration executed successfully"})
}

func (h *hosted) dryRun(w http.ResponseWriter, r *http.Request) {
	var asked record
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, err)
		return
	}
	if _, err := h.TrySQL("BEGIN; SET LOCAL search_path TO public; SET LOCAL ROLE project_admin;" + asked.SQL + "; ROLLBACK;"); err != nil {
		answerJSON(w, http.StatusOK, map[string]any{"valid": false, "statementCount": 1, "riskLevel": "DANGER", "error": message(err),
			"riskFactors": []any{map[string]any{"code": "SYNTAX_OR_EXECUTION_ERROR", "description": message(err), "level": "DANGER"}}})
		return
	}
	answerJSON(w, http.StatusOK, map[string]any{"valid": true, "statementCount": strings.Count(asked.SQL, ";\n\n"), "riskLevel": "SAFE", "riskFactors": []any{}})
}

// forbidden is what the endpoint refuses, whoever owns the tables.
var forbidden = regexp.MustCompile(`(?im)\bset_config\b|^\s*(BEGIN|COMMIT|ROLLBACK)\s*;|^\s*(CREATE|ALTER|DROP) (ROLE|USER|DATABASE)|^\s*SET (LOCAL )?(ROLE|search_path|statement_timeout)`)

// message is PostgreSQL's own, without where psql read the statement.
func message(err error) string {
	_, text, _ := strings.Cut(err.Error(), "ERROR:  ")
	text, _, _ = strings.Cut(text, "\n")
	return text
}

func refuse(w http.ResponseWriter, err error) {
	status, code := http.StatusInternalServerError, "INTERNAL_ERROR"
	switch text := message(err); {
	case text == "not newer":
		status, code = http.StatusConflict, "DATABASE_MIGRATION_ALREADY_EXISTS"
	case strings.HasPrefix(text, "must be owner"), strings.HasPrefix(text, "permission denied"):
		status, code = http.StatusForbidden, "FORBIDDEN"
	}
	answerJSON(w, status, map[string]any{"error": code, "message": message(err), "statusCode": status})
}
