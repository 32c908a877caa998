package planparse

import "strings"

// lexer cuts a normalised text into tokens. It never looks back, so its cost
// is linear in the length of the text.
type lexer struct {
	src string
	pos int
	// The tokens of an ordinary text fit into room, which stays on the stack;
	// those of a longer one move to more. A slice of room kept here would move
	// it to the heap.
	room [24]token
	n    int
	more []token
	// space is true when something was skipped since the last token.
	space bool
}

func (l *lexer) run() {
	l.space = true
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == ' ':
			l.space = true
			l.pos++
		case isLetter(c):
			l.word()
		case isDigit(c):
			l.number()
		default:
			l.mark(c)
		}
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isLetter takes every byte of a non-ASCII rune for a letter: normalise has
// left no others.
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 }

func (l *lexer) emit(t token, start, end int) {
	t.start, t.end, t.space = uint16(start), uint16(end), l.space
	l.space = false
	if l.n < len(l.room) {
		l.room[l.n] = t
		l.n++
		return
	}
	if l.more == nil {
		l.more = make([]token, 0, MaxTiming)
		for _, t := range l.room {
			l.more = append(l.more, t)
		}
	}
	l.more = append(l.more, t)
}

func (l *lexer) at(i int) byte {
	if i < len(l.src) {
		return l.src[i]
	}
	return 0
}

// number reads digits with at most one decimal point or comma. Two points make
// a date or a version, which the grammar puts together itself.
func (l *lexer) number() {
	start := l.pos
	n, digits := l.digits()
	t := token{kind: kNum, num: n, digits: uint8(min(digits, 255)), val: numDigits}
	// Behind "2026." no decimal begins: that is a date.
	parts := start >= 2 && l.src[start-1] == '.' && isDigit(l.src[start-2])
	if c := l.at(l.pos); !parts && (c == '.' || c == ',') && isDigit(l.at(l.pos+1)) {
		save := l.pos
		l.pos++
		frac, places := l.digits()
		next := l.at(l.pos)
		more := (next == '.' || next == ',' || next == '/' || next == ':') && isDigit(l.at(l.pos+1))
		switch {
		case more || c == ',' && places > 2 && places != 3:
			l.pos = save
		case c == ',' && places == 3:
			t.num = n*1000 + frac // thousands
		default:
			for range places {
				frac /= 10
			}
			t.num += frac
			t.val = numDecimal
			if c == ',' {
				t.val = numComma
			}
		}
	}
	if digits == 1 && l.digitWord(start) {
		return // 2morrow
	}
	// A suffix glued to the digits makes an ordinal of them.
	if t.val == numDigits && l.pos+2 <= len(l.src) && !isLetter(l.at(l.pos+2)) {
		switch lowerPair(l.src[l.pos], l.src[l.pos+1]) {
		case "st", "nd", "rd", "th":
			l.pos += 2
			t.kind = kOrd
		}
	}
	l.emit(t, start, l.pos)
}

// digitWord reads a word that begins with a digit, where the lexicon has one.
func (l *lexer) digitWord(start int) bool {
	var buf [longestWord]byte
	n, h := 0, noLetters
	for n < len(buf) && (isLetter(l.at(start+n)) || n == 0) {
		buf[n] = lower(l.at(start + n))
		h = h.and(buf[n])
		n++
	}
	if n < 5 {
		return false // "3d", "2nd", "5min": a number and a word
	}
	entry := words.find(buf[:n], h)
	if entry == nil {
		return false
	}
	l.pos = start + n
	l.emit(token{kind: entry.kind, val: entry.val, num: entry.num}, start, l.pos)
	return true
}

// lowerPair returns the two letters in lower case where they are one of the
// English ordinal endings.
func lowerPair(a, b byte) string {
	switch [2]byte{a | 0x20, b | 0x20} {
	case [2]byte{'s', 't'}:
		return "st"
	case [2]byte{'n', 'd'}:
		return "nd"
	case [2]byte{'r', 'd'}:
		return "rd"
	case [2]byte{'t', 'h'}:
		return "th"
	}
	return ""
}

// huge stands for every number too large to matter.
const huge = 1e9

func (l *lexer) digits() (n float64, count int) {
	start := l.pos
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		if n < huge {
			n = n*10 + float64(l.src[l.pos]-'0')
		}
		l.pos++
	}
	return min(n, huge), l.pos - start
}

// longestWord is longer than any in the lexicon, in bytes.
const longestWord = 32

// word reads a word or, where the lexicon knows one that starts here, a phrase.
func (l *lexer) word() {
	start := l.pos
	var buf [longestWord]byte
	n, h := 0, noLetters
	end := start
letters:
	for ; end < len(l.src); end++ {
		c := l.src[end]
		switch {
		case isLetter(c):
		case c == '/' && slashed(l.src, start, end):
		case c == '\'' && apostrophe(l.src, start, end), c == '.' && dotted(l.src, start, end):
			continue // of the word, but none of its letters
		default:
			break letters
		}
		if n < len(buf) {
			buf[n] = lower(c)
			h = h.and(buf[n])
		}
		n++
	}
	l.pos = end
	t := token{kind: kWord}
	if n <= len(buf) {
		if entry := words.find(buf[:n], h); entry != nil {
			t.kind, t.val, t.num = entry.kind, entry.val, entry.num
			if entry.kind == kNum {
				t.val = numWord
			}
			if n == 1 && entry.kind == kUnit && entry.val == uYear && l.space {
				t.kind = kAnd // "3 y 5", unlike "3y"
			}
			if entry.phrases != nil {
				next := lower(l.at(l.gap(l.pos)))
				for i := range entry.phrases {
					ph := &entry.phrases[i]
					if ph.first != next {
						continue
					}
					if to, ok := l.follows(ph.rest); ok {
						t.kind, t.val, t.num = ph.kind, ph.val, ph.num
						l.pos, end = to, to
						break
					}
				}
			}
		}
	}
	if t.kind == kWord && n == end-start && l.compound(buf[:min(n, len(buf))], start) {
		return
	}
	l.emit(t, start, end)
	if l.at(l.pos) == '\'' {
		l.pos++ // days'
		if l.at(l.pos)|0x20 == 's' && !isLetter(l.at(l.pos+1)) {
			l.pos++ // week's
		}
	}
}

// compound cuts a weekday and a part of it that are written as one word, as
// German has them: Montagmorgen, Freitagnachmittag.
func (l *lexer) compound(word []byte, start int) bool {
	const shortest = len("montag")
	for cut := shortest; cut+len("abend") <= len(word); cut++ {
		if word[cut-1] != 'g' && word[cut-1] != 'h' {
			continue
		}
		day, part := words.find(word[:cut], hashOf(word[:cut])), words.find(word[cut:], hashOf(word[cut:]))
		if day == nil || day.kind != kWeekday || part == nil || part.kind != kPart && part.kind != kDayName {
			continue
		}
		clock := part.val
		if part.kind == kDayName {
			clock = morning // "morgen" by itself is tomorrow
		}
		l.emit(token{kind: kWeekday, val: day.val}, start, start+cut)
		l.emit(token{kind: kPart, val: clock}, start+cut, start+len(word))
		return true
	}
	return false
}

// slashed reports whether the slash at i belongs to w/in, w/o or w/c.
func slashed(s string, start, i int) bool {
	return i == start+1 && s[start]|0x20 == 'w' && i+1 < len(s) && isLetter(s[i+1])
}

// apostrophe reports whether the one at i stands within a word, as in "don't",
// and begins no possessive.
func apostrophe(s string, start, i int) bool {
	if i+1 == len(s) || !isLetter(s[i+1]) {
		return false
	}
	possessive := s[i+1]|0x20 == 's' && (i+2 == len(s) || !isLetter(s[i+2]))
	return !possessive || i == start+1
}

// dotted reports whether the point at i belongs to an abbreviation of single
// letters, as in "a.m." and "a.s.a.p.": a letter stands alone before it, and
// another after it or an abbreviation before it.
func dotted(s string, start, i int) bool {
	if i == start || i-start > 12 {
		return false
	}
	alone := i-1 == start || i >= 2 && s[i-2] == '.'
	if !alone {
		return false
	}
	if i+1 < len(s) && isLetter(s[i+1]) && (i+2 >= len(s) || !isLetter(s[i+2])) {
		return true
	}
	return i-1 > start
}

// gap skips what may stand between the words of a phrase.
func (l *lexer) gap(i int) int {
	for i < len(l.src) {
		switch l.src[i] {
		case ' ', '-', '_', '\t', '\'':
			i++
			continue
		}
		break
	}
	return i
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return c
}

// follows reports whether the words stand next in the text, with spaces or
// hyphens between them, and where they end.
func (l *lexer) follows(rest []string) (int, bool) {
	i := l.pos
	for _, w := range rest {
		j := l.gap(i)
		if j == i || j+len(w) > len(l.src) || !strings.EqualFold(l.src[j:j+len(w)], w) {
			return 0, false
		}
		i = j + len(w)
		if isLetter(l.at(i)) {
			return 0, false
		}
	}
	return i, true
}

// mark reads everything that is neither a letter nor a digit.
func (l *lexer) mark(c byte) {
	start := l.pos
	l.pos++
	k := kOther
	switch c {
	case '\t', '\n', '\r', '\f', '\v', '*', '`', '"', '\'', '#', '^', '\\', 0:
		l.space = true
		return
	case '_':
		if l.at(l.pos) == '_' {
			for l.at(l.pos) == '_' {
				l.pos++
			}
			if l.pos == len(l.src) || l.at(l.pos) == ' ' {
				k = kX // a line to write on
				break
			}
		}
		l.space = true
		return
	case '-':
		k = kDash
		for l.at(l.pos) == '-' {
			l.pos++
		}
		if l.at(l.pos) == '>' {
			l.pos++
		}
	case ',':
		k = kComma
	case ':':
		k = kColon
	case '/':
		k = kSlash
	case '+':
		k = kPlus
		if strings.HasPrefix(l.src[l.pos:], "/-") {
			l.pos += 2
			l.emit(token{kind: kTilde, val: giveOrTake}, start, l.pos)
			return
		}
	case '$', '%':
		k = kWord // money and shares are no days
	case '~':
		if l.at(l.pos) == '~' {
			l.pos++
			l.space = true
			return
		}
		k = kTilde
	case '(', '[', '{', '<':
		k = kOpen
		if c == '<' && l.tag() {
			return
		}
	case ')', ']', '}', '>':
		k = kClosing
	case '.':
		k = kDot
		for l.at(l.pos) == '.' {
			l.pos++
			k = kTo // 3..5
		}
		if k == kTo && (!isDigit(l.at(l.pos)) || start == 0) {
			k = kDot
		}
	case ';', '|':
		k = kSep
	case '!', '?':
		k = kMark
	case '=':
		k = kEquals
	case '@':
		l.emit(token{kind: kLead, val: leadAt}, start, l.pos)
		return
	case '&':
		if l.entity() {
			return
		}
		k = kAnd
	}
	l.emit(token{kind: k}, start, l.pos)
}

// tag skips an HTML tag. What stands in angle brackets without being one is a
// placeholder.
func (l *lexer) tag() bool {
	end := strings.IndexByte(l.src[l.pos:], '>')
	if end < 0 || end > 24 {
		return false
	}
	name := strings.Trim(l.src[l.pos:l.pos+end], "/ ")
	if i := strings.IndexByte(name, ' '); i >= 0 {
		name = name[:i]
	}
	switch strings.ToLower(name) {
	case "b", "i", "u", "em", "strong", "br", "p", "span", "code", "div", "td", "li", "mark", "small", "sup", "sub", "h1", "h2", "h3", "a", "font", "pre", "kbd", "del", "s":
		l.pos += end + 1
		l.space = l.space || name == "br" || name == "p"
		return true
	}
	return false
}

// entity reads the HTML entities that occur for spaces and dashes.
func (l *lexer) entity() bool {
	end := strings.IndexByte(l.src[l.pos:], ';')
	if end < 0 || end > 6 {
		return false
	}
	switch strings.ToLower(l.src[l.pos : l.pos+end]) {
	case "nbsp", "ensp", "emsp", "quot", "#160", "#39", "thinsp":
		l.pos += end + 1
		l.space = true
		return true
	case "ndash", "mdash", "minus", "#8211", "#8212":
		start := l.pos - 1
		l.pos += end + 1
		l.emit(token{kind: kDash}, start, l.pos)
		return true
	}
	return false
}
