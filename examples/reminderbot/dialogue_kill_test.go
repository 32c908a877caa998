package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// TestKilledInTheMiddleOfConversations kills the service again and again while
// people write and press, more often with ENDURANCE. Each thing they did has its effect once, in their
// order, and the buttons they pressed show it; only what the bot says may come
// twice.
func TestKilledInTheMiddleOfConversations(t *testing.T) {
	t.Parallel()
	scale := endurance(t)
	script, err := migrations.Script()
	require.NoError(t, err)
	for name, start := range map[string]func(*testing.T) *insforgetest.Server{
		"embedded": func(t *testing.T) *insforgetest.Server { return insforgetest.New(t, migrations.Tables) },
		"genuine":  func(t *testing.T) *insforgetest.Server { return insforgetest.Genuine(t, script) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outpost{T: t, backend: start(t), telegram: telegramtest.Start(t, telegramtest.WithToken(telegramToken))}
			var talking sync.WaitGroup
			var finished atomic.Int32
			talkers := 3 + 3*scale
			for n := range talkers {
				talker := &talker{outpost: o, User: o.telegram.User(telegramtest.Person{ID: int64(1000 + n), FirstName: "Ann"}), n: n, rounds: scale}
				talking.Go(func() {
					talker.talk()
					finished.Add(1)
				})
			}
			p := o.process()
			kills := 0
			for ; kills < 6*scale && int(finished.Load()) < talkers; kills++ {
				p.start()
				time.Sleep(rand.N(1500 * time.Millisecond))
				p.kill()
			}
			p.start()
			talking.Wait()
			if t.Failed() {
				return
			}
			p.stop()
			t.Logf("%d people talked through %d kills", talkers, kills)
			for n := range talkers {
				o.requireDoneOnce(int64(1000+n), scale)
			}
		})
	}
}

// talker is somebody who talks to the bot whether it is there or not.
type talker struct {
	*outpost
	*telegramtest.User
	n, rounds int
}

// talkNotes is how many notes a talker sends in each round.
const talkNotes = 6

func (t *talker) talk() {
	t.say("/newlead Jane %d, CTO @ Acme", t.n)
	for round := range t.rounds {
		t.note(round, 0)
		t.note(round, 1)
		t.say(`[{"description":"Call %[1]d","delay_days":1},{"description":"Write %[1]d","delay_days":2},{"description":"Meet %[1]d","delay_days":3}]`, round)
		t.note(round, 2)
		t.press(t.sees(fmt.Sprintf("Call %d", round), "Nothing is scheduled yet"), "Schedule")
		t.note(round, 3)
		t.sees(fmt.Sprintf("Call %d", round), "Scheduled for")
		for i, act := range []struct{ step, button, shows string }{{"Call", "Done", "✅ Done"}, {"Write", "1 h", "💤"}, {"Meet", "Skip", "⏭ Skipped"}} {
			step := fmt.Sprintf("%s %d", act.step, round)
			t.say("/week")
			t.press(t.hasButton(step), step)
			m := t.hasButton(act.button, step)
			t.press(m, act.button)
			if i == 1 {
				t.note(round, 4)
			}
			m = t.changes(m.ID, act.shows)
			if _, undo := m.Button("Undo"); i == 0 && undo && t.n%2 == 0 { // it is offered by the process that did it
				t.press(m, "Undo")
				m = t.changes(m.ID, "Open again")
				t.press(m, act.button)
				t.changes(m.ID, act.shows)
			}
		}
		t.note(round, 5)
	}
	t.sees("Noted with Jane")
	t.say("/help")
	t.sees("/newlead")
}

func (t *talker) say(format string, args ...any) {
	time.Sleep(rand.N(150 * time.Millisecond))
	t.Send(fmt.Sprintf(format, args...))
}

func (t *talker) note(round, n int) { t.say("/note note %d", round*talkNotes+n) }

func (t *talker) press(m telegramtest.Message, label string) {
	time.Sleep(rand.N(150 * time.Millisecond))
	for _, full := range m.Labels() {
		if strings.Contains(full, label) {
			if _, err := t.Press(m.ID, full); err == nil {
				return
			}
		}
	}
	t.Errorf("%q has no button %q any more, but %q", m.Text, label, m.Labels())
}

// waits for a message of the bot's; the person sees nothing else that matters.
func (t *talker) waits(condition func(m telegramtest.Message) bool) telegramtest.Message {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	m, err := t.Wait(ctx, func(m telegramtest.Message) bool { return m.FromBot() && condition(m) })
	if err != nil {
		t.Errorf("person %d: %v", t.n, err)
		runtime.Goexit()
	}
	return m
}

func (t *talker) sees(parts ...string) telegramtest.Message {
	return t.waits(func(m telegramtest.Message) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(m.Text, part) })
	})
}

// hasButton waits for a message with a button, and parts in its text.
func (t *talker) hasButton(label string, parts ...string) telegramtest.Message {
	return t.waits(func(m telegramtest.Message) bool {
		return strings.Contains(strings.Join(m.Labels(), "\n"), label) &&
			!slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(m.Text, part) })
	})
}

func (t *talker) changes(message int, shows string) telegramtest.Message {
	return t.waits(func(m telegramtest.Message) bool { return m.ID == message && strings.Contains(m.Text, shows) })
}

// requireDoneOnce looks at what is in the database of one person.
func (o *outpost) requireDoneOnce(person int64, rounds int) {
	o.Helper()
	ctx, client := o.Context(), o.backend.Client()
	mine := filter.Eq("telegram_id", person)
	leads, err := insforge.All[scheduler.Lead](ctx, client.From("lead_registry").Where(mine))
	require.NoError(o, err)
	require.Len(o, leads, 1)
	type line struct {
		Type    string `json:"activity_type"`
		Content string `json:"content"`
	}
	log, err := insforge.All[line](ctx, client.From("lead_activity_log").Where(mine).Order("id"))
	require.NoError(o, err)
	counts := map[string]int{}
	var notes, wanted []string
	for _, a := range log {
		if a.Type == "context_update" {
			notes = append(notes, a.Content)
			continue
		}
		counts[a.Type]++
	}
	for n := range talkNotes * rounds {
		wanted = append(wanted, fmt.Sprintf("note %d", n))
	}
	require.Equal(o, wanted, notes, "each note once, in order")
	undone := counts[scheduler.ActivityStepReopened]
	require.LessOrEqual(o, undone, rounds)
	require.Equal(o, map[string]int{
		scheduler.ActivityLeadCreated: 1, scheduler.ActivityPlanScheduled: rounds, scheduler.ActivityStepDone: rounds + undone,
		scheduler.ActivityStepSnoozed: rounds, scheduler.ActivityStepSkipped: rounds, scheduler.ActivityStepReopened: undone,
	}, nonZero(counts, scheduler.ActivityStepReopened), "each press once")

	reminders, err := insforge.All[scheduler.Reminder](ctx, client.From("scheduled_reminders").Where(mine).Order("id"))
	require.NoError(o, err)
	require.Len(o, reminders, 3*rounds)
	for n, r := range reminders {
		want := []scheduler.Status{scheduler.Completed, scheduler.Snoozed, scheduler.Skipped}[n%3]
		if want == scheduler.Snoozed && n < 3*(rounds-1) {
			want = scheduler.Cancelled // by the next round's plan
		}
		require.Equal(o, want, r.Status, "%+v", r)
		if want == scheduler.Snoozed {
			require.Equal(o, 1, r.SnoozeCount)
		}
	}
	require.Equal(o, []string{"done", "pending", "skipped"}, statusesOf(leads[0]), "the plan says the same")
}

// nonZero has a count for that name also where there is none.
func nonZero(counts map[string]int, name string) map[string]int {
	counts[name] += 0
	return counts
}

func statusesOf(lead scheduler.Lead) (statuses []string) {
	for _, step := range lead.Plan().Steps {
		statuses = append(statuses, string(step.Status))
	}
	return statuses
}
