package planparse

// trim leaves out what decorates a text on either side: bullets, brackets, a
// label or a step number in front, punctuation at the end.
func (p *parser) trim() {
	for start := -1; start != p.i; {
		start = p.i
		for ornament(p.tok().kind) && !p.minus() {
			p.i++
		}
		p.label()
	}
	for p.hi > p.i && ornament(p.toks[p.hi-1].kind) {
		p.hi--
	}
}

// ornament reports whether a mark says nothing at the edge of a text.
func ornament(k kind) bool {
	switch k {
	case kDash, kOpen, kClosing, kDot, kComma, kColon, kSep, kMark, kEquals, kOther, kSlash:
		return true
	}
	return false
}

// minus reports whether a dash is a minus sign: "-2 days", but "- 2 days".
func (p *parser) minus() bool {
	next := p.peek(1)
	return p.is(kDash) && next.kind == kNum && !next.space
}

// label skips "Timing:", "Step 3:", "2)" and the like, where more follows.
func (p *parser) label() {
	start := p.i
	switch t := p.tok(); {
	case (t.kind == kLabel || t.kind == kLead) && p.unitInBrackets(1):
		p.i += 5
	case t.kind == kLabel,
		(t.kind == kEvent || t.kind == kDo || t.kind == kMessage || t.kind == kLead || t.kind == kTail) && p.peek(1).kind == kColon,
		t.kind == kLead && p.peek(1).kind == kEquals:
		p.i++
		if t.kind == kLabel && p.is(kLabel) {
			p.i++
		}
		if separator(p.tok().kind) {
			// "Timing: -2 days" is negative, "Timing — 2 days" is not.
			if !(p.is(kDash) && p.tok().space && !p.peek(1).space) {
				p.i++
			}
		}
	case t.kind == kStep || t.kind == kMessage:
		p.i++
		p.eat(kNum)
		if p.i == start+1 || !labelEnd(p.tok(), p.peek(1)) {
			p.i = start
			return
		}
		p.i++
	case t.kind == kNum && t.val == numDigits && t.num <= MaxSteps:
		// "1. Day 3" and "1) Day 3", but neither "1.5" nor a date.
		next, after := p.peek(1), p.peek(2)
		if (next.kind == kDot || next.kind == kClosing) && !next.space && after.kind == kUnit && after.val == uDay && after.space && p.peek(3).kind == kNum {
			p.i += 2
		}
	}
	if p.end() {
		p.i = start
	}
}

// unitInBrackets reports whether the "(days):" of "Timing (days): 3" follows.
func (p *parser) unitInBrackets(at int) bool {
	u := p.peek(at + 1)
	return p.peek(at).kind == kOpen && u.kind == kUnit && u.val == uDay && p.peek(at+2).kind == kClosing && separator(p.peek(at+3).kind)
}

func separator(k kind) bool {
	switch k {
	case kColon, kDash, kEquals, kSep:
		return true
	}
	return false
}

// labelEnd reports whether a step's number ends here as a label does.
func labelEnd(t, next *token) bool {
	switch t.kind {
	case kColon, kSep, kClosing, kComma, kEquals:
		return next.kind != kEnd
	case kDash:
		return t.space && next.space && next.kind != kEnd
	case kOpen:
		return true
	}
	return false
}

// leads skips the closed list of fillers that may stand before a time.
func (p *parser) leads() {
	for {
		switch t := p.tok(); t.kind {
		case kLead:
			p.window = p.window || t.val == leadWindow || t.val == leadDuring
			p.atHour = t.val == leadAt
		case kAnd:
			if p.i != p.first {
				return
			}
		case kOf:
			// "in der zweiten Woche", "de 3 a 5 días"
			if p.i != p.first && p.peek(-1).kind != kLead {
				return
			}
		case kA:
			// "a finales de mes", "on a Monday"
			if k := p.peek(1).kind; k != kEdge && !(k == kWeekday && p.peek(-1).kind == kLead) {
				return
			}
		case kTo:
			if p.i != p.first || t.val != toAny && !(t.val == toBound && ofCalendar(p.peek(1).kind)) {
				return
			}
		case kTail:
			// "from today, in 3 days"
			if p.i != p.first || p.peek(1).kind != kLead && p.peek(1).kind != kAfter {
				return
			}
		case kTilde, kPlus, kBetween, kLabel, kThe, kInto:
		case kAfter, kFrom:
			// "after 2 days" and "from Monday"; "after the demo" fails later.
		case kMeridiem:
			// German "am Montag".
			if t.val != 0 {
				return
			}
		case kDo:
			// "Send 3 emails", "Share a week of results": what is counted there
			// is not time.
			switch p.peek(1).kind {
			case kEnd, kNum, kA, kFew, kOrd, kHalf:
				return
			}
		case kStart:
			// "start immediately", but "start of week".
			if next := p.peek(1).kind; next != kNow && next != kDayName && next != kLead && next != kWeekday && next != kNext {
				return
			}
		case kUnit:
			// "min. 3 days"
			if t.val != uMinute || p.peek(1).kind != kNum && p.peek(1).kind != kDot {
				return
			}
			if p.peek(1).kind == kDot {
				p.i++
			}
		case kDot, kColon:
			// "approx. day 12", "delay: 3 days"
		default:
			return
		}
		p.led = true
		p.i++
	}
}

// ofCalendar reports whether a word names a day by the calendar rather than by
// its distance.
func ofCalendar(k kind) bool {
	switch k {
	case kWeekday, kDayName, kMonth, kNext, kThis, kPeriodEnd, kEdge, kWeekend:
		return true
	}
	return false
}

// tails skips the closed list of fillers that may stand after a time.
func (p *parser) tails() {
	for !p.end() {
		switch t := p.tok(); t.kind {
		case kMark, kDot, kClosing:
		case kTilde:
			// "5 days ± 1"
			if t.val != giveOrTake || p.peek(1).kind != kNum || p.peek(2).kind != kEnd {
				return
			}
			p.i++
		case kTail, kPlus:
			if p.peek(-1).kind == kNow {
				return // "now and then", "now or later"
			}
		case kDash, kComma:
			next := p.peek(1).kind
			if next != kTail && (next != kLead || t.kind == kComma) || p.peek(-1).kind == kNow {
				return
			}
		case kLead:
			// "3 days delay", "3 days wait", "10 days approx.", "ASAP please"
			if t.val == leadStart && p.peek(1).kind == kEnd && p.peek(-1).kind == kNow {
				break
			}
			if t.val != leadWait && t.val != leadApprox && t.val != leadWindow || p.peek(1).kind != kEnd && p.peek(1).kind != kDot || p.peek(-1).kind == kNow {
				return
			}
		case kUnit:
			// "3 days max." is there; "2 days min" here
			if t.val != uMinute || p.peek(1).kind != kEnd || t.end-t.start != 3 {
				return
			}
		default:
			return
		}
		p.i++
	}
}

// told reads a time behind words that say what to do: "send the DM tomorrow",
// "follow up in 3 days". A number straight after them counts something else
// ("Email 2") unless it proves to be relative.
func (p *parser) told(m *meaning) bool {
	lo := p.i
	for {
		switch p.tok().kind {
		case kDo, kMessage, kThe, kStart, kA, kThat:
			p.i++
			continue
		case kWord:
			if p.i > lo && p.textIs("her", "him", "them", "again", "back") {
				p.i++
				continue
			}
		case kAgo:
			if p.i > lo && p.textIs("back") { // "call back tomorrow"
				p.i++
				continue
			}
		}
		break
	}
	if p.i == lo || p.end() {
		return false
	}
	prev := p.toks[p.i-1].kind
	if p.is(kComma) || p.is(kDash) || p.is(kColon) {
		p.i++
		prev = kComma
	}
	counted := p.is(kPlus) // "connection + 3 days"
	number := p.is(kNum) || p.is(kOrd) || p.is(kMonth) || p.is(kPart) || prev == kA
	rest := p.i
	p.leads()
	if before := p.peek(-1); before.kind == kLead && before.val == leadPlain && (p.is(kNum) || p.is(kA) || p.is(kFew) || p.is(kOrd)) {
		number = true // "Comment on 3 posts"
	}
	for r := ruleNow; r <= ruleDistance; r++ {
		start := p.i
		if p.apply(m, r) {
			p.tails()
			if p.end() && (!number || prev == kComma || m.ref.Kind != ToBase) {
				if counted && m.ref.Kind == ToBase {
					m.ref.Kind = ToEvent
				}
				return true
			}
		}
		p.i = start
		if p.fail != understood {
			break
		}
	}
	p.i = rest
	return false
}

// anywhere finds "Day N" within other words, which only it may stand among.
func (p *parser) anywhere(m *meaning, lo, hi int) bool {
	for p.i = lo; p.i < hi; p.i++ {
		p.hi = hi
		switch p.toks[p.i].kind {
		case kBefore, kAgo, kRecurring:
			// "2 days before day 7"; "weekly from day 3" is a rhythm.
			return false
		case kLast:
			if p.peek(1).kind == kUnit {
				return false
			}
		case kUnit, kOrd:
			if p.i > lo {
				if before := p.toks[p.i-1].kind; before == kNum || before == kDash && p.i-1 > lo && p.toks[p.i-2].kind == kNum && !p.toks[p.i].space {
					continue // "30-day 2 ..."
				}
			}
			if p.toks[p.i].kind == kOrd {
				continue
			}
			start := p.i
			if !p.dayNumber(m) {
				p.i = start
				if p.fail != understood {
					return false
				}
				continue
			}
			end := p.i
			for p.is(kComma) || p.is(kOpen) || p.is(kDash) {
				p.i++
			}
			if p.is(kBefore) && p.i == end {
				return false
			}
			p.i = end
			p.attachTime(m)
			p.from, p.to = start, max(end, p.i)
			return true
		}
	}
	return false
}

// labelled reads a time that a separator divides from a label made of the
// words plans are made of: "Week 2: send the email", "3 days - follow-up", or
// from a remark in brackets that repeats it.
func (p *parser) labelled(m *meaning) bool {
	lo, hi := p.i, p.hi
	for cut := lo + 1; cut < hi; cut++ {
		t := p.toks[cut]
		switch t.kind {
		case kColon, kSep, kOpen, kComma, kDash:
		default:
			continue
		}
		if t.kind == kDash && !t.space || t.kind == kColon && p.toks[cut-1].kind == kNum && cut+1 < hi && !p.toks[cut+1].space {
			continue // "3-day", "1:30"
		}
		numbered := p.toks[lo].kind == kUnit // "Week 2: anything"
		if !p.labelWords(cut+1, hi, numbered && t.kind != kComma) {
			continue
		}
		p.i, p.hi = lo, cut
		if p.whole(m) {
			p.to = cut
			return true
		}
		p.fail = understood
	}
	return false
}

// labelWords reports whether the tokens may stand behind a separator without
// changing the time before it.
func (p *parser) labelWords(from, to int, free bool) bool {
	if p.toks[from-1].kind == kOpen && p.dateIn(from, to) {
		return true // "3 days (Saturday, March 7)"
	}
	for i := from; i < to; i++ {
		switch p.toks[i].kind {
		case kMessage, kDo, kStep, kThe, kA, kClosing, kOpen, kMark, kDot, kThat, kLead, kPlan, kOf, kStart, kWith, kTo, kSlash, kDash, kAnd:
		case kWeekday, kOr, kPart, kNow:
			// "early next week (Monday or Tuesday)", "0 days (immediately)"
			if p.toks[from-1].kind != kOpen && !free {
				return false
			}
		case kNum:
			// "3 days (72 hours)" repeats itself.
			save, saveHi := p.i, p.hi
			p.i, p.hi = i, to
			var again span
			ok := p.amount(&again)
			for p.eat(kClosing) || p.eat(kTail) {
			}
			ok = ok && p.i == p.hi
			p.i, p.hi = save, saveHi
			return ok && i == from
		case kOrd, kWord:
			if !free && p.toks[i].kind == kWord {
				return false
			}
		case kBefore, kRecurring, kEvent, kAfter, kNegative, kAgo, kPast, kQuarter, kPlaceholder, kX:
			return false
		default:
			if !free {
				return false
			}
		}
	}
	return from < to
}

// dateIn reports whether the tokens are a date.
func (p *parser) dateIn(from, to int) bool {
	save, hi, fail := p.i, p.hi, p.fail
	p.i, p.hi = from, to
	d := blank()
	ok := p.day(&d)
	p.eat(kClosing)
	ok = ok && p.end() && d.ref.Kind == ToBase
	p.i, p.hi, p.fail = save, hi, fail
	return ok
}

// eventFirst reads a condition with an amount behind it, such as "no reply
// within 3 days" or "once they accept, wait 2 days": relative to an event.
func (p *parser) eventFirst(m *meaning) bool {
	lo, hi := p.i, p.hi
	condition, silent := false, false
	for i := lo; i < hi; i++ {
		switch p.toks[i].kind {
		case kEvent, kAfter, kFollowing:
			condition = condition || i == lo
		case kNegative:
			condition, silent = true, true
		case kBefore, kRecurring, kAgo:
			return false
		case kNum, kA, kFew:
			if !condition || i == lo {
				continue
			}
			// What joins the amount to the condition.
			joined := false
			for j := i - 1; j > lo; j-- {
				switch k := p.toks[j].kind; k {
				case kComma, kOpen, kPlus, kSep, kColon, kDash:
					joined = true
				case kLead, kThe, kLabel:
					joined = joined || silent && k == kLead
					continue
				case kAfter:
					joined = joined || silent
					continue
				case kTo:
					continue
				case kWord:
					joined = joined || silent && lowerEqual(p.text(j), "for")
				}
				break
			}
			if !joined {
				continue
			}
			p.i, p.hi = i, hi
			*m = blank()
			if p.amount(&m.span) {
				p.eat(kLater)
				p.eat(kAfter)
				p.tails()
				if p.end() {
					m.ref.Kind = ToEvent
					return true
				}
			}
			p.hi = hi
		}
	}
	return false
}
