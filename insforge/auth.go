package insforge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
)

// Session is a user's sign-in at InsForge. It is a [TokenSource]: a client made
// with it acts as the user, under row security, and renews the token when the
// server refuses it. It may be used by many goroutines.
type Session struct {
	client *Client
	User   User

	mu      sync.Mutex
	access  string
	refresh string
}

// User is who signed in.
type User struct {
	ID    string `json:"id"` // UUID, the sub claim of the token
	Email string `json:"email"`
}

// sessionAnswer is what InsForge answers to a sign-in and to a refresh.
type sessionAnswer struct {
	User         User   `json:"user"`
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
}

// SignIn signs a user in by e-mail address and password. A wrong password is
// an [*Error] of status 401.
//
//	session, err := client.SignIn(ctx, email, password)
//	…
//	asUser, err := insforge.New(url, insforge.WithDialect(insforge.InsForge), insforge.WithTokenSource(session))
func (c *Client) SignIn(ctx context.Context, email, password string) (*Session, error) {
	body := map[string]string{"email": email, "password": password}
	var a sessionAnswer
	if err := c.session(ctx, "/api/auth/sessions", body, &a, password); err != nil {
		return nil, err
	}
	return &Session{client: c, User: a.User, access: a.AccessToken, refresh: a.RefreshToken}, nil
}

// ResumeSession continues a session from a refresh token that was kept.
func (c *Client) ResumeSession(ctx context.Context, refreshToken string) (*Session, error) {
	a, err := c.renewSession(ctx, refreshToken)
	if err != nil {
		return nil, err
	}
	return &Session{client: c, User: a.User, access: a.AccessToken, refresh: a.RefreshToken}, nil
}

// Token implements [TokenSource].
func (s *Session) Token(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.access, nil
}

// RefreshToken returns the token that [Client.ResumeSession] takes. It changes
// with every refresh.
func (s *Session) RefreshToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh
}

// Refresh replaces a token that the server refused, unless that happened
// already, and returns the current one.
func (s *Session) Refresh(ctx context.Context, stale string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.access != stale {
		return s.access, nil
	}
	a, err := s.client.renewSession(ctx, s.refresh)
	if err != nil {
		return "", err
	}
	s.access, s.refresh = a.AccessToken, a.RefreshToken
	return s.access, nil
}

// renewSession trades a refresh token for new tokens. Where the answer has no
// new refresh token the old one stays good.
func (c *Client) renewSession(ctx context.Context, refreshToken string) (sessionAnswer, error) {
	if refreshToken == "" {
		return sessionAnswer{}, errors.New("insforge: the session has no refresh token")
	}
	a := sessionAnswer{RefreshToken: refreshToken}
	err := c.session(ctx, "/api/auth/refresh", map[string]string{"refreshToken": refreshToken}, &a, refreshToken)
	return a, err
}

// String describes the session without its tokens.
func (s *Session) String() string { return "insforge.Session(" + s.User.ID + ")" }

// GoString is String: %#v must not print the tokens either.
func (s *Session) GoString() string { return s.String() }

// LogValue shows the session in a log without its tokens.
func (s *Session) LogValue() slog.Value { return slog.StringValue(s.String()) }

// session asks for tokens. client_type makes InsForge put the refresh token
// into the body rather than into a browser's cookie.
func (c *Client) session(ctx context.Context, path string, body any, into *sessionAnswer, secrets ...string) error {
	if c.dialect != InsForge {
		return fmt.Errorf("insforge: sign-in: %w", ErrDialect)
	}
	encoded, err := marshal(body)
	if err != nil {
		return fmt.Errorf("insforge: sign-in: %w", err)
	}
	r := &call{
		operation: "auth", table: path, method: http.MethodPost, path: path, query: "client_type=server",
		accept: acceptJSON, body: encoded, secrets: secrets,
	}
	return c.send(ctx, r, func(a answer) error {
		if err := c.decodeBody(a.body, into); err != nil {
			return decodeError(r, a, c.redact().with(secrets...), err)
		}
		if into.AccessToken == "" {
			return decodeError(r, a, c.redact().with(secrets...), errors.New("no access token in it"))
		}
		return nil
	})
}
