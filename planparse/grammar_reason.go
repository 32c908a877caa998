package planparse

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
	case first == kTo && p.tok().val == toAny && words > 0:
		return verdictEvent // "bis zum Gespräch"
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

// hasWords reports whether there are words the lexicon does not know.
func (p *parser) hasWords(from, to int) bool {
	for i := from; i < to; i++ {
		if p.toks[i].kind == kWord {
			return true
		}
	}
	return false
}
