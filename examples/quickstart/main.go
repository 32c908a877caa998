// Command quickstart shows the packages without a bot: a plan, as a language
// model wrote it, becomes reminders in a database behind PostgREST, and a
// dispatcher hands out what is due.
//
// It brings a database of its own. With INSFORGE_URL and INSFORGE_API_KEY set,
// it would be these lines instead:
//
//	client, err := insforge.New(os.Getenv("INSFORGE_URL"),
//		insforge.WithDialect(insforge.InsForge), insforge.WithAPIKey(os.Getenv("INSFORGE_API_KEY")))
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// answer is what a language model says when it is asked for a plan.
const answer = `Sure, here is a plan:
[
  {"step_id": 1, "description": "Like her last post", "timing": "Day 1"},
  {"step_id": 2, "description": "Connect", "suggested_text": "Hi Jane, good talk at the fair!", "timing": "2 days after step 1"},
  {"step_id": 3, "description": "Ask for a call", "delay_days": 7}
]
Good luck!`

func run(ctx context.Context, out io.Writer) error {
	client, closeStore, err := connect()
	if err != nil {
		return err
	}
	defer closeStore()

	// A lead, and a plan for it that began five days ago.
	store, err := scheduler.NewStore(client, scheduler.SystemClock())
	if err != nil {
		return err
	}
	lead, err := store.CreateLead(ctx, scheduler.NewLead{TelegramID: 7, Name: "Jane Doe", Company: "Acme"})
	if err != nil {
		return err
	}
	plan, err := planparse.Parse(answer)
	if err != nil {
		return err
	}
	plans, err := scheduler.New(store)
	if err != nil {
		return err
	}
	scheduled, err := plans.Schedule(ctx, lead, plan, time.Now().AddDate(0, 0, -5))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "scheduled %d reminders\n", len(scheduled.Reminders))

	// What is due goes out, once, however many processes look.
	dispatcher, err := scheduler.NewDispatcher(store, printer{out})
	if err != nil {
		return err
	}
	for range 2 {
		report, err := dispatcher.Cycle(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "delivered %d\n", report.Delivered)
	}

	// The tables are open to any query.
	waiting, err := insforge.Count(ctx, client.From("scheduled_reminders").Where(filter.Eq("status", scheduler.Pending)))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "still to come: %d\n", waiting)
	return nil
}

// connect returns a client of a database in this process's memory.
func connect() (*insforge.Client, func(), error) {
	schema, err := embedded.ParseTables(migrations.Tables)
	if err != nil {
		return nil, nil, err
	}
	store, err := embedded.Open(embedded.Memory, schema)
	if err != nil {
		return nil, nil, err
	}
	client, err := insforge.New("http://embedded", insforge.WithHTTPClient(&http.Client{Transport: store.Transport(embedded.PostgREST)}))
	return client, func() { _ = store.Close() }, err
}

// printer delivers messages to a terminal. A real one would send them, and
// tell by its result what became of each.
type printer struct{ out io.Writer }

func (p printer) Send(_ context.Context, m scheduler.Message) scheduler.Result {
	for _, item := range m.Items {
		fmt.Fprintf(p.out, "to do for %s: %s\n", item.Lead.Name, item.Step.Description)
	}
	return scheduler.Result{Outcome: scheduler.Delivered}
}
