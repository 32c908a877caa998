package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
)

// engine is a PostgreSQL with what both sides need: a PostgREST for ours, a
// connection pool for River.
type engine struct {
	stage
	database *insforgetest.Server
	url, key string // of PostgREST
	pool     *pgxpool.Pool

	postgrest *os.Process
}

// stage stands in for the test that insforgetest is used in elsewhere.
type stage struct {
	testing.TB
	ctx      context.Context
	cleanups []func()
}

func (s *stage) Helper()                  {}
func (s *stage) Name() string             { return "compare" }
func (s *stage) Context() context.Context { return s.ctx }
func (s *stage) Cleanup(f func())         { s.cleanups = append(s.cleanups, f) }
func (s *stage) Logf(string, ...any)      {}
func (s *stage) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// failure is what Fatal panics with; run recovers from it.
type failure struct{ error }

func (s *stage) Fatal(args ...any)                 { panic(failure{fmt.Errorf("%s", fmt.Sprint(args...))}) }
func (s *stage) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }
func (s *stage) Skip(args ...any)                  { s.Fatal(args...) }

func (s *stage) close() {
	for _, cleanup := range slices.Backward(s.cleanups) {
		cleanup()
	}
}

// start starts PostgreSQL and PostgREST, and stops them with e.close.
func (e *engine) start(ctx context.Context) {
	e.ctx = ctx
	script, err := migrations.Script()
	if err != nil {
		e.Fatal(err)
	}
	e.database = insforgetest.Genuine(e, script)
	socket, name := e.value("SHOW unix_socket_directories"), e.value("SELECT current_database()")
	if e.pool, err = pgxpool.New(ctx, "host="+socket+" user=postgres dbname="+name); err != nil {
		e.Fatal(err)
	}
	e.Cleanup(e.pool.Close)
	e.startPostgREST("postgres:///" + name + "?user=authenticator&host=" + socket)
}

// startPostgREST starts a PostgREST of the benchmark's own. The one that
// insforgetest has stands behind a proxy that opens a connection for each
// request.
func (e *engine) startPostgREST(database string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	server := exec.Command(os.Getenv("POSTGREST_BIN"))
	server.Env = []string{"PGRST_DB_URI=" + database, "PGRST_DB_SCHEMAS=public", "PGRST_DB_ANON_ROLE=" + insforgetest.RoleAnon, "PGRST_JWT_SECRET=" + secret,
		"PGRST_SERVER_HOST=" + host, "PGRST_SERVER_PORT=" + port, "PGRST_LOG_LEVEL=error"}
	if err := server.Start(); err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	e.postgrest = server.Process
	e.key = token(insforgetest.RoleService)
	e.url = "http://" + net.JoinHostPort(host, port)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(e.url + "/")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			e.Fatal("PostgREST does not come up: ", err)
		}
	}
}

// secret signs the key that the service shows to PostgREST, which checks it
// with every request, as it does elsewhere.
const secret = "a secret of this benchmark, which guards nothing"

func token(role string) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(`{"role":"`+role+`"}`))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// sql runs statements past PostgREST.
func (e *engine) sql(statements ...string) {
	for _, statement := range statements {
		if _, err := e.pool.Exec(e.ctx, statement); err != nil {
			e.Fatalf("%.100s: %v", statement, err)
		}
	}
}

// value is the only value of a query's result.
func (e *engine) value(query string) string { return e.database.SQL(query)[0][0] }

// client is a client for PostgREST whose requests are counted.
func (e *engine) client(requests *tally) *insforge.Client {
	client, err := insforge.New(e.url, insforge.WithAPIKey(e.key), insforge.WithHTTPClient(&http.Client{Transport: requests}))
	if err != nil {
		e.Fatal(err)
	}
	return client
}

// fill stores a lead each for so many users, and a reminder each that is due.
func (e *engine) fill(due int) {
	e.sql("TRUNCATE scheduled_reminders, lead_registry RESTART IDENTITY",
		fmt.Sprintf(`INSERT INTO lead_registry (telegram_id, prospect_name) SELECT 100000 + i, 'Lead ' || i FROM generate_series(1, %d) i`, due),
		fmt.Sprintf(`INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at, draft_text)
			SELECT i, 100000 + i, 1, now() - interval '1 second', 'Hi, it was good to meet you at the fair. Shall we talk? ' || i FROM generate_series(1, %d) i`, due),
		"VACUUM ANALYZE scheduled_reminders", "VACUUM ANALYZE lead_registry")
}
