package planparse

import "time"

// parser is the grammar of timings. A text comes to it normalised (normalise.go)
// and cut into tokens (lexer.go), each looked up in the vocabularies
// (lexicon.go, lexicon_languages.go), which give many words few kinds (token.go).
// What it finds is a meaning (meaning.go), a distance that is put on the
// calendar later (calendar.go).
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
			return m, true
		}
		// "ASAP (within 24 hours)"
		if p.i > save && p.is(kLead) && p.tok().val == leadWindow {
			p.i++
			if p.amount(new(span)) {
				p.eat(kClosing)
				return m, true
			}
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
