package planparse

import (
	"strconv"
	"strings"
	"time"
)

// date reads a calendar date. A date that does not exist, or is over, is
// refused for good: no other reading of it could be meant.
func (p *parser) date(m *meaning) bool {
	*m = blank()
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
		if p.is(kDash) && !p.tok().space && !p.peek(1).space {
			p.i++ // Mar-15
		}
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
				return false
			}
			// A month alone begins on its first, unless it has begun.
			days := p.cal.namedMonth(edgeStart, time.Month(mo), 0)
			if days < 0 || !p.end() && !p.is(kClosing) && !p.is(kTail) {
				p.i = start
				return false
			}
			m.days = days
			return true
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
			if t := p.tok(); p.toks[save].kind == kDash && t.kind == kNum && t.digits == 2 && !t.space && t.val == numDigits {
				y = 2000 + int(t.num) // 11-Mar-26
				p.i++
			} else if y = p.year(); y == 0 {
				p.i = save
			}
		} else {
			y = p.year()
		}
	case isNum(0) && isNum(2) && isNum(4) && num(1).kind == num(3).kind && !num(1).space && !num(2).space && !num(3).space && !num(4).space:
		a, b, c := int(t.num), int(num(2).num), int(num(4).num)
		sep := num(1).kind
		if sep != kDash && sep != kSlash && sep != kDot {
			return false
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
			return false
		}
		p.i += 5
	case isNum(0) && t.digits == 8 && t.num >= 20000101 && t.num < 21000000:
		y, mo, d = int(t.num)/10000, int(t.num)/100%100, int(t.num)%100
		p.i++
	case isNum(0) && num(1).kind == kSlash && isNum(2) && num(2).digits <= 2 && t.digits <= 2 && (p.led || p.i > 0 || t.num <= 12 && num(2).num > 12 || dayFirst(t.num, num(2).num)) && num(3).kind != kUnit && num(3).kind != kSlash:
		// "by 3/12": only behind a preposition or a weekday, or where no ratio
		// and no "24/7" is written like it: 3/20
		mo, d = int(t.num), int(num(2).num)
		if mo > 12 {
			mo, d = d, mo
		}
		p.i += 3
	case isNum(0) && t.digits <= 2 && num(1).kind == kDot && !num(1).space && isNum(2) && !num(2).space && num(2).digits <= 2 && num(3).kind == kDot:
		d, mo = int(t.num), int(num(2).num) // 12.03.
		p.i += 4
	case p.dottedDate(&d, &mo):
	default:
		return false
	}
	days, reason := p.cal.date(y, mo, d)
	if reason == verdictBadDate && isNum(-1) && p.toks[p.i-1].digits <= 2 && p.toks[start].kind == kNum && p.toks[start].digits <= 2 {
		p.i = start
		return false // "30/60/90" is no date at all
	}
	if reason != understood {
		p.refuse(reason)
		return false
	}
	m.days, m.dated = days, true
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
	return true
}

// dayFirst reports whether two numbers with a slash are a day and a month, and
// neither a rhythm, as 24/7 is, nor a share, as 80/20.
func dayFirst(day, month float64) bool {
	return day > 12 && day <= 31 && month >= 1 && month <= 12 && !(day == 24 && month == 7)
}

// dottedDate reads "15.3.", which the lexer takes for a fraction; the point
// behind it tells. It stands at the end, where the trimming may have reached it.
func (p *parser) dottedDate(d, mo *int) bool {
	if !p.is(kNum) || p.tok().val != numDecimal || p.i+1 >= len(p.toks) {
		return false
	}
	dot := &p.toks[p.i+1]
	if dot.kind != kDot || dot.space || p.i+2 < p.hi && !p.toks[p.i+2].space {
		return false
	}
	day, month, _ := strings.Cut(p.text(p.i), ".")
	if len(day) > 2 || len(month) > 2 {
		return false
	}
	*d, _ = strconv.Atoi(day)
	*mo, _ = strconv.Atoi(month)
	if *d < 1 || *d > 31 || *mo < 1 || *mo > 12 || len(month) < 2 && !p.led {
		return false // "3.5." by itself is three and a half, and a full stop
	}
	p.i++
	p.eat(kDot)
	return true
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
	if p.peek(1).kind == kMonth && (p.peek(2).kind == kNum || p.peek(2).kind == kOrd) && p.peek(2).num <= 31 {
		p.i += 3 // "March 9 - March 13"
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
