package scheduler_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// printer is the simplest of senders. A real one tells apart what certainly
// arrived, what certainly did not, and what nobody knows.
type printer struct{}

func (printer) Send(_ context.Context, m scheduler.Message) scheduler.Result {
	for _, item := range m.Items {
		fmt.Printf("%s: %s\n", item.Lead.Display(), item.Step.Description)
	}
	return scheduler.Result{Outcome: scheduler.Delivered}
}

// exampleStore keeps everything in memory, under a clock that can be moved.
func exampleStore(clock *schedulertest.Clock) *scheduler.Store {
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
	return store
}

// A plan becomes reminders, and each goes out once when it is due.
func Example() {
	ctx := context.Background()
	clock := schedulertest.NewClock(0)
	store := exampleStore(clock)

	lead, err := store.CreateLead(ctx, scheduler.NewLead{TelegramID: 7, Name: "Jane Doe"})
	if err != nil {
		log.Fatal(err)
	}
	plan, err := planparse.Parse(`[{"step_id": 1, "description": "Like her post", "delay_days": 1},
	                               {"step_id": 2, "description": "Connect", "timing": "Day 3"}]`)
	if err != nil {
		log.Fatal(err)
	}
	plans, err := scheduler.New(store)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := plans.Schedule(ctx, lead, plan, clock.Now()); err != nil {
		log.Fatal(err)
	}
	dispatcher, err := scheduler.NewDispatcher(store, printer{}, scheduler.WithDispatchLogger(newQuiet()))
	if err != nil {
		log.Fatal(err)
	}
	for range 3 { // a service calls dispatcher.Run instead
		if _, err := dispatcher.Cycle(ctx); err != nil {
			log.Fatal(err)
		}
		clock.Advance(24*time.Hour + time.Second)
		fmt.Println("a day passes")
	}
	// Output:
	// a day passes
	// Jane Doe: Like her post
	// a day passes
	// Jane Doe: Like her post
	// a day passes
}

// What people do with a reminder is safe to repeat: the second press finds it
// handled.
func ExampleScheduler_Complete() {
	ctx := context.Background()
	clock := schedulertest.NewClock(0)
	store := exampleStore(clock)
	plans, err := scheduler.New(store, scheduler.WithLogger(newQuiet()))
	if err != nil {
		log.Fatal(err)
	}
	lead, err := store.CreateLead(ctx, scheduler.NewLead{TelegramID: 7, Name: "Jane Doe"})
	if err != nil {
		log.Fatal(err)
	}
	plan := planparse.Plan{Steps: []planparse.Step{{ID: 1, Description: "Call her", Delay: []byte("0")}}}
	scheduled, err := plans.Schedule(ctx, lead, plan, clock.Now())
	if err != nil {
		log.Fatal(err)
	}
	change, err := plans.Complete(ctx, 7, scheduled.Reminders[0].ID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(change.Step.Description, "is", change.After.Status)
	_, err = plans.Complete(ctx, 7, scheduled.Reminders[0].ID)
	fmt.Println(err)
	// Output:
	// Call her is completed
	// reminder 1 is completed: already handled
}
