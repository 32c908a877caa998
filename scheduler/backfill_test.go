package scheduler_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/scheduler"
)

// A plan as another program stored it: with the lead, and nowhere else.
func TestBackfillSchedulesWhatAPlanShowsAsOpen(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		stored := []map[string]any{
			{"step_id": 1, "action": "linkedin_like", "description": "Like", "delay_days": 1, "status": "done"},
			{"step_id": 2, "action": "linkedin_dm", "description": "Write", "timing": "Day 3", "suggested_text": "Hi", "note": "kept"},
			{"step_id": 3, "action": "call", "description": "Call", "timing": "Day 7", "status": "pending"},
		}
		_, err := w.client.From("lead_registry").Where(filter.Eq("id", lead.ID)).Update(t.Context(), map[string]any{"engagement_plan": stored})
		require.NoError(t, err)
		// The other program has reminded of the last step itself.
		w.insert(t, w.row(lead, 3, w.clock.Now().Add(day)))

		var at sync.WaitGroup
		for range 3 { // three presses at once
			at.Go(func() {
				if _, err := w.scheduler.Backfill(t.Context(), ann, lead.ID); err != nil {
					t.Error(err)
				}
			})
		}
		at.Wait()
		again, err := w.scheduler.Backfill(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.True(t, again.Already)
		require.Len(t, again.Reminders, 2)
		require.Equal(t, 3, again.Reminders[0].StepID, "what was there stays")
		require.Equal(t, 2, again.Reminders[1].StepID)
		require.Equal(t, "Hi", again.Reminders[1].DraftText)
		require.WithinDuration(t, w.clock.Now().Add(3*day), again.Reminders[1].DueAt, time.Hour)
		shown, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.Contains(t, string(shown.PlanJSON), "kept")
		log, err := w.store.Activities(t.Context(), ann, lead.ID, 10)
		require.NoError(t, err)
		require.Len(t, log, 1)

		_, err = w.scheduler.Backfill(t.Context(), ann, w.lead(t, ann, "No plan").ID)
		require.ErrorIs(t, err, scheduler.ErrEmptyPlan)
		_, err = w.scheduler.Backfill(t.Context(), bob, lead.ID)
		require.ErrorIs(t, err, scheduler.ErrNotFound)
	})
}

// A step that is ticked between two backfills makes no other plan of it: what
// both schedule is there once.
func TestBackfillsWithATickBetweenThemScheduleOnce(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		encoded, err := json.Marshal(plan(1, 3, 7))
		require.NoError(t, err)
		_, err = w.client.From("lead_registry").Where(filter.Eq("id", lead.ID)).Update(t.Context(), map[string]any{"engagement_plan": json.RawMessage(encoded)})
		require.NoError(t, err)
		var between sync.Once
		first := w.between(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == "POST" && strings.HasSuffix(r.URL.Path, "/scheduled_reminders") {
				between.Do(func() {
					_, err := w.scheduler.SetStep(t.Context(), ann, lead.ID, 1, true)
					require.NoError(t, err)
					_, err = w.scheduler.Backfill(t.Context(), ann, lead.ID)
					require.NoError(t, err)
				})
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		done, err := first.scheduler.Backfill(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		steps := map[int]int{}
		for _, r := range done.Reminders {
			steps[r.StepID]++
		}
		require.Equal(t, map[int]int{1: 1, 2: 1, 3: 1}, steps)
	})
}

// A process that is stopped between claim and send, and wakes when the next
// nudge has been due, must not send the first one still.
func TestAMessageWhoseClaimHasRunOutDoesNotLeave(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		// Both of one user, so that the second waits for the first.
		w.insert(t, w.row(lead, 1, w.clock.Now().Add(-2*time.Second)), w.row(lead, 2, w.clock.Now().Add(-time.Second)))
		asleep := w.dispatcher(t)
		w.sender.Answer = func(_ context.Context, m scheduler.Message) scheduler.Result {
			w.sender.Answer = nil
			require.Equal(t, w.clock.Now().Add(10*time.Minute).Round(time.Minute), m.Until.Round(time.Minute))
			w.clock.Advance(25 * time.Hour) // the process is stopped here
			report, err := w.dispatcher(t).Cycle(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, report.Claimed, "another one goes on with the next nudges")
			return scheduler.Result{Outcome: scheduler.Delivered}
		}
		report, err := asleep.Cycle(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, report.Delivered)
		require.Equal(t, 1, report.Released)
		got := w.sender.Messages()
		require.Len(t, got, 3, "the second step's first nudge did not leave")
	})
}

// Quiet hours that begin while a message waits for its turn are in the message.
func TestAMessageSaysWhenQuietHoursBegin(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		begin := w.clock.Now().UTC().Add(3 * time.Minute)
		require.NoError(t, w.store.ChangeUser(t.Context(), ann, scheduler.UserChange{
			scheduler.ColumnQuietFrom: begin.Format("15:04:05"), scheduler.ColumnQuietUntil: begin.Add(8 * time.Hour).Format("15:04:05")}))
		w.insert(t, w.row(w.lead(t, ann, "Jane"), 1, w.clock.Now().Add(-time.Second)))
		_, got := w.cycle(t, w.dispatcher(t))
		require.Len(t, got, 1)
		require.WithinDuration(t, begin, got[0].Until, time.Second)
	})
}

func TestStatusTellsTheLag(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		w.insert(t, w.row(w.lead(t, ann, "Jane"), 1, w.clock.Now().Add(-time.Hour)))
		d := w.dispatcher(t)
		w.sender.Answer = func(context.Context, scheduler.Message) scheduler.Result {
			require.InDelta(t, 60, d.Status().Lag.Minutes(), 1, "it is still on its way")
			return scheduler.Result{Outcome: scheduler.Delivered}
		}
		w.cycle(t, d)
		require.Zero(t, d.Status().Lag)
		require.WithinDuration(t, w.clock.Now(), d.Status().LastCycle, time.Minute)
	})
}
