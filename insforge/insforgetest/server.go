// Package insforgetest is a PostgREST for tests: an HTTP server on the loopback
// interface that answers like PostgREST or InsForge, writes down every request,
// and fails on demand.
//
// [New] serves a store of package embedded and needs nothing installed.
// [Genuine] serves a private PostgreSQL behind the real PostgREST and skips the
// test where they are not installed. Both return the same [Server], so one test
// can run against both.
package insforgetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// A Server is a database API under test. Its methods are safe for concurrent use.
type Server struct {
	// URL is the base URL to give to a client, without a path.
	URL string
	// Dialect is what the server speaks.
	Dialect embedded.Dialect
	// APIKey is the key the server asks for; empty: none.
	APIKey string

	tb       testing.TB
	upstream http.Handler

	mu       sync.Mutex
	requests []Request
	faults   []*activeFault
}

// Option changes a server that is about to start.
type Option func(*config)

type config struct {
	dialect embedded.Dialect
	apiKey  string
	clock   func() time.Time
	path    string
	seeds   []seed
	options []embedded.HandlerOption
}

type seed struct {
	table string
	rows  any
}

// WithDialect makes the server speak d; the default is [embedded.PostgREST].
func WithDialect(d embedded.Dialect) Option { return func(c *config) { c.dialect = d } }

// WithAPIKey makes the server refuse requests without this key. [Genuine] has
// no keys and ignores it.
func WithAPIKey(key string) Option { return func(c *config) { c.apiKey = key } }

// WithClock sets what now() means to the embedded server. [Genuine] ignores it.
func WithClock(now func() time.Time) Option { return func(c *config) { c.clock = now } }

// WithFunction makes a function known to the embedded server: see
// [embedded.WithFunction]. [Genuine] ignores it: its SQL declares functions.
func WithFunction(declaration string, f embedded.Function) Option {
	return func(c *config) { c.options = append(c.options, embedded.WithFunction(declaration, f)) }
}

// WithFile keeps the embedded server's data in a file rather than in memory.
func WithFile(path string) Option { return func(c *config) { c.path = path } }

// WithRows inserts rows, a slice of structs or maps that encode as JSON
// objects, into table before the server is handed out.
func WithRows(table string, rows any) Option {
	return func(c *config) { c.seeds = append(c.seeds, seed{table, rows}) }
}

// New starts an embedded server with the tables that tablesJSON declares (see
// [embedded.ParseTables]) and stops it when the test ends.
func New(t testing.TB, tablesJSON []byte, opts ...Option) *Server {
	t.Helper()
	cfg := newConfig(opts)
	schema, err := embedded.ParseTables(tablesJSON)
	if err != nil {
		t.Fatalf("insforgetest: %v", err)
	}
	var storeOpts []embedded.Option
	if cfg.clock != nil {
		storeOpts = append(storeOpts, embedded.WithClock(cfg.clock))
	}
	store, err := embedded.Open(cfg.path, schema, storeOpts...)
	if err != nil {
		t.Fatalf("insforgetest: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("insforgetest: closing the store: %v", err)
		}
	})
	handlerOpts := cfg.options
	if cfg.apiKey != "" {
		handlerOpts = append(handlerOpts, embedded.WithAPIKey(cfg.apiKey))
	}
	return serve(t, store.Handler(cfg.dialect, handlerOpts...), cfg)
}

func newConfig(opts []Option) config {
	cfg := config{path: embedded.Memory}
	for _, opt := range opts {
		opt(&cfg)
	}
	return cfg
}

// serve puts the fault proxy and the request log in front of upstream, listens,
// and inserts the seeds. Genuine and New both end here.
func serve(t testing.TB, upstream http.Handler, cfg config) *Server {
	t.Helper()
	s := &Server{tb: t, Dialect: cfg.dialect, APIKey: cfg.apiKey, upstream: upstream}
	for _, seed := range cfg.seeds {
		if err := s.insert(seed); err != nil {
			t.Fatalf("insforgetest: rows for %s: %v", seed.table, err)
		}
	}
	front := httptest.NewServer(http.HandlerFunc(s.front))
	t.Cleanup(front.Close)
	s.URL = front.URL
	return s
}

// recordsPath is where the dialect has its tables.
func (s *Server) recordsPath() string {
	if s.Dialect == embedded.InsForge {
		return "/api/database/records/"
	}
	return "/"
}

func (s *Server) insert(sd seed) error {
	body, err := json.Marshal(sd.rows)
	if err != nil {
		return err
	}
	req := httptest.NewRequest(http.MethodPost, s.recordsPath()+sd.table, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Prefer", "missing=default")
	if s.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+s.APIKey)
	}
	rec := httptest.NewRecorder()
	s.upstream.ServeHTTP(rec, req)
	if rec.Code != http.StatusCreated {
		return errors.New(rec.Body.String())
	}
	return nil
}

// front answers one request: it writes it down, lets the first matching fault
// interfere, and otherwise hands it to the upstream.
func (s *Server) front(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	req := Request{
		Method:   r.Method,
		Path:     r.URL.Path,
		Table:    strings.TrimPrefix(r.URL.Path, s.recordsPath()),
		RawQuery: r.URL.RawQuery,
		Query:    r.URL.Query(),
		Header:   r.Header.Clone(),
		Body:     body,
	}
	index, fault := s.note(req)
	if fault == nil {
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		s.upstream.ServeHTTP(status, r)
		s.answered(index, status.status)
		return
	}
	fault.interfere(w, r, s.upstream, func(status int) { s.answered(index, status) })
}

// note logs the request and takes the fault that applies to it, if any.
func (s *Server) note(req Request) (index int, fault *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, active := range s.faults {
		if !active.matches(req) {
			continue
		}
		if active.left > 0 {
			if active.left--; active.left == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		fault = &active.Fault
		break
	}
	req.Faulted = fault != nil
	s.requests = append(s.requests, req)
	return len(s.requests) - 1, fault
}

func (s *Server) answered(index, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if index < len(s.requests) { // the log may have been cleared meanwhile
		s.requests[index].Status = status
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
