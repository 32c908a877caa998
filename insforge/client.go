package insforge

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-resty/resty/v2"
)

// A Client talks to one PostgREST API. It holds no state of a conversation
// besides its connection pool: make one per server and credential, and share
// it between goroutines.
type Client struct {
	base    string // scheme, host and path, without a trailing slash
	dialect Dialect
	schema  string
	creds   *credentials // a pointer, so that printing a Client does not print the key
	http    *resty.Client
	timeout time.Duration
	retry   RetryPolicy
	decode  func([]byte, any) error

	pageSize  int
	maxRows   int
	maxBody   int64
	observers []Observer
	fallback  *fallbackSettings
	now       func() time.Time
}

// Dialect is what stands between the client and PostgREST.
type Dialect int

const (
	// PostgREST is PostgREST itself at the base URL, or Supabase's at
	// https://PROJECT.supabase.co/rest/v1.
	PostgREST Dialect = iota
	// InsForge is an InsForge backend at the base URL, which proxies tables
	// under /api/database/records and functions under /api/database/rpc.
	InsForge
)

// String returns the name as it is written in configuration.
func (d Dialect) String() string {
	switch d {
	case PostgREST:
		return "postgrest"
	case InsForge:
		return "insforge"
	default:
		return fmt.Sprintf("Dialect(%d)", int(d))
	}
}

// ParseDialect reads "postgrest" or "insforge", in any case.
func ParseDialect(s string) (Dialect, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "postgrest":
		return PostgREST, nil
	case "insforge":
		return InsForge, nil
	default:
		return 0, fmt.Errorf("insforge: dialect %q, want postgrest or insforge", s)
	}
}

func (d Dialect) tablePath(table string) string {
	if d == InsForge {
		return "/api/database/records/" + escapePath(table)
	}
	return "/" + escapePath(table)
}

func (d Dialect) functionPath(function string) string {
	if d == InsForge {
		return "/api/database/rpc/" + escapePath(function)
	}
	return "/rpc/" + escapePath(function)
}

// escapePath keeps a name one path segment. The dot segments are special even
// when the dots are escaped, so they are made into names no table has.
func escapePath(name string) string {
	if name == "." || name == ".." {
		return "%00"
	}
	return url.PathEscape(name)
}

// New makes a client of the API at baseURL. It makes no request; a wrong key
// or address shows with the first one.
func New(baseURL string, opts ...Option) (*Client, error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	s := defaults()
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(s); err != nil {
			return nil, fmt.Errorf("insforge: %w", err)
		}
	}
	c := s.client
	c.base = base
	c.creds.dialect = c.dialect
	if err := c.creds.check(); err != nil {
		return nil, fmt.Errorf("insforge: %w", err)
	}
	if c.creds.refresh != nil {
		c.creds.refresh.timeout = c.timeout
	}
	c.http = newResty(s.httpClient)
	return &c, nil
}

// parseBase never repeats the URL in an error: it may carry a password.
func parseBase(s string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return "", errors.New("insforge: the base URL must be http://HOST… or https://HOST…")
	case u.User != nil:
		return "", errors.New("insforge: the base URL must not carry credentials; use WithAPIKey")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("insforge: the base URL must not have a query or fragment")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// newResty builds the sender: no retries, no cookies, no redirects of its own.
// A redirect is answered as the error it is, for following one would carry the
// key to wherever it points.
func newResty(hc *http.Client) *resty.Client {
	if hc == nil {
		hc = &http.Client{Transport: defaultTransport()}
	}
	own := *hc
	if own.Transport == nil {
		own.Transport = defaultTransport()
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return resty.NewWithClient(&own).SetLogger(silent{}).SetDisableWarn(true).SetPreRequestHook(lastOfConnection)
}

// lastOfConnection ends the connection behind a HEAD. PostgREST's web server does
// so without saying it (github.com/yesodweb/wai/issues/956; seen of PostgREST
// 12.0.2), and a write that follows at once on the same connection would be cut
// off: nobody could say whether it was carried out. Where there is TLS, something
// else is the server.
func lastOfConnection(_ *resty.Client, r *http.Request) error {
	r.Close = r.Method == http.MethodHead && r.URL.Scheme == "http"
	return nil
}

// silent keeps resty from logging: its messages contain whole URLs.
type silent struct{}

func (silent) Errorf(string, ...any) {}
func (silent) Warnf(string, ...any)  {}
func (silent) Debugf(string, ...any) {}

// defaultTransport is a pool of connections to the one host, as drivers of
// databases have them: what goes beyond waits for its turn, which is shorter
// than the turn it would have at PostgREST, whose own pool has ten by default.
// Without the limit a burst that meets connections still being dialled would
// dial further ones, and net/http's own two idle ones make every burst dial again.
func defaultTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		ForceAttemptHTTP2:   true,
		MaxConnsPerHost:     defaultConnections,
		MaxIdleConns:        defaultConnections,
		MaxIdleConnsPerHost: defaultConnections,
		// Shorter than a server's: one that closes a connection in the moment a
		// write is sent on it leaves that in doubt. Node's wait 5 s, by default.
		IdleConnTimeout:       4 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		ReadBufferSize:        16 << 10, // a page of rows in a few reads rather than in many
		// A connection of HTTP/2 that died without a word is used on and on until
		// the kernel gives it up, a quarter of an hour later; a ping tells sooner.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 3 * time.Second, PingTimeout: 2 * time.Second},
	}
}

const (
	defaultConnections = 16
	defaultPageSize    = 1000
)

// From starts a query on a table or view. The query is a value: every method
// returns a changed copy, so that queries can be shared and built upon.
func (c *Client) From(table string) Query {
	q := Query{client: c, name: table, schema: c.schema, fallback: c.fallback}
	if table == "" {
		q.err = errors.New("insforge: the table has no name")
	}
	return q
}

// InSchema returns a client of another database schema that shares everything
// else with c, its connections too.
func (c *Client) InSchema(name string) (*Client, error) {
	if err := checkHeader(name); err != nil {
		return nil, fmt.Errorf("insforge: the schema %w", err)
	}
	other := *c
	other.schema = name
	return &other, nil
}

func (c *Client) redact() redactor { return redactor{}.with(c.creds.key) }

// Dialect returns the dialect the client speaks.
func (c *Client) Dialect() Dialect { return c.dialect }

// BaseURL returns the URL the client was made with.
func (c *Client) BaseURL() string { return c.base }

// LogValue shows a client in a log without its credentials.
func (c *Client) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", c.base), slog.String("dialect", c.dialect.String()))
}

// String describes the client without its credentials.
func (c *Client) String() string { return fmt.Sprintf("insforge.Client(%s, %s)", c.dialect, c.base) }

// GoString is String: %#v must not print the key either.
func (c *Client) GoString() string { return c.String() }

// CloseIdleConnections closes the connections that wait for further requests.
func (c *Client) CloseIdleConnections() { c.http.GetClient().CloseIdleConnections() }
