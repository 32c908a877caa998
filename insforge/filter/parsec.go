package filter

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// This file holds the few parser combinators the grammar in parse.go is
// written with. PostgREST reports syntax errors in the words of its own
// combinator library, Parsec, and clients match on those words; so these
// combinators follow Parsec's rules for what an error says: the furthest
// failure wins, failures at one place add up, a label replaces what was
// expected where nothing was consumed.

// cursor is a place in the input. It is a value: going back is keeping it.
type cursor struct {
	rest      []rune
	line, col int
	depth     int // see nested
}

func (c cursor) next() cursor {
	switch c.rest[0] {
	case '\n':
		c.line, c.col = c.line+1, 1
	case '\t':
		c.col += 8 - (c.col-1)%8
	default:
		c.col++
	}
	c.rest = c.rest[1:]
	return c
}

func (c cursor) compare(d cursor) int {
	if c.line != d.line {
		return c.line - d.line
	}
	return c.col - d.col
}

// note is one thing a failure has to say.
type note struct {
	kind noteKind
	text string
	char rune // of unexpectedChar
}

type noteKind int

const (
	sysUnexpected  noteKind = iota // what stood there, found by a primitive; empty is the end of input
	unexpectedChar                 // the same, not put into words yet: most failures are never told
	unexpected                     // the same, said by the grammar
	expected
)

// failure is what is known to be wrong at a place. One without notes is
// unknown: it says nothing and gives way to any other.
type failure struct {
	at    cursor
	notes []note
}

func (f failure) unknown() bool { return len(f.notes) == 0 }

func (f failure) merge(g failure) failure {
	switch {
	case g.unknown() && !f.unknown():
		return f
	case f.unknown() && !g.unknown():
		return g
	}
	switch d := f.at.compare(g.at); {
	case d > 0:
		return f
	case d < 0:
		return g
	}
	return failure{f.at, slices.Concat(f.notes, g.notes)}
}

// expecting replaces everything that was expected by one label.
func (f failure) expecting(label string) failure {
	notes := append(make([]note, 0, len(f.notes)+1), note{kind: expected, text: label})
	for _, n := range f.notes {
		if n.kind != expected {
			notes = append(notes, n)
		}
	}
	return failure{f.at, notes}
}

// String puts the notes into one sentence.
func (f failure) String() string {
	var sys, unexp, exp []string
	for _, n := range f.notes {
		switch n.kind {
		case sysUnexpected:
			sys = append(sys, n.text)
		case unexpectedChar:
			sys = append(sys, show(string(n.char)))
		case unexpected:
			unexp = append(unexp, n.text)
		case expected:
			exp = append(exp, n.text)
		}
	}
	var parts []string
	switch {
	case len(unexp) > 0:
		if s := listing(unexp); s != "" {
			parts = append(parts, "unexpected "+s)
		}
	case len(sys) > 0 && sys[0] == "":
		parts = append(parts, "unexpected end of input")
	case len(sys) > 0:
		parts = append(parts, "unexpected "+sys[0])
	}
	if s := listing(exp); s != "" {
		parts = append(parts, "expecting "+s)
	}
	if len(parts) == 0 {
		return "unknown parse error"
	}
	return strings.Join(parts, " ")
}

func listing(words []string) string {
	var unique []string
	for _, w := range words {
		if w != "" && !slices.Contains(unique, w) {
			unique = append(unique, w)
		}
	}
	if len(unique) < 2 {
		return strings.Join(unique, "")
	}
	last := len(unique) - 1
	return strings.Join(unique[:last], ", ") + " or " + unique[last]
}

// result of a parser: ok or not, with or without having consumed input. A
// success carries a failure too: why it did not read on.
type result[T any] struct {
	value    T
	at       cursor
	ok       bool
	consumed bool
	failure  failure
}

type parser[T any] func(cursor) result[T]

func pure[T any](v T) parser[T] {
	return func(c cursor) result[T] { return result[T]{value: v, at: c, ok: true, failure: failure{at: c}} }
}

// then runs a parser made from the first one's value after it.
func then[A, B any](p parser[A], k func(A) parser[B]) parser[B] {
	return func(c cursor) result[B] {
		first := p(c)
		if !first.ok {
			return result[B]{at: first.at, consumed: first.consumed, failure: first.failure}
		}
		second := k(first.value)(first.at)
		if !second.consumed {
			second.failure = first.failure.merge(second.failure)
		}
		second.consumed = second.consumed || first.consumed
		return second
	}
}

// right runs both and keeps the second's value; left keeps the first's.
func right[A, B any](p parser[A], q parser[B]) parser[B] {
	return then(p, func(A) parser[B] { return q })
}

func left[A, B any](p parser[A], q parser[B]) parser[A] {
	return then(p, func(a A) parser[A] { return right(q, pure(a)) })
}

// choice takes the first parser that succeeds or consumes input.
func choice[T any](parsers ...parser[T]) parser[T] {
	return func(c cursor) result[T] {
		r := result[T]{at: c, failure: failure{at: c}}
		for _, p := range parsers {
			before := r.failure
			if r = p(c); r.consumed {
				return r
			}
			r.failure = before.merge(r.failure)
			if r.ok {
				return r
			}
		}
		return r
	}
}

// attempt is p, but where it fails it has consumed nothing.
func attempt[T any](p parser[T]) parser[T] {
	return func(c cursor) result[T] {
		r := p(c)
		if !r.ok {
			r.consumed = false
		}
		return r
	}
}

func label[T any](p parser[T], text string) parser[T] {
	return func(c cursor) result[T] {
		r := p(c)
		if !r.consumed && (!r.ok || !r.failure.unknown()) {
			r.failure = r.failure.expecting(text)
		}
		return r
	}
}

// deepest is how many levels a tree or select may have. Each takes several
// kilobytes of stack, and a program whose stack is used up is ended by Go.
const deepest = 1000

// nested is p one level further down.
func nested[T any](p parser[T]) parser[T] {
	return func(c cursor) result[T] {
		if c.depth == deepest {
			return result[T]{at: c, consumed: true, failure: failure{c, []note{{kind: unexpected, text: fmt.Sprintf("nesting of more than %d levels", deepest)}}}}
		}
		c.depth++
		r := p(c)
		r.at.depth--
		return r
	}
}

func option[T any](otherwise T, p parser[T]) parser[T] { return choice(p, pure(otherwise)) }

// many collects as many as there are; p must consume input where it succeeds.
func many[T any](p parser[T]) parser[[]T] { return collect(p, false) }

// repeated is many, but remembers why the last success did not read on.
// PostgREST uses both, and their errors differ.
func repeated[T any](p parser[T]) parser[[]T] { return collect(p, true) }

func collect[T any](p parser[T], remember bool) parser[[]T] {
	return func(c cursor) result[[]T] {
		out := result[[]T]{at: c, ok: true, failure: failure{at: c}}
		for {
			r := p(out.at)
			switch {
			case r.ok:
				out.value = append(out.value, r.value)
				out.at, out.consumed = r.at, true
				out.failure = failure{at: r.at}
				if remember {
					out.failure = r.failure
				}
			case r.consumed:
				return result[[]T]{at: r.at, consumed: true, failure: r.failure}
			default:
				out.failure = out.failure.merge(r.failure)
				return out
			}
		}
	}
}

func many1[T any](p parser[T]) parser[[]T] {
	return separated(p, many(p))
}

func sepBy1[T, S any](p parser[T], separator parser[S]) parser[[]T] {
	return separated(p, many(right(separator, p)))
}

// separated puts the first before the others.
func separated[T any](p parser[T], others parser[[]T]) parser[[]T] {
	return then(p, func(first T) parser[[]T] {
		return then(others, func(rest []T) parser[[]T] { return pure(slices.Concat([]T{first}, rest)) })
	})
}

func lookAhead[T any](p parser[T]) parser[T] {
	return func(c cursor) result[T] {
		r := p(c)
		if r.ok {
			return result[T]{value: r.value, at: c, ok: true, failure: failure{at: c}}
		}
		return r
	}
}

func notFollowedBy(p parser[rune]) parser[struct{}] {
	return func(c cursor) result[struct{}] {
		r := p(c)
		if r.ok {
			return result[struct{}]{at: c, failure: failure{c, []note{{kind: unexpected, text: showRune(r.value)}}}}
		}
		return result[struct{}]{at: c, ok: true, failure: r.failure}
	}
}

func satisfy(test func(rune) bool) parser[rune] {
	return func(c cursor) result[rune] {
		if len(c.rest) == 0 {
			return result[rune]{at: c, failure: failure{c, []note{{kind: sysUnexpected}}}}
		}
		r := c.rest[0]
		if !test(r) {
			return result[rune]{at: c, failure: failure{c, []note{{kind: unexpectedChar, char: r}}}}
		}
		next := c.next()
		return result[rune]{value: r, at: next, ok: true, consumed: true, failure: failure{at: next}}
	}
}

func char(want rune) parser[rune] {
	return label(satisfy(func(r rune) bool { return r == want }), show(string(want)))
}

func oneOf(set string) parser[rune] {
	return satisfy(func(r rune) bool { return strings.ContainsRune(set, r) })
}

func noneOf(set string) parser[rune] {
	return satisfy(func(r rune) bool { return !strings.ContainsRune(set, r) })
}

var anyRune = satisfy(func(rune) bool { return true })

var eof = func() parser[struct{}] {
	return func(c cursor) result[struct{}] {
		if len(c.rest) > 0 {
			return result[struct{}]{at: c, failure: failure{c, []note{
				{kind: unexpected, text: showRune(c.rest[0])}, {kind: expected, text: "end of input"},
			}}}
		}
		return result[struct{}]{at: c, ok: true, failure: failure{c, []note{{kind: sysUnexpected}, {kind: expected, text: "end of input"}}}}
	}
}()

// word matches text as a whole: where it fails, it fails at its start.
func word(text string) parser[string] {
	runes := []rune(text)
	want := note{kind: expected, text: show(text)}
	return func(c cursor) result[string] {
		at := c
		for i, w := range runes {
			found := note{kind: sysUnexpected}
			if len(at.rest) > 0 {
				if at.rest[0] == w {
					at = at.next()
					continue
				}
				found = note{kind: unexpectedChar, char: at.rest[0]}
			}
			return result[string]{at: at, consumed: i > 0, failure: failure{c, []note{found, want}}}
		}
		return result[string]{value: text, at: at, ok: true, consumed: true, failure: failure{at: at}}
	}
}

// each matches text rune by rune, once they are mapped, and fails at the first
// that differs.
func each(text string, mapped func(rune) rune) parser[string] {
	p := pure("")
	for _, want := range text {
		next := satisfy(func(r rune) bool { return mapped(r) == want })
		p = then(p, func(before string) parser[string] {
			return then(next, func(r rune) parser[string] { return pure(before + string(r)) })
		})
	}
	return p
}

// controlNames are Haskell's names of the control characters.
var controlNames = [...]string{
	"NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "a", "b", "t", "n", "v", "f", "r", "SO", "SI",
	"DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US",
}

// showRune is a Haskell character literal.
func showRune(r rune) string {
	switch r {
	case '\'':
		return `'\''`
	case '"':
		return `'"'`
	}
	s := show(string(r))
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
