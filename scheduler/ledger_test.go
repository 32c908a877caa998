package scheduler_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// origin is who asks something of the store.
type origin int

const (
	pressed    origin = iota // people, by way of a Scheduler
	dispatched               // a Dispatcher
)

// counter carries requests out one at a time, and shows the ledger what each
// write did.
type counter struct {
	ledger  *ledger
	machine *machine
	origin  origin
	store   http.RoundTripper
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || !strings.HasSuffix(r.URL.Path, "/scheduled_reminders") {
		return c.store.RoundTrip(r)
	}
	c.ledger.writing.Lock()
	defer c.ledger.writing.Unlock()
	response, err := c.store.RoundTrip(r)
	c.ledger.look(c.machine, c.origin)
	return response, err
}

// ledger keeps what people have received and what the rows went through, and
// finds what must not be.
type ledger struct {
	t       *testing.T
	client  *insforge.Client
	clock   *schedulertest.Clock
	writing sync.Mutex

	mu       sync.Mutex
	problems []string
	rows     map[int64]scheduler.Reminder
	claims   map[claimOf]*machine // that nothing has become of yet
	nudges   map[nudge]int
	given    map[int64]int      // how often a person gave a nudge back: by a snooze, by opening the step again
	presses  map[int64][]string // by reminder: what the log is to say that people did with it
	received map[int64]bool
	lately   map[int64]int
	plans    map[int64]bool // leads that were told that a plan is scheduled
	paused   map[int64]time.Time
}

// claimOf is a row as a claim left it.
type claimOf struct {
	id    int64
	token time.Time
}

// nudge is what may be delivered once.
type nudge struct {
	id           int64
	count, given int
}

func newLedger(t *testing.T, client *insforge.Client, clock *schedulertest.Clock) *ledger {
	return &ledger{t: t, client: client, clock: clock, rows: map[int64]scheduler.Reminder{}, claims: map[claimOf]*machine{},
		nudges: map[nudge]int{}, given: map[int64]int{}, presses: map[int64][]string{}, received: map[int64]bool{}, lately: map[int64]int{}, plans: map[int64]bool{}, paused: map[int64]time.Time{}}
}

// look compares the rows with what they were before a write.
func (l *ledger) look(m *machine, origin origin) {
	rows, err := insforge.All[scheduler.Reminder](l.t.Context(), l.client.From("scheduled_reminders").Order("id.asc"))
	require.NoError(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	inForce := map[int64]bool{}
	for _, r := range rows {
		was, known := l.rows[r.ID]
		if known && !was.ClaimToken.IsZero() && (!r.ClaimToken.Equal(was.ClaimToken) || r.ReminderCount < was.ReminderCount || !r.Status.Open()) {
			delete(l.claims, claimOf{r.ID, was.ClaimToken.UTC()}) // given back, nudged again, or closed
		}
		if origin == dispatched && !r.ClaimToken.IsZero() && !r.ClaimToken.Equal(was.ClaimToken) {
			l.claims[claimOf{r.ID, r.ClaimToken.UTC()}] = m
		}
		if origin == pressed && r.ReminderCount < was.ReminderCount {
			l.given[r.ID]++
		}
		if kind := pressOf(was, r); known && origin == pressed && kind != "" {
			l.presses[r.ID] = append(l.presses[r.ID], kind)
		}
		if r.Status != scheduler.Cancelled {
			inForce[r.LeadID] = true
		}
		l.rows[r.ID] = r
	}
	for _, r := range rows {
		if !inForce[r.LeadID] {
			l.blame("the plan of lead %d is cancelled, and no other is in force", r.LeadID)
			return
		}
	}
}

// pressOf is what the log calls a press that changed a reminder; empty for what
// else happens to one.
func pressOf(was, is scheduler.Reminder) string {
	over := func(r scheduler.Reminder) bool {
		return r.Status == scheduler.Completed || r.Status == scheduler.Skipped
	}
	switch {
	case is.Status == scheduler.Completed && was.Status != is.Status:
		return scheduler.ActivityStepDone
	case is.Status == scheduler.Skipped && was.Status != is.Status:
		return scheduler.ActivityStepSkipped
	case is.SnoozeCount > was.SnoozeCount:
		return scheduler.ActivityStepSnoozed
	case over(was) && !over(is), is.SnoozeCount < was.SnoozeCount:
		return scheduler.ActivityStepReopened
	}
	return ""
}

// unlogged says which press is not in the log as often as it was carried out,
// in its order.
func (l *ledger) unlogged() string {
	lines, err := insforge.All[struct {
		Type     string `json:"activity_type"`
		Metadata struct {
			Reminder int64 `json:"reminder_id"`
		} `json:"metadata"`
	}](l.t.Context(), l.client.From("lead_activity_log").Select("id", "activity_type", "metadata").Order("id.asc"))
	require.NoError(l.t, err)
	logged := map[int64][]string{}
	for _, line := range lines {
		if id := line.Metadata.Reminder; id != 0 {
			logged[id] = append(logged[id], line.Type)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.rows {
		if !slices.Equal(l.presses[id], logged[id]) {
			return fmt.Sprintf("what people did with reminder %d was %v, and the log has %v", id, l.presses[id], logged[id])
		}
	}
	return ""
}

func (l *ledger) blame(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *ledger) problem() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.problems) == 0 {
		return ""
	}
	return l.problems[0]
}

// died forgives a process what it has claimed: that is put off.
func (l *ledger) died(m *machine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for claim, whose := range l.claims {
		if whose == m {
			delete(l.claims, claim)
		}
	}
}

// attempted notes that claims have come to something, be it nothing.
func (l *ledger) attempted(m scheduler.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, item := range m.Items {
		delete(l.claims, claimOf{item.Reminder.ID, item.Reminder.ClaimToken.UTC()})
	}
}

// unresolved says which claim of a living process came to nothing: a nudge that
// was put off for no reason.
func (l *ledger) unresolved() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for claim, m := range l.claims {
		if !m.dead() {
			return fmt.Sprintf("reminder %d was claimed by a process that lives, and neither sent nor given back", claim.id)
		}
	}
	return ""
}

func (l *ledger) receive(m scheduler.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	if m.TelegramID == bob && quietInBerlin(now) {
		l.blame("delivered in quiet hours, at %s", now)
	}
	if until := l.paused[m.TelegramID]; now.Before(until) {
		l.blame("delivered at %s, though paused until %s", now, until)
	}
	for _, item := range m.Items {
		r := item.Reminder
		l.received[r.ID] = true
		if m.Kind != scheduler.Nudge {
			continue
		}
		l.lately[r.ID]++
		key := nudge{r.ID, r.ReminderCount, l.given[r.ID]}
		if l.nudges[key]++; l.nudges[key] > 1 {
			l.blame("nudge %d of reminder %d was delivered twice", r.ReminderCount, r.ID)
		}
	}
}

func (l *ledger) pausedUntil(user int64, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused[user] = until
}

func (l *ledger) planned(lead int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plans[lead] = true
}

func (l *ledger) seen(id int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.received[id]
}

// startCounting begins to count the nudges that each reminder takes.
func (l *ledger) startCounting() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.lately)
}

func (l *ledger) counted(id int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lately[id]
}

// quietInBerlin reports whether it is between ten at night and seven.
func quietInBerlin(t time.Time) bool {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	hour := t.In(zone).Hour()
	return hour >= 22 || hour < 7
}
