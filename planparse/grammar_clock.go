package planparse

// attachTime reads the times of day that may follow a day.
func (p *parser) attachTime(m *meaning) {
	for !p.end() {
		save := p.i
		for p.is(kComma) || p.is(kOpen) || p.is(kThe) || p.is(kLead) || p.is(kDash) || p.is(kSep) || p.is(kColon) || p.is(kT) || p.is(kBetween) || p.is(kFrom) || p.is(kAfter) {
			p.atHour = p.is(kLead) && p.tok().val == leadAt
			p.i++
		}
		part := m.clock
		if m.explicit || !p.partOrClock(m) {
			p.i = save
			return
		}
		if part > noon && m.explicit && m.clock < noon && !p.half {
			m.clock += 12 * 60 // "tonight at 8"
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
	if !p.is(kNum) && !p.is(kPart) {
		return false
	}
	start := p.i
	minutes, sure, meridiem, ok := p.clockPoint()
	if !ok {
		p.i = start
		return false
	}
	// A range of hours starts at its first one, which borrows its half of the
	// day from the second: "9-11 AM".
	iso := start > 0 && p.toks[start-1].kind == kT // then a dash begins the zone
	if p.is(kDash) && !iso || p.is(kTo) || p.is(kAnd) {
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
	m.clock, m.explicit, p.half = minutes, true, meridiem >= 0
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
		if p.hourMark() {
			p.i++ // 14:30h
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
	case p.halfOfDay(&h):
		sure = true
	case p.is(kUnit) && p.tok().val == uHour && at && p.tok().end-p.tok().start <= 3, p.i > 1 && p.hourMark():
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

// hourMark reports whether the h of "14h" follows.
func (p *parser) hourMark() bool {
	t := p.tok()
	return t.kind == kUnit && t.val == uHour && t.end-t.start == 1 && !t.space
}

// halfOfDay reads the part of the day that says which half of it an hour is in:
// "at 9 in the morning", "в 10 утра".
func (p *parser) halfOfDay(h *int32) bool {
	save := p.i
	if p.is(kLead) && p.tok().val == leadIn {
		p.i++
		p.eat(kThe)
	}
	twelve := p.is(kPart) && p.tok().val == noon && *h == 12 // "12 noon Friday"
	if !p.is(kPart) || *h > 12 || p.i == 1 && !twelve {
		p.i = save
		return false
	}
	if part := p.tok().val; part > noon && *h < 12 {
		*h += 12
	} else if part < noon {
		*h %= 12
	}
	p.i++
	return true
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
func (p *parser) clockOnly(m *meaning) bool {
	*m = blank()
	for p.is(kLead) {
		p.atHour = p.tok().val == leadAt
		p.i++
	}
	if t := p.tok(); t.kind != kNum || t.digits == 4 {
		return false
	}
	if !p.clock(m) {
		return false
	}
	// "9 in the morning" would need the part to be understood.
	m.bareClock = true
	return true
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
