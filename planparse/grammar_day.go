package planparse

import "time"

// dayTime reads a day with, on either side, a time of day.
func (p *parser) dayTime() (meaning, bool) {
	start := p.i
	m := blank()
	// "EOD tomorrow", "9am on Friday", "first thing Monday"
	if p.is(kClose) && p.peek(1).kind == kNum && p.peek(1).val == numDigits && p.peek(1).num <= MaxDays {
		// "End of Day 3": the phrase has swallowed the word.
		m.days, m.clock, m.counted = int(p.peek(1).num), p.tok().val, true
		p.i += 2
		return m, true
	}
	if !p.is(kTonight) && p.partOrClock(&m) {
		for p.is(kOf) || p.is(kLead) || p.is(kThe) || p.is(kComma) || p.is(kMeridiem) && p.tok().val == 0 {
			p.i++
		}
		if d, ok := p.day(); ok {
			d.clock, d.zone, d.explicit = m.clock, m.zone, m.explicit
			p.attachTime(&d)
			return d, true
		}
		p.i = start
		if p.is(kClose) {
			m = blank()
			m.clock = p.tok().val
			p.i++
			return m, true
		}
		return m, false
	}
	m, ok := p.day()
	if !ok {
		p.i = start
		return m, false
	}
	p.attachTime(&m)
	// "Tuesday or Wednesday", "Mon/Tue", "Tuesday-Thursday": see weekdayRange
	return m, true
}

// attachTime reads the times of day that may follow a day.
func (p *parser) attachTime(m *meaning) {
	for {
		save := p.i
		for p.is(kComma) || p.is(kOpen) || p.is(kThe) || p.is(kLead) || p.is(kDash) || p.is(kSep) || p.is(kT) || p.is(kBetween) || p.is(kFrom) {
			p.atHour = p.is(kLead) && p.tok().val == leadAt
			p.i++
		}
		if m.explicit || !p.partOrClock(m) {
			p.i = save
			return
		}
		p.eat(kClosing)
	}
}

// partOrClock reads a part of the day or a clock time.
func (p *parser) partOrClock(m *meaning) bool {
	start := p.i
	switch t := p.tok(); t.kind {
	case kEdge:
		if k := p.peek(1).kind; k == kPart {
			p.i += 2
			return m.setPart(p.toks[p.i-1].val)
		}
		return false
	case kPart, kClose:
		p.i++
		ok := m.setPart(t.val)
		// "morning (9-11am)", "morning, 10am" follow as a clock time.
		return ok
	case kMeridiem:
		// "Day 1 AM" is a part of the day.
		p.i++
		if t.val == 0 {
			return m.setPart(morning)
		}
		return m.setPart(afternoon)
	case kTonight:
		p.i++
		return m.setPart(t.val)
	}
	if p.clock(m) {
		return true
	}
	p.i = start
	return false
}

func (m *meaning) setPart(minutes int32) bool {
	if !m.explicit {
		m.clock = minutes
	}
	return true
}

// clock reads a time on the clock: "9am", "10:30", "14h", "0900", "9-11 AM".
func (p *parser) clock(m *meaning) bool {
	start := p.i
	minutes, sure, meridiem, ok := p.clockPoint()
	if !ok {
		p.i = start
		return false
	}
	// A range of hours starts at its first one, which borrows its half of the
	// day from the second: "9-11 AM".
	if p.is(kDash) || p.is(kTo) || p.is(kAnd) {
		save := p.i
		p.i++
		if upper, sureUpper, upperMeridiem, ok := p.clockPoint(); ok && (sureUpper || sure) {
			sure = true
			if meridiem < 0 && upperMeridiem >= 0 {
				with := minutes%(12*60) + upperMeridiem
				if with > upper {
					with = minutes % (12 * 60)
				}
				minutes = with
			}
		} else {
			p.i = save
		}
	}
	if !sure {
		p.i = start
		return false
	}
	m.clock, m.explicit = minutes, true
	p.zone(m)
	return true
}

// clockPoint reads one time on the clock. It is sure of it where nothing else
// is written like that; a bare number is only one after "at".
func (p *parser) clockPoint() (minutes int32, sure bool, meridiem int32, ok bool) {
	t := p.tok()
	meridiem = -1
	if t.kind == kPart && t.val == noon {
		p.i++
		return noon, true, -1, true
	}
	if t.kind != kNum || t.val == numWord && !p.atHour || t.val == numComma || t.num >= 2400 {
		return 0, false, -1, false
	}
	at := p.atHour
	h, min := int32(t.num), int32(0)
	p.i++
	switch next := p.peek(1); {
	case t.val == numDecimal:
		// 10.30 uhr, 9.30am
		min = int32((t.num-float64(h))*100 + 0.5)
		if k := p.tok().kind; k != kMeridiem && k != kOclock {
			return 0, false, -1, false
		}
	case p.is(kColon) && next.kind == kNum && next.digits == 2 && !p.tok().space && !next.space && t.digits <= 2:
		min = int32(next.num)
		sure = true
		p.i += 2
		if p.is(kColon) && p.peek(1).kind == kNum && !p.peek(1).space {
			p.i += 2 // seconds
		}
	case t.digits == 4 && t.val == numDigits:
		h, min = int32(t.num)/100, int32(t.num)%100
		if k := p.tok().kind; k == kDash || k == kSlash || k == kDot {
			return 0, false, -1, false // a date
		}
		sure = at || p.i > 1 // "Thursday 0900", never alone
	case t.digits > 2:
		return 0, false, -1, false
	default:
		sure = at && (p.peek(0).kind == kEnd || p.peek(0).kind == kZone || p.peek(0).kind == kLead)
	}
	switch {
	case p.is(kMeridiem):
		if h < 1 || h > 12 {
			return 0, false, -1, false
		}
		meridiem = p.tok().val
		h = h%12 + meridiem/60
		sure = true
		p.i++
	case p.eat(kOclock):
		sure = true
	case p.is(kUnit) && p.tok().val == uHour && at && p.tok().end-p.tok().start <= 3:
		p.i++ // "at 14h", "at 14h30"
		if p.is(kNum) && !p.tok().space && p.tok().digits == 2 && p.tok().num < 60 {
			min = int32(p.tok().num)
			p.i++
		}
		sure = true
	}
	if h > 23 || min > 59 {
		return 0, false, -1, false
	}
	return h*60 + min, sure, meridiem, true
}

// zone reads the zone a clock time is in.
func (p *parser) zone(m *meaning) {
	save := p.i
	p.eat(kOpen)
	p.eat(kLead)
	p.eat(kThe)
	t := p.tok()
	switch {
	case t.kind == kZone:
		p.i++
		m.zone = t.val
		if t.val == 20000 {
			m.zone = noZone
		}
		if t.val == 0 && (p.is(kPlus) || p.is(kDash)) && p.peek(1).kind == kNum && !p.peek(1).space {
			p.offset(m) // UTC+2
		}
	case (t.kind == kPlus || t.kind == kDash) && !t.space && p.peek(1).kind == kNum && p.peek(1).digits >= 2:
		p.offset(m) // +02:00
	default:
		p.i = save
		return
	}
	p.eat(kClosing)
}

func (p *parser) offset(m *meaning) {
	sign := int32(1)
	if p.is(kDash) {
		sign = -1
	}
	t := p.peek(1)
	p.i += 2
	z := int32(t.num) * 60
	if t.digits == 4 {
		z = int32(t.num)/100*60 + int32(t.num)%100
	}
	if p.is(kColon) && p.peek(1).kind == kNum && p.peek(1).digits == 2 {
		z += int32(p.peek(1).num)
		p.i += 2
	}
	if z <= 14*60 {
		m.zone = sign * z
	}
}

// clockOnly reads a clock time without a day: today's, or tomorrow's where
// that has passed.
func (p *parser) clockOnly() (meaning, bool) {
	m := blank()
	for p.is(kLead) {
		p.atHour = p.tok().val == leadAt
		p.i++
	}
	if t := p.tok(); t.kind != kNum || t.digits == 4 {
		return m, false
	}
	if !p.clock(&m) {
		return m, false
	}
	// "9 in the morning" would need the part to be understood.
	m.bareClock = true
	return m, true
}

// day reads an expression that names a day.
func (p *parser) day() (meaning, bool) {
	start := p.i
	m, ok := p.dayOne()
	if !ok {
		p.i = start
		return m, false
	}
	return m, true
}

func (p *parser) dayOne() (meaning, bool) {
	m := blank()
	start := p.i
	p.eat(kThe)
	switch t := p.tok(); t.kind {
	case kUnit:
		switch t.val {
		case uDay, uBusinessDay:
			if d, ok := p.dayNumber(); ok {
				return d, true
			}
			return m, false
		case uWeek:
			if p.peek(1).kind == kNext && p.peek(1).val >= 1 { // "la semana que viene"
				p.i += 2
				m.days = p.cal.monday(1)
				return m, true
			}
			return p.weekNumber()
		case uMonth:
			if p.peek(1).kind == kNext && p.peek(1).val >= 1 {
				p.i += 2
				m.days = p.cal.firstOfMonth(1)
				return m, true
			}
			return p.monthNumber()
		}
	case kBusiness:
		if p.peek(1).kind == kUnit && p.peek(1).val == uDay && p.peek(2).kind == kNum {
			p.i += 2
			n, _ := p.number()
			return m, p.add(&m.span, n, uBusinessDay)
		}
	case kOrd:
		return p.ordinal()
	case kNum:
		// "16 March", "2026-03-20", "3/10/2026", "3. Tag", "3-й день"
		if d, ok := p.date(); ok {
			return d, true
		}
		if p.fail != understood {
			return m, false
		}
		return p.ordinal()
	case kMonth:
		return p.date()
	case kDayName:
		p.i++
		m.days = int(t.val)
		if m.days == 0 && start > 0 && p.toks[start-1].kind == kAfter {
			m.days = 1 // "after today"
		}
		p.dayNameTail(&m)
		return m, true
	case kTonight:
		p.i++
		m.clock = t.val
		return m, true
	case kClose:
		p.i++
		m.clock = t.val
		return m, true
	case kLater:
		// "later today", "later this week"
		if k := p.peek(1).kind; t.val == 0 && (k == kDayName || k == kThis || k == kNext) {
			p.i++
			if k == kDayName {
				return p.dayOne()
			}
			return p.period(edgeLater)
		}
	case kSame:
		p.i++
		if p.is(kWith) || p.is(kOf) || t.val != uDay {
			return m, false
		}
		return m, true
	case kWeekday:
		return p.weekday()
	case kWeekend:
		p.i++
		m.days = p.cal.weekend(0)
		for j := start - 1; j >= 0 && (p.toks[j].kind == kThe || p.toks[j].kind == kAfter); j-- {
			if p.toks[j].kind == kAfter {
				m.days = p.cal.onOrAfter(m.days, time.Monday)
			}
		}
		return m, true
	case kLast:
		// "last day of the month"
		if d, of := p.peek(1), p.peek(2); d.kind == kUnit && d.val == uDay && of.kind == kOf {
			p.i += 2
			return p.period(edgeEnd)
		} else if d.kind == kWeekday && of.kind == kOf {
			p.i += 2
			d, ok := p.period(edgeEnd)
			d.days -= (p.cal.weekdayIndex(d.days) - index(time.Weekday(p.toks[start+1].val)) + 7) % 7
			return d, ok && d.days >= 0
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
		return m, true
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
			return m, false
		}
		return m, true
	case kEdge, kStart:
		if t.kind == kStart && t.val != 1 {
			return m, false
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
				return m, true
			}
			if p.is(kNext) && p.peek(1).kind == kEnd {
				p.i++
				m.days = p.cal.monday(1) + 2
				return m, true
			}
			if p.end() {
				m.days = p.cal.nextWeekday(time.Wednesday)
				return m, true
			}
		}
		if p.is(kDash) {
			p.i++
		}
		if p.is(kTo) && p.peek(1).kind == kEdge { // "mid to late March"
			p.i += 2
		}
		return p.period(e)
	case kThis, kNext, kFollowing:
		return p.thisOrNext()
	}
	p.i = start
	return m, false
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

// dayNumber reads "Day N" in all its spellings, and ranges of them.
func (p *parser) dayNumber() (meaning, bool) {
	m := blank()
	start := p.i
	t := p.tok()
	if t.kind != kUnit || t.val != uDay && t.val != uBusinessDay {
		return m, false
	}
	short := t.end-t.start == 1
	p.i++
	// What may stand between the word and its number.
	switch s := p.tok(); s.kind {
	case kDash:
		next := p.peek(1)
		if next.kind == kNum && (s.space && !next.space || short) {
			p.refuse(verdictPast) // "Day -1", "D-5"
			return m, false
		}
		p.i++
	case kColon, kPlus, kOpen, kEquals, kDot:
		p.i++
	case kThe:
		if s.val == 1 {
			break
		}
	}
	if p.peek(-1).kind == kUnit && ((p.is(kWord) || p.is(kNegative)) && p.textIs("no", "num", "nr", "number")) {
		p.i++
		p.eat(kDot)
	}
	num := p.tok()
	n, ok := 0.0, false
	switch num.kind {
	case kNum:
		if num.val == numComma {
			p.i++
			n, ok = float64(int(num.num)), true
		} else {
			n, ok = p.number()
		}
	case kOrd:
		n, ok = num.num, !short
		p.i++
	}
	if !ok || p.notADay(short, num) {
		p.i = start
		return m, false
	}
	n = p.dayRange(n)
	p.eat(kClosing)
	if p.is(kPlus) && p.peek(1).kind == kNum && p.amountAhead() {
		return m, p.add(&m.span, n, uDay) && p.eat(kPlus) && p.amount(&m.span)
	}
	p.eat(kPlus)
	if n > MaxDays {
		p.refuse(verdictOutOfRange)
		return m, false
	}
	m.counted = true
	u := uDay
	if t.val == uBusinessDay {
		u, m.counted = uBusinessDay, false
	}
	if !p.add(&m.span, n, u) {
		return m, false
	}
	// "Day 1 of Week 2"; of anything else only that it is a part of.
	save := p.i
	p.eat(kComma)
	p.eat(kOpen)
	if p.eat(kOf) || p.i > save || p.is(kUnit) || p.is(kLead) {
		p.eat(kLead)
		p.eat(kThe)
		if p.is(kUnit) && p.tok().val == uWeek {
			if w, ok := p.weekNumber(); ok {
				m.days += w.days
				p.eat(kClosing)
				return m, true
			}
		}
		if p.toks[p.i-1].kind == kOf && p.is(kOrd) && p.peek(1).kind == kUnit && p.peek(1).val == uWeek {
			m.days += 7 * (int(p.tok().num) - 1)
			p.i += 2
			return m, true
		}
	}
	p.i = save
	return m, true
}

// amountAhead reports whether an amount follows the next token.
func (p *parser) amountAhead() bool {
	save := p.i
	p.i++
	var s span
	ok := p.amount(&s)
	p.i = save
	if !ok {
		p.fail = understood
	}
	return ok
}

// textIs reports whether the next token is one of the words.
func (p *parser) textIs(words ...string) bool {
	t := p.tok()
	text := p.src[t.start:t.end]
	for _, w := range words {
		if len(text) == len(w) && (text == w || lowerEqual(text, w)) {
			return true
		}
	}
	return false
}

func lowerEqual(s, lower string) bool {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// notADay reports whether the number behind "day" belongs to what follows it:
// a clock time, another unit, a ratio.
func (p *parser) notADay(short bool, num *token) bool {
	t := p.tok()
	switch t.kind {
	case kMeridiem:
		return !t.space
	case kUnit:
		// "day 2 week 3" goes on, "day 3 weeks" does not.
		return p.peek(1).kind != kNum && !(t.val == uDay)
	case kColon:
		return !t.space && p.peek(1).kind == kNum && !p.peek(1).space
	case kWord, kStep:
		return !t.space && num.kind == kNum || short && num.space
	}
	// "D 3" and "d 2 ..." are too little to go by among other words.
	return short && num.space && t.kind != kEnd
}

// dayRange reads the other numbers of "Day 3-5" and returns the lowest.
func (p *parser) dayRange(n float64) float64 {
	for {
		save := p.i
		joint := p.tok()
		switch joint.kind {
		case kDash, kTilde, kSlash, kTo, kOr, kAnd, kComma:
			p.i++
		default:
			return n
		}
		if joint.kind == kComma && (p.is(kOr) || p.is(kAnd)) {
			p.i++
		}
		repeated := p.is(kUnit) && p.tok().val == uDay
		if repeated {
			p.i++
		}
		t := p.tok()
		if t.kind != kNum {
			p.i = save
			return n
		}
		m, _ := p.number()
		// The number must end the range, not begin something else:
		// "Day 4 - 2 case studies", "Day 2, 9am".
		next := p.tok()
		switch next.kind {
		case kWord, kMessage, kStep, kMeridiem, kZone, kOclock, kBusiness, kUnit, kMonth:
			if !repeated && !(next.kind == kUnit && next.val == uDay && joint.kind != kComma) {
				p.i = save
				return n
			}
		case kColon:
			if !next.space && p.peek(1).kind == kNum && !p.peek(1).space {
				p.i = save // 10:30
				return n
			}
		}
		if t.val == numDigits && t.digits == 4 || joint.kind == kComma && !repeated && m < n {
			p.i = save
			return n
		}
		n = min(n, m)
	}
}

// weekNumber reads "Week N", perhaps with a day in it.
func (p *parser) weekNumber() (meaning, bool) {
	m := blank()
	start := p.i
	p.i++ // week
	if p.is(kUnit) {
		p.i = start
		return m, false
	}
	if p.is(kOf) || p.is(kLead) || p.is(kFrom) || p.is(kEdge) && p.tok().val == edgeStart {
		return p.weekOf(start)
	}
	p.eat(kColon)
	p.eat(kDot)
	if p.is(kDash) && !p.tok().space && !p.peek(1).space {
		p.i++
	}
	num := p.tok()
	if num.kind != kNum && num.kind != kOrd {
		p.i = start
		return m, false
	}
	n := num.num
	if num.kind == kNum {
		n, _ = p.number()
	} else {
		p.i++
	}
	if n != float64(int(n)) {
		p.i = start
		return m, false
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
		return m, false
	}
	m.days = max(0, 7*(int(n)-1))
	p.inWeek(&m)
	save := p.i
	if (p.eat(kOf) || p.is(kLead) && p.tok().val == leadIn && p.eat(kLead)) && (p.eat(kThe) || true) && p.eat(kPlan) {
		return m, true
	}
	p.i = save
	return m, true
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
		if d, ok := p.dayNumber(); ok {
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
		m.days = p.cal.onOrAfter(m.days, time.Weekday(t.val))
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

// weekOf reads "week of March 9": the Monday of that week, if it is ahead.
func (p *parser) weekOf(start int) (meaning, bool) {
	p.i++
	p.eat(kThe)
	m, ok := p.date()
	if !ok {
		if p.fail == understood && (p.is(kOrd) || p.is(kNum)) {
			m, ok = p.ordinal()
		}
		if !ok {
			p.i = start
			return m, false
		}
	}
	m.days = max(0, m.days-p.cal.weekdayIndex(m.days))
	return m, true
}

// monthNumber reads "Month N".
func (p *parser) monthNumber() (meaning, bool) {
	m := blank()
	start := p.i
	p.i++
	p.eat(kColon)
	if p.is(kOrd) || !p.is(kNum) {
		p.i = start
		return m, false
	}
	n, _ := p.number()
	n, _ = p.upper(n)
	if n > 13 {
		p.refuse(verdictOutOfRange)
		return m, false
	}
	m.days = max(0, 30*(int(n)-1))
	save := p.i
	for p.is(kComma) || p.is(kDash) || p.is(kColon) || p.is(kLead) {
		p.i++
	}
	if p.is(kUnit) && p.tok().val == uWeek {
		if w, ok := p.weekNumber(); ok {
			m.days += w.days
			return m, true
		}
	}
	if p.is(kUnit) && p.tok().val == uDay {
		if d, ok := p.dayNumber(); ok {
			m.days += d.days
			return m, true
		}
	}
	p.i = save
	return m, true
}

// ordinal reads "third day", "2nd week", "first Monday of April", "the 15th".
func (p *parser) ordinal() (meaning, bool) {
	m := blank()
	start := p.i
	t := p.tok()
	n := t.num
	if t.kind == kNum {
		// "3. Tag", "3-й день", "3 день" in languages that write it so.
		if t.val != numDigits {
			return m, false
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
				return m, false
			}
		}
		if !dotted && !p.foreignOrdinal() {
			p.i = start
			return m, false
		}
	} else {
		p.i++
		if (p.is(kOr) || p.is(kDash) || p.is(kTo) || p.is(kAnd)) && p.peek(1).kind == kOrd && p.peek(2).kind == kUnit {
			n = min(n, p.peek(1).num) // "third or fourth day"
			p.i += 2
		}
		if n >= 20 && p.is(kDash) {
			p.i = start
			return m, false
		}
	}
	if t.kind == kNum && p.is(kOrd) {
		p.i = start
		return m, false
	}
	// "twenty-first" is a number and an ordinal.
	business := p.eat(kBusiness)
	switch u := p.tok(); u.kind {
	case kUnit:
		p.i++
		switch u.val {
		case uDay, uBusinessDay:
			if business || u.val == uBusinessDay {
				if p.is(kOf) {
					q := p.i
					p.i++
					p.eat(kThe)
					if d, ok := p.period(edgeStart); ok {
						m.days = d.days
						m.business = max(0, int(n)-1)
						return m, true
					}
					p.i = q
				}
				return m, p.add(&m.span, n, uBusinessDay)
			}
			m.counted = true
			// "first day of next week", "last day of month" are periods.
			if p.is(kOf) || p.is(kLead) {
				save := p.i
				p.i++
				p.eat(kThe)
				if p.is(kUnit) && p.peek(1).kind == kNum {
					if w, ok := p.weekNumber(); ok {
						m.days = w.days + int(n)
						return m, true
					}
				}
				if d, ok := p.period(edgeStart); ok {
					d.days += int(n) - 1
					return d, true
				}
				p.i = save
				if p.eat(kOf) && (p.eat(kThe) || true) && p.eat(kPlan) {
					return m, p.add(&m.span, n, uDay)
				}
				p.i = save
			}
			return m, p.add(&m.span, n, uDay)
		case uWeek:
			if n > 60 {
				p.refuse(verdictOutOfRange)
				return m, false
			}
			if p.is(kOf) || p.is(kLead) && p.tok().val == leadIn {
				save := p.i
				p.i++
				p.eat(kThe)
				if p.eat(kPlan) {
					m.days = 7 * (int(n) - 1)
					return m, true
				}
				if d, ok := p.period(edgeStart); ok {
					d.days += 7 * (int(n) - 1)
					return d, true
				}
				p.i = save
				return m, false
			}
			m.days = max(0, 7*(int(n)-1))
			p.inWeek(&m)
			return m, true
		case uMonth:
			m.days = max(0, 30*(int(n)-1))
			return m, n <= 13
		}
	case kWeekday:
		// "first Monday of April"
		p.i++
		if p.eat(kOf) || p.eat(kLead) {
			p.eat(kThe)
			if d, ok := p.period(edgeStart); ok {
				d.days = p.cal.onOrAfter(d.days, time.Weekday(u.val)) + 7*(int(n)-1)
				return d, true
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
			if !p.is(kUnit) {
				p.i++
			}
			p.i++
			if n > 31 {
				return m, false
			}
			m.days = p.cal.firstOfMonth(ahead) + int(n) - 1
			return m, true
		}
	}
	p.i = start
	if d, ok := p.date(); ok {
		return d, true
	}
	if p.fail != understood {
		return m, false
	}
	// "the 15th": the next one.
	if t.kind == kOrd && t.end-t.start > 2 && isDigit(p.src[t.start]) && (p.led || p.peek(-1).kind == kThe) {
		p.i = start + 1
		if n < 1 || n > 31 {
			return m, false
		}
		if days, ok := p.cal.nextDayOfMonth(int(n)); ok {
			m.days = days
			return m, true
		}
	}
	p.i = start
	return m, false
}

// foreignOrdinal reports whether the unit ahead is one that is numbered before
// it without further sign, as in Russian "на 3 день".
func (p *parser) foreignOrdinal() bool {
	t := p.tok()
	return t.kind == kUnit && t.end > t.start && p.src[t.start] >= 0x80 && p.src[t.start:t.end] == "день"
}

// period reads the part of a week, a month, a year or a named day.
func (p *parser) period(e edge) (meaning, bool) {
	m := blank()
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
				w, ok := p.weekNumber()
				w.days += edgeOfWeek(e)
				return w, ok
			}
			p.i++
			if p.is(kNext) && p.tok().val == 2 { // "semana que viene"
				p.i++
				ahead = 1
			}
			m.days = p.weekEdge(e, ahead)
			return m, m.days >= 0
		case uMonth:
			if p.peek(1).kind == kNum {
				mm, ok := p.monthNumber()
				switch e {
				case edgeMiddle:
					mm.days += 14
				case edgeLate, edgeLater, edgeEnd:
					mm.days += 29
				}
				return mm, ok
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
					return m, false
				}
			}
			return m, true
		case uYear:
			p.i++
			if ahead == 1 {
				m.days = p.cal.newYear()
				return m, e == edgeStart
			}
			m.days = p.cal.endOfYear()
			return m, e == edgeEnd || e == edgeLate
		case uDay:
			p.i++
			if business || e == edgeEnd {
				m.clock = closing
			}
			if p.is(kNum) {
				p.i--
				d, ok := p.dayNumber()
				if e == edgeEnd {
					d.clock = closing
				}
				return d, ok
			}
			if ahead == 1 {
				m.days, m.ref.Kind = 1, ToPrevious
			}
			return m, e == edgeEnd || ahead == 1
		}
	case kDayName:
		p.i++
		m.days = int(t.val)
		m.clock = clockOfEdge(e)
		return m, true
	case kWeekday:
		// "end of Friday", "late Monday"; "early next Tuesday"
		if named {
			p.i = start
			p.eat(kOf)
			p.eat(kThe)
			d, ok := p.thisOrNext()
			d.clock = clockOfEdge(e)
			return d, ok
		}
		d, ok := p.weekday()
		d.clock = clockOfEdge(e)
		return d, ok
	case kWeekend:
		p.i++
		m.days = p.cal.weekend(ahead)
		return m, true
	case kMonth:
		if d, ok := p.date(); ok && p.toks[p.i-1].kind != kMonth {
			return d, true // "early March 12" is that day
		}
		if p.fail != understood {
			return m, false
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
			return m, false
		}
		if m.days > MaxDays {
			p.refuse(verdictOutOfRange)
			return m, false
		}
		return m, true
	case kAfterNext:
		if t.val == uWeek {
			p.i++
			m.days = p.cal.monday(2) + weekPart(e)
			return m, true
		}
	case kQuarter:
		p.refuse(verdictCalendarQuarter)
	}
	p.i = start
	return m, false
}

func clockOfEdge(e edge) int32 {
	switch e {
	case edgeStart:
		return morning
	case edgeMiddle:
		return noon
	case edgeLate:
		return 16 * 60
	case edgeEnd:
		return closing
	}
	return noClock
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
func (p *parser) thisOrNext() (meaning, bool) {
	m := blank()
	start := p.i
	t := p.tok()
	p.i++
	ahead := 0
	if t.kind != kThis {
		ahead = 1
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
				return m, false
			}
		default:
			m.days = p.cal.monday(1) + int(wd+6)%7
		}
		p.orWeekday(&m)
		p.weekdayDate(&m)
		return m, true
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
				return m, false
			}
			if p.end() && ahead == 1 && p.windowAhead(start) {
				p.i = start
				return m, false // "over the next week" is an amount
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
					return m, false
				}
				p.orWeekday(&m)
				return m, true
			case w.kind == kEdge && p.i > save && (p.peek(1).kind == kEnd || p.peek(1).kind == kClosing || w.num == 1):
				p.i++
				m.days = p.cal.monday(ahead) + weekPart(w.val)
				return m, true
			}
			p.i = save
			return m, true
		case uMonth:
			p.i++
			if t.kind == kFollowing || p.end() && ahead == 1 && p.windowAhead(start) {
				p.i = start
				return m, false
			}
			if ahead == 0 {
				return m, true
			}
			m.days = p.cal.firstOfMonth(1)
			return m, true
		case uYear:
			p.i++
			if ahead == 0 || t.kind == kFollowing {
				p.i = start
				return m, false
			}
			m.days = p.cal.newYear()
			return m, true
		}
	case kWeekend:
		p.i++
		m.days = p.cal.weekend(min(ahead, 1))
		if ahead == 2 || t.val == 1 {
			m.days = p.cal.weekend(0)
		}
		return m, true
	case kMonth:
		p.i++
		year := 0
		if ahead == 1 && t.val == 0 {
			year = 0
		}
		m.days = p.cal.namedMonth(edgeStart, time.Month(d.val), year)
		if m.days < 0 {
			return m, false
		}
		return m, true
	case kQuarter:
		p.refuse(verdictCalendarQuarter)
	case kEdge:
		// "next mid-week"
	}
	p.i = start
	return m, false
}

// windowAhead reports whether what begins at a token is the length of a
// window: "in the next week", "over the coming month".
func (p *parser) windowAhead(at int) bool {
	save := p.i
	defer func() { p.i = save }()
	p.i = at
	return at > 0 && p.toks[at-1].kind == kThe && (p.window || p.leadIs(leadIn))
}

// weekday reads a weekday and what makes it a certain one.
func (p *parser) weekday() (meaning, bool) {
	m := blank()
	first := time.Weekday(p.tok().val)
	p.i++
	p.dotAfterShort()
	m.days = p.cal.nextWeekday(first)
	if j := p.i - 2; j >= 0 && p.toks[j].kind == kBetween && p.is(kAnd) && p.peek(1).kind == kWeekday {
		p.i += 2
		return m, true // a window, which begins at its first day
	}
	if p.weekdayDate(&m) {
		return m, true
	}
	if p.fail != understood {
		return m, false
	}
	p.orWeekday(&m)
	start := p.i
	if p.is(kAfterNext) && p.tok().val == uDay {
		// "Monday after next"
		p.i++
		m.days += 7
		return m, true
	}
	if p.is(kUnit) && p.tok().val == uWeek && p.peek(1).kind != kNum {
		// "Monday week"
		p.i++
		m.days += 7
		return m, true
	}
	for p.is(kComma) || p.is(kOf) || p.is(kLead) || p.is(kThe) || p.is(kOpen) {
		p.i++
	}
	switch t := p.tok(); {
	case t.kind == kNext && t.val == 2: // "lundi prochain", "el lunes que viene"
		p.i++
		return m, true
	case (t.kind == kNext || t.kind == kThis || t.kind == kFollowing) && p.peek(1).kind == kUnit && p.peek(1).val == uWeek:
		ahead := 1
		if t.kind == kThis {
			ahead = 0
		}
		p.i += 2
		m.days = p.cal.monday(ahead) + int(first+6)%7
		if m.days < 0 {
			p.refuse(verdictPast)
			return m, false
		}
		p.eat(kClosing)
		return m, true
	case t.kind == kAfterNext && t.val == uWeek:
		p.i++
		m.days = p.cal.monday(2) + int(first+6)%7
		return m, true
	case t.kind == kAfterNext && t.val == uDecade:
		p.i++
		m.days = p.cal.monday(1) + int(first+6)%7
		return m, true
	case t.kind == kUnit && t.val == uWeek && p.peek(1).kind == kNum:
		w, ok := p.weekNumber()
		if ok {
			m.days = p.cal.onOrAfter(w.days, first)
			p.eat(kClosing)
			return m, true
		}
	case t.kind == kUnit && t.val == uDay && p.i > start:
		// "Friday (Day 3)": the day number counts, the weekday is ignored.
		if d, ok := p.dayNumber(); ok {
			p.eat(kClosing)
			return d, true
		}
		if p.fail != understood {
			return m, false
		}
	case (t.kind == kNum || t.kind == kA) && p.i > start && p.toks[p.i-1].kind == kLead && p.toks[p.i-1].val == leadIn:
		// "Monday in two weeks"
		var s span
		if p.amount(&s) && s.days%7 == 0 && s.days > 0 && s.exact == 0 {
			m.days = p.cal.onOrAfter(s.days-p.cal.weekdayIndex(0), first)
			return m, true
		}
	}
	p.i = start
	return m, true
}

// dotAfterShort skips the point of "Mon.".
func (p *parser) dotAfterShort() {
	if p.is(kDot) && !p.tok().space && p.peek(1).kind != kEnd && p.peek(1).space {
		p.i++
	}
}

// weekdayDate reads the date beside a weekday, which decides.
func (p *parser) weekdayDate(m *meaning) bool {
	save := p.i
	for p.is(kComma) || p.is(kThe) || p.is(kOpen) || p.is(kDash) || p.is(kLead) && p.tok().val == leadPlain {
		p.i++
	}
	if p.is(kMonth) || p.is(kNum) || p.is(kOrd) {
		if d, ok := p.date(); ok {
			m.days = d.days
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

// date reads a calendar date. A date that does not exist, or is over, is
// refused for good: no other reading of it could be meant.
func (p *parser) date() (meaning, bool) {
	m := blank()
	start := p.i
	var y, mo, d int
	t := p.tok()
	num := func(n int) *token { return p.peek(n) }
	isNum := func(n int) bool { return p.peek(n).kind == kNum && p.peek(n).val == numDigits }
	switch {
	case t.kind == kMonth:
		mo = int(t.val)
		p.i++
		p.dotAfterShort()
		p.eat(kThe)
		next := p.tok()
		switch {
		case (next.kind == kNum && next.val == numDigits && next.digits <= 2 || next.kind == kOrd) && next.num <= 99:
			d = int(next.num)
			p.i++
			p.dateRange()
			y = p.year()
		case next.kind == kNum && next.digits == 4:
			y, d = int(next.num), 1
			p.i++
		default:
			if !p.led && t.end-t.start < 4 && p.peek(0).kind != kEnd {
				p.i = start
				return m, false
			}
			// A month alone begins on its first, unless it has begun.
			days := p.cal.namedMonth(edgeStart, time.Month(mo), 0)
			if days < 0 || !p.end() && !p.is(kClosing) && !p.is(kTail) {
				p.i = start
				return m, false
			}
			m.days = days
			return m, true
		}
	case (t.kind == kOrd || isNum(0) && t.digits <= 2) && t.num <= 99 && p.monthAhead():
		d = int(t.num)
		p.i++
		p.dateRange()
		for p.is(kDot) || p.is(kOf) || p.is(kThe) || p.is(kDash) {
			p.i++
		}
		mo = int(p.tok().val)
		p.i++
		p.dotAfterShort()
		if p.is(kDash) || p.is(kOf) {
			save := p.i
			p.i++
			if y = p.year(); y == 0 {
				p.i = save
			}
		} else {
			y = p.year()
		}
	case isNum(0) && isNum(2) && isNum(4) && num(1).kind == num(3).kind && !num(1).space && !num(2).space && !num(3).space && !num(4).space:
		a, b, c := int(t.num), int(num(2).num), int(num(4).num)
		sep := num(1).kind
		if sep != kDash && sep != kSlash && sep != kDot {
			return m, false
		}
		switch {
		case t.digits == 4:
			y, mo, d = a, b, c
		case num(4).digits == 4 || num(4).digits == 2 && sep != kDash:
			if num(4).digits == 2 {
				c += 2000
			}
			y, mo, d = c, a, b // American order
			if sep == kDot || a > 12 {
				mo, d = b, a
			}
		default:
			return m, false
		}
		p.i += 5
	case isNum(0) && t.digits == 8 && t.num >= 20000101 && t.num < 21000000:
		y, mo, d = int(t.num)/10000, int(t.num)/100%100, int(t.num)%100
		p.i++
	case isNum(0) && num(1).kind == kSlash && isNum(2) && num(2).digits <= 2 && t.digits <= 2 && (p.led || p.i > 0) && num(3).kind != kUnit && num(3).kind != kSlash:
		// "by 3/12": only behind a preposition or a weekday
		mo, d = int(t.num), int(num(2).num)
		if mo > 12 {
			mo, d = d, mo
		}
		p.i += 3
	case isNum(0) && t.digits <= 2 && num(1).kind == kDot && !num(1).space && isNum(2) && !num(2).space && num(2).digits <= 2 && num(3).kind == kDot:
		d, mo = int(t.num), int(num(2).num) // 12.03.
		p.i += 4
	default:
		return m, false
	}
	days, reason := p.cal.date(y, mo, d)
	if reason == verdictBadDate && isNum(-1) && p.toks[p.i-1].digits <= 2 && p.toks[start].kind == kNum && p.toks[start].digits <= 2 {
		p.i = start
		return m, false // "30/60/90" is no date at all
	}
	if reason != understood {
		p.refuse(reason)
		return m, false
	}
	m.days = days
	// "Thursday" may also follow: "March 12 (Thursday)"
	save := p.i
	for p.is(kComma) || p.is(kOpen) {
		p.i++
	}
	if p.is(kWeekday) && p.i > save {
		p.i++
		p.eat(kClosing)
	} else {
		p.i = save
	}
	return m, true
}

// monthAhead reports whether a month follows the day number, perhaps behind
// the rest of a range.
func (p *parser) monthAhead() bool {
	for j := 1; j <= 4; j++ {
		switch t := p.peek(j); t.kind {
		case kMonth:
			return true
		case kDot, kOf, kThe, kDash, kTo, kOr, kAnd:
		case kNum, kOrd:
			if j == 1 || t.digits > 2 {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// dateRange skips the second day of "March 5-7" and "5-7 March".
func (p *parser) dateRange() {
	if !(p.is(kDash) || p.is(kTo) || p.is(kOr) || p.is(kAnd) || p.is(kSlash)) {
		return
	}
	if t := p.peek(1); (t.kind == kNum && t.val == numDigits || t.kind == kOrd) && t.num <= 31 && p.peek(2).kind != kMeridiem && p.peek(2).kind != kColon {
		p.i += 2
	}
}

// year reads the year behind a date, or 0.
func (p *parser) year() int {
	j := 0
	if p.is(kComma) {
		j = 1
	}
	if t := p.peek(j); t.kind == kNum && t.digits == 4 && t.val == numDigits && t.num >= 1900 && t.num < 2200 {
		p.i += j + 1
		return int(t.num)
	}
	return 0
}
