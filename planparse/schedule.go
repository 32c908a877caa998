package planparse

import (
	"math"
	"time"
)

// Source says which field of a step its date came from.
type Source string

// The sources, in the order in which they are asked.
const (
	SourceDelay   Source = "delay_days"
	SourceTiming  Source = "timing"
	SourceDefault Source = "default"
)

// Slot is the place of a step on the calendar.
type Slot struct {
	// StepID is the id of the step.
	StepID int
	// Due is when the step is due, in UTC.
	Due time.Time
	// OffsetDays is what the step itself says, in days from the base or from
	// what RelativeTo names. The rules for the plan as a whole move Due only.
	OffsetDays float64
	// RelativeTo is what OffsetDays counts from; its zero value is the base.
	RelativeTo Reference
	// Source is the field the date came from.
	Source Source
	// Matched is the part of that field that was understood, empty for the
	// default.
	Matched string
	// Warnings about the step: those of reading it and those of scheduling it.
	Warnings []Warning
}

// Due gives the date of one step that stands at a zero-based position of its
// plan, regardless of the others: its delay_days if that can be used, else its
// timing, else three days for every step so far. Where the timing is relative
// to another step, Due counts from the base; [Plan.Schedule] knows better.
func Due(step Step, index int, base time.Time, opts ...ScheduleOption) Slot {
	r := newRules(opts)
	if r.zone != nil {
		base = base.In(r.zone)
	}
	slot, m := due(&step, index, base, &r)
	r.settle(&slot, &m, base)
	slot.Due = slot.Due.UTC()
	slot.Warnings = inOrder(slot.Warnings)
	return slot
}

// due is Due with the options taken apart; it also gives the meaning, for
// counting it from elsewhere.
func due(step *Step, index int, base time.Time, r *rules) (Slot, meaning) {
	slot := Slot{StepID: step.ID}
	slot.Warnings = append(slot.Warnings, step.Warnings...)
	warn := func(ws ...Warning) {
		for _, w := range ws {
			slot.Warnings = addWarning(slot.Warnings, w)
		}
	}
	raw, present := step.stored(keyTiming)
	_, isText := unquote(raw)
	if present && string(raw) != "null" && !isText && readText(raw) == step.Timing {
		warn(WarnTimingInvalid)
	}
	written := step.Timing != "" || isText && readText(raw) == step.Timing

	delay, ok, ws := readDelay(step.Delay, base, r)
	warn(ws...)
	if ok {
		slot.take(SourceDelay, delay)
		if written && delay.RelativeTo.Kind == ToBase {
			if t, err := parseTiming(step.Timing, base, r); err == nil && t.RelativeTo.Kind == ToBase && math.Abs(t.OffsetDays-delay.OffsetDays) > 1 {
				warn(WarnTimingConflict)
			}
		}
		return slot, delay.meaning
	}
	if written {
		t, err := parseTiming(step.Timing, base, r)
		if err == nil {
			slot.take(SourceTiming, t)
			return slot, t.meaning
		}
		warn(WarnTimingUnparseable)
		r.unread(err)
	}
	m := slot.fallBack(index, base, r)
	return slot, m
}

func (s *Slot) take(source Source, t Timing) {
	s.Source, s.Due, s.OffsetDays, s.RelativeTo, s.Matched = source, t.Due, t.OffsetDays, t.RelativeTo, t.Matched
}

// fallBack gives a slot the default date.
func (s *Slot) fallBack(index int, base time.Time, r *rules) meaning {
	m := blank()
	m.days = min((index+1)*3, MaxDays)
	s.Source, s.RelativeTo, s.Matched = SourceDefault, Reference{}, ""
	s.Due, s.OffsetDays = m.from(base, r)
	return m
}

// Schedule puts the plan on the calendar, counted from the moment it starts,
// in the time zone of base unless [In] says otherwise. The slots are in the
// order of the steps.
//
// Each step is read as [Due] reads it. Then the plan's own rules apply: what is
// relative to another step is counted from that step's date; a date that is
// derived, by default or from another step, is not allowed before the step
// above and moved to it; an explicit one stands, and is only reported.
func (p Plan) Schedule(base time.Time, opts ...ScheduleOption) []Slot {
	r := newRules(opts)
	if r.zone != nil {
		base = base.In(r.zone)
	}
	s := scheduling{
		plan: p, base: base, rules: &r,
		slots:    make([]Slot, len(p.Steps)),
		meanings: make([]meaning, len(p.Steps)),
		state:    make([]visit, len(p.Steps)),
	}
	for i := range p.Steps {
		s.slots[i], s.meanings[i] = due(&p.Steps[i], i, base, &r)
	}
	s.breakCycles()
	for i := range p.Steps {
		s.resolve(i)
	}
	for i := range s.slots {
		slot := &s.slots[i]
		if i > 0 && slot.Due.Before(s.slots[i-1].Due) {
			slot.Warnings = addWarning(slot.Warnings, WarnNonMonotonic)
		}
		slot.Due = slot.Due.UTC()
		slot.Warnings = inOrder(slot.Warnings)
	}
	return s.slots
}

// visit is how far a step's date has been settled.
type visit uint8

const (
	untouched visit = iota
	underWay
	settled
)

// scheduling is the work of one Schedule.
type scheduling struct {
	plan     Plan
	base     time.Time
	rules    *rules
	slots    []Slot
	meanings []meaning
	state    []visit
}

// anchor is the position of the step that step i is counted from, or -1 for
// the base.
func (s *scheduling) anchor(i int) (int, bool) {
	switch ref := s.slots[i].RelativeTo; ref.Kind {
	case ToPrevious, ToEvent:
		return i - 1, true
	case ToStep:
		for j := range s.plan.Steps {
			if s.plan.Steps[j].ID == ref.Step {
				return j, true
			}
		}
		return -1, false
	}
	return -1, true
}

// breakCycles gives the default date to steps that wait for each other, or for
// one that is not there.
func (s *scheduling) breakCycles() {
	for i := range s.slots {
		if _, ok := s.anchor(i); !ok {
			s.slots[i].Warnings = addWarning(s.slots[i].Warnings, WarnReferenceMissing)
			s.meanings[i] = s.slots[i].fallBack(i, s.base, s.rules)
		}
	}
	// Every step has at most one anchor, so a walk from each finds its cycle.
	mark := make([]int, len(s.slots))
	var cyclic []int
	for i := range s.slots {
		j := i
		for j >= 0 && mark[j] == 0 {
			mark[j] = i + 1
			j, _ = s.anchor(j)
		}
		if j < 0 || mark[j] != i+1 {
			continue
		}
		for k := j; ; {
			cyclic = append(cyclic, k)
			if k, _ = s.anchor(k); k == j {
				break
			}
		}
	}
	for _, i := range cyclic {
		s.slots[i].Warnings = addWarning(s.slots[i].Warnings, WarnReferenceCycle)
		s.meanings[i] = s.slots[i].fallBack(i, s.base, s.rules)
	}
}

// resolve settles the date of a step, after that of the step it counts from.
func (s *scheduling) resolve(i int) {
	if s.state[i] != untouched {
		return
	}
	s.state[i] = underWay
	slot := &s.slots[i]
	derived := slot.Source == SourceDefault
	if slot.RelativeTo.Kind != ToBase {
		derived = true
		start := s.base
		if j, _ := s.anchor(i); j >= 0 {
			s.resolve(j)
			start = s.slots[j].Due
		}
		slot.Due, _ = s.meanings[i].from(start.In(s.base.Location()), s.rules)
	}
	s.rules.settle(slot, &s.meanings[i], s.base)
	if derived && i > 0 {
		s.resolve(i - 1)
		// The step above may be waiting for this one; then it cannot push it.
		if above := s.slots[i-1].Due; s.state[i-1] == settled && slot.Due.Before(above) {
			slot.Due = above
			slot.Warnings = addWarning(slot.Warnings, WarnClamped)
		}
	}
	s.state[i] = settled
}

// settle holds a date to what is true of all of them: it lies on a working day
// where that is wanted, and at most [MaxDays] after the base. The last of those
// days may be a long or a short one where the clocks are changed.
func (r *rules) settle(slot *Slot, m *meaning, base time.Time) {
	limit := addDays(base, MaxDays)
	if hours := base.Add(MaxDays * 24 * time.Hour); hours.After(limit) {
		limit = hours
	}
	if slot.Due.After(limit) {
		slot.Due = limit
		slot.Warnings = addWarning(slot.Warnings, WarnClamped)
	}
	if r.weekendRoll && m.exact == 0 && !m.explicit {
		slot.Due = r.roll(slot.Due, base, limit)
	}
}

// roll moves a date to the next working day or, if that is beyond the limit, to
// the last one before it. Where there is none it stays.
func (r *rules) roll(due, base, limit time.Time) time.Time {
	for step, day := 1, due; step >= -1; step, day = step-2, due {
		for ; !day.After(limit) && !day.Before(base); day = addDays(day, step) {
			if index(day.Weekday()) < 5 && !(r.holiday != nil && r.holiday(day)) {
				return day
			}
		}
	}
	return due
}
