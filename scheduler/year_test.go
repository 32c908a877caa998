package scheduler_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// resident is a user of the year: where they live, when they sleep, and at
// which hour their steps are to come.
type resident struct {
	id       int64
	zone     *time.Location
	quiet    bool // from 22 to 7
	sendHour int
}

// TestAYearOfAHundredUsers lets a year go by for people in zones that change
// their clocks in every way there is: by an hour in spring and autumn on either
// half of the world, by half an hour, at midnight, and not at all. Each step
// comes at its user's hour on its day, twice and thrice as the escalation says,
// and never at night.
func TestAYearOfAHundredUsers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		clock := schedulertest.NewClock(0) // begins with the year 2000
		schema, err := embedded.ParseTables(migrations.Tables)
		require.NoError(t, err)
		db, err := embedded.Open(embedded.Memory, schema, embedded.WithClock(clock.Now))
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		client, err := insforge.New("http://store", insforge.WithHTTPClient(&http.Client{Transport: db.Transport(embedded.PostgREST)}))
		require.NoError(t, err)
		store, err := scheduler.NewStore(client, clock)
		require.NoError(t, err)
		plans, err := scheduler.New(store, scheduler.WithLogger(newQuiet()))
		require.NoError(t, err)
		sender := &schedulertest.Sender{}
		dispatcher, err := scheduler.NewDispatcher(store, sender, scheduler.WithDispatchLogger(newQuiet()))
		require.NoError(t, err)

		// The clock is set to the year that is looked at.
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		clock.Advance(begin.Sub(clock.Now()))

		zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata",
			"Pacific/Auckland", "Africa/Cairo", "America/Havana", "Pacific/Chatham", "UTC"}
		residents := map[int64]resident{}
		var planned int
		for i := range 100 {
			zone, err := time.LoadLocation(zones[i%len(zones)])
			require.NoError(t, err)
			r := resident{id: int64(1000 + i), zone: zone, quiet: i%3 > 0, sendHour: 7 + i%12}
			residents[r.id] = r
			change := scheduler.UserChange{scheduler.ColumnTimeZone: zone.String(), scheduler.ColumnSendHour: r.sendHour}
			if r.quiet {
				change[scheduler.ColumnQuietFrom], change[scheduler.ColumnQuietUntil] = "22:00", "07:00"
			}
			require.NoError(t, store.ChangeUser(ctx, r.id, change))
			lead, err := store.CreateLead(ctx, scheduler.NewLead{TelegramID: r.id, Name: "Jane"})
			require.NoError(t, err)
			// A step every 90 days or so, up to the end of the year.
			var p planparse.Plan
			for day := 1 + i%90; day < 360; day += 90 {
				p.Steps = append(p.Steps, planparse.Step{ID: day, Description: "A step", Delay: fmt.Append(nil, day)})
			}
			planned += len(p.Steps)
			_, err = plans.Schedule(ctx, lead, p, clock.Now())
			require.NoError(t, err)
		}

		report, err := schedulertest.RunFor(ctx, clock, 400*day, store, dispatcher)
		require.NoError(t, err)
		got := map[int64]map[int]int{}
		for _, m := range sender.Messages() {
			who := residents[m.TelegramID]
			local := m.Now.In(who.zone)
			if who.quiet {
				require.True(t, local.Hour() >= 7 && local.Hour() < 22, "%s at night in %s", local, who.zone)
			}
			for _, item := range m.Items {
				if item.Stage == scheduler.StageDue && m.Kind == scheduler.Nudge {
					require.LessOrEqual(t, m.Now.Sub(item.Reminder.Planned()), 2*time.Second, "late")
					require.Equal(t, who.sendHour, local.Hour(), "the first nudge of day %d for a user in %s", item.Reminder.StepID, who.zone)
					wanted := begin.In(who.zone).AddDate(0, 0, item.Reminder.StepID)
					require.Equal(t, wanted.Format(time.DateOnly), local.Format(time.DateOnly), "the day in %s", who.zone)
				}
				if got[m.TelegramID] == nil {
					got[m.TelegramID] = map[int]int{}
				}
				if m.Kind == scheduler.Nudge {
					got[m.TelegramID][item.Reminder.StepID]++
				}
			}
		}
		steps := 0
		for user, times := range got {
			for step, n := range times {
				require.Equal(t, 4, n, "step %d of user %d comes four times: when due, after one day, after two, after a week", step, user)
				steps++
			}
		}
		require.Equal(t, planned, steps)
		require.Equal(t, 4*planned, report.Delivered)
		require.Zero(t, report.Ambiguous+report.Released+report.Healed)
	})
}
