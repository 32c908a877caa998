package scheduler_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/scheduler"
)

// TestACrashAtEachAwaitPoint has one process go through the life of two plans,
// once for each moment at which it waits for something, and dies there: before
// the store has got a request, before its answer is back, before and after a
// message leaves. Another process goes on, and people press again what did not
// work. One run takes every eighth moment, beginning at random; with ENDURANCE
// set it takes them all.
func TestACrashAtEachAwaitPoint(t *testing.T) {
	t.Parallel()
	points := 0
	story := func(t *testing.T, diesAt int) string {
		l := newLife(t, 1, none)
		l.machines = l.machines[:1]
		first := l.machines[0]
		first.diesAt = diesAt
		if diesAt == 0 {
			defer func() { points = first.waits }()
		}
		// at has a living process do something, and another one where it died.
		at := func(do func(m *machine) error) {
			for range 3 {
				if err := do(l.machines[0]); err == nil {
					return
				}
				require.True(t, l.machines[0].dead(), "only a crash keeps it from working")
				l.machines[0] = l.boot()
			}
			require.Fail(t, "it never worked")
		}
		cycle := func() {
			_, err := l.machines[0].dispatcher.Cycle(t.Context())
			if l.machines[0].dead() {
				l.machines[0] = l.boot()
				_, err = l.machines[0].dispatcher.Cycle(t.Context())
			}
			require.NoError(t, err)
			l.clock.Advance(time.Second)
		}
		jane, john := l.leads[0], l.leads[1]
		base := l.clock.Now()
		var scheduled scheduler.Scheduled
		schedule := func(lead scheduler.Lead, days ...int) {
			at(func(m *machine) (err error) {
				scheduled, err = m.scheduler.Schedule(t.Context(), lead, plan(days...), base)
				return err
			})
		}
		press := func(do func(m *machine, r scheduler.Reminder) (scheduler.Change, error), r scheduler.Reminder) (mark scheduler.Mark) {
			at(func(m *machine) error {
				change, err := do(m, r)
				mark = change.Mark
				return ifNotHandled(err)
			})
			return mark
		}
		schedule(john, 0, 1)
		schedule(jane, 0, 0, 0, 0, 0, 1)
		cycle()
		complete := func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
			return m.scheduler.Complete(t.Context(), r.TelegramID, r.ID)
		}
		press(func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
			return m.scheduler.Snooze(t.Context(), r.TelegramID, r.ID, base.Add(30*time.Hour))
		}, scheduled.Reminders[0])
		press(complete, scheduled.Reminders[1])
		if mark := press(complete, scheduled.Reminders[2]); mark.ReminderID != 0 { // a process that died showed no button for it
			press(func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
				return m.scheduler.Undo(t.Context(), r.TelegramID, mark)
			}, scheduled.Reminders[2])
		}
		press(func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
			return m.scheduler.Skip(t.Context(), r.TelegramID, r.ID)
		}, scheduled.Reminders[3])
		press(func(m *machine, r scheduler.Reminder) (scheduler.Change, error) {
			return m.scheduler.Reopen(t.Context(), r.TelegramID, r.ID)
		}, scheduled.Reminders[3])
		if unlogged := l.ledger.unlogged(); unlogged != "" {
			return unlogged
		}
		l.clock.Advance(day)
		cycle()
		base = l.clock.Now()
		schedule(jane, 0, 2)
		l.clock.Advance(day)
		cycle()
		if problem := l.ledger.problem(); problem != "" {
			return problem
		}
		return l.epilogue()
	}
	step, diesAt := 8, 0
	if os.Getenv("ENDURANCE") != "" {
		step = 1
	}
	for diesAt == 0 || diesAt <= points {
		synctest.Test(t, func(t *testing.T) {
			if problem := story(t, diesAt); problem != "" {
				require.Fail(t, problem, "dying at point %d", diesAt)
			}
		})
		if diesAt == 0 {
			require.Greater(t, points, 50, "the story has as many moments to die at")
			diesAt = 1 + rand.N(step)
			continue
		}
		diesAt += step
	}
}

// ifNotHandled passes over that a press had worked before: the process died
// before it could tell.
func ifNotHandled(err error) error {
	if handled := (*scheduler.AlreadyHandledError)(nil); err != nil && errors.As(err, &handled) {
		return nil
	}
	return err
}
