package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/scheduler"
)

// The tests of this file get between two requests of a process.

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// between is the same world through a connection of its own.
func (w *world) between(t *testing.T, f roundTrip, opts ...insforge.Option) *world {
	t.Helper()
	client, err := insforge.New(w.server.URL, append(opts, insforge.WithDialect(insforge.PostgREST), insforge.WithAPIKey(w.server.APIKey), insforge.WithHTTPClient(&http.Client{Transport: f}))...)
	require.NoError(t, err)
	other := *w
	other.client = client
	other.store, err = scheduler.NewStore(client, w.clock)
	require.NoError(t, err)
	other.scheduler, err = scheduler.New(other.store, scheduler.WithLogger(w.log))
	require.NoError(t, err)
	return &other
}

// Two processes schedule at once: the first lists before the second inserts.
func TestTwoPlansAtOnceDoNotCancelEachOther(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		listed, bIn := make(chan struct{}), make(chan struct{})
		var once sync.Once
		p1 := w.between(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == "PATCH" && strings.Contains(r.URL.Path, "scheduled_reminders") {
				once.Do(func() { close(listed); <-bIn })
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		p2 := w.between(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == "PATCH" && strings.Contains(r.URL.Path, "scheduled_reminders") {
				close(bIn)                         // P2 has listed A and B
				time.Sleep(200 * time.Millisecond) // P1's PATCH comes first
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		var wg sync.WaitGroup
		now := w.clock.Now()
		var e1, e2 error
		wg.Go(func() { _, e1 = p1.scheduler.Schedule(t.Context(), lead, plan(1, 2, 3), now) })
		<-listed
		wg.Go(func() { _, e2 = p2.scheduler.Schedule(t.Context(), lead, plan(4, 5, 6), now) })
		wg.Wait()
		rows, err := w.store.Reminders(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.NotEmpty(t, rows, "both cancelled; errors %v / %v", e1, e2)
	})
}

// The answer to the insert is lost, and its repetition inserts nothing.
func TestANewPlanIsShownThoughItsInsertWasRepeated(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		s := w.schedule(t, lead, plan(1, 2, 3))
		w.server.Fault(insforgetest.Fault{Method: "POST", Table: "scheduled_reminders", DropResponse: true, Times: 1})
		_, err := w.scheduler.Schedule(t.Context(), s.Lead, plan(4, 5, 6), w.clock.Now())
		require.NoError(t, err)
		l, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.Equal(t, "Step on day 4", l.Plan().Steps[0].Description)
	})
}

// Approve dies between insert and the plan, and is repeated.
func TestApprovalThatDiedIsFinishedByARepeat(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		w.schedule(t, lead, plan(1, 2, 3))
		p, err := w.store.Propose(t.Context(), ann, lead.ID, plan(4, 5, 6))
		require.NoError(t, err)
		ctx, die := context.WithCancel(t.Context())
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			res, err := http.DefaultTransport.RoundTrip(r)
			if r.Method == "POST" {
				die()
			}
			return res, err
		})
		_, err = h.scheduler.Approve(ctx, ann, lead.ID, p.At)
		require.Error(t, err)
		_, err = w.scheduler.Approve(t.Context(), ann, lead.ID, p.At)
		require.NoError(t, err)
		l, _ := w.store.Lead(t.Context(), ann, lead.ID)
		_, waiting := l.Proposal()
		require.Equal(t, "Step on day 4", l.Plan().Steps[0].Description, "proposal kept: %v", waiting)
	})
}

// The service is told to stop while a claim is under way.
func TestStopDuringAClaimPutsNothingOff(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		stored := w.insert(t, w.row(lead, 1, w.clock.Now().Add(-time.Second)))
		ctx, stop := context.WithCancel(t.Context())
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			res, err := http.DefaultTransport.RoundTrip(r)
			if r.Method == "PATCH" && err == nil {
				stop()
				res.Body.Close()
				return nil, context.Canceled
			}
			return res, err
		})
		_, _ = h.dispatcher(t).Cycle(ctx)
		r := w.reminder(t, stored[0])
		require.False(t, r.DueAt.After(w.clock.Now()), "stopped gracefully, put off until %s, sent %d", r.DueAt.Sub(w.clock.Now()), len(w.sender.Messages()))
	})
}

// Giving a batch back must not take a request a row, or time runs out.
func TestStopGivesALargeBatchBack(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		seed(t, w, 600)
		ctx, stop := context.WithCancel(t.Context())
		var n atomic.Int32
		w.sender.Answer = func(ctx context.Context, m scheduler.Message) scheduler.Result {
			if k := n.Add(1); k <= 300 {
				return scheduler.Result{Outcome: scheduler.Delivered}
			} else if k == 420 {
				stop()
			}
			<-ctx.Done()
			return scheduler.Result{Outcome: scheduler.NotDelivered, Err: ctx.Err()}
		}
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == "PATCH" {
				time.Sleep(40 * time.Millisecond)
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		start := time.Now()
		rep, err := h.dispatcher(t).Cycle(ctx)
		rel := len(w.server.Requests(func(r insforgetest.Request) bool {
			return r.Method == "PATCH" && strings.Contains(string(r.Body), `"last_reminded_at":null`)
		}))
		stuck, e := insforge.All[scheduler.Reminder](t.Context(), w.client.From("scheduled_reminders").Where(filter.Eq("status", "pending")))
		require.NoError(t, e)
		late := 0
		for _, r := range stuck {
			if r.DueAt.After(w.clock.Now().Add(time.Hour)) {
				late++
			}
		}
		t.Logf("took %s err %v released %d release PATCHes %d put off by 24h %d", time.Since(start), err, rep.Released, rel, late)
		require.Zero(t, late)
		require.Less(t, rel, 10)
	})
}

// A gateway replays a request on a stale socket and answers with what the second time found.
func TestAClaimThatAGatewayReplayed(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		w.insert(t, w.row(lead, 1, w.clock.Now().Add(-time.Second)))
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == "PATCH" {
				b, _ := io.ReadAll(r.Body)
				first := r.Clone(r.Context())
				first.Body = io.NopCloser(bytes.NewReader(b))
				res, err := http.DefaultTransport.RoundTrip(first)
				if err == nil {
					res.Body.Close()
				}
				r = r.Clone(r.Context())
				r.Body = io.NopCloser(bytes.NewReader(b))
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		d := h.dispatcher(t)
		for range 3 {
			_, _ = d.Cycle(t.Context())
		}
		require.Len(t, w.sender.Messages(), 1)
	})
}

// The gateway gives up at once; PostgreSQL commits 300 ms later.
func TestAClaimThatCommitsAfterItsAnswerWasLost(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		w.insert(t, w.row(w.lead(t, ann, "Jane"), 1, w.clock.Now().Add(-time.Second)))
		var once sync.Once
		var wg sync.WaitGroup
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			late := false
			if r.Method == "PATCH" {
				once.Do(func() { late = true })
			}
			if !late {
				return http.DefaultTransport.RoundTrip(r)
			}
			b, _ := io.ReadAll(r.Body)
			c := r.Clone(context.Background())
			c.Body = io.NopCloser(bytes.NewReader(b))
			wg.Go(func() {
				time.Sleep(300 * time.Millisecond)
				if res, err := http.DefaultTransport.RoundTrip(c); err == nil {
					res.Body.Close()
				}
			})
			return &http.Response{StatusCode: 504, Status: "504", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("<html>504</html>"))}, nil
		})
		d := h.dispatcher(t)
		_, err := d.Cycle(t.Context())
		t.Log(err)
		wg.Wait()
		for range 3 {
			_, _ = d.Cycle(t.Context())
		}
		require.Len(t, w.sender.Messages(), 1)
	})
}

// A row that moves over a page boundary is listed twice.
func TestARowListedTwiceIsSentOnce(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		now := w.clock.Now()
		rows := make([]map[string]any, 1010)
		for i := range rows {
			rows[i] = map[string]any{"lead_id": lead.ID, "telegram_id": ann + int64(i), "step_id": 1, "due_at": now.Add(-time.Hour + time.Duration(i)*time.Second)}
		}
		stored := w.insert(t, rows...)
		var once sync.Once
		gets := 0
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == "GET" && strings.Contains(r.URL.Path, "scheduled_reminders") {
				if gets++; gets == 2 {
					once.Do(func() {
						_, err := w.client.From("scheduled_reminders").Where(filter.Eq("id", stored[995].ID)).Update(t.Context(), map[string]any{"due_at": now.Add(-time.Hour + 1020*time.Second)})
						require.NoError(t, err)
					})
				}
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		rep, err := h.dispatcher(t).Cycle(t.Context())
		require.NoError(t, err)
		n := 0
		for _, m := range w.sender.Messages() {
			for _, it := range m.Items {
				if it.Reminder.ID == stored[995].ID {
					n++
				}
			}
		}
		require.Equal(t, 1, n, "due %d gets %d", rep.Due, gets)
	})
}

// What is due at once is claimed while the person's press still lists the plan,
// which takes two pages.
func TestAPlanIsListedOnceThoughAClaimMovesIt(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		w.schedule(t, lead, plan(0, 0))
		d, gets := w.dispatcher(t), 0
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			if gets++; gets == 2 {
				w.cycle(t, d)
			}
			return http.DefaultTransport.RoundTrip(r)
		}, insforge.WithPageSize(1))
		listed, err := h.store.Reminders(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.GreaterOrEqual(t, gets, 2)
		require.Len(t, listed, 2)
		require.Equal(t, []int{1, 2}, []int{listed[0].StepID, listed[1].StepID})
	})
}

// Telegram and the store are down together.
func TestAnOutcomeThatCannotBeStoredIsStoredLater(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		stored := w.insert(t, w.row(w.lead(t, ann, "Jane"), 1, w.clock.Now().Add(-time.Second)))
		w.sender.Answer = func(ctx context.Context, m scheduler.Message) scheduler.Result {
			w.server.Fault(insforgetest.NoConnection())
			return scheduler.Result{Outcome: scheduler.NotDelivered, Err: errors.New("connection refused")}
		}
		d := w.dispatcher(t)
		_, err := d.Cycle(t.Context())
		t.Log(err)
		w.server.Heal()
		w.sender.Answer = nil
		w.clock.Advance(time.Minute)
		for range 2 {
			_, _ = d.Cycle(t.Context())
		}
		require.Len(t, w.sender.Messages(), 1, "due %s from now", w.reminder(t, stored[0]).DueAt.Sub(w.clock.Now()))
	})
}

// What the database refuses to keep of one message stops neither what else
// there is to keep nor what comes after.
func TestAnOutcomeThatTheDatabaseRefusesHoldsUpNobody(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		d := w.dispatcher(t)
		bad := w.insert(t, w.row(w.lead(t, ann, "Jane Doe"), 1, w.clock.Now().Add(-time.Second)))[0]
		w.sender.Answer = answer(scheduler.Result{Outcome: scheduler.Refused, ThisOnly: true, Err: errors.New("a reason with a \x00 in it")})
		_, err := d.Cycle(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, w.reminder(t, bad).ReminderCount, "it stays claimed")

		w.sender.Answer = nil
		good := w.insert(t, w.row(w.lead(t, bob, "John Roe"), 1, w.clock.Now().Add(-time.Second)))[0]
		_, got := w.cycle(t, d)
		require.Len(t, got, 1)
		require.Equal(t, scheduler.Sent, w.reminder(t, good).Status)
	})
}

// A proxy that mixes answers up: as many rows as were asked for, and others.
func TestAClaimAnsweredWithSomebodyElsesRows(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		mine := w.insert(t, w.row(w.lead(t, ann, "Jane Doe"), 1, w.clock.Now().Add(-time.Second)))[0]
		var once sync.Once
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			response, err := http.DefaultTransport.RoundTrip(r)
			if err == nil && r.Method == "PATCH" && strings.Contains(r.URL.Path, "scheduled_reminders") {
				once.Do(func() {
					_ = response.Body.Close()
					response = answering(r, 200, `[{"id":4242,"lead_id":1,"telegram_id":7,"step_id":9,"status":"pending"}]`)
				})
			}
			return response, err
		})
		_, got := h.cycle(t, h.dispatcher(t))
		require.Len(t, got, 1)
		require.Equal(t, mine.ID, got[0].Items[0].Reminder.ID)
	})
}

// Re-planned with the same step numbers: the old plan's rows stand in for the new one's.
func TestStepsOfAReplacedPlanDoNotSpeakForTheNewOne(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		a := w.schedule(t, lead, plan(5, 6, 7))
		_, err := w.scheduler.Complete(t.Context(), ann, a.Reminders[0].ID)
		require.NoError(t, err)
		l, _ := w.store.Lead(t.Context(), ann, lead.ID)
		w.schedule(t, l, plan(1, 2, 3))
		l, _, err = w.scheduler.Reconcile(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		t.Log("step 1 of the new plan after Reconcile:", l.Plan().Steps[0].Status)
		rows, _ := w.store.Reminders(t.Context(), ann, lead.ID)
		for _, r := range rows {
			t.Log(r.ID, r.StepID, r.Status)
		}
		if l.Plan().Steps[0].Status == "done" {
			t.Error("Reconcile marked an open step done")
		}
		ch, err := w.scheduler.SetStep(t.Context(), ann, lead.ID, 1, false)
		t.Log("untick:", ch.Before.ID, ch.After.Status, err)
	})
}

func TestAStepOfTheNewPlanCanBeTicked(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		a := w.schedule(t, lead, plan(1, 2, 3))
		_, err := w.scheduler.Complete(t.Context(), ann, a.Reminders[0].ID)
		require.NoError(t, err)
		l, _ := w.store.Lead(t.Context(), ann, lead.ID)
		w.schedule(t, l, plan(4, 5, 6))
		ch, err := w.scheduler.SetStep(t.Context(), ann, lead.ID, 1, true)
		t.Log("tick:", ch.After.Status, err)
		require.NoError(t, err, "the new plan's step 1 cannot be ticked off")
	})
}

// A press on a message of the replaced plan.
func TestAPressOnTheOldPlanLeavesTheNewOneAlone(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		a := w.schedule(t, lead, plan(1, 2, 3))
		_, err := w.scheduler.Complete(t.Context(), ann, a.Reminders[0].ID)
		require.NoError(t, err)
		l, _ := w.store.Lead(t.Context(), ann, lead.ID)
		w.schedule(t, l, plan(4, 5, 6))
		_, err = w.scheduler.Complete(t.Context(), ann, a.Reminders[0].ID) // again
		require.ErrorIs(t, err, scheduler.ErrAlreadyHandled)
		l, _ = w.store.Lead(t.Context(), ann, lead.ID)
		require.NotEqual(t, "done", string(l.Plan().Steps[0].Status), "the new plan shows step 1 as done")
	})
}

// A cycle runs between the requests of Unblock.
func TestUnblockBesideADispatcher(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		stored := w.insert(t, w.row(w.lead(t, ann, "Jane"), 1, w.clock.Now().Add(-time.Minute)))
		d := w.dispatcher(t)
		w.sender.Answer = answer(scheduler.Result{Outcome: scheduler.Refused, Err: errors.New("403")})
		w.cycle(t, d)
		w.sender.Answer = nil
		w.clock.Advance(time.Hour)
		h := w.between(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == "PATCH" && strings.Contains(r.URL.Path, "bot_users") {
				_, _ = d.Cycle(context.Background())
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		_, err := h.store.Unblock(t.Context(), ann)
		require.NoError(t, err)
		w.clock.Advance(time.Hour)
		w.cycle(t, d)
		require.NotEqual(t, scheduler.Parked, w.reminder(t, stored[0]).Status)
	})
}

func TestAFollowupWhoseClaimWasLost(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		w.outOfSteps(t, ann, "Jane")
		w.server.Fault(insforgetest.Fault{Method: "PATCH", Table: "lead_registry", DropResponse: true, Times: 1})
		f, err := scheduler.NewFollowups(w.store, w.sender, 6*time.Hour, time.UTC, w.log)
		require.NoError(t, err)
		for range 3 {
			_ = f.Cycle(t.Context())
		}
		require.Len(t, w.sender.Messages(), 1)
	})
}

// The last open step parks: somebody should ask how it went.
func TestAParkedStepLeadsToAFollowup(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		w.insert(t, w.row(lead, 1, w.clock.Now().Add(-time.Second)))
		d := w.dispatcher(t)
		for range 6 {
			w.cycle(t, d)
			w.clock.Advance(8 * day)
		}
		l, err := w.store.Lead(t.Context(), ann, lead.ID)
		require.NoError(t, err)
		require.False(t, l.NextFollowup.IsZero(), "no open step, and no follow-up planned")
	})
}

// Row security may let a delete pass without deleting.
func TestRetentionThatMayNotDeleteEnds(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane")
		s := w.schedule(t, lead, plan(1))
		_, err := w.scheduler.Complete(t.Context(), ann, s.Reminders[0].ID)
		require.NoError(t, err)
		w.clock.Advance(100 * day)
		w.server.Fault(insforgetest.Fault{Method: "DELETE", Status: 200, Body: "[]", Header: http.Header{"Content-Type": {"application/json"}, "Content-Range": {"*/0"}}})
		r, err := scheduler.NewRetention(w.store, day, w.log)
		require.NoError(t, err)
		w.server.ForgetRequests()
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
		defer stop()
		_, _ = r.Clean(ctx)
		require.Less(t, len(w.server.Requests()), 10)
	})
}

// A refusal that could not be stored is no longer news when the user has come
// back meanwhile.
func TestAUserWhoCameBackIsNotBlockedForAnOldRefusal(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		stored := w.insert(t, w.row(w.lead(t, ann, "Jane"), 1, w.clock.Now().Add(-time.Second)))
		d := w.dispatcher(t)
		w.sender.Answer = answer(scheduler.Result{Outcome: scheduler.Refused, Err: errors.New("403")})
		heal := w.server.Fault(insforgetest.Fault{Table: "bot_users", Method: "POST", Status: 500, Body: `{"message":"out of order"}`})
		_, err := d.Cycle(t.Context())
		require.Error(t, err)
		heal()
		w.sender.Answer = nil
		_, err = w.store.Unblock(t.Context(), ann)
		require.NoError(t, err)
		w.clock.Advance(time.Minute)
		_, got := w.cycle(t, d)
		require.Len(t, got, 1)
		require.Equal(t, scheduler.Sent, w.reminder(t, stored[0]).Status)
	})
}
