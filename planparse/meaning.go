package planparse

import "time"

// meaning is what a timing string says, before it meets the clock: a distance
// in days, business days and exact time, and perhaps a time of day.
type meaning struct {
	span
	ref   Reference
	clock int32 // minutes of the day, or noClock
	zone  int32 // minutes east of UTC of the clock, or noZone
	// explicit is true for a clock time as opposed to a part of the day.
	explicit bool
	// counted is true for "Day N", which [DayOneIsBase] shifts.
	counted bool
	// dated is true for a date of the calendar.
	dated bool
	// bareClock is true for a clock time without a day.
	bareClock bool
}

const (
	noClock = -1
	noZone  = 1 << 20
)

func blank() meaning { return meaning{clock: noClock, zone: noZone} }

// span is a distance in time.
type span struct {
	days     int           // calendar days
	business int           // Monday to Friday, counted after the days
	exact    time.Duration // on the instant, after both
}

// length orders spans for "3 days to a week".
func (s span) length() time.Duration {
	return time.Duration(s.days)*24*time.Hour + time.Duration(s.business)*34*time.Hour + s.exact
}

func (s span) plus(t span) span {
	return span{s.days + t.days, s.business + t.business, s.exact + t.exact}
}

// verdict is a [Reason] as the grammar passes it around: a number, because a
// string would tie the parser's memory to the answer and move it to the heap.
type verdict uint8

const (
	understood verdict = iota
	verdictNoTiming
	verdictEvent
	verdictPast
	verdictRecurring
	verdictPlaceholder
	verdictCalendarQuarter
	verdictOutOfRange
	verdictBadDate
	verdictEmpty
	verdictPartOfDayOnly
)

var verdictReasons = [...]Reason{
	verdictNoTiming:        ReasonNoTiming,
	verdictEvent:           ReasonEvent,
	verdictPast:            ReasonPast,
	verdictRecurring:       ReasonRecurring,
	verdictPlaceholder:     ReasonPlaceholder,
	verdictCalendarQuarter: ReasonCalendarQuarter,
	verdictOutOfRange:      ReasonOutOfRange,
	verdictBadDate:         ReasonBadDate,
	verdictEmpty:           ReasonEmpty,
	verdictPartOfDayOnly:   ReasonPartOfDayOnly,
}

// from puts a meaning on the calendar, counted from an instant, and gives the
// distance in days. A day keeps its length there whatever the clocks do; a
// distance of hours is exact.
func (m *meaning) from(start time.Time, r *rules) (time.Time, float64) {
	days := m.days
	if m.business > 0 {
		days += businessDays(addDays(start, m.days), m.business, r.holiday)
	}
	if m.clock == noClock {
		due := addDays(start, days)
		if m.exact == 0 && r.sendHour >= 0 {
			y, mo, d := due.Date()
			due = wall(y, mo, d, r.sendHour, 0, 0, 0, due.Location())
			if due.Before(start) {
				due = start
			}
		}
		return due.Add(m.exact), float64(days) + m.exact.Hours()/24
	}
	due := m.at(start, days)
	if due.Before(start) {
		switch {
		case m.bareClock:
			due = m.at(start, days+1)
		default:
			due = start
		}
	}
	due = due.Add(m.exact)
	return due, due.Sub(start).Hours() / 24
}

// at is the meaning's clock time on a day.
func (m *meaning) at(start time.Time, days int) time.Time {
	y, mo, d := start.Date()
	hour, minute := int(m.clock/60), int(m.clock%60)
	if m.zone == noZone {
		return wall(y, mo, d+days, hour, minute, 0, 0, start.Location())
	}
	offset := zoneOffset(m.zone, y, mo, d+days)
	return time.Date(y, mo, d+days, hour, minute-int(offset), 0, 0, time.UTC).In(start.Location())
}
