package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// instant is a sender that takes no time.
type instant struct{}

func (instant) Send(context.Context, scheduler.Message) scheduler.Result {
	return scheduler.Result{Outcome: scheduler.Delivered, MessageID: 1}
}

// tally counts requests, and notes how many rows each claim asks for.
type tally struct {
	mu       sync.Mutex
	requests int
	claims   []int
}

func (t *tally) RoundTrip(r *http.Request) (*http.Response, error) {
	query := r.URL.Query()
	t.mu.Lock()
	t.requests++
	if r.Method == http.MethodPatch && strings.HasPrefix(query.Get("due_at"), "lte.") {
		t.claims = append(t.claims, 1+strings.Count(query.Get("id"), ","))
	}
	t.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// quiet logs warnings only, to nowhere, for both sides.
var quiet = slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn}))

func (e *engine) dispatcher(requests *tally, options ...scheduler.DispatcherOption) *scheduler.Dispatcher {
	store, err := scheduler.NewStore(e.client(requests), nil)
	if err != nil {
		e.Fatal(err)
	}
	d, err := scheduler.NewDispatcher(store, instant{}, append(options, scheduler.WithDispatchLogger(quiet))...)
	if err != nil {
		e.Fatal(err)
	}
	return d
}

// requestsOf returns the requests that a number of due reminders take, and the
// sizes of the claims in their order.
func (e *engine) requestsOf(due int) (requests int, claims []int) {
	e.fill(due)
	count := &tally{}
	report, err := e.dispatcher(count).Cycle(e.ctx)
	if err != nil || report.Delivered != due {
		e.Fatalf("%d of %d delivered: %v", report.Delivered, due, err)
	}
	return count.requests, count.claims
}

// drain returns how many reminders a second leave while a number of them is
// worked off (listed, claimed, sent, and confirmed in the database), and what
// one of them takes.
func (e *engine) drain(due int) (perSecond float64, each effort) {
	e.fill(due)
	ctx, done := context.WithCancel(e.ctx)
	defer done()
	var delivered atomic.Int64
	d := e.dispatcher(&tally{}, scheduler.WithReport(func(r scheduler.Report) {
		if delivered.Add(int64(r.Delivered)) >= int64(due) {
			done()
		}
	}))
	before, began := e.spent(), time.Now()
	_ = d.Run(ctx)
	took := time.Since(began)
	each = e.spent().since(before).per(due)
	if confirmed := e.value("SELECT count(*) FROM scheduled_reminders WHERE status = 'sent' AND reminder_count = 1"); confirmed != fmt.Sprint(due) {
		e.Fatalf("%s of %d confirmed", confirmed, due)
	}
	return float64(due) / took.Seconds(), each
}

// crowd is a database with 1,000 reminders that are due among others, and the
// cycles that worked them off.
type crowd struct {
	*engine
	dispatcher *scheduler.Dispatcher
	stored     int
	access     string // how they are found
	took       []time.Duration
	spent      effort
}

// crowd stores 1,000 due reminders and so many others, half of them over, half
// to come.
func (e *engine) crowd(others int) *crowd {
	e.fill(1000)
	e.sql(fmt.Sprintf(`INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at, status)
		SELECT 1 + i %% 1000, 100001 + i %% 1000, 1000 + i, now() + (i %% 365 + 1) * CASE WHEN i %% 2 = 0 THEN interval '1 day' ELSE interval '-1 day' END,
			CASE WHEN i %% 2 = 0 THEN 'pending' ELSE 'completed' END FROM generate_series(1, %d) i`, others),
		"VACUUM ANALYZE scheduled_reminders", "CHECKPOINT")
	c := &crowd{engine: e, dispatcher: e.dispatcher(&tally{}), stored: 1000 + others}
	for _, line := range e.database.SQL(`EXPLAIN (COSTS OFF) SELECT id FROM scheduled_reminders WHERE due_at <= now() AND due_at >= '0001-01-01T00:00:00Z'
		AND status = ANY ('{pending,sent,snoozed}') ORDER BY due_at, id LIMIT 1000`) {
		if strings.Contains(line[0], "Scan") {
			c.access = strings.TrimSpace(strings.TrimLeft(line[0], " ->"))
		}
	}
	c.cycle() // warms up
	c.took, c.spent = nil, effort{}
	return c
}

// cycle works off what is due, tells how long that took, and makes it due again.
func (c *crowd) cycle() time.Duration {
	before, began := c.engine.spent(), time.Now()
	report, err := c.dispatcher.Cycle(c.ctx)
	if err != nil || report.Delivered != 1000 {
		c.Fatalf("%d of 1000 delivered: %v", report.Delivered, err)
	}
	took := time.Since(began)
	c.took, c.spent = append(c.took, took), c.spent.plus(c.engine.spent().since(before))
	c.sql("UPDATE scheduled_reminders SET status = 'pending', reminder_count = 0, due_at = now() - interval '1 second' WHERE id <= 1000")
	return took
}

// effort is the processor time of a cycle, which other work on the machine
// hardly changes.
func (c *crowd) effort() time.Duration { return c.spent.per(len(c.took)).total() }

// lateness returns how late reminders leave a dispatcher that runs with an
// interval of 15 minutes: ahead are those that were there in time, behind those
// that another process inserts when they are due.
func (e *engine) lateness(number int, over time.Duration) (ahead, behind []time.Duration) {
	e.fill(1)
	e.sql("TRUNCATE scheduled_reminders")
	ctx, done := context.WithCancel(e.ctx)
	defer done()
	var mu sync.Mutex
	sender := timekeeper(func(m scheduler.Message) {
		mu.Lock()
		defer mu.Unlock()
		for _, item := range m.Items {
			late := max(item.Overdue, 0) + time.Since(m.Now)
			if item.Reminder.StepID == 1 {
				ahead = append(ahead, late)
			} else {
				behind = append(behind, late)
			}
		}
	})
	store, err := scheduler.NewStore(e.client(&tally{}), nil)
	if err != nil {
		e.Fatal(err)
	}
	d, err := scheduler.NewDispatcher(store, sender, scheduler.WithDispatchLogger(quiet), scheduler.WithInterval(15*time.Minute))
	if err != nil {
		e.Fatal(err)
	}
	e.sql(fmt.Sprintf(`INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at)
		SELECT 1, 200000 + i, 1, now() + interval '3 seconds' + random() * interval '%d milliseconds' FROM generate_series(1, %d) i`, over.Milliseconds(), number))
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = d.Run(ctx)
	}()
	for i := range number {
		e.sql(fmt.Sprintf("INSERT INTO scheduled_reminders (lead_id, telegram_id, step_id, due_at) VALUES (1, %d, 2, now())", 300000+i))
		time.Sleep(over / time.Duration(number))
	}
	time.Sleep(5 * time.Second)
	done()
	<-stopped
	if len(ahead) != number || len(behind) != number {
		e.Fatalf("%d and %d of %d each left", len(ahead), len(behind), number)
	}
	slices.Sort(ahead)
	slices.Sort(behind)
	return ahead, behind
}

type timekeeper func(m scheduler.Message)

func (f timekeeper) Send(_ context.Context, m scheduler.Message) scheduler.Result {
	f(m)
	return scheduler.Result{Outcome: scheduler.Delivered, MessageID: 1}
}

func percentile(sorted []time.Duration, p float64) time.Duration {
	return sorted[min(int(p/100*float64(len(sorted))), len(sorted)-1)]
}
