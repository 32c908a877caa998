package insforgetest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// The roles of a genuine server, for [Server.Token].
const (
	// RoleService bypasses row security and may do everything with new tables unless the SQL takes that away. It is the
	// role of [Server.APIKey].
	RoleService = "service_role"
	// RoleUser is a signed-in user, with the rights that the SQL grants.
	RoleUser = "authenticated"
	// RoleAnon is who sends no token, with the rights that the SQL grants.
	RoleAnon = "anon"
)

const (
	jwtSecret = "a secret for tests that guards nothing at all"
	// Starting takes a second on an idle machine; a loaded one with a cold disk has been seen to need thirty.
	startTimeout = 2 * time.Minute
)

// Genuine starts the real PostgREST on a database of its own, in which sql has been run by a superuser, and stops it
// when the test ends.
//
// It needs the PostgREST binary that the environment variable POSTGREST_BIN names, and PostgreSQL's programs where
// pg_config says or below /usr/lib/postgresql; where one is not installed the test is skipped, saying which. All tests
// of a process share one PostgreSQL, which listens on a socket in a private directory, with fsync off. Nothing stays
// behind however the process ends, SIGKILL included.
//
// The roles are those of Supabase: [RoleAnon] without a token, [RoleUser] and [RoleService] with one from
// [Server.Token]. The server's APIKey is a token for the service. Execution plans can be asked for (Accept:
// application/vnd.pgrst.plan+json). Of the options, [WithRows] applies; a dialect other than PostgREST fails the test.
func Genuine(t testing.TB, sql string, opts ...Option) *Server {
	t.Helper()
	cfg := newConfig(opts)
	if cfg.dialect != embedded.PostgREST {
		t.Fatal("insforgetest: the genuine server speaks the PostgREST dialect only")
	}
	engine, reason := findEngine()
	if reason != "" {
		t.Skip("insforgetest: no genuine server: " + reason)
	}
	cluster, err := sharedCluster()
	if err != nil {
		t.Fatalf("insforgetest: starting PostgreSQL: %v", err)
	}
	database, err := cluster.createDatabase()
	if err != nil {
		t.Fatalf("insforgetest: creating a database: %v", err)
	}
	g := &genuine{tb: t, cluster: cluster, database: database}
	t.Cleanup(func() {
		if err := cluster.dropDatabase(database); err != nil {
			t.Errorf("insforgetest: dropping the database: %v", err)
		}
	})
	if _, err := cluster.psql(database, sql); err != nil {
		t.Fatalf("insforgetest: the test's SQL: %v", err)
	}
	if err := g.startPostgREST(engine.postgrest); err != nil {
		t.Fatalf("insforgetest: starting PostgREST: %v", err)
	}
	cfg.apiKey = token(map[string]any{"role": RoleService})
	return serve(t, g, cfg)
}

// Token returns a JSON Web Token with these claims, which a genuine server accepts. The claim "role" is the PostgreSQL
// role of the request; a test of row security adds "sub" or claims of its own.
func (s *Server) Token(claims map[string]any) string { return token(claims) }

// SQL runs a query in the database of a genuine server as its superuser, past PostgREST and row security, and returns
// the rows as text with NULL as "NULL". $1, $2 … stand for the arguments, which are passed as text literals; without
// arguments the query is run as it is and may hold several statements. A failing query fails the test, so SQL belongs
// in the test's own goroutine; [Server.TrySQL] may be called in any.
func (s *Server) SQL(query string, args ...any) [][]string {
	g := s.genuine()
	g.tb.Helper()
	rows, err := s.TrySQL(query, args...)
	if err != nil {
		g.tb.Fatalf("insforgetest: %v\n%.1000s", err, query)
	}
	return rows
}

// TrySQL is [Server.SQL] for a query that may fail.
func (s *Server) TrySQL(query string, args ...any) ([][]string, error) {
	g := s.genuine()
	return g.cluster.psql(g.database, bind(query, args))
}

func (s *Server) genuine() *genuine {
	g, ok := s.upstream.(*genuine)
	if !ok {
		panic("insforgetest: SQL is for the genuine server")
	}
	return g
}

// genuine is one PostgREST on one database, as an http.Handler.
type genuine struct {
	tb       testing.TB
	cluster  *cluster
	database string
	proxy    *httputil.ReverseProxy
}

func (g *genuine) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.proxy.ServeHTTP(w, r) }

func (g *genuine) startPostgREST(binary string) error {
	// Not t.TempDir: the test's name would take the path beyond the 107 bytes that fit a socket's address.
	dir, err := os.MkdirTemp("", "postgrest-")
	if err != nil {
		return err
	}
	socket := filepath.Join(dir, "http")
	process, err := supervise(dir, nil, "TERM", []string{
		"PGRST_DB_URI=postgres:///" + g.database + "?user=authenticator&host=" + g.cluster.dir,
		"PGRST_DB_SCHEMAS=public",
		"PGRST_DB_ANON_ROLE=" + RoleAnon,
		"PGRST_DB_PLAN_ENABLED=true",
		"PGRST_JWT_SECRET=" + jwtSecret,
		"PGRST_SERVER_UNIX_SOCKET=" + socket,
		"PGRST_LOG_LEVEL=error",
	}, binary)
	if err != nil {
		return err
	}
	transport := &http.Transport{
		// What the client sent arrives as it was sent, what PostgREST answers comes back as it is.
		DisableCompression: true,
		// PostgREST closes a connection after some answers to HEAD without saying so; a POST sent on it meanwhile is lost.
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}
	g.proxy = &httputil.ReverseProxy{
		Transport: transport,
		ErrorLog:  log.New(io.Discard, "", 0), // the client went away, as tests make it do
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "insforgetest: "+err.Error(), http.StatusBadGateway)
		},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "postgrest"
			r.Out.URL.RawQuery = r.In.URL.RawQuery // the proxy would drop what it cannot parse
		},
	}
	g.tb.Cleanup(func() {
		if err := process.stop(); err != nil {
			g.tb.Errorf("insforgetest: stopping PostgREST: %v", err)
		}
	})
	return process.await(func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodHead, "http://postgrest/", nil)
		if err != nil {
			return err
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		// It listens before it has read the schema, and answers 503 until then.
		if response.StatusCode == http.StatusServiceUnavailable {
			return fmt.Errorf("not ready: %s", response.Status)
		}
		return nil
	})
}

// token signs claims with HS256.
func token(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic("insforgetest: claims: " + err.Error())
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode(payload)
	mac := hmac.New(sha256.New, []byte(jwtSecret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// bind puts args in place of $1, $2 …; psql has no parameters of its own.
func bind(query string, args []any) string {
	pairs := make([]string, 0, 2*len(args))
	for i := len(args); i > 0; i-- { // $12 before $1
		literal := "NULL"
		switch arg := args[i-1].(type) {
		case nil:
		case time.Time:
			literal = "'" + arg.UTC().Format(time.RFC3339Nano) + "'"
		default:
			literal = "'" + strings.ReplaceAll(fmt.Sprint(arg), "'", "''") + "'"
		}
		pairs = append(pairs, fmt.Sprintf("$%d", i), literal)
	}
	return strings.NewReplacer(pairs...).Replace(query)
}
