package embedded

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// The grammar of select, order, columns and on_conflict, with PostgREST's
// error texts. Filters are parsed by package filter.

const fieldNameLabel = "field name (* or [a..z0..9_$])"

// reader walks over one parameter.
type reader struct {
	what string // for messages: "failed to parse order"
	s    string
	pos  int
}

func (r *reader) fail(expecting string) error { return r.failAt(r.pos, expecting) }

func (r *reader) failAt(pos int, expecting string) error {
	unexpected := "end of input"
	if pos < len(r.s) {
		c, _ := utf8.DecodeRuneInString(r.s[pos:])
		unexpected = `"` + string(c) + `"`
	}
	column := utf8.RuneCountInString(r.s[:pos]) + 1
	return badQuery(
		fmt.Sprintf(`"failed to parse %s (%s)" (line 1, column %d)`, r.what, r.s, column),
		"unexpected "+unexpected+" expecting "+expecting)
}

func (r *reader) done() bool { return r.pos >= len(r.s) }

func (r *reader) accept(token string) bool {
	if strings.HasPrefix(r.s[r.pos:], token) {
		r.pos += len(token)
		return true
	}
	return false
}

func (r *reader) spaces() {
	for !r.done() && (r.s[r.pos] == ' ' || r.s[r.pos] == '\t') {
		r.pos++
	}
}

func isNameRune(c rune) bool {
	return unicode.IsLetter(c) || c >= '0' && c <= '9' || c == '_' || c == ' ' || c == '$'
}

// name reads a column or table: quoted, or letters, digits, _ $ space and inner
// dashes.
func (r *reader) name() (string, error) {
	if !r.done() && r.s[r.pos] == '"' {
		return r.quotedName()
	}
	start := r.pos
	for !r.done() {
		c, size := utf8.DecodeRuneInString(r.s[r.pos:])
		inner := c == '-' && r.pos > start && r.pos+1 < len(r.s) && r.s[r.pos+1] != '>'
		if !isNameRune(c) && !inner {
			break
		}
		r.pos += size
	}
	if r.pos == start {
		return "", r.fail(fieldNameLabel)
	}
	return strings.TrimSpace(r.s[start:r.pos]), nil
}

func (r *reader) quotedName() (string, error) {
	var out []byte
	for i := r.pos + 1; i < len(r.s); i++ {
		switch c := r.s[i]; {
		case c == '"':
			r.pos = i + 1
			return string(out), nil
		case c == '\\' && i+1 < len(r.s):
			i++
			out = append(out, r.s[i])
		default:
			out = append(out, c)
		}
	}
	r.pos = len(r.s)
	return "", r.fail(`any non reserved character different from: .,>()`)
}

// path reads a name and the arrows behind it.
func (r *reader) path() (filter.Path, error) {
	name, err := r.name()
	if err != nil {
		return filter.Path{}, err
	}
	p := filter.Path{Column: name}
	for r.accept("->") {
		step := filter.PathStep{AsText: r.accept(">")}
		if !r.done() && r.s[r.pos] == '"' {
			if step.Key, err = r.quotedName(); err != nil {
				return p, err
			}
		} else {
			start := r.pos
			r.accept("-")
			for !r.done() && (strings.IndexByte("(-:.,>)", r.s[r.pos]) < 0) {
				r.pos++
			}
			step.Key = r.s[start:r.pos]
			digits := strings.TrimPrefix(step.Key, "-")
			step.Index = digits != "" && strings.Trim(digits, "0123456789") == ""
			if !step.Index && (step.Key == "" || step.Key[0] == '-') {
				return p, r.failAt(start, `"-", digit or any non reserved character different from: .,>()`)
			}
		}
		p.Steps = append(p.Steps, step)
	}
	return p, nil
}

func parseColumns(value, what string) ([]string, error) {
	r := &reader{what: what, s: value}
	var names []string
	for {
		r.spaces()
		name, err := r.name()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		if r.done() {
			return names, nil
		}
		if !r.accept(",") {
			return nil, r.fail(`",", letter, digit, "-", end of input or "_"`)
		}
	}
}

func parseOrder(value string) ([]orderTerm, error) {
	r := &reader{what: "order", s: value}
	var terms []orderTerm
	for {
		r.spaces()
		var term orderTerm
		path, err := r.path()
		if err != nil {
			return nil, err
		}
		term.path = path
		if len(path.Steps) == 0 && r.accept("(") {
			term.relation = path.Column
			if term.path, err = r.path(); err != nil {
				return nil, err
			}
			if !r.accept(")") {
				return nil, r.fail(`")"`)
			}
		}
		hasDirection, hasNulls := false, false
		for r.accept(".") {
			at := r.pos
			switch {
			case !hasDirection && !hasNulls && r.accept("asc"):
				hasDirection = true
			case !hasDirection && !hasNulls && r.accept("desc"):
				hasDirection, term.descending = true, true
			case !hasNulls && r.accept("nullsfirst"):
				hasNulls, term.nullsFirst = true, true
			case !hasNulls && r.accept("nullslast"):
				hasNulls = true
			case hasDirection:
				return nil, r.failAt(at, `"nullsfirst" or "nullslast"`)
			default:
				return nil, r.failAt(at, `"asc", "desc", "nullsfirst" or "nullslast"`)
			}
		}
		if !hasNulls {
			term.nullsFirst = term.descending
		}
		terms = append(terms, term)
		r.spaces()
		if r.done() {
			return terms, nil
		}
		if !r.accept(",") {
			return nil, r.fail(`"," or end of input`)
		}
	}
}

const (
	selectStart      = `"...", field name (* or [a..z0..9_$]), "*" or "count()"`
	selectStartOrEnd = `"...", field name (* or [a..z0..9_$]), "*", "count()" or ")"`
)

func parseSelect(value string) ([]item, error) {
	r := &reader{what: "select parameter", s: value}
	if value == "" {
		return nil, nil
	}
	items, err := r.items(false)
	if err != nil {
		return nil, err
	}
	return items, nil
}

func (r *reader) items(nested bool) ([]item, error) {
	items := []item{}
	if nested {
		r.spaces()
		if !r.done() && r.s[r.pos] == ')' {
			return items, nil
		}
	}
	for {
		r.spaces()
		one, err := r.item(nested && len(items) == 0)
		if err != nil {
			return nil, err
		}
		items = append(items, one)
		r.spaces()
		switch {
		case r.accept(","):
		case r.done() && !nested:
			return items, nil
		case nested && !r.done() && r.s[r.pos] == ')':
			return items, nil
		case nested:
			return nil, r.fail(`"::", ".", ")", "," or "->"`)
		default:
			return nil, r.fail(`"::", ".", "," or end of input`)
		}
	}
}

func (r *reader) item(mayEnd bool) (item, error) {
	switch {
	case r.accept("*"):
		return item{star: true}, nil
	case r.accept("count()"):
		return item{count: true}, nil
	case r.accept("..."):
		name, err := r.name()
		if err != nil {
			return item{}, err
		}
		return r.embed("", name, true)
	}
	start := r.pos
	path, err := r.path()
	if err != nil {
		if r.pos == start {
			if mayEnd {
				return item{}, r.failAt(start, selectStartOrEnd)
			}
			return item{}, r.failAt(start, selectStart)
		}
		return item{}, err
	}
	alias := ""
	if len(path.Steps) == 0 && strings.HasPrefix(r.s[r.pos:], ":") && !strings.HasPrefix(r.s[r.pos:], "::") {
		r.pos++
		alias = path.Column
		if r.accept("count()") {
			return item{alias: alias, count: true}, nil
		}
		if path, err = r.path(); err != nil {
			return item{}, err
		}
	}
	if len(path.Steps) == 0 && !r.done() && (r.s[r.pos] == '(' || r.s[r.pos] == '!') {
		return r.embed(alias, path.Column, false)
	}
	one := item{alias: alias, path: path}
	if one.cast, err = r.cast(); err != nil {
		return item{}, err
	}
	if r.accept(".") {
		for _, function := range []string{"sum()", "avg()", "count()", "max()", "min()"} {
			if r.accept(function) {
				one.agg = function
				_, err := r.cast()
				return one, err
			}
		}
		return item{}, r.fail(`"sum", "avg", "count", "max" or "min"`)
	}
	return one, nil
}

func (r *reader) cast() (string, error) {
	if !r.accept("::") {
		return "", nil
	}
	start := r.pos
	for !r.done() {
		c, size := utf8.DecodeRuneInString(r.s[r.pos:])
		if !isNameRune(c) && c != '[' && c != ']' {
			break
		}
		r.pos += size
	}
	if r.pos == start {
		return "", r.fail(fieldNameLabel)
	}
	return strings.TrimSpace(r.s[start:r.pos]), nil
}

func (r *reader) embed(alias, name string, spread bool) (item, error) {
	e := &embed{name: name, spread: spread}
	for r.accept("!") {
		hint, err := r.name()
		if err != nil {
			return item{}, err
		}
		switch hint {
		case "inner":
			e.inner = true
		case "left":
		default:
			e.hint = hint
		}
	}
	if !r.accept("(") {
		return item{}, r.fail(`"("`)
	}
	var err error
	if e.items, err = r.items(true); err != nil {
		return item{}, err
	}
	if !r.accept(")") {
		return item{}, r.fail(`")"`)
	}
	return item{alias: alias, embed: e}, nil
}
