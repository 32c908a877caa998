package scheduler_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// A user's messages come one after another in the order of their due dates,
// also where they are claimed in different batches, or by different cycles,
// and the first of them takes long.
func TestAUsersMessagesDoNotOvertakeEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, nil)

		var mu sync.Mutex
		sent := map[int64][]int{} // steps, as their sending ended
		busy := map[int64]bool{}
		w.sender = &schedulertest.Sender{Answer: func(_ context.Context, m scheduler.Message) scheduler.Result {
			mu.Lock()
			overlaps := busy[m.TelegramID]
			busy[m.TelegramID] = true
			mu.Unlock()
			if m.TelegramID == ann {
				time.Sleep(5 * time.Second)
			}
			mu.Lock()
			defer mu.Unlock()
			busy[m.TelegramID] = overlaps
			if overlaps {
				return scheduler.Result{Outcome: scheduler.Ambiguous}
			}
			sent[m.TelegramID] = append(sent[m.TelegramID], m.Items[0].Reminder.StepID)
			return scheduler.Result{Outcome: scheduler.Delivered}
		}}
		const users, steps = 6, 3
		add := func(first int) {
			var rows []map[string]any
			for user := range int64(users) {
				lead := w.lead(t, ann+user, "Jane Doe")
				for step := range steps {
					rows = append(rows, w.row(lead, first+step, w.clock.Now().Add(-time.Minute+time.Duration(step)*time.Second)))
				}
			}
			w.insert(t, rows...)
		}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		d := w.dispatcher(t)
		add(1)
		go func() { defer close(stopped); _ = d.Run(ctx) }()
		time.Sleep(6 * time.Second) // the first cycle no longer waits for Ann
		add(1 + steps)
		d.Trigger()
		time.Sleep(time.Minute)
		stop()
		<-stopped
		for user := range int64(users) {
			require.Equal(t, []int{1, 2, 3, 4, 5, 6}, sent[ann+user], "user %d", ann+user)
		}
	})
}

// A service that is told to stop claims no more, also where a batch takes
// several claims: it would have to give back what it cannot send.
func TestAStopEndsABatchOfClaims(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writes atomic.Int64
	w := inMemory(t, func(r *http.Request) {
		if r.Method == http.MethodPatch {
			writes.Add(1)
			stop()
		}
	})
	w.sender = &schedulertest.Sender{}
	lead := w.lead(t, ann, "Jane Doe")
	var rows []map[string]any
	for i := range 1000 { // of one digest, and so of one batch
		rows = append(rows, w.row(lead, 1+i, w.clock.Now().Add(-time.Minute)))
	}
	w.insert(t, rows...)
	report, _ := w.dispatcher(t, scheduler.WithMaxPerCycle(0)).Cycle(ctx)
	require.Equal(t, int64(2), writes.Load(), "the claim under way, and giving it back")
	require.Equal(t, 200, report.Claimed)
	require.Equal(t, 200, report.Released)
}

// Telegram refuses a user while another of their messages waits for its turn.
// That one is refused, too, and its nudge comes at the next /start like the
// first one's, not at the time of the one after it.
func TestARefusalLeavesTheNudgesThatWaitedBehindIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := inMemory(t, nil)
		w.sender = &schedulertest.Sender{Answer: func(_ context.Context, m scheduler.Message) scheduler.Result {
			if m.Items[0].Reminder.StepID > 1 {
				time.Sleep(3 * time.Second) // the pace of a chat; the first refusal is stored meanwhile
			}
			return scheduler.Result{Outcome: scheduler.Refused}
		}}
		lead := w.lead(t, ann, "Jane Doe")
		stored := w.insert(t, w.row(lead, 1, w.clock.Now().Add(-2*time.Second)), w.row(lead, 2, w.clock.Now().Add(-time.Second)))
		_, err := w.dispatcher(t).Cycle(t.Context())
		require.NoError(t, err)
		for _, r := range stored {
			r = w.reminder(t, r)
			require.Equal(t, scheduler.Parked, r.Status, "step %d", r.StepID)
			require.Zero(t, r.ReminderCount, "step %d", r.StepID)
			require.Less(t, r.DueAt.Sub(w.clock.Now()), time.Minute, "step %d", r.StepID)
		}
	})
}
