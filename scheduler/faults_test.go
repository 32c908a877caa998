package scheduler_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/scheduler"
)

// A fault is a mistake of the design that this package replaces, put back
// between the package and the store: a transport rewrites the requests into
// those that the faulty code would have sent. The code under test has no
// switches for it.
type fault struct {
	transport func(l *life, m *machine, store http.RoundTripper) http.RoundTripper
	sender    func(sender scheduler.Sender) scheduler.Sender
}

var none fault

// isClaim tells a claim from other writes: it counts a nudge or moves due_at,
// and leaves a token.
func isClaim(r *http.Request) bool {
	return r.Method == http.MethodPatch && r.URL.Query().Get("due_at") != "" && strings.HasPrefix(r.URL.Query().Get("due_at"), "lte.") && r.URL.Query().Has("id")
}

// rewritten is a request with another query, and the same body.
func rewritten(r *http.Request, query url.Values, body []byte) *http.Request {
	again := r.Clone(r.Context())
	again.URL.RawQuery = query.Encode()
	again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return again
}

func bodyOf(r *http.Request) []byte {
	if r.Body == nil {
		return nil
	}
	body, _ := io.ReadAll(r.Body)
	return body
}

var faults = map[string]fault{
	// The mark names the rows and nothing else: whoever listed them marks them.
	"the mark is unconditional": {transport: func(_ *life, _ *machine, store http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if !isClaim(r) {
				return store.RoundTrip(r)
			}
			query := r.URL.Query()
			for _, condition := range []string{"status", "reminder_count", "due_at"} {
				query.Del(condition)
			}
			return store.RoundTrip(rewritten(r, query, bodyOf(r)))
		})
	}},
	// PostgREST up to 12 selects the rows of a limited PATCH first and changes
	// them then, without looking at the condition again.
	"the claim has a limit, which 12 obeys": {transport: func(_ *life, _ *machine, store http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if !isClaim(r) {
				return store.RoundTrip(r)
			}
			body := bodyOf(r)
			list := r.Clone(r.Context())
			list.Method, list.Body, list.ContentLength = http.MethodGet, nil, 0
			query := r.URL.Query()
			query.Set("select", "id")
			list.URL.RawQuery = query.Encode()
			response, err := store.RoundTrip(list)
			if err != nil || response.StatusCode != http.StatusOK {
				return response, err
			}
			found, err := io.ReadAll(response.Body)
			if err != nil {
				return nil, err
			}
			_ = response.Body.Close()
			time.Sleep(time.Millisecond) // in which others do the same
			query = r.URL.Query()
			for _, condition := range []string{"status", "reminder_count", "due_at"} {
				query.Del(condition)
			}
			query.Set("id", "in.("+strings.Join(regexp.MustCompile(`\d+`).FindAllString(string(found), -1), ",")+")")
			return store.RoundTrip(rewritten(r, query, body))
		})
	}},
	// PostgREST from 13 on takes no notice of the limit: all that fulfils the
	// condition is changed, and the caller knows of the rows it asked for.
	"the claim has a limit, which 13 ignores": {transport: func(_ *life, _ *machine, store http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if !isClaim(r) {
				return store.RoundTrip(r)
			}
			query := r.URL.Query()
			query.Del("id")
			return store.RoundTrip(rewritten(r, query, bodyOf(r)))
		})
	}},
	// The token is as fine as the clock: the database rounds it to the next
	// microsecond, and whoever asks for it finds nothing.
	"the token has nanoseconds": {transport: func(_ *life, _ *machine, store http.RoundTripper) http.RoundTripper {
		token := regexp.MustCompile(`"last_reminded_at":"([^"]*)Z"`)
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if !isClaim(r) {
				return store.RoundTrip(r)
			}
			body := token.ReplaceAllFunc(bodyOf(r), func(found []byte) []byte {
				at, err := time.Parse(time.RFC3339Nano, string(token.FindSubmatch(found)[1])+"Z")
				if err != nil {
					return found
				}
				return []byte(`"last_reminded_at":"` + at.Add(time.Microsecond).Format(time.RFC3339Nano) + `"`)
			})
			return store.RoundTrip(rewritten(r, r.URL.Query(), body))
		})
	}},
	// A new plan begins with cancelling the old one.
	"the old plan is cancelled before the new one is there": {transport: func(l *life, m *machine, store http.RoundTripper) http.RoundTripper {
		lead := regexp.MustCompile(`"lead_id":(\d+)`)
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/scheduled_reminders") {
				return store.RoundTrip(r)
			}
			body := bodyOf(r)
			cancel := rewritten(r, url.Values{"lead_id": {"eq." + string(lead.FindSubmatch(body)[1])}, "status": {"in.(pending,sent,snoozed,parked)"}}, []byte(`{"status":"cancelled"}`))
			cancel.Method = http.MethodPatch
			if response, err := store.RoundTrip(cancel); err != nil || response.StatusCode >= 300 {
				return response, err
			}
			return store.RoundTrip(rewritten(r, r.URL.Query(), body))
		})
	}},
	// A claim whose answer was lost is sent again, and what the second time
	// finds is believed. There is no token to read back.
	"a claim is blindly repeated": {transport: func(_ *life, _ *machine, store http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodGet && strings.HasPrefix(r.URL.Query().Get("last_reminded_at"), "eq.") {
				return answering(r, 200, `[]`), nil
			}
			if !isClaim(r) {
				return store.RoundTrip(r)
			}
			body := bodyOf(r)
			response, err := store.RoundTrip(rewritten(r, r.URL.Query(), body))
			if err == nil && response.StatusCode < 500 {
				return response, nil
			}
			return store.RoundTrip(rewritten(r, r.URL.Query(), body))
		})
	}},
	// A message whose answer was lost is sent again.
	"a message is blindly repeated": {sender: func(sender scheduler.Sender) scheduler.Sender {
		return sends(func(ctx context.Context, m scheduler.Message) scheduler.Result {
			result := sender.Send(ctx, m)
			if result.Outcome == scheduler.Ambiguous {
				result = sender.Send(ctx, m)
			}
			return result
		})
	}},
}

type sends func(ctx context.Context, m scheduler.Message) scheduler.Result

func (f sends) Send(ctx context.Context, m scheduler.Message) scheduler.Result { return f(ctx, m) }

// lives is how many random lives are searched for a fault. Most faults show in
// one of the first ten.
const lives = 200

// TestEachFaultOfTheOldDesignIsFound puts the faults back one at a time, and
// expects the model to find each: the promise is tested by something that can
// fail.
func TestEachFaultOfTheOldDesignIsFound(t *testing.T) {
	t.Parallel()
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(lives) {
				var problem string
				synctest.Test(t, func(t *testing.T) { problem = newLife(t, seed, fault).live(stepsOf(seed)) })
				if problem != "" {
					t.Logf("found in life %d: %s", seed, problem)
					return
				}
			}
			require.Fail(t, "not found", "in %d lives", lives)
		})
	}
}
