package insforge_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// The verbs of the retry table, by what is known of repeating them.
var verbs = []struct {
	name     string
	harmless bool
	do       func(context.Context, *insforge.Client) error
}{
	{"read", true, func(ctx context.Context, c *insforge.Client) error {
		_, err := insforge.One[lead](ctx, c.From("leads"))
		return err
	}},
	{"insert", false, func(ctx context.Context, c *insforge.Client) error {
		_, err := insforge.Insert[lead](ctx, c.From("leads"), lead{Name: "Ann"})
		return err
	}},
	{"insert ignoring duplicates", true, func(ctx context.Context, c *insforge.Client) error {
		_, err := insforge.Insert[lead](ctx, c.From("leads"), lead{Name: "Ann"}, insforge.OnConflictIgnore("name"))
		return err
	}},
	{"insert merging duplicates", false, func(ctx context.Context, c *insforge.Client) error {
		_, err := insforge.Insert[lead](ctx, c.From("leads"), lead{Name: "Ann"}, insforge.OnConflictMerge("name"))
		return err
	}},
	{"update", false, func(ctx context.Context, c *insforge.Client) error {
		_, err := insforge.Update[lead](ctx, c.From("leads").Where(filter.Eq("id", 1)), lead{Name: "Ann"})
		return err
	}},
	{"idempotent update", true, func(ctx context.Context, c *insforge.Client) error {
		_, err := insforge.Update[lead](ctx, c.From("leads").Where(filter.Eq("id", 1)), lead{Name: "Ann"}, insforge.Idempotent())
		return err
	}},
	{"delete", false, func(ctx context.Context, c *insforge.Client) error {
		_, err := insforge.Delete[lead](ctx, c.From("leads").Where(filter.Eq("id", 1)))
		return err
	}},
	{"call", false, func(ctx context.Context, c *insforge.Client) error {
		_, err := insforge.Call[[]lead](ctx, c, "claim", nil)
		return err
	}},
}

// cut drops the connection without an answer, as after a crash: whether the
// request was carried out, nobody knows.
func cut(w http.ResponseWriter, _ *http.Request) {
	conn, _, _ := w.(http.Hijacker).Hijack()
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// short promises a longer body than it sends.
func short(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `[{"id":1`)
	panic(http.ErrAbortHandler)
}

// TestWhatIsRepeated is the retry policy: for every kind of failure and every
// kind of request, how often the server was asked.
func TestWhatIsRepeated(t *testing.T) {
	t.Parallel()
	const (
		never    = iota // only once, and safe to repeat by the caller
		harmless        // repeated if harmless; else once, and the caller is told not to
		always          // repeated whatever it is
	)
	failures := []struct {
		name   string
		fail   http.HandlerFunc
		repeat int
	}{
		{"connection lost after the request", cut, harmless},
		{"connection lost in the body", short, harmless},
		{"HTML 502", answer(502, "<html><title>Bad Gateway</title></html>"), harmless},
		{"empty 504", answer(504, ""), harmless},
		{"gateway's own timeout", answer(500, `{"error":"INTERNAL_ERROR","message":"timeout of 10000ms exceeded","statusCode":500}`), harmless},
		{"unavailable, for whatever reason", answer(503, ""), harmless},
		{"cut off by a shutdown of the database", answer(503, `{"code":"57P01","message":"terminating connection"}`), harmless},
		{"rate limited", answer(429, `{"error":"RATE_LIMITED"}`), always},
		{"no database connection", answer(503, `{"code":"PGRST000"}`), always},
		{"no schema cache", answer(503, `{"code":"PGRST002"}`), always},
		{"pool exhausted", answer(504, `{"code":"PGRST003"}`), always},
		{"serialisation failure", answer(500, `{"code":"40001"}`), always},
		{"deadlock", answer(500, `{"code":"40P01"}`), always},
		{"statement timeout", answer(500, `{"code":"57014"}`), never},
		{"error raised by a function", answer(500, `{"code":"P0002"}`), never},
		{"bad request", answer(400, `{"code":"22P02"}`), never},
		{"unique violation", answer(409, `{"code":"23505"}`), never},
		{"not found", answer(404, `{}`), never},
		{"ambiguous embedding", answer(300, `{"code":"PGRST201","details":[{"a":1}]}`), never},
		{"not implemented", answer(501, ""), never},
		{"redirect", answer(307, "", "Location", "/elsewhere"), never},
	}
	for _, failure := range failures {
		for _, verb := range verbs {
			t.Run(failure.name+"/"+verb.name, func(t *testing.T) {
				t.Parallel()
				s := newStub(t, failure.fail, failure.fail, answer(200, `[{"id":1}]`))
				err := verb.do(t.Context(), s.client(t))
				if failure.repeat == always || failure.repeat == harmless && verb.harmless {
					require.NoError(t, err)
					require.Len(t, s.seen(), 3)
					require.Equal(t, "2", s.seen()[2].Header.Get("X-Retry-Count"))
					return
				}
				require.Error(t, err)
				require.Len(t, s.seen(), 1)
				require.Equal(t, failure.repeat == never, insforge.SafeToRepeat(err), "SafeToRepeat(%v)", err)
			})
		}
	}
}

func TestUnreachableServer(t *testing.T) {
	t.Parallel()
	const nobody = "http://127.0.0.1:1" // a port that has just been given up may be another test's by now
	policy := insforge.DefaultRetryPolicy()
	policy.Base, policy.Max = 1, 1
	c, err := insforge.New(nobody, insforge.WithRetry(policy))
	require.NoError(t, err)
	for _, verb := range verbs {
		err := verb.do(t.Context(), c)
		var transport *insforge.TransportError
		require.ErrorAs(t, err, &transport, verb.name)
		require.Equal(t, 4, transport.Attempts, verb.name)
		require.True(t, insforge.SafeToRepeat(err), verb.name)
	}
}

// TestDoubtIsKept: that the last attempt was refused does not say that the one
// before it, whose answer was lost, did nothing.
func TestDoubtIsKept(t *testing.T) {
	t.Parallel()
	s := newStub(t, cut, answer(409, `{"code":"23505"}`))
	_, err := s.client(t).From("leads").Insert(t.Context(), lead{Name: "Ann"}, insforge.Idempotent())
	require.True(t, insforge.IsUniqueViolation(err))
	require.False(t, insforge.SafeToRepeat(err))
}

// TestUncountedSuccess: that a write does not say how many rows it changed
// does not undo it.
func TestUncountedSuccess(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(204, ""))
	_, err := s.client(t).From("leads").Where(filter.Eq("id", 1)).Delete(t.Context(), insforge.Idempotent())
	require.ErrorContains(t, err, "was carried out")
	require.False(t, insforge.SafeToRepeat(err))
	require.Len(t, s.seen(), 1)
}

// TestUnreadableSuccess: a write whose answer makes no sense was carried out.
func TestUnreadableSuccess(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"<html><body>Sign in first</body></html>", "", "null x", `{"id":1}`} {
		s := newStub(t, answer(200, body))
		_, err := insforge.Insert[lead](t.Context(), s.client(t).From("leads"), lead{Name: "Ann"})
		var refusal *insforge.Error
		require.ErrorAs(t, err, &refusal, "%q", body)
		require.Equal(t, 200, refusal.Status)
		require.False(t, insforge.SafeToRepeat(err))
		require.Len(t, s.seen(), 1)
	}
}

// roundTrip is a transport for time that does not pass.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(r *http.Request, status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{
		StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header func(now time.Time) []string
		wait   time.Duration // exactly, or 0 for a random one below Base
		gives  time.Duration // up, with this delay in the error
	}{
		{"seconds", func(time.Time) []string { return []string{"Retry-After", "7"} }, 7 * time.Second, 0},
		{"date", func(now time.Time) []string {
			return []string{"Retry-After", now.Add(8 * time.Second).UTC().Format(http.TimeFormat)}
		}, 8 * time.Second, 0},
		{"date of a server whose clock is wrong", func(now time.Time) []string {
			wrong := now.AddDate(0, 0, 3).UTC()
			return []string{"Date", wrong.Format(http.TimeFormat), "Retry-After", wrong.Add(9 * time.Second).Format(http.TimeFormat)}
		}, 9 * time.Second, 0},
		{"too long", func(time.Time) []string { return []string{"Retry-After", "3600"} }, 0, time.Hour},
		{"none", func(time.Time) []string { return nil }, 0, 0},
		{"past date", func(now time.Time) []string {
			return []string{"Retry-After", now.Add(-time.Hour).UTC().Format(http.TimeFormat)}
		}, 0, 0},
		{"rubbish", func(time.Time) []string { return []string{"Retry-After", "soon"} }, 0, 0},
		{"negative", func(time.Time) []string { return []string{"Retry-After", "-5"} }, 0, 0},
		{"not a number", func(time.Time) []string { return []string{"Retry-After", "NaN"} }, 0, 0},
		{"huge", func(time.Time) []string { return []string{"Retry-After", "1e300"} }, 0, 1 << 31 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c, err := insforge.New("http://db.example", insforge.WithHTTPClient(&http.Client{
					Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
						asked++
						if asked == 1 {
							return reply(r, 429, `{}`, tt.header(time.Now())...), nil
						}
						return reply(r, 200, `[{"id":1}]`), nil
					}),
				}))
				require.NoError(t, err)
				start := time.Now()
				_, err = insforge.One[lead](t.Context(), c.From("leads"))
				waited := time.Since(start)
				if tt.gives > 0 {
					delay, limited := insforge.IsRateLimited(err)
					require.True(t, limited)
					require.Equal(t, tt.gives, delay)
					require.Zero(t, waited)
					return
				}
				require.NoError(t, err)
				if tt.wait > 0 {
					require.Equal(t, tt.wait, waited)
				} else {
					require.LessOrEqual(t, waited, insforge.DefaultRetryPolicy().Base)
				}
			})
		})
	}
}

// TestDeadline: the caller's time ends the attempts, and the error still tells
// what was wrong.
func TestDeadline(t *testing.T) {
	t.Parallel()
	unavailable := func(r *http.Request) (*http.Response, error) { return reply(r, 503, `{"code":"PGRST001"}`), nil }
	hang := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	t.Run("a wait beyond the deadline is not begun", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			policy := insforge.DefaultRetryPolicy()
			policy.Attempts, policy.Base, policy.Max = 1000, time.Minute, time.Minute
			err := oneLead(ctx, t, unavailable, insforge.WithRetry(policy))
			var refusal *insforge.Error
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, "PGRST001", refusal.Code)
		})
	})
	t.Run("an attempt has its own limit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			err := oneLead(t.Context(), t, hang, insforge.WithTimeout(3*time.Second), insforge.WithRetry(insforge.NoRetry()))
			require.Equal(t, 3*time.Second, time.Since(start))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			var transport *insforge.TransportError
			require.ErrorAs(t, err, &transport)
			require.True(t, transport.Timeout())
		})
	})
	t.Run("all attempts have a budget", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			policy := insforge.DefaultRetryPolicy()
			policy.Attempts, policy.Budget = 1000, time.Minute
			start := time.Now()
			require.Error(t, oneLead(t.Context(), t, unavailable, insforge.WithRetry(policy)))
			require.InDelta(t, 60, time.Since(start).Seconds(), 10)
		})
	})
	t.Run("a wait that the server asks for counts", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			policy := insforge.DefaultRetryPolicy()
			policy.Attempts, policy.Budget = 1000, 12*time.Second
			start := time.Now()
			err := oneLead(t.Context(), t, func(r *http.Request) (*http.Response, error) {
				return reply(r, 429, "", "Retry-After", "7"), nil
			}, insforge.WithRetry(policy))
			_, limited := insforge.IsRateLimited(err)
			require.True(t, limited)
			require.Equal(t, 7*time.Second, time.Since(start))
		})
	})
	t.Run("an attempt ends with the budget", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			policy := insforge.DefaultRetryPolicy()
			policy.Budget = 20 * time.Second // an attempt alone has 15
			start := time.Now()
			require.ErrorIs(t, oneLead(t.Context(), t, hang, insforge.WithRetry(policy)), context.DeadlineExceeded)
			require.Equal(t, 20*time.Second, time.Since(start))
		})
	})
	t.Run("an attempt that the end cuts off does not hide what was wrong before", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			asked := 0
			err := oneLead(ctx, t, func(r *http.Request) (*http.Response, error) {
				if asked++; asked == 1 {
					return unavailable(r)
				}
				return hang(r)
			})
			var refusal *insforge.Error
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, "PGRST001", refusal.Code)
			require.Equal(t, 2, refusal.Attempts)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		})
	})
	t.Run("cancelling ends a wait", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			limited := func(r *http.Request) (*http.Response, error) {
				time.AfterFunc(time.Second, cancel)
				return reply(r, 429, "", "Retry-After", "9"), nil
			}
			start := time.Now()
			err := oneLead(ctx, t, limited)
			require.Equal(t, time.Second, time.Since(start))
			require.ErrorIs(t, err, context.Canceled)
			_, isLimited := insforge.IsRateLimited(err)
			require.True(t, isLimited, "the last real error is kept")
		})
	})
	t.Run("nothing is sent after the end", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := oneLead(ctx, t, func(*http.Request) (*http.Response, error) { panic("sent") })
		require.ErrorIs(t, err, context.Canceled)
		require.True(t, insforge.SafeToRepeat(err))
	})
}

func oneLead(ctx context.Context, t *testing.T, transport roundTrip, opts ...insforge.Option) error {
	opts = append(opts, insforge.WithHTTPClient(&http.Client{Transport: transport}))
	c, err := insforge.New("http://db.example", opts...)
	require.NoError(t, err)
	_, err = insforge.One[lead](ctx, c.From("leads"))
	return err
}

// TestWaitsGrow checks the limits of the random waits: doubling, up to Max.
func TestWaitsGrow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Time
		policy := insforge.RetryPolicy{Attempts: 6, Base: time.Second, Max: 5 * time.Second}
		err := oneLead(t.Context(), t, func(r *http.Request) (*http.Response, error) {
			sent = append(sent, time.Now())
			return reply(r, 503, ""), nil
		}, insforge.WithRetry(policy))
		var refusal *insforge.Error
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, 6, refusal.Attempts)
		require.Len(t, sent, 6)
		for i, most := range []time.Duration{1, 2, 4, 5, 5} {
			require.LessOrEqual(t, sent[i+1].Sub(sent[i]), most*time.Second)
		}
	})
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	long := "<html><head><title>502 Bad Gateway</title></head><body>" + strings.Repeat("sorry ", 200) + "</body></html>"
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   string
		check  func(*testing.T, *insforge.Error)
	}{
		{"PostgREST", answer(400, `{"code":"42703","details":null,"hint":"Perhaps you meant name.","message":"column leads.nam does not exist"}`),
			"insforge: GET leads: 400 42703: column leads.nam does not exist",
			func(t *testing.T, e *insforge.Error) {
				require.Equal(t, "Perhaps you meant name.", e.Hint)
				require.Nil(t, e.Details)
			}},
		{"details", answer(409, `{"code":"23505","details":"Key (id)=(1) already exists.","hint":null,"message":"duplicate key"}`),
			"insforge: GET leads: 409 23505: duplicate key (Key (id)=(1) already exists.)",
			func(t *testing.T, e *insforge.Error) { require.True(t, insforge.IsUniqueViolation(e)) }},
		{"details that are an array", answer(300, `{"code":"PGRST201","details":[{"a":1}],"message":"ambiguous"}`),
			`insforge: GET leads: 300 PGRST201: ambiguous ([{"a":1}])`, nil},
		{"InsForge", answer(401, `{"error":"AUTH_INVALID_API_KEY","message":"Invalid API key","statusCode":401,"nextActions":"Check the key."}`,
			"X-Request-Id", "r1"),
			"insforge: GET leads: 401 AUTH_INVALID_API_KEY: Invalid API key",
			func(t *testing.T, e *insforge.Error) {
				require.Equal(t, "Check the key.", e.Hint)
				require.Equal(t, "r1", e.RequestID)
				require.True(t, insforge.IsPermission(e))
			}},
		{"anonymous", answer(401, `{"code":"42501","message":"permission denied for table leads"}`),
			"insforge: GET leads: 401 42501: permission denied for table leads",
			func(t *testing.T, e *insforge.Error) { require.True(t, insforge.IsPermission(e)) }},
		{"numeric code", answer(401, `{"code":401,"message":"no"}`), "insforge: GET leads: 401 401: no", nil},
		{"empty object", answer(404, `{}`), "insforge: GET leads: 404 Not Found",
			func(t *testing.T, e *insforge.Error) { require.True(t, insforge.IsNotFound(e)) }},
		{"empty", answer(431, ``), "insforge: GET leads: 431 Request Header Fields Too Large", nil},
		{"page", answer(403, long), "", func(t *testing.T, e *insforge.Error) {
			require.True(t, strings.HasPrefix(e.Message, "502 Bad Gateway sorry sorry"))
			require.Less(t, len(e.Message), 210)
		}},
		{"text", answer(400, "no\nway"), "insforge: GET leads: 400: no way", nil},
		{"broken JSON", answer(400, `{"code":`), `insforge: GET leads: 400: {"code":`, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, tt.answer)
			_, err := insforge.One[lead](t.Context(), s.client(t).From("leads"))
			var refusal *insforge.Error
			require.ErrorAs(t, err, &refusal)
			if tt.want != "" {
				require.Equal(t, tt.want, err.Error())
			}
			if tt.check != nil {
				tt.check(t, refusal)
			}
		})
	}
}

// TestSingleRowErrors: PostgREST says none and many by the same code.
func TestSingleRowErrors(t *testing.T) {
	t.Parallel()
	for rows, want := range map[string]error{"0": insforge.ErrNoRows, "2": insforge.ErrTooManyRows} {
		s := newStub(t, answer(406, fmt.Sprintf(`{"code":"PGRST116","details":"The result contains %s rows","message":"JSON object requested"}`, rows)))
		n, err := s.client(t).From("leads").Where(filter.Eq("id", 1)).Delete(t.Context(), insforge.Single())
		require.ErrorIs(t, err, want)
		require.Zero(t, n)
		require.Equal(t, "application/vnd.pgrst.object+json", s.seen()[0].Header.Get("Accept"))
	}
}

// TestRedirectsAreNotFollowed: wherever they point, the key does not go there.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	elsewhere := newStub(t, answer(200, `[]`))
	s := newStub(t, answer(307, "", "Location", elsewhere.URL+"/leads?apikey=secret"))
	_, err := insforge.All[lead](t.Context(), s.client(t, insforge.WithAPIKey("secret")).From("leads"))
	var refusal *insforge.Error
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, 307, refusal.Status)
	require.NotContains(t, err.Error(), "secret")
	require.Empty(t, elsewhere.seen())
}

// TestSecretsStayOut looks for the key and for values of the query in
// everything that could be printed.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	const key, value = "ik_0123456789", "value-of-a-filter"
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(502)
		fmt.Fprintf(w, "<pre>%v</pre>", r.Header)
	}
	inBody := answer(400, `{"code":"`+key+`x","message":"key `+key+`","hint":"`+key+`","details":["`+key+`"]}`, "X-Request-Id", key)
	for _, fail := range []http.HandlerFunc{echo, inBody, cut, answer(200, key)} {
		var log strings.Builder
		s := newStub(t, fail)
		c := s.client(t, insforge.WithAPIKey(key), insforge.WithLogger(textLogger(&log)))
		_, err := insforge.All[lead](t.Context(), c.From("leads").Where(filter.Eq("name", value)))
		require.Error(t, err)
		for _, text := range []string{
			err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), log.String(),
			fmt.Sprintf("%v %+v %#v %s", c, c, c, c), fmt.Sprintf("%v %+v %#v", *c, *c, c.From("leads")),
		} {
			require.NotContains(t, text, key)
			require.NotContains(t, text, value)
		}
		require.NotEmpty(t, log.String())
	}
	for _, bad := range []string{"http://user:" + key + "@host/", "://" + key, "http://host/?apikey=" + key} {
		_, err := insforge.New(bad)
		require.Error(t, err)
		require.NotContains(t, err.Error(), key)
	}
	_, err := insforge.New("http://host", insforge.WithAPIKey(key+"\n"))
	require.ErrorContains(t, err, "line break")
	require.NotContains(t, err.Error(), key)
}

func TestGzip(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			w.WriteHeader(500)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, `[{"id":1,"name":"Ann"}]`)
		_ = z.Close()
	})
	got, err := insforge.One[lead](t.Context(), s.client(t).From("leads"))
	require.NoError(t, err)
	require.Equal(t, lead{1, "Ann"}, got)
}

func TestLargeAnswerIsAnError(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(200, "["+strings.Repeat(`{"id":1},`, 100)+`{"id":1}]`))
	_, err := insforge.All[lead](t.Context(), s.client(t, insforge.WithMaxResponse(100)).From("leads"))
	require.ErrorContains(t, err, "larger than allowed")
	require.Len(t, s.seen(), 1)
}

// TestWhatTheTransportRepeats: on a connection that turns out to be dead,
// net/http by itself sends a read again, and never a write.
func TestWhatTheTransportRepeats(t *testing.T) {
	t.Parallel()
	for _, verb := range verbs {
		t.Run(verb.name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t, answer(200, `[{"id":1}]`), cut, answer(200, `[{"id":1}]`))
			c := s.client(t, insforge.WithRetry(insforge.NoRetry()))
			_, err := insforge.One[lead](t.Context(), c.From("leads")) // leaves a connection behind
			require.NoError(t, err)
			err = verb.do(t.Context(), c)
			if verb.name == "read" {
				require.NoError(t, err)
				require.Len(t, s.seen(), 3)
				return
			}
			require.Error(t, err)
			require.False(t, insforge.SafeToRepeat(err))
			require.Len(t, s.seen(), 2)
		})
	}
}

// TestSecretsStayInside: an error of the transport that holds the key can be
// recognised, but the key is not to be found in it at any depth.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	const key = `ik_"0123456789`
	cause := fmt.Errorf("dialling with %s: %w", key, net.ErrClosed)
	c, err := insforge.New("http://db.example", insforge.WithAPIKey(key), insforge.WithRetry(insforge.NoRetry()),
		insforge.WithHTTPClient(&http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, cause })}))
	require.NoError(t, err)
	_, err = insforge.All[lead](t.Context(), c.From("leads"))
	require.ErrorIs(t, err, net.ErrClosed)
	for ; err != nil; err = errors.Unwrap(err) {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "0123456789")
	}
}

// recorder is an observer that writes everything down.
type recorder struct {
	mu    sync.Mutex
	ended []insforge.Attempt
}

func (r *recorder) Start(ctx context.Context, _ insforge.Attempt) context.Context { return ctx }

func (r *recorder) End(_ context.Context, a insforge.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, a)
}

func TestObserver(t *testing.T) {
	t.Parallel()
	s := newStub(t, answer(503, ""), answer(200, `[{"id":1}]`))
	var seen recorder
	_, err := insforge.One[lead](t.Context(), s.client(t, insforge.WithObserver(&seen)).From("leads"))
	require.NoError(t, err)
	require.Len(t, seen.ended, 2)
	first, second := seen.ended[0], seen.ended[1]
	require.Equal(t, []any{"select", "GET", "leads", 1, 503}, []any{first.Operation, first.Method, first.Table, first.Number, first.Status})
	require.Error(t, first.Err)
	require.Equal(t, []any{2, 200, nil}, []any{second.Number, second.Status, errors.Unwrap(second.Err)})
	require.NoError(t, second.Err)
}

// TestConnectionsAreReused: bursts must not dial anew each time.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	opened := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(answer(200, `[{"id":1}]`)))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			opened++
		}
	}
	s.Start()
	defer s.Close()
	c, err := insforge.New(s.URL)
	require.NoError(t, err)
	defer c.CloseIdleConnections()
	for range 50 {
		var group sync.WaitGroup
		for range 16 {
			group.Go(func() {
				_, err := insforge.One[lead](t.Context(), c.From("leads"))
				require.NoError(t, err)
			})
		}
		group.Wait()
	}
	mu.Lock()
	defer mu.Unlock()
	require.LessOrEqual(t, opened, 16)
}

// A server that ends the connection behind a HEAD, without a word, as PostgREST
// does: what is written next does not go that way.
func TestAWriteBehindACount(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				requests := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(requests)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					if r.Method == http.MethodHead {
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Range: */0\r\n\r\n")
						time.Sleep(10 * time.Millisecond) // the client has read it by then
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 201 Created\r\nContent-Range: */1\r\nContent-Length: 0\r\n\r\n")
				}
			})
		}
	})
	c, err := insforge.New("http://" + listener.Addr().String())
	require.NoError(t, err)
	for range 20 {
		_, err := insforge.Count(t.Context(), c.From("leads"))
		require.NoError(t, err)
		_, err = c.From("leads").Insert(t.Context(), lead{Name: "Ann"})
		require.NoError(t, err)
	}
	c.CloseIdleConnections()
	require.NoError(t, listener.Close())
	serving.Wait()
}
