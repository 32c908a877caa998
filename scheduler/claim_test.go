package scheduler_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
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

func TestLostResponsesOfClaims(t *testing.T) {
	claims := func(r insforgetest.Request) bool { return r.Method == "PATCH" }
	for name, faults := range map[string][]insforgetest.Fault{
		"read back at once": {{Table: "scheduled_reminders", Match: claims, DropResponse: true, Times: 1}},
		"read back by the next cycle": {
			{Table: "scheduled_reminders", Match: claims, DropResponse: true, Times: 1},
			{Table: "scheduled_reminders", Method: "GET", Match: insforgetest.Match(func(r insforgetest.Request) bool { return r.Query.Has("last_reminded_at") }), Status: 400, Body: `{"code":"XX","message":"no"}`, Times: 1},
		},
		"lost before it was carried out":     {{Table: "scheduled_reminders", Match: claims, CutConnection: true, Times: 1}},
		"answered by a gateway that gave up": {{Table: "scheduled_reminders", Match: claims, AfterCommit: true, Status: 502, Body: "<html>502</html>", Times: 1}},
		"rolled back for a deadlock":         {func() insforgetest.Fault { f := insforgetest.Deadlock(); f.Match, f.Times = claims, 1; return f }()},
	} {
		t.Run(name, func(t *testing.T) {
			everyEngine(t, func(t *testing.T, w *world) {
				stored := w.insert(t, w.row(w.lead(t, ann, "Jane Doe"), 1, w.clock.Now().Add(-time.Second)))
				for _, fault := range faults {
					w.server.Fault(fault)
				}
				d := w.dispatcher(t)
				for range 3 {
					_, _ = d.Cycle(t.Context()) // the fault may surface as an error once
				}
				require.Len(t, w.sender.Messages(), 1)
				require.Equal(t, 1, w.reminder(t, stored[0]).ReminderCount)
			})
		})
	}
}

// Two nudges in a row were lost track of: that is one reminder taken up.
func TestWhatIsHealedIsCountedOnce(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		row := w.row(w.lead(t, ann, "Jane Doe"), 1, w.clock.Now().Add(-time.Second))
		row["reminder_count"] = 1
		w.insert(t, row)
		w.server.Fault(insforgetest.Fault{Table: "scheduled_reminders", Method: "PATCH", DropResponse: true, Times: 1})
		w.server.Fault(insforgetest.Fault{Table: "scheduled_reminders", Method: "GET", Times: 1, Status: 400, Body: `{"code":"XX","message":"no"}`,
			Match: func(r insforgetest.Request) bool { return r.Query.Has("last_reminded_at") }})
		d := w.dispatcher(t)
		healed := 0
		for range 3 {
			report, _ := d.Cycle(t.Context())
			healed += report.Healed
		}
		require.Len(t, w.sender.Messages(), 1)
		require.Equal(t, 1, healed)
	})
}

func TestACrashBetweenClaimAndSendIsHealedByTheNextNudge(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		w.insert(t, w.row(lead, 1, w.clock.Now().Add(-time.Second)))
		// A claim as a process leaves it that dies before it sends.
		_, err := insforge.Update[scheduler.Reminder](t.Context(), w.client.From("scheduled_reminders").AllRows(), map[string]any{
			"reminder_count": 1, "last_reminded_at": w.clock.Now().UTC().Truncate(time.Microsecond), "due_at": w.clock.Now().Add(day).UTC()})
		require.NoError(t, err)
		d := w.dispatcher(t)
		_, got := w.cycle(t, d)
		require.Empty(t, got, "it may have been sent: not again before the next nudge")
		w.clock.Advance(day)
		report, got := w.cycle(t, d)
		require.Len(t, got, 1)
		require.Equal(t, 1, report.Healed)
		require.Equal(t, scheduler.StageDue, got[0].Items[0].Stage, "the first one to be read")
	})
}

func TestAPressBeforeTheConfirmationStands(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		stored := w.insert(t, w.row(lead, 1, w.clock.Now().Add(-2*time.Second)), w.row(lead, 2, w.clock.Now().Add(-time.Second)))
		w.sender.Answer = func(ctx context.Context, m scheduler.Message) scheduler.Result {
			var err error
			if r := m.Items[0].Reminder; r.StepID == 1 {
				_, err = w.scheduler.Complete(ctx, ann, r.ID)
			} else {
				_, err = w.scheduler.Snooze(ctx, ann, r.ID, w.clock.Now().Add(time.Hour))
			}
			if err != nil {
				t.Error(err)
			}
			return scheduler.Result{Outcome: scheduler.Delivered}
		}
		w.cycle(t, w.dispatcher(t))
		require.Equal(t, scheduler.Completed, w.reminder(t, stored[0]).Status)
		snoozed := w.reminder(t, stored[1])
		require.Equal(t, scheduler.Snoozed, snoozed.Status)
		require.Zero(t, snoozed.ReminderCount)
		require.WithinDuration(t, w.clock.Now().Add(time.Hour), snoozed.DueAt, time.Minute)
	})
}

// Rows that others wrote, or a database that refuses to touch one, must not
// hold up the rest.
func TestOneBadRowDoesNotHoldUpTheOthers(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		now := w.clock.Now()
		bad := w.row(lead, 1, now.Add(-time.Minute))
		bad["reminder_count"] = 1<<31 - 1 // one more is out of range
		negative := w.row(lead, 2, now.Add(-time.Second))
		negative["reminder_count"] = -1
		never := w.row(lead, 3, now)
		never["due_at"] = "infinity"
		w.insert(t, bad, negative)
		_, err := w.client.From("scheduled_reminders").Insert(t.Context(), never)
		require.NoError(t, err)
		_, err = w.client.From("bot_users").Insert(t.Context(), map[string]any{"telegram_id": bob, "paused_until": "infinity"})
		require.NoError(t, err)
		w.insert(t, w.row(w.lead(t, bob, "John Roe"), 1, now.Add(-time.Second)))
		var rows []map[string]any
		for i := range 20 {
			row := w.row(w.lead(t, ann+int64(100+i), "Lead"), 1, now.Add(-time.Second))
			row["reminder_count"] = 1<<31 - 1 - i%2
			rows = append(rows, row)
		}
		w.insert(t, rows...)
		d := w.dispatcher(t)
		report, got := w.cycle(t, d)
		require.Equal(t, 1, report.Held)
		require.Len(t, got, 11, "all but those that overflow")
		w.server.ForgetRequests()
		w.cycle(t, d)
		for _, r := range w.server.Requests() {
			require.NotEqual(t, "PATCH", r.Method, "what cannot be claimed is not tried again at once")
		}
		_, err = w.store.Upcoming(t.Context(), 100)
		require.NoError(t, err)
		_, err = w.store.Reminders(t.Context(), ann, lead.ID)
		require.NoError(t, err)
	})
}
