package planparse

import (
	"bytes"
	"strconv"
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
			if len(n.items) == 0 || c == ')' && !hasObject(&n) {
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
			if n.items[len(n.items)-1].bare && !hasObject(&n) {
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
			if r.truncated || !r.skipBroken(&n, &item) {
				return r.cut(n), r.truncated
			}
			comma = true
			continue
		}
		n.items = append(n.items, item)
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
func (r *reader) skipBroken(n, item *node) bool {
	step := stepness(r, item) > 0
	if r.strict || r.tooDeep || !step && !hasObject(n) {
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
		key = r.text(&n)
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

// bare reads a number, a constant, or text that was left unquoted.
func (r *reader) bare(c byte) (node, bool) {
	start := r.pos
	for r.pos < len(r.src) && !strings.ContainsRune("\n\r,]}{[\"", rune(r.src[r.pos])) {
		if r.src[r.pos] == '#' || strings.HasPrefix(r.src[r.pos:], "//") || strings.HasPrefix(r.src[r.pos:], "/*") {
			break
		}
		r.pos++
	}
	word := strings.TrimRight(r.src[start:r.pos], " \t")
	if r.pos < len(r.src) && r.src[r.pos] == '"' && word != "" && r.closes(r.pos+1, false) && !r.strict {
		r.pos++ // only the opening quote is missing
		r.mended = true
	}
	atEnd := r.pos >= len(r.src)
	n := node{start: len(r.out), whole: true}
	switch word {
	case "":
		r.pos = start
		return n, false
	case "null":
		n.kind = nodeNull
		r.out = append(r.out, word...)
	case "true", "false":
		n.kind = nodeBool
		r.out = append(r.out, word...)
	case "None", "undefined", "nil", "NULL", "Null":
		r.mended = true
		r.out = append(r.out, "null"...)
	case "True", "False", "TRUE", "FALSE":
		r.mended = true
		n.kind = nodeBool
		r.out = append(r.out, strings.ToLower(word)...)
	default:
		n.kind = nodeNumber
		if isNumber(word) {
			r.out = append(r.out, word...)
			break
		}
		r.mended = true
		if number, ok := mendNumber(word); ok {
			r.out = append(r.out, number...)
			break
		}
		// Text without quotes, or NaN and its like: text is what it becomes,
		// and what is made of it is for others to say. Prose is not a value.
		if len(word) > 200 || strings.Count(word, " ") > 12 {
			r.pos = start + len(word)
			return n, false
		}
		n.kind, n.bare = nodeString, true
		r.out = appendString(r.out, word)
	}
	if atEnd {
		r.truncated = true
		n.whole = false
	}
	n.end = len(r.out)
	return n, true
}

// isNumber reports whether a word is a number by JSON's grammar.
func isNumber(s string) bool {
	i := 0
	digits := func() bool {
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i > start
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(s)
}

// mendNumber turns the numbers of other notations into JSON's: +3, 03, .5, 5.
// and 0x5.
func mendNumber(s string) (string, bool) {
	sign := ""
	switch s[0] {
	case '+':
		s = s[1:]
	case '-':
		sign, s = "-", s[1:]
	}
	if s == "" || !isDigit(s[0]) && s[0] != '.' {
		return "", false
	}
	if hex := strings.ToLower(s); strings.HasPrefix(hex, "0x") {
		n, err := strconv.ParseUint(hex[2:], 16, 53)
		return sign + strconv.FormatUint(n, 10), err == nil
	}
	s = strings.TrimLeft(s, "0")
	if s == "" || s[0] == '.' {
		s = "0" + s
	}
	s = sign + strings.TrimSuffix(s, ".")
	return s, isNumber(s)
}

// appendString writes a string as JSON.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			out = append(out, '\\', c)
		default:
			out = appendStringByte(out, c)
		}
	}
	return append(out, '"')
}

// appendStringByte writes a byte that stands for itself inside a string,
// escaping what may not stand there raw.
func appendStringByte(out []byte, c byte) []byte {
	switch {
	case c == '\n':
		return append(out, '\\', 'n')
	case c == '\t':
		return append(out, '\\', 't')
	case c == '\r':
		return append(out, '\\', 'r')
	case c == '"':
		return append(out, '\\', '"')
	case c < ' ':
		const hex = "0123456789abcdef"
		return append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(out, c)
}

// unquote gives the text of a JSON string.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	body := raw[1 : len(raw)-1]
	plain := true
	for _, c := range body {
		if c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return strings.ToValidUTF8(string(body), "\ufffd"), true
	}
	return unescape(body), true
}

// unescape decodes the escapes of a string this package has written or checked.
func unescape(body []byte) string {
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		c := body[i]
		if c != '\\' || i+1 >= len(body) {
			out = append(out, c)
			continue
		}
		i++
		switch body[i] {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			ru := hexRune(body, i+1)
			i += 4
			if 0xd800 <= ru && ru < 0xdc00 && i+6 < len(body) && body[i+1] == '\\' && body[i+2] == 'u' {
				if low := hexRune(body, i+3); 0xdc00 <= low && low < 0xe000 {
					ru = (ru-0xd800)<<10 + (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			out = utf8.AppendRune(out, ru)
		default:
			out = append(out, body[i])
		}
	}
	return strings.ToValidUTF8(string(out), "\ufffd")
}

func hexRune(b []byte, i int) rune {
	if i+4 > len(b) {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(b[i:i+4]), 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
