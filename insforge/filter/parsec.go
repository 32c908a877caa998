package filter

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reader goes through an input by rules: its methods, which are the grammar's in
// parse.go and parse_select.go and what these are made of here. A rule reports
// whether it found what it is for, and puts the value where it is told. Where it
// fails, what it has read stays read, and nothing else is tried in its place; an
// attempt goes back.
//
// PostgREST reports syntax errors in the words of its own parser library,
// Parsec, and clients match on those words; so reader follows Parsec's rules for
// what an error says: the furthest failure wins, failures at one place add up, a
// label replaces what was expected where nothing was read. A rule that succeeds
// has something to say too: why it did not read on.
type reader struct {
	input string // valid UTF-8
	at    int    // what is read next
	depth int    // see nested

	notes  []note // what is known to be wrong, from since on; what stands before is kept for merge
	since  int
	failed int // the place the notes are about
}

// note is one thing to be said of a failure. It is put into words by complaint,
// for most notes never are.
type note struct {
	kind noteKind
	text string
}

type noteKind int

const (
	found      noteKind = iota // the rune that stood there; nothing is the end of input
	unexpected                 // the same, where just that rune must not stand; counts for more
	tooDeep                    // see nested
	wanted                     // the text that was expected
	expected                   // what was expected, in words
)

// tell adds to what is known to be wrong.
func (r *reader) tell(at int, kind noteKind, text string) {
	switch known := len(r.notes) > r.since; {
	case known && at < r.failed:
		return
	case !known || at > r.failed:
		r.forget(at)
	}
	r.notes = append(r.notes, note{kind, text})
}

// forget drops what is known to be wrong.
func (r *reader) forget(at int) { r.notes, r.failed = r.notes[:r.since], at }

// read goes on by so many bytes: nothing is wrong up to there.
func (r *reader) read(size int) {
	r.at += size
	r.forget(r.at)
}

// mark is a place to go back to, and what was known to be wrong there.
type mark struct{ at, since, failed int }

// mark keeps what is known to be wrong apart from what follows, until merge.
func (r *reader) mark() mark {
	m := mark{r.at, r.since, r.failed}
	r.since = len(r.notes)
	r.forget(r.at)
	return m
}

// merge adds what is known to be wrong since the mark to what was before it.
func (r *reader) merge(m mark) {
	before, after := r.notes[m.since:r.since], r.notes[r.since:]
	r.since = m.since
	switch {
	case r.at != m.at, len(before) == 0, len(after) > 0 && r.failed > m.failed:
		r.notes = append(r.notes[:m.since], after...)
	case len(after) == 0, r.failed < m.failed:
		r.notes, r.failed = r.notes[:m.since+len(before)], m.failed
	}
}

// attempt is a rule that has read nothing where it fails.
func (r *reader) attempt(rule func() bool) bool {
	m := r.mark()
	ok := rule()
	if !ok {
		r.at = m.at
	}
	r.merge(m)
	return ok
}

// label says in words what is expected in the place of a rule.
func (r *reader) label(text string, rule func() bool) bool {
	m := r.mark()
	ok := rule()
	if r.at == m.at && (!ok || len(r.notes) > r.since) {
		rest := slices.DeleteFunc(r.notes[r.since:], func(n note) bool { return n.kind == wanted || n.kind == expected })
		r.notes = append(r.notes[:r.since+len(rest)], note{expected, text})
	}
	r.merge(m)
	return ok
}

// choice is the first rule that succeeds or reads something. Where none reads
// before it fails, || is the same.
func (r *reader) choice(rules ...func() bool) bool {
	start := r.at
	for _, rule := range rules {
		if rule() {
			return true
		}
		if r.at != start {
			return false
		}
	}
	return false
}

// many is a rule as often as it succeeds, and it must read something then.
func (r *reader) many(rule func() bool) bool {
	for {
		start := r.at
		if !rule() {
			return r.at == start
		}
		r.forget(r.at)
	}
}

// sepBy1 reads one item or more, with separators between them.
func sepBy1[T any](r *reader, items *[]T, item func(*T) bool, separator func() bool) bool {
	*items = nil
	one := func() bool {
		*items = append(*items, *new(T))
		return item(&(*items)[len(*items)-1])
	}
	return one() && r.many(func() bool { return separator() && one() })
}

// deepest is how many levels a tree or select may have. Each takes a kilobyte of
// stack, and a program whose stack is used up is ended by Go.
const deepest = 1000

// nested is a rule one level further down.
func (r *reader) nested(rule func() bool) bool {
	if r.depth == deepest {
		r.tell(r.at, tooDeep, "")
		return false
	}
	r.depth++
	ok := rule()
	r.depth--
	return ok
}

// ahead is whether a text is what is read next.
func (r *reader) ahead(text string) bool {
	m := r.mark()
	ok := r.word(text)
	r.at = m.at
	r.merge(m)
	return ok
}

// notAhead is whether a rule that reads a rune fails; nothing is read.
func (r *reader) notAhead(rule func() bool) bool {
	next := r.rune(r.at)
	m := r.mark()
	ok := !rule()
	if r.at = m.at; !ok {
		r.tell(r.at, unexpected, next)
	}
	r.merge(m)
	return ok
}

// rune is the one at a place, nothing at the end of input.
func (r *reader) rune(at int) string {
	_, size := utf8.DecodeRuneInString(r.input[at:])
	return r.input[at : at+size]
}

// one reads a rune of a kind.
func (r *reader) one(test func(rune) bool) bool {
	c, size := utf8.DecodeRuneInString(r.input[r.at:])
	if size == 0 || !test(c) {
		r.tell(r.at, found, r.input[r.at:r.at+size])
		return false
	}
	r.read(size)
	return true
}

// while reads the runes of a kind.
func (r *reader) while(test func(rune) bool) string {
	start := r.at
	for r.one(test) {
	}
	return r.input[start:r.at]
}

// word reads a text. Where it fails, it fails at its start, but it has read what
// was the same.
func (r *reader) word(text string) bool { return r.match(text, true) }

// token reads a text as a whole or nothing.
func (r *reader) token(text string) bool { return r.match(text, false) }

func (r *reader) match(text string, partly bool) bool {
	start, same := r.at, 0
	for rest := r.input[start:]; same < len(text) && same < len(rest) && rest[same] == text[same]; {
		same++
	}
	if same == len(text) || same > 0 && partly {
		r.read(same)
	}
	if same < len(text) {
		r.tell(start, found, r.rune(start+same))
		r.tell(start, wanted, text)
	}
	return same == len(text)
}

// folded reads a word whether its letters are small or not, and fails at the
// first that differs, nothing read.
func (r *reader) folded(word string) bool {
	return r.attempt(func() bool {
		for _, want := range word {
			if !r.one(func(c rune) bool { return unicode.ToLower(c) == want }) {
				return false
			}
		}
		return true
	})
}

// eof is whether nothing is left to read.
func (r *reader) eof() bool {
	kind, next := unexpected, r.rune(r.at)
	if next == "" {
		kind = found
	}
	r.tell(r.at, kind, next)
	r.tell(r.at, expected, "end of input")
	return next == ""
}

// place is where the failure is, the way editors count.
func (r *reader) place() (line, column int) {
	line, column = 1, 1
	for _, c := range r.input[:r.failed] {
		switch c {
		case '\n':
			line, column = line+1, 1
		case '\t':
			column += 8 - (column-1)%8
		default:
			column++
		}
	}
	return line, column
}

// complaint puts the notes into one sentence.
func (r *reader) complaint() string {
	var sys, unexp, exp []string
	for _, n := range r.notes {
		switch n.kind {
		case found:
			sys = append(sys, n.text)
		case unexpected:
			unexp = append(unexp, showRune(n.text))
		case tooDeep:
			unexp = append(unexp, fmt.Sprintf("nesting of more than %d levels", deepest))
		case wanted:
			exp = append(exp, show(n.text))
		case expected:
			exp = append(exp, n.text)
		}
	}
	var parts []string
	switch {
	case len(unexp) > 0:
		parts = append(parts, "unexpected "+listing(unexp))
	case len(sys) > 0 && sys[0] == "":
		parts = append(parts, "unexpected end of input")
	case len(sys) > 0:
		parts = append(parts, "unexpected "+show(sys[0]))
	}
	if len(exp) > 0 {
		parts = append(parts, "expecting "+listing(exp))
	}
	if len(parts) == 0 {
		return "unknown parse error"
	}
	return strings.Join(parts, " ")
}

func listing(words []string) string {
	var unique []string
	for _, w := range words {
		if !slices.Contains(unique, w) {
			unique = append(unique, w)
		}
	}
	if len(unique) < 2 {
		return strings.Join(unique, "")
	}
	last := len(unique) - 1
	return strings.Join(unique[:last], ", ") + " or " + unique[last]
}

// controlNames are Haskell's names of the control characters.
var controlNames = [...]string{
	"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a", "b", "t", "n", "v", "f", "r", "SO", "SI",
	"DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
}

// showRune is a Haskell character literal.
func showRune(r string) string {
	switch r {
	case `'`:
		return `'\''`
	case `"`:
		return `'"'`
	}
	s := show(r)
	return "'" + s[1:len(s)-1] + "'"
}

// show is a Haskell string literal.
func show(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case int(r) < len(controlNames):
			b.WriteString(`\` + controlNames[r])
		case r == 127:
			b.WriteString(`\DEL`)
		case r > 126 || unicode.IsControl(r):
			fmt.Fprintf(&b, `\%d`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
