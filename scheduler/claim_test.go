package scheduler_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/scheduler"
)

// A whole claim is confirmed by its token alone. Of one that comes to different
// ends, each row keeps its own.
func TestWhatAClaimComesToIsStoredRowByRow(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		const users = 8 // the first claim
		ends := map[scheduler.Outcome]scheduler.Status{
			scheduler.Delivered: scheduler.Sent, scheduler.NotDelivered: scheduler.Pending, scheduler.Refused: scheduler.Parked, scheduler.Ambiguous: scheduler.Pending}
		for name, outcome := range map[string]func(user int64) scheduler.Outcome{
			"all alike": func(int64) scheduler.Outcome { return scheduler.Delivered },
			"each in its own way": func(user int64) scheduler.Outcome {
				return scheduler.Outcome(1 + user%4)
			},
			"all but one": func(user int64) scheduler.Outcome {
				if user == ann {
					return scheduler.Ambiguous
				}
				return scheduler.Delivered
			},
		} {
			var rows []map[string]any
			for i := range users {
				rows = append(rows, w.row(w.lead(t, ann+int64(i), "Lead"), 1, w.clock.Now().Add(-time.Second)))
			}
			stored := w.insert(t, rows...)
			w.sender.Answer = func(_ context.Context, m scheduler.Message) scheduler.Result {
				return scheduler.Result{Outcome: outcome(m.TelegramID), ThisOnly: true}
			}
			_, _ = w.cycle(t, w.dispatcher(t))
			for _, r := range stored {
				r = w.reminder(t, r)
				require.Equal(t, ends[outcome(r.TelegramID)], r.Status, "%s: user %d", name, r.TelegramID)
				require.Equal(t, outcome(r.TelegramID) == scheduler.NotDelivered, r.ReminderCount == 0, "%s: user %d", name, r.TelegramID)
			}
			_, err := w.client.From("scheduled_reminders").AllRows().Delete(t.Context())
			require.NoError(t, err)
		}
	})
}

// Which message carries the buttons is known as long as few are sent at once.
// Where it is not, an earlier message does not pass for it.
func TestWhichMessageCarriesTheButtons(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		w.sender.Answer = func(_ context.Context, m scheduler.Message) scheduler.Result {
			return scheduler.Result{Outcome: scheduler.Delivered, MessageID: 1000 + m.Items[0].Reminder.ID}
		}
		var rows []map[string]any
		for i := range 3 {
			rows = append(rows, w.row(w.lead(t, ann+int64(i), "Lead"), 1, w.clock.Now().Add(-time.Second)))
		}
		few := w.insert(t, rows...)
		d := w.dispatcher(t)
		w.cycle(t, d)
		for _, r := range few {
			require.Equal(t, 1000+r.ID, w.reminder(t, r).MessageID)
		}
		w.clock.Advance(day - time.Minute)
		w.insert(t, rows...)
		w.clock.Advance(2 * time.Minute)
		w.cycle(t, d)
		for _, r := range few {
			r = w.reminder(t, r)
			require.Equal(t, 2, r.ReminderCount)
			require.Zero(t, r.MessageID)
		}
	})
}

// A step whose lead is gone is skipped for good. One answer that lacks a lead is
// not enough for that.
func TestALeadIsGoneWhenItIsMissingTwice(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		w.insert(t, w.row(w.lead(t, ann, "Jane Doe"), 1, w.clock.Now().Add(-time.Second)), w.row(scheduler.Lead{ID: 4711, TelegramID: ann}, 1, w.clock.Now().Add(-time.Second)))
		w.server.Fault(insforgetest.Fault{Table: "lead_registry", Method: "GET", Status: 200, Body: `[]`, Times: 1})
		report, got := w.cycle(t, w.dispatcher(t))
		require.Len(t, got, 1)
		require.Equal(t, "Jane Doe", got[0].Items[0].Lead.Name)
		require.Equal(t, 1, report.Orphaned)
	})
}

// A row that cannot be claimed is passed over until the interval is over: by the
// look for the next due date, too, or every look would lead to a cycle.
func TestARowThatCannotBeClaimedCostsNoCycles(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		bad := w.row(w.lead(t, ann, "Jane Doe"), 1, w.clock.Now().Add(-time.Second))
		bad["reminder_count"] = 1<<31 - 1 // one more is out of range
		w.insert(t, bad)
		cycles := make(chan scheduler.Report, 100)
		d := w.dispatcher(t, scheduler.WithReport(func(r scheduler.Report) { cycles <- r }), scheduler.WithInterval(time.Hour))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		<-cycles
		w.server.ForgetRequests()
		looks := func() (looks int) {
			for _, r := range w.server.Requests() {
				if r.Method == "GET" && r.Query.Get("limit") == "1" {
					looks++
				}
			}
			return looks
		}
		require.Eventually(t, func() bool { return looks() >= 2 }, 20*time.Second, 10*time.Millisecond)
		require.Empty(t, cycles)
		require.Zero(t, d.Status().Lag)
		w.clock.Advance(time.Hour)
		<-cycles
		stop()
		require.NoError(t, <-done)
	})
}
