package planparse

import "time"

// weekday reads a weekday and what makes it a certain one.
func (p *parser) weekday(m *meaning) bool {
	*m = blank()
	first := time.Weekday(p.tok().val)
	p.i++
	p.dotAfterShort()
	m.days = p.cal.nextWeekday(first)
	if j := p.i - 2; j >= 0 && p.toks[j].kind == kBetween && p.is(kAnd) && p.peek(1).kind == kWeekday {
		p.i += 2
		return true // a window, which begins at its first day
	}
	if p.weekdayDate(m, first) {
		return true
	}
	if p.fail != understood {
		return false
	}
	p.orWeekday(m)
	start := p.i
	if p.is(kAfterNext) && p.tok().val == uDay {
		// "Monday after next"
		p.i++
		m.days += 7
		return true
	}
	if p.is(kUnit) && p.tok().val == uWeek && p.peek(1).kind != kNum {
		// "Monday week"
		p.i++
		m.days += 7
		return true
	}
	for p.is(kComma) || p.is(kOf) || p.is(kLead) || p.is(kThe) || p.is(kOpen) {
		p.i++
	}
	switch t := p.tok(); {
	case t.kind == kNext && (t.val == 2 || p.peek(1).kind == kEnd): // "lundi prochain", "el lunes que viene"
		p.i++
		return true
	case (t.kind == kNext || t.kind == kThis || t.kind == kFollowing) && p.peek(1).kind == kUnit && p.peek(1).val == uWeek:
		ahead := 1
		if t.kind == kThis {
			ahead = 0
		}
		p.i += 2
		m.days = p.cal.monday(ahead) + int(first+6)%7
		if m.days < 0 {
			p.refuse(verdictPast)
			return false
		}
		p.eat(kClosing)
		return true
	case t.kind == kAfterNext && t.val == uWeek:
		p.i++
		m.days = p.cal.monday(2) + int(first+6)%7
		return true
	case t.kind == kAfterNext && t.val == uDecade:
		p.i++
		m.days = p.cal.monday(1) + int(first+6)%7
		return true
	case t.kind == kOrd && p.peek(1).kind == kUnit && p.peek(1).val == uWeek && t.num >= 1 && t.num <= 53 && p.i > start:
		// "Monday of the second week"
		p.i += 2
		m.days = p.cal.onOrAfter(7*(int(t.num)-1), first)
		return true
	case t.kind == kAfter && p.i == start && p.peek(1).kind != kEnd:
		// "the Friday after Day 7"
		p.i++
		if d := blank(); p.day(&d) && d.ref.Kind == ToBase && d.business == 0 && d.exact == 0 {
			m.days = p.cal.onOrAfter(d.days+1, first)
			return true
		}
		if p.fail != understood {
			return false
		}
	case t.kind == kUnit && t.val == uWeek && p.peek(1).kind == kNum:
		if w := blank(); p.weekNumber(&w) {
			m.days = p.cal.onOrAfter(w.days, first)
			p.eat(kClosing)
			return true
		}
	case t.kind == kUnit && t.val == uDay && p.i > start:
		// "Friday (Day 3)": the day number counts, the weekday is ignored.
		if d := blank(); p.dayNumber(&d) {
			p.eat(kClosing)
			*m = d
			return true
		}
		if p.fail != understood {
			return false
		}
	case (t.kind == kNum || t.kind == kA) && p.i > start && p.toks[p.i-1].kind == kLead && p.toks[p.i-1].val == leadIn:
		// "Monday in two weeks"
		var s span
		if p.amount(&s) && s.days%7 == 0 && s.days > 0 && s.exact == 0 {
			m.days = p.cal.onOrAfter(s.days-p.cal.weekdayIndex(0), first)
			return true
		}
	}
	p.i = start
	return true
}

// dotAfterShort skips the point of "Mon.".
func (p *parser) dotAfterShort() {
	if next := p.peek(1); p.is(kDot) && !p.tok().space && next.kind != kEnd && (next.space || next.kind == kComma) {
		p.i++
	}
}

// weekdayDate reads the date beside a weekday, which decides.
func (p *parser) weekdayDate(m *meaning, w time.Weekday) bool {
	save := p.i
	for p.is(kComma) || p.is(kThe) || p.is(kOpen) || p.is(kDash) || p.is(kLead) && p.tok().val == leadPlain {
		p.i++
	}
	if p.is(kMonth) || p.is(kNum) || p.is(kOrd) {
		start := p.i
		if d := blank(); p.date(&d) {
			m.days = p.otherOrder(start, d.days, w)
			p.eat(kClosing)
			return true
		}
		if t := p.tok(); t.kind == kOrd && isDigit(p.src[t.start]) {
			// "Tuesday the 10th"
			if days, ok := p.cal.nextDayOfMonth(int(t.num)); ok && p.fail == understood && !(p.peek(1).kind == kUnit) {
				p.i++
				m.days = days
				return true
			}
		}
	}
	p.i = save
	return false
}

// otherOrder swaps day and month of a date in slashes where the weekday beside
// it says so: the 11th of March is "Wednesday 11/3", and the 3rd of November
// is not.
func (p *parser) otherOrder(start, days int, w time.Weekday) int {
	if p.i-start != 3 || p.toks[start+1].kind != kSlash || p.cal.weekdayIndex(days) == index(w) {
		return days
	}
	day, month := int(p.toks[start].num), int(p.toks[start+2].num)
	if other, v := p.cal.date(0, month, day); v == understood && p.cal.weekdayIndex(other) == index(w) {
		return other
	}
	return days
}

// orWeekday reads further weekdays. Of alternatives the earliest counts; a
// window begins at the first one named.
func (p *parser) orWeekday(m *meaning) {
	for {
		save := p.i
		joint := p.tok().kind
		switch joint {
		case kOr, kSlash, kDash, kTo, kAnd, kComma, kTilde:
			p.i++
		default:
			return
		}
		if joint == kComma && (p.is(kOr) || p.is(kAnd)) {
			p.i++
		}
		if !p.is(kWeekday) {
			p.i = save
			return
		}
		if other := p.cal.nextWeekday(time.Weekday(p.tok().val)); joint != kDash && joint != kTo && joint != kTilde {
			m.days = min(m.days, other)
		}
		p.i++
	}
}
