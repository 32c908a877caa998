package planparse

import (
	"time"
	"unicode/utf8"
)

// parser is the grammar of timings. A text comes to it normalised (normalise.go)
// and cut into tokens (lexer.go), each looked up in the vocabularies
// (lexicon_english.go, lexicon_languages.go), which give many words few kinds
// (token.go). What it finds is a meaning (meaning.go), a distance that is put on
// the calendar later (calendar.go).
//
// The rules are sorted by what they read: an amount, a date, a day, "Day N", a
// clock time, a week, a period and so on, a file for each. They know nothing of
// what may stand around a time; that is grammar_frame.go. A text is first taken
// as a whole; only if that fails "Day N" is looked for in it, then a time with a
// label, then a condition with an amount. What is left has no date, and
// grammar_reason.go says why.
//
// It is recursive descent. Every method that fails puts the
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
	// half is true when the last clock time said which half of the day it is in.
	half bool
	// led is true after any leading filler.
	led bool
	// from and to bound the tokens that were understood.
	from, to int
}

func (p *parser) tok() *token {
	if p.i < p.hi {
		return &p.toks[p.i]
	}
	return &endToken
}

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

// parse reads the whole text.
func (p *parser) parse(m *meaning) verdict {
	p.trim()
	if p.end() {
		if len(p.toks) > 2 && p.bracketed() {
			return verdictPlaceholder
		}
		return verdictNoTiming
	}
	lo, hi := p.i, p.hi
	p.from, p.to = lo, hi
	if p.whole(m) {
		return m.checked()
	}
	if p.fail == verdictOutOfRange && p.hasWords(lo, hi) {
		p.fail = understood // "10 years of experience" is not about time at all
	}
	if p.fail != understood {
		return p.fail
	}
	if p.anywhere(m, lo, hi) {
		return m.checked()
	}
	if p.fail != understood {
		return p.fail
	}
	p.i, p.hi = lo, hi
	if p.labelled(m) {
		return m.checked()
	}
	p.i, p.hi = lo, hi
	if p.eventFirst(m) {
		return m.checked()
	}
	if p.fail != understood {
		return p.fail
	}
	p.i, p.hi = lo, hi
	return p.reason()
}

// checked refuses what lies outside the limits. It is done on numbers, before
// any date is computed.
func (m *meaning) checked() verdict {
	switch {
	case m.days < 0:
		return verdictPast
	case m.days > MaxDays || m.business > MaxDays || m.exact > MaxDays*24*time.Hour:
		return verdictOutOfRange
	case m.length() > MaxDays*24*time.Hour && m.business == 0:
		return verdictOutOfRange
	}
	return understood
}

// whole reads a time that the whole text is made of, fillers aside.
func (p *parser) whole(m *meaning) bool {
	lo := p.i
	p.first = lo
	if p.mayBe(ruleBare) && p.bare(m) {
		return true
	}
	if p.fail != understood {
		return false
	}
	p.i = lo
	p.leads()
	start := p.i
	for r := ruleSimultaneous; r <= ruleClock; r++ {
		p.i = start
		if !p.mayBe(r) {
			continue
		}
		if p.apply(m, r) {
			p.tails()
			if p.end() {
				return true
			}
		}
		if p.fail != understood {
			return false
		}
	}
	p.i = lo
	if p.mayBe(ruleRelative) && p.relativeFirst(m) && p.end() {
		return true
	}
	p.i = lo
	if p.mayBe(ruleElapsed) && p.elapsed(m) {
		return true
	}
	p.i = lo
	return p.mayBe(ruleTold) && p.told(m)
}

// elapsed reads "once 3 days have passed": the only condition that time alone
// fulfils.
func (p *parser) elapsed(m *meaning) bool {
	*m = blank()
	if !p.eat(kEvent) || !p.amount(&m.span) {
		return false
	}
	over := p.is(kTail) && p.tok().val == tailOver
	p.tails()
	return over && p.end()
}

// rule names the alternatives of a whole text.
type rule uint8

const (
	ruleBare rule = iota
	// Those from here to ruleClock are tried in this order behind fillers.
	ruleSimultaneous
	ruleNow
	ruleDay
	ruleDistance
	ruleClock
	ruleRelative
	ruleElapsed
	ruleTold
)

// begins says which rules a text may follow that begins with a token of a
// kind: most rules are ruled out without being tried.
var begins = [kOther + 1]uint16{
	kNum:       1<<ruleBare | 1<<ruleDay | 1<<ruleDistance | 1<<ruleClock,
	kOrd:       1<<ruleDay | 1<<ruleDistance | 1<<ruleRelative,
	kUnit:      1<<ruleBare | 1<<ruleDay | 1<<ruleDistance | 1<<ruleRelative,
	kBusiness:  1 << ruleDay,
	kWeekday:   1 << ruleDay,
	kMonth:     1 << ruleDay,
	kWeekend:   1 << ruleDay,
	kDayName:   1<<ruleDay | 1<<ruleRelative,
	kTonight:   1 << ruleDay,
	kNow:       1<<ruleSimultaneous | 1<<ruleNow | 1<<ruleRelative,
	kPart:      1 << ruleDay,
	kClose:     1 << ruleDay,
	kEdge:      1 << ruleDay,
	kPeriodEnd: 1 << ruleDay,
	kThis:      1<<ruleDay | 1<<ruleRelative,
	kNext:      1<<ruleDay | 1<<ruleDistance | 1<<ruleRelative,
	kLast:      1<<ruleDay | 1<<ruleRelative,
	kPrevious:  1 << ruleRelative,
	kFollowing: 1<<ruleSimultaneous | 1<<ruleDay | 1<<ruleDistance | 1<<ruleRelative,
	kAfterNext: 1 << ruleDay,
	kAfter:     1 << ruleSimultaneous,
	kOf:        1 << ruleRelative,
	kWith:      1 << ruleSimultaneous,
	kSame:      1<<ruleSimultaneous | 1<<ruleDay,
	kLead:      1 << ruleRelative,
	kThe:       1<<ruleDay | 1<<ruleDistance | 1<<ruleRelative | 1<<ruleTold,
	kA:         1<<ruleBare | 1<<ruleDistance | 1<<ruleTold,
	kLater:     1<<ruleDay | 1<<ruleRelative,
	kThat:      1<<ruleRelative | 1<<ruleTold,
	kMore:      1 << ruleDistance,
	kStart:     1<<ruleNow | 1<<ruleDay | 1<<ruleRelative | 1<<ruleTold,
	kPlan:      1<<ruleNow | 1<<ruleRelative,
	kEvent:     1 << ruleElapsed,
	kStep:      1 << ruleRelative,
	kMessage:   1<<ruleRelative | 1<<ruleTold,
	kDone:      1 << ruleRelative,
	kDo:        1<<ruleRelative | 1<<ruleTold,
	kHalf:      1 << ruleDistance,
	kSpan:      1 << ruleDistance,
	kFew:       1<<ruleBare | 1<<ruleDistance,
	kHundred:   1<<ruleBare | 1<<ruleDistance,
	kMeridiem:  1<<ruleDay | 1<<ruleRelative,
	kT:         1<<ruleBare | 1<<ruleRelative,
	kDash:      1 << ruleBare,
	kPlus:      1<<ruleBare | 1<<ruleRelative,
	kTilde:     1 << ruleBare,
}

// mayBe reports whether what is ahead can follow a rule at all, by its first
// token. What the fillers have taken the "after" from may also be simultaneous.
// A number with a unit behind it is an amount and nothing else, but for clock
// times, such as "14h" and "0900 Day 3", and languages that number days like that.
func (p *parser) mayBe(r rule) bool {
	t := p.tok()
	if t.kind == kNum && t.digits < 4 && r != ruleDistance {
		if u := p.peek(1); u.kind == kUnit && u.val != uHour && p.src[u.start] < utf8.RuneSelf {
			return false
		}
	}
	return begins[t.kind]&(1<<r) != 0 || r == ruleSimultaneous && p.led
}

// apply reads by a rule. A table of the methods would say the same, and move
// every parser to the heap.
func (p *parser) apply(m *meaning, r rule) bool {
	switch r {
	case ruleSimultaneous:
		return p.simultaneous(m)
	case ruleNow:
		return p.now(m)
	case ruleDay:
		return p.dayTime(m)
	case ruleDistance:
		return p.distance(m)
	default:
		return p.clockOnly(m)
	}
}

// bare reads a number that stands alone; it counts days.
func (p *parser) bare(m *meaning) bool {
	*m = blank()
	p.eat(kPlus)
	p.eat(kTilde)
	if t := p.tok(); p.is(kT) || p.is(kUnit) && t.end-t.start == 1 {
		// T+3, D+3, J+3; W+2, H+24.
		sign := p.peek(1).kind
		if sign == kAnd && p.peek(1).val == andPlus {
			sign = kPlus // T plus 3
		}
		if sign == kPlus || sign == kDash {
			p.i += 2
			n, ok := p.number()
			if !ok {
				return false
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
				return false
			}
			if sign == kDash && n > 0 {
				p.refuse(verdictPast)
				return false
			}
			return p.add(&m.span, n, u)
		}
		return false
	}
	if p.is(kDash) {
		if next := p.peek(1); next.kind == kNum && !next.space {
			p.refuse(verdictPast)
		}
		return false
	}
	if p.is(kNum) && p.tok().digits == 8 {
		return false // a date without its dashes
	}
	if start := p.i; p.dottedDate(new(int), new(int)) {
		p.i = start
		return false
	}
	if next := p.peek(1); p.is(kA) && next.kind == kNum && next.val != numWord {
		return false // "a 3"
	}
	n, ok := p.number()
	if !ok || p.peek(-1).kind == kA || p.peek(-1).kind == kHalf {
		return false
	}
	// A range of bare numbers is one of days, if it goes up.
	if p.is(kDash) || p.is(kTo) {
		p.i++
		spelt := p.toks[p.i-2].val == numWord
		alike := p.is(kNum) && (p.tok().val == numWord) == spelt // no "7-Eleven"
		upper, ok := p.number()
		if !ok || !alike || upper <= n || upper > 90 {
			return false
		}
	}
	p.eat(kPlus)
	if !p.end() {
		return false
	}
	return p.add(&m.span, n, uDay)
}

// now reads the closed list of ways to say it.
func (p *parser) now(m *meaning) bool {
	*m = blank()
	switch {
	case p.is(kNow):
		// "By now", "not before now" and "for now" are something else.
		for j := p.first; j < p.i; j++ {
			switch t := &p.toks[j]; t.kind {
			case kDo, kStart, kLabel, kMessage, kStep, kThat, kColon, kComma, kDash:
			case kThe, kA:
				if j == p.first || j+1 == p.i {
					return false // "the now", "a request now"
				}
			case kLead:
				if t.val != leadStart {
					return false
				}
			default:
				return false
			}
		}
		p.i++
		for p.eat(kNow) || (p.is(kComma) || p.is(kSlash)) && p.peek(1).kind == kNow {
			if p.is(kComma) || p.is(kSlash) {
				p.i++
			}
		}
		// "now (today)", "immediately, today"
		save := p.i
		if p.is(kComma) || p.is(kOpen) || p.is(kSlash) || p.is(kDash) && p.tok().space {
			p.i++
		}
		if p.is(kDayName) && p.tok().val == 0 || p.is(kClose) || p.is(kSame) && p.tok().val == uDay {
			p.i++
			p.eat(kClosing)
			return true
		}
		// "ASAP (within 24 hours)"
		if p.i > save && p.is(kLead) && p.tok().val == leadWindow {
			p.i++
			if p.amount(new(span)) {
				p.eat(kClosing)
				return true
			}
		}
		p.i = save
		return true
	case p.is(kStart) && p.tok().val == 1:
		// "at the start (of the sequence)"
		p.i++
		if p.eat(kOf) {
			p.eat(kThe)
			return p.eat(kPlan)
		}
		return p.led
	case p.is(kPlan) && p.peek(1).kind == kStart:
		p.i += 2
		return true
	}
	return false
}

// text is a token as it is written.
func (p *parser) text(i int) string { return p.src[p.toks[i].start:p.toks[i].end] }

// textIs reports whether the next token is one of the words.
func (p *parser) textIs(words ...string) bool {
	t := p.tok()
	text := p.src[t.start:t.end]
	for _, w := range words {
		if lowerEqual(text, w) {
			return true
		}
	}
	return false
}

// lowerEqual compares a token's text with a word in lower case.
func lowerEqual(s, word string) bool {
	if len(s) != len(word) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != word[i] {
			return false
		}
	}
	return true
}
