package bot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
)

// delayed carries requests on after a moment, as a network does.
type delayed struct {
	http.RoundTripper
	takes func() time.Duration
}

func (d delayed) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := pause(r.Context(), d.takes()); err != nil {
		return nil, err
	}
	return d.RoundTripper.RoundTrip(r)
}

// inProcess carries requests to a handler without a socket, which time in a
// bubble does not wait for.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	served := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), bytes.NewReader(body))
	served.Header = r.Header
	answer := httptest.NewRecorder()
	p.ServeHTTP(answer, served)
	return answer.Result(), r.Context().Err()
}

// crowd is many people at Telegram's own limits, and the service that answers
// them.
type crowd struct {
	testing.TB
	telegram *telegramtest.Server
	service  *Service
	people   []*telegramtest.User
	outcomes sync.Map // of calls of the Bot API, as metrics name them
}

// newBackend is a store in this process, as far away as takes says, and the way
// to make its clients.
func newBackend(t testing.TB, takes func() time.Duration) func(...insforge.Option) (*insforge.Client, error) {
	t.Helper()
	schema, err := embedded.ParseTables(migrations.Tables)
	require.NoError(t, err)
	store, err := embedded.Open(embedded.Memory, schema)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return func(options ...insforge.Option) (*insforge.Client, error) {
		return insforge.New("http://store.invalid", append(options, insforge.WithHTTPClient(&http.Client{Transport: delayed{store.Transport(embedded.PostgREST), takes}}))...)
	}
}

// newCrowd runs the service's dialogue and dispatcher until the test ends, with
// everything in this process. Telegram is 30 ms away, and the store as far as
// storeTakes says.
func newCrowd(t testing.TB, people int, storeTakes func() time.Duration) *crowd {
	t.Helper()
	srv, err := telegramtest.New(telegramtest.WithToken(testToken), telegramtest.WithStrictLimits())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close()) })
	config, err := LoadConfig([]string{"TELEGRAM_BOT_TOKEN=" + testToken, "TELEGRAM_API_URL=http://telegram.invalid", "HTTP_ADDR=127.0.0.1:0"}, "")
	require.NoError(t, err)
	s, err := New(config, newBackend(t, storeTakes), WithLogger(slog.New(slog.DiscardHandler)), WithHolder(t.Name()))
	require.NoError(t, err)
	require.NoError(t, s.listener.Close())
	c := &crowd{TB: t, telegram: srv, service: s}
	s.telegram.transport = delayed{inProcess{srv}, func() time.Duration { return 30 * time.Millisecond }}
	s.telegram.observe = func(_, outcome string) { c.outcomes.Store(outcome, true) }

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.lease.Run(ctx, s.poller.run) })
	running.Go(func() { _ = s.dispatcher.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	for id := range people {
		c.people = append(c.people, srv.User(telegramtest.Person{ID: int64(1000 + id), FirstName: fmt.Sprintf("P%d", id)}))
	}
	return c
}

// sees waits for a message of the bot's that begins so.
func (c *crowd) sees(u *telegramtest.User, begins string) telegramtest.Message {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m, err := u.Wait(ctx, func(m telegramtest.Message) bool { return m.FromBot() && strings.HasPrefix(m.Text, begins) })
	require.NoError(c, err)
	return m
}

// near is a store on the same machine, and far one at the other end of a slow
// link.
func near() time.Duration { return 0 }
func far() time.Duration  { return 50*time.Millisecond + rand.N(50*time.Millisecond) }

// press has everybody press the button so many times, at moments of their own
// within a while, and returns how long the answers took, the shortest first.
func (c *crowd) press(label string, times int, within time.Duration) []time.Duration {
	c.Helper()
	took := make([]time.Duration, len(c.people)*times)
	var everybody sync.WaitGroup
	for i, u := range c.people {
		last, _ := u.Last()
		for j := range times {
			everybody.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				if within > 0 {
					time.Sleep(rand.N(within))
				}
				began := time.Now()
				id, err := u.Press(last.ID, label)
				if err == nil {
					_, err = u.Answer(ctx, id)
				}
				if err != nil {
					c.Errorf("press %d of person %d: %v", j, i, err)
				}
				took[i*times+j] = time.Since(began)
			})
		}
	}
	everybody.Wait()
	slices.Sort(took)
	return took
}

// A hundred people write and press at once, at Telegram's own limits: each is
// answered in order, Telegram never has to ask for a pause, and nobody's press
// waits for the others, though the messages it leads to take their turn. Time is
// a bubble's, so what the machine has to do besides does not matter; how long a
// press takes on a real clock is told by BenchmarkPress.
func TestAHundredPeopleAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 100, near)
		for i, u := range c.people {
			u.Send("/start")
			u.Send("/leads")
			u.Send(fmt.Sprintf("/newlead Lead %d", i))
		}
		for i, u := range c.people {
			c.sees(u, fmt.Sprintf("📋 Plan for Lead %d:", i))
			var heads []string
			for _, m := range u.Messages() {
				if m.FromBot() {
					heads = append(heads, strings.Fields(m.Text)[1])
				}
			}
			require.Equal(t, []string{"Hello", "leads", "Plan"}, heads, "in order")
		}
		took := c.press("Schedule", 1, 0)
		require.Less(t, took[98], 300*time.Millisecond, "99 of 100 presses are answered by then")
		for i, u := range c.people {
			c.sees(u, fmt.Sprintf("✅ Scheduled for Lead %d: 7 reminders", i))
		}
		c.outcomes.Range(func(outcome, _ any) bool {
			require.Equal(t, "ok", outcome, "Telegram's limits are kept, not run into")
			return true
		})
		t.Logf("presses answered after: median %v, p99 %v, longest %v", took[49], took[98], took[99])
	})
}

// A store at the other end of a slow link, and people who press while others
// are still waiting for it.
func TestPressesDoNotWaitForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 15, far)
		for i, u := range c.people {
			u.Send(fmt.Sprintf("/newlead Lead %d", i))
		}
		for i, u := range c.people {
			c.sees(u, fmt.Sprintf("📋 Plan for Lead %d:", i))
		}
		took := c.press("Drafts", 3, 2*time.Second)
		require.Less(t, took[len(took)-2], 300*time.Millisecond, "all but one of %d", len(took))
		t.Logf("presses answered after: median %v, longest %v", took[len(took)/2], took[len(took)-1])
	})
}

// Somebody who is alone with the bot is told with the answer what the press has
// led to.
func TestALonePressIsAnsweredWithItsOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1, near)
		ann := c.people[0]
		ann.Send("/newlead Jane Doe")
		m := c.sees(ann, "📋 Plan for Jane Doe:")
		id, err := ann.Press(m.ID, "Schedule")
		require.NoError(t, err)
		answer, err := ann.Answer(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "✅ Scheduled", answer.Text)
	})
}

// BenchmarkPress has a hundred people press buttons on a real clock, and tells
// how long the answers took.
func BenchmarkPress(b *testing.B) {
	for _, bench := range []struct {
		name   string
		store  func() time.Duration
		label  string
		times  int
		within time.Duration
	}{
		{"once_each_at_once", near, "Schedule", 1, 0},
		{"five_times_each_at_once", near, "Drafts", 5, 0},
		{"once_each_within_two_seconds", near, "Schedule", 1, 2 * time.Second},
		{"once_each_at_once_store_far", far, "Schedule", 1, 0},
		{"five_times_each_at_once_store_far", far, "Drafts", 5, 0},
		{"once_each_within_two_seconds_store_far", far, "Schedule", 1, 2 * time.Second},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				b.StopTimer()
				c := newCrowd(b, 100, bench.store)
				for i, u := range c.people {
					u.Send(fmt.Sprintf("/newlead Lead %d", i))
				}
				for i, u := range c.people {
					c.sees(u, fmt.Sprintf("📋 Plan for Lead %d:", i))
				}
				b.StartTimer()
				all = append(all, c.press(bench.label, bench.times, bench.within)...)
			}
			slices.Sort(all)
			for name, of := range map[string]int{"p50-ms": 50, "p99-ms": 99} {
				b.ReportMetric(float64(all[len(all)*of/100-1].Microseconds())/1000, name)
			}
		})
	}
}
