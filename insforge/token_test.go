package insforge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
)

// tokens is a source whose token is refused until it is refreshed.
type tokens struct {
	mu        sync.Mutex
	current   string
	refreshes int
}

func (s *tokens) Token(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, nil
}

func (s *tokens) Refresh(_ context.Context, stale string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stale == s.current {
		s.current = "fresh"
		s.refreshes++
	}
	return s.current, nil
}

func TestTokenIsRefreshedOnce(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer fresh" {
			answer(401, `{"error":"AUTH_UNAUTHORIZED","message":"Invalid token"}`)(w, r)
			return
		}
		answer(200, `[{"id":1}]`)(w, r)
	})
	source := &tokens{current: "stale"}
	c := s.client(t, insforge.WithTokenSource(source), insforge.WithAPIKey("public"))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := insforge.One[lead](t.Context(), c.From("leads"))
			require.NoError(t, err)
		})
	}
	group.Wait()
	require.Equal(t, 1, source.refreshes)
	require.Equal(t, "public", s.seen()[0].Header.Get("Apikey"))
}

// minting is a source that makes a new token whenever it is asked to, whoever
// asks, and counts how often.
type minting struct{ made atomic.Int64 }

func (s *minting) Token(context.Context) (string, error) {
	return "token " + strconv.FormatInt(s.made.Load(), 10), nil
}

func (s *minting) Refresh(ctx context.Context, _ string) (string, error) {
	time.Sleep(5 * time.Millisecond)
	s.made.Add(1)
	return s.Token(ctx)
}

// TestOneRefreshForAll: however late a request learns that its token was
// refused, it finds the new one.
func TestOneRefreshForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var source minting
		var reached atomic.Int64
		c, err := insforge.New("http://db.example", insforge.WithTokenSource(&source), insforge.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				time.Sleep(time.Duration(reached.Add(1)) * time.Millisecond)
				if r.Header.Get("Authorization") == "Bearer token 0" {
					return reply(r, 401, `{"code":"PGRST301","message":"JWT expired"}`), nil
				}
				return reply(r, 200, `[{"id":1}]`), nil
			}),
		}))
		require.NoError(t, err)
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				_, err := insforge.One[lead](t.Context(), c.From("leads"))
				require.NoError(t, err)
			})
		}
		group.Wait()
		require.EqualValues(t, 1, source.made.Load())
		require.EqualValues(t, 200, reached.Load())
	})
}

// TestARefreshThatFails is told without what it was made with.
func TestARefreshThatFails(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(401, `{"code":"PGRST301"}`))
	source := failing{errors.New("no")}
	for _, source.err = range []error{
		fmt.Errorf("renewing: %w", &url.Error{Op: "Post", URL: "http://auth/?refresh_token=hidden", Err: io.EOF}),
		errors.New("the token of-a-user has expired"),
	} {
		_, err := insforge.One[lead](t.Context(), s.client(t, insforge.WithTokenSource(source)).From("leads"))
		require.True(t, insforge.IsPermission(err))
		require.ErrorContains(t, err, "refreshing the token")
		require.NotContains(t, err.Error(), "hidden")
		require.NotContains(t, err.Error(), "of-a-user")
	}
}

type failing struct{ err error }

func (f failing) Token(context.Context) (string, error)           { return "of-a-user", nil }
func (f failing) Refresh(context.Context, string) (string, error) { return "", f.err }

func TestTokenRefusedTwice(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(401, `{"code":"PGRST301","message":"JWT expired"}`))
	_, err := insforge.One[lead](t.Context(), s.client(t, insforge.WithTokenSource(&tokens{current: "stale"})).From("leads"))
	require.True(t, insforge.IsPermission(err))
	require.Len(t, s.seen(), 2)

	s = newStub(t, answer(401, `{"code":"42501","message":"permission denied"}`))
	_, err = insforge.One[lead](t.Context(), s.client(t, insforge.WithTokenSource(&tokens{current: "stale"})).From("leads"))
	require.True(t, insforge.IsPermission(err))
	require.Len(t, s.seen(), 1, "a permission that is missing does not come with a new token")
}
