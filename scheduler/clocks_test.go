package scheduler_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// Processes whose clocks disagree, with one another and with the database's,
// and one whose clock jumps. Nothing is coordinated by time: a nudge goes out
// once, at the latest when the last clock says so.
func TestClocksThatDisagreeAndJump(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		const users = 60
		var rows []map[string]any
		for u := range users {
			lead := w.lead(t, ann+int64(u), fmt.Sprint("Lead ", u))
			// Some are due, some soon; the clocks are minutes apart.
			rows = append(rows, w.row(lead, 1, w.clock.Now().Add(time.Duration(u-users/2)*10*time.Second)))
		}
		stored := w.insert(t, rows...)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var jumps *schedulertest.Clock
		for _, skew := range []time.Duration{-90 * time.Second, 0, 90 * time.Second} {
			clock := schedulertest.NewClock(w.clock.Offset() + skew)
			store, err := scheduler.NewStore(w.client, clock)
			require.NoError(t, err)
			d, err := scheduler.NewDispatcher(store, w.sender, scheduler.WithDispatchLogger(w.log))
			require.NoError(t, err)
			running.Go(func() { _ = d.Run(ctx) })
			if skew == 0 {
				jumps = clock
			}
		}
		for _, d := range []time.Duration{10 * time.Minute, -30 * time.Minute, 25 * time.Minute} {
			time.Sleep(300 * time.Millisecond)
			jumps.Advance(d)
		}
		require.Eventually(t, func() bool { return len(w.sender.Messages()) >= users }, 30*time.Second, 20*time.Millisecond)
		time.Sleep(100 * time.Millisecond)
		stop()
		running.Wait()
		times := map[int64]int{}
		for _, m := range w.sender.Messages() {
			for _, item := range m.Items {
				times[item.Reminder.ID]++
			}
		}
		for _, r := range stored {
			require.Equal(t, 1, times[r.ID], "reminder %d", r.ID)
			r = w.reminder(t, r)
			require.Equal(t, 1, r.ReminderCount)
			require.Equal(t, scheduler.Sent, r.Status)
		}
	})
}
