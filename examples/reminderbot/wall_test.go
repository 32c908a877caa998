package main

import (
	"context"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/scheduler"
)

// A process whose clock can be set while it runs: this test's own program, which
// runs the service in place of tests where this variable names the file that
// says by how much the clock is wrong. No library can set the clock of a Go
// program from outside, and the machine's belongs to everybody.
const wallVariable = "WALL_CLOCK_FILE"

// wall is a machine's clock that people and NTP set: dates jump, and timers
// count on as if nothing had happened.
type wall struct {
	scheduler.Clock
	file string
}

func (w wall) Now() time.Time {
	text, err := os.ReadFile(w.file)
	if err != nil {
		return time.Now().Round(0)
	}
	wrong, _ := time.ParseDuration(string(text))
	return time.Now().Add(wrong).Round(0) // without a monotonic reading, which would hide the jump
}

func serveByWall(file string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return serve(ctx, os.Environ(), os.Stderr, wall{scheduler.SystemClock(), file})
}

// TestClocksJump has three instances whose clocks are set again and again, by
// seconds, by minutes, by an hour, forward and back, while reminders fall due.
// A nudge goes out when the first of them thinks it is time; and once.
func TestClocksJump(t *testing.T) {
	t.Parallel()
	scale := endurance(t)
	script, err := migrations.Script()
	require.NoError(t, err)
	o := &outpost{T: t, backend: insforgetest.Genuine(t, script), telegram: telegramtest.Start(t, telegramtest.WithToken(telegramToken)), nudges: 200 * scale}
	o.fill()
	o.backend.SQL(`UPDATE scheduled_reminders SET due_at = now() + random() * interval '` + (time.Duration(5*scale) * time.Second).String() + `'`)
	self, err := os.Executable()
	require.NoError(t, err)
	var instances []*process
	var clocks []string
	set := func(i int, wrong time.Duration) {
		next := clocks[i] + ".next"
		require.NoError(t, os.WriteFile(next, []byte(wrong.String()), 0o600))
		require.NoError(t, os.Rename(next, clocks[i]))
	}
	for i := range 3 {
		p := o.process()
		p.file = self
		clocks = append(clocks, filepath.Join(t.TempDir(), "wrong"))
		p.environ = append(p.environ, wallVariable+"="+clocks[i])
		set(i, time.Duration(i-1)*90*time.Second)
		instances = append(instances, p)
		p.start()
	}
	for range 20 * scale {
		time.Sleep(rand.N(500 * time.Millisecond))
		jump := []time.Duration{5 * time.Second, 3 * time.Minute, time.Hour}[rand.IntN(3)]
		set(rand.IntN(3), rand.N(2*jump)-jump)
		o.requireNoneTwice()
	}
	for i := range instances {
		set(i, 0)
	}
	// What an instance gave back whose clock was ahead comes when that clock said.
	o.backend.SQL(`UPDATE scheduled_reminders SET due_at = now() WHERE reminder_count = 0 AND due_at > now()`)
	o.settle(instances...)
	o.requireAllAccountedFor(instances[0])
}
