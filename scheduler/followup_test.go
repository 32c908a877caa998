package scheduler_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/scheduler"
)

// outOfSteps makes a lead whose follow-up is due.
func (w *world) outOfSteps(t *testing.T, user int64, name string) scheduler.Lead {
	t.Helper()
	lead := w.lead(t, user, name)
	_, err := w.client.From("lead_registry").Where(filter.Eq("id", lead.ID)).Update(t.Context(), map[string]any{"next_followup": w.clock.Now().Add(-time.Hour)})
	require.NoError(t, err)
	return lead
}

func TestAUserWhoRefusesIsNotAskedAboutEveryLead(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		for range 3 {
			w.outOfSteps(t, ann, "Jane")
		}
		attempts := 0
		w.sender.Answer = func(context.Context, scheduler.Message) scheduler.Result {
			attempts++ // one user's messages go one after another
			return scheduler.Result{Outcome: scheduler.Refused, Err: errors.New("bot was blocked by the user")}
		}
		require.NoError(t, w.followups(t).Cycle(t.Context()))
		require.Equal(t, 1, attempts)
	})
}

func TestAFollowupSaysWhenQuietHoursBegin(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		begin := w.clock.Now().UTC().Add(3 * time.Minute)
		require.NoError(t, w.store.ChangeUser(t.Context(), ann, scheduler.UserChange{
			scheduler.ColumnQuietFrom: begin.Format("15:04:05"), scheduler.ColumnQuietUntil: begin.Add(8 * time.Hour).Format("15:04:05")}))
		w.outOfSteps(t, ann, "Jane")
		w.untouched(t, ann, "Joan", 8*day)
		require.NoError(t, w.followups(t).Cycle(t.Context()))
		got := w.sender.Take()
		require.Len(t, got, 2)
		for _, m := range got {
			require.WithinDuration(t, begin, m.Until, time.Second)
		}
	})
}

func TestStopDuringAFollowupsClaimPutsNothingOff(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.outOfSteps(t, ann, "Jane")
		ctx, stop := context.WithCancel(t.Context())
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			res, err := http.DefaultTransport.RoundTrip(r)
			if r.Method == "PATCH" && err == nil && ctx.Err() == nil {
				stop()
				res.Body.Close()
				return nil, context.Canceled
			}
			return res, err
		})
		w.sender.Answer = func(ctx context.Context, _ scheduler.Message) scheduler.Result {
			return scheduler.Result{Outcome: scheduler.NotDelivered, Err: ctx.Err()}
		}
		_ = h.followups(t).Cycle(ctx)
		lead, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.False(t, lead.NextFollowup.After(w.clock.Now()), "put off by %s", lead.NextFollowup.Sub(w.clock.Now()))
		require.Zero(t, lead.FollowupCount)
	})
}
