package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
)

// polls reports whether the process is the one that receives the updates.
func (p *process) polls() bool {
	_, body, err := p.get("/metrics")
	return err == nil && strings.Contains(body, "\nfollowthrough_polling 1\n")
}

// TestAPausedProcessLeavesItsUpdatesToItsSuccessor stops the process that
// receives the updates in the middle of a queue of them, as a suspended virtual
// machine would be, and lets it go on after another has taken over: everything
// that people said in the meantime and before is handled, and what the first had
// not begun is handled once. What it had begun, or had not yet told Telegram of,
// may be answered by both.
func TestAPausedProcessLeavesItsUpdatesToItsSuccessor(t *testing.T) {
	t.Parallel()
	backend := insforgetest.New(t, migrations.Tables)
	telegram := telegramtest.Start(t, telegramtest.WithToken(telegramToken))
	environ := []string{"TELEGRAM_BOT_TOKEN=" + telegramToken, "TELEGRAM_API_URL=" + telegram.URL,
		"INSFORGE_URL=" + backend.URL, "INSFORGE_DIALECT=postgrest", "SEND_RATE=1000"}
	first, second := newProcess(t, environ...), newProcess(t, environ...)
	first.start()
	require.Eventually(t, first.polls, patience, 20*time.Millisecond)
	second.start()

	people := make([]*telegramtest.User, 3)
	for i := range people {
		people[i] = telegram.User(telegramtest.Person{ID: int64(i + 1), FirstName: "P"})
	}
	total := 0
	talk := func(rounds int) {
		for range rounds {
			total++
			for i, person := range people {
				person.Send(fmt.Sprintf("/newlead Lead %d-%d", i, total))
			}
		}
	}
	talk(7) // at Telegram's pace a queue of seconds
	waits(first, people[0], "Plan for Lead 0-1:")
	time.Sleep(time.Second / 2) // in the middle of the next answer
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGSTOP))
	t.Cleanup(func() { _ = first.cmd.Process.Signal(syscall.SIGCONT) })
	paused := time.Now()
	begun := make([]int, len(people)) // the last lead that the first may have been at
	for i, person := range people {
		begun[i] = len(plans(person)) + 1
	}
	talk(1)
	require.Eventually(t, second.polls, patience, 20*time.Millisecond)
	t.Logf("taken over after %v", time.Since(paused).Round(time.Millisecond))
	// It takes the one that wakes up a while to learn that it has a successor.
	heal := backend.Fault(insforgetest.Fault{Table: "service_leases", Delay: 2 * time.Second})
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGCONT))
	talk(1)
	time.Sleep(4 * time.Second)
	heal()
	for i, person := range people {
		waits(second, person, fmt.Sprintf("Plan for Lead %d-%d:", i, total))
	}
	require.Eventually(t, func() bool { return !first.polls() }, patience, 20*time.Millisecond)
	require.True(t, second.polls())

	for i, person := range people {
		answers := plans(person)
		require.Len(t, answers, total, "none is lost")
		for n := range total {
			most := 1
			if n < begun[i] {
				most = 2
			}
			require.LessOrEqual(t, answers[fmt.Sprintf("Lead %d-%d", i, n+1)], most, "what was not begun is answered once: %v", answers)
		}
	}
	first.stop()
	second.stop()
}

// plans counts the plans that somebody was shown, by lead.
func plans(person *telegramtest.User) map[string]int {
	shown := map[string]int{}
	for _, m := range person.Messages() {
		if plan, ok := strings.CutPrefix(m.Text, "📋 Plan for "); ok && m.FromBot() {
			shown[strings.SplitN(plan, ":", 2)[0]]++
		}
	}
	return shown
}
