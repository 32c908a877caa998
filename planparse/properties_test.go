package planparse

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// timingText draws texts that come near to being timings: words of all the
// vocabularies and of none, numbers, marks.
func timingText() *rapid.Generator[string] {
	known := make([]string, 0, len(words.entries))
	for _, e := range words.entries[1:] {
		known = append(known, e.word)
	}
	slices.Sort(known)
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"day", "days", "in", "after", "week", "next", "3", "step", "2", "-", "and", "the", "hours", "monday", "business"}),
		rapid.SampledFrom(known),
		rapid.StringMatching(`[0-9]{1,4}`),
		rapid.SampledFrom([]string{"-", "–", ":", ",", ".", "(", ")", "+", "/", "~", "&", "2026", "x", "posts"}),
		rapid.String(),
	)
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(piece, 1, 7).Draw(t, "pieces"), rapid.SampledFrom([]string{" ", "", "  "}).Draw(t, "glue"))
	})
}

// moment draws bases in zones that change their clocks, and in UTC.
func moment() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		zone := rapid.SampledFrom([]string{"UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"}).Draw(t, "zone")
		loc, err := time.LoadLocation(zone)
		if err != nil {
			loc = time.UTC
		}
		return time.Unix(rapid.Int64Range(1.7e9, 2.0e9).Draw(t, "seconds"), 0).In(loc)
	})
}

func TestTimingStaysWithinItsLimits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text, base := timingText().Draw(t, "text"), moment().Draw(t, "base")
		got, err := ParseTiming(text, base)
		if err != nil {
			var refused *TimingError
			require.ErrorAs(t, err, &refused)
			require.NotEmpty(t, refused.Reason)
			require.Equal(t, Timing{}, got)
			return
		}
		require.GreaterOrEqual(t, got.OffsetDays, 0.0)
		require.LessOrEqual(t, got.OffsetDays, float64(MaxDays))
		require.False(t, got.Due.Before(base), "before the base")
		require.False(t, got.Due.After(lastInstant(base)), "beyond the last day")
		require.NotEmpty(t, got.Matched)
	})
}

// lastInstant is the end of MaxDays, counted in days or in hours, whichever is
// later: the clocks may be changed on another date next year.
func lastInstant(base time.Time) time.Time {
	last := base.AddDate(0, 0, MaxDays)
	if hours := base.Add(MaxDays * 24 * time.Hour); hours.After(last) {
		last = hours
	}
	// AddDate goes back where the clock skips the hour.
	return last.Add(time.Hour)
}

// TestTypographyDoesNotMatter holds the labelled strings against themselves in
// other clothes.
func TestTypographyDoesNotMatter(t *testing.T) {
	t.Parallel()
	clothes := map[string]func(string) string{
		"upper case":     strings.ToUpper,
		"wide spaces":    func(s string) string { return strings.ReplaceAll(s, " ", "  ") },
		"no-break space": func(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") },
		"padding":        func(s string) string { return " \t" + s + " \n" },
		"bold":           func(s string) string { return "**" + s + "**" },
		"quotes":         func(s string) string { return "“" + s + "”" },
		"full stop":      func(s string) string { return s + "." },
		"zero width":     func(s string) string { return "\u200b" + s + "\ufeff" },
		"label":          func(s string) string { return "Timing: " + s },
		"emoji":          func(s string) string { return "📅 " + s },
		"fullwidth": func(s string) string {
			return strings.Map(func(r rune) rune {
				if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
					return r - '0' + '０'
				}
				return r
			}, s)
		},
	}
	for _, v := range readVariants(t) {
		plain, perr := ParseTiming(v.text, labelBase)
		if perr != nil || strings.HasPrefix(v.text, "-") {
			continue
		}
		for name, dress := range clothes {
			dressed, err := ParseTiming(dress(v.text), labelBase)
			require.NoError(t, err, "%s: %q", name, dress(v.text))
			require.Equal(t, plain.Due, dressed.Due, "%s: %q", name, dress(v.text))
			require.Equal(t, plain.RelativeTo, dressed.RelativeTo, "%s: %q", name, dress(v.text))
		}
	}
}

// jsonValue draws any JSON value, as text.
func jsonValue(depth int) *rapid.Generator[string] {
	scalar := rapid.OneOf(
		rapid.SampledFrom([]string{"null", "true", "false", "0", "-0", "1e400", "3.0", "12345678901234567890", "0.1"}),
		rapid.Custom(func(t *rapid.T) string {
			b, err := json.Marshal(rapid.String().Draw(t, "text"))
			require.NoError(t, err)
			return string(b)
		}),
	)
	if depth == 0 {
		return scalar
	}
	return rapid.OneOf(scalar,
		rapid.Custom(func(t *rapid.T) string {
			return "[" + strings.Join(rapid.SliceOfN(jsonValue(depth-1), 0, 3).Draw(t, "items"), ",") + "]"
		}),
		rapid.Custom(func(t *rapid.T) string {
			keys := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_]{1,8}`), 0, 3, rapid.ID).Draw(t, "keys")
			members := make([]string, len(keys))
			for i, key := range keys {
				members[i] = fmt.Sprintf("%q:%s", key, jsonValue(depth-1).Draw(t, "value"))
			}
			return "{" + strings.Join(members, ",") + "}"
		}),
	)
}

// storedStep draws a step as storage may hold it: known fields with anything
// in them, and unknown ones.
func storedStep() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			keyStepID, keyAction, keyDescription, keySuggestedText, keyTiming, keyDelay, keyStatus, keyCompletedAt,
			"proof_url", "score", "Note", "x-y", "été",
		}), 1, 9, rapid.ID).Draw(t, "keys")
		members := make([]string, len(keys))
		for i, key := range keys {
			members[i] = fmt.Sprintf("%q: %s", key, jsonValue(2).Draw(t, key))
		}
		return "{" + strings.Join(members, ", ") + "}"
	})
}

func TestStoredStepsSurviveARoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		stored := storedStep().Draw(t, "stored")
		var step Step
		require.NoError(t, json.Unmarshal([]byte(stored), &step))
		written, err := json.Marshal(step)
		require.NoError(t, err)
		require.Equal(t, exact(t, stored), exact(t, string(written)))
	})
}

// exact decodes JSON with its numbers as they are written.
func exact(t require.TestingT, text string) any {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v), text)
	return v
}

func TestWritingAParsedPlanIsTheIdentity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := "[" + strings.Join(rapid.SliceOfN(storedStep(), 1, 5).Draw(t, "steps"), ",") + "]"
		plan, err := Parse(text)
		if err != nil {
			return // no known field in any of them
		}
		once, err := json.Marshal(plan)
		require.NoError(t, err)
		var read Plan
		require.NoError(t, json.Unmarshal(once, &read))
		twice, err := json.Marshal(read)
		require.NoError(t, err)
		require.Equal(t, string(once), string(twice))
		require.Len(t, read.Steps, len(plan.Steps))
		for i := range read.Steps {
			require.Equal(t, plan.Steps[i].ID, read.Steps[i].ID)
			require.Equal(t, plan.Steps[i].Status, read.Steps[i].Status)
			require.Equal(t, plan.Steps[i].Timing, read.Steps[i].Timing)
		}
	})
}

// awkwardOptions are those that push dates towards the last day and over it.
func awkwardOptions(base time.Time) map[string][]ScheduleOption {
	always := func(time.Time) bool { return true }
	late := func(day time.Time) bool { return day.Sub(base) > 300*24*time.Hour }
	return map[string][]ScheduleOption{
		"weekends":            {WeekendRoll()},
		"late hour":           {SendHour(23)},
		"weekends, late hour": {WeekendRoll(), SendHour(23)},
		"no working day":      {WeekendRoll(), Holidays(always)},
		"none at the end":     {WeekendRoll(), Holidays(late), DayOneIsBase()},
		"holidays":            {Holidays(late)},
	}
}

func TestScheduleKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := moment().Draw(t, "base")
		n := rapid.IntRange(1, 8).Draw(t, "steps")
		steps := make([]map[string]any, n)
		for i := range steps {
			steps[i] = map[string]any{"step_id": rapid.IntRange(0, 9).Draw(t, "id")}
			if rapid.Bool().Draw(t, "timed") {
				steps[i]["timing"] = rapid.OneOf(
					rapid.SampledFrom([]string{"3 days later", "Day 364", "Day 365", "300 days later", "200 business days after step 2", "8760 hours", "in a year", "1 day after step 2", "2 days after step 7", "Day 4", "next week", "once they reply", "90 days after previous step", "3 days after step 1"}),
					timingText(),
				).Draw(t, "timing")
			}
			if rapid.Bool().Draw(t, "delayed") {
				steps[i]["delay_days"] = rapid.OneOf(rapid.Just[any](nil), rapid.Just[any]("2 weeks"), rapid.Custom(func(t *rapid.T) any { return rapid.IntRange(-3, 400).Draw(t, "days") })).Draw(t, "delay")
			}
		}
		text, err := json.Marshal(steps)
		require.NoError(t, err)
		plan, err := Parse(string(text))
		require.NoError(t, err)
		slots := plan.Schedule(base)
		for name, opts := range awkwardOptions(base) {
			for i, slot := range append(plan.Schedule(base, opts...), Due(plan.Steps[0], 0, base, opts...)) {
				require.False(t, slot.Due.Before(base), "%s: step %d before the base", name, i)
				require.False(t, slot.Due.After(lastInstant(base)), "%s: step %d beyond the last day", name, i)
			}
		}
		require.Len(t, slots, len(plan.Steps))
		ids := map[int]bool{}
		for i, slot := range slots {
			require.False(t, ids[slot.StepID], "ids are unique")
			ids[slot.StepID] = true
			require.Equal(t, time.UTC, slot.Due.Location())
			require.False(t, slot.Due.Before(base), "never before the base")
			require.GreaterOrEqual(t, slot.OffsetDays, 0.0)
			require.Equal(t, inOrder(slices.Clone(slot.Warnings)), slot.Warnings, "a stable order")
			require.Len(t, slices.Compact(slices.Clone(slot.Warnings)), len(slot.Warnings), "each code once")
			if slot.Source == SourceDefault {
				require.Equal(t, float64((i+1)*3), slot.OffsetDays)
			}
			if i > 0 {
				require.Equal(t, slot.Due.Before(slots[i-1].Due), slices.Contains(slot.Warnings, WarnNonMonotonic))
			}
		}
		require.Equal(t, slots, plan.Schedule(base), "pure")
	})
}

// A cut text yields a beginning of the plan, and nothing the plan does not
// have: no step is completed from its first half.
func TestCuttingAPlanOnlyTakesStepsAway(t *testing.T) {
	t.Parallel()
	const steps = 4
	fenced := fencedPlan(steps)
	begin, end := strings.Index(fenced, "["), strings.LastIndex(fenced, "]")+1
	array := fenced[begin:end]
	encoded, err := json.Marshal(array)
	require.NoError(t, err)
	whole, err := Parse(array)
	require.NoError(t, err)
	require.Len(t, whole.Steps, steps)
	for name, text := range map[string]string{
		"fenced": fenced, "wrapped": `{"plan": {"steps": ` + array + `}}`,
		"encoded": string(encoded), "encoded in a wrapper": `{"plan": ` + string(encoded) + `}`,
		"closed fence": array,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for end := range len(text) {
				cut := text[:end]
				if name == "closed fence" {
					cut = "```json\n" + cut + "\n```\nHope this helps!"
				}
				plan, _ := Parse(cut)
				require.LessOrEqual(t, len(plan.Steps), steps)
				for i, step := range plan.Steps {
					require.Equal(t, whole.Steps[i].fields, step.fields, "cut at %d", end)
				}
				if n := len(plan.Steps); n > 0 && n < steps {
					require.Contains(t, plan.Warnings, WarnTruncated, "cut at %d", end)
					require.NotEqual(t, OutcomeOK, plan.Outcome, "cut at %d", end)
				}
			}
		})
	}
}

// A verb, a count and a thing are what steps are about, never when they are.
// The things are those that look like units of time to a careless reader.
func TestWhatIsCountedIsNoTime(t *testing.T) {
	t.Parallel()
	verbs := strings.Split("Send,Share,Like,Comment on,Review,Mention,Invite to,Ask for,Offer,Read,Post,Reply to,Tag,Follow,Start,Connect with,Reach out to,Attend,Endorse", ",")
	counts := strings.Split("2,3,30,1-2,5+,a,one,two,their,a few,the first,last,another", ",")
	things := strings.Split("decks,demos,DMs,downloads,webinars,wins,whitepapers,mobile apps,more posts,mock-ups,minute demo,min call,"+
		"minutes of video,hours of content,hires,days of training,day trial,week program,weeks of work,months of data,month roadmap,year outlook,"+
		"second video,daily digests,weekly reports,Monday meetings,today headlines,now campaigns,x faster,% growth,$ budget,posts,steps,touches,colleagues,Mar models,sun hats", ",")
	for _, verb := range verbs {
		for _, count := range counts {
			for _, thing := range things {
				text := verb + " " + count + " " + thing
				got, err := ParseTiming(text, labelBase)
				require.Error(t, err, "%q is taken for %v %v", text, got.OffsetDays, got.RelativeTo)
			}
		}
	}
}

// The short way to read "Day 3" is no other way to understand it.
func TestPlainDayAgreesWithTheGrammar(t *testing.T) {
	t.Parallel()
	for n := range 1000 {
		for _, text := range []string{"Day %d", "day %d", "Day %02d", "day %03d"} {
			text = fmt.Sprintf(text, n)
			short, err := ParseTiming(text, labelBase, SendHour(8))
			long, lerr := ParseTiming(text+" ", labelBase, SendHour(8))
			require.Equal(t, lerr == nil, err == nil, text)
			require.Equal(t, long, short, text)
		}
	}
}

// The commonest timing costs no memory, and so none has to be collected.
func TestDayNIsReadWithoutAllocation(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = ParseTiming("Day 3", labelBase)
	}))
}
