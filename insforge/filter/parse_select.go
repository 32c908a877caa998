package filter

import (
	"cmp"
	"slices"
	"strings"
)

// A SelectItem is one entry of a select parameter: a column, a place inside a
// JSON column, an aggregate, or an embedded resource.
type SelectItem struct {
	Alias     string // what it is to be called; empty: its own name
	Path      Path   // what is selected, unless Embed is set; the column * is all of them
	Cast      string // the type it is cast to; empty: none
	Aggregate string // sum, avg, count, max or min; count() has the column *
	Embed     *Embed
}

// Embed asks for the rows of another table that a foreign key relates to a row.
type Embed struct {
	Relation string // table, foreign key or column
	Hint     string // the foreign key, column or junction after "!"
	Inner    bool   // rows without a related row are left out
	Spread   bool   // "...": the columns become the row's own
	Items    []SelectItem
}

// An OrderTerm is one entry of an order parameter.
type OrderTerm struct {
	Path       Path
	Relation   string // the embedded resource whose column it is; empty: none
	Descending bool
	NullsFirst bool // as written, or PostgreSQL's default for the direction
}

// ParseSelect reads the value of a select parameter, with PostgREST's laxness
// and, as a [*ParseError], its complaints. What is empty selects everything: no
// items.
func ParseSelect(value string) ([]SelectItem, error) {
	if names, ok := plainList(value); ok {
		items := make([]SelectItem, len(names))
		for i, name := range names {
			items[i].Path.Column = name
		}
		return items, nil
	}
	return parse((*reader).forest, "select parameter", value, value)
}

// ParseOrder reads the value of an order parameter. Which resource it is for is
// in the key: see [ParseEmbedPath].
func ParseOrder(value string) ([]OrderTerm, error) {
	if names, ok := plainList(value); ok {
		terms := make([]OrderTerm, len(names))
		for i, name := range names {
			terms[i].Path.Column = name
		}
		return terms, nil
	}
	return parse((*reader).orderTerms, "order", value, value)
}

// ParseColumns reads a list of columns: the value of the parameter columns or
// on_conflict, which is named in the complaint.
func ParseColumns(parameter, value string) ([]string, error) {
	if names, ok := plainList(value); ok {
		return names, nil
	}
	return parse((*reader).columnNames, parameter+" parameter", value, value)
}

// plainList takes apart the lists that need no parser.
func plainList(s string) (names []string, ok bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && c != ',' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return nil, false
		}
	}
	names = strings.Split(s, ",")
	return names, !slices.Contains(names, "")
}

// forest is a list of select items, which may be empty.
func (r *reader) forest(items *[]SelectItem) bool {
	start := r.at
	if sepBy1(r, items, r.item, r.comma) {
		return true
	}
	*items = nil
	return r.at == start
}

func (r *reader) item(item *SelectItem) bool {
	var e Embed
	if r.attempt(func() bool { return r.spread(&e) }) || r.attempt(func() bool { return r.relation(&item.Alias, &e) }) {
		item.Embed = &e
		return r.word("(") && r.nested(func() bool { return r.forest(&e.Items) }) && r.word(")")
	}
	*item = SelectItem{}
	return r.blanks() && r.field(item) && r.blanks()
}

func (r *reader) spread(e *Embed) bool {
	*e = Embed{Spread: true}
	return r.blanks() && r.word("...") && r.fieldName(&e.Relation) && r.parameters(e) && r.ahead("(") && r.blanks()
}

func (r *reader) relation(alias *string, e *Embed) bool {
	*e = Embed{}
	return r.blanks() && r.alias(alias) && r.fieldName(&e.Relation) &&
		e.Relation != "count" && // count() is an aggregate
		r.parameters(e) && r.ahead("(") && r.blanks()
}

// alias may be missing.
func (r *reader) alias(alias *string) bool {
	var name string
	if r.attempt(func() bool {
		return r.fieldName(&name) && r.word(":") && r.notAhead(func() bool { return r.word(":") })
	}) {
		*alias = name
	}
	return true
}

// parameters are up to two of !inner, !left and a hint; of two alike the first
// counts.
func (r *reader) parameters(e *Embed) bool {
	var join, hint string
	for range 2 {
		switch {
		case !r.word("!"):
			return true
		case r.token("left"):
			join = cmp.Or(join, "left")
		case r.token("inner"):
			join = cmp.Or(join, "inner")
		case r.attempt(func() bool { return r.fieldName(&hint) }):
			e.Hint = cmp.Or(e.Hint, hint)
		default:
			return false
		}
		e.Inner = join == "inner"
	}
	return true
}

func (r *reader) field(item *SelectItem) bool {
	star := func() bool { return r.word("*") && r.itemEnd() }
	var alias, cast string
	count := func() bool { return r.alias(&alias) && r.word("count()") && r.cast(&cast) && r.itemEnd() }
	switch {
	case r.attempt(star):
		item.Path.Column = "*"
		return true
	case r.attempt(count):
		*item = SelectItem{Alias: alias, Path: Path{Column: "*"}, Aggregate: "count"}
		return true
	}
	return r.alias(&item.Alias) && r.column(&item.Path) && r.cast(&item.Cast) &&
		r.aggregate(&item.Aggregate) && r.cast(&cast) && r.itemEnd()
}

func (r *reader) itemEnd() bool { return r.ahead(")") || r.ahead(",") || r.eof() }

// cast may be missing.
func (r *reader) cast(to *string) bool {
	start := r.at
	if !r.word("::") {
		return r.at == start
	}
	ok := r.identifier(to)
	*to = strings.TrimSpace(*to)
	return ok
}

// aggregate may be missing.
func (r *reader) aggregate(function *string) bool {
	var name string
	if r.attempt(func() bool {
		if !r.word(".") {
			return false
		}
		start := r.at
		ok := r.choice(
			func() bool { return r.word("sum") },
			func() bool { return r.word("avg") },
			func() bool { return r.word("count") },
			func() bool { return r.token("max") || r.token("min") },
		)
		name = r.input[start:r.at]
		return ok && r.word("()")
	}) {
		*function = name
	}
	return true
}

func (r *reader) columnNames(names *[]string) bool { return sepBy1(r, names, r.fieldName, r.comma) }

func (r *reader) orderTerms(terms *[]OrderTerm) bool {
	return sepBy1(r, terms, r.orderTerm, func() bool { return r.word(",") })
}

func (r *reader) orderTerm(term *OrderTerm) bool {
	related := func() bool {
		return r.fieldName(&term.Relation) && r.word("(") && r.column(&term.Path) && r.word(")") && r.direction(term)
	}
	own := func() bool {
		*term = OrderTerm{}
		return r.column(&term.Path) && r.direction(term)
	}
	return r.blanks() && (r.attempt(related) || own()) && r.blanks()
}

// direction reads what stands behind the column of an order term.
func (r *reader) direction(term *OrderTerm) bool {
	suffix := func(text string) bool {
		return r.attempt(func() bool { return r.delimiter() && r.word(text) })
	}
	term.Descending = !suffix("asc") && suffix("desc")
	term.NullsFirst = suffix("nullsfirst") || !suffix("nullslast") && term.Descending
	return r.ahead(",") || r.eof()
}
