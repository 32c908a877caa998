package planparse

import "unicode/utf8"

// dayNumber reads "Day N" in all its spellings, and ranges of them.
func (p *parser) dayNumber(m *meaning) bool {
	*m = blank()
	start := p.i
	t := p.tok()
	if t.kind != kUnit || t.val != uDay && t.val != uBusinessDay {
		return false
	}
	short := t.end-t.start == 1
	p.i++
	// What may stand between the word and its number.
	switch s := p.tok(); s.kind {
	case kDash:
		next := p.peek(1)
		if next.kind == kNum && (s.space && !next.space || short) {
			p.refuse(verdictPast) // "Day -1", "D-5"
			return false
		}
		if next.kind == kNum && next.val == numWord && !s.space && p.src[t.start] >= utf8.RuneSelf {
			p.i = start // "через день-два" is a day or two
			return false
		}
		p.i++
	case kColon, kPlus, kOpen, kEquals, kDot, kTilde:
		p.i++
	case kThe:
		if s.val == 1 {
			break
		}
	}
	if p.peek(-1).kind == kUnit {
		p.numberSign()
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
		return false
	}
	n = p.dayRange(n)
	if t.num == alsoVerb && p.objectAhead() {
		p.i = start
		return false
	}
	p.eat(kClosing)
	plus := p.is(kPlus) || p.is(kAnd) && p.tok().val == andPlus
	if plus && p.peek(1).kind == kNum && p.amountAhead() {
		p.i++
		return p.add(&m.span, n, uDay) && p.amount(&m.span)
	}
	if plus {
		p.i++
	}
	if plus && n == 0 && p.is(kNum) && p.peek(1).kind == kEnd {
		n = p.tok().num // "Day 0 + 3"; of any other day it is a second one
		p.i++
	}
	if n > MaxDays {
		p.refuse(verdictOutOfRange)
		return false
	}
	m.counted = true
	u := uDay
	if t.val == uBusinessDay {
		u, m.counted = uBusinessDay, false
	}
	if !p.add(&m.span, n, u) {
		return false
	}
	// "Day 1 of Week 2"; of anything else only that it is a part of.
	save := p.i
	p.eat(kComma)
	p.eat(kOpen)
	of := p.eat(kOf)
	if of || p.i > save || p.is(kUnit) || p.is(kLead) {
		p.eat(kLead)
		p.eat(kThe)
		if p.is(kUnit) && p.tok().val == uWeek {
			if w := blank(); p.weekNumber(&w) {
				if n <= 7 { // a day beyond the week is counted from the start
					m.days += w.days
				}
				p.eat(kClosing)
				return true
			}
		}
		if of && p.is(kOrd) && p.peek(1).kind == kUnit && p.peek(1).val == uWeek {
			m.days += 7 * (int(p.tok().num) - 1)
			p.i += 2
			return true
		}
	}
	p.i = save
	return true
}

// objectAhead reports whether words follow that a verb would have for object.
func (p *parser) objectAhead() bool {
	switch t := p.tok(); t.kind {
	case kDash:
		return !t.space // "Tag 1-2 colleagues"
	case kPlus:
		return p.peek(1).kind != kEnd
	case kEnd, kComma, kColon, kSlash, kOpen, kClosing, kDot, kSep, kMark, kEquals,
		kLead, kPart, kClose, kAfter, kEvent, kNegative, kOf, kOr, kAnd, kLater, kTail:
		return false
	}
	return true
}

// numberSign skips the "no." of "Day no. 3".
func (p *parser) numberSign() {
	if (p.is(kWord) || p.is(kNegative)) && p.textIs("no", "num", "nr", "number") {
		p.i++
		p.eat(kDot)
	}
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
	case kLead:
		if !t.space && isLetter(p.src[t.start]) {
			return true // "D2C"
		}
	case kDot:
		if short && !t.space && p.peek(1).kind == kWord && !p.peek(1).space {
			return true // "D3.js"
		}
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
			if joint.kind == kAnd && joint.val == andPlus {
				return n
			}
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
			// "Day 3-5 days", but "Day 3, or 2 days after step 1"
			if !repeated && !(next.kind == kUnit && next.val == uDay && joint.kind != kComma && p.peek(1).kind != kAfter && p.peek(1).kind != kLater) {
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
