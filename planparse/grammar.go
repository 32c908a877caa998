package planparse

import "time"

// meaning is what a timing string says, before it meets the clock: a distance
// in days, business days and exact time, and perhaps a time of day.
type meaning struct {
	span
	ref   Reference
	clock int32 // minutes of the day, or noClock
	zone  int32 // minutes east of UTC of the clock, or noZone
	// explicit is true for a clock time as opposed to a part of the day.
	explicit bool
	// counted is true for "Day N", which [DayOneIsBase] shifts.
	counted bool
	// dated is true for a date of the calendar.
	dated bool
	// bareClock is true for a clock time without a day.
	bareClock bool
	// lo and hi bound the tokens that were understood.
	lo, hi int
}

const (
	noClock = -1
	noZone  = 1 << 20
)

// verdict is a [Reason] as the grammar passes it around: a number, because a
// string would tie the parser's memory to the answer and move it to the heap.
type verdict uint8

const (
	understood verdict = iota
	verdictNoTiming
	verdictEvent
	verdictPast
	verdictRecurring
	verdictPlaceholder
	verdictCalendarQuarter
	verdictOutOfRange
	verdictBadDate
	verdictEmpty
	verdictPartOfDayOnly
)

var verdictReasons = [...]Reason{
	verdictNoTiming:        ReasonNoTiming,
	verdictEvent:           ReasonEvent,
	verdictPast:            ReasonPast,
	verdictRecurring:       ReasonRecurring,
	verdictPlaceholder:     ReasonPlaceholder,
	verdictCalendarQuarter: ReasonCalendarQuarter,
	verdictOutOfRange:      ReasonOutOfRange,
	verdictBadDate:         ReasonBadDate,
	verdictEmpty:           ReasonEmpty,
	verdictPartOfDayOnly:   ReasonPartOfDayOnly,
}

// span is a distance in time.
type span struct {
	days     int           // calendar days
	business int           // Monday to Friday, counted after the days
	exact    time.Duration // on the instant, after both
}

// length orders spans for "3 days to a week".
func (s span) length() time.Duration {
	return time.Duration(s.days)*24*time.Hour + time.Duration(s.business)*34*time.Hour + s.exact
}

func (s span) plus(t span) span {
	return span{s.days + t.days, s.business + t.business, s.exact + t.exact}
}

// parser reads tokens by recursive descent. Every method that fails puts the
// position back where it found it. Alternatives share no unbounded prefix and
// the text is at most 256 runes, so the work stays proportional to its length.
type parser struct {
	toks []token
	src  string
	i    int // the next token
	hi   int // the end of what may be read
	cal  calendar
	// first is where the text begins once it is trimmed.
	first int
	// fail is the first reason for which something well-formed was refused.
	fail verdict
	// window is true after "within" and its like.
	window bool
	// atHour is true after "at".
	atHour bool
	// led is true after any leading filler.
	led bool
}

func (p *parser) tok() *token { return p.peek(0) }

var endToken = token{kind: kEnd, space: true}

func (p *parser) peek(n int) *token {
	if j := p.i + n; j < p.hi && j >= 0 {
		return &p.toks[j]
	}
	return &endToken
}

func (p *parser) is(k kind) bool { return p.tok().kind == k }

func (p *parser) eat(k kind) bool {
	if p.is(k) {
		p.i++
		return true
	}
	return false
}

func (p *parser) end() bool { return p.i >= p.hi }

// refuse notes why something that could be read may not be used.
func (p *parser) refuse(r verdict) {
	if p.fail == understood {
		p.fail = r
	}
}

func blank() meaning { return meaning{clock: noClock, zone: noZone} }

// parse reads the whole text.
func (p *parser) parse() (meaning, verdict) {
	p.trim()
	if p.end() {
		if len(p.toks) > 2 && p.bracketed() {
			return meaning{}, verdictPlaceholder
		}
		return meaning{}, verdictNoTiming
	}
	lo, hi := p.i, p.hi
	if m, ok := p.whole(); ok {
		m.lo, m.hi = lo, hi
		return p.checked(m)
	}
	if p.fail == verdictOutOfRange && p.hasWords(lo, hi) {
		p.fail = understood // "10 years of experience" is not about time at all
	}
	if p.fail != understood {
		return meaning{}, p.fail
	}
	if m, ok := p.anywhere(lo, hi); ok {
		return p.checked(m)
	}
	if p.fail != understood {
		return meaning{}, p.fail
	}
	p.i, p.hi = lo, hi
	if m, ok := p.labelled(); ok {
		m.lo = lo
		return p.checked(m)
	}
	p.i, p.hi = lo, hi
	if m, ok := p.eventFirst(); ok {
		m.lo, m.hi = lo, hi
		return p.checked(m)
	}
	if p.fail != understood {
		return meaning{}, p.fail
	}
	p.i, p.hi = lo, hi
	return meaning{}, p.reason()
}

// hasWords reports whether there are words the lexicon does not know.
func (p *parser) hasWords(from, to int) bool {
	for i := from; i < to; i++ {
		if p.toks[i].kind == kWord {
			return true
		}
	}
	return false
}

// checked refuses what lies outside the limits. It is done on numbers, before
// any date is computed.
func (p *parser) checked(m meaning) (meaning, verdict) {
	switch {
	case m.days < 0:
		return m, verdictPast
	case m.days > MaxDays || m.business > MaxDays || m.exact > MaxDays*24*time.Hour:
		return m, verdictOutOfRange
	case m.length() > MaxDays*24*time.Hour && m.business == 0:
		return m, verdictOutOfRange
	}
	return m, understood
}

// trim leaves out what decorates a text on either side: bullets, brackets, a
// label or a step number in front, punctuation at the end.
func (p *parser) trim() {
	for {
		start := p.i
		for {
			switch p.tok().kind {
			case kDash:
				if next := p.peek(1); next.kind == kNum && !next.space && p.i+1 < p.hi {
					goto labels // a minus sign
				}
				p.i++
				continue
			case kOpen, kClosing, kDot, kComma, kColon, kSep, kMark, kEquals, kOther, kSlash:
				p.i++
				continue
			}
			break
		}
	labels:
		p.label()
		if p.i == start {
			break
		}
	}
	for p.hi > p.i {
		switch p.toks[p.hi-1].kind {
		case kDash, kOpen, kClosing, kDot, kComma, kColon, kSep, kMark, kEquals, kOther, kSlash:
			p.hi--
			continue
		}
		break
	}
}

// label skips "Timing:", "Step 3:", "2)" and the like, where more follows.
func (p *parser) label() {
	start := p.i
	switch t := p.tok(); {
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

// whole reads a time that the whole text is made of, fillers aside.
func (p *parser) whole() (meaning, bool) {
	lo := p.i
	p.first = lo
	if m, ok := p.bare(); ok {
		return m, true
	}
	if p.fail != understood {
		return meaning{}, false
	}
	p.i = lo
	p.leads()
	start := p.i
	for r := ruleSimultaneous; r <= ruleClock; r++ {
		p.i = start
		if m, ok := p.apply(r); ok {
			p.tails()
			if p.end() {
				return m, true
			}
		}
		if p.fail != understood {
			return meaning{}, false
		}
	}
	p.i = lo
	if m, ok := p.relativeFirst(); ok && p.end() {
		return m, true
	}
	p.i = lo
	if m, ok := p.elapsed(); ok {
		return m, true
	}
	p.i = lo
	return p.told()
}

// elapsed reads "once 3 days have passed": the only condition that time alone
// fulfils.
func (p *parser) elapsed() (meaning, bool) {
	m := blank()
	if !p.eat(kEvent) || !p.amount(&m.span) {
		return m, false
	}
	over := p.is(kTail) && p.tok().val == tailOver
	p.tails()
	return m, over && p.end()
}

// rule names the alternatives of a whole text, in the order in which they are
// tried.
type rule uint8

const (
	ruleSimultaneous rule = iota
	ruleNow
	ruleDay
	ruleDistance
	ruleClock
)

// apply reads by a rule. A table of the methods would say the same, and move
// every parser to the heap.
func (p *parser) apply(r rule) (meaning, bool) {
	switch r {
	case ruleSimultaneous:
		return p.simultaneous()
	case ruleNow:
		return p.now()
	case ruleDay:
		return p.dayTime()
	case ruleDistance:
		return p.distance()
	default:
		return p.clockOnly()
	}
}

// bare reads a number that stands alone; it counts days.
func (p *parser) bare() (meaning, bool) {
	m := blank()
	p.eat(kPlus)
	p.eat(kTilde)
	if t := p.tok(); p.is(kT) || p.is(kUnit) && t.end-t.start == 1 {
		// T+3, D+3, J+3; W+2, H+24.
		if sign := p.peek(1).kind; sign == kPlus || sign == kDash {
			p.i += 2
			n, ok := p.number()
			if !ok {
				return m, false
			}
			u := uDay
			if t.kind == kUnit {
				u = t.val
			}
			if p.is(kUnit) {
				u = p.tok().val
				p.i++
			}
			if !p.end() {
				return m, false
			}
			if sign == kDash && n > 0 {
				p.refuse(verdictPast)
				return m, false
			}
			return m, p.add(&m.span, n, u)
		}
		return m, false
	}
	if p.is(kDash) {
		if next := p.peek(1); next.kind == kNum && !next.space {
			p.refuse(verdictPast)
		}
		return m, false
	}
	if p.is(kNum) && p.tok().digits == 8 {
		return m, false // a date without its dashes
	}
	if start := p.i; p.dottedDate(new(int), new(int)) {
		p.i = start
		return m, false
	}
	n, ok := p.number()
	if !ok || p.peek(-1).kind == kA || p.peek(-1).kind == kHalf {
		return m, false
	}
	// A range of bare numbers is one of days, if it goes up.
	if p.is(kDash) || p.is(kTo) {
		p.i++
		spelt := p.toks[p.i-2].val == numWord
		alike := p.is(kNum) && (p.tok().val == numWord) == spelt // no "7-Eleven"
		upper, ok := p.number()
		if !ok || !alike || upper <= n || upper > 90 {
			return m, false
		}
	}
	p.eat(kPlus)
	if !p.end() {
		return m, false
	}
	return m, p.add(&m.span, n, uDay)
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
			if t.val != 1 || p.i != p.first {
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

// tails skips the closed list of fillers that may stand after a time.
func (p *parser) tails() {
	for {
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
		case kDash:
			if p.peek(1).kind != kTail && p.peek(1).kind != kLead || p.peek(-1).kind == kNow {
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

// now reads the closed list of ways to say it.
func (p *parser) now() (meaning, bool) {
	m := blank()
	switch {
	case p.is(kNow):
		// "By now", "not before now" and "for now" are something else.
		for j := p.first; j < p.i; j++ {
			switch t := &p.toks[j]; t.kind {
			case kDo, kStart, kLabel, kMessage, kStep, kThat, kColon, kComma, kDash:
			case kThe, kA:
				if j == p.first || j+1 == p.i {
					return m, false // "the now", "a request now"
				}
			case kLead:
				if t.val != leadStart {
					return m, false
				}
			default:
				return m, false
			}
		}
		p.i++
		for p.eat(kNow) || p.is(kComma) && p.peek(1).kind == kNow && p.eat(kComma) {
		}
		// "now (today)", "immediately, today"
		save := p.i
		p.eat(kComma)
		p.eat(kOpen)
		p.eat(kSlash)
		if p.is(kDayName) && p.tok().val == 0 || p.is(kClose) {
			p.i++
			p.eat(kClosing)
			return m, true
		}
		p.i = save
		return m, true
	case p.is(kStart) && p.tok().val == 1:
		// "at the start (of the sequence)"
		p.i++
		if p.eat(kOf) {
			p.eat(kThe)
			return m, p.eat(kPlan)
		}
		return m, p.led
	case p.is(kPlan) && p.peek(1).kind == kStart:
		p.i += 2
		return m, true
	}
	return m, false
}

// told reads a time behind words that say what to do: "send the DM tomorrow",
// "follow up in 3 days". A number straight after them counts something else
// ("Email 2") unless it proves to be relative.
func (p *parser) told() (meaning, bool) {
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
		return meaning{}, false
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
		if m, ok := p.apply(r); ok {
			p.tails()
			if p.end() && (!number || prev == kComma || m.ref.Kind != ToBase) {
				if counted && m.ref.Kind == ToBase {
					m.ref.Kind = ToEvent
				}
				return m, true
			}
		}
		p.i = start
		if p.fail != understood {
			break
		}
	}
	p.i = rest
	return meaning{}, false
}

// anywhere finds "Day N" within other words, which only it may stand among.
func (p *parser) anywhere(lo, hi int) (meaning, bool) {
	for p.i = lo; p.i < hi; p.i++ {
		p.hi = hi
		switch p.toks[p.i].kind {
		case kBefore, kAgo, kRecurring:
			// "2 days before day 7"; "weekly from day 3" is a rhythm.
			return meaning{}, false
		case kLast:
			if p.peek(1).kind == kUnit {
				return meaning{}, false
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
			m, ok := p.dayNumber()
			if !ok {
				p.i = start
				if p.fail != understood {
					return meaning{}, false
				}
				continue
			}
			end := p.i
			for p.is(kComma) || p.is(kOpen) || p.is(kDash) {
				p.i++
			}
			if p.is(kBefore) && p.i == end {
				return meaning{}, false
			}
			p.i = end
			p.attachTime(&m)
			m.lo, m.hi = start, max(end, p.i)
			return m, true
		}
	}
	return meaning{}, false
}

// labelled reads a time that a separator divides from a label made of the
// words plans are made of: "Week 2: send the email", "3 days - follow-up", or
// from a remark in brackets that repeats it.
func (p *parser) labelled() (meaning, bool) {
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
		if m, ok := p.whole(); ok {
			m.hi = cut
			return m, true
		}
		p.fail = understood
	}
	return meaning{}, false
}

// labelWords reports whether the tokens may stand behind a separator without
// changing the time before it.
func (p *parser) labelWords(from, to int, free bool) bool {
	for i := from; i < to; i++ {
		switch p.toks[i].kind {
		case kMessage, kDo, kStep, kThe, kA, kClosing, kOpen, kMark, kDot, kThat, kLead, kPlan, kOf, kStart, kWith, kTo, kSlash, kDash, kAnd:
		case kWeekday, kOr, kPart:
			// "early next week (Monday or Tuesday)"
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

// eventFirst reads a condition with an amount behind it, such as "no reply
// within 3 days" or "once they accept, wait 2 days": relative to an event.
func (p *parser) eventFirst() (meaning, bool) {
	lo, hi := p.i, p.hi
	condition, silent := false, false
	for i := lo; i < hi; i++ {
		switch p.toks[i].kind {
		case kEvent, kAfter, kFollowing:
			condition = condition || i == lo
		case kNegative:
			condition, silent = true, true
		case kBefore, kRecurring, kAgo:
			return meaning{}, false
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
			m := blank()
			if p.amount(&m.span) {
				p.eat(kLater)
				p.eat(kAfter)
				p.tails()
				if p.end() {
					m.ref.Kind = ToEvent
					return m, true
				}
			}
			p.hi = hi
		}
	}
	return meaning{}, false
}

// reason says why nothing was found, from the words that are there.
func (p *parser) reason() verdict {
	var seen [kOther + 1]bool
	words := 0
	for i := p.i; i < p.hi; i++ {
		t := &p.toks[i]
		if (t.kind == kLast || t.kind == kPrevious) && i+1 < p.hi {
			switch p.toks[i+1].kind {
			case kUnit, kWeekday, kMonth, kWeekend, kPart:
				seen[kPast] = seen[kPast] || t.val == 0 || i == p.i
			case kThis, kDayName:
				seen[kPast] = true // "earlier today"
			}
			if t.val == 0 {
				continue
			}
		}
		if t.kind == kX && i > p.i && p.toks[i-1].kind == kNum {
			continue // 3x
		}
		if t.kind == kSlash && i > p.i && i+1 < p.hi && p.toks[i+1].kind == kUnit && p.toks[i-1].kind != kNum {
			seen[kRecurring] = true // 3x/week
		}
		if t.kind == kAfter && i > p.i && i+1 == p.hi {
			continue // "their post"
		}
		seen[t.kind] = true
		if t.kind == kWord {
			words++
		}
	}
	first := p.tok().kind
	switch {
	case first == kPlaceholder && p.peek(1).kind == kSlash:
		return verdictNoTiming // n/a
	case seen[kPlaceholder], seen[kX] && (seen[kUnit] || words == 0), p.bracketed():
		return verdictPlaceholder
	case seen[kRecurring]:
		return verdictRecurring
	case seen[kQuarter] && words == 0:
		return verdictCalendarQuarter
	case seen[kAgo] && words == 0, seen[kPast] && words == 0:
		return verdictPast
	case first == kBefore && words == 0 && (p.peek(1).kind == kNum || p.peek(1).kind == kA || p.tok().val == 1 && p.peek(1).kind == kEnd):
		return verdictPast // "vor 3 Tagen", "the day before"
	case seen[kEvent], first == kAfter, first == kFollowing, first == kBefore, seen[kBefore], first == kLead && words > 0 && p.tok().val == leadDuring:
		return verdictEvent
	case seen[kAfter], seen[kFollowing], seen[kSame] && seen[kWith], p.dayOf():
		return verdictEvent
	case seen[kQuarter]:
		return verdictCalendarQuarter
	case seen[kPart] && words == 0:
		return verdictPartOfDayOnly
	}
	return verdictNoTiming
}

// dayOf reports whether a text begins as "(on) the day of".
func (p *parser) dayOf() bool {
	i := p.i
	for i < p.hi && (p.toks[i].kind == kLead || p.toks[i].kind == kThe) {
		i++
	}
	return i+2 < p.hi && p.toks[i].kind == kUnit && p.toks[i].val == uDay && p.toks[i+1].kind == kOf
}

// bracketed reports whether the whole text stands in the brackets of a
// template.
func (p *parser) bracketed() bool {
	if len(p.toks) < 2 {
		return false
	}
	first, last := &p.toks[0], &p.toks[len(p.toks)-1]
	return first.kind == kOpen && last.kind == kClosing && p.src[first.start] != '('
}
