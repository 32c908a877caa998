package bot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatWasDoneLately(t *testing.T) {
	t.Parallel()
	var r recent
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	require.True(t, r.first("album 1", now))
	require.False(t, r.first("album 1", now.Add(recentFor-1)))
	require.True(t, r.first("album 2", now.Add(-time.Microsecond)), "another chat looked at the clock before, and comes after")
	require.True(t, r.has("album 1", now.Add(-time.Microsecond)), "that one is remembered all the same")
	require.False(t, r.has("album 1", now.Add(recentFor)))
	require.True(t, r.first("album 3", now.Add(-time.Hour)), "the clock was set back")
	require.Len(t, r.done, 1, "nothing is kept for longer")
}
