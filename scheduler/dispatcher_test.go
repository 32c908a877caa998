package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/scheduler"
)

func TestReminderArrivesOnceWhenItIsDue(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		p := plan(1)
		p.Steps[0].SuggestedText = "Hi Jane"
		scheduled := w.schedule(t, lead, p)
		d := w.dispatcher(t)

		report, got := w.cycle(t, d)
		require.Zero(t, report.Due)
		require.Empty(t, got)

		w.clock.Advance(day)
		report, got = w.cycle(t, d)
		require.Equal(t, 1, report.Delivered)
		require.Len(t, got, 1)
		require.Equal(t, scheduler.Nudge, got[0].Kind)
		require.Equal(t, ann, got[0].TelegramID)
		item := got[0].Items[0]
		require.Equal(t, "Jane Doe", item.Lead.Display())
		require.Equal(t, "Step on day 1", item.Step.Description)
		require.Equal(t, "Hi Jane", item.Reminder.DraftText)
		require.Equal(t, scheduler.StageDue, item.Stage)

		r := w.reminder(t, scheduled.Reminders[0])
		require.Equal(t, scheduler.Sent, r.Status)
		require.Equal(t, 1, r.ReminderCount)
		require.NotZero(t, r.MessageID)
		require.WithinDuration(t, w.clock.Now().Add(day), r.DueAt, time.Minute)

		_, got = w.cycle(t, d)
		require.Empty(t, got)
	})
}

func TestEscalation(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		scheduled := w.schedule(t, w.lead(t, ann, "Jane Doe"), plan(0))
		d := w.dispatcher(t)
		for _, want := range []struct {
			stage  scheduler.Stage
			status scheduler.Status
			wait   time.Duration // until it comes again
		}{
			{scheduler.StageDue, scheduler.Sent, day},
			{scheduler.StageGentle, scheduler.Sent, 2 * day},
			{scheduler.StageLast, scheduler.Snoozed, 7 * day},
			{scheduler.StageFinal, scheduler.Parked, 30 * day},
		} {
			_, got := w.cycle(t, d)
			require.Len(t, got, 1)
			require.Equal(t, want.stage, got[0].Items[0].Stage)
			require.Equal(t, want.status, w.reminder(t, scheduled.Reminders[0]).Status)
			w.clock.Advance(want.wait - time.Minute)
			_, got = w.cycle(t, d)
			require.Empty(t, got, "nothing comes before its time")
			w.clock.Advance(2 * time.Minute)
		}
		_, got := w.cycle(t, d)
		require.Empty(t, got, "a parked step is not sent again")
	})
}

func TestRowsWrittenByOthersAreDelivered(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		row := w.row(lead, 99, w.clock.Now().Add(-time.Second))
		row["draft_text"] = "Call her"
		w.insert(t, row)
		_, got := w.cycle(t, w.dispatcher(t))
		require.Len(t, got, 1)
		require.Equal(t, "Call her", got[0].Items[0].Reminder.DraftText)
		require.Empty(t, got[0].Items[0].Step.Description)
	})
}

func TestReminderOfAVanishedLeadIsSkippedWithTheReason(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		gone := scheduler.Lead{ID: 4711, TelegramID: ann}
		r := w.insert(t, w.row(gone, 1, w.clock.Now().Add(-time.Second)))[0]
		report, got := w.cycle(t, w.dispatcher(t))
		require.Empty(t, got)
		require.Equal(t, 1, report.Orphaned)
		r = w.reminder(t, r)
		require.Equal(t, scheduler.Skipped, r.Status)
		require.Equal(t, "the lead no longer exists", r.LastError)
	})
}

func TestMoreThanACycleAllowsComesAsADigest(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		var rows []map[string]any
		for i := range 7 {
			rows = append(rows, w.row(lead, i+1, w.clock.Now().Add(time.Duration(i-10)*time.Second)))
		}
		stored := w.insert(t, rows...)
		d := w.dispatcher(t, scheduler.WithMaxPerCycle(3))
		_, got := w.cycle(t, d)
		require.Len(t, got, 4)
		for i := range 3 {
			require.Equal(t, scheduler.Nudge, got[i].Kind)
			require.Equal(t, i+1, got[i].Items[0].Reminder.StepID, "the oldest first")
		}
		require.Equal(t, scheduler.Digest, got[3].Kind)
		require.Len(t, got[3].Items, 4)

		in := w.reminder(t, stored[6])
		require.Equal(t, scheduler.Sent, in.Status)
		require.Zero(t, in.ReminderCount, "a digest does not use up a nudge")
		require.WithinDuration(t, w.clock.Now().Add(day), in.DueAt, time.Minute)
		_, got = w.cycle(t, d)
		require.Empty(t, got)
	})
}

func TestAfterDowntimeWhatIsLongOverdueComesAsOneDigest(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		w.insert(t, w.row(lead, 1, w.clock.Now().Add(-5*day)), w.row(lead, 2, w.clock.Now().Add(-3*time.Hour)), w.row(lead, 3, w.clock.Now().Add(-time.Minute)))
		w.insert(t, w.row(w.lead(t, bob, "John Roe"), 1, w.clock.Now().Add(-5*day)))
		_, got := w.cycle(t, w.dispatcher(t))
		kinds := map[int64][]scheduler.Kind{}
		for _, m := range got {
			kinds[m.TelegramID] = append(kinds[m.TelegramID], m.Kind)
		}
		require.Equal(t, []scheduler.Kind{scheduler.Nudge, scheduler.Digest}, kinds[ann])
		require.Equal(t, []scheduler.Kind{scheduler.Nudge}, kinds[bob], "one alone is no flood")
	})
}

func TestOutcomes(t *testing.T) {
	blocked := errors.New("bot was blocked")
	for name, test := range map[string]struct {
		result scheduler.Result
		status scheduler.Status
		count  int
		due    time.Duration // from now
		error  string
	}{
		"delivered":        {scheduler.Result{Outcome: scheduler.Delivered}, scheduler.Sent, 1, day, ""},
		"not delivered":    {scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Hour}, scheduler.Pending, 0, time.Hour, ""},
		"ambiguous":        {scheduler.Result{Outcome: scheduler.Ambiguous}, scheduler.Pending, 1, day, ""},
		"no outcome":       {scheduler.Result{}, scheduler.Pending, 1, day, ""},
		"refused":          {scheduler.Result{Outcome: scheduler.Refused, Err: blocked}, scheduler.Parked, 0, 5 * time.Second, "unreachable: bot was blocked"},
		"this one refused": {scheduler.Result{Outcome: scheduler.Refused, ThisOnly: true, Err: errors.New("too long")}, scheduler.Parked, 1, day, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			everyEngine(t, func(t *testing.T, w *world) {
				lead := w.lead(t, ann, "Jane Doe")
				r := w.insert(t, w.row(lead, 1, w.clock.Now().Add(-time.Second)))[0]
				w.sender.Answer = answer(test.result)
				w.cycle(t, w.dispatcher(t))
				r = w.reminder(t, r)
				require.Equal(t, test.status, r.Status)
				require.Equal(t, test.count, r.ReminderCount)
				require.WithinDuration(t, w.clock.Now().Add(test.due), r.DueAt, 10*time.Second)
				require.Equal(t, test.error, r.LastError)
			})
		})
	}
}

func TestRefusedUserComesBackWithStart(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		w.insert(t, w.row(lead, 1, w.clock.Now().Add(-time.Second)), w.row(lead, 2, w.clock.Now().Add(day)))
		d := w.dispatcher(t)
		w.sender.Answer = answer(scheduler.Result{Outcome: scheduler.Refused, Err: errors.New("blocked")})
		w.cycle(t, d)
		w.sender.Answer = nil
		w.clock.Advance(2 * day)
		_, got := w.cycle(t, d)
		require.Empty(t, got)

		n, err := w.store.Unblock(t.Context(), ann)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		report, got := w.cycle(t, d)
		require.Equal(t, 2, report.Delivered)
		require.NotEmpty(t, got)
	})
}

func TestTooManyRequestsPausesEverything(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		var rows []map[string]any
		for i := range 40 {
			rows = append(rows, w.row(w.lead(t, ann+int64(i), "Lead"), 1, w.clock.Now().Add(-time.Second)))
		}
		w.insert(t, rows...)
		d := w.dispatcher(t)
		var mu sync.Mutex
		calls := 0
		w.sender.Answer = func(context.Context, scheduler.Message) scheduler.Result {
			mu.Lock()
			defer mu.Unlock()
			calls++
			return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Minute, Everyone: true}
		}
		report, _ := w.cycle(t, d)
		require.Equal(t, 8, report.Claimed, "the first batch shows that nothing leaves")
		require.LessOrEqual(t, calls, 8)
		w.sender.Answer = nil
		w.clock.Advance(61 * time.Second)
		report, _ = w.cycle(t, d)
		require.Equal(t, 40, report.Delivered)
	})
}

func TestQuietHoursAndPauseMoveWhatIsDue(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		now := w.clock.Now().UTC()
		wall := func(d time.Duration) string { return now.Add(d).Format("15:04:05") }
		require.NoError(t, w.store.ChangeUser(t.Context(), ann, scheduler.UserChange{
			scheduler.ColumnQuietFrom: wall(-time.Hour), scheduler.ColumnQuietUntil: wall(time.Hour)}))
		until := now.Add(3 * day).Truncate(time.Microsecond)
		require.NoError(t, w.store.ChangeUser(t.Context(), bob, scheduler.UserChange{scheduler.ColumnPausedUntil: until}))
		quiet := w.insert(t, w.row(w.lead(t, ann, "Jane Doe"), 1, now.Add(-time.Second)))[0]
		paused := w.insert(t, w.row(w.lead(t, bob, "John Roe"), 1, now.Add(-time.Second)))[0]
		d := w.dispatcher(t)
		report, got := w.cycle(t, d)
		require.Empty(t, got)
		require.Equal(t, 2, report.Held)
		require.WithinDuration(t, now.Add(time.Hour), w.reminder(t, quiet).DueAt, 2*time.Second)
		require.True(t, until.Equal(w.reminder(t, paused).DueAt))
		require.Zero(t, w.reminder(t, quiet).ReminderCount)

		w.clock.Advance(time.Hour + 5*time.Second)
		_, got = w.cycle(t, d)
		require.Len(t, got, 1)
		require.Equal(t, ann, got[0].TelegramID)
	})
}

func TestManyDispatchersDeliverEachNudgeOnce(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		const users, steps = 40, 5
		var rows []map[string]any
		for u := range users {
			lead := w.lead(t, ann+int64(u), fmt.Sprint("Lead ", u))
			for s := range steps {
				rows = append(rows, w.row(lead, s+1, w.clock.Now().Add(-time.Minute)))
			}
		}
		stored := w.insert(t, rows...)
		var wg sync.WaitGroup
		for range 6 {
			d := w.dispatcher(t, scheduler.WithMaxPerCycle(steps))
			wg.Go(func() {
				// A deadlock between batches is rolled back and comes back as
				// an error; the next cycle goes on.
				for range 20 {
					if report, err := d.Cycle(t.Context()); err == nil && report.Due == 0 {
						return
					}
				}
			})
		}
		wg.Wait()
		delivered := map[int64]int{}
		for _, m := range w.sender.Messages() {
			for _, item := range m.Items {
				delivered[item.Reminder.ID]++
			}
		}
		require.Len(t, delivered, len(stored))
		for id, times := range delivered {
			require.Equal(t, 1, times, "reminder %d", id)
		}
		for _, r := range stored {
			require.Equal(t, 1, w.reminder(t, r).ReminderCount)
		}
	})
}

func TestStopGivesUnsentClaimsBack(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		stored := w.insert(t, w.row(lead, 1, w.clock.Now().Add(-2*time.Second)), w.row(lead, 2, w.clock.Now().Add(-time.Second)))
		ctx, stop := context.WithCancel(t.Context())
		w.sender.Answer = func(context.Context, scheduler.Message) scheduler.Result {
			stop() // while the first message is on its way
			return scheduler.Result{Outcome: scheduler.Delivered}
		}
		_, err := w.dispatcher(t).Cycle(ctx)
		require.NoError(t, err)
		require.Equal(t, scheduler.Sent, w.reminder(t, stored[0]).Status)
		unsent := w.reminder(t, stored[1])
		require.Equal(t, scheduler.Pending, unsent.Status)
		require.Zero(t, unsent.ReminderCount)
		require.False(t, unsent.DueAt.After(w.clock.Now()), "due at once for whoever comes next")
	})
}

func TestASenderThatPanicsIsAnAmbiguousOutcome(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		r := w.insert(t, w.row(w.lead(t, ann, "Jane Doe"), 1, w.clock.Now().Add(-time.Second)))[0]
		w.sender.Answer = func(context.Context, scheduler.Message) scheduler.Result { panic("boom") }
		report, _ := w.cycle(t, w.dispatcher(t))
		require.Equal(t, 1, report.Ambiguous)
		require.Equal(t, 1, w.reminder(t, r).ReminderCount)
	})
}

func TestRunWakesWhenTheEarliestIsDue(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		arrived := make(chan scheduler.Message, 10)
		w.sender.Answer = func(_ context.Context, m scheduler.Message) scheduler.Result {
			arrived <- m
			return scheduler.Result{Outcome: scheduler.Delivered}
		}
		w.schedule(t, w.lead(t, ann, "Jane Doe"), plan(1, 2))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		d := w.dispatcher(t, scheduler.WithInterval(time.Hour))
		go func() { done <- d.Run(ctx) }()
		for range 2 {
			w.clock.Advance(day)
			require.Equal(t, scheduler.Nudge, (<-arrived).Kind)
		}
		stop()
		require.NoError(t, <-done)
		require.NoError(t, d.Status().LastError)
	})
}

func TestRunOutlivesAStoreThatIsDown(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		w.insert(t, w.row(w.lead(t, ann, "Jane Doe"), 1, w.clock.Now().Add(-time.Second)))
		heal := w.server.Fault(insforgetest.NoConnection())
		down := make(chan struct{})
		arrived := make(chan scheduler.Message, 10)
		w.sender.Answer = func(_ context.Context, m scheduler.Message) scheduler.Result {
			arrived <- m
			return scheduler.Result{Outcome: scheduler.Delivered}
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		d := w.dispatcher(t)
		go func() { done <- d.Run(ctx) }()
		go func() {
			defer close(down)
			for d.Status().LastError == nil && ctx.Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
		}()
		<-down
		heal()
		<-arrived
		stop()
		require.NoError(t, <-done)
		require.Len(t, w.sender.Messages(), 1)
	})
}

// A recipient whose message hangs must keep neither what was delivered from
// being stored, nor what falls due meanwhile from being sent.
func TestASlowRecipientHoldsUpNobody(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		hang := make(chan struct{})
		arrived := make(chan scheduler.Message, 10)
		w.sender.Answer = func(_ context.Context, m scheduler.Message) scheduler.Result {
			if m.TelegramID == ann {
				<-hang
			}
			arrived <- m
			return scheduler.Result{Outcome: scheduler.Delivered}
		}
		jane, john := w.lead(t, ann, "Jane Doe"), w.lead(t, bob, "John Roe")
		w.insert(t, w.row(jane, 1, w.clock.Now().Add(-time.Second)))
		first := w.insert(t, w.row(john, 1, w.clock.Now().Add(-time.Second)))[0]
		d := w.dispatcher(t)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		require.Equal(t, bob, (<-arrived).TelegramID)
		require.Eventually(t, func() bool { return w.reminder(t, first).Status == scheduler.Sent }, 10*time.Second, 10*time.Millisecond)
		w.insert(t, w.row(john, 2, w.clock.Now().Add(-time.Second)))
		require.Equal(t, 2, (<-arrived).Items[0].Reminder.StepID)
		close(hang)
		require.Equal(t, ann, (<-arrived).TelegramID)
		stop()
		require.NoError(t, <-done)
	})
}

func TestAnyDateThatHasPassedIsDue(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		w.insert(t, w.row(w.lead(t, ann, "Jane Doe"), 1, time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC)))
		_, got := w.cycle(t, w.dispatcher(t))
		require.Len(t, got, 1)
	})
}
