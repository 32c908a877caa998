package filter

import (
	"errors"
	"fmt"
	"strings"
)

// Eq holds where the column equals the value. Rows where the column is null
// never match; compare with null by [IsNull].
//
// In this and all other constructors the column is written as in PostgREST: a
// name, a place in a JSON column (data->address->>city), a column of an
// embedded resource (author.name). A name with other characters than letters,
// digits, _, $, blanks and inner dashes goes through [Quote]. Values are turned
// into text by [Literal].
func Eq(column string, value any) Filter { return compare(column, OpEq, value) }

// Neq holds where the column differs from the value; null never does (see [IsDistinct]).
func Neq(column string, value any) Filter { return compare(column, OpNeq, value) }

// Gt holds where the column is greater than the value.
func Gt(column string, value any) Filter { return compare(column, OpGt, value) }

// Gte holds where the column is greater than the value or equal to it.
func Gte(column string, value any) Filter { return compare(column, OpGte, value) }

// Lt holds where the column is less than the value.
func Lt(column string, value any) Filter { return compare(column, OpLt, value) }

// Lte holds where the column is less than the value or equal to it.
func Lte(column string, value any) Filter { return compare(column, OpLte, value) }

// Like holds where the text matches the pattern: * and % stand for any text, _
// for one character, and a backslash takes the next character literally,
// except *, which PostgREST always reads as %. Use [Match] for a literal *.
func Like(column string, pattern any) Filter { return compare(column, OpLike, pattern) }

// ILike is [Like] without regard to case.
func ILike(column string, pattern any) Filter { return compare(column, OpILike, pattern) }

// Match holds where the text matches a POSIX regular expression.
func Match(column string, pattern any) Filter { return compare(column, OpMatch, pattern) }

// IMatch is [Match] without regard to case.
func IMatch(column string, pattern any) Filter { return compare(column, OpIMatch, pattern) }

// IsDistinct holds where the column differs from the value, null included.
func IsDistinct(column string, value any) Filter { return compare(column, OpIsDistinct, value) }

// Cs holds where the array, range or JSON column contains the value.
func Cs(column string, value any) Filter { return compare(column, OpCs, value) }

// Cd holds where the array, range or JSON column is contained in the value.
func Cd(column string, value any) Filter { return compare(column, OpCd, value) }

// Ov holds where the array or range column has a point in common with the value.
func Ov(column string, value any) Filter { return compare(column, OpOv, value) }

// Sl holds where the range column lies strictly left of the value.
func Sl(column string, value any) Filter { return compare(column, OpSl, value) }

// Sr holds where the range column lies strictly right of the value.
func Sr(column string, value any) Filter { return compare(column, OpSr, value) }

// Nxr holds where the range column does not extend to the right of the value.
func Nxr(column string, value any) Filter { return compare(column, OpNxr, value) }

// Nxl holds where the range column does not extend to the left of the value.
func Nxl(column string, value any) Filter { return compare(column, OpNxl, value) }

// Adj holds where the range column is adjacent to the value.
func Adj(column string, value any) Filter { return compare(column, OpAdj, value) }

// Fts holds where the tsvector column matches a query of to_tsquery, under the
// text-search configuration, or the database's default where that is empty.
func Fts(column, config, query string) Filter { return search(column, OpFts, config, query) }

// Plfts is [Fts] with plainto_tsquery: all the words, in any order.
func Plfts(column, config, query string) Filter { return search(column, OpPlfts, config, query) }

// Phfts is [Fts] with phraseto_tsquery: the words in this order.
func Phfts(column, config, query string) Filter { return search(column, OpPhfts, config, query) }

// Wfts is [Fts] with websearch_to_tsquery: what people type into search boxes.
func Wfts(column, config, query string) Filter { return search(column, OpWfts, config, query) }

// In holds where the column equals one of the values, which may also be given
// as one slice. An empty list matches no row.
func In(column string, values ...any) Filter {
	c := newCond(column, OpIn)
	c.List = []string{}
	for _, v := range flatten(values) {
		c.List = append(c.List, c.literal(v))
	}
	return c
}

// Is holds where the column is what is asked: nil or "null", true or "true",
// false or "false", or "unknown". Unlike [Eq] it never gives null itself.
func Is(column string, what any) Filter {
	c := newCond(column, OpIs)
	switch what := what.(type) {
	case nil:
		c.Value = "null"
	case bool:
		c.Value = "false"
		if what {
			c.Value = "true"
		}
	case string:
		c.Value = strings.ToLower(what)
		switch c.Value {
		case "null", "true", "false", "unknown":
		default:
			c.fail(fmt.Errorf("is %q, want null, true, false or unknown", what))
		}
	default:
		c.fail(fmt.Errorf("is with a %T, want nil, a bool or a word", what))
	}
	return c
}

// IsNull holds where the column is null.
func IsNull(column string) Filter { return Is(column, nil) }

// Not holds where the filter is false: where it is null, as a comparison with
// a null column is, its negation is null too and the row does not match.
func Not(f Filter) Filter {
	switch f := f.(type) {
	case Cond:
		f.Negate = !f.Negate
		return f
	case Tree:
		f.Negate = !f.Negate
		return f
	default:
		return Tree{} // Err reports it
	}
}

// And holds where all the filters hold. It needs at least one.
func And(filters ...Filter) Filter { return newTree(false, filters) }

// Or holds where at least one of the filters holds. It needs at least one.
func Or(filters ...Filter) Filter { return newTree(true, filters) }

func newTree(or bool, filters []Filter) Filter {
	t := Tree{Or: or, Filters: make([]Filter, 0, len(filters))}
	for i, f := range filters {
		embed := embedOf(f)
		if i == 0 {
			t.Embed = embed
		} else if strings.Join(t.Embed, ".") != strings.Join(embed, ".") {
			f = failed(f, errors.New("and/or cannot mix columns of different resources"))
		}
		t.Filters = append(t.Filters, withoutEmbed(f))
	}
	return t
}

// FromString reads the operator form as it stands in a URL: "lte.2026-01-02",
// "not.is.null", "in.(a,b)". Text that does not start with an operator and a
// dot is compared for equality: "pending" means "eq.pending". For the keys
// "and", "or", "not.and" and "not.or" it reads a tree.
//
// It guesses, and text from outside may look like an operator: "in.progress"
// is an error here. [Eq] sends any text safely.
func FromString(column, expression string) (Filter, error) {
	if isLogicKey(column) && !strings.HasPrefix(strings.TrimLeft(expression, " \t"), "(") {
		return nil, fmt.Errorf("filter: %q takes a list of filters in parentheses", column)
	}
	if isLogicKey(column) || startsWithOperator(expression) {
		f, err := ParseParam(column, expression)
		if err != nil {
			return nil, fmt.Errorf("filter: column %q: %w", column, err)
		}
		return f, checkSendable(expression)
	}
	f := Eq(column, expression)
	return f, f.Err()
}

// LooksLike reports whether PostgREST would take a text for a filter where it
// also expects other text: it starts with an operator and a dot, or with "not.".
func LooksLike(text string) bool {
	return strings.HasPrefix(text, "not.") || startsWithOperator(text)
}

// startsWithOperator tells "lte.5" and "not.like(any).{…}" from plain text.
func startsWithOperator(s string) bool {
	s = strings.TrimPrefix(s, "not.")
	word, _, found := strings.Cut(s, ".")
	if !found {
		return false
	}
	name, modifier, hasModifier := strings.Cut(word, "(")
	switch Op(name) {
	case OpFts, OpPlfts, OpPhfts, OpWfts:
		return !hasModifier || strings.HasSuffix(modifier, ")")
	case OpEq, OpGt, OpGte, OpLt, OpLte, OpLike, OpILike, OpMatch, OpIMatch:
		return !hasModifier || modifier == "any)" || modifier == "all)"
	case OpNeq, OpIn, OpIs, OpIsDistinct, OpCs, OpCd, OpOv, OpSl, OpSr, OpNxr, OpNxl, OpAdj:
		return !hasModifier
	default:
		return false
	}
}

func compare(column string, op Op, value any) Filter {
	c := newCond(column, op)
	if q, ok := value.(quantified); ok {
		c.quantify(q)
		return c
	}
	c.Value = c.literal(value)
	return c
}

func search(column string, op Op, config, query string) Filter {
	c := newCond(column, op)
	if config != "" && !isConfig(config) {
		c.fail(fmt.Errorf("text-search configuration %q: only letters, digits, _ and $", config))
	}
	c.Config = config
	c.Value = c.literal(query)
	return c
}

func isConfig(s string) bool {
	for _, r := range s {
		if !isIdentifierRune(r) || r == ' ' {
			return false
		}
	}
	return true
}

func newCond(column string, op Op) (c Cond) {
	c.Op = op
	if plainName(column) { // nearly all of them
		c.Path.Column = column
		return c
	}
	var err error
	if c.Path, err = ParsePath(column); err != nil {
		c.err = fmt.Errorf("filter: %w", err)
	}
	return c
}

// fail keeps the first error, with what it was about.
func (c *Cond) fail(err error) {
	if c.err == nil {
		c.err = fmt.Errorf("filter: %s on column %q: %w", c.Op, c.Path.Column, err)
	}
}

func (c *Cond) literal(v any) string {
	text, err := Literal(v)
	if err != nil {
		c.fail(err)
	}
	return text
}

func (c *Cond) quantify(q quantified) {
	if !c.Op.quantifiable() {
		c.fail(fmt.Errorf("the operator does not compare with %s of several values", q.quant))
	}
	if len(q.values) == 0 && q.quant == All {
		c.fail(errors.New("all of no values, which is true of every row"))
	}
	c.Quant = q.quant
	c.List = make([]string, 0, len(q.values))
	for _, v := range q.values {
		c.List = append(c.List, c.literal(v))
	}
}

func (o Op) quantifiable() bool {
	switch o {
	case OpEq, OpGt, OpGte, OpLt, OpLte, OpLike, OpILike, OpMatch, OpIMatch:
		return true
	default:
		return false
	}
}

func embedOf(f Filter) []string {
	switch f := f.(type) {
	case Cond:
		return f.Path.Embed
	case Tree:
		return f.Embed
	default:
		return nil
	}
}

func withoutEmbed(f Filter) Filter {
	switch f := f.(type) {
	case Cond:
		f.Path.Embed = nil
		return f
	case Tree:
		f.Embed = nil
		return f
	default:
		return Tree{}
	}
}

func failed(f Filter, err error) Filter {
	c, ok := f.(Cond)
	if !ok {
		c = Cond{}
	}
	c.fail(err)
	return c
}
