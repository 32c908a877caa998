package scheduler_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/scheduler"
)

func TestSendableAt(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		instant, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return instant
	}
	berlin := "Europe/Berlin"
	for name, test := range map[string]struct {
		user     scheduler.User
		t, wants string
	}{
		"no settings":                     {scheduler.User{}, "2026-03-04T23:00:00Z", "2026-03-04T23:00:00Z"},
		"half a setting is none":          {scheduler.User{QuietFrom: "22:00:00"}, "2026-03-04T23:00:00Z", "2026-03-04T23:00:00Z"},
		"no length is none":               {scheduler.User{QuietFrom: "08:00", QuietUntil: "08:00"}, "2026-03-04T08:00:00Z", "2026-03-04T08:00:00Z"},
		"before midnight":                 {scheduler.User{QuietFrom: "22:00:00", QuietUntil: "08:00:00"}, "2026-03-04T23:00:00Z", "2026-03-05T08:00:00Z"},
		"after midnight":                  {scheduler.User{QuietFrom: "22:00:00", QuietUntil: "08:00:00"}, "2026-03-05T03:00:00Z", "2026-03-05T08:00:00Z"},
		"by day":                          {scheduler.User{QuietFrom: "22:00:00", QuietUntil: "08:00:00"}, "2026-03-05T12:00:00Z", "2026-03-05T12:00:00Z"},
		"the end is not quiet":            {scheduler.User{QuietFrom: "22:00:00", QuietUntil: "08:00:00"}, "2026-03-05T08:00:00Z", "2026-03-05T08:00:00Z"},
		"the beginning is":                {scheduler.User{QuietFrom: "12:00:00", QuietUntil: "13:00:00"}, "2026-03-05T12:00:00Z", "2026-03-05T13:00:00Z"},
		"in the user's zone":              {scheduler.User{TimeZone: berlin, QuietFrom: "22:00:00", QuietUntil: "08:00:00"}, "2026-03-04T21:30:00Z", "2026-03-05T07:00:00Z"},
		"an unknown zone is the default":  {scheduler.User{TimeZone: "Moon/Sea", QuietFrom: "22:00:00", QuietUntil: "08:00:00"}, "2026-03-04T21:30:00Z", "2026-03-04T21:30:00Z"},
		"the night the clocks go forward": {scheduler.User{TimeZone: berlin, QuietFrom: "22:00:00", QuietUntil: "08:00:00"}, "2026-03-28T23:00:00Z", "2026-03-29T06:00:00Z"},
		"the night they go back":          {scheduler.User{TimeZone: berlin, QuietFrom: "22:00:00", QuietUntil: "08:00:00"}, "2026-10-24T23:00:00Z", "2026-10-25T07:00:00Z"},
		"the hour that comes twice":       {scheduler.User{TimeZone: berlin, QuietFrom: "22:00:00", QuietUntil: "02:45:00"}, "2026-10-25T01:15:00Z", "2026-10-25T01:45:00Z"},
		"paused":                          {scheduler.User{PausedUntil: at("2026-03-10T12:00:00Z")}, "2026-03-04T12:00:00Z", "2026-03-10T12:00:00Z"},
		"paused into quiet hours":         {scheduler.User{PausedUntil: at("2026-03-10T23:00:00Z"), QuietFrom: "22:00", QuietUntil: "08:00"}, "2026-03-04T12:00:00Z", "2026-03-11T08:00:00Z"},
		"the pause is over":               {scheduler.User{PausedUntil: at("2026-03-01T23:00:00Z")}, "2026-03-04T12:00:00Z", "2026-03-04T12:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.wants, test.user.SendableAt(at(test.t), time.UTC).UTC().Format(time.RFC3339))
		})
	}
}

// Whatever the settings: never before it was asked for, and what is sendable
// stays so.
func TestSendableAtIsAFixedPoint(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wall := rapid.Custom(func(t *rapid.T) string {
			return time.Unix(rapid.Int64Range(0, 86399).Draw(t, "second"), 0).UTC().Format("15:04:05")
		})
		user := scheduler.User{
			TimeZone:  rapid.SampledFrom([]string{"", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"}).Draw(t, "zone"),
			QuietFrom: wall.Draw(t, "from"), QuietUntil: wall.Draw(t, "until"),
		}
		asked := time.Unix(rapid.Int64Range(1767225600, 1798761600).Draw(t, "t"), 0)
		at := user.SendableAt(asked, time.UTC)
		if at.Before(asked) || at.Sub(asked) > 26*time.Hour {
			t.Fatalf("asked %s, got %s", asked, at)
		}
		if again := user.SendableAt(at, time.UTC); !again.Equal(at) {
			t.Fatalf("%s is sendable, but then %s", at, again)
		}
	})
}
