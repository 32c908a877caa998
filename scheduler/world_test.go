package scheduler_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ann = int64(1001) // two users
	bob = int64(1002)
)

// world is a store with everything that works on it, and a clock to move.
type world struct {
	server    *insforgetest.Server
	client    *insforge.Client
	clock     *schedulertest.Clock
	store     *scheduler.Store
	scheduler *scheduler.Scheduler
	sender    *schedulertest.Sender
	log       *slog.Logger
}

// everyEngine runs a test on the embedded store and, where it is installed, on
// genuine PostgREST with PostgreSQL.
func everyEngine(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		clock := schedulertest.NewClock(0)
		test(t, newWorld(t, clock, insforgetest.New(t, migrations.Tables, insforgetest.WithClock(clock.Now), insforgetest.WithAPIKey("a key for tests"))))
	})
	t.Run("genuine", func(t *testing.T) {
		t.Parallel()
		script, err := migrations.Script()
		require.NoError(t, err)
		test(t, newWorld(t, schedulertest.NewClock(0), insforgetest.Genuine(t, script)))
	})
}

// inMemory is a world without sockets, for tests in a bubble of time; seen, if
// not nil, is told of each request before it is carried out. It has no sender.
func inMemory(t *testing.T, seen func(*http.Request)) *world {
	t.Helper()
	clock := schedulertest.NewClock(0)
	schema, err := embedded.ParseTables(migrations.Tables)
	require.NoError(t, err)
	db, err := embedded.Open(embedded.Memory, schema, embedded.WithClock(clock.Now))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	client, err := insforge.New("http://store", insforge.WithHTTPClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if seen != nil {
			seen(r)
		}
		return db.Transport(embedded.PostgREST).RoundTrip(r)
	})}))
	require.NoError(t, err)
	store, err := scheduler.NewStore(client, clock)
	require.NoError(t, err)
	return &world{client: client, clock: clock, store: store, log: newQuiet()}
}

func newWorld(t *testing.T, clock *schedulertest.Clock, server *insforgetest.Server) *world {
	client, err := insforge.New(server.URL, insforge.WithDialect(insforge.PostgREST), insforge.WithAPIKey(server.APIKey))
	require.NoError(t, err)
	w := &world{server: server, client: client, clock: clock, sender: &schedulertest.Sender{}, log: newQuiet()}
	w.store, err = scheduler.NewStore(w.client, clock)
	require.NoError(t, err)
	w.scheduler, err = scheduler.New(w.store, scheduler.WithLogger(w.log))
	require.NoError(t, err)
	return w
}

func (w *world) dispatcher(t *testing.T, options ...scheduler.DispatcherOption) *scheduler.Dispatcher {
	t.Helper()
	d, err := scheduler.NewDispatcher(w.store, w.sender, append([]scheduler.DispatcherOption{scheduler.WithDispatchLogger(w.log)}, options...)...)
	require.NoError(t, err)
	return d
}

func (w *world) lead(t *testing.T, user int64, name string) scheduler.Lead {
	t.Helper()
	lead, err := w.store.CreateLead(t.Context(), scheduler.NewLead{TelegramID: user, Name: name})
	require.NoError(t, err)
	return lead
}

// plan is a plan with a step on each of these days.
func plan(days ...int) planparse.Plan {
	var p planparse.Plan
	for i, day := range days {
		number := strconv.Itoa(day)
		p.Steps = append(p.Steps, planparse.Step{ID: i + 1, Action: planparse.ActionLinkedInDM, Description: "Step on day " + number,
			Delay: []byte(number), Status: planparse.StatusPending})
	}
	return p
}

// schedule puts a plan into force, counted from now.
func (w *world) schedule(t *testing.T, lead scheduler.Lead, p planparse.Plan) scheduler.Scheduled {
	t.Helper()
	scheduled, err := w.scheduler.Schedule(t.Context(), lead, p, w.clock.Now())
	require.NoError(t, err)
	return scheduled
}

// cycle runs one cycle and returns what arrived in it.
func (w *world) cycle(t *testing.T, d *scheduler.Dispatcher) (scheduler.Report, []scheduler.Message) {
	t.Helper()
	report, err := d.Cycle(t.Context())
	require.NoError(t, err)
	return report, w.sender.Take()
}

// insert writes reminder rows as others do: with the original columns only.
func (w *world) insert(t *testing.T, rows ...map[string]any) []scheduler.Reminder {
	t.Helper()
	stored, err := insforge.Insert[scheduler.Reminder](t.Context(), w.client.From("scheduled_reminders"), rows)
	require.NoError(t, err)
	return stored
}

func (w *world) row(lead scheduler.Lead, step int, due time.Time) map[string]any {
	return map[string]any{"lead_id": lead.ID, "telegram_id": lead.TelegramID, "step_id": step, "due_at": due}
}

func (w *world) reminder(t *testing.T, r scheduler.Reminder) scheduler.Reminder {
	t.Helper()
	now, err := w.store.Reminder(t.Context(), r.TelegramID, r.ID)
	require.NoError(t, err)
	return now
}

// answer makes the sender answer every message the same way.
func answer(result scheduler.Result) func(context.Context, scheduler.Message) scheduler.Result {
	return func(context.Context, scheduler.Message) scheduler.Result { return result }
}

const day = 24 * time.Hour

func newQuiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
