package insforge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

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
		if c.source != nil {
			return "", errors.New("x-api-key would override the user's token: use WithAPIKey without WithAPIKeyHeader")
		}
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

func (r redactor) with(secret string) redactor {
	if secret == "" {
		return r
	}
	return append(r[:len(r):len(r)], secret)
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
		Refresh(ctx context.Context, stale string) (string, error)
	}
	flight singleflight.Group
}

func newRefresher(source TokenSource) *refresher {
	r, ok := source.(interface {
		Refresh(ctx context.Context, stale string) (string, error)
	})
	if !ok {
		return nil
	}
	return &refresher{source: r}
}

// renew returns once the stale token has been replaced. The refresh goes on
// when the caller that started it gives up, for others wait for it too.
func (r *refresher) renew(ctx context.Context, stale string) error {
	done := r.flight.DoChan(stale, func() (any, error) {
		return r.source.Refresh(context.WithoutCancel(ctx), stale)
	})
	select {
	case res := <-done:
		return res.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}
