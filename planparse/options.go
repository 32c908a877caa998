package planparse

import (
	"errors"
	"time"
)

// ScheduleOption changes how a plan is put on the calendar.
type ScheduleOption func(*rules)

// rules are the options taken together.
type rules struct {
	zone         *time.Location
	sendHour     int
	dayOneIsBase bool
	weekendRoll  bool
	holiday      func(time.Time) bool
	unparseable  func(string, Reason)
}

var defaultRules = rules{sendHour: -1}

func newRules(opts []ScheduleOption) rules {
	r := defaultRules
	for _, opt := range opts {
		opt(&r)
	}
	return r
}

// In puts the plan in a time zone. By default it is that of the base.
func In(zone *time.Location) ScheduleOption {
	return func(r *rules) { r.zone = zone }
}

// SendHour moves every step that names a day and no time of day to that hour
// of its day, 0 to 23, but never before the base. By default, and for any
// other number, such a step is due at the base's clock time.
func SendHour(hour int) ScheduleOption {
	return func(r *rules) {
		if hour < 0 || hour > 23 {
			hour = -1
		}
		r.sendHour = hour
	}
}

// DayOneIsBase reads "Day 1" as the day of the base, as many public sales
// cadences mean it. By default Day 1 is the day after and Day 0 the base.
func DayOneIsBase() ScheduleOption {
	return func(r *rules) { r.dayOneIsBase = true }
}

// WeekendRoll moves a step that falls on a Saturday or Sunday, or on a day
// that [Holidays] names, to the next working day or, if that is more than
// [MaxDays] after the base, back to the last one. Steps that name an hour's
// distance or a clock time stay where they are.
func WeekendRoll() ScheduleOption {
	return func(r *rules) { r.weekendRoll = true }
}

// Holidays names the days, besides weekends, on which no business is done. It
// is asked with instants in the plan's zone and must not keep them.
func Holidays(holiday func(day time.Time) bool) ScheduleOption {
	return func(r *rules) { r.holiday = holiday }
}

// OnUnparseable is told of every text that a date was looked for in, of a
// step's timing or in its delay_days, and that names none, so that the prompts
// behind it can be tuned. A timing beside a delay_days that can be used is not
// looked at. [Tally] counts what it is told.
func OnUnparseable(report func(text string, reason Reason)) ScheduleOption {
	return func(r *rules) { r.unparseable = report }
}

// unread passes on why a text names no date.
func (r *rules) unread(err error) {
	if refused := (*TimingError)(nil); r.unparseable != nil && errors.As(err, &refused) {
		r.unparseable(refused.Text, refused.Reason)
	}
}
