package planparse

// countedFrom reads what an amount is counted from, if anything is said.
func (p *parser) countedFrom(m *meaning) bool {
	start := p.i
	p.eat(kOpen) // "3 days (after step 2)"
	if p.is(kComma) || p.is(kDash) && p.peek(1).kind != kNum {
		if k := p.peek(1).kind; k == kEvent || k == kNegative || k == kAfter {
			p.i++
		}
	}
	t := p.tok()
	switch t.kind {
	case kEnd:
		return true
	case kLater:
		p.i++
		m.ref.Kind = ToPrevious
		if !p.eat(kStep) { // "after this step"
			p.eat(kMessage)
		}
		p.eat(kClosing)
		p.condition()
		return true
	case kAgo, kBefore:
		if p.peek(1).kind == kEnd || t.kind == kAgo {
			p.refuse(verdictPast)
		} else {
			p.refuse(verdictEvent)
		}
		return false
	case kPrevious:
		if p.peek(1).kind == kEnd {
			p.refuse(verdictPast) // "3 days earlier", "two weeks prior"
			return false
		}
	case kAfter, kFollowing, kFrom, kOf, kInto, kLead, kWith, kDash, kLast:
		if t.kind == kDash && p.peek(1).kind != kAfter {
			break
		}
		if t.kind == kLast && t.val != 1 {
			break
		}
		if t.kind == kDash {
			p.i++
		}
		if t.kind == kLead && t.val == leadIn && p.peek(1).kind == kEnd {
			p.i++ // "3 days in"
			return true
		}
		if t.kind == kLead && !(t.val == leadIn && (p.peek(1).kind == kPlan || p.peek(2).kind == kPlan)) && !(t.val == leadPlain && p.peek(1).kind == kWeekday) {
			break
		}
		p.i++
		if p.eat(kDash) {
			// post-demo
			t = p.tok()
		}
		p.eat(kOpen)
		if p.end() {
			// "5 days after", but "a week after sending"
			m.ref.Kind = ToPrevious
			if t.val == 2 {
				m.ref.Kind = ToEvent
			}
			return true
		}
		if p.anchor(m, t.kind != kOf || p.window || p.is(kNegative)) {
			return true
		}
		if p.fail != understood {
			return false
		}
		p.i = start
	case kEvent, kNegative:
		return p.event(m)
	case kDayName:
		// "a week tomorrow"
		if m.days > 0 && m.days%7 == 0 && p.anchor(m, false) {
			return true
		}
	}
	p.i = start
	return true
}

// anchor reads the point behind "after": the start, a day, a step, the
// previous one, or else an event.
func (p *parser) anchor(m *meaning, events bool) bool {
	start := p.i
	if p.startPoint() {
		return true
	}
	p.i = start
	if day := blank(); p.dayTime(&day) && (p.end() || p.is(kClosing) || p.is(kTail)) {
		if day.ref.Kind != ToBase {
			m.ref = day.ref
		}
		m.span = m.span.plus(day.span)
		m.clock, m.zone, m.explicit = day.clock, day.zone, day.explicit
		p.eat(kClosing)
		return true
	}
	if p.fail != understood {
		return false
	}
	p.i = start
	if ref, ok := p.reference(); ok {
		m.ref = ref
		p.rest()
		return true
	}
	p.i = start
	return events && p.event(m)
}

// startPoint reads the plan's beginning.
func (p *parser) startPoint() bool {
	p.eat(kThe)
	switch {
	case p.eat(kNow), p.eat(kTail):
	case p.is(kEdge) && p.tok().val == edgeStart, p.is(kLead) && p.tok().val == leadStart:
		p.i++ // "3 days from the beginning", "after starting"
		if p.eat(kOf) {
			p.eat(kThe)
			if !p.eat(kPlan) {
				return false
			}
		}
	case p.is(kDayName) && p.tok().val == 0:
		p.i++
	case p.eat(kStart):
		if p.eat(kOf) {
			p.eat(kThe)
			if !p.eat(kPlan) {
				return false
			}
			p.eat(kPlan)
		}
	case p.is(kPlan):
		own := p.tok().val == 0
		p.i++
		own = p.eat(kPlan) || own
		own = p.eat(kStart) || own
		if !own {
			return false
		}
	default:
		return false
	}
	p.tails()
	p.eat(kClosing)
	return p.end()
}

// reference reads a step of the plan: the previous one or a numbered one.
func (p *parser) reference() (Reference, bool) {
	for p.eat(kThe) || p.eat(kOf) {
	}
	for p.is(kDone) || p.is(kDo) && p.peek(1).kind == kStep {
		p.i++
		p.eat(kOf)
		p.eat(kThe)
	}
	// "Post the first steps" is no reference: one step is referred to.
	plural := func() bool {
		t := p.tok()
		return (t.kind == kStep || t.kind == kMessage) && p.src[t.end-1]|0x20 == 's' && p.peek(1).kind != kNum
	}
	switch {
	case plural():
	case p.is(kStep) || p.is(kMessage) && p.peek(1).kind == kNum && p.peek(2).kind == kEnd && p.tok().val == 1:
		p.i++
		if t := p.tok(); t.kind == kNum && t.num <= 1000 {
			p.i++
			return Reference{ToStep, int(t.num)}, true
		}
		if p.is(kPrevious) || p.end() {
			p.eat(kPrevious)
			return Reference{Kind: ToPrevious}, true
		}
		if p.is(kLast) {
			p.i++
			return Reference{Kind: ToPrevious}, true
		}
	case p.is(kOrd) && p.peek(1).kind == kStep:
		n := int(p.tok().num)
		p.i++
		many := plural()
		p.i++
		return Reference{ToStep, n}, !many
	case p.is(kLast) || p.is(kPrevious):
		many := p.is(kLast)
		p.i++
		p.eat(kOf)
		p.eat(kDone)
		if many && plural() {
			return Reference{}, false
		}
		// At most two nouns: "last touch", "previous email message".
		for range 2 {
			if !p.eat(kStep) && !p.eat(kMessage) && !p.eat(kPlan) && !(p.is(kNum) && p.tok().val == numWord && p.tok().num == 1 && p.eat(kNum)) {
				break
			}
		}
		p.eat(kThat)
		p.eat(kPrevious)
		if p.end() || p.is(kClosing) || p.is(kDone) || p.is(kPlus) || p.is(kComma) || p.is(kDash) || p.is(kOpen) {
			return Reference{Kind: ToPrevious}, true
		}
	case p.is(kThis) && p.peek(1).kind == kStep, p.is(kThat) && p.peek(1).kind == kStep:
		p.i += 2
		return Reference{Kind: ToPrevious}, p.end()
	case p.is(kThat) || p.is(kThis):
		p.i++
		return Reference{Kind: ToPrevious}, p.end()
	}
	return Reference{}, false
}

// rest skips what may be said of a step that is referred to: that it is done.
func (p *parser) rest() {
	for {
		switch p.tok().kind {
		case kDone, kClosing, kMark, kDot:
			p.i++
			continue
		case kThe, kWord, kMessage, kStep, kComma, kSep, kDash, kOpen, kTail:
			// Words behind a reference describe it.
			p.i = p.hi
		default:
			p.condition()
		}
		return
	}
}

// condition skips what must be the case besides: "3 days later if no reply".
// The point that is counted from is known without it.
func (p *parser) condition() {
	j := 0
	if k := p.tok().kind; k == kComma || k == kOpen || k == kDash {
		j = 1
	}
	if k := p.peek(j).kind; k == kEvent || k == kNegative {
		p.i = p.hi
	}
}

// event takes everything that is left for something outside the plan.
func (p *parser) event(m *meaning) bool {
	for i := p.i; i < p.hi; i++ {
		switch p.toks[i].kind {
		case kBefore, kAgo, kRecurring, kX, kPlaceholder:
			return false
		}
	}
	p.i = p.hi
	m.ref = Reference{Kind: ToEvent}
	return true
}

// simultaneous reads what happens right at a step of the plan: "immediately
// after step 2", "same day as step 1", "the day after the last touch".
func (p *parser) simultaneous(m *meaning) bool {
	*m = blank()
	start := p.i
	switch t := p.tok(); t.kind {
	case kNow, kSame:
		p.i++
		if t.kind == kNow && p.is(kWith) && p.peek(1).kind == kEnd {
			return false
		}
		if t.kind == kNow && (p.is(kAfter) || p.is(kLater)) && p.peek(1).kind == kEnd {
			p.i++ // "immediately after"
			m.ref.Kind = ToPrevious
			return true
		}
		if !p.eat(kAfter) && !p.eat(kFollowing) && !p.eat(kWith) && !p.eat(kOf) {
			if t.kind == kSame && t.val == uDay {
				return p.sameDay(m)
			}
			p.i = start
			return false
		}
		return p.onlyStep(m)
	case kWith:
		p.i++
		return p.onlyStep(m)
	case kAfter, kFollowing:
		p.i++
		return p.onlyStep(m)
	}
	// leads skipped "after" already: "after step 2", "on completion of step 2"
	if p.led && start > 0 && (p.toks[start-1].kind == kAfter || p.toks[start-1].kind == kThe && start > 1 && p.toks[start-2].kind == kAfter) {
		if p.onlyStep(m) {
			return true
		}
	}
	p.i = start
	return false
}

// sameDay reads "same day" with nothing, or a time of day, behind it.
func (p *parser) sameDay(m *meaning) bool {
	p.attachTime(m)
	return true
}

// onlyStep reads a reference to a step of the plan and nothing else.
func (p *parser) onlyStep(m *meaning) bool {
	ref, ok := p.reference()
	if !ok {
		return false
	}
	m.ref = ref
	for p.eat(kDone) || p.eat(kClosing) {
	}
	if p.end() {
		return true
	}
	// "After step 2, wait 3 days"
	if !p.eat(kComma) && !p.eat(kColon) && !p.eat(kDash) && !p.eat(kPlus) && !p.is(kLead) {
		return false
	}
	for p.eat(kLead) {
	}
	return p.amount(&m.span) && (p.eat(kLater) || true) && p.end()
}

// relativeFirst reads a reference with an amount behind it: "step 1 + 2 days",
// "previous step +3", "today + 3 days", and the words for the next day.
func (p *parser) relativeFirst(m *meaning) bool {
	*m = blank()
	start := p.i
	// "The day after step 2", "the next day", "following week".
	p.eat(kLead)
	p.eat(kThe)
	if p.is(kMeridiem) && p.tok().val == 0 {
		p.i++ // German "am Tag danach"
	}
	switch {
	case p.is(kLater):
		if p.tok().val == 1 {
			p.i++
			m.days, m.ref.Kind = 1, ToPrevious
			return p.anchorAfterDay(m)
		}
	case p.is(kFollowing) || p.is(kNext):
		p.i++
		if p.is(kPart) {
			m.days, m.ref.Kind, m.clock = 1, ToPrevious, p.tok().val
			p.i++
			p.attachTime(m)
			return p.anchorAfterDay(m)
		}
		if p.is(kBusiness) || p.is(kUnit) && !p.plural() {
			u, ok := p.unitHere()
			if ok && u >= uDay && p.add(&m.span, 1, u) {
				m.ref.Kind = ToPrevious
				p.attachTime(m)
				if u == uBusinessDay && p.toks[start].kind != kFollowing && p.end() {
					m.ref.Kind = ToBase
				}
				return p.anchorAfterDay(m)
			}
		}
	case p.is(kUnit) && p.tok().val >= uDay && !p.plural() && p.peek(1).kind == kLater && p.peek(2).kind == kEnd:
		// "the day after that"
		u := p.tok().val
		p.i += 2
		m.ref.Kind = ToPrevious
		return p.add(&m.span, 1, u)
	case p.is(kUnit) && p.tok().val >= uDay && p.peek(1).kind == kAfter,
		p.is(kUnit) && p.tok().val >= uDay && p.peek(1).kind == kFollowing && !p.plural():
		u := p.tok().val
		p.i++
		m.ref.Kind = ToPrevious
		if !p.add(&m.span, 1, u) {
			return false
		}
		if p.peek(1).kind == kEnd {
			p.i++
			return true
		}
		return p.anchorAfterDay(m)
	}
	p.i = start
	if p.is(kPlus) || p.is(kThe) {
		p.i++
	}
	var ok bool
	switch {
	case p.is(kT) && p.peek(1).kind == kNum && p.peek(1).num == 0:
		p.i += 2 // "T0 + 5 days"
		if p.end() {
			return true
		}
		ok = true
	case p.is(kNow) || p.is(kStart) || p.is(kDayName) || p.is(kPlan) && p.peek(1).kind == kStart:
		if p.is(kDayName) {
			m.days = int(p.tok().val)
		}
		p.i++
		p.eat(kStart)
		ok = true
	default:
		m.ref, ok = p.reference()
		p.eat(kDone)
	}
	if !ok || !(p.is(kPlus) || p.is(kAnd) || p.is(kDash) && m.ref.Kind != ToBase || p.is(kComma) && m.ref.Kind != ToBase) {
		return false
	}
	minus := p.is(kDash) && p.tok().space != p.peek(1).space
	p.i++
	if minus {
		p.refuse(verdictPast)
		return false
	}
	if p.amount(&m.span) {
		p.eat(kLater)
		p.tails()
		return true
	}
	if n, ok := p.number(); ok && p.end() {
		return p.add(&m.span, n, uDay)
	}
	return false
}

// anchorAfterDay reads "after REFERENCE" behind "the next day".
func (p *parser) anchorAfterDay(m *meaning) bool {
	if p.is(kLater) && p.peek(1).kind == kEnd {
		p.i++ // "the next day after that"
		return true
	}
	if p.eat(kAfter) || p.eat(kFollowing) || p.eat(kFrom) {
		if p.end() {
			return true
		}
		if ref, ok := p.reference(); ok {
			m.ref = ref
			p.rest()
			return true
		}
		return p.event(m)
	}
	p.tails()
	return true
}
