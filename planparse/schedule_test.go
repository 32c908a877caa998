package planparse

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no zone files on this machine: %v", err)
	}
	return loc
}

// plan reads a plan that is known to be one.
func plan(t *testing.T, text string) Plan {
	t.Helper()
	p, err := Parse(text)
	require.NoError(t, err)
	return p
}

func TestClockChanges(t *testing.T) {
	t.Parallel()
	newYork, berlin := zone(t, "America/New_York"), zone(t, "Europe/Berlin")
	for name, tt := range map[string]struct {
		base time.Time
		text string
		want string
		days float64
	}{
		"a day keeps its clock time across the gap": {
			time.Date(2026, time.March, 4, 10, 0, 0, 0, newYork), "in 7 days", "2026-03-11T10:00:00-04:00", 7},
		"hours are exact across the gap": {
			time.Date(2026, time.March, 4, 10, 0, 0, 0, newYork), "in 168 hours", "2026-03-11T11:00:00-04:00", 7},
		"a skipped time moves forward": {
			time.Date(2026, time.March, 7, 2, 30, 0, 0, newYork), "tomorrow", "2026-03-08T03:30:00-04:00", 1},
		"a skipped time that is named moves forward": {
			time.Date(2026, time.March, 4, 10, 0, 0, 0, newYork), "Day 4 at 2:15am", "2026-03-08T03:15:00-04:00", 4 - 7.75/24},
		"of a repeated time the first": {
			time.Date(2026, time.October, 31, 1, 30, 0, 0, newYork), "Day 1", "2026-11-01T01:30:00-04:00", 1},
		"the way back": {
			time.Date(2026, time.October, 24, 12, 0, 0, 0, berlin), "2 days", "2026-10-26T12:00:00+01:00", 2},
		"another zone's clock": {
			time.Date(2026, time.March, 4, 10, 0, 0, 0, berlin), "Tuesday 10am ET", "2026-03-10T15:00:00+01:00", 6 + 5./24},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseTiming(tt.text, tt.base)
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Due.Format(time.RFC3339))
			require.InDelta(t, tt.days, got.OffsetDays, 1e-9)
		})
	}
}

func TestBusinessDays(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	none := func(time.Time) bool { return false }
	for weekday := range 7 {
		start := monday.AddDate(0, 0, weekday)
		for n := range 300 {
			require.Equal(t, businessDays(start, n, none), businessDays(start, n, nil), "%v + %d", start.Weekday(), n)
		}
	}
	holiday := func(day time.Time) bool { return day.Format(time.DateOnly) == "2026-03-05" }
	got, err := ParseTiming("2 business days", labelBase, Holidays(holiday))
	require.NoError(t, err)
	require.Equal(t, "Mon 2026-03-09", got.Due.Format("Mon 2006-01-02"))
}

func TestOptions(t *testing.T) {
	t.Parallel()
	p := plan(t, `[{"timing": "Day 1"}, {"timing": "Day 3"}, {"timing": "Day 4 at 16:00"}, {"timing": "4 hours later"}, {"delay_days": 7}, {"timing": "Week 2, Day 2"}]`)
	dates := func(opts ...ScheduleOption) []string {
		var out []string
		for _, slot := range p.Schedule(labelBase, opts...) {
			out = append(out, slot.Due.Format("Mon 2 15:04"))
		}
		return out
	}
	for name, tt := range map[string]struct {
		opts []ScheduleOption
		want []string
	}{
		"none":              {nil, []string{"Thu 5 10:00", "Sat 7 10:00", "Sun 8 16:00", "Sun 8 20:00", "Wed 11 10:00", "Fri 13 10:00"}},
		"an hour to send":   {[]ScheduleOption{SendHour(8)}, []string{"Thu 5 08:00", "Sat 7 08:00", "Sun 8 16:00", "Sun 8 20:00", "Wed 11 08:00", "Fri 13 08:00"}},
		"no such hour":      {[]ScheduleOption{SendHour(24)}, []string{"Thu 5 10:00", "Sat 7 10:00", "Sun 8 16:00", "Sun 8 20:00", "Wed 11 10:00", "Fri 13 10:00"}},
		"day one is base":   {[]ScheduleOption{DayOneIsBase()}, []string{"Wed 4 10:00", "Fri 6 10:00", "Sat 7 16:00", "Sat 7 20:00", "Wed 11 10:00", "Thu 12 10:00"}},
		"no weekends":       {[]ScheduleOption{WeekendRoll()}, []string{"Thu 5 10:00", "Mon 9 10:00", "Sun 8 16:00", "Sun 8 20:00", "Wed 11 10:00", "Fri 13 10:00"}},
		"a zone of its own": {[]ScheduleOption{In(time.FixedZone("", -11*3600)), SendHour(9)}, []string{"Wed 4 20:00", "Fri 6 20:00", "Sun 8 03:00", "Sun 8 07:00", "Tue 10 20:00", "Thu 12 20:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, dates(tt.opts...))
		})
	}
}

func TestSendHourIsNeverBeforeTheBase(t *testing.T) {
	t.Parallel()
	got, err := ParseTiming("today", labelBase, SendHour(8))
	require.NoError(t, err)
	require.Equal(t, labelBase, got.Due)
}

func TestPlanRules(t *testing.T) {
	t.Parallel()
	type slot struct {
		days     float64
		warnings []Warning
	}
	for name, tt := range map[string]struct {
		text string
		want []slot
	}{
		"relative to the step above": {
			`[{"timing": "Day 2"}, {"timing": "3 days later"}, {"timing": "1 week after the previous step"}]`,
			[]slot{{2, nil}, {5, nil}, {12, nil}}},
		"the first step has none above": {
			`[{"timing": "3 days after the previous step"}]`,
			[]slot{{3, nil}}},
		"relative to a step by number": {
			`[{"step_id": 10, "timing": "Day 2"}, {"step_id": 20, "timing": "Day 9"}, {"step_id": 30, "timing": "8 days after step 10"}]`,
			[]slot{{2, nil}, {9, nil}, {10, nil}}},
		"relative to a step further down": {
			`[{"step_id": 1, "timing": "1 day after step 2"}, {"step_id": 2, "timing": "Day 5"}]`,
			[]slot{{6, nil}, {5, []Warning{WarnNonMonotonic}}}},
		"business days after another step": {
			`[{"timing": "Day 2"}, {"timing": "2 business days after step 1"}]`,
			[]slot{{2, nil}, {6, nil}}},
		"an event is counted from the step above": {
			`[{"timing": "Day 4"}, {"timing": "2 days after they accept"}]`,
			[]slot{{4, nil}, {6, nil}}},
		"no such step": {
			`[{"timing": "1 day after step 9"}]`,
			[]slot{{3, []Warning{WarnReferenceMissing}}}},
		"a step that waits for itself": {
			`[{"step_id": 1, "timing": "1 day after step 1"}]`,
			[]slot{{3, []Warning{WarnReferenceCycle}}}},
		"steps that wait for each other, and one that waits for them": {
			`[{"step_id": 1, "timing": "1 day after step 2"}, {"step_id": 2, "timing": "1 day after step 1"}, {"step_id": 3, "timing": "1 day after step 1"}]`,
			[]slot{{3, []Warning{WarnReferenceCycle}}, {6, []Warning{WarnReferenceCycle}}, {6, []Warning{WarnClamped}}}},
		"a default is clamped": {
			`[{"timing": "Day 20"}, {"description": "no date"}, {"timing": "2 days later"}]`,
			[]slot{{20, nil}, {20, []Warning{WarnClamped}}, {22, nil}}},
		"an explicit date is not": {
			`[{"delay_days": 20}, {"delay_days": 4}]`,
			[]slot{{20, nil}, {4, []Warning{WarnNonMonotonic}}}},
		"the end of the year stops a chain": {
			`[{"delay_days": 300}, {"timing": "90 days later"}]`,
			[]slot{{300, nil}, {365, []Warning{WarnClamped}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := plan(t, tt.text)
			for i, got := range p.Schedule(labelBase) {
				require.Equal(t, tt.want[i].days, got.Due.Sub(labelBase).Hours()/24)
				var own []Warning
				for _, w := range got.Warnings {
					if w != WarnStepIDMissing {
						own = append(own, w)
					}
				}
				require.Equal(t, tt.want[i].warnings, own)
			}
		})
	}
}

func TestUnparseableTimingsAreReportedOnlyWhereTheyWereNeeded(t *testing.T) {
	t.Parallel()
	p := plan(t, `[{"delay_days": 1, "timing": "when ready"}, {"timing": "once they accept"}, {"timing": "Day 4"}, {"timing": ""}, {"timing": null}]`)
	reported := map[string]Reason{}
	p.Schedule(labelBase, OnUnparseable(func(text string, reason Reason) { reported[text] = reason }))
	require.Equal(t, map[string]Reason{"once they accept": ReasonEvent, "": ReasonEmpty}, reported)
}

func TestEverySlotSaysWhereItsDateComesFrom(t *testing.T) {
	t.Parallel()
	p := plan(t, `[{"delay_days": "3 days"}, {"timing": "📅 Step 2: Day 5 - share the study"}, {"timing": "whenever"}]`)
	slots := p.Schedule(labelBase)
	require.Equal(t, SourceDelay, slots[0].Source)
	require.Equal(t, "3 days", slots[0].Matched)
	require.Equal(t, SourceTiming, slots[1].Source)
	require.Equal(t, "day 5", slots[1].Matched)
	require.Equal(t, SourceDefault, slots[2].Source)
	require.Empty(t, slots[2].Matched)
}
