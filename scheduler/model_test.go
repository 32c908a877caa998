package scheduler_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
	"github.com/stretchr/testify/require"
)

// This file tests the promise as a whole: whatever happens in whatever order,
// on however many processes, no nudge is delivered twice and no step is lost.
// The processes are in machine_test.go, what is found out about them in
// ledger_test.go; faults_test.go shows that mistakes are found.

// What can happen in a life, by the numbers that chance draws.
const (
	plansSomething = iota
	replans
	completes
	skips
	snoozes
	undoes
	reopens
	leaps         // the clock, by up to two days
	changesItself // a user: pauses, resumes, comes back
	dispatches    // this, and all numbers up to the last
	last          = 15
)

// TestNothingIsDeliveredTwiceAndNothingIsLost goes through a dozen lives that
// chance makes, and ENDURANCE times as many where that is set: three hundred
// have been tried.
func TestNothingIsDeliveredTwiceAndNothingIsLost(t *testing.T) {
	t.Parallel()
	lives := 12
	if times, err := strconv.Atoi(os.Getenv("ENDURANCE")); err == nil {
		lives *= times
	}
	for range lives {
		seed := rand.Uint64()
		// Time is synctest's: retries and pauses take none.
		synctest.Test(t, func(t *testing.T) {
			problem := newLife(t, seed, none).live(stepsOf(seed))
			require.Empty(t, problem, "seed %d", seed)
		})
	}
}

// stepsOf makes the steps of a life. What goes wrong in it also depends on
// which process is faster, so a life is not quite the same a second time.
func stepsOf(seed uint64) []int {
	random := rand.New(rand.NewPCG(seed, 2))
	steps := make([]int, 10+random.IntN(50))
	for i := range steps {
		steps[i] = random.IntN(last + 1)
	}
	return steps
}

// life is a service with its users, over a store in memory.
type life struct {
	*testing.T
	chaos    *chaos
	clock    *schedulertest.Clock
	ledger   *ledger
	truth    *scheduler.Store // past all that goes wrong
	client   *insforge.Client
	db       *embedded.Store
	fault    fault
	leads    []scheduler.Lead
	machines []*machine
	marks    []mark
}

type mark struct {
	user int64
	mark scheduler.Mark
}

// The users of a life. Bob has quiet hours, Cat has put off everything.
const cat = int64(1003)

func newLife(t *testing.T, seed uint64, f fault) *life {
	l := &life{T: t, chaos: newChaos(seed), clock: schedulertest.NewClock(0), fault: f}
	schema, err := embedded.ParseTables(migrations.Tables)
	require.NoError(t, err)
	l.db, err = embedded.Open(embedded.Memory, schema, embedded.WithClock(l.clock.Now))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.db.Close()) })
	l.client, err = insforge.New("http://store", insforge.WithHTTPClient(&http.Client{Transport: l.db.Transport(embedded.PostgREST)}))
	require.NoError(t, err)
	l.truth, err = scheduler.NewStore(l.client, l.clock)
	require.NoError(t, err)
	l.ledger = newLedger(t, l.client, l.clock)

	ctx := t.Context()
	require.NoError(t, l.truth.ChangeUser(ctx, bob, scheduler.UserChange{scheduler.ColumnQuietFrom: "22:00", scheduler.ColumnQuietUntil: "07:00", scheduler.ColumnTimeZone: "Europe/Berlin"}))
	l.pause(cat, l.clock.Now().Add(100*time.Hour))
	for i, name := range []string{"Jane", "John", "Joan", "June"} {
		lead, err := l.truth.CreateLead(ctx, scheduler.NewLead{TelegramID: []int64{ann, bob, ann, cat}[i], Name: name})
		require.NoError(t, err)
		l.leads = append(l.leads, lead)
	}
	for range 3 {
		l.machines = append(l.machines, l.boot())
	}
	return l
}

// pause is what the bot does when somebody wants to be left alone for a while.
func (l *life) pause(user int64, until time.Time) {
	until = until.Truncate(time.Microsecond) // as the database keeps it
	require.NoError(l, l.truth.ChangeUser(l.Context(), user, scheduler.UserChange{scheduler.ColumnPausedUntil: until}))
	l.ledger.pausedUntil(user, until)
}

// live goes through steps while everything goes wrong, lets things calm down,
// and returns what is wrong with the life.
func (l *life) live(steps []int) string {
	l.chaos.rage()
	for _, step := range steps {
		l.step(step)
		if l.ledger.problem() != "" {
			return l.ledger.problem()
		}
	}
	// From here on all goes well. Who is alive takes up what it lost track of.
	l.chaos.calm()
	for range 3 {
		l.clock.Advance(5 * time.Second)
		l.cycleAll()
	}
	if unresolved := l.ledger.unresolved(); unresolved != "" {
		return unresolved
	}
	if unlogged := l.ledger.unlogged(); unlogged != "" {
		return unlogged
	}
	return l.epilogue()
}

// epilogue lets forty quiet days go by, with processes that remember nothing.
// Within the escalation everything open must have been delivered, and be parked
// in the end. It returns what is wrong.
func (l *life) epilogue() string {
	for i := range l.machines {
		l.machines[i] = l.boot()
	}
	for _, user := range []int64{ann, bob, cat} { // who was unreachable writes again
		_, err := l.truth.Unblock(l.Context(), user)
		require.NoError(l, err)
	}
	before := l.rows()
	l.ledger.startCounting()
	end := l.clock.Now().Add(40 * 24 * time.Hour)
	for round := 0; ; round++ {
		next, err := l.truth.Upcoming(l.Context(), 1)
		require.NoError(l, err)
		if len(next) == 0 || next[0].DueAt.After(end) {
			return l.reckon(before)
		}
		l.clock.Advance(max(next[0].DueAt.Sub(l.clock.Now()), 0))
		_, err = l.machines[round%len(l.machines)].dispatcher.Cycle(l.Context())
		require.NoError(l, err)
		for _, r := range l.rows() {
			if r.Status.Open() && !r.DueAt.After(l.clock.Now()) {
				return fmt.Sprintf("reminder %d is due and neither sent nor put off", r.ID)
			}
		}
	}
}

func (l *life) rows() []scheduler.Reminder {
	rows, err := insforge.All[scheduler.Reminder](l.Context(), l.client.From("scheduled_reminders").Order("id.asc"))
	require.NoError(l, err)
	return rows
}

// reckon looks at what has become of everything.
func (l *life) reckon(before []scheduler.Reminder) string {
	counts := map[int64]int{}
	for _, r := range before {
		counts[r.ID] = r.ReminderCount
	}
	for _, r := range l.rows() {
		switch {
		case r.Status.Open():
			return fmt.Sprintf("reminder %d is still open after forty quiet days", r.ID)
		case r.Status == scheduler.Parked && !l.ledger.seen(r.ID):
			return fmt.Sprintf("reminder %d is parked and was never delivered", r.ID)
		case r.ReminderCount-counts[r.ID] != l.ledger.counted(r.ID):
			return fmt.Sprintf("reminder %d counts %d nudges more, delivered were %d", r.ID, r.ReminderCount-counts[r.ID], l.ledger.counted(r.ID))
		}
	}
	return l.ledger.problem()
}

// cycleAll has all processes work at once, and starts those anew that died.
func (l *life) cycleAll() {
	var cycles sync.WaitGroup
	for _, m := range l.machines {
		cycles.Go(func() { _, _ = m.dispatcher.Cycle(l.Context()) })
	}
	cycles.Wait()
	for i, m := range l.machines {
		if m.dead() {
			l.machines[i] = l.boot()
		}
	}
}

func (l *life) step(step int) {
	ctx := l.Context()
	m := l.machines[l.chaos.random(len(l.machines))]
	// Half of all presses and plans happen while reminders are on their way.
	var beside sync.WaitGroup
	if step < leaps && l.chaos.random(2) == 0 {
		beside.Go(l.cycleAll)
	}
	defer beside.Wait()
	switch step {
	case plansSomething, replans:
		lead := l.leads[l.chaos.random(len(l.leads))]
		base := l.clock.Now()
		if step == replans {
			base = base.Truncate(48 * time.Hour) // likely the same plan again
		}
		p := plan(0, 0, 0, 1, 2+l.chaos.random(3))
		var at sync.WaitGroup
		for range 1 + l.chaos.random(2) { // sometimes two at once
			at.Go(func() {
				if _, err := m.scheduler.Schedule(ctx, lead, p, base); err == nil {
					l.ledger.planned(lead.ID)
				}
			})
		}
		at.Wait()
	case completes:
		l.press(m, func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
			return m.scheduler.Complete(ctx, r.TelegramID, r.ID)
		})
	case skips:
		l.press(m, func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
			return m.scheduler.Skip(ctx, r.TelegramID, r.ID)
		})
	case snoozes:
		until := l.clock.Now().Add(time.Duration(1+l.chaos.random(48)) * time.Hour)
		l.press(m, func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
			return m.scheduler.Snooze(ctx, r.TelegramID, r.ID, until)
		})
	case reopens:
		l.press(m, func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
			return m.scheduler.Reopen(ctx, r.TelegramID, r.ID)
		})
	case undoes:
		if len(l.marks) > 0 {
			l.undo(m, l.marks[l.chaos.random(len(l.marks))])
		}
	case leaps:
		l.clock.Advance(time.Duration(l.chaos.random(48)) * time.Hour)
	case changesItself:
		user := []int64{ann, bob, cat}[l.chaos.random(3)]
		switch l.chaos.random(3) {
		case 0:
			l.pause(user, l.clock.Now().Add(time.Duration(l.chaos.random(72))*time.Hour))
		case 1:
			l.ledger.pausedUntil(user, time.Time{}) // perhaps: then nothing is checked until the next pause
			_ = m.scheduler.Resume(ctx, user)
		default:
			_, _ = m.presses.Unblock(ctx, user)
		}
	default:
		l.clock.Advance(time.Duration(l.chaos.random(180)) * time.Minute)
		l.cycleAll()
	}
}

// press has a random reminder handled.
func (l *life) press(m *machine, do func(m *machine, r scheduler.Reminder) (scheduler.Change, error)) {
	rows := l.rows()
	if len(rows) == 0 {
		return
	}
	r := rows[l.chaos.random(len(rows))]
	change, err := l.untilAnswered(m, func(m *machine) (scheduler.Change, error) { return do(m, r) })
	if err != nil {
		return
	}
	one := mark{r.TelegramID, change.Mark}
	l.marks = append(l.marks, one)
	if l.chaos.random(3) == 0 {
		l.undo(m, one)
	}
}

func (l *life) undo(m *machine, one mark) {
	_, _ = l.untilAnswered(m, func(m *machine) (scheduler.Change, error) { return m.scheduler.Undo(l.Context(), one.user, one.mark) })
}

// untilAnswered repeats a press until it is answered: Telegram delivers it again
// to the process that comes after one that died, and people press again what did
// not work.
func (l *life) untilAnswered(m *machine, press func(m *machine) (scheduler.Change, error)) (scheduler.Change, error) {
	for {
		change, err := press(m)
		switch {
		case !m.dead() && (err == nil || errors.Is(err, scheduler.ErrAlreadyHandled) || errors.Is(err, scheduler.ErrTooLate)):
			return change, err
		case m.dead():
			m = l.boot()
		}
	}
}

// chaos decides what goes wrong. It is shared by all processes.
type chaos struct {
	mu     sync.Mutex
	source *rand.Rand
	quiet  bool
}

func newChaos(seed uint64) *chaos {
	return &chaos{source: rand.New(rand.NewPCG(seed, 1)), quiet: true}
}

func (c *chaos) rage() { c.set(false) }
func (c *chaos) calm() { c.set(true) }
func (c *chaos) set(quiet bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.quiet = quiet
}

// percent is below 100 while things go wrong.
func (c *chaos) percent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quiet {
		return 100
	}
	return c.source.IntN(100)
}

func (c *chaos) random(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.source.IntN(n)
}
