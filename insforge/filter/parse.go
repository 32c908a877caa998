package filter

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseError is PostgREST's complaint about a parameter it cannot read: code
// PGRST100, status 400.
type ParseError struct {
	Message string // what could not be read, and where
	Details string // what stood there and what was expected
}

// Error implements error.
func (e *ParseError) Error() string { return e.Message + ": " + e.Details }

// ParseParam reads one query parameter that is a filter (due_at=lte.now) or a
// logic tree (or=(a.eq.1,b.eq.2)). It accepts what PostgREST 12 accepts, which
// includes rubbish after the end of a key or of a tree, and reports what it
// does not in PostgREST's words, as a [*ParseError].
func ParseParam(key, value string) (Filter, error) {
	if isLogicKey(key) {
		return parseLogic(key, value)
	}
	path, err := parse((*reader).treePath, "tree path", key, key)
	if err != nil {
		return nil, err
	}
	c, err := parse((*reader).filter, "filter", value, value)
	if err != nil {
		return nil, err
	}
	c.Path = path
	return c, nil
}

// ParsePath reads a column, or a place inside a JSON column, as it is written
// in queries. Unlike a key of [ParseParam] it must be nothing but that.
func ParsePath(s string) (Path, error) {
	if plainName(s) { // by far the most frequent, and it needs no parser
		return Path{Column: s}, nil
	}
	path, err := parse((*reader).wholePath, "column", s, s)
	if err != nil {
		return Path{Column: s}, fmt.Errorf("column %q cannot be read (names with special characters need Quote): %w", s, err)
	}
	return path, nil
}

// ParseEmbedPath reads the key of an order, limit or offset: the embedded
// resource it is for, outermost first; none for the table itself.
func ParseEmbedPath(key string) ([]string, error) {
	if !strings.Contains(key, ".") {
		return nil, nil
	}
	path, err := parse((*reader).treePath, "tree path", key, key)
	return path.Embed, err
}

func isLogicKey(key string) bool {
	last := key[strings.LastIndexByte(key, '.')+1:]
	return last == "and" || last == "or"
}

func parseLogic(key, value string) (Filter, error) {
	names, err := parse((*reader).logicPath, "logic path", key, key)
	if err != nil {
		return nil, err
	}
	last := len(names) - 1
	op := names[last]
	if slices.Contains(names, "not") {
		op = "not." + op
	}
	f, err := parse((*reader).logicTree, "logic tree", value, op+value)
	if err != nil {
		return nil, err
	}
	embed := slices.DeleteFunc(names[:last:last], func(s string) bool { return s == "not" })
	if len(embed) > 0 {
		switch g := f.(type) {
		case Tree:
			g.Embed = embed
			f = g
		case Cond:
			g.Path.Embed = embed
			f = g
		}
	}
	return f, nil
}

// parse reads an input by a rule. The complaint is about what was given.
func parse[T any](rule func(*reader, *T) bool, what, given, input string) (T, error) {
	var v, none T
	if !utf8.ValidString(input) {
		input = string([]rune(input)) // a replacement character for each byte
	}
	r := reader{input: input, notes: make([]note, 0, 40)}
	if rule(&r, &v) {
		return v, nil
	}
	line, column := r.place()
	return none, &ParseError{
		Message: fmt.Sprintf("\"failed to parse %s (%s)\" (line %d, column %d)", what, given, line, column),
		Details: r.complaint(),
	}
}

// The grammar, from the bottom up.

func (r *reader) delimiter() bool {
	return r.label("delimiter (.)", func() bool { return r.word(".") })
}

func (r *reader) blanks() bool {
	return r.many(func() bool { return r.one(func(c rune) bool { return c == ' ' || c == '\t' }) })
}

// lexeme is a word with blanks around it.
func (r *reader) lexeme(word string) bool { return r.blanks() && r.word(word) && r.blanks() }

func (r *reader) comma() bool { return r.lexeme(",") }

func isIdentifierRune(c rune) bool {
	return unicode.IsLetter(c) || c >= '0' && c <= '9' || c == '_' || c == ' ' || c == '$'
}

// identifier reads one rune or more.
func (r *reader) identifier(name *string) bool {
	*name = r.while(isIdentifierRune)
	r.tell(r.at, expected, "letter")
	r.tell(r.at, expected, "digit")
	return *name != ""
}

// dashed reads words joined by inner dashes, trimming blanks around each.
func (r *reader) dashed(name *string, word func(*string) bool) bool {
	var words []string
	if !sepBy1(r, &words, word, r.dash) {
		return false
	}
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	*name = strings.Join(words, "-")
	return true
}

func (r *reader) dash() bool {
	return r.attempt(func() bool { return r.word("-") && r.notAhead(func() bool { return r.word(">") }) })
}

// quoted reads a text in double quotes, in which a backslash says that the next
// rune is meant as it is.
func (r *reader) quoted(text *string) bool {
	if !r.word(`"`) {
		return false
	}
	var b strings.Builder
	for {
		b.WriteString(r.while(func(c rune) bool { return c != '\\' && c != '"' }))
		if !r.word(`\`) {
			*text = b.String()
			return r.word(`"`)
		}
		b.WriteString(r.rune(r.at))
		if !r.one(func(rune) bool { return true }) {
			return false
		}
	}
}

func (r *reader) fieldName(name *string) bool {
	return r.label("field name (* or [a..z0..9_$])", func() bool {
		return r.choice(
			func() bool { return r.quoted(name) },
			func() bool { return r.dashed(name, r.identifier) },
		)
	})
}

// jsonPath may be empty.
func (r *reader) jsonPath(steps *[]PathStep) bool {
	*steps = nil
	for {
		start := r.at
		var s PathStep
		if !r.jsonStep(&s) {
			return r.at == start
		}
		*steps = append(*steps, s)
	}
}

func (r *reader) jsonStep(s *PathStep) bool {
	asText := r.token("->>")
	if !asText && !r.token("->") {
		return false
	}
	ok := r.attempt(func() bool { return r.jsonIndex(s) }) || r.attempt(func() bool { return r.jsonKey(s) })
	s.AsText = asText
	return ok
}

func (r *reader) jsonIndex(s *PathStep) bool {
	start := r.at
	r.word("-")
	digits := r.while(func(c rune) bool { return c >= '0' && c <= '9' })
	r.tell(r.at, expected, "digit")
	*s = PathStep{Key: r.input[start:r.at], Index: true}
	return digits != "" && (r.ahead("->") || r.ahead("::") || r.ahead(".") || r.ahead(",") || r.eof())
}

func (r *reader) jsonKey(s *PathStep) bool {
	*s = PathStep{}
	return r.label("any non reserved character different from: .,>()", func() bool {
		return r.choice(
			func() bool { return r.quoted(&s.Key) },
			func() bool {
				return r.dashed(&s.Key, func(word *string) bool {
					*word = r.while(func(c rune) bool { return !strings.ContainsRune("(-:.,>)", c) })
					return *word != ""
				})
			},
		)
	})
}

func (r *reader) logicPath(names *[]string) bool {
	return sepBy1(r, names, r.fieldName, r.delimiter)
}

func (r *reader) treePath(p *Path) bool {
	var names []string
	if !r.logicPath(&names) || !r.jsonPath(&p.Steps) {
		return false
	}
	last := len(names) - 1
	p.Column = names[last]
	if last > 0 {
		p.Embed = names[:last:last]
	}
	return true
}

// wholePath is a path and nothing else.
func (r *reader) wholePath(p *Path) bool { return r.treePath(p) && r.eof() }

// column is a path without the resources before it, blanks around it dropped.
func (r *reader) column(p *Path) bool {
	return r.blanks() && r.fieldName(&p.Column) && r.jsonPath(&p.Steps) && r.blanks()
}

// rest is the operand of a top-level filter: all that is left, as it is.
func (r *reader) rest() string { return r.while(func(rune) bool { return true }) }

// element is one of a list: quoted, or whatever stands before the next comma or
// parenthesis.
func (r *reader) element(v *string) bool {
	return r.quotedElement(v) || r.bareElement(v)
}

func (r *reader) quotedElement(v *string) bool {
	return r.attempt(func() bool { return r.quoted(v) && r.notAhead(func() bool { return r.one(isBare) }) })
}

func (r *reader) bareElement(v *string) bool {
	*v = r.while(isBare)
	return true
}

func isBare(c rune) bool { return c != ',' && c != ')' }

// operand is that of a condition in a tree: what a list may have, or an array.
func (r *reader) operand() (v string) {
	start := r.at
	inside := func() bool { return r.one(func(c rune) bool { return c != '{' && c != '}' }) }
	switch {
	case r.quotedElement(&v):
	case r.attempt(func() bool { return r.word("{") && r.many(inside) && r.word("}") }):
		v = r.input[start:r.at]
	default:
		r.bareElement(&v)
	}
	return v
}

func (r *reader) list(elements *[]string) bool {
	comma := func() bool { return r.word(",") }
	return r.lexeme("(") && sepBy1(r, elements, r.element, comma) && r.lexeme(")")
}

func (r *reader) filter(c *Cond) bool { return r.expression(c, r.rest) }

// expression is an operator and its operand.
func (r *reader) expression(c *Cond, operand func() string) bool {
	c.Negate = r.not()
	return r.label("operator (eq, gt, ...)", func() bool { return r.operation(c, operand) })
}

func (r *reader) not() bool {
	return r.attempt(func() bool { return r.word("not") && r.delimiter() })
}

func (r *reader) operation(c *Cond, operand func() string) bool {
	none := func() {}
	switch {
	case r.operator(&c.Op, none, OpIn):
		if !r.list(&c.List) {
			return false
		}
		if len(c.List) == 1 && c.List[0] == "" {
			c.List = []string{}
		}
		return true
	case r.operator(&c.Op, none, OpIs):
		return r.label("null or trilean value (unknown, true, false)", func() bool {
			for _, c.Value = range [...]string{"null", "unknown", "true", "false"} {
				if r.folded(c.Value) {
					return true
				}
			}
			return false
		})
	case r.operator(&c.Op, none, OpIsDistinct),
		r.operator(&c.Op, func() { r.config(&c.Config) }, OpFts, OpPlfts, OpPhfts, OpWfts),
		r.operator(&c.Op, none, OpNeq, OpCs, OpCd, OpOv, OpSl, OpSr, OpNxr, OpNxl, OpAdj):
		c.Value = operand()
		return true
	case r.operator(&c.Op, func() { r.quantifier(&c.Quant) }, OpEq, OpGte, OpGt, OpLte, OpLt, OpLike, OpILike, OpMatch, OpIMatch):
		c.Value = operand()
		if c.Quant == NoQuantifier || strings.Contains(c.Value, "\x00") { // PostgreSQL reads no further
			return true
		}
		if elements, ok := parseList(c.Value); ok {
			c.List, c.Value = elements, ""
		}
		return true
	}
	return false
}

// operator is one of some operators, and what may stand between it and its dot.
func (r *reader) operator(op *Op, modifier func(), ops ...Op) bool {
	return r.attempt(func() bool {
		for _, *op = range ops {
			if r.token(string(*op)) {
				modifier()
				return r.delimiter()
			}
		}
		return false
	})
}

func (r *reader) config(config *string) {
	var name string
	if r.attempt(func() bool { return r.word("(") && r.identifier(&name) && r.word(")") }) {
		*config = strings.TrimSpace(name)
	}
}

func (r *reader) quantifier(q *Quantifier) {
	which := All
	if r.attempt(func() bool {
		if !r.word("(") {
			return false
		}
		if r.token("any") {
			which = Any
		} else if !r.word("all") {
			return false
		}
		return r.word(")")
	}) {
		*q = which
	}
}

// logicTree is a condition or a tree of them.
func (r *reader) logicTree(f *Filter) bool {
	return r.attempt(func() bool { return r.condition(f) }) || r.tree(f)
}

func (r *reader) condition(f *Filter) bool {
	var c Cond
	if !r.column(&c.Path) || !r.delimiter() || !r.expression(&c, r.operand) {
		return false
	}
	*f = c
	return true
}

func (r *reader) tree(f *Filter) bool {
	var t Tree
	r.label("negation operator (not)", func() bool {
		t.Negate = r.not()
		return t.Negate
	})
	ok := r.label("logic operator (and, or)", func() bool {
		t.Or = !r.token("and")
		return !t.Or || r.word("or")
	})
	members := func() bool { return sepBy1(r, &t.Filters, r.logicTree, r.comma) }
	if !ok || !r.lexeme("(") || !r.nested(members) || !r.lexeme(")") {
		return false
	}
	*f = t
	return true
}
