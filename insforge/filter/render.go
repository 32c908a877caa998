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
	// Room for a query of usual size. What is handed on by value, and not by pointer, stays on the stack.
	var (
		tableRoom  [16]member
		partsRoom  [16]part
		valuesRoom [640]byte
	)
	table, parts, values := tableRoom[:0], partsRoom[:0], valuesRoom[:0]
	var embedded []group
	for _, f := range filters {
		if f == nil {
			return nil, errors.New("filter: a filter is nil")
		}
		if c, ok := f.(Cond); ok && c.err == nil && len(c.Path.Embed) == 0 { // nearly all of them
			table = append(table, member{key: condKey(&c), filter: f})
			continue
		}
		if err := f.Err(); err != nil {
			return nil, err
		}
		embed := embedOf(f)
		if len(embed) == 0 {
			table = appendMembers(table, f)
			continue
		}
		at := slices.IndexFunc(embedded, func(g group) bool { return slices.Equal(g.embed, embed) })
		if at < 0 {
			at = len(embedded)
			embedded = append(embedded, group{embed: embed})
		}
		embedded[at].members = appendMembers(embedded[at].members, f)
	}
	parts, values, err := appendParts(parts, values, nil, table)
	for _, g := range embedded {
		if err == nil {
			parts, values, err = appendParts(parts, values, g.embed, g.members)
		}
	}
	if err != nil {
		return nil, err
	}
	return paramsOf(parts, values), nil
}

// ParamsApart is Params for a write that answers with its rows. PostgREST before
// 14.4 applies and/or once more to the rows as the write has left them, and does
// not show those that no longer fulfil it, so here a condition goes into a tree
// only if it cannot have a key for itself: a second one on a column has the
// column's name in quotes for a key, which means the same, and so has a column
// whose name would mean something else. The earlier filters come first in that.
// What does go into trees is returned besides.
func ParamsApart(filters ...Filter) (params []Param, trees []Filter, err error) {
	used := map[string]bool{}
	var rest []Filter
	for _, f := range filters {
		c, ok := f.(Cond)
		key := ""
		if ok && c.err == nil && len(c.Path.Embed) == 0 {
			key = c.ownKey(used)
		}
		if key == "" {
			rest = append(rest, f)
			continue
		}
		used[key] = true
		params = append(params, Param{key, string(appendExpr(nil, &c, false))})
	}
	for i, f := range rest {
		if f == nil || f.Err() != nil || len(embedOf(f)) > 0 {
			continue
		}
		trees = append(trees, f)
		if _, ok := f.(Cond); ok { // its key is taken
			rest[i] = Tree{Or: true, Filters: []Filter{f}}
		}
	}
	more, err := Params(rest...)
	return append(params, more...), trees, err
}

// ownKey is a key for a condition that no other one has; empty if there is none.
func (c *Cond) ownKey(used map[string]bool) string {
	if key := condKey(c); key != "" && !used[key] {
		return key
	}
	if strings.ContainsAny(c.Path.Column, "[]") { // which gateways read as lists
		return ""
	}
	var b strings.Builder
	writeQuoted(&b, c.Path.Column)
	for _, step := range c.Path.Steps {
		step.write(&b)
	}
	if used[b.String()] {
		return ""
	}
	return b.String()
}

var errEmbedNot = errors.New(`filter: an embedded resource called "not" cannot be filtered by an and/or tree; give it another alias`)

// part is a parameter whose value ends there, in the buffer that all values
// share and that becomes one string.
type part struct {
	key string
	end int
}

func paramsOf(parts []part, values []byte) []Param {
	params := make([]Param, len(parts))
	all, start := string(values), 0
	for i, p := range parts {
		params[i] = Param{p.key, all[start:p.end]}
		start = p.end
	}
	return params
}

// group holds the filters of an embedded resource.
type group struct {
	embed   []string
	members []member
}

type member struct {
	key    string // empty where the filter can only stand inside and=(…)
	folds  bool   // it stands there, having no key or none for itself
	filter Filter
}

// fold finds the members that cannot have their key for themselves.
func fold(members []member) (some bool) {
	for i := range members {
		m := &members[i]
		m.folds = m.key == ""
		for j := range members[:i] {
			if members[j].key == m.key {
				m.folds, members[j].folds = true, true
			}
		}
		some = some || m.folds
	}
	return some
}

func appendMembers(members []member, f Filter) []member {
	switch concrete := f.(type) {
	case Tree:
		if !concrete.Or && !concrete.Negate { // and=(a,b) says no more than a and b do
			for _, inner := range concrete.Filters {
				members = appendMembers(members, inner)
			}
			return members
		}
		members = append(members, member{key: treeKey(concrete), filter: f})
	case Cond:
		members = append(members, member{key: condKey(&concrete), filter: f})
	}
	return members
}

// appendParts renders the filters of one resource.
func appendParts(parts []part, values []byte, embed []string, members []member) ([]part, []byte, error) {
	prefix := embedPrefix(embed)
	noTree := slices.Contains(embed, "not")
	folded := fold(members)
	for i := range members {
		m := &members[i]
		if m.folds {
			continue
		}
		switch f := m.filter.(type) {
		case Tree:
			if noTree {
				return nil, nil, errEmbedNot
			}
			values = appendTree(values, "", f.Filters)
		case Cond:
			values = appendExpr(values, &f, false)
		}
		parts = append(parts, part{prefix + m.key, len(values)})
	}
	if !folded {
		return parts, values, nil
	}
	if noTree {
		return nil, nil, errEmbedNot
	}
	values = append(values, '(')
	for _, m := range members {
		if !m.folds {
			continue
		}
		values = appendMember(values, m.filter)
		values = append(values, ',')
	}
	values[len(values)-1] = ')'
	return append(parts, part{prefix + "and", len(values)}), values, nil
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
	if len(c.Path.Steps) == 0 {
		return c.Path.Column
	}
	return Path{Column: c.Path.Column, Steps: c.Path.Steps}.String()
}

// Reserved reports whether the name of a column or argument is something else as
// a key of a URL: a parameter of PostgREST, of InsForge, or of an embedded
// resource, or a word that a gateway drops.
func Reserved(name string) bool {
	switch last := name[strings.LastIndexByte(name, '.')+1:]; last {
	case "order", "limit", "offset", "and", "or":
		return true
	}
	return reservedKey(name)
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
		s.write(&b)
	}
	return b.String()
}

func (s PathStep) write(b *strings.Builder) {
	if s.AsText {
		b.WriteString("->>")
	} else {
		b.WriteString("->")
	}
	switch {
	case s.Index:
		b.WriteString(s.Key)
	case isDigits(s.Key): // unquoted it would be an array index
		writeQuoted(b, s.Key)
	default:
		writeName(b, s.Key)
	}
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
func TreeString(f Filter) string { return string(appendMember(nil, f)) }

// appendMember writes a filter as a member of a tree.
func appendMember(b []byte, f Filter) []byte {
	switch f := f.(type) {
	case Cond:
		return appendCond(b, &f)
	case Tree:
		return appendTree(b, treeKey(f), f.Filters)
	}
	return b
}

// appendTree writes a tree: its key, which stands outside of it at the top, and
// its members.
func appendTree(b []byte, key string, filters []Filter) []byte {
	b = append(b, key...)
	b = append(b, '(')
	for i, f := range filters {
		if i > 0 {
			b = append(b, ',')
		}
		switch f := f.(type) { // calling itself, not appendMember: so b can stay on its caller's stack
		case Cond:
			b = appendCond(b, &f)
		case Tree:
			b = appendTree(b, treeKey(f), f.Filters)
		}
	}
	return append(b, ')')
}

func appendCond(b []byte, c *Cond) []byte {
	b = append(b, Path{Column: c.Path.Column, Steps: c.Path.Steps}.String()...)
	b = append(b, '.')
	return appendExpr(b, c, true)
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
