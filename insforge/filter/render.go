package filter

import (
	"errors"
	"slices"
	"strings"
)

// Param is one query parameter, not escaped for the URL.
type Param struct{ Key, Value string }

// Params renders filters, all of which must hold, as query parameters. Every
// key occurs at most once, because gateways in front of PostgREST fold
// repeated keys into something else: two filters on one column, or two
// or-groups, go together into one and=(…). So do columns whose names mean
// something else as a key (order, select, schema, constructor).
//
// The error is the first one of the filters themselves, or that an embedded
// resource called not is to be filtered by a tree: PostgREST reads not.and=(…)
// as a negation, so such a resource needs another alias in select.
func Params(filters ...Filter) ([]Param, error) {
	all := group{members: make([]member, 0, len(filters))}
	for _, f := range filters {
		if f == nil {
			return nil, errors.New("filter: a filter is nil")
		}
		if err := f.Err(); err != nil {
			return nil, err
		}
		all.in(embedOf(f)).add(f)
	}
	r := rendering{
		params: make([]Param, 0, len(filters)), ends: make([]int, 0, len(filters)), values: make([]byte, 0, 48*len(filters)),
	}
	for g := &all; g != nil; g = g.next {
		if err := g.render(&r); err != nil {
			return nil, err
		}
	}
	return r.finish(), nil
}

var errEmbedNot = errors.New(`filter: an embedded resource called "not" cannot be filtered by an and/or tree; give it another alias`)

// rendering collects the values of all parameters in one buffer, which becomes
// one string in the end.
type rendering struct {
	params []Param
	values []byte
	ends   []int // of each parameter's value
}

func (r *rendering) add(key string) {
	r.params = append(r.params, Param{Key: key})
	r.ends = append(r.ends, len(r.values))
}

func (r *rendering) finish() []Param {
	values, start := string(r.values), 0
	for i, end := range r.ends {
		r.params[i].Value = values[start:end]
		start = end
	}
	return r.params
}

// group holds the filters of one resource: the table, or an embedded one.
type group struct {
	embed   []string
	members []member
	next    *group
}

type member struct {
	key    string // empty where the filter can only stand inside and=(…)
	filter Filter
}

// in returns the group of a resource, new if it has none yet.
func (g *group) in(embed []string) *group {
	for ; ; g = g.next {
		if slices.Equal(g.embed, embed) {
			return g
		}
		if g.next == nil {
			g.next = &group{embed: embed}
		}
	}
}

func (g *group) add(f Filter) {
	switch concrete := f.(type) {
	case Tree:
		if !concrete.Or && !concrete.Negate { // and=(a,b) says no more than a and b do
			for _, inner := range concrete.Filters {
				g.add(inner)
			}
			return
		}
		g.members = append(g.members, member{treeKey(concrete), f})
	case Cond:
		g.members = append(g.members, member{condKey(&concrete), f})
	}
}

func (g *group) render(r *rendering) error {
	prefix := embedPrefix(g.embed)
	noTree := slices.Contains(g.embed, "not")
	folded := 0
	for i, m := range g.members {
		if g.folds(i) {
			folded++
			continue
		}
		switch f := m.filter.(type) {
		case Tree:
			if noTree {
				return errEmbedNot
			}
			r.values = appendList(r.values, f.Filters)
		case Cond:
			r.values = appendExpr(r.values, &f, false)
		}
		r.add(prefix + m.key)
	}
	if folded == 0 {
		return nil
	}
	if noTree {
		return errEmbedNot
	}
	r.values = append(r.values, '(')
	for i, m := range g.members {
		if !g.folds(i) {
			continue
		}
		r.values = appendTree(r.values, m.filter)
		r.values = append(r.values, ',')
	}
	r.values[len(r.values)-1] = ')'
	r.add(prefix + "and")
	return nil
}

// folds reports whether a member cannot have its key for itself.
func (g *group) folds(i int) bool {
	key := g.members[i].key
	if key == "" {
		return true
	}
	for j := range g.members {
		if j != i && g.members[j].key == key {
			return true
		}
	}
	return false
}

func embedPrefix(embed []string) string {
	if len(embed) == 0 {
		return ""
	}
	var b strings.Builder
	for _, name := range embed {
		writeName(&b, name)
		b.WriteByte('.')
	}
	return b.String()
}

func treeKey(t Tree) string {
	key := "and"
	if t.Or {
		key = "or"
	}
	if t.Negate {
		key = "not." + key
	}
	return key
}

// condKey is the key under which a condition can stand alone, or empty if its
// column's name would be read as something else there.
func condKey(c *Cond) string {
	if !plainName(c.Path.Column) || reservedKey(c.Path.Column) {
		return ""
	}
	return Path{Column: c.Path.Column, Steps: c.Path.Steps}.String()
}

// reservedKey tells the names that are no column as a key: parameters of
// PostgREST; schema, which InsForge takes for itself; and the properties every
// JavaScript object has, which its query parser drops without a word.
func reservedKey(name string) bool {
	switch name {
	case "select", "columns", "on_conflict", "order", "limit", "offset", "and", "or", "not", "schema",
		"constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString",
		"toString", "valueOf", "__proto__", "__defineGetter__", "__defineSetter__",
		"__lookupGetter__", "__lookupSetter__":
		return true
	default:
		return false
	}
}

// plainName reports whether a name needs no quotes anywhere: letters, digits,
// _ and $, of ASCII only, so that it means the same to every parser on the way.
func plainName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' {
			continue
		}
		return false
	}
	return s != ""
}

// Quote returns a column name as it is written in queries: as it is where it
// is plain, in double quotes where it has dots, commas, blanks and the like.
func Quote(name string) string {
	if plainName(name) {
		return name
	}
	var b strings.Builder
	writeQuoted(&b, name)
	return b.String()
}

func writeName(b *strings.Builder, name string) { b.WriteString(Quote(name)) }

// String returns the path as it is written in queries.
func (p Path) String() string {
	if len(p.Embed) == 0 && len(p.Steps) == 0 {
		return Quote(p.Column)
	}
	var b strings.Builder
	b.WriteString(embedPrefix(p.Embed))
	writeName(&b, p.Column)
	for _, s := range p.Steps {
		if s.AsText {
			b.WriteString("->>")
		} else {
			b.WriteString("->")
		}
		switch {
		case s.Index:
			b.WriteString(s.Key)
		case isDigits(s.Key): // unquoted it would be an array index
			writeQuoted(&b, s.Key)
		default:
			writeName(&b, s.Key)
		}
	}
	return b.String()
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// TreeString renders a filter as it stands inside a logic tree: a.eq.1,
// not.or(a.eq.1,b.is.null). The embedded resource it may be about stands
// outside such a tree and is left out.
func TreeString(f Filter) string { return string(appendTree(nil, f)) }

func appendList(b []byte, filters []Filter) []byte {
	b = append(b, '(')
	for i, f := range filters {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTree(b, f)
	}
	return append(b, ')')
}

func appendTree(b []byte, f Filter) []byte {
	switch f := f.(type) {
	case Cond:
		b = append(b, Path{Column: f.Path.Column, Steps: f.Path.Steps}.String()...)
		b = append(b, '.')
		return appendExpr(b, &f, true)
	case Tree:
		b = append(b, treeKey(f)...)
		return appendList(b, f.Filters)
	default:
		return b
	}
}

// appendExpr writes operator and operand. At the top level the operand is
// everything to the end and must not be quoted; inside a tree it ends at a
// comma or parenthesis and is quoted where in doubt.
func appendExpr(b []byte, c *Cond, inTree bool) []byte {
	if c.Negate {
		b = append(b, "not."...)
	}
	if c.Op == OpIn {
		if len(c.List) == 1 && c.List[0] == "" {
			// PostgREST reads in.("") as the empty list.
			return appendOperand(append(b, "eq."...), "", inTree)
		}
		return appendInList(append(b, "in."...), c.List)
	}
	b = append(b, c.Op...)
	if mod := c.modifier(); mod != "" {
		b = append(b, '(')
		b = append(b, mod...)
		b = append(b, ')')
	}
	b = append(b, '.')
	value := c.Value
	if c.List != nil {
		value = listLiteral(c.List)
	}
	if c.Op == OpIs {
		return append(b, value...)
	}
	return appendOperand(b, value, inTree)
}

func (c *Cond) modifier() string {
	if c.Quant != NoQuantifier {
		return string(c.Quant)
	}
	return c.Config
}

func appendOperand(b []byte, value string, inTree bool) []byte {
	if !inTree || plainOperand(value) {
		return append(b, value...)
	}
	return appendQuoted(b, value)
}

// plainOperand reports whether a value may stand unquoted inside a tree.
func plainOperand(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("_-+:.*%/@", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// appendInList writes the elements of in. A quoted element is text up to its
// closing quote; unquoted, blanks, quotes and parentheses could end it early.
func appendInList(b []byte, elements []string) []byte {
	b = append(b, '(')
	for i, e := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		if plainOperand(e) {
			b = append(b, e...)
		} else {
			b = appendQuoted(b, e)
		}
	}
	return append(b, ')')
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
