package schedulertest_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// A sender that first meets a rate limit, and then delivers.
func ExampleSender() {
	ctx := context.Background()
	calls := 0
	sender := &schedulertest.Sender{Answer: func(context.Context, scheduler.Message) scheduler.Result {
		if calls++; calls == 1 {
			return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Minute}
		}
		return scheduler.Result{Outcome: scheduler.Delivered}
	}}
	clock, store, dispatcher := service(sender)
	schedule(ctx, clock, store, "Call her", 0)

	for range 2 {
		if _, err := schedulertest.RunUntilQuiet(ctx, dispatcher); err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(sender.Messages()), "received")
		clock.Advance(2 * time.Minute)
	}
	// Output:
	// 0 received
	// 1 received
}

// What is due goes out, and nothing else.
func ExampleRunUntilQuiet() {
	ctx := context.Background()
	sender := &schedulertest.Sender{}
	clock, store, dispatcher := service(sender)
	schedule(ctx, clock, store, "Like her post", 0)
	schedule(ctx, clock, store, "Call him", 1)

	report, err := schedulertest.RunUntilQuiet(ctx, dispatcher)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Delivered, "now:", sender.Take()[0].Items[0].Step.Description)

	clock.Advance(24 * time.Hour)
	if _, err := schedulertest.RunUntilQuiet(ctx, dispatcher); err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(sender.Take()), "a day later")
	// Output:
	// 1 now: Like her post
	// 2 a day later
}

// A month in the life of a step that nobody acts on.
func ExampleRunFor() {
	ctx := context.Background()
	sender := &schedulertest.Sender{}
	clock, store, dispatcher := service(sender)
	start := clock.Now()
	schedule(ctx, clock, store, "Call her", 1)

	if _, err := schedulertest.RunFor(ctx, clock, 30*24*time.Hour, store, dispatcher); err != nil {
		log.Fatal(err)
	}
	for _, m := range sender.Messages() {
		fmt.Printf("day %.0f: nudge %d\n", m.Now.Sub(start).Hours()/24, m.Items[0].Stage)
	}
	// Output:
	// day 1: nudge 1
	// day 2: nudge 2
	// day 4: nudge 3
	// day 11: nudge 4
}

// service is a store in memory with a dispatcher on it.
func service(sender scheduler.Sender) (*schedulertest.Clock, *scheduler.Store, *scheduler.Dispatcher) {
	clock := schedulertest.NewClock(0)
	schema, err := embedded.ParseTables(migrations.Tables)
	if err != nil {
		log.Fatal(err)
	}
	db, err := embedded.Open(embedded.Memory, schema, embedded.WithClock(clock.Now))
	if err != nil {
		log.Fatal(err)
	}
	client, err := insforge.New("http://embedded", insforge.WithHTTPClient(&http.Client{Transport: db.Transport(embedded.PostgREST)}))
	if err != nil {
		log.Fatal(err)
	}
	store, err := scheduler.NewStore(client, clock)
	if err != nil {
		log.Fatal(err)
	}
	dispatcher, err := scheduler.NewDispatcher(store, sender, scheduler.WithDispatchLogger(quiet))
	if err != nil {
		log.Fatal(err)
	}
	return clock, store, dispatcher
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// schedule makes a lead with a plan of one step, due in so many days.
func schedule(ctx context.Context, clock *schedulertest.Clock, store *scheduler.Store, description string, day int) {
	lead, err := store.CreateLead(ctx, scheduler.NewLead{TelegramID: 7, Name: "Jane Doe"})
	if err != nil {
		log.Fatal(err)
	}
	plans, err := scheduler.New(store, scheduler.WithLogger(quiet))
	if err != nil {
		log.Fatal(err)
	}
	plan := planparse.Plan{Steps: []planparse.Step{{ID: 1, Description: description, Delay: fmt.Append(nil, day)}}}
	if _, err := plans.Schedule(ctx, lead, plan, clock.Now()); err != nil {
		log.Fatal(err)
	}
}
