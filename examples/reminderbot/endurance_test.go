package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/scheduler"
)

// enduranceVariable multiplies what the tests of this file go through. The
// promise in docs/reminders.md was tried with ENDURANCE=25: two hundred kills
// over five thousand nudges.
const enduranceVariable = "ENDURANCE"

func endurance(t *testing.T) int {
	t.Helper()
	value := os.Getenv(enduranceVariable)
	if value == "" {
		return 1
	}
	n, err := strconv.Atoi(value)
	require.NoError(t, err, enduranceVariable)
	return n
}

// outpost is a backend and a Bot API server under trouble, with reminders that
// are due and processes that are to deliver them.
type outpost struct {
	*testing.T
	backend  *insforgetest.Server
	telegram *telegramtest.Server
	users    []*telegramtest.User
	nudges   int
}

// onEveryBackend runs a test against the embedded server and the genuine one.
func onEveryBackend(t *testing.T, nudges int, test func(*outpost)) {
	t.Helper()
	script, err := migrations.Script()
	require.NoError(t, err)
	for name, start := range map[string]func(*testing.T) *insforgetest.Server{
		"embedded": func(t *testing.T) *insforgetest.Server { return insforgetest.New(t, migrations.Tables) },
		"genuine":  func(t *testing.T) *insforgetest.Server { return insforgetest.Genuine(t, script) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outpost{T: t, backend: start(t), telegram: telegramtest.Start(t, telegramtest.WithToken(telegramToken)), nudges: nudges}
			o.fill()
			test(o)
		})
	}
}

// fill makes a person for every two nudges, each with a lead, and the nudges,
// all of them due.
func (o *outpost) fill() {
	o.Helper()
	ctx := o.Context()
	client := o.backend.Client()
	people := o.nudges / 2
	var leads, reminders []map[string]any
	for n := range people {
		o.users = append(o.users, o.telegram.User(telegramtest.Person{ID: int64(1000 + n), FirstName: "Ann"}))
		o.users[n].Send("/start") // or Telegram would let nobody write to them
		leads = append(leads, map[string]any{"id": n + 1, "telegram_id": 1000 + n, "prospect_name": fmt.Sprintf("Jane %d", n)})
	}
	for n := range o.nudges {
		reminders = append(reminders, map[string]any{
			"lead_id": n%people + 1, "telegram_id": 1000 + n%people, "step_id": n/people + 1,
			"due_at": time.Now().Add(-time.Minute), "draft_text": fmt.Sprintf("This is nudge %d.", n),
		})
	}
	_, err := client.From("lead_registry").Insert(ctx, leads)
	require.NoError(o, err)
	_, err = client.From("scheduled_reminders").Insert(ctx, reminders)
	require.NoError(o, err)
}

// process prepares one more instance of the service. A test that fails shows
// its log.
func (o *outpost) process() *process {
	o.Helper()
	p := newProcess(o.T, "TELEGRAM_BOT_TOKEN="+telegramToken, "TELEGRAM_API_URL="+o.telegram.URL,
		"INSFORGE_URL="+o.backend.URL, "INSFORGE_DIALECT=postgrest", "INSFORGE_API_KEY="+o.backend.APIKey,
		"SEND_RATE=1000")
	o.Cleanup(func() {
		if o.Failed() {
			o.Logf("the log of %s:\n%s", p.addr, p.log())
		}
	})
	return p
}

// trouble makes requests fail in every way, one here and one there, until the
// function it returns is called.
func (o *outpost) trouble() (calm func()) {
	ctx, cancel := context.WithCancel(o.Context())
	var running sync.WaitGroup
	var lift []func()
	running.Go(func() {
		for ctx.Err() == nil {
			faults := []insforgetest.Fault{
				{DropResponse: true}, {CutConnection: true}, {TruncateBody: true}, insforgetest.BadGateway(),
				insforgetest.Deadlock(), insforgetest.NoConnection(), {Delay: 300 * time.Millisecond},
			}
			one := faults[rand.N(len(faults))]
			one.Table, one.Times = "scheduled_reminders", 1
			if rand.N(2) == 0 {
				one.Method = "PATCH"
			}
			o.backend.Fault(one)
			calls := []telegramtest.Fault{
				{Drop: true}, {Reset: true}, {HTML: true}, {RetryAfter: time.Second}, {Status: 500}, {Delay: 300 * time.Millisecond},
			}
			call := calls[rand.N(len(calls))]
			call.Method, call.Times = "sendMessage", 1
			lift = append(lift, o.telegram.Fault(call))
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
		o.backend.Heal()
		for _, f := range lift {
			f()
		}
	}
}

var numbered = regexp.MustCompile(`This is nudge (\d+)\.`)

// arrived counts how often each nudge arrived.
func (o *outpost) arrived() map[int]int {
	counts := map[int]int{}
	for _, u := range o.users {
		for _, m := range u.Messages() {
			if found := numbered.FindStringSubmatch(m.Text); found != nil && m.FromBot() {
				n, err := strconv.Atoi(found[1])
				require.NoError(o, err)
				counts[n]++
			}
		}
	}
	return counts
}

func (o *outpost) requireNoneTwice() {
	o.Helper()
	for n, times := range o.arrived() {
		require.Equal(o, 1, times, "nudge %d", n)
	}
}

// coming is how many nudges are due, or soon will be: one that did not leave is
// tried again in seconds, but one that was put off comes in a day.
func (o *outpost) coming() (int, error) {
	n, err := insforge.Count(o.Context(), o.backend.Client().From("scheduled_reminders").Where(
		filter.In("status", string(scheduler.Pending), string(scheduler.Sent), string(scheduler.Snoozed)),
		filter.Lte("due_at", time.Now().Add(time.Hour))))
	return int(n), err
}

// waitUntilQuiet waits until nothing is coming, and nothing has arrived for a
// while. Something may still be on its way; see settle.
func (o *outpost) waitUntilQuiet() {
	o.Helper()
	last, since := -1, time.Now()
	require.Eventually(o, func() bool {
		coming, err := o.coming()
		if count := len(o.arrived()); count != last || coming > 0 || err != nil {
			last, since = count, time.Now()
		}
		return time.Since(since) > 3*time.Second
	}, o.patience(), 200*time.Millisecond)
}

func (o *outpost) patience() time.Duration {
	return patience + time.Duration(o.nudges)*50*time.Millisecond
}

// settle waits until all is sent but what was put off, and stops the instances.
// A stop sees through what is on its way, so rows and chats stand still from
// then on, however slow the machine. What a stop gives back, the instances send
// when they are started again.
func (o *outpost) settle(instances ...*process) {
	o.Helper()
	for range 10 {
		o.waitUntilQuiet()
		for _, p := range instances {
			p.stop()
		}
		coming, err := o.coming()
		require.NoError(o, err)
		if coming == 0 {
			return
		}
		for _, p := range instances {
			p.start()
		}
	}
	require.Fail(o, "every stop gives something back")
}

// requireAllAccountedFor: what did not arrive when all had settled was put off,
// not lost, and comes when its time does. It starts p for that.
func (o *outpost) requireAllAccountedFor(p *process) {
	o.Helper()
	arrived := o.arrived()
	putOff := o.nudges - len(arrived)
	o.Logf("%d of %d nudges arrived at first, %d were put off", len(arrived), o.nudges, putOff)
	type row struct {
		ID             int    `json:"id"`
		TelegramID     int64  `json:"telegram_id"`
		Status         string `json:"status"`
		DueAt          string `json:"due_at"`
		ReminderCount  int    `json:"reminder_count"`
		LastRemindedAt string `json:"last_reminded_at"`
		DraftText      string `json:"draft_text"`
		LastError      string `json:"last_error"`
	}
	ctx := o.Context()
	rows, err := insforge.All[row](ctx, o.backend.Client().From("scheduled_reminders").Order("id"))
	require.NoError(o, err)
	require.Len(o, rows, o.nudges)
	var missing []int
	for _, r := range rows {
		n, err := strconv.Atoi(numbered.FindStringSubmatch(r.DraftText)[1])
		require.NoError(o, err)
		require.Contains(o, []string{"pending", "sent"}, r.Status, "nudge %d: %+v", n, r)
		require.Equal(o, 1, r.ReminderCount, "nudge %d: %+v", n, r)
		if arrived[n] == 0 {
			require.Equal(o, "pending", r.Status, "nudge %d: only a delivery makes it sent: %+v", n, r)
			missing = append(missing, r.ID)
		}
	}
	if putOff > 0 {
		_, err = o.backend.Client().From("scheduled_reminders").Where(filter.In("id", missing)).
			Update(ctx, map[string]any{"due_at": time.Now()}, insforge.Batched())
		require.NoError(o, err)
		p.start()
		require.Eventually(o, func() bool { return len(o.arrived()) == o.nudges }, o.patience(), 100*time.Millisecond)
		p.stop()
	}
	o.requireNoneTwice()
}

// TestKilledAtRandomMoments kills the service again and again while requests
// fail on both sides.
func TestKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	scale := endurance(t)
	onEveryBackend(t, 200*scale, func(o *outpost) {
		calm := o.trouble()
		p := o.process()
		for range 8 * scale {
			p.start()
			time.Sleep(rand.N(1500 * time.Millisecond))
			p.kill()
		}
		o.requireNoneTwice()
		calm()
		p.start()
		o.settle(p)
		o.requireAllAccountedFor(p)
	})
}

// TestFourProcessesDeliverEachNudgeOnce lets four instances at the same
// reminders, and replaces them one by one meanwhile, as a deployment does.
func TestFourProcessesDeliverEachNudgeOnce(t *testing.T) {
	t.Parallel()
	scale := endurance(t)
	onEveryBackend(t, 200*scale, func(o *outpost) {
		var instances []*process
		for range 4 {
			p := o.process()
			p.start()
			instances = append(instances, p)
		}
		for _, p := range instances {
			time.Sleep(time.Second)
			p.stop()
			p.start()
		}
		o.settle(instances...)
		o.requireNoneTwice()
		require.Len(o, o.arrived(), o.nudges, "a stop puts nothing off")
	})
}

// TestTheDatabaseGoesAway takes PostgreSQL away from PostgREST in the middle.
func TestTheDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	scale := endurance(t)
	script, err := migrations.Script()
	require.NoError(t, err)
	o := &outpost{T: t, backend: insforgetest.Genuine(t, script), telegram: telegramtest.Start(t, telegramtest.WithToken(telegramToken)), nudges: 100 * scale}
	o.fill()
	p := o.process()
	p.start()
	require.Eventually(t, func() bool { return len(o.arrived()) > 5 }, patience, 10*time.Millisecond)

	const name = `DO $$ BEGIN EXECUTE format('%s CONNECT ON DATABASE %%I %s', current_database()); END $$`
	o.backend.SQL(fmt.Sprintf(name, "REVOKE", "FROM PUBLIC"))
	o.backend.SQL(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	time.Sleep(min(time.Duration(scale)*3*time.Second, time.Minute))
	require.Empty(t, o.backend.SQL(`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = 'authenticator'`), "it was away all the time")
	o.backend.SQL(fmt.Sprintf(name, "GRANT", "TO PUBLIC"))

	o.settle(p)
	o.requireAllAccountedFor(p)
}

// TestAProcessIsStoppedInItsTracks halts one of two instances in the middle, as
// a laptop's lid or a hypervisor does, and lets it go on when the other one has
// sent the rest.
func TestAProcessIsStoppedInItsTracks(t *testing.T) {
	t.Parallel()
	scale := endurance(t)
	onEveryBackend(t, 200*scale, func(o *outpost) {
		halted, other := o.process(), o.process()
		halted.start()
		require.Eventually(o, func() bool { return len(o.arrived()) > 5 }, patience, 5*time.Millisecond)
		require.NoError(o, halted.cmd.Process.Signal(syscall.SIGSTOP))
		other.start()
		o.waitUntilQuiet()
		require.NoError(o, halted.cmd.Process.Signal(syscall.SIGCONT))
		o.settle(halted, other)
		o.requireAllAccountedFor(other)
	})
}
