package scheduler_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

func TestCompleteAndSkip(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		scheduled := w.schedule(t, lead, plan(0, 1, 2))
		first, second := scheduled.Reminders[0], scheduled.Reminders[1]

		_, err := w.scheduler.Complete(t.Context(), bob, first.ID)
		require.ErrorIs(t, err, scheduler.ErrNotFound, "somebody else's reminder")

		change, err := w.scheduler.Complete(t.Context(), ann, first.ID)
		require.NoError(t, err)
		require.Equal(t, scheduler.Completed, change.After.Status)
		require.False(t, change.After.CompletedAt.IsZero())
		require.Equal(t, planparse.StatusDone, change.Step.Status)
		require.Equal(t, second.ID, change.Next.ID)

		_, err = w.scheduler.Complete(t.Context(), ann, first.ID)
		require.ErrorIs(t, err, scheduler.ErrAlreadyHandled)
		var handled *scheduler.AlreadyHandledError
		require.ErrorAs(t, err, &handled)
		require.Equal(t, scheduler.Completed, handled.Reminder.Status)

		_, err = w.scheduler.Skip(t.Context(), ann, second.ID)
		require.NoError(t, err)
		stored, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		var statuses []string
		for _, step := range stored.Plan().Steps {
			statuses = append(statuses, step.Status)
		}
		require.Equal(t, []string{planparse.StatusDone, planparse.StatusSkipped, planparse.StatusPending}, statuses)

		finished, err := w.store.Finished(t.Context(), w.clock.Now().Add(-time.Minute), 10)
		require.NoError(t, err)
		require.Len(t, finished, 2)
		require.Equal(t, []int64{second.ID, first.ID}, []int64{finished[0].ID, finished[1].ID}, "the latest first")
		finished, err = w.store.Finished(t.Context(), w.clock.Now().Add(time.Minute), 10)
		require.NoError(t, err)
		require.Empty(t, finished)

		lines, err := w.store.Activities(t.Context(), ann, lead.ID, 10)
		require.NoError(t, err)
		require.Equal(t, scheduler.ActivityStepSkipped, lines[0].Type)
		require.Equal(t, scheduler.ActivityStepDone, lines[1].Type)
	})
}

func TestSnoozeGivesTheNudgeBack(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		scheduled := w.schedule(t, w.lead(t, ann, "Jane Doe"), plan(0))
		d := w.dispatcher(t)
		_, got := w.cycle(t, d)
		require.Equal(t, scheduler.StageDue, got[0].Items[0].Stage)
		w.clock.Advance(day)
		_, got = w.cycle(t, d)
		require.Equal(t, scheduler.StageGentle, got[0].Items[0].Stage)

		until := w.clock.Now().Add(time.Hour)
		change, err := w.scheduler.Snooze(t.Context(), ann, scheduled.Reminders[0].ID, until)
		require.NoError(t, err)
		require.Equal(t, scheduler.Snoozed, change.After.Status)
		require.Equal(t, 1, change.After.SnoozeCount)
		require.Equal(t, 1, change.After.ReminderCount)
		_, err = w.scheduler.Snooze(t.Context(), ann, scheduled.Reminders[0].ID, until.Add(time.Hour))
		require.ErrorIs(t, err, scheduler.ErrAlreadyHandled, "a double tap snoozes once")
		moved, err := w.scheduler.Postpone(t.Context(), ann, scheduled.Reminders[0].ID, until.Add(time.Hour))
		require.NoError(t, err)
		back, err := w.scheduler.Undo(t.Context(), ann, moved.Mark)
		require.NoError(t, err)
		require.Equal(t, 1, back.After.SnoozeCount)
		_, err = w.scheduler.Postpone(t.Context(), ann, scheduled.Reminders[0].ID, until)
		require.NoError(t, err)
		require.Equal(t, 1, w.reminder(t, scheduled.Reminders[0]).ReminderCount, "put off, moved, moved back and moved again gives one nudge back")

		w.clock.Advance(time.Hour + time.Second)
		_, got = w.cycle(t, d)
		require.Equal(t, scheduler.StageGentle, got[0].Items[0].Stage, "the same nudge again")

		_, err = w.scheduler.Snooze(t.Context(), ann, scheduled.Reminders[0].ID, w.clock.Now().Add(-time.Hour))
		require.ErrorContains(t, err, "not in the future")
	})
}

// A step comes back after its rest, and its message does not leave: it looks
// much like one that its user has put off, and is none.
func TestSnoozeOfWhatWasGivenBackAfterItsRest(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		r := w.schedule(t, w.lead(t, ann, "Jane Doe"), plan(0)).Reminders[0]
		d := w.dispatcher(t)
		for range 3 {
			_, got := w.cycle(t, d)
			require.Len(t, got, 1)
			w.clock.Advance(max(w.reminder(t, r).DueAt.Sub(w.clock.Now()), 0))
		}
		w.sender.Answer = answer(scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Minute})
		w.cycle(t, d)
		require.Equal(t, 3, w.reminder(t, r).ReminderCount)
		change, err := w.scheduler.Snooze(t.Context(), ann, r.ID, w.clock.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 2, change.After.ReminderCount)
		_, err = w.scheduler.Snooze(t.Context(), ann, r.ID, w.clock.Now().Add(2*time.Hour))
		require.ErrorIs(t, err, scheduler.ErrAlreadyHandled)
		w.clock.Advance(time.Hour)
		w.cycle(t, d)
		_, err = w.scheduler.Snooze(t.Context(), ann, r.ID, w.clock.Now().Add(2*time.Hour))
		require.ErrorIs(t, err, scheduler.ErrAlreadyHandled, "its user has put this one off, and it was not delivered since")
	})
}

func TestUndo(t *testing.T) {
	for name, act := range map[string]func(t *testing.T, w *world, id int64) (scheduler.Change, error){
		"of done": func(t *testing.T, w *world, id int64) (scheduler.Change, error) {
			return w.scheduler.Complete(t.Context(), ann, id)
		},
		"of skip": func(t *testing.T, w *world, id int64) (scheduler.Change, error) {
			return w.scheduler.Skip(t.Context(), ann, id)
		},
		"of snooze": func(t *testing.T, w *world, id int64) (scheduler.Change, error) {
			return w.scheduler.Snooze(t.Context(), ann, id, w.clock.Now().Add(time.Hour))
		},
	} {
		t.Run(name, func(t *testing.T) {
			everyEngine(t, func(t *testing.T, w *world) {
				scheduled := w.schedule(t, w.lead(t, ann, "Jane Doe"), plan(0))
				w.cycle(t, w.dispatcher(t))
				before := w.reminder(t, scheduled.Reminders[0])

				change, err := act(t, w, before.ID)
				require.NoError(t, err)
				mark, err := scheduler.ParseMark(change.Mark.String())
				require.NoError(t, err)
				_, err = w.scheduler.Undo(t.Context(), bob, mark)
				require.ErrorIs(t, err, scheduler.ErrNotFound)
				undone, err := w.scheduler.Undo(t.Context(), ann, mark)
				require.NoError(t, err)
				require.Equal(t, planparse.StatusPending, undone.Step.Status)

				after := w.reminder(t, before)
				require.False(t, after.ClaimToken.IsZero())
				after.ClaimToken, after.UpdatedAt = before.ClaimToken, before.UpdatedAt
				require.Equal(t, before, after, "as if nothing had happened")
				_, err = w.scheduler.Undo(t.Context(), ann, mark)
				require.ErrorIs(t, err, scheduler.ErrAlreadyHandled)

				change, err = act(t, w, before.ID)
				require.NoError(t, err)
				w.clock.Advance(61 * time.Second)
				_, err = w.scheduler.Undo(t.Context(), ann, change.Mark)
				require.ErrorIs(t, err, scheduler.ErrTooLate)
			})
		})
	}
}

func TestSetStepAndReopen(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		scheduled := w.schedule(t, lead, plan(1, 2))
		change, err := w.scheduler.SetStep(t.Context(), ann, lead.ID, 1, true)
		require.NoError(t, err)
		require.Equal(t, scheduler.Completed, change.After.Status)

		change, err = w.scheduler.SetStep(t.Context(), ann, lead.ID, 1, false)
		require.NoError(t, err)
		require.Equal(t, scheduler.Pending, change.After.Status)
		require.True(t, change.After.DueAt.Equal(scheduled.Reminders[0].PlannedAt), "when the plan said")

		w.clock.Advance(3 * day)
		_, err = w.scheduler.SetStep(t.Context(), ann, lead.ID, 1, true)
		require.NoError(t, err)
		change, err = w.scheduler.Reopen(t.Context(), ann, scheduled.Reminders[0].ID)
		require.NoError(t, err)
		require.WithinDuration(t, w.clock.Now().Add(day), change.After.DueAt, time.Minute, "not at once")

		_, err = w.scheduler.SetStep(t.Context(), ann, lead.ID, 77, true)
		require.ErrorIs(t, err, scheduler.ErrNotFound)
	})
}

// The answer to the swap is lost: the action must have happened once, and say
// so.
func TestActionsSurviveLostResponses(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		scheduled := w.schedule(t, w.lead(t, ann, "Jane Doe"), plan(0))
		w.server.Fault(insforgetest.Fault{Method: "PATCH", Table: "scheduled_reminders", DropResponse: true, Times: 1})
		change, err := w.scheduler.Snooze(t.Context(), ann, scheduled.Reminders[0].ID, w.clock.Now().Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, 1, change.After.SnoozeCount)
		require.Equal(t, 1, w.reminder(t, scheduled.Reminders[0]).SnoozeCount)
	})
}

// A crash between the reminder and the plan leaves the plan behind; looking at
// the lead repairs it.
func TestReconcileRepairsThePlanFromTheReminders(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		scheduled := w.schedule(t, lead, plan(0, 1))
		remove := w.server.Fault(insforgetest.Fault{Method: "PATCH", Table: "lead_registry", Status: 400, Body: `{"code":"XX000","message":"no"}`})
		_, err := w.scheduler.Complete(t.Context(), ann, scheduled.Reminders[0].ID)
		require.NoError(t, err, "the reminder counts")
		remove()
		stored, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.Equal(t, planparse.StatusPending, stored.Plan().Steps[0].Status)

		repaired, reminders, err := w.scheduler.Reconcile(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.Len(t, reminders, 2)
		require.Equal(t, planparse.StatusDone, repaired.Plan().Steps[0].Status)
	})
}

func TestMarkRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mark := scheduler.Mark{
			ReminderID: rapid.Int64Range(1, 1<<40).Draw(t, "id"),
			At:         time.UnixMicro(rapid.Int64Range(0, 1<<53).Draw(t, "at")).UTC(),
			Status:     rapid.SampledFrom([]scheduler.Status{scheduler.Pending, scheduler.Sent, scheduler.Snoozed, scheduler.Parked}).Draw(t, "status"),
			DueAt:      time.UnixMicro(rapid.Int64Range(0, 1<<53).Draw(t, "due")).UTC(),
			Count:      rapid.IntRange(0, 99).Draw(t, "count"),
		}
		text := mark.String()
		if len(text) > 48 {
			t.Fatalf("%q is %d bytes long", text, len(text))
		}
		parsed, err := scheduler.ParseMark(text)
		if err != nil || parsed != mark {
			t.Fatalf("%q reads as %+v, %v", text, parsed, err)
		}
	})
}

func FuzzParseMark(f *testing.F) {
	f.Add("1.s.abc.def.1")
	f.Add("....")
	f.Fuzz(func(t *testing.T, text string) {
		mark, err := scheduler.ParseMark(text)
		if err != nil {
			return
		}
		again, err := scheduler.ParseMark(mark.String())
		require.NoError(t, err)
		require.Equal(t, mark, again)
	})
}

// Whoever presses a button may have made what it carries.
func TestForgedMarksAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "1.s.abc.def", "1.s.abc.def.-1", "1.s.abc.def.zz", "1.?.abc.def.1", "x!.s.abc.def.1", "1.s.abc.def.1.2"} {
		_, err := scheduler.ParseMark(text)
		require.Error(t, err, "%q", text)
	}
}
