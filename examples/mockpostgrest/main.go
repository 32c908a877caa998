// Command mockpostgrest serves PostgREST's table API from memory or one file,
// for tests in any language: no PostgreSQL, no installation.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

const usage = `mockpostgrest is a PostgREST for tests and demos: tables over HTTP, without PostgreSQL.

  mockpostgrest -listen 127.0.0.1:3000 -tables tables.json

  curl '127.0.0.1:3000/leads?select=id,email&email=ilike.*@example.com&order=id.desc&limit=10'
  curl -X POST  127.0.0.1:3000/leads -H 'Content-Type: application/json' -H 'Prefer: return=representation' -d '{"email":"bob@example.com"}'
  curl -X PATCH '127.0.0.1:3000/leads?id=eq.1' -H 'Content-Type: application/json' -d '{"email":"ann@example.org"}'
  curl -X DELETE '127.0.0.1:3000/leads?id=eq.1'

It answers as PostgREST 12.0.2 does: filters, and/or, JSON paths, casts, embedded resources, counts, ranges,
upserts, constraints, and errors with PostgreSQL's codes and texts. It has no full-text search, functions,
aggregates, roles or row security.

Its first line on standard output is "listening on http://HOST:PORT", once requests are answered; with port 0 that
is how a test learns the port. Everything else goes to standard error. SIGINT and SIGTERM end it, with exit status 0,
after the requests that are under way.

  mockpostgrest -listen 127.0.0.1:0 -tables tables.json                      # for one test; nothing is kept
  mockpostgrest -tables tables.json -data dev.db                             # for days: a write is answered when it is on disk
  mockpostgrest -tables tables.json -dialect insforge -api-key ik_secret     # as InsForge

  curl 127.0.0.1:3000/api/database/records/leads -H 'Authorization: Bearer ik_secret'

@supabase/postgrest-js takes the address as it is, @insforge/sdk as baseUrl (with -dialect insforge).

The tables file:

  {"leads": {
     "columns": [
       {"name": "id",         "type": "bigint",      "primary_key": true, "generated": "identity"},
       {"name": "email",      "type": "text",        "not_null": true},
       {"name": "status",     "type": "text",        "default": "new"},
       {"name": "tags",       "type": "text[]"},
       {"name": "created_at", "type": "timestamptz", "default": "now()"}],
     "unique":  [["email"]],
     "indexes": [["created_at"]],
     "checks":  [{"column": "status", "in": ["new", "won", "lost"]}],
     "rows":    [{"email": "ann@example.com"}]},
   "notes": {
     "columns": [
       {"name": "id",      "type": "uuid",   "primary_key": true, "default": "gen_random_uuid()"},
       {"name": "lead_id", "type": "bigint", "not_null": true},
       {"name": "body",    "type": "jsonb"}],
     "foreign_keys": [{"columns": ["lead_id"], "references": "leads", "referenced_columns": ["id"]}]}}

Types are PostgreSQL's names, [] behind them for arrays; those it has no operators for (tsvector, money) behave as
text. A default is a JSON value, or "now()" on dates and times, or "gen_random_uuid()" on a uuid. Identity columns
take explicit values, too; numbering goes on after the highest in "rows". Constraints have PostgreSQL's names
(leads_pkey, leads_email_key, notes_lead_id_fkey, leads_status_check). Keys it does not know are an error.

With -data, "rows" fill only a new file. Later the tables file may have more tables, and more columns with defaults;
the file gains them when it is opened.

Flags:
`

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "mockpostgrest:", err)
		os.Exit(1)
	}
}

// shutdownTime is how long requests under way may take to end.
const shutdownTime = 5 * time.Second

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("mockpostgrest", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error says it
	listen := flags.String("listen", "127.0.0.1:3000", "`address` to listen on; port 0 takes a free one")
	tables := flags.String("tables", "", "tables `file` (JSON); without it there are no tables")
	dialectName := flags.String("dialect", "postgrest", "postgrest (tables at /) or insforge (tables at /api/database/records/)")
	apiKey := flags.String("api-key", "", "the `key` every request must carry; without it every request is accepted")
	data := flags.String("data", "", "keep the data in this `file`; without it nothing is kept")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return err
	} else if err != nil {
		return fmt.Errorf("%w (see -help)", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q (see -help)", flags.Arg(0))
	}
	dialect, err := embedded.ParseDialect(*dialectName)
	if err != nil {
		return err
	}
	log := newLogger(stderr)
	store, err := open(*tables, *data, log)
	if err != nil {
		return err
	}
	serveErr := serve(store, *listen, dialect, *apiKey, stdout, log)
	return errors.Join(serveErr, store.Close())
}

// newLogger writes text to a terminal and JSON to everything else.
func newLogger(w io.Writer) *slog.Logger {
	if file, ok := w.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return slog.New(slog.NewTextHandler(w, nil))
		}
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

func open(tables, data string, log *slog.Logger) (*embedded.Store, error) {
	declaration := []byte("{}")
	if tables != "" {
		var err error
		if declaration, err = os.ReadFile(tables); err != nil {
			return nil, err
		}
	}
	schema, err := embedded.ParseTables(declaration)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tables, err)
	}
	path := embedded.Memory
	if data != "" {
		path = data
	}
	return embedded.Open(path, schema, embedded.WithLogger(log))
}

func serve(store *embedded.Store, listen string, dialect embedded.Dialect, apiKey string, stdout io.Writer, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var opts []embedded.HandlerOption
	if apiKey != "" {
		opts = append(opts, embedded.WithAPIKey(apiKey))
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	server := newServer(listener, store.Handler(dialect, opts...), log)
	failed := make(chan error, 1)
	go func() { failed <- server.serve() }()
	// The listener's queue takes requests from now on.
	if _, err := fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr()); err != nil {
		return errors.Join(err, server.stop(ctx))
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	return server.stop(drain)
}
