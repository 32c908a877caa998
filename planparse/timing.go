package planparse

import (
	"strconv"
	"time"
)

// Timing is the meaning of a timing string.
type Timing struct {
	// OffsetDays is the distance from the base, or from what RelativeTo names,
	// in days. It is whole for an answer that names a day, a fraction for one
	// that names an hour. Business days after something other than the base
	// keep their count.
	OffsetDays float64
	// RelativeTo says what the distance is counted from; its zero value is the
	// base.
	RelativeTo Reference
	// Due is the instant itself in the base's zone, counted from the base even
	// where RelativeTo names something else.
	Due time.Time
	// Matched is the part of the text that was understood.
	Matched string
}

// Reference is a point other than the plan's base that a timing counts from.
type Reference struct {
	Kind ReferenceKind
	// Step is the number of the step as written, for [ToStep].
	Step int
}

// ReferenceKind tells references apart.
type ReferenceKind uint8

// The kinds of reference.
const (
	// ToBase: not relative at all.
	ToBase ReferenceKind = iota
	// ToPrevious: the step above.
	ToPrevious
	// ToStep: a step named by number.
	ToStep
	// ToEvent: something outside the plan, such as a reply. A plan counts it
	// from the step above, the best anchor there is.
	ToEvent
)

// String gives "previous", "step:K" or "event", and nothing for the base.
func (r Reference) String() string {
	switch r.Kind {
	case ToPrevious:
		return "previous"
	case ToStep:
		return "step:" + strconv.Itoa(r.Step)
	case ToEvent:
		return "event"
	default:
		return ""
	}
}

// Reason says why a timing string names no date.
type Reason string

// The reasons.
const (
	// ReasonNoTiming: nothing in the text is about time, or not as a whole.
	ReasonNoTiming Reason = "no_timing"
	// ReasonEvent: it depends on something whose time nobody knows.
	ReasonEvent Reason = "event"
	// ReasonPast: it lies before the base.
	ReasonPast Reason = "past"
	// ReasonRecurring: it names a rhythm, not a date.
	ReasonRecurring Reason = "recurring"
	// ReasonPlaceholder: a template that was never filled in.
	ReasonPlaceholder Reason = "placeholder"
	// ReasonCalendarQuarter: a quarter is no date.
	ReasonCalendarQuarter Reason = "calendar_quarter"
	// ReasonOutOfRange: more than [MaxDays] away.
	ReasonOutOfRange Reason = "out_of_range"
	// ReasonBadDate: a date the calendar does not have.
	ReasonBadDate Reason = "bad_date"
	// ReasonEmpty: there is no text.
	ReasonEmpty Reason = "empty"
	// ReasonPartOfDayOnly: a time of day without a day.
	ReasonPartOfDayOnly Reason = "part_of_day_only"
)

// TimingError says that a timing string names no date. errors.Is finds it by
// reason: errors.Is(err, &TimingError{Reason: ReasonPast}).
type TimingError struct {
	Text   string
	Reason Reason
}

func (e *TimingError) Error() string {
	return "planparse: no date in " + strconv.Quote(e.Text) + ": " + string(e.Reason)
}

// Is reports whether target is a TimingError of the same reason, or of none.
func (e *TimingError) Is(target error) bool {
	t, ok := target.(*TimingError)
	return ok && (t.Reason == "" || t.Reason == e.Reason) && (t.Text == "" || t.Text == e.Text)
}
