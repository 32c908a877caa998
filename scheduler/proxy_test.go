package scheduler_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/scheduler"
)

// proxy misbehaves in every way that something between the service and the
// store can: it loses requests and answers, makes up answers of its own,
// carries requests out twice, and some of them once more much later.
type proxy struct {
	mu   sync.Mutex
	calm bool
	late sync.WaitGroup
}

func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	body := bodyOf(r)
	again := func(ctx context.Context) (*http.Response, error) {
		copied := r.Clone(ctx)
		copied.Body, copied.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		return http.DefaultTransport.RoundTrip(copied)
	}
	drop := func(ctx context.Context) {
		if response, err := again(ctx); err == nil {
			_ = response.Body.Close()
		}
	}
	p.mu.Lock()
	calm := p.calm || r.Method == http.MethodGet
	if !calm && rand.N(10) == 0 { // under the lock: once it is calm, late is waited for
		p.late.Go(func() {
			time.Sleep(rand.N(1500 * time.Millisecond))
			drop(context.Background())
		})
	}
	p.mu.Unlock()
	if calm {
		return again(r.Context())
	}
	switch rand.N(12) {
	case 0:
		return nil, io.ErrUnexpectedEOF
	case 1:
		drop(r.Context())
		return nil, io.ErrUnexpectedEOF
	case 2:
		drop(r.Context())
		return answering(r, 502, "<html>Bad Gateway</html>"), nil
	case 3:
		drop(r.Context())
		return answering(r, 500, `{"message":"connection reset by peer"}`), nil
	case 4:
		return answering(r, 503, "<html>Service Unavailable</html>"), nil
	case 5:
		drop(r.Context()) // and once more
	case 6:
		time.Sleep(rand.N(100 * time.Millisecond))
	}
	return again(r.Context())
}

// TestAProxyThatMisbehaves has several processes work behind such proxies.
func TestAProxyThatMisbehaves(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		const users = 150
		var rows []map[string]any
		for u := range users {
			rows = append(rows, w.row(scheduler.Lead{ID: w.lead(t, ann, "Jane").ID, TelegramID: ann + int64(u)}, 1, w.clock.Now().Add(-time.Minute)))
		}
		stored := w.insert(t, rows...)
		between := &proxy{}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var dispatchers []*scheduler.Dispatcher
		for range 3 {
			d := w.between(t, between.RoundTrip).dispatcher(t)
			dispatchers = append(dispatchers, d)
			running.Go(func() { _ = d.Run(ctx) })
		}
		delivered := func() map[int64]int {
			times := map[int64]int{}
			for _, m := range w.sender.Messages() {
				for _, item := range m.Items {
					times[item.Reminder.ID]++
				}
			}
			return times
		}
		require.Eventually(t, func() bool { return len(delivered()) > users/2 }, 30*time.Second, 10*time.Millisecond)
		between.mu.Lock()
		between.calm = true
		between.mu.Unlock()
		between.late.Wait()
		require.Eventually(t, func() bool { return len(delivered()) == users }, 45*time.Second, 20*time.Millisecond,
			"all processes live: what they lost track of is found within half a minute")
		stop()
		running.Wait()
		// What could not be stored is stored by the next cycle.
		for _, d := range dispatchers {
			_, err := d.Cycle(t.Context())
			require.NoError(t, err)
		}
		for id, times := range delivered() {
			require.Equal(t, 1, times, fmt.Sprint("reminder ", id))
		}
		for _, r := range stored {
			r = w.reminder(t, r)
			require.Equal(t, scheduler.Sent, r.Status, "reminder %d", r.ID)
			require.Equal(t, 1, r.ReminderCount)
		}
	})
}
