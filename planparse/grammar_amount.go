package planparse

import (
	"time"
	"unicode/utf8"
)

// number reads a number in digits or words, and the vague ones: a, few, half.
func (p *parser) number() (float64, bool) {
	start := p.i
	t := p.tok()
	switch t.kind {
	case kNum:
		p.i++
		n := t.num
		if t.val == numWord && n >= 20 && int(n)%10 == 0 {
			p.units(&n)
		}
		if p.eat(kHundred) {
			n *= 100
			save := p.i
			p.eat(kAnd)
			if rest, ok := p.number(); ok && rest < 100 {
				n += rest
			} else {
				p.i = save
			}
		}
		// "two and a half", but "a week and a half" is the amount's.
		if p.is(kAnd) && p.peek(1).kind == kA && p.peek(2).kind == kHalf {
			p.i += 3
			n += 0.5
		}
		// "3 (three)"
		if p.is(kOpen) && p.peek(1).kind == kNum && p.peek(1).num == n && p.peek(2).kind == kClosing {
			p.i += 3
		}
		return n, true
	case kFew:
		p.i++
		p.eat(kOf)
		if p.is(kNum) { // "unos 3 días"
			return p.number()
		}
		return t.num, true
	case kHalf:
		p.i++
		p.eat(kOf)
		p.eat(kA)
		return 0.5, true
	case kHundred:
		p.i++
		return 100, true
	case kA:
		p.i++
		switch p.tok().kind {
		case kFew, kHundred:
			return p.number()
		case kHalf:
			p.i++
			return 0.5, true
		case kThe: // "a full week"
			p.i++
		case kNum: // "a 3-day wait", but not "A1"
			if !p.tok().space {
				p.i = start
				return 0, false
			}
			return p.number()
		}
		return 1, true
	}
	p.i = start
	return 0, false
}

// units reads the "one" of "twenty-one".
func (p *parser) units(n *float64) {
	j := 0
	if p.is(kDash) {
		j = 1
	}
	if t := p.peek(j); t.kind == kNum && t.val == numWord && t.num >= 1 && t.num < 10 {
		*n += t.num
		p.i += j + 1
	}
}

// upper reads the other end of a range, which the rules ignore unless it is
// the lower one.
func (p *parser) upper(n float64) (float64, bool) {
	start := p.i
	switch p.tok().kind {
	case kTilde:
		if p.tok().val == giveOrTake && p.peek(1).kind == kNum {
			p.i += 2 // "5 ± 1 days"
			return n, false
		}
		p.i++
	case kDash, kSlash, kTo, kOr:
		p.i++
	case kA: // "3 a 5 días"
		if p.peek(1).kind != kNum {
			return n, false
		}
		p.i++
	case kAnd:
		if p.peek(1).kind == kA {
			return n, false
		}
		p.i++
	default:
		return n, false
	}
	// "2 to 3", "2 or even 3" is not worth a rule; "3 - approx. 5" is not one.
	if !p.is(kNum) && !p.is(kFew) {
		p.i = start
		return n, false
	}
	other, ok := p.number()
	if !ok {
		p.i = start
		return n, false
	}
	return min(n, other), true
}

// unitHere reads a unit, with what may stand between it and its number. A
// business day's adjective may stand on either side of the noun.
func (p *parser) unitHere() (unit, bool) {
	start := p.i
	if p.is(kDash) && p.tok().space == p.peek(1).space {
		p.i++ // 3-day
	}
	p.eat(kThe) // "2 full days", "3-й"
	business := p.eat(kBusiness)
	if business {
		p.eat(kDot)
		p.eat(kDash)
	}
	t := p.tok()
	var u unit
	switch {
	case t.kind == kUnit && !(t.num == notOne && p.peek(-1).kind == kA):
		u = t.val
	case t.kind == kWord && !t.space && t.end-t.start == 1 && p.src[t.start]|0x20 == 'm' && p.peek(-1).kind == kNum && p.peek(-1).num >= 10:
		u = uMinute // 30m; below ten it could as well be months
	default:
		p.i = start
		return 0, false
	}
	p.i++
	if u == uDay && (business || p.eat(kBusiness)) {
		u = uBusinessDay
	}
	if u == uDay && p.is(kDash) && p.peek(1).kind == kBusiness {
		p.i = start
		return 0, false
	}
	if p.is(kDot) && p.peek(1).kind != kEnd {
		p.eat(kDot) // "2 wks. from now"
	}
	return u, true
}

// unitDays is how many days a unit has, zero for the ones counted otherwise.
func unitDays(u unit) float64 {
	switch u {
	case uDay:
		return 1
	case uWeek:
		return 7
	case uFortnight:
		return 14
	case uMonth:
		return 30
	case uYear:
		return 365
	case uDecade:
		return 3650
	}
	return 0
}

// add lengthens a span by n units, refusing what is out of range before
// anything is multiplied into an overflow.
func (p *parser) add(s *span, n float64, u unit) bool {
	if n < 0 {
		p.refuse(verdictPast)
		return false
	}
	var exact time.Duration
	switch u {
	case uSecond:
		exact = time.Second
	case uMinute:
		exact = time.Minute
	case uHour:
		exact = time.Hour
	case uBusinessDay:
		if n > MaxDays {
			p.refuse(verdictOutOfRange)
			return false
		}
		s.business += int(n)
		s.exact += time.Duration((n - float64(int(n))) * float64(24*time.Hour))
		return true
	default:
		total := n * unitDays(u)
		if total > MaxDays {
			p.refuse(verdictOutOfRange)
			return false
		}
		if whole := int(total); float64(whole) == total {
			s.days += whole
		} else {
			s.exact += time.Duration(total * float64(24*time.Hour))
		}
		return true
	}
	if n*exact.Hours() > MaxDays*24 {
		p.refuse(verdictOutOfRange)
		return false
	}
	s.exact += time.Duration(n * float64(exact))
	return true
}

// amount reads a length of time: "3 days", "2-3 weeks", "a day or two",
// "1 week and 2 days", "1h30".
func (p *parser) amount(s *span) bool {
	start := p.i
	if p.is(kSpan) {
		minutes := p.tok().val
		p.i++
		if minutes%(24*60) == 0 {
			return p.add(s, float64(minutes/(24*60)), uDay)
		}
		return p.add(s, float64(minutes), uMinute)
	}
	n, ok := p.number()
	if !ok {
		return false
	}
	p.eat(kPlus) // 3+ days
	if p.is(kTail) && !p.end() && p.peek(1).kind == kUnit {
		p.i++ // 3-ish days
	} else if p.is(kDash) && p.peek(1).kind == kTail {
		p.i += 2
	}
	for more := true; more; { // "30/60/90 days"
		n, more = p.upper(n)
	}
	if p.is(kDash) && p.peek(1).kind == kTail && p.peek(2).kind == kUnit {
		p.i += 2 // "3 to 5-ish days"
	}
	p.eat(kMore) // "3 more days"
	u, ok := p.unitHere()
	if !ok {
		p.i = start
		return false
	}
	var total span
	if !p.add(&total, n, u) {
		p.i = start
		return false
	}
	// "a week and a half"
	if p.is(kAnd) && p.peek(1).kind == kA && p.peek(2).kind == kHalf && p.peek(3).kind != kUnit {
		p.i += 3
		if !p.add(&total, 0.5, u) {
			p.i = start
			return false
		}
	}
	// "a day or two", "a week or so": the first bound is the lower one.
	if p.is(kOr) && p.peek(1).kind == kNum && p.peek(2).kind != kUnit && p.peek(2).kind != kBusiness {
		p.i += 2
	}
	// "1h30"
	if u == uHour && p.is(kNum) && p.tok().digits <= 2 && p.peek(1).kind != kUnit {
		minute := p.peek(1).kind == kWord && p.peek(1).end-p.peek(1).start == 1 && p.src[p.peek(1).start]|0x20 == 'm'
		if minute || !p.tok().space {
			if !p.add(&total, p.tok().num, uMinute) {
				p.i = start
				return false
			}
			p.i++
			if minute {
				p.i++
			}
		}
	}
	for p.alsoAmount(&total, u) {
	}
	if p.fail != understood {
		p.i = start
		return false
	}
	*s = s.plus(total)
	return true
}

// alsoAmount reads a second amount: the other end of a range, or a smaller
// unit to be added.
func (p *parser) alsoAmount(total *span, u unit) bool {
	start := p.i
	joined := kEnd
	switch k := p.tok().kind; k {
	case kAnd, kPlus, kComma, kDash, kTilde, kSlash, kTo, kOr:
		joined = k
		p.i++
		if k == kComma {
			p.eat(kAnd)
		}
	}
	n, ok := p.number()
	if ok {
		n, _ = p.upper(n)
		var v unit
		if v, ok = p.unitHere(); ok {
			var more span
			if !p.add(&more, n, v) {
				// The upper end may be out of range, the lower one counts.
				p.fail = understood
				return joined != kEnd && joined != kAnd && joined != kPlus && joined != kComma
			}
			switch joined {
			case kEnd, kAnd, kPlus, kComma:
				if v < u || v == uBusinessDay && u > uDay {
					*total = total.plus(more)
					return true
				}
				if joined == kAnd && v >= u { // between 3 days and a week
					if more.length() < total.length() {
						*total = more
					}
					return true
				}
			default:
				if more.length() < total.length() {
					*total = more
				}
				return true
			}
		}
	}
	p.i = start
	return false
}

// distance reads an amount and what it is counted from.
func (p *parser) distance(m *meaning) bool {
	*m = blank()
	start := p.i
	if p.clockHours() {
		return false
	}
	// "the next 3 days", "another 2 days", "additional 3 days"
	relative := false
	if p.is(kA) && p.peek(1).kind == kMore {
		p.i++
	}
	for {
		t := p.tok()
		if t.kind == kMore {
			relative = true
			if p.peek(1).kind == kLead && p.peek(1).val == leadIn {
				p.i++ // "еще через 3 дня"
			}
		} else if !(t.kind == kNext || t.kind == kFollowing || t.kind == kThe || t.kind == kOrd && t.num == 1 && p.peek(1).kind == kNum && p.window) {
			break
		}
		p.i++
	}
	ok := true
	switch {
	case !p.is(kUnit):
		relative = relative || p.moreAhead()
		ok = p.amount(&m.span)
	case p.i > start:
		ok = (relative || p.window || p.windowAhead(start)) && p.oneUnit(&m.span)
	case p.endOfThis(m):
		return true
	default:
		ok = p.foreignUnit(&m.span)
	}
	if !ok {
		p.i = start
		return false
	}
	if relative {
		m.ref.Kind = ToPrevious
	}
	p.eat(kMore)
	if p.is(kUnit) || p.is(kTail) {
		p.tails()
	}
	if !p.countedFrom(m) {
		return false
	}
	if m.exact == 0 && !p.end() {
		p.attachTime(m) // "in 3 days at 9am"
	}
	return true
}

// clockHours reports whether "17h" behind "at" is a time on the clock.
func (p *parser) clockHours() bool {
	if n := p.tok(); !p.atHour || !p.leadIs(leadAt) || n.kind != kNum || n.num >= 24 {
		return false
	}
	p.i++
	mark := p.hourMark()
	p.i--
	return mark
}

// oneUnit reads a unit that stands for one of it: "another week", "over the
// next week", "in the next day or two"; but not "in the coming weeks".
func (p *parser) oneUnit(s *span) bool {
	if p.plural() {
		return false
	}
	u, ok := p.unitHere()
	if ok && p.is(kOr) && p.peek(1).kind == kNum {
		p.i += 2
	}
	return ok && p.add(s, 1, u)
}

// endOfThis reads "within the week", which ends with it.
func (p *parser) endOfThis(m *meaning) bool {
	if !p.window || p.i == 0 || p.toks[p.i-1].kind != kThe || p.toks[p.i-1].val != 0 || p.peek(1).kind != kEnd {
		return false
	}
	u := p.tok().val
	p.i++
	switch u {
	case uDay:
		return true
	case uWeek:
		m.days = p.cal.endOfWeek(0)
	case uMonth:
		m.days = p.cal.endOfMonth(0)
	default:
		return p.add(&m.span, 1, u)
	}
	return true
}

// foreignUnit reads a unit without a number where a language leaves out the
// one: "через неделю".
func (p *parser) foreignUnit(s *span) bool {
	if p.peek(1).kind == kAnd && p.peek(2).kind == kA && p.peek(3).kind == kHalf && !p.plural() {
		u := p.tok().val
		p.i += 4
		return p.add(s, 1.5, u) // "day and a half"
	}
	if p.tok().val == uFortnight {
		p.i++ // never names a certain one, as "week" may
		return p.add(s, 1, uFortnight)
	}
	if !p.leadIs(leadIn) && !p.window || p.peek(1).kind == kNum || p.src[p.tok().start] < utf8.RuneSelf {
		return false
	}
	u, ok := p.unitHere()
	if ok && (p.is(kDash) || p.is(kOr)) && p.peek(1).kind == kNum && p.peek(1).val == numWord {
		p.i += 2 // "через неделю-две"
	}
	return ok && p.add(s, 1, u)
}

// leadIs reports whether a filler of the kind stands right before, articles
// aside.
func (p *parser) leadIs(l lead) bool {
	for j := p.i - 1; j >= 0; j-- {
		t := &p.toks[j]
		switch t.kind {
		case kThe, kNext, kFollowing:
			continue
		case kLead:
			if t.val == leadApprox {
				continue
			}
			return t.val == l
		}
		return false
	}
	return false
}

// moreAhead reports whether the amount ahead says "more": "3 more days".
func (p *parser) moreAhead() bool {
	for j := range 3 {
		t := p.peek(j)
		if t.kind == kMore || t.kind == kFew && t.val == 1 {
			return true
		}
		if t.kind == kUnit {
			return false
		}
	}
	return false
}

// plural reports whether the next token is a plural, by its ending.
func (p *parser) plural() bool {
	t := p.tok()
	last := p.src[t.end-1] | 0x20
	return t.num == many || t.end-t.start > 3 && (last == 's' || last == 'n')
}
