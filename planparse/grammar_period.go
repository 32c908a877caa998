package planparse

import "time"

// period reads the part of a week, a month, a year or a named day.
func (p *parser) period(m *meaning, e edge) bool {
	*m = blank()
	start := p.i
	p.eat(kLead)
	p.eat(kOf)
	p.eat(kLead)
	p.eat(kThe)
	ahead := 0
	named := false
	business := false
	switch {
	case p.eat(kThis):
		named = true
	case p.is(kNext) || p.is(kFollowing):
		p.i++
		ahead, named = 1, true
	}
	p.eat(kDash)
	if p.is(kBusiness) && p.peek(1).kind == kUnit {
		p.i++
		business = true
	}
	t := p.tok()
	switch t.kind {
	case kUnit:
		switch t.val {
		case uWeek:
			if !named && (p.peek(1).kind == kNum || p.peek(1).kind == kOf || p.peek(1).kind == kDash && p.peek(2).kind == kNum) {
				ok := p.weekNumber(m)
				m.days += edgeOfWeek(e)
				return ok
			}
			p.i++
			if p.is(kNext) && p.tok().val == 2 { // "semana que viene"
				p.i++
				ahead = 1
			}
			m.days = p.weekEdge(e, ahead)
			return m.days >= 0
		case uMonth:
			if p.peek(1).kind == kNum {
				ok := p.monthNumber(m)
				m.days += edgeOfMonth(e)
				return ok
			}
			p.i++
			if p.is(kNext) && p.tok().val == 2 {
				p.i++
				ahead = 1
			}
			m.days = p.cal.monthEdge(e, ahead)
			if m.days < 0 {
				m.days = 0
				if e != edgeStart || !named {
					p.refuse(verdictPast)
					return false
				}
			}
			return true
		case uYear:
			p.i++
			if ahead == 1 {
				m.days = p.cal.newYear()
				return e == edgeStart
			}
			m.days = p.cal.endOfYear()
			return e == edgeEnd || e == edgeLate
		case uDay:
			p.i++
			if business || e == edgeEnd {
				m.clock = closing
			}
			if p.is(kNum) {
				p.i--
				ok := p.dayNumber(m)
				if e == edgeEnd {
					m.clock = closing
				}
				return ok
			}
			if ahead == 1 {
				m.days, m.ref.Kind = 1, ToPrevious
			}
			return e == edgeEnd || ahead == 1
		}
	case kOrd:
		// "end of the first week"
		switch u := p.peek(1); {
		case named || u.kind != kUnit || t.num < 1:
		case u.val == uWeek && t.num <= 53:
			p.i += 2
			m.days = 7*(int(t.num)-1) + edgeOfWeek(e)
			return true
		case u.val == uMonth && t.num <= 13:
			p.i += 2
			m.days = 30*(int(t.num)-1) + edgeOfMonth(e)
			return true
		}
	case kDayName:
		p.i++
		m.days = int(t.val)
		m.clock = clockOfEdge(e)
		return true
	case kWeekday:
		// "end of Friday", "late Monday"; "early next Tuesday"
		if named {
			p.i = start
			p.eat(kOf)
			p.eat(kThe)
			ok := p.thisOrNext(m)
			m.clock = clockOfEdge(e)
			return ok
		}
		ok := p.weekday(m)
		m.clock = clockOfEdge(e)
		return ok
	case kWeekend:
		p.i++
		m.days = p.cal.weekend(ahead)
		return true
	case kMonth:
		if p.date(m) && p.toks[p.i-1].kind != kMonth {
			return true // "early March 12" is that day
		}
		*m = blank()
		if p.fail != understood {
			return false
		}
		p.i = start
		p.eat(kLead)
		p.eat(kOf)
		p.eat(kThe)
		p.eat(kThis)
		p.eat(kNext)
		p.eat(kDash)
		t = p.tok()
		if t.kind != kMonth {
			break
		}
		p.i++
		year := 0
		if y := p.tok(); y.kind == kNum && y.digits == 4 {
			year = int(y.num)
			p.i++
		}
		m.days = p.cal.namedMonth(e, time.Month(t.val), year)
		if m.days < 0 {
			p.refuse(verdictPast)
			return false
		}
		if m.days > MaxDays {
			p.refuse(verdictOutOfRange)
			return false
		}
		return true
	case kAfterNext:
		if t.val == uWeek {
			p.i++
			m.days = p.cal.monday(2) + weekPart(e)
			return true
		}
		if t.val == uDecade {
			p.i++
			m.days = p.cal.monday(1) + weekPart(e)
			return true
		}
	case kQuarter:
		p.refuse(verdictCalendarQuarter)
	}
	p.i = start
	return false
}

// weekPart is how far from Monday the parts of a calendar week begin.
func weekPart(e edge) int {
	switch e {
	case edgeMiddle:
		return 2
	case edgeLate:
		return 3
	case edgeLater, edgeEnd:
		return 4
	}
	return 0
}

// weekEdge gives the day of a part of this or the next calendar week. What
// has begun is now; what is over is the past.
func (p *parser) weekEdge(e edge, ahead int) int {
	days := p.cal.monday(ahead) + weekPart(e)
	if days >= 0 || ahead > 0 {
		return days
	}
	switch e {
	case edgeEnd, edgeLate, edgeLater:
		// On a weekend "end of week" is the coming Friday.
		return p.cal.endOfWeek(0)
	case edgeMiddle:
		p.refuse(verdictPast)
		return -1
	}
	return 0
}

// thisOrNext reads "this Friday", "next week", "next Monday", "coming days".
func (p *parser) thisOrNext(m *meaning) bool {
	*m = blank()
	start := p.i
	t := p.tok()
	p.i++
	ahead := 0
	if t.kind != kThis {
		ahead = 1
	} else if p.is(kOr) && p.peek(1).kind == kNext {
		p.i += 2 // "this or next week"
	}
	for p.is(kNext) || p.is(kFollowing) { // "this coming Friday"
		ahead = 2
		p.i++
	}
	switch d := p.tok(); d.kind {
	case kWeekday:
		p.i++
		wd := time.Weekday(d.val)
		switch {
		case t.kind == kFollowing || t.val == 1 || ahead == 2:
			m.days = p.cal.nextWeekday(wd)
		case ahead == 0:
			m.days = p.cal.monday(0) + int(wd+6)%7
			if m.days < 0 {
				p.refuse(verdictPast)
				return false
			}
		default:
			m.days = p.cal.monday(1) + int(wd+6)%7
		}
		p.orWeekday(m)
		p.weekdayDate(m, wd)
		return true
	case kUnit:
		switch d.val {
		case uWeek:
			p.i++
			if ahead == 2 {
				ahead = 1
			}
			if t.kind == kFollowing {
				// relative to what came before; relativeFirst reads it
				p.i = start
				return false
			}
			if p.end() && ahead == 1 && p.windowAhead(start) {
				p.i = start
				return false // "over the next week" is an amount
			}
			m.days = max(0, p.cal.monday(ahead))
			// "next week Tuesday", "next week on Tuesday", "next week, Tuesday"
			save := p.i
			for p.is(kComma) || p.is(kLead) || p.is(kOpen) || p.is(kDash) || p.is(kMeridiem) && p.peek(1).kind == kWeekday {
				p.i++
			}
			switch w := p.tok(); {
			case w.kind == kWeekday:
				p.i++
				m.days = p.cal.monday(ahead) + (int(w.val)+6)%7
				p.eat(kClosing)
				if m.days < 0 {
					p.refuse(verdictPast)
					return false
				}
				p.orWeekday(m)
				return true
			case w.kind == kEdge && p.i > save && (p.peek(1).kind == kEnd || p.peek(1).kind == kClosing || w.num == 1):
				p.i++
				m.days = p.cal.monday(ahead) + weekPart(w.val)
				return true
			}
			p.i = save
			return true
		case uMonth:
			p.i++
			if t.kind == kFollowing || p.end() && ahead == 1 && p.windowAhead(start) {
				p.i = start
				return false
			}
			if ahead == 0 {
				return true
			}
			m.days = p.cal.firstOfMonth(1)
			return true
		case uYear:
			p.i++
			if ahead == 0 || t.kind == kFollowing {
				p.i = start
				return false
			}
			m.days = p.cal.newYear()
			return true
		}
	case kWeekend:
		p.i++
		m.days = p.cal.weekend(min(ahead, 1))
		if ahead == 2 || t.val == 1 {
			m.days = p.cal.weekend(0)
		}
		return true
	case kMonth:
		p.i++
		year := 0
		if ahead == 1 && t.val == 0 {
			year = 0
		}
		m.days = p.cal.namedMonth(edgeStart, time.Month(d.val), year)
		if m.days < 0 {
			return false
		}
		return true
	case kQuarter:
		p.refuse(verdictCalendarQuarter)
	case kEdge:
		// "next mid-week"
	}
	p.i = start
	return false
}

// windowAhead reports whether what begins at a token is the length of a
// window: "in the next week", "over the coming month".
func (p *parser) windowAhead(at int) bool {
	save := p.i
	defer func() { p.i = save }()
	p.i = at
	return at > 0 && p.toks[at-1].kind == kThe && (p.window || p.leadIs(leadIn))
}
