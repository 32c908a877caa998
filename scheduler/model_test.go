package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// This file tests the promise as a whole: whatever happens in whatever order,
// on however many processes, no nudge is delivered twice and no step is lost.

// chaos decides what goes wrong. It is shared by all processes.
type chaos struct {
	mu     sync.Mutex
	random *rand.Rand
	calm   bool // nothing goes wrong any more
}

func (c *chaos) percent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calm {
		return 100
	}
	return c.random.IntN(100)
}

// machine is one process: its connection to the store, and what works on it.
// A machine that dies does so between any two things it does, and from then on
// does nothing.
type machine struct {
	chaos      *chaos
	store      http.RoundTripper
	chat       *chat
	scheduler  *scheduler.Scheduler
	dispatcher *scheduler.Dispatcher

	mu   sync.Mutex
	dead bool
}

var errDead = errors.New("the process has died")

func (m *machine) dies() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = m.dead || m.chaos.percent() < 2
	return m.dead
}

// RoundTrip carries a request out, loses it, or loses the answer.
func (m *machine) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.dies() {
		return nil, errDead
	}
	switch p := m.chaos.percent(); {
	case p < 3:
		return nil, io.ErrUnexpectedEOF
	case p < 5:
		body := `{"code":"40P01","message":"deadlock detected","details":null,"hint":null}`
		return &http.Response{StatusCode: 500, Status: "500", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewBufferString(body))}, nil
	}
	response, err := m.store.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if m.chaos.percent() < 5 || m.dies() {
		_ = response.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return response, nil
}

// Send delivers, or does not, and says which, or does not know.
func (m *machine) Send(ctx context.Context, message scheduler.Message) scheduler.Result {
	if ctx.Err() != nil || m.dies() {
		return scheduler.Result{Outcome: scheduler.NotDelivered, Err: errDead}
	}
	p := m.chaos.percent()
	if p < 8 {
		return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Duration(p) * time.Second, Everyone: p < 2, Err: errors.New("429")}
	}
	if p < 16 {
		if p < 12 {
			m.chat.receive(message)
		}
		return scheduler.Result{Outcome: scheduler.Ambiguous, Err: errors.New("timed out")}
	}
	m.chat.receive(message)
	m.dies() // between send and confirm
	return scheduler.Result{Outcome: scheduler.Delivered, MessageID: 1}
}

// chat is what people have received.
type chat struct {
	mu       sync.Mutex
	problems []string
	// nudges counts deliveries by reminder, nudge and how often its user put
	// the reminder off or opened it again: each of those gives a nudge back.
	nudges map[nudge]int
	given  map[int64]int
	seen   map[int64]bool
}

type nudge struct {
	id           int64
	count, given int
}

func (c *chat) receive(m scheduler.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, item := range m.Items {
		r := item.Reminder
		c.seen[r.ID] = true
		if m.Kind != scheduler.Nudge {
			continue
		}
		key := nudge{r.ID, r.ReminderCount, c.given[r.ID]}
		if c.nudges[key]++; c.nudges[key] > 1 {
			c.problems = append(c.problems, "delivered twice")
		}
		if quietAt(m.Now) && m.TelegramID == bob {
			c.problems = append(c.problems, "delivered in quiet hours")
		}
	}
}

func quietAt(t time.Time) bool { return t.UTC().Hour() >= 22 || t.UTC().Hour() < 7 }

func TestNothingIsDeliveredTwiceAndNothingIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		steps := rapid.SliceOfN(rapid.IntRange(0, 9), 10, 60).Draw(rt, "steps")
		var problem string
		// Time is synctest's: retries and pauses take none.
		synctest.Test(t, func(t *testing.T) { problem = live(t, seed, steps) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// live runs a life of the service and returns what is wrong with it.
func live(t *testing.T, seed uint64, steps []int) string {
	ctx := t.Context()
	chaos := &chaos{random: rand.New(rand.NewPCG(seed, 1)), calm: true}
	clock := schedulertest.NewClock(0)
	schema, err := embedded.ParseTables(migrations.Tables)
	require.NoError(t, err)
	db, err := embedded.Open(embedded.Memory, schema, embedded.WithClock(clock.Now))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()

	chat := &chat{nudges: map[nudge]int{}, given: map[int64]int{}, seen: map[int64]bool{}}
	boot := func() *machine {
		m := &machine{chaos: chaos, store: db.Transport(embedded.PostgREST), chat: chat}
		client, err := insforge.New("http://store", insforge.WithDialect(insforge.PostgREST), insforge.WithHTTPClient(&http.Client{Transport: m}))
		require.NoError(t, err)
		store, err := scheduler.NewStore(client, clock)
		require.NoError(t, err)
		m.scheduler, err = scheduler.New(store, scheduler.WithLogger(newQuiet()))
		require.NoError(t, err)
		m.dispatcher, err = scheduler.NewDispatcher(store, m, scheduler.WithDispatchLogger(newQuiet()))
		require.NoError(t, err)
		return m
	}
	direct, err := insforge.New("http://store", insforge.WithDialect(insforge.PostgREST), insforge.WithHTTPClient(&http.Client{Transport: db.Transport(embedded.PostgREST)}))
	require.NoError(t, err)
	truth, err := scheduler.NewStore(direct, clock)
	require.NoError(t, err)

	require.NoError(t, truth.ChangeUser(ctx, bob, scheduler.UserChange{scheduler.ColumnQuietFrom: "22:00", scheduler.ColumnQuietUntil: "07:00"}))
	var leads []scheduler.Lead
	for i, name := range []string{"Jane", "John", "Joan"} {
		lead, err := truth.CreateLead(ctx, scheduler.NewLead{TelegramID: []int64{ann, bob, ann}[i], Name: name})
		require.NoError(t, err)
		leads = append(leads, lead)
	}
	chaos.calm = false

	machines := []*machine{boot(), boot(), boot()}
	cycleAll := func() {
		var cycles sync.WaitGroup
		for _, m := range machines {
			cycles.Go(func() { _, _ = m.dispatcher.Cycle(ctx) })
		}
		cycles.Wait()
		for i, m := range machines {
			if m.dead {
				machines[i] = boot()
			}
		}
	}
	// press has a random reminder handled, and notes nudges that it gave back.
	press := func(do func(m *machine, r scheduler.Reminder) error) {
		rows, err := insforge.All[scheduler.Reminder](ctx, direct.From("scheduled_reminders").Order("id.asc"))
		require.NoError(t, err)
		if len(rows) == 0 {
			return
		}
		r := rows[chaos.random.IntN(len(rows))]
		before := r
		_ = do(machines[0], r) // it may fail; what matters is what the row says
		after, err := truth.Reminder(ctx, r.TelegramID, r.ID)
		require.NoError(t, err)
		if after.ReminderCount < before.ReminderCount || after.Status != before.Status {
			chat.mu.Lock()
			chat.given[r.ID]++
			chat.mu.Unlock()
		}
	}
	for _, step := range steps {
		switch step {
		case 0, 1:
			lead := leads[chaos.random.IntN(len(leads))]
			_, _ = machines[1].scheduler.Schedule(ctx, lead, plan(0, 0, 0, 1, 2+chaos.random.IntN(3)), clock.Now())
		case 2:
			press(func(m *machine, r scheduler.Reminder) error {
				_, err := m.scheduler.Complete(ctx, r.TelegramID, r.ID)
				return err
			})
		case 3:
			press(func(m *machine, r scheduler.Reminder) error {
				_, err := m.scheduler.Snooze(ctx, r.TelegramID, r.ID, clock.Now().Add(time.Hour))
				return err
			})
		case 4:
			clock.Advance(time.Duration(chaos.random.IntN(48)) * time.Hour)
		default:
			clock.Advance(time.Duration(chaos.random.IntN(180)) * time.Minute)
			cycleAll()
		}
	}
	// From here on all goes well. Within the escalation everything open must
	// have been delivered, and be closed or parked.
	chaos.mu.Lock()
	chaos.calm = true
	chaos.mu.Unlock()
	for range 2 * 40 {
		clock.Advance(12 * time.Hour)
		cycleAll()
	}
	rows, err := insforge.All[scheduler.Reminder](ctx, direct.From("scheduled_reminders").Order("id.asc"))
	require.NoError(t, err)
	for _, r := range rows {
		switch {
		case r.Status.Open():
			return "still open after forty quiet days"
		case r.Status == scheduler.Parked && !chat.seen[r.ID]:
			return "parked and never delivered"
		}
	}
	if len(chat.problems) > 0 {
		return chat.problems[0]
	}
	return ""
}
