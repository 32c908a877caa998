package planparse

import "time"

// ordinal reads "third day", "2nd week", "first Monday of April", "the 15th".
func (p *parser) ordinal(m *meaning) bool {
	*m = blank()
	start := p.i
	t := p.tok()
	n := t.num
	if t.kind == kNum {
		// "3. Tag", "3-й день", "3 день" in languages that write it so.
		if t.val != numDigits {
			return false
		}
		p.i++
		dotted := p.eat(kDot)
		if !dotted {
			dash := p.eat(kDash)
			if t := p.tok(); t.kind == kThe && t.val == 1 {
				p.i++
				dotted = true
			} else if dash {
				p.i = start
				return false
			}
		}
		if !dotted && !p.foreignOrdinal() {
			p.i = start
			return false
		}
	} else {
		p.i++
		if (p.is(kOr) || p.is(kDash) || p.is(kTo) || p.is(kAnd)) && p.peek(1).kind == kOrd && p.peek(2).kind == kUnit {
			n = min(n, p.peek(1).num) // "third or fourth day"
			p.i += 2
		}
		if n >= 20 && p.is(kDash) {
			p.i = start
			return false
		}
	}
	if t.kind == kNum && p.is(kOrd) {
		p.i = start
		return false
	}
	// "twenty-first" is a number and an ordinal.
	business := p.eat(kBusiness)
	switch u := p.tok(); u.kind {
	case kUnit:
		if p.plural() {
			break // "first days"
		}
		p.i++
		switch u.val {
		case uDay, uBusinessDay:
			if business || u.val == uBusinessDay {
				if p.is(kOf) {
					q := p.i
					p.i++
					p.eat(kThe)
					if d := blank(); p.period(&d, edgeStart) {
						m.days = d.days
						m.business = max(0, int(n)-1)
						return true
					}
					p.i = q
				}
				return p.nthDayAfter(m, n, uBusinessDay)
			}
			m.counted = true
			// "first day of next week", "last day of month" are periods.
			if p.is(kOf) || p.is(kLead) {
				save := p.i
				p.i++
				p.eat(kThe)
				if p.is(kOrd) && p.peek(1).kind == kUnit && p.peek(1).val == uWeek && p.tok().num >= 1 && p.tok().num <= 53 {
					// "3rd day of the second week"
					m.days = 7*(int(p.tok().num)-1) + int(n)
					p.i += 2
					return true
				}
				if p.is(kUnit) && p.peek(1).kind == kNum {
					if w := blank(); p.weekNumber(&w) {
						m.days = w.days + int(n)
						return true
					}
				}
				if d := blank(); p.period(&d, edgeStart) {
					*m = d
					m.days += int(n) - 1
					return true
				}
				p.i = save
				if p.eat(kOf) && (p.eat(kThe) || true) && p.eat(kPlan) {
					return p.add(&m.span, n, uDay)
				}
				p.i = save
			}
			if p.is(kAfter) || p.is(kFrom) || p.is(kFollowing) {
				return p.nthDayAfter(m, n, uDay)
			}
			return p.add(&m.span, n, uDay)
		case uWeek:
			if n > 60 {
				p.refuse(verdictOutOfRange)
				return false
			}
			if p.is(kOf) || p.is(kLead) && p.tok().val == leadIn {
				save := p.i
				p.i++
				p.eat(kThe)
				if p.eat(kPlan) {
					m.days = 7 * (int(n) - 1)
					return true
				}
				if p.period(m, edgeStart) {
					m.days += 7 * (int(n) - 1)
					return true
				}
				p.i = save
				return false
			}
			m.days = max(0, 7*(int(n)-1))
			p.inWeek(m)
			return true
		case uMonth:
			m.days = max(0, 30*(int(n)-1))
			return n <= 13
		}
	case kWeekday:
		// "first Monday of April", "first Monday after Day 7"
		if n == 1 && p.peek(1).kind == kAfter {
			if p.weekday(m) {
				return true
			}
			*m = blank()
		}
		p.i++
		if p.eat(kOf) || p.eat(kLead) {
			p.eat(kThe)
			if days, ok := p.weekdayOfMonth(time.Weekday(u.val), int(n)); ok {
				m.days = days
				return true
			}
			if p.fail != understood {
				return false
			}
			if p.period(m, edgeStart) {
				m.days = p.cal.onOrAfter(m.days, time.Weekday(u.val)) + 7*(int(n)-1)
				return true
			}
		}
	case kOf:
		// "the 1st of next month", "15th of April"
		p.i++
		p.eat(kThe)
		if p.is(kMonth) {
			break
		}
		if (p.is(kNext) || p.is(kThis)) && p.peek(1).kind == kUnit && p.peek(1).val == uMonth || p.is(kUnit) && p.tok().val == uMonth {
			ahead := 0
			if p.is(kNext) {
				ahead = 1
			}
			named := !p.is(kUnit)
			if named {
				p.i++
			}
			p.i++
			if n > 31 {
				return false
			}
			m.days = p.cal.firstOfMonth(ahead) + int(n) - 1
			if m.days < 0 && !named {
				m.days = p.cal.firstOfMonth(1) + int(n) - 1 // "the 1st of the month"
			}
			return true
		}
	}
	p.i = start
	if p.date(m) {
		return true
	}
	if p.fail != understood {
		return false
	}
	*m = blank()
	// "the 15th": the next one.
	if t.kind == kOrd && t.end-t.start > 2 && isDigit(p.src[t.start]) && (p.led || p.peek(-1).kind == kThe) {
		p.i = start + 1
		if n < 1 || n > 31 {
			return false
		}
		if days, ok := p.cal.nextDayOfMonth(int(n)); ok {
			m.days = days
			return true
		}
	}
	p.i = start
	return false
}

// nthDayAfter reads what a day by ordinal is counted from, if anything: "14th
// day after start", "first business day after acceptance".
func (p *parser) nthDayAfter(m *meaning, n float64, u unit) bool {
	*m = blank()
	return p.add(&m.span, n, u) && p.countedFrom(m)
}

// weekdayOfMonth reads the month behind "third Thursday of", and gives the
// day: of a month by name the next such day, of this month a past one is past.
func (p *parser) weekdayOfMonth(w time.Weekday, n int) (int, bool) {
	nth := func(first int) int { return p.cal.onOrAfter(first, w) + 7*(n-1) }
	save := p.i
	ahead := 0
	if p.is(kNext) {
		ahead = 1
	}
	if !p.eat(kNext) {
		p.eat(kThis)
	}
	switch t := p.tok(); {
	case t.kind == kUnit && t.val == uMonth && p.peek(1).kind != kNum:
		p.i++
		days := nth(p.cal.firstOfMonth(ahead))
		if days < 0 {
			p.refuse(verdictPast)
		}
		return days, days >= 0
	case t.kind == kMonth && p.i == save:
		p.i++
		year := p.year()
		days := nth(p.cal.until(max(year, p.cal.year()), time.Month(t.val), 1))
		if days < 0 && year == 0 {
			days = nth(p.cal.until(p.cal.year()+1, time.Month(t.val), 1))
		}
		if days < 0 {
			p.refuse(verdictPast)
		}
		return days, days >= 0
	}
	p.i = save
	return 0, false
}

// foreignOrdinal reports whether the unit ahead is one that is numbered before
// it without further sign, as in Russian "на 3 день".
func (p *parser) foreignOrdinal() bool {
	t := p.tok()
	return t.kind == kUnit && t.end > t.start && p.src[t.start] >= 0x80 && p.src[t.start:t.end] == "день"
}
