package filter

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// A jsonNode is a parsed JSON value that still knows its source text.
type jsonNode struct {
	kind    byte   // one of 'n' null, 'b' boolean, '0' number, '"' string, '[' array, '{' object
	raw     string // the source text, for json
	str     string // decoded string, or the number as a numeric prints
	boolean bool
	items   []jsonNode   // array elements
	members []jsonMember // object members in source order
	zero    bool         // the string has \u0000, which text cannot hold
}

type jsonMember struct {
	key   string
	value jsonNode
}

type jsonParser struct {
	s   string
	pos int
	lax bool // lone surrogates pass: json, unlike jsonb, does not decode strings
}

// maxJSONDepth bounds recursion; PostgreSQL's own limit is its stack depth.
const maxJSONDepth = 6000

func parseJSON(s string) (jsonNode, error) { return (&jsonParser{s: s}).document() }

func validateJSON(s string) error {
	_, err := (&jsonParser{s: s, lax: true}).document()
	return err
}

func (p *jsonParser) document() (jsonNode, error) {
	if err := checkText(p.s); err != nil {
		return jsonNode{}, err
	}
	node, err := p.value(0)
	if err != nil {
		return jsonNode{}, err
	}
	p.space()
	if p.pos < len(p.s) {
		return jsonNode{}, p.unexpected(`Expected end of input, but found `)
	}
	return node, nil
}

func (p *jsonParser) space() {
	for p.pos < len(p.s) && strings.IndexByte(" \t\n\r", p.s[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *jsonParser) fail(detail string) error {
	return &SQLError{Code: "22P02", Message: "invalid input syntax for type json", Detail: detail}
}

// token is the piece of text PostgreSQL's message names.
func (p *jsonParser) token() string {
	end := p.pos
	for end < len(p.s) && (isWordByte(p.s[end]) || p.s[end] >= 0x80) {
		end++
	}
	if end == p.pos {
		end++
	}
	return p.s[p.pos:end]
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
}

// unexpected complains about the next token: as invalid if it is none, else
// with the expectation.
func (p *jsonParser) unexpected(expectation string) error {
	p.space()
	if p.pos >= len(p.s) {
		return p.fail("The input string ended unexpectedly.")
	}
	token := p.token()
	switch c := token[0]; {
	case strings.IndexByte("{}[],:", c) >= 0, token == "true", token == "false", token == "null":
		return p.fail(expectation + `"` + token + `".`)
	case c == '"':
		probe := *p
		if _, _, err := probe.str(); err != nil {
			return err
		}
		return p.fail(expectation + `"` + p.s[p.pos:probe.pos] + `".`)
	case c == '-' || c >= '0' && c <= '9':
		probe := *p
		if _, err := probe.number(); err != nil {
			return err
		}
		return p.fail(expectation + `"` + p.s[p.pos:probe.pos] + `".`)
	}
	return p.fail(`Token "` + token + `" is invalid.`)
}

func (p *jsonParser) value(depth int) (jsonNode, error) {
	if depth > maxJSONDepth {
		return jsonNode{}, &SQLError{Code: "54001", Message: "stack depth limit exceeded"}
	}
	p.space()
	start := p.pos
	if p.pos >= len(p.s) {
		return jsonNode{}, p.fail("The input string ended unexpectedly.")
	}
	var node jsonNode
	var err error
	switch c := p.s[p.pos]; {
	case c == '{':
		node, err = p.object(depth)
	case c == '[':
		node, err = p.array(depth)
	case c == '"':
		node.kind = '"'
		node.str, node.zero, err = p.str()
	case c == '-' || c >= '0' && c <= '9':
		node.kind = '0'
		node.str, err = p.number()
	default:
		switch token := p.token(); token {
		case "true", "false":
			node = jsonNode{kind: 'b', boolean: token == "true"}
			p.pos += len(token)
		case "null":
			node.kind = 'n'
			p.pos += len(token)
		default:
			return jsonNode{}, p.unexpected("Expected JSON value, but found ")
		}
	}
	if err != nil {
		return jsonNode{}, err
	}
	node.raw = p.s[start:p.pos]
	return node, nil
}

func (p *jsonParser) object(depth int) (jsonNode, error) {
	node := jsonNode{kind: '{'}
	p.pos++
	p.space()
	if p.pos < len(p.s) && p.s[p.pos] == '}' {
		p.pos++
		return node, nil
	}
	for {
		p.space()
		if p.pos >= len(p.s) || p.s[p.pos] != '"' {
			if len(node.members) == 0 {
				return node, p.unexpected(`Expected string or "}", but found `)
			}
			return node, p.unexpected("Expected string, but found ")
		}
		key, zero, err := p.str()
		if err != nil {
			return node, err
		}
		p.space()
		if p.pos >= len(p.s) || p.s[p.pos] != ':' {
			return node, p.unexpected(`Expected ":", but found `)
		}
		p.pos++
		value, err := p.value(depth + 1)
		if err != nil {
			return node, err
		}
		node.zero = node.zero || zero
		node.members = append(node.members, jsonMember{key, value})
		p.space()
		if p.pos < len(p.s) && p.s[p.pos] == ',' {
			p.pos++
			continue
		}
		if p.pos < len(p.s) && p.s[p.pos] == '}' {
			p.pos++
			return node, nil
		}
		return node, p.unexpected(`Expected "," or "}", but found `)
	}
}

func (p *jsonParser) array(depth int) (jsonNode, error) {
	node := jsonNode{kind: '['}
	p.pos++
	p.space()
	if p.pos < len(p.s) && p.s[p.pos] == ']' {
		p.pos++
		return node, nil
	}
	for {
		value, err := p.value(depth + 1)
		if err != nil {
			return node, err
		}
		node.items = append(node.items, value)
		p.space()
		if p.pos < len(p.s) && p.s[p.pos] == ',' {
			p.pos++
			continue
		}
		if p.pos < len(p.s) && p.s[p.pos] == ']' {
			p.pos++
			return node, nil
		}
		return node, p.unexpected(`Expected "," or "]", but found `)
	}
}

func (p *jsonParser) number() (string, error) {
	start := p.pos
	i := p.pos
	digits := func() int {
		from := i
		for i < len(p.s) && p.s[i] >= '0' && p.s[i] <= '9' {
			i++
		}
		return i - from
	}
	if i < len(p.s) && p.s[i] == '-' {
		i++
	}
	ok := true
	if i < len(p.s) && p.s[i] == '0' {
		i++
	} else {
		ok = digits() > 0
	}
	if ok && i < len(p.s) && p.s[i] == '.' {
		i++
		ok = digits() > 0
	}
	if ok && i < len(p.s) && p.s[i]|0x20 == 'e' {
		i++
		if i < len(p.s) && (p.s[i] == '+' || p.s[i] == '-') {
			i++
		}
		ok = digits() > 0
	}
	end := i
	for end < len(p.s) && (isWordByte(p.s[end]) || p.s[end] >= 0x80) {
		end++
	}
	if !ok || end > i {
		if end == start {
			end++
		}
		return "", p.fail(`Token "` + p.s[start:end] + `" is invalid.`)
	}
	p.pos = i
	return p.s[start:i], nil
}

// str reads a quoted string. zero reports a \u0000 in it.
func (p *jsonParser) str() (decoded string, zero bool, err error) {
	start := p.pos
	p.pos++
	from := p.pos
	var out []byte // nil while there is nothing to decode
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		switch {
		case c == '"':
			plain := p.s[from:p.pos]
			p.pos++
			if out == nil {
				return plain, false, nil
			}
			return string(append(out, plain...)), zero, nil
		case c < 0x20:
			return "", false, p.fail("Character with value 0x" + hexByte(c) + " must be escaped.")
		case c != '\\':
			p.pos++
			continue
		}
		if out == nil {
			out = []byte{}
		}
		out = append(out, p.s[from:p.pos]...)
		if p.pos+1 >= len(p.s) {
			p.pos = len(p.s)
			break
		}
		p.pos++
		switch e := p.s[p.pos]; e {
		case '"', '\\', '/':
			out = append(out, e)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, err := p.unicode()
			if err != nil {
				return "", false, err
			}
			zero = zero || r == 0
			out = utf8.AppendRune(out, r)
			p.pos--
		default:
			_, size := utf8.DecodeRuneInString(p.s[p.pos:])
			return "", false, p.fail(`Escape sequence "\` + p.s[p.pos:p.pos+size] + `" is invalid.`)
		}
		p.pos++
		from = p.pos
	}
	return "", false, p.fail(`Token "` + p.s[start:] + `" is invalid.`)
}

// unicode reads uXXXX, and the second half of a surrogate pair, leaving pos
// behind them.
func (p *jsonParser) unicode() (rune, error) {
	first, err := p.hex4()
	if err != nil {
		return 0, err
	}
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if p.lax {
		return utf8.RuneError, nil
	}
	if first >= 0xDC00 {
		return 0, p.fail("Unicode low surrogate must follow a high surrogate.")
	}
	if !strings.HasPrefix(p.s[p.pos:], `\u`) {
		return 0, p.fail("Unicode low surrogate must follow a high surrogate.")
	}
	p.pos++
	second, err := p.hex4()
	if err != nil {
		return 0, err
	}
	r := utf16.DecodeRune(first, second)
	if r == utf8.RuneError {
		return 0, p.fail("Unicode low surrogate must follow a high surrogate.")
	}
	return r, nil
}

func (p *jsonParser) hex4() (rune, error) {
	if p.pos+5 > len(p.s) {
		return 0, p.fail(`"\u" must be followed by four hexadecimal digits.`)
	}
	n, err := strconv.ParseUint(p.s[p.pos+1:p.pos+5], 16, 32)
	if err != nil {
		return 0, p.fail(`"\u" must be followed by four hexadecimal digits.`)
	}
	p.pos += 5
	return rune(n), nil
}

func hexByte(c byte) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[c>>4], digits[c&15]})
}

// CheckJSON refuses what json_to_recordset cannot take apart though it is JSON:
// a zero byte, which PostgreSQL has not.
func CheckJSON(raw []byte) error {
	for i := 0; i+5 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if string(raw[i+1:i+6]) == "u0000" {
			return errZeroChar
		}
		i++
	}
	return nil
}

var errZeroChar = &SQLError{
	Code: "22P05", Message: "unsupported Unicode escape sequence", Detail: `\u0000 cannot be converted to text.`,
}

// jsonbValue normalises a document as jsonb does: members sorted by key length
// and bytes, the last of equal keys kept, numbers as numerics.
func jsonbValue(node jsonNode) (Value, error) {
	out, err := appendJSONB(nil, node)
	if err != nil {
		return Value{}, err
	}
	return text(string(out)), nil
}

func appendJSONB(dst []byte, node jsonNode) ([]byte, error) {
	if node.zero {
		return nil, errZeroChar
	}
	var err error
	switch node.kind {
	case 'n':
		return append(dst, "null"...), nil
	case 'b':
		return strconv.AppendBool(dst, node.boolean), nil
	case '0':
		v, err := parseNumeric(Type{kind: kindNumeric}, node.str)
		return append(dst, v.str...), err
	case '"':
		return AppendJSONString(dst, node.str), nil
	case '[':
		dst = append(dst, '[')
		for i, item := range node.items {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			if dst, err = appendJSONB(dst, item); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	dst = append(dst, '{')
	for i, member := range sortedMembers(node.members) {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = append(AppendJSONString(dst, member.key), ": "...)
		if dst, err = appendJSONB(dst, member.value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func compareKeys(a, b string) int {
	if len(a) != len(b) {
		return compareInts(int64(len(a)), int64(len(b)))
	}
	return strings.Compare(a, b)
}

// sortedMembers returns members in jsonb's order, duplicates removed.
func sortedMembers(members []jsonMember) []jsonMember {
	byKey := func(a, b jsonMember) int { return compareKeys(a.key, b.key) }
	if slices.IsSortedFunc(members, byKey) {
		unique := true
		for i := 1; i < len(members); i++ {
			unique = unique && members[i].key != members[i-1].key
		}
		if unique {
			return members
		}
	}
	sorted := slices.Clone(members)
	slices.SortStableFunc(sorted, byKey)
	out := sorted[:0]
	for i, m := range sorted {
		if i+1 < len(sorted) && sorted[i+1].key == m.key {
			continue
		}
		out = append(out, m)
	}
	return out
}

// mustJSON parses text that was validated when it was stored.
func mustJSON(s string) jsonNode {
	node, err := parseJSON(s)
	if err != nil {
		return jsonNode{kind: 'n', raw: "null"}
	}
	return node
}

func jsonbRank(kind byte) int64 {
	return int64(strings.IndexByte(`n"0b[{`, kind))
}

func compareJSONB(a, b string) int {
	if a == b {
		return 0
	}
	return compareNodes(mustJSON(a), mustJSON(b), true)
}

// compareNodes is jsonb's order: by kind, then containers by size, then by
// content. For historical reasons an empty array at the top sorts below null.
func compareNodes(a, b jsonNode, top bool) int {
	if a.kind != b.kind {
		if top {
			emptyA, emptyB := a.kind == '[' && len(a.items) == 0, b.kind == '[' && len(b.items) == 0
			scalarA, scalarB := a.kind != '[' && a.kind != '{', b.kind != '[' && b.kind != '{'
			if emptyA && scalarB {
				return -1
			}
			if emptyB && scalarA {
				return 1
			}
		}
		return compareInts(jsonbRank(a.kind), jsonbRank(b.kind))
	}
	switch a.kind {
	case 'b':
		return compareInts(boolInt(a.boolean), boolInt(b.boolean))
	case '0':
		va, _ := parseNumeric(Type{kind: kindNumeric}, a.str)
		vb, _ := parseNumeric(Type{kind: kindNumeric}, b.str)
		return compareNumerics(va.str, vb.str)
	case '"':
		return strings.Compare(a.str, b.str)
	case '[':
		if len(a.items) != len(b.items) {
			return compareInts(int64(len(a.items)), int64(len(b.items)))
		}
		for i := range a.items {
			if c := compareNodes(a.items[i], b.items[i], false); c != 0 {
				return c
			}
		}
	case '{':
		membersA, membersB := sortedMembers(a.members), sortedMembers(b.members)
		if len(membersA) != len(membersB) {
			return compareInts(int64(len(membersA)), int64(len(membersB)))
		}
		for i := range membersA {
			if c := strings.Compare(membersA[i].key, membersB[i].key); c != 0 {
				return c
			}
			if c := compareNodes(membersA[i].value, membersB[i].value, false); c != 0 {
				return c
			}
		}
	}
	return 0
}

func boolInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// jsonContains is jsonb's @>.
func jsonContains(a, b jsonNode, top bool) bool {
	if a.kind == '[' && b.kind != '[' && b.kind != '{' && top {
		b = jsonNode{kind: '[', items: []jsonNode{b}} // an array may contain a bare scalar
	}
	if a.kind != b.kind {
		return false
	}
	switch b.kind {
	case '[':
		for _, wanted := range b.items {
			if !slices.ContainsFunc(a.items, func(item jsonNode) bool { return jsonContains(item, wanted, false) }) {
				return false
			}
		}
		return true
	case '{':
		for _, wanted := range b.members {
			value, ok := a.member(wanted.key)
			if !ok || !jsonContains(value, wanted.value, false) {
				return false
			}
		}
		return true
	}
	return compareNodes(a, b, false) == 0
}

// member finds the value of a key, the last one where keys repeat.
func (n jsonNode) member(key string) (jsonNode, bool) {
	for i := len(n.members) - 1; i >= 0; i-- {
		if n.members[i].key == key {
			return n.members[i].value, true
		}
	}
	return jsonNode{}, false
}

// step follows one arrow; ok is false where PostgreSQL gives NULL.
func (n jsonNode) step(step PathStep) (jsonNode, bool) {
	if !step.Index {
		if n.kind != '{' {
			return jsonNode{}, false
		}
		return n.member(step.Key)
	}
	if n.kind != '[' {
		return jsonNode{}, false
	}
	i, err := strconv.Atoi(step.Key)
	if err != nil {
		return jsonNode{}, false
	}
	if i < 0 {
		i += len(n.items)
	}
	if i < 0 || i >= len(n.items) {
		return jsonNode{}, false
	}
	return n.items[i], true
}

func (n jsonNode) isScalar() bool { return n.kind != '[' && n.kind != '{' }

// asText is what ->> gives.
func (n jsonNode) asText(isJSONB bool) (Value, error) {
	switch n.kind {
	case 'n':
		return Value{}, nil
	case '"':
		if n.zero {
			return Value{}, errZeroChar
		}
		return text(n.str), nil
	}
	if isJSONB {
		return jsonbValue(n)
	}
	return text(n.raw), nil
}
