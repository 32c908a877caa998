package filter

import (
	"slices"
	"strconv"
	"strings"
)

// Arrays are held as PostgreSQL prints them in UTC; elements are parsed when an
// operator needs them.

// arrayItem is an element of a parsed array literal: NULL, a scalar's text, or
// a nested array.
type arrayItem struct {
	null   bool
	nested bool
	text   string
	items  []arrayItem
}

func malformedArray(literal, detail string) error {
	return &SQLError{Code: "22P02", Message: `malformed array literal: "` + literal + `"`, Detail: detail}
}

type arrayParser struct {
	s   string
	pos int
}

func (p *arrayParser) space() {
	for p.pos < len(p.s) && strings.IndexByte(pgSpace, p.s[p.pos]) >= 0 {
		p.pos++
	}
}

// readArray takes an array literal apart without looking at the elements' type.
func readArray(literal string) ([]arrayItem, error) {
	p := arrayParser{s: literal}
	p.space()
	dimensions, err := p.dimensions()
	if err != nil {
		return nil, err
	}
	if p.pos >= len(p.s) || p.s[p.pos] != '{' {
		if len(dimensions) > 0 {
			return nil, malformedArray(literal, `Array contents must start with "{".`)
		}
		return nil, malformedArray(literal, `Array value must start with "{" or dimension information.`)
	}
	items, err := p.list(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.s) {
		return nil, malformedArray(literal, "Junk after closing right brace.")
	}
	if !rectangular(items) {
		return nil, malformedArray(literal, "Multidimensional arrays must have sub-arrays with matching dimensions.")
	}
	if len(dimensions) > 0 && !slices.Equal(dimensions, shape(items)) {
		return nil, malformedArray(literal, "Specified array dimensions do not match array contents.")
	}
	return items, nil
}

// dimensions reads what may stand before the elements, as in [1:2]={a,b}: how
// many there are in each dimension.
func (p *arrayParser) dimensions() ([]int64, error) {
	number := func() string {
		start := p.pos
		for p.pos < len(p.s) && strings.IndexByte("0123456789+-", p.s[p.pos]) >= 0 {
			p.pos++
		}
		return p.s[start:p.pos]
	}
	at := func(c byte) bool {
		if p.pos >= len(p.s) || p.s[p.pos] != c {
			return false
		}
		p.pos++
		return true
	}
	var sizes []int64
	for {
		p.space()
		if !at('[') {
			break
		}
		lower, upper := "1", number()
		if upper == "" {
			return nil, malformedArray(p.s, `"[" must introduce explicitly-specified array dimensions.`)
		}
		if at(':') {
			if lower, upper = upper, number(); upper == "" {
				return nil, malformedArray(p.s, "Missing array dimension value.")
			}
		}
		if !at(']') {
			return nil, malformedArray(p.s, `Missing "]" after array dimensions.`)
		}
		from, _ := strconv.ParseInt(lower, 10, 32) // what is no number counts as zero
		to, _ := strconv.ParseInt(upper, 10, 32)
		if to < from {
			return nil, &SQLError{Code: "2202E", Message: "upper bound cannot be less than lower bound"}
		}
		sizes = append(sizes, to-from+1)
	}
	if len(sizes) == 0 {
		return nil, nil
	}
	if !at('=') {
		return nil, malformedArray(p.s, `Missing "=" after array dimensions.`)
	}
	p.space()
	return sizes, nil
}

// shape is how many items an array has in each dimension.
func shape(items []arrayItem) []int64 {
	var sizes []int64
	for len(items) > 0 {
		sizes = append(sizes, int64(len(items)))
		items = items[0].items
	}
	return sizes
}

func rectangular(items []arrayItem) bool {
	for _, item := range items {
		if item.nested != items[0].nested || len(item.items) != len(items[0].items) || !rectangular(item.items) {
			return false
		}
	}
	return true
}

func (p *arrayParser) list(depth int) ([]arrayItem, error) {
	if depth >= 6 {
		return nil, &SQLError{Code: "54000", Message: "number of array dimensions (7) exceeds the maximum allowed (6)"}
	}
	p.pos++ // the brace
	p.space()
	items := []arrayItem{}
	if p.pos < len(p.s) && p.s[p.pos] == '}' {
		p.pos++
		return items, nil
	}
	for {
		item, err := p.item(depth)
		if err != nil {
			return nil, err
		}
		if item.nested && len(item.items) == 0 {
			return nil, malformedArray(p.s, `Unexpected "}" character.`)
		}
		items = append(items, item)
		p.space()
		if p.pos >= len(p.s) {
			return nil, malformedArray(p.s, "Unexpected end of input.")
		}
		c := p.s[p.pos]
		p.pos++
		switch c {
		case ',':
		case '}':
			return items, nil
		default:
			if item.nested {
				return nil, malformedArray(p.s, `Unexpected "`+string(c)+`" character.`)
			}
			return nil, malformedArray(p.s, "Unexpected array element.")
		}
	}
}

func (p *arrayParser) item(depth int) (arrayItem, error) {
	p.space()
	if p.pos >= len(p.s) {
		return arrayItem{}, malformedArray(p.s, "Unexpected end of input.")
	}
	switch p.s[p.pos] {
	case '{':
		items, err := p.list(depth + 1)
		return arrayItem{nested: true, items: items}, err
	case ',', '}':
		return arrayItem{}, malformedArray(p.s, `Unexpected "`+p.s[p.pos:p.pos+1]+`" character.`)
	case '"':
		return p.quoted()
	}
	var out []byte
	kept := 0 // length up to the last character that is not trailing space
	escaped := false
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		if c == ',' || c == '}' {
			break
		}
		if c == '"' {
			return arrayItem{}, malformedArray(p.s, "Unexpected array element.")
		}
		if c == '{' {
			return arrayItem{}, malformedArray(p.s, `Unexpected "{" character.`)
		}
		if c == '\\' {
			p.pos++
			if p.pos >= len(p.s) {
				break
			}
			out = append(out, p.s[p.pos])
			kept, escaped = len(out), true
			p.pos++
			continue
		}
		out = append(out, c)
		if strings.IndexByte(pgSpace, c) < 0 {
			kept = len(out)
		}
		p.pos++
	}
	if p.pos >= len(p.s) {
		return arrayItem{}, malformedArray(p.s, "Unexpected end of input.")
	}
	word := string(out[:kept])
	return arrayItem{text: word, null: !escaped && strings.EqualFold(word, "null")}, nil
}

func (p *arrayParser) quoted() (arrayItem, error) {
	p.pos++
	var out []byte
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		p.pos++
		switch c {
		case '"':
			return arrayItem{text: string(out)}, nil
		case '\\':
			if p.pos >= len(p.s) {
				return arrayItem{}, malformedArray(p.s, "Unexpected end of input.")
			}
			c = p.s[p.pos]
			p.pos++
		}
		out = append(out, c)
	}
	return arrayItem{}, malformedArray(p.s, "Unexpected end of input.")
}

func parseArray(t Type, literal string, session Session) (Value, error) {
	if err := checkText(literal); err != nil {
		return Value{}, err
	}
	items, err := readArray(literal)
	if err != nil {
		return Value{}, err
	}
	return t.parseItems(items, session)
}

func (t Type) parseItems(items []arrayItem, session Session) (Value, error) {
	return arrayOf(t.Elem(), items, func(text string) (Value, error) { return t.Elem().Parse(text, session) })
}

// arrayOf makes an array of elements that are read from items, printed in UTC.
func arrayOf(elem Type, items []arrayItem, read func(text string) (Value, error)) (Value, error) {
	out, err := appendArrayItems(nil, elem, items, read)
	if err != nil {
		return Value{}, err
	}
	return text(string(out)), nil
}

func appendArrayItems(dst []byte, elem Type, items []arrayItem, read func(text string) (Value, error)) ([]byte, error) {
	dst = append(dst, '{')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		switch {
		case item.null:
			dst = append(dst, "NULL"...)
		case item.nested:
			if dst, err = appendArrayItems(dst, elem, item.items, read); err != nil {
				return nil, err
			}
		default:
			v, err := read(item.text)
			switch {
			case err != nil:
				return nil, err
			case !v.set:
				dst = append(dst, "NULL"...)
			default:
				dst = appendArrayElement(dst, string(elem.AppendText(nil, v, Session{})))
			}
		}
	}
	return append(dst, '}'), nil
}

// appendArrayElement quotes where array output does.
func appendArrayElement(dst []byte, s string) []byte {
	if s != "" && !strings.EqualFold(s, "null") && !strings.ContainsAny(s, "{},\"\\"+pgSpace) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}

// QuoteArrayElement returns an element as it stands in an array literal.
func QuoteArrayElement(s string) string { return string(appendArrayElement(nil, s)) }

func arrayItems(v Value) []arrayItem {
	items, err := readArray(v.str)
	if err != nil {
		return nil // values were validated when they were made
	}
	return items
}

// zoneFree reports whether the text of values does not depend on the session.
func (t Type) zoneFree() bool { return t.kind != kindTimestamptz && t.kind != kindTstzRange }

func appendArrayText(dst []byte, t Type, v Value, session Session) []byte {
	if t.zoneFree() {
		return append(dst, v.str...)
	}
	return appendZonedItems(dst, t.Elem(), arrayItems(v), session)
}

func appendZonedItems(dst []byte, elem Type, items []arrayItem, session Session) []byte {
	dst = append(dst, '{')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch {
		case item.null:
			dst = append(dst, "NULL"...)
		case item.nested:
			dst = appendZonedItems(dst, elem, item.items, session)
		default:
			v, _ := elem.Parse(item.text, Session{})
			dst = appendArrayElement(dst, string(elem.AppendText(nil, v, session)))
		}
	}
	return append(dst, '}')
}

func appendArrayJSON(dst []byte, t Type, v Value, session Session) []byte {
	return appendItemsJSON(dst, t.Elem(), arrayItems(v), session)
}

func appendItemsJSON(dst []byte, elem Type, items []arrayItem, session Session) []byte {
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		switch {
		case item.null:
			dst = append(dst, "null"...)
		case item.nested:
			dst = appendItemsJSON(dst, elem, item.items, session)
		default:
			v, _ := elem.Parse(item.text, Session{})
			dst = elem.AppendJSON(dst, v, session)
		}
	}
	return append(dst, ']')
}

// elements are an array's elements in storage order, whatever its dimensions.
// set is false for NULL elements.
func elements(t Type, v Value) []Value {
	elem := t.Elem()
	var out []Value
	var walk func(items []arrayItem)
	walk = func(items []arrayItem) {
		for _, item := range items {
			switch {
			case item.nested:
				walk(item.items)
			case item.null:
				out = append(out, Value{})
			default:
				parsed, _ := elem.Parse(item.text, Session{})
				out = append(out, parsed)
			}
		}
	}
	walk(arrayItems(v))
	return out
}

// compareArrays compares element by element, NULL above everything, then by
// length, then by dimensions.
func compareArrays(t Type, a, b Value) int {
	if a.str == b.str {
		return 0
	}
	elem := t.Elem()
	itemsA, itemsB := elements(t, a), elements(t, b)
	for i := range min(len(itemsA), len(itemsB)) {
		x, y := itemsA[i], itemsB[i]
		switch {
		case !x.set && !y.set:
		case !x.set:
			return 1
		case !y.set:
			return -1
		default:
			if c := elem.Compare(x, y); c != 0 {
				return c
			}
		}
	}
	if c := compareInts(int64(len(itemsA)), int64(len(itemsB))); c != 0 {
		return c
	}
	return compareShapes(arrayItems(a), arrayItems(b))
}

func compareShapes(a, b []arrayItem) int {
	depth := func(items []arrayItem) (n int64) {
		for len(items) > 0 {
			n++
			items = items[0].items
		}
		return n
	}
	if c := compareInts(depth(a), depth(b)); c != 0 {
		return c
	}
	for len(a) > 0 && len(b) > 0 {
		if c := compareInts(int64(len(a)), int64(len(b))); c != 0 {
			return c
		}
		a, b = a[0].items, b[0].items
	}
	return 0
}

// arrayContains is @>: every element of b, none of them NULL, is in a.
func arrayContains(t Type, a, b Value) bool {
	elem := t.Elem()
	have := elements(t, a)
	for _, wanted := range elements(t, b) {
		if !wanted.set || !containsValue(elem, have, wanted) {
			return false
		}
	}
	return true
}

func arrayOverlaps(t Type, a, b Value) bool {
	elem := t.Elem()
	have := elements(t, a)
	for _, wanted := range elements(t, b) {
		if wanted.set && containsValue(elem, have, wanted) {
			return true
		}
	}
	return false
}

func containsValue(elem Type, values []Value, wanted Value) bool {
	for _, v := range values {
		if v.set && elem.Compare(v, wanted) == 0 {
			return true
		}
	}
	return false
}
