package scheduler_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// At the pace that Telegram allows, messages wait for their turn longer than a
// single one may take. Claims must not run ahead for that: what is claimed and
// not sent is put off when the process dies.
func TestClaimsDoNotRunAheadOfThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int64
		w := inMemory(t, func(*http.Request) { requests.Add(1) })
		const users = 1000
		lead := w.lead(t, ann, "Jane Doe")
		rows := make([]map[string]any, users)
		for i := range rows {
			rows[i] = w.row(lead, 1, w.clock.Now().Add(-time.Second))
			rows[i]["telegram_id"] = ann + int64(i)
		}
		w.insert(t, rows...)

		limiter := scheduler.NewLimiter(25, 1)
		var waiting, most atomic.Int64
		w.sender = &schedulertest.Sender{Answer: func(ctx context.Context, m scheduler.Message) scheduler.Result {
			now := waiting.Add(1)
			defer waiting.Add(-1)
			for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
			}
			if err := limiter.Wait(ctx, m.TelegramID); err != nil {
				return scheduler.Result{Outcome: scheduler.NotDelivered, Err: err}
			}
			return scheduler.Result{Outcome: scheduler.Delivered}
		}}
		requests.Store(0)
		report, err := w.dispatcher(t).Cycle(t.Context())
		require.NoError(t, err)
		require.Equal(t, users, report.Delivered)
		require.LessOrEqual(t, most.Load(), int64(450), "messages claimed and not sent")
		require.LessOrEqual(t, requests.Load(), int64(25), "requests for a thousand reminders")
	})
}
