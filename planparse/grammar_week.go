package planparse

import "time"

// weekNumber reads "Week N", perhaps with a day in it.
func (p *parser) weekNumber(m *meaning) bool {
	*m = blank()
	start := p.i
	p.i++ // week
	if p.is(kUnit) {
		p.i = start
		return false
	}
	switch {
	case p.toks[start].num == 1: // w/c
		return p.weekOf(m, start)
	case p.is(kOf) || p.is(kLead) || p.is(kFrom) || p.is(kEdge) && p.tok().val == edgeStart:
		p.i++
		return p.weekOf(m, start)
	case p.is(kEdge) && p.tok().val == edgeEnd && p.peek(1).kind != kEnd:
		p.i++ // "week ending March 13"
		if !p.date(m) {
			p.i = start
			return false
		}
		return true
	}
	p.eat(kColon)
	p.eat(kDot)
	p.numberSign()
	if p.is(kDash) && !p.tok().space && !p.peek(1).space {
		if w := &p.toks[start]; w.end-w.start == 1 && p.peek(1).kind == kNum && p.peek(2).kind == kEnd {
			p.refuse(verdictPast) // "W-2", as "D-2"
			return false
		}
		p.i++
	}
	num := p.tok()
	if num.kind != kNum && num.kind != kOrd {
		p.i = start
		return false
	}
	n := num.num
	if num.kind == kNum {
		n, _ = p.number()
	} else {
		p.i++
	}
	if n != float64(int(n)) {
		p.i = start
		return false
	}
	// "Week 2-3", "Week 3 or 4", "Weeks 2 to Week 3"
	for {
		save := p.i
		if !(p.eat(kDash) || p.eat(kTilde) || p.eat(kSlash) || p.eat(kTo) || p.eat(kOr) || p.eat(kAnd) || p.eat(kPlus)) {
			break
		}
		if p.end() {
			break // "Week 2+"
		}
		if p.is(kUnit) && p.tok().val == uWeek {
			p.i++
		}
		other, ok := p.number()
		if !ok || p.is(kMeridiem) || p.is(kWord) || p.is(kUnit) {
			p.i = save
			break
		}
		n = min(n, other)
	}
	if n > 60 {
		p.refuse(verdictOutOfRange)
		return false
	}
	m.days = max(0, 7*(int(n)-1))
	p.inWeek(m)
	save := p.i
	if (p.eat(kOf) || p.is(kLead) && p.tok().val == leadIn && p.eat(kLead)) && (p.eat(kThe) || true) && p.eat(kPlan) {
		return true
	}
	p.i = save
	return true
}

// inWeek reads the day within a numbered week: "Week 2, Day 3", "Week 2
// Monday", "end of" is the caller's.
func (p *parser) inWeek(m *meaning) {
	save := p.i
	for p.is(kComma) || p.is(kDash) || p.is(kColon) || p.is(kOpen) || p.is(kSlash) || p.is(kSep) || p.is(kLead) || p.is(kThe) {
		p.i++
	}
	switch t := p.tok(); t.kind {
	case kUnit:
		if t.val != uDay {
			break
		}
		start := p.i
		if d := blank(); p.dayNumber(&d) {
			// A day beyond the week is counted from the start of the plan.
			if d.days > 7 {
				m.days = d.days
			} else {
				m.days += d.days
			}
			m.counted = true
			p.eat(kClosing)
			return
		}
		p.i = start
	case kWeekday:
		p.i++
		first := m.days
		m.days = p.cal.onOrAfter(first, time.Weekday(t.val))
		// "Tuesday or Wednesday"
		for (p.is(kOr) || p.is(kSlash) || p.is(kDash) || p.is(kTo)) && p.peek(1).kind == kWeekday {
			m.days = min(m.days, p.cal.onOrAfter(first, time.Weekday(p.peek(1).val)))
			p.i += 2
		}
		p.eat(kClosing)
		return
	case kEdge:
		if p.peek(1).kind == kEnd || p.peek(1).kind == kClosing || t.num == 1 {
			p.i++
			m.days += edgeOfWeek(t.val)
			p.eat(kClosing)
			return
		}
	case kOrd:
		if p.peek(1).kind == kUnit && p.peek(1).val == uDay {
			m.days += int(t.num)
			p.i += 2
			return
		}
	}
	p.i = save
}

// edgeOfWeek is how far into a numbered week its parts begin.
func edgeOfWeek(e edge) int {
	switch e {
	case edgeMiddle:
		return 2
	case edgeLate, edgeLater, edgeEnd:
		return 4
	}
	return 0
}

// edgeOfMonth is how far into a numbered month its parts begin.
func edgeOfMonth(e edge) int {
	switch e {
	case edgeMiddle:
		return 14
	case edgeLate, edgeLater, edgeEnd:
		return 29
	}
	return 0
}

// weekOf reads "week of March 9": the Monday of that week, if it is ahead.
func (p *parser) weekOf(m *meaning, start int) bool {
	p.eat(kThe)
	ok := false
	if p.is(kWeekday) {
		ok = p.weekday(m) // "week of Monday 16 March"
	} else {
		ok = p.date(m)
	}
	if !ok {
		if p.fail == understood && (p.is(kOrd) || p.is(kNum)) {
			ok = p.ordinal(m)
		}
		if !ok {
			p.i = start
			return false
		}
	}
	m.days = max(0, m.days-p.cal.weekdayIndex(m.days))
	return true
}

// monthNumber reads "Month N".
func (p *parser) monthNumber(m *meaning) bool {
	*m = blank()
	start := p.i
	p.i++
	p.eat(kColon)
	if p.is(kOrd) || !p.is(kNum) {
		p.i = start
		return false
	}
	n, _ := p.number()
	n, _ = p.upper(n)
	if n > 13 {
		p.refuse(verdictOutOfRange)
		return false
	}
	m.days = max(0, 30*(int(n)-1))
	save := p.i
	for p.is(kComma) || p.is(kDash) || p.is(kColon) || p.is(kLead) {
		p.i++
	}
	if p.is(kUnit) && p.tok().val == uWeek {
		if w := blank(); p.weekNumber(&w) {
			m.days += w.days
			return true
		}
	}
	if p.is(kUnit) && p.tok().val == uDay {
		if d := blank(); p.dayNumber(&d) {
			m.days += d.days
			return true
		}
	}
	p.i = save
	return true
}
