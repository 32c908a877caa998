package planparse

import (
	"strings"
	"unicode/utf8"
)

// reader reads JSON as models write it: with comments, trailing and missing
// commas, three kinds of quotes, bare words, Python's constants, and an end
// that comes too early. What it reads it writes down again as valid JSON, so
// that every value can be kept whole, the unknown ones too.
//
// It goes through the text once; whatever it returns, the next attempt starts
// behind the point it reached.
type reader struct {
	src string
	pos int
	out []byte

	// mended is true once something that is not JSON was read.
	mended bool
	// truncated is true when the text ended inside the document.
	truncated bool
	// dropped is true when an element was an ellipsis.
	dropped bool
	// broken is true when an element could not be read.
	broken bool
	// tooDeep is true when the nesting went beyond maxDepth.
	tooDeep bool
	// strict is true while nothing but JSON is to be read: a quote always ends
	// its string then, whatever follows.
	strict bool
	// maxDepth bounds the nesting; what lies deeper is not read.
	maxDepth int
}

// nodeKind is the type of a JSON value.
type nodeKind uint8

const (
	nodeNull nodeKind = iota
	nodeBool
	nodeNumber
	nodeString
	nodeArray
	nodeObject
)

// node is a JSON value: its text, valid JSON whatever was read, and its parts.
type node struct {
	kind nodeKind
	// whole is false for a value that the end of the text cut off.
	whole bool
	// bare is true for text without quotes.
	bare       bool
	start, end int // of its JSON in reader.out
	items      []node
	members    []member
}

type member struct {
	key   string
	value node
}

// raw is the JSON of a value.
func (r *reader) raw(n *node) []byte { return r.out[n.start:n.end:n.end] }

// text is the value of a string.
func (r *reader) text(n *node) string {
	s, _ := unquote(r.raw(n))
	return s
}

// space skips what may stand between values, noting what JSON does not allow
// there.
func (r *reader) space() {
	for r.pos < len(r.src) {
		switch c := r.src[r.pos]; {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			r.pos++
		case c == '#':
			r.comment("\n")
		case c == '/' && strings.HasPrefix(r.src[r.pos:], "//"):
			r.comment("\n")
		case c == '/' && strings.HasPrefix(r.src[r.pos:], "/*"):
			r.comment("*/")
		case c >= utf8.RuneSelf:
			// No-break spaces and byte order marks between values.
			ru, size := utf8.DecodeRuneInString(r.src[r.pos:])
			if ru != '\u00a0' && ru != '\ufeff' && ru != '\u200b' && ru != '\u3000' && ru != '\u2028' {
				return
			}
			r.mended = true
			r.pos += size
		default:
			return
		}
	}
}

func (r *reader) comment(end string) {
	r.mended = true
	if i := strings.Index(r.src[r.pos:], end); i >= 0 {
		r.pos += i + len(end)
		return
	}
	r.pos = len(r.src)
}

// value reads one value. It fails where the text is no JSON in any sense,
// leaving the position at the first thing it could not use.
func (r *reader) value(depth int) (node, bool) {
	r.space()
	if r.pos >= len(r.src) {
		r.truncated = true
		return node{}, false
	}
	if depth > r.maxDepth {
		r.tooDeep = true
		return node{}, false
	}
	if r.strict && r.mended {
		return node{}, false
	}
	switch c := r.src[r.pos]; {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.array(depth)
	default:
		if quote, ok := r.quote(); ok {
			return r.str(quote)
		}
		return r.bare(c)
	}
}

func (r *reader) array(depth int) (node, bool) {
	n := r.open(nodeArray)
	comma := true
	objects := false // whether it has any
	for !r.ends() {
		switch c := r.src[r.pos]; c {
		case ']':
			r.pos++
			r.mended = r.mended || comma && len(n.items) > 0
			return r.closed(n), true
		case ',':
			r.mended = r.mended || comma
			comma = true
			r.pos++
			continue
		case '}', ')':
			// Prose such as "[0, 1)" is no array.
			if len(n.items) == 0 || c == ')' && !objects {
				return n, false
			}
			// A bracket of the wrong kind, or an array that was never closed:
			// the brace is left to the object around it.
			r.mended = true
			if c == ')' || depth == 0 && r.goesOn(r.pos+1) {
				r.pos++
				continue
			}
			if depth == 0 {
				r.pos++
			}
			return r.closed(n), true
		case '.':
			if r.ellipsis() {
				r.dropped = true
				comma = true
				continue
			}
		}
		if !comma && len(n.items) > 0 {
			r.mended = true
			if n.items[len(n.items)-1].bare && !objects {
				return n, false // "[draft] [": prose in brackets
			}
		}
		mark := len(r.out)
		if len(n.items) > 0 {
			r.out = append(r.out, ',')
		}
		item, ok := r.value(depth + 1)
		if !ok {
			r.out = r.out[:mark]
			if r.truncated || !r.skipBroken(&item, objects) {
				return r.cut(n), r.truncated
			}
			comma = true
			continue
		}
		n.items = append(n.items, item)
		objects = objects || item.kind == nodeObject
		comma = false
		if r.truncated {
			break
		}
	}
	return r.cut(n), true
}

// skipBroken goes on behind an element that cannot be read, if the array is
// one of objects, or the element had begun to be a step: to where the next one
// begins, or the array ends.
func (r *reader) skipBroken(item *node, objects bool) bool {
	step := stepness(r, item) > 0
	if r.strict || r.tooDeep || !step && !objects {
		return false
	}
	r.mended, r.broken = true, true
	inside := item.kind == nodeObject && len(item.members) > 0
	for ; r.pos < len(r.src); r.pos++ {
		switch c := r.src[r.pos]; {
		case inside && c == '}':
			if r.goesOn(r.pos + 1) {
				r.pos++
				return true
			}
		case !inside && (c == '{' || c == ']'):
			return true
		}
	}
	r.truncated = true
	return true
}

// open begins an array or an object.
func (r *reader) open(k nodeKind) node {
	n := node{kind: k, start: len(r.out)}
	r.out = append(r.out, brackets[k][0])
	r.pos++
	return n
}

// cut ends an array or an object where the text ends within it.
func (r *reader) cut(n node) node {
	r.out = append(r.out, brackets[n.kind][1])
	n.end = len(r.out)
	return n
}

// closed ends an array or an object that is whole.
func (r *reader) closed(n node) node {
	n = r.cut(n)
	n.whole = true
	return n
}

// brackets are the ones that arrays and objects stand in.
var brackets = [...]string{nodeArray: "[]", nodeObject: "{}"}

// ends skips to the next element, and reports whether the text ends before it.
func (r *reader) ends() bool {
	r.space()
	if r.pos < len(r.src) {
		return false
	}
	r.truncated = true
	return true
}

// goesOn reports whether more elements follow a position.
func (r *reader) goesOn(i int) bool {
	for i < len(r.src) && (r.src[i] == ' ' || r.src[i] == '\n' || r.src[i] == '\t' || r.src[i] == '\r') {
		i++
	}
	return i < len(r.src) && (r.src[i] == ',' || r.src[i] == '{' || r.src[i] == ']')
}

// ellipsis skips "..." standing for what was left out.
func (r *reader) ellipsis() bool {
	if !strings.HasPrefix(r.src[r.pos:], "...") {
		return false
	}
	for r.pos < len(r.src) && r.src[r.pos] == '.' {
		r.pos++
	}
	r.mended = true
	return true
}

func (r *reader) object(depth int) (node, bool) {
	n := r.open(nodeObject)
	comma := true
	for !r.ends() {
		switch c := r.src[r.pos]; c {
		case '}':
			r.pos++
			r.mended = r.mended || comma && len(n.members) > 0
			return r.closed(n), true
		case ',', ';':
			r.mended = r.mended || comma || c == ';'
			comma = true
			r.pos++
			continue
		case '{', ']':
			if len(n.members) == 0 {
				return n, false
			}
			// The brace was forgotten: the next object begins, or the array
			// around this one ends.
			r.mended = true
			return r.closed(n), true
		case '.':
			if r.ellipsis() {
				continue
			}
		}
		r.mended = r.mended || !comma && len(n.members) > 0
		key, ok := r.key()
		if !ok {
			if r.truncated {
				break
			}
			return n, false
		}
		mark := len(r.out)
		if len(n.members) > 0 {
			r.out = append(r.out, ',')
		}
		r.out = appendString(r.out, key)
		r.out = append(r.out, ':')
		v, ok := r.value(depth + 1)
		if !ok {
			r.out = r.out[:mark]
			if r.truncated {
				break
			}
			if r.pos < len(r.src) && (r.src[r.pos] == ',' || r.src[r.pos] == '}') {
				// "delay_days": ,
				r.mended = true
				continue
			}
			return n, false
		}
		n.members = append(n.members, member{key, v})
		comma = false
		if r.truncated {
			break
		}
	}
	return r.cut(n), true
}

// key reads a member's name and the colon behind it.
func (r *reader) key() (string, bool) {
	mark := len(r.out)
	var key string
	if quote, ok := r.quote(); ok {
		n, ok := r.strUntil(quote, true)
		if !ok || !n.whole {
			r.out = r.out[:mark]
			return "", false
		}
		key = keyText(r.raw(&n))
	} else {
		start := r.pos
		for r.pos < len(r.src) && isKeyByte(r.src[r.pos]) {
			r.pos++
		}
		if r.pos == start {
			return "", false
		}
		key = r.src[start:r.pos]
		r.mended = true
	}
	r.out = r.out[:mark]
	r.space()
	if r.pos >= len(r.src) {
		r.truncated = true
		return "", false
	}
	switch {
	case r.src[r.pos] == ':':
		r.pos++
	case strings.HasPrefix(r.src[r.pos:], "=>"):
		r.pos += 2
		r.mended = true
	case r.src[r.pos] == '=':
		r.pos++
		r.mended = true
	case strings.HasPrefix(r.src[r.pos:], "：") && !r.strict:
		r.pos += len("：")
		r.mended = true
	case r.src[r.pos-1] == ' ' && !r.strict && beginsValue(r.src[r.pos]):
		r.mended = true // the colon is missing: "delay_days" 3
	default:
		return "", false
	}
	return key, true
}

// beginsValue reports whether a value that can be told from a key begins with
// a byte.
func beginsValue(c byte) bool { return isDigit(c) || c == '-' || c == '"' || c == '[' || c == '{' }

func isKeyByte(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '_' || c == '-' || c == '$'
}
