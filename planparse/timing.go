package planparse

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
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

	// meaning counts the same distance from elsewhere.
	meaning meaning
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

// ParseTiming reads one timing string, such as "Day 3", "in 2 weeks", "next
// Tuesday 9am" or "3 days after step 2", against the base in its own zone.
//
// Only "Day N" is looked for among other words. Everything else must be the
// whole text apart from a closed list of fillers, because the words around a
// number decide whether it counts days at all. What names no date is reported
// as a [*TimingError] with the reason.
//
// Of the options, [In], [SendHour], [DayOneIsBase] and [Holidays] apply.
func ParseTiming(text string, base time.Time, opts ...ScheduleOption) (Timing, error) {
	if len(opts) == 0 {
		return parseTiming(text, base, &defaultRules)
	}
	r := newRules(opts)
	return parseTiming(text, base, &r)
}

func parseTiming(text string, base time.Time, r *rules) (t Timing, err error) {
	if r.zone != nil {
		base = base.In(r.zone)
	}
	m := &t.meaning
	matched, v := readTiming(text, base, m)
	if v != understood {
		return Timing{}, &TimingError{Text: text, Reason: verdictReasons[v]}
	}
	if m.counted && r.dayOneIsBase && m.days > 0 {
		m.days--
	}
	t.RelativeTo, t.Matched = m.ref, matched
	t.Due, t.OffsetDays = m.from(base, r)
	if t.OffsetDays > MaxDays {
		return Timing{}, &TimingError{Text: text, Reason: ReasonOutOfRange}
	}
	if m.ref.Kind == ToBase {
		if m.dated && m.explicit && m.days == 0 && m.at(base, 0).Before(base) {
			return Timing{}, &TimingError{Text: text, Reason: ReasonPast}
		}
	} else if m.business > 0 || m.clock != noClock && !m.explicit {
		t.OffsetDays = float64(m.days) + float64(m.business) + m.exact.Hours()/24
	}
	return t, nil
}

// readTiming finds the meaning of a text, without putting it on the calendar,
// and the part of it that says so.
func readTiming(text string, base time.Time, m *meaning) (string, verdict) {
	if n, ok := plainDay(text); ok {
		*m = blank()
		m.days, m.counted = n, true
		return text, understood
	}
	src := text
	if !isASCII(src) {
		if utf8.RuneCountInString(src) > MaxTiming {
			return "", verdictNoTiming
		}
		src = normalise(src)
	} else if len(src) > MaxTiming {
		return "", verdictNoTiming
	}
	if strings.TrimSpace(src) == "" {
		if strings.TrimSpace(text) == "" || !hasInk(text) {
			return "", verdictEmpty
		}
		return "", verdictNoTiming
	}
	lex := lexer{src: src}
	lex.run()
	toks := lex.room[:lex.n]
	if lex.more != nil {
		toks = lex.more
	}
	p := parser{toks: toks, src: src, hi: len(toks), cal: calendar{base: base}}
	v := p.parse(m)
	if (v == verdictNoTiming || v == verdictEvent) && respell(src, toks) {
		p = parser{toks: toks, src: src, hi: len(toks), cal: p.cal}
		if p.parse(m) == understood {
			v = understood
		}
	}
	if v != understood {
		return "", v
	}
	return src[toks[p.from].start:toks[p.to-1].end], understood
}

// plainDay reads "Day 3" as most plans write it, with nothing around it. It is
// the commonest timing by far, and the grammar takes three times as long for it.
func plainDay(text string) (int, bool) {
	const day = "day "
	if len(text) <= len(day) || len(text) > len(day)+3 || text[0]|0x20 != 'd' || text[1:len(day)] != day[1:] {
		return 0, false
	}
	n := 0
	for i := len(day); i < len(text); i++ {
		if !isDigit(text[i]) {
			return 0, false
		}
		n = 10*n + int(text[i]-'0')
	}
	return n, n <= MaxDays
}

// hasInk reports whether a text holds anything visible.
func hasInk(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) {
			return true
		}
	}
	return false
}
