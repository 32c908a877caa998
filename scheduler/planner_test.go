package scheduler_test

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

func TestScheduleMakesOneReminderForEachOpenStep(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		p := plan(0, 1, 3, 7)
		p.Steps[1].Status = planparse.StatusDone
		p.Steps[2].SuggestedText = "Hi Jane"
		base := w.clock.Now()
		scheduled, err := w.scheduler.Schedule(t.Context(), lead, p, base)
		require.NoError(t, err)

		require.Len(t, scheduled.Reminders, 3)
		for i, want := range []struct{ step, days int }{{1, 0}, {3, 3}, {4, 7}} {
			r := scheduled.Reminders[i]
			require.Equal(t, want.step, r.StepID)
			require.Equal(t, scheduler.Pending, r.Status)
			require.WithinDuration(t, base.AddDate(0, 0, want.days), r.DueAt, time.Microsecond)
			require.True(t, r.DueAt.Equal(r.PlannedAt))
			require.Equal(t, "delay_days", r.TimingSource)
		}
		require.Equal(t, "Hi Jane", scheduled.Reminders[1].DraftText)

		stored, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.Len(t, stored.Plan().Steps, 4, "the plan shown is the whole plan")
	})
}

func TestScheduleAgainChangesNothing(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		base := w.clock.Now()
		first, err := w.scheduler.Schedule(t.Context(), lead, plan(1, 2), base)
		require.NoError(t, err)
		_, err = w.scheduler.Complete(t.Context(), ann, first.Reminders[0].ID)
		require.NoError(t, err)

		again, err := w.scheduler.Schedule(t.Context(), lead, plan(1, 2), base)
		require.NoError(t, err)
		require.True(t, again.Already)
		require.Len(t, again.Reminders, 2)
		require.Equal(t, scheduler.Completed, again.Reminders[0].Status)
	})
}

func TestScheduleConcurrentlyLeavesOnePlan(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		base := w.clock.Now()
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				// Two different plans, four times each. Losing to the other is
				// fine; what is left must be one of them, whole.
				_, err := w.scheduler.Schedule(t.Context(), lead, plan(1, 2, 3+i%2), base)
				if err != nil && !errors.Is(err, scheduler.ErrSuperseded) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		open := map[string]int{}
		rows, err := w.store.Agenda(t.Context(), ann, base.Add(100*day))
		require.NoError(t, err)
		for _, r := range rows {
			open[r.PlanVersion]++
		}
		require.Len(t, open, 1)
		for _, steps := range open {
			require.Equal(t, 3, steps)
		}
	})
}

func TestReplanKeepsHistoryAndCancelsTheRest(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		first := w.schedule(t, lead, plan(1, 2, 3))
		_, err := w.scheduler.Complete(t.Context(), ann, first.Reminders[0].ID)
		require.NoError(t, err)

		second := w.schedule(t, lead, plan(5, 6))
		require.EqualValues(t, 2, second.Cancelled)
		require.Len(t, second.Reminders, 3, "one completed, two new")

		// A late repeat of the first approval must not bring it back.
		_, err = w.scheduler.Schedule(t.Context(), lead, plan(1, 2, 3), first.Reminders[0].PlannedAt.AddDate(0, 0, -1))
		require.ErrorIs(t, err, scheduler.ErrSuperseded)
		rows, err := w.store.Agenda(t.Context(), ann, w.clock.Now().Add(100*day))
		require.NoError(t, err)
		require.Len(t, rows, 2)
	})
}

func TestApprove(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		_, err := w.scheduler.Approve(t.Context(), ann, lead.ID, w.clock.Now())
		require.ErrorIs(t, err, scheduler.ErrNoProposal)

		old, err := w.store.Propose(t.Context(), ann, lead.ID, plan(1))
		require.NoError(t, err)
		proposal, err := w.store.Propose(t.Context(), ann, lead.ID, plan(1, 2))
		require.NoError(t, err)
		_, err = w.scheduler.Approve(t.Context(), ann, lead.ID, old.At)
		require.ErrorIs(t, err, scheduler.ErrProposalReplaced)
		_, err = w.scheduler.Approve(t.Context(), bob, lead.ID, proposal.At)
		require.ErrorIs(t, err, scheduler.ErrNotFound)

		scheduled, err := w.scheduler.Approve(t.Context(), ann, lead.ID, proposal.At)
		require.NoError(t, err)
		require.False(t, scheduled.Already)
		require.WithinDuration(t, proposal.At.AddDate(0, 0, 1), scheduled.Reminders[0].DueAt, 0)

		again, err := w.scheduler.Approve(t.Context(), ann, lead.ID, proposal.At)
		require.NoError(t, err)
		require.True(t, again.Already)
		require.Len(t, again.Reminders, 2)
	})
}

func TestApproveOnALaterDayCountsFromThatDay(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		proposal, err := w.store.Propose(t.Context(), ann, lead.ID, plan(0, 2))
		require.NoError(t, err)
		w.clock.Advance(3 * day)
		scheduled, err := w.scheduler.Approve(t.Context(), ann, lead.ID, proposal.At)
		require.NoError(t, err)
		require.WithinDuration(t, proposal.At.AddDate(0, 0, 3), scheduled.Reminders[0].DueAt, 0)
		require.WithinDuration(t, proposal.At.AddDate(0, 0, 5), scheduled.Reminders[1].DueAt, 0)
	})
}

func TestCreateLeadOncePerMessage(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		n := scheduler.NewLead{TelegramID: ann, Name: "Jane Doe", Company: "Acme", SourceRef: "telegram:1001:7"}
		first, err := w.store.CreateLead(t.Context(), n)
		require.NoError(t, err)
		again, err := w.store.CreateLead(t.Context(), n)
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
		leads, err := w.store.Leads(t.Context(), ann)
		require.NoError(t, err)
		require.Len(t, leads, 1)
	})
}

func TestDeleteLeadTakesItsRemindersAlong(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		other := w.lead(t, ann, "John Roe")
		w.schedule(t, lead, plan(1, 2))
		w.schedule(t, other, plan(1))
		require.NoError(t, w.store.DeleteLead(t.Context(), bob, lead.ID), "somebody else's lead: nothing happens")
		_, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)

		require.NoError(t, w.store.DeleteLead(t.Context(), ann, lead.ID))
		require.NoError(t, w.store.DeleteLead(t.Context(), ann, lead.ID))
		_, err = w.store.Lead(t.Context(), ann, lead.ID)
		require.ErrorIs(t, err, scheduler.ErrNotFound)
		rows, err := w.store.Agenda(t.Context(), ann, w.clock.Now().Add(100*day))
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, other.ID, rows[0].LeadID)
	})
}

// The plan somebody else stored may hold anything; a lead must stay readable.
func TestLeadWithAnUnreadablePlan(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		for _, stored := range []string{`"not a plan"`, `42`, `{"steps":7}`, `[null,{"step_id":"x"}]`, `null`} {
			_, err := w.client.From("lead_registry").AllRows().Update(t.Context(), map[string]any{"engagement_plan": json.RawMessage(stored)})
			require.NoError(t, err)
			got, err := w.store.Lead(t.Context(), ann, lead.ID)
			require.NoError(t, err, stored)
			_, _ = got.Step(1)
		}
	})
}

// A response that is lost after the commit must not make a second plan.
func TestScheduleSurvivesLostResponses(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		w.server.Fault(insforgetest.Fault{Method: "POST", Table: "scheduled_reminders", DropResponse: true, Times: 1})
		w.server.Fault(insforgetest.Fault{Method: "PATCH", Table: "scheduled_reminders", DropResponse: true, Times: 1})
		scheduled := w.schedule(t, lead, plan(1, 2, 3))
		require.Len(t, scheduled.Reminders, 3)
		rows, err := w.store.Agenda(t.Context(), ann, w.clock.Now().Add(100*day))
		require.NoError(t, err)
		require.Len(t, rows, 3)
	})
}
