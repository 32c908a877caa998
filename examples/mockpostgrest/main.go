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
	"net/http"
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

Types are PostgreSQL's names, [] behind them for arrays. Keys it does not know are an error.

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
	flags.SetOutput(stderr)
	listen := flags.String("listen", "127.0.0.1:3000", "`address` to listen on; port 0 takes a free one")
	tables := flags.String("tables", "", "tables `file` (JSON); without it there are no tables")
	dialectName := flags.String("dialect", "postgrest", "postgrest (tables at /) or insforge (tables at /api/database/records/)")
	apiKey := flags.String("api-key", "", "the `key` every request must carry; without it every request is accepted")
	data := flags.String("data", "", "keep the data in this `file`; without it nothing is kept")
	flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q (see -help)", flags.Arg(0))
	}
	dialect, err := embedded.ParseDialect(*dialectName)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	store, err := open(*tables, *data, log)
	if err != nil {
		return err
	}
	serveErr := serve(store, *listen, dialect, *apiKey, stdout, log)
	return errors.Join(serveErr, store.Close())
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
	server := &http.Server{Handler: store.Handler(dialect, opts...), ReadHeaderTimeout: 10 * time.Second}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	// The listener's queue takes requests from now on.
	if _, err := fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr()); err != nil {
		return errors.Join(err, server.Close())
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
