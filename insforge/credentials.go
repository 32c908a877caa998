package insforge

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// A TokenSource supplies bearer tokens. Token is asked on every attempt and
// should answer from memory; it is called from many goroutines.
//
// A source that also has a method
//
//	Refresh(ctx context.Context, stale string) (string, error)
//
// is asked for a new token when the server refuses one, once per request;
// requests that fail together share one refresh, because refresh tokens are
// usually good for a single use.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// StaticToken is a token source that always returns the same token.
type StaticToken string

// Token implements [TokenSource].
func (t StaticToken) Token(context.Context) (string, error) { return string(t), nil }

// String hides the token.
func (t StaticToken) String() string { return "[redacted]" }

// GoString hides the token.
func (t StaticToken) GoString() string { return "[redacted]" }

// LogValue hides the token.
func (t StaticToken) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText hides the token: it is not for keeping.
func (t StaticToken) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// check reports credentials that contradict each other.
func (c *credentials) check() error {
	switch {
	case !c.keyHeader:
		return nil
	case c.dialect != InsForge:
		return errors.New("WithAPIKeyHeader is for InsForge")
	case c.key == "":
		return errors.New("WithAPIKeyHeader without WithAPIKey")
	case c.source != nil:
		return errors.New("x-api-key would override the user's token: use WithAPIKey without WithAPIKeyHeader")
	}
	return nil
}

// credentials are what a request is authorised with.
type credentials struct {
	dialect   Dialect
	key       string
	keyHeader bool
	source    TokenSource
	refresh   *refresher
}

// apply sets the headers and returns the user's token among them, if any.
func (c *credentials) apply(ctx context.Context, h http.Header) (token string, err error) {
	if c.source != nil {
		if token, err = c.source.Token(ctx); err != nil {
			return "", fmt.Errorf("token source: %w", err)
		}
		if err := checkSecret(token); err != nil {
			return "", fmt.Errorf("the token %w", err)
		}
		h["Authorization"] = []string{"Bearer " + token}
	}
	if c.key == "" {
		return token, nil
	}
	switch {
	case c.dialect == PostgREST:
		h["Apikey"] = []string{c.key}
	case c.keyHeader:
		h["X-Api-Key"] = []string{c.key}
		return token, nil
	}
	if c.source == nil {
		h["Authorization"] = []string{"Bearer " + c.key}
	}
	return token, nil
}

// redactor removes secrets from text that others wrote: a proxy's error page
// may show the request with its headers.
type redactor []string

// with adds secrets, also as they look inside JSON, a URL or a page.
func (r redactor) with(secrets ...string) redactor {
	r = slices.Clone(r)
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		for _, form := range []string{secret, jsonText(secret), url.QueryEscape(secret), html.EscapeString(secret)} {
			if !slices.Contains(r, form) {
				r = append(r, form)
			}
		}
	}
	return r
}

func jsonText(s string) string {
	quoted, err := marshal(s)
	if err != nil {
		return s
	}
	return string(quoted[1 : len(quoted)-1])
}

func (r redactor) clean(s string) string {
	for _, secret := range r {
		if secret != "" && strings.Contains(s, secret) {
			s = strings.ReplaceAll(s, secret, "[redacted]")
		}
	}
	return s
}

// refresher asks a source for a new token, in single flight.
type refresher struct {
	source interface {
		TokenSource
		Refresh(ctx context.Context, stale string) (string, error)
	}
	flight  singleflight.Group
	timeout time.Duration
}

func newRefresher(source TokenSource) *refresher {
	r, ok := source.(interface {
		TokenSource
		Refresh(ctx context.Context, stale string) (string, error)
	})
	if !ok {
		return nil
	}
	return &refresher{source: r}
}

// renew returns once the stale token has been replaced. The refresh goes on
// when the caller that started it gives up, for others wait for it too; whoever
// comes when it is over finds the new token.
func (r *refresher) renew(ctx context.Context, stale string) error {
	done := r.flight.DoChan(stale, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout)
		defer cancel()
		if token, err := r.source.Token(ctx); err == nil && token != stale {
			return token, nil
		}
		return r.source.Refresh(ctx, stale)
	})
	select {
	case res := <-done:
		return res.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}
