package schedulertest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

func TestTimersFireWhenTheClockGetsThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := schedulertest.NewClock(0)
		start := clock.Now()
		ran, moved, stopped := clock.NewTimer(time.Minute), clock.NewTimer(time.Hour), clock.NewTimer(time.Hour)
		require.True(t, stopped.Stop())
		require.False(t, stopped.Stop())

		time.Sleep(61 * time.Second)
		require.Equal(t, 60*time.Second, (<-ran.C()).Sub(start).Round(time.Second))
		require.False(t, ran.Stop())
		select {
		case <-moved.C():
			t.Fatal("fired too early")
		default:
		}
		clock.Advance(58 * time.Minute)
		time.Sleep(58 * time.Second)
		select {
		case <-moved.C():
			t.Fatal("fired too early")
		default:
		}
		clock.Advance(time.Second)
		<-moved.C()
		require.Equal(t, 58*time.Minute+time.Second, clock.Offset())
		synctest.Wait()
		select {
		case <-stopped.C():
			t.Fatal("a stopped timer fired")
		default:
		}
	})
}

func TestAClockSetBackDoesNotKeepTimersWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		clock := schedulertest.NewClock(0)
		timer, start := clock.NewTimer(time.Minute), time.Now()
		clock.Advance(-time.Hour)
		<-timer.C()
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, -time.Hour, clock.Offset())
	})
}
