package planparse

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// A quote delimits a string. Closers of typographic pairs differ from their
// openers, and models mix them.
type quote struct {
	width   int
	single  bool
	escaped bool // \" in a document that was escaped as a whole
	fancy   bool
}

// quote recognises an opening quote without reading it.
func (r *reader) quote() (quote, bool) {
	rest := r.src[r.pos:]
	switch {
	case rest[0] == '"':
		return quote{width: 1}, true
	case rest[0] == '\'' || rest[0] == '`':
		return quote{width: 1, single: true}, true
	case strings.HasPrefix(rest, `\"`):
		return quote{width: 2, escaped: true}, true
	}
	ru, size := utf8.DecodeRuneInString(rest)
	switch ru {
	case '“', '”', '„', '«', '»', '″':
		return quote{width: size, fancy: true}, true
	case '‘', '’', '‚':
		return quote{width: size, fancy: true, single: true}, true
	}
	return quote{}, false
}

func (r *reader) str(q quote) (node, bool) { return r.strUntil(q, false) }

// strUntil reads a string. Quotes that were not escaped inside it are told
// from the closing one by what follows: a closing quote stands before a comma,
// a bracket, a colon or the end.
func (r *reader) strUntil(q quote, key bool) (node, bool) {
	n := node{kind: nodeString, start: len(r.out)}
	if q.single || q.fancy || q.escaped {
		r.mended = true
	}
	r.pos += q.width
	r.out = append(r.out, '"')
	inner := false // a quote inside, or what seemed to be one
	for r.pos < len(r.src) {
		c := r.src[r.pos]
		switch {
		case c == '\\':
			if q.escaped && strings.HasPrefix(r.src[r.pos:], `\"`) {
				if r.closes(r.pos+2, key) {
					r.pos += 2
					return r.finish(n), true
				}
			}
			r.escape()
			continue
		case c == '"' && !q.single && !q.escaped, c == '\'' && q.single, c == '`' && q.single:
			if r.closes(r.pos+1, key) {
				r.pos++
				return r.finish(n), true
			}
			r.mended, inner = true, true
			if body := bytes.TrimRight(r.out[n.start+1:], " "); !key && len(body) > 0 && body[len(body)-1] == ',' && r.keyAhead() {
				// The quote that should have ended the text before the comma is
				// missing: this one begins the next key.
				r.out = r.out[:n.start+len(body)]
				return r.finish(n), true
			}
		case c >= utf8.RuneSelf && q.fancy:
			ru, size := utf8.DecodeRuneInString(r.src[r.pos:])
			switch ru {
			case '“', '”', '„', '«', '»', '″', '‘', '’', '‚':
				if r.closes(r.pos+size, key) {
					r.pos += size
					return r.finish(n), true
				}
			}
			r.out = append(r.out, r.src[r.pos:r.pos+size]...)
			r.pos += size
			continue
		case key && inner && (c == '{' || c == '}'):
			return n, false // the quote inside was the end of the key, and no colon follows
		case c < ' ':
			r.mended = true
			if c == '\n' && key {
				return n, false
			}
		}
		r.out = appendStringByte(r.out, c)
		r.pos++
	}
	r.truncated = true
	n = r.finish(n)
	n.whole = false
	return n, true
}

// keyAhead reports whether a quoted key and its colon begin here.
func (r *reader) keyAhead() bool {
	i := r.pos + 1
	for i < len(r.src) && isKeyByte(r.src[i]) {
		i++
	}
	if i == r.pos+1 || !strings.HasPrefix(r.src[i:], `"`) {
		return false
	}
	for i++; i < len(r.src) && r.src[i] == ' '; i++ {
	}
	return i < len(r.src) && r.src[i] == ':'
}

func (r *reader) finish(n node) node {
	r.out = append(r.out, '"')
	n.end = len(r.out)
	n.whole = true
	return n
}

// closes reports whether what follows position i makes the quote before it a
// closing one. It looks at most one short key ahead.
func (r *reader) closes(i int, key bool) bool {
	if r.strict {
		return true
	}
	const ahead = 120
	limit := min(len(r.src), i+ahead)
	j := i
	for j < limit && (r.src[j] == ' ' || r.src[j] == '\n' || r.src[j] == '\t' || r.src[j] == '\r') {
		j++
	}
	if j >= limit {
		return true
	}
	if key {
		return r.src[j] == ':' || r.src[j] == '=' || j > i && r.src[j] != ',' || strings.HasPrefix(r.src[j:], "：")
	}
	switch r.src[j] {
	case '}', ']':
		return true
	case ',':
		// A comma may also follow a quoted word inside the text. After the end
		// of a value a key, another value, or a closing bracket follows.
		j++
		for j < limit && (r.src[j] == ' ' || r.src[j] == '\n' || r.src[j] == '\t' || r.src[j] == '\r') {
			j++
		}
		if j >= limit {
			return true
		}
		switch c := r.src[j]; {
		case c == '"' || c == '\'' || c == '`' || c == '\\' || c == '{' || c == '[' || c == '}' || c == ']' || c == '/' || c == '#' || c == ',' || c == '-' || c == '+' || c == '.' || isDigit(c) || c >= utf8.RuneSelf:
			return true
		default:
			// A bare key or constant.
			for j < limit && isKeyByte(r.src[j]) {
				j++
			}
			for j < limit && r.src[j] == ' ' {
				j++
			}
			return j >= limit || r.src[j] == ':' || r.src[j] == ',' || r.src[j] == ']' || r.src[j] == '}'
		}
	case '"', '\'':
		// The comma is missing if a key follows.
		q := r.src[j]
		for k := j + 1; k < limit; k++ {
			if r.src[k] == q {
				for k++; k < limit && (r.src[k] == ' ' || r.src[k] == '\t'); k++ {
				}
				return k < limit && r.src[k] == ':'
			}
			if !isKeyByte(r.src[k]) && r.src[k] != ' ' {
				return false
			}
		}
		return false
	case '/', '#':
		return true
	case ':', '=', ';':
		return r.src[j] == ';'
	}
	return false
}

// escape copies an escape sequence, mending the ones JSON does not have.
func (r *reader) escape() {
	if r.pos+1 >= len(r.src) {
		r.mended = true
		r.pos++
		return
	}
	switch c := r.src[r.pos+1]; c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		r.out = append(r.out, '\\', c)
		r.pos += 2
	case 'u':
		if hex := r.src[min(r.pos+2, len(r.src)):min(r.pos+6, len(r.src))]; len(hex) == 4 && isHex(hex) {
			r.out = append(r.out, '\\', 'u')
			r.out = append(r.out, hex...)
			r.pos += 6
			return
		}
		fallthrough
	case '\'', '`', '\n':
		// \' and a line continued: the backslash is noise.
		r.mended = true
		r.pos++
	default:
		// A lone backslash: keep it.
		r.mended = true
		r.out = append(r.out, '\\', '\\')
		r.pos++
	}
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; !isDigit(s[i]) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
