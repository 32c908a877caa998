package insforge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// An Option configures a [Client]. New returns the error of an option that
// makes no sense.
type Option func(*settings) error

type settings struct {
	client     Client
	httpClient *http.Client
}

func defaults() *settings {
	return &settings{client: Client{
		creds:    &credentials{},
		timeout:  15 * time.Second,
		retry:    DefaultRetryPolicy(),
		pageSize: defaultPageSize,
		maxRows:  100_000,
		maxBody:  256 << 20,
		now:      time.Now,
	}}
}

// WithAPIKey sets the key that is sent with every request: to PostgREST and
// Supabase as a bearer token and in the apikey header, to InsForge as a bearer
// token (an ik_ or anon_ key). Without a key requests are anonymous.
func WithAPIKey(key string) Option {
	return func(s *settings) error {
		if err := checkSecret(key); err != nil {
			return fmt.Errorf("the API key %w", err)
		}
		s.client.creds.key = key
		return nil
	}
}

// WithAPIKeyHeader sends InsForge's key in the x-api-key header rather than as
// a bearer token. There it takes precedence over any user's token, so that it
// cannot be combined with [WithTokenSource].
func WithAPIKeyHeader() Option {
	return func(s *settings) error {
		s.client.creds.keyHeader = true
		return nil
	}
}

// WithTokenSource asks for a bearer token on every attempt: a user's token,
// under which row security applies. See [TokenSource].
func WithTokenSource(source TokenSource) Option {
	return func(s *settings) error {
		if source == nil {
			return errors.New("the token source is nil")
		}
		s.client.creds.source = source
		s.client.creds.refresh = newRefresher(source)
		return nil
	}
}

// WithDialect says what stands at the base URL; the default is [PostgREST].
func WithDialect(d Dialect) Option {
	return func(s *settings) error {
		if d != PostgREST && d != InsForge {
			return fmt.Errorf("unknown dialect %d", int(d))
		}
		s.client.dialect = d
		return nil
	}
}

// WithHTTPClient sends requests through a copy of hc: its transport, timeout
// and cookie jar are used, its redirect policy is not. The default has a pool
// of 16 connections, in which a call waits within the time of its attempt, and
// no cookies. A service that holds many slow calls at once brings its own.
func WithHTTPClient(hc *http.Client) Option {
	return func(s *settings) error {
		if hc == nil {
			return errors.New("the HTTP client is nil")
		}
		s.httpClient = hc
		return nil
	}
}

// WithTimeout limits every single attempt of a request, body included; the
// default is 15 seconds. How long all attempts together may take is up to the
// context and to [RetryPolicy.Budget].
func WithTimeout(perAttempt time.Duration) Option {
	return func(s *settings) error {
		if perAttempt <= 0 {
			return fmt.Errorf("a timeout of %s", perAttempt)
		}
		s.client.timeout = perAttempt
		return nil
	}
}

// WithRetry replaces [DefaultRetryPolicy].
func WithRetry(p RetryPolicy) Option {
	return func(s *settings) error {
		if err := p.validate(); err != nil {
			return err
		}
		s.client.retry = p
		return nil
	}
}

// WithSchema sets the database schema of all queries; the default is the first
// one the server exposes.
func WithSchema(name string) Option {
	return func(s *settings) error {
		if err := checkHeader(name); err != nil {
			return fmt.Errorf("the schema %w", err)
		}
		s.client.schema = name
		return nil
	}
}

// WithPageSize sets how many rows [Rows] and [All] ask for at a time; the
// default is 1000. A server that returns fewer is asked for the rest.
func WithPageSize(rows int) Option {
	return func(s *settings) error {
		if rows < 1 {
			return fmt.Errorf("a page of %d rows", rows)
		}
		s.client.pageSize = rows
		return nil
	}
}

// WithMaxRows limits how many rows [All] collects before it gives up with
// [ErrRowLimit]; the default is 100,000. [Rows] has no limit.
func WithMaxRows(rows int) Option {
	return func(s *settings) error {
		if rows < 1 {
			return fmt.Errorf("at most %d rows", rows)
		}
		s.client.maxRows = rows
		return nil
	}
}

// WithMaxResponse limits the size of one response body; the default is 256
// MiB. A larger one is an error.
func WithMaxResponse(bytes int64) Option {
	return func(s *settings) error {
		if bytes < 1 {
			return fmt.Errorf("a response of at most %d bytes", bytes)
		}
		s.client.maxBody = bytes
		return nil
	}
}

// WithDecoder replaces the decoder of response bodies, which decodes as
// encoding/json does. It must not keep the bytes it is given: they are reused.
// The fastest one measured is that of github.com/goccy/go-json, which is not the
// default because it works past the type system (unsafe); examples/compare/client
// prints the figures.
func WithDecoder(unmarshal func(data []byte, v any) error) Option {
	return func(s *settings) error {
		if unmarshal == nil {
			return errors.New("the decoder is nil")
		}
		s.client.decode = unmarshal
		return nil
	}
}

// WithLogger logs requests through [LogObserver].
func WithLogger(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("the logger is nil")
		}
		s.client.observers = append(s.client.observers, LogObserver(l))
		return nil
	}
}

// WithObserver adds an observer of requests; it may be given several times.
func WithObserver(o Observer) Option {
	return func(s *settings) error {
		if o == nil {
			return errors.New("the observer is nil")
		}
		s.client.observers = append(s.client.observers, o)
		return nil
	}
}

// WithClock sets the clock that Retry-After dates are compared with.
func WithClock(now func() time.Time) Option {
	return func(s *settings) error {
		if now == nil {
			return errors.New("the clock is nil")
		}
		s.client.now = now
		return nil
	}
}

// checkSecret refuses what cannot be a header value, without repeating it.
func checkSecret(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("is empty")
	}
	return checkHeader(s)
}

func checkHeader(s string) error {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return errors.New("has a control character (a line break?)")
		}
	}
	if s != strings.TrimSpace(s) {
		return errors.New("has blanks around it")
	}
	return nil
}
