package bot

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
)

// day is t's date in words, seen from now, both in t's zone: "today",
// "tomorrow", "Fri 27 Nov", and with its year where that is another.
func day(t, now time.Time) string {
	now = now.In(t.Location())
	switch daysBetween(now, t) {
	case 0:
		return "today"
	case 1:
		return "tomorrow"
	case -1:
		return "yesterday"
	}
	if t.Year() != now.Year() {
		return t.Format("Mon 2 Jan 2006")
	}
	return t.Format("Mon 2 Jan")
}

// moment is t's date and time of day in words: "tomorrow 10:00".
func moment(t, now time.Time) string { return day(t, now) + " " + t.Format("15:04") }

// dated is t's date with its weekday, and how far that is: "Fri 27 Nov 10:00
// (in 5 days)".
func dated(t, now time.Time) string {
	format := "Mon 2 Jan 15:04"
	if t.Year() != now.In(t.Location()).Year() {
		format = "Mon 2 Jan 2006 15:04"
	}
	return t.Format(format) + " (" + distance(t, now) + ")"
}

// distance is how far t is from now, by the calendar of t's zone: "today",
// "in 5 days", "2 days ago".
func distance(t, now time.Time) string {
	switch n := daysBetween(now.In(t.Location()), t); {
	case n == 0:
		return "today"
	case n == 1:
		return "tomorrow"
	case n == -1:
		return "yesterday"
	case n > 0:
		return fmt.Sprintf("in %d days", n)
	default:
		return fmt.Sprintf("%d days ago", -n)
	}
}

// overdue says how long ago something was due; empty when that is hardly
// worth a word.
func overdue(late time.Duration) string {
	switch {
	case late < 2*time.Hour:
		return ""
	case late < 48*time.Hour:
		return fmt.Sprintf("overdue by %d hours", int(late/time.Hour))
	default:
		return fmt.Sprintf("overdue by %d days", int(late/(24*time.Hour)))
	}
}

// daysBetween counts midnights from a to b, both in one zone. Noon in UTC is
// the same distance apart whatever the zone's clocks did in between.
func daysBetween(a, b time.Time) int {
	noon := func(t time.Time) time.Time {
		y, m, d := t.Date()
		return time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	}
	return int(noon(b).Sub(noon(a)) / (24 * time.Hour))
}

// atHour is the instant of a full hour on now's date plus days, by the
// calendar of now's zone.
func atHour(now time.Time, days, hour int) time.Time {
	y, m, d := now.Date()
	return time.Date(y, m, d+days, hour, 0, 0, 0, now.Location())
}

// toMonday is how many days it is from now's date to the Monday after it.
func toMonday(now time.Time) int { return (int(time.Monday)-int(now.Weekday())+6)%7 + 1 }

// count is a number with its noun: "1 step", "2 steps".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// untilForm is how people begin when they say for how long.
var untilForm = regexp.MustCompile(`(?i)^(?:until|till|til|for|to|on)\s+`)

// hourOnly is a bare number where it can be an hour only: "until 8", "at 14".
var hourOnly = regexp.MustCompile(`(?i)^(?:until|till|til|at)\s+(\d{1,2})$`)

// readLater reads when something should come back: "in 3 hours", "friday
// 14:00", "2 weeks", "tomorrow". What names a day and no time of it is at hour.
// A time of day that is over is tomorrow's.
func readLater(text string, now time.Time, hour int) (time.Time, bool) {
	text = strings.ToLower(untilForm.ReplaceAllString(hourOnly.ReplaceAllString(oneLine(text), "$1:00"), ""))
	for _, unit := range []string{"hour", "day", "week", "month"} {
		if text == unit {
			text = "1 " + unit
		}
	}
	for _, try := range []string{text, "today " + text, "tomorrow " + text} {
		found, err := planparse.ParseTiming(try, now, planparse.In(now.Location()), planparse.SendHour(hour))
		var problem *planparse.TimingError
		switch {
		case err == nil && found.RelativeTo == planparse.Reference{} && found.Due.After(now):
			return found.Due, true
		case errors.As(err, &problem) && problem.Reason != planparse.ReasonPartOfDayOnly && problem.Reason != planparse.ReasonPast:
			return time.Time{}, false
		}
	}
	return time.Time{}, false
}

// dayHour is the hour at which a day begins for somebody: the one their plans
// are for, or nine.
func dayHour(sendHour *int) int {
	if sendHour != nil {
		return *sendHour
	}
	return 9
}
