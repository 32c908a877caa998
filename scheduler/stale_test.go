package scheduler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/scheduler"
)

func (w *world) followups(t *testing.T) *scheduler.Followups {
	t.Helper()
	f, err := scheduler.NewFollowups(w.store, w.sender, 6*time.Hour, time.UTC, w.log)
	require.NoError(t, err)
	return f
}

// untouched makes a lead that nothing has happened with for so long.
func (w *world) untouched(t *testing.T, user int64, name string, since time.Duration) scheduler.Lead {
	t.Helper()
	lead := w.lead(t, user, name)
	long := w.clock.Now().Add(-since).UTC()
	_, err := w.client.From("lead_registry").Where(filter.Eq("id", lead.ID)).Update(t.Context(), map[string]any{"updated_at": long, "created_at": long})
	require.NoError(t, err)
	return lead
}

func TestStaleLeadsComeAsOneDigestADay(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		old, older := w.untouched(t, ann, "Jane", 8*day), w.untouched(t, ann, "Joan", 20*day)
		w.untouched(t, ann, "Too fresh", 6*day)
		w.untouched(t, ann, "Let go", 61*day)
		w.schedule(t, w.untouched(t, ann, "Planned", 9*day), plan(5))
		won := w.untouched(t, ann, "Won", 9*day)
		_, err := w.client.From("lead_registry").Where(filter.Eq("id", won.ID)).Update(t.Context(), map[string]any{"status": "closed_won"})
		require.NoError(t, err)
		w.untouched(t, bob, "John", 8*day)
		require.NoError(t, w.store.ChangeUser(t.Context(), bob, scheduler.UserChange{scheduler.ColumnPausedUntil: w.clock.Now().Add(day)}))

		f := w.followups(t)
		cycle := func() []scheduler.Message {
			t.Helper()
			require.NoError(t, f.Cycle(t.Context()))
			return w.sender.Take()
		}
		got := cycle()
		require.Len(t, got, 1, "bob wants to be left alone")
		require.Equal(t, scheduler.Stale, got[0].Kind)
		require.Equal(t, ann, got[0].TelegramID)
		require.Len(t, got[0].Items, 2)
		require.Equal(t, older.ID, got[0].Items[0].Lead.ID, "the longest untouched first")
		require.Equal(t, old.ID, got[0].Items[1].Lead.ID)
		require.InDelta(t, 8, got[0].Items[1].Overdue.Hours()/24, 0.1)
		require.Empty(t, cycle(), "once a day")

		w.clock.Advance(25 * time.Hour)
		got = cycle()
		require.Len(t, got, 2, "Too fresh has grown stale, and bob is back")
		for _, m := range got {
			require.Len(t, m.Items, map[int64]int{ann: 3, bob: 1}[m.TelegramID])
		}
		w.clock.Advance(25 * time.Hour)
		require.Empty(t, cycle(), "nothing new to say")
		w.clock.Advance(6 * day)
		require.NotEmpty(t, cycle(), "a week later it is said again")
	})
}

func TestADigestOfStaleLeadsIsSentOnce(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		w.untouched(t, ann, "Jane", 8*day)
		one, other := w.followups(t), w.followups(t)
		w.sender.Answer = answer(scheduler.Result{Outcome: scheduler.NotDelivered, Err: errors.New("not now")})
		require.ErrorContains(t, one.Cycle(t.Context()), "not now")
		w.sender.Answer = nil
		w.server.Fault(insforgetest.Fault{Table: "service_leases", Method: "PATCH", DropResponse: true, Times: 1})
		require.NoError(t, one.Cycle(t.Context()))
		require.Len(t, w.sender.Take(), 1, "what did not leave is tried again, though the answer to its claim is lost")
		require.NoError(t, other.Cycle(t.Context()))
		require.Empty(t, w.sender.Take(), "another process has told it")
	})
}

// What keeps everybody from being served is what the cycle reports, whosever
// turn met something else first: by it the next try is put off.
func TestACycleReportsWhatStopsEveryone(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		for i := range 40 {
			w.outOfSteps(t, ann+int64(i), "Jane")
		}
		w.sender.Answer = func(_ context.Context, m scheduler.Message) scheduler.Result {
			if m.TelegramID < ann+5 {
				return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Second, Err: errors.New("one chat is busy")}
			}
			time.Sleep(20 * time.Millisecond)
			return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Minute, Everyone: true, Err: errors.New("all are busy")}
		}
		f := w.followups(t)
		require.ErrorContains(t, f.Cycle(t.Context()), "all are busy")
	})
}

// One user's rate limit keeps the others' follow-ups from nothing.
func TestAFollowupThatDoesNotLeaveHoldsUpNobodyElse(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		for i := range 20 {
			w.outOfSteps(t, ann+int64(i), "Jane")
		}
		w.sender.Answer = func(_ context.Context, m scheduler.Message) scheduler.Result {
			if m.TelegramID == ann {
				return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Minute}
			}
			return scheduler.Result{Outcome: scheduler.Delivered}
		}
		f := w.followups(t)
		require.Error(t, f.Cycle(t.Context()))
		require.Len(t, w.sender.Take(), 19)
		w.sender.Answer = nil
		require.NoError(t, f.Cycle(t.Context()))
		require.Len(t, w.sender.Take(), 1)
	})
}
