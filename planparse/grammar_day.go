package planparse

import "time"

// dayTime reads a day with, on either side, a time of day.
func (p *parser) dayTime(m *meaning) bool {
	start := p.i
	*m = blank()
	// "EOD tomorrow", "9am on Friday", "first thing Monday"
	if (p.is(kClose) || p.is(kPart) && p.tok().num == endsInDay) && p.peek(1).kind == kNum && p.peek(1).val == numDigits && p.peek(1).num <= MaxDays {
		// "End of Day 3", "Mid Day 3": the phrase has swallowed the word.
		m.days, m.clock, m.counted = int(p.peek(1).num), p.tok().val, true
		p.i += 2
		return true
	}
	if !p.is(kTonight) && p.partOrClock(m) {
		for p.is(kOf) || p.is(kLead) || p.is(kThe) || p.is(kComma) || p.is(kMeridiem) && p.tok().val == 0 {
			p.i++
		}
		if clock := *m; p.day(m) {
			m.clock, m.zone, m.explicit = clock.clock, clock.zone, clock.explicit
			p.attachTime(m)
			return true
		}
		p.i = start
		if p.is(kClose) {
			*m = blank()
			m.clock = p.tok().val
			p.i++
			return true
		}
		return false
	}
	if !p.day(m) {
		p.i = start
		return false
	}
	p.attachTime(m)
	p.orDay(m)
	return true
}

// orDay reads another day to choose from; the earlier one counts: "end of this
// week or early next week".
func (p *parser) orDay(m *meaning) {
	if !p.is(kComma) && !p.is(kOr) {
		return
	}
	start, fail := p.i, p.fail
	p.eat(kComma)
	if p.eat(kOr) {
		if p.is(kNext) && p.peek(1).kind == kEnd {
			p.i++ // "this week or next"
			return
		}
		if p.is(kThe) && p.peek(1).kind == kUnit && p.peek(2).kind == kAfter && p.peek(3).kind == kEnd {
			p.i += 3 // "next week or the week after"
			return
		}
		if d := blank(); p.day(&d) && d.ref.Kind == ToBase && m.ref.Kind == ToBase {
			if d.length() < m.length() {
				*m = d
			}
			return
		}
	}
	p.i, p.fail = start, fail
}

// day reads an expression that names a day, or leaves the position alone.
func (p *parser) day(m *meaning) bool {
	start := p.i
	if !p.dayOne(m) {
		p.i = start
		return false
	}
	return true
}

// dayOne is day without the putting back. It decides by the first token.
func (p *parser) dayOne(m *meaning) bool {
	*m = blank()
	start := p.i
	p.eat(kThe)
	switch t := p.tok(); t.kind {
	case kUnit:
		switch t.val {
		case uDay, uBusinessDay:
			return p.dayNumber(m)
		case uWeek:
			if p.peek(1).kind == kNext && p.peek(1).val >= 1 { // "la semana que viene"
				p.i += 2
				m.days = p.cal.monday(1)
				return true
			}
			return p.weekNumber(m)
		case uMonth:
			if p.peek(1).kind == kNext && p.peek(1).val >= 1 {
				p.i += 2
				m.days = p.cal.firstOfMonth(1)
				return true
			}
			if p.peek(1).kind == kOf && p.peek(2).kind == kMonth {
				p.i += 2 // "month of April"
				return p.date(m)
			}
			return p.monthNumber(m)
		}
	case kBusiness:
		if p.peek(1).kind == kUnit && p.peek(1).val == uDay && p.peek(2).kind == kNum {
			p.i += 2
			n, _ := p.number()
			return p.add(&m.span, n, uBusinessDay)
		}
	case kOrd:
		return p.ordinal(m)
	case kNum:
		// "16 March", "2026-03-20", "3/10/2026", "3. Tag", "3-й день"
		if p.date(m) {
			return true
		}
		if p.fail != understood {
			return false
		}
		return p.ordinal(m)
	case kMonth:
		return p.date(m)
	case kDayName:
		p.i++
		m.days = int(t.val)
		if m.days == 0 && start > 0 && p.toks[start-1].kind == kAfter {
			m.days = 1 // "after today"
		}
		p.dayNameTail(m)
		return true
	case kTonight:
		p.i++
		m.clock = t.val
		return true
	case kClose:
		p.i++
		m.clock = t.val
		return true
	case kLater:
		// "later today", "later this week"
		if k := p.peek(1).kind; t.val == 0 && (k == kDayName || k == kThis || k == kNext) {
			p.i++
			if k == kDayName {
				return p.dayOne(m)
			}
			return p.period(m, edgeLater)
		}
	case kSame:
		p.i++
		switch next, unit := p.tok(), p.peek(1); {
		case next.kind == kNext && next.val == 0 && unit.kind == kUnit && (unit.val == uWeek || unit.val == uMonth):
			// "same time next week"
			p.i += 2
			return p.add(&m.span, 1, unit.val)
		case next.kind == kDayName:
			return p.dayOne(m) // "same time tomorrow"
		case next.kind == kWith, next.kind == kOf, t.val != uDay:
			return false
		}
		return true
	case kWeekday:
		return p.weekday(m)
	case kWeekend:
		p.i++
		m.days = p.cal.weekend(0)
		for j := start - 1; j >= 0 && (p.toks[j].kind == kThe || p.toks[j].kind == kAfter); j-- {
			if p.toks[j].kind == kAfter {
				m.days = p.cal.onOrAfter(m.days, time.Monday)
			}
		}
		return true
	case kLast:
		// "last day of the month"
		if d, of := p.peek(1), p.peek(2); d.kind == kUnit && d.val == uDay && of.kind == kOf {
			p.i += 2
			return p.period(m, edgeEnd)
		} else if d.kind == kUnit && d.val == uWeek && of.kind == kOf {
			p.i += 2 // "last week of March"
			return p.period(m, edgeLate)
		} else if d.kind == kWeekday && of.kind == kOf {
			p.i += 2
			ok := p.period(m, edgeEnd)
			m.days -= (p.cal.weekdayIndex(m.days) - index(time.Weekday(p.toks[start+1].val)) + 7) % 7
			return ok && m.days >= 0
		}
	case kPeriodEnd:
		p.i++
		switch t.val {
		case uWeek:
			m.days = p.cal.endOfWeek(0)
			if p.is(kNext) && p.peek(1).kind == kUnit && p.peek(1).val == uWeek {
				p.i += 2
				m.days = p.cal.monday(1) + 4
			}
		case uMonth:
			m.days = p.cal.endOfMonth(0)
		default:
			m.days = p.cal.endOfYear()
		}
		return true
	case kAfterNext:
		p.i++
		switch t.val {
		case uWeek:
			m.days = p.cal.monday(2)
		case uMonth:
			m.days = p.cal.firstOfMonth(2)
		case uDecade: // one word for "next week"
			m.days = p.cal.monday(1)
		default:
			return false
		}
		return true
	case kEdge, kStart:
		if t.kind == kStart && t.val != 1 {
			return false
		}
		e := edgeStart
		if t.kind == kEdge {
			e = t.val
		}
		p.i++
		if t.kind == kEdge && t.num == 1 { // midweek
			if p.is(kNum) && p.tok().val == numDigits && p.tok().num <= 53 {
				m.days = max(0, 7*(int(p.tok().num)-1)) + edgeOfWeek(e)
				p.i++
				return true
			}
			if p.is(kNext) && p.peek(1).kind == kEnd {
				p.i++
				m.days = p.cal.monday(1) + 2
				return true
			}
			if p.end() {
				m.days = p.cal.nextWeekday(time.Wednesday)
				return true
			}
		}
		if p.is(kDash) {
			p.i++
		}
		if p.is(kTo) { // "mid to late March", "mid-to-late March"
			save := p.i
			p.i++
			p.eat(kDash)
			if !p.eat(kEdge) {
				p.i = save
			}
		}
		return p.period(m, e)
	case kThis, kNext, kFollowing:
		return p.thisOrNext(m)
	}
	p.i = start
	return false
}

// dayNameTail reads a repetition of the day: "today (Wednesday)", "tomorrow,
// Thursday", "tomorrow week".
func (p *parser) dayNameTail(m *meaning) {
	save := p.i
	if m.days == 0 {
		// "today, asap"
		for p.is(kComma) || p.is(kSlash) || p.is(kOpen) || p.is(kDash) {
			p.i++
		}
		if p.eat(kNow) {
			p.eat(kClosing)
			return
		}
		p.i = save
	}
	if p.is(kUnit) && p.tok().val == uWeek && p.peek(1).kind == kEnd {
		p.i++
		m.days += 7
		return
	}
	for p.is(kComma) || p.is(kOpen) || p.is(kDash) {
		p.i++
	}
	if p.i > save && p.is(kWeekday) {
		p.i++
		p.eat(kClosing)
		return
	}
	p.i = save
	// "today or tomorrow", "tomorrow or the day after": the first is the lower.
	if p.is(kComma) && p.peek(1).kind == kOr {
		p.i++
	}
	if p.is(kOr) || p.is(kSlash) || p.is(kDash) || p.is(kTo) {
		p.i++
		p.eat(kThe)
		switch {
		case p.is(kWeekday):
			m.days = min(m.days, p.cal.nextWeekday(time.Weekday(p.tok().val)))
			p.i++
			return
		case p.is(kDayName):
			m.days = min(m.days, int(p.tok().val))
			p.i++
			return
		case p.is(kUnit) && p.tok().val == uDay && p.peek(1).kind == kAfter:
			p.i += 2
			return
		case p.is(kNext) && p.peek(1).kind == kUnit && p.peek(1).val == uDay:
			p.i += 2
			return
		}
	}
	p.i = save
}
