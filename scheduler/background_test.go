package scheduler_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

func TestRetentionRemovesWhatIsOverAndOld(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		old := w.clock.Now().Add(-100 * day).UTC()
		row := func(step int, status scheduler.Status, changed time.Time) map[string]any {
			row := w.row(lead, step, old)
			row["status"], row["updated_at"] = status, changed
			return row
		}
		var rows []map[string]any
		for i := range 450 { // more than two batches
			rows = append(rows, row(i, scheduler.Completed, old))
		}
		justNow := w.clock.Now().UTC()
		elsewhere := row(6, scheduler.Completed, old) // by a user in another program, who may not write updated_at
		elsewhere["completed_at"] = justNow
		kept := w.insert(t, row(1, scheduler.Pending, old), row(2, scheduler.Parked, old), row(3, scheduler.Completed, justNow), elsewhere)
		w.insert(t, append(rows, row(4, scheduler.Skipped, old), row(5, scheduler.Cancelled, old))...)

		retention, err := scheduler.NewRetention(w.store, 90*day, w.log)
		require.NoError(t, err)
		removed, err := retention.Clean(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 452, removed)
		left, err := insforge.All[scheduler.Reminder](t.Context(), w.client.From("scheduled_reminders").Order("id.asc"))
		require.NoError(t, err)
		require.Len(t, left, len(kept))
		for i, r := range left {
			require.Equal(t, kept[i].ID, r.ID)
		}
	})
}

func TestRetentionFromSeveralProcesses(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		old := w.clock.Now().Add(-100 * day).UTC()
		var rows []map[string]any
		for i := range 1500 {
			row := w.row(lead, i, old)
			row["status"], row["updated_at"] = scheduler.Completed, old
			rows = append(rows, row)
		}
		w.insert(t, rows...)
		retention, err := scheduler.NewRetention(w.store, day, w.log)
		require.NoError(t, err)
		var all sync.WaitGroup
		var removed atomic.Int64
		for range 4 {
			all.Go(func() {
				n, err := retention.Clean(t.Context())
				if err != nil {
					t.Error(err)
				}
				removed.Add(n)
			})
		}
		all.Wait()
		require.EqualValues(t, len(rows), removed.Load(), "every one, and none counted twice")
		left, err := insforge.Count(t.Context(), w.client.From("scheduled_reminders"))
		require.NoError(t, err)
		require.Zero(t, left)
	})
}

func TestFollowupOfALeadWhosePlanHasRunOut(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		followups, err := scheduler.NewFollowups(w.store, w.sender, time.Hour, time.UTC, w.log)
		require.NoError(t, err)
		cycle := func() []scheduler.Message {
			require.NoError(t, followups.Cycle(t.Context()))
			return w.sender.Take()
		}
		lead := w.lead(t, ann, "Jane Doe")
		scheduled := w.schedule(t, lead, plan(0, 1))
		_, err = w.scheduler.Complete(t.Context(), ann, scheduled.Reminders[0].ID)
		require.NoError(t, err)
		w.clock.Advance(4 * day)
		require.Empty(t, cycle(), "a step is still open")

		_, err = w.scheduler.Complete(t.Context(), ann, scheduled.Reminders[1].ID)
		require.NoError(t, err)
		require.Empty(t, cycle(), "not at once")
		w.clock.Advance(3*day + time.Minute)
		got := cycle()
		require.Len(t, got, 1)
		require.Equal(t, scheduler.Followup, got[0].Kind)
		require.Equal(t, lead.ID, got[0].Items[0].Lead.ID)
		require.Empty(t, cycle(), "once")

		w.clock.Advance(3*day + time.Minute)
		w.sender.Answer = answer(scheduler.Result{Outcome: scheduler.NotDelivered, Err: errors.New("not now")})
		require.ErrorContains(t, followups.Cycle(t.Context()), "not now")
		w.sender.Answer = nil
		require.Len(t, cycle(), 1, "what did not leave is tried again")

		w.clock.Advance(60 * day)
		require.Empty(t, cycle(), "an old lead is let go")
		stored, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.Zero(t, stored.NextFollowup)
		require.Equal(t, 2, stored.FollowupCount)
	})
}

func TestLeaseIsHeldByOne(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		ctx, stop := context.WithCancel(t.Context())
		var working, most atomic.Int32
		var mu sync.Mutex
		stops := map[string]context.CancelFunc{}
		took := make(chan string, 10)
		var wg sync.WaitGroup
		for _, holder := range []string{"a", "b", "c"} {
			ctx, stop := context.WithCancel(ctx)
			mu.Lock()
			stops[holder] = stop
			mu.Unlock()
			lease := scheduler.NewLease(w.store, "test", holder, w.log)
			wg.Go(func() {
				err := lease.Run(ctx, func(ctx context.Context) error {
					most.Store(max(most.Load(), working.Add(1)))
					defer working.Add(-1)
					took <- holder
					<-ctx.Done()
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		first := <-took
		stops[first]()
		second := <-took
		require.NotEqual(t, first, second)
		stops[second]()
		third := <-took
		require.NotContains(t, []string{first, second}, third)
		stop()
		wg.Wait()
		require.EqualValues(t, 1, most.Load())
	})
}

func TestLeaseOfADeadHolderExpires(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		_, err := w.client.From("service_leases").Insert(t.Context(), map[string]any{"name": "test", "holder": "dead", "expires_at": w.clock.Now().Add(10 * time.Second).UTC()})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		took := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- scheduler.NewLease(w.store, "test", "heir", w.log).Run(ctx, func(ctx context.Context) error {
				close(took)
				<-ctx.Done()
				return nil
			})
		}()
		select {
		case <-took:
			t.Fatal("taken from a living holder")
		case <-time.After(100 * time.Millisecond):
		}
		w.clock.Advance(11 * time.Second)
		<-took
		stop()
		require.NoError(t, <-done)
	})
}

// While the store is down nobody can take the lease, and a task that can do
// without the store should.
func TestLeaseTaskRunsWhileTheStoreIsDown(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		heal := w.server.Fault(insforgetest.NoConnection())
		ctx, stop := context.WithCancel(t.Context())
		took := make(chan struct{}, 10)
		done := make(chan error, 1)
		go func() {
			done <- scheduler.NewLease(w.store, "test", "a", w.log).Run(ctx, func(ctx context.Context) error {
				took <- struct{}{}
				<-ctx.Done()
				return nil
			})
		}()
		<-took
		heal()
		stop()
		require.NoError(t, <-done)
	})
}

// A holder that wakes from a pause asks before it goes on, and a store that does
// not answer takes the lease from nobody. The lease is handed on behind its back
// here; that the clocks are the same keeps it from noticing by itself.
func TestLeaseTellsAHolderThatWasPaused(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		ctx, stop := context.WithCancel(t.Context())
		lease := scheduler.NewLease(w.store, "test", "sleeper", w.log)
		began := make(chan struct{})
		ended := make(chan bool, 1)
		wake := make(chan struct{})
		done := make(chan error, 1)
		go func() {
			done <- lease.Run(ctx, func(ctx context.Context) error {
				if lease.Held(ctx) {
					close(began)
				}
				<-wake
				ended <- lease.Held(ctx)
				<-ctx.Done()
				return nil
			})
		}()
		<-began
		require.NoError(t, lease.Err())
		heal := w.server.Fault(insforgetest.Fault{Table: "service_leases", CutConnection: true})
		w.clock.Advance(20 * time.Second)
		require.True(t, lease.Held(ctx), "nobody can have taken it")
		require.Error(t, lease.Err())
		heal()
		_, err := w.client.From("service_leases").Where(filter.Eq("name", "test")).Update(t.Context(), map[string]any{"holder": "heir", "expires_at": w.clock.Now().Add(time.Hour).UTC()})
		require.NoError(t, err)
		w.clock.Advance(20 * time.Second)
		close(wake)
		require.False(t, <-ended, "it has a successor")
		require.NoError(t, lease.Err())
		stop()
		require.NoError(t, <-done)
	})
}

func TestSupervisorStartsFailedTasksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newQuiet()
		supervisor := scheduler.NewSupervisor(w, schedulertest.NewClock(time.Hour))
		var runs atomic.Int32
		ctx, stop := context.WithCancel(t.Context())
		supervisor.Go(ctx, "flaky", func(ctx context.Context) error {
			switch runs.Add(1) {
			case 1:
				panic("boom")
			case 2:
				return errors.New("failed")
			default:
				<-ctx.Done()
				return nil
			}
		})
		supervisor.Go(ctx, "done", func(context.Context) error { return nil })
		time.Sleep(time.Minute)
		require.EqualValues(t, 3, runs.Load())
		stop()
		supervisor.Wait()
	})
}

func TestLimiterSpacesMessagesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limiter := scheduler.NewLimiter(25, 1)
		start := time.Now()
		for range 6 {
			require.NoError(t, limiter.Wait(t.Context(), 1))
		}
		require.InDelta(t, 3, time.Since(start).Seconds(), 0.5, "three at once, then one a second")

		start = time.Now()
		for chat := range int64(250) {
			require.NoError(t, limiter.Wait(t.Context(), 100+chat))
		}
		require.InDelta(t, 10, time.Since(start).Seconds(), 0.5, "25 a second overall")

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, limiter.Wait(ctx, 1))
	})
}
