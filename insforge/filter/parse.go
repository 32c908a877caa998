package filter

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
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
	path, err := run(treePath, "failed to parse tree path ("+key+")", key)
	if err != nil {
		return nil, err
	}
	c, err := run(filterExpr, "failed to parse filter ("+value+")", value)
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
	path, err := run(wholePath, "failed to parse column ("+s+")", s)
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
	path, err := run(treePath, "failed to parse tree path ("+key+")", key)
	return path.Embed, err
}

func isLogicKey(key string) bool {
	last := key[strings.LastIndexByte(key, '.')+1:]
	return last == "and" || last == "or"
}

func parseLogic(key, value string) (Filter, error) {
	names, err := run(logicPath, "failed to parse logic path ("+key+")", key)
	if err != nil {
		return nil, err
	}
	last := len(names) - 1
	op := names[last]
	if slices.Contains(names, "not") {
		op = "not." + op
	}
	f, err := run(logicTree, "failed to parse logic tree ("+value+")", op+value)
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

func run[T any](p parser[T], source, input string) (T, error) {
	r := p(cursor{rest: []rune(input), line: 1, col: 1})
	if r.ok {
		return r.value, nil
	}
	at := r.failure.at
	return r.value, &ParseError{
		Message: fmt.Sprintf("\"%s\" (line %d, column %d)", source, at.line, at.col),
		Details: r.failure.String(),
	}
}

// The grammar, from the bottom up.

var delimiter = label(char('.'), "delimiter (.)")

var blanks = many(oneOf(" \t"))

var (
	opening = lexeme(char('('))
	closing = lexeme(char(')'))
	comma   = lexeme(char(','))
)

func lexeme[T any](p parser[T]) parser[T] { return left(right(blanks, p), blanks) }

func joined(p parser[[]rune]) parser[string] {
	return then(p, func(rs []rune) parser[string] { return pure(string(rs)) })
}

func isIdentifierRune(r rune) bool {
	return unicode.IsLetter(r) || r >= '0' && r <= '9' || r == '_' || r == ' ' || r == '$'
}

// identifierRune is spelled out for the sake of its errors.
var identifierRune = choice(
	label(satisfy(unicode.IsLetter), "letter"),
	label(satisfy(func(r rune) bool { return r >= '0' && r <= '9' }), "digit"),
	oneOf("_ $"),
)

var dash = attempt(left(char('-'), notFollowedBy(char('>'))))

// dashed joins words of runes by inner dashes, trimming blanks around each.
func dashed(r parser[rune]) parser[string] {
	words := sepBy1(joined(many1(r)), dash)
	return then(words, func(ws []string) parser[string] {
		for i := range ws {
			ws[i] = strings.TrimSpace(ws[i])
		}
		return pure(strings.Join(ws, "-"))
	})
}

var quoted = func() parser[string] {
	inside := choice(noneOf(`\"`), right(char('\\'), anyRune))
	return joined(left(right(char('"'), many(inside)), char('"')))
}()

var fieldName = label(choice(quoted, dashed(identifierRune)), "field name (* or [a..z0..9_$])")

// jsonPath may be empty.
var jsonPath = option(nil, repeated(jsonStep))

var jsonStep = func() parser[PathStep] {
	arrow := choice(
		right(attempt(word("->>")), pure(true)),
		right(attempt(word("->")), pure(false)),
	)
	return then(arrow, func(asText bool) parser[PathStep] {
		operand := choice(attempt(jsonIndex), attempt(jsonKey))
		return then(operand, func(s PathStep) parser[PathStep] {
			s.AsText = asText
			return pure(s)
		})
	})
}()

var jsonIndex = func() parser[PathStep] {
	sign := option("", right(char('-'), pure("-")))
	digits := joined(many1(label(satisfy(func(r rune) bool { return r >= '0' && r <= '9' }), "digit")))
	end := choice(
		attempt(lookAhead(right(word("->"), pure(struct{}{})))),
		attempt(lookAhead(right(word("::"), pure(struct{}{})))),
		attempt(lookAhead(right(word("."), pure(struct{}{})))),
		attempt(lookAhead(right(word(","), pure(struct{}{})))),
		attempt(eof),
	)
	return then(sign, func(sign string) parser[PathStep] {
		return then(left(digits, end), func(digits string) parser[PathStep] {
			return pure(PathStep{Key: sign + digits, Index: true})
		})
	})
}()

var jsonKey = func() parser[PathStep] {
	key := label(choice(quoted, dashed(noneOf("(-:.,>)"))), "any non reserved character different from: .,>()")
	return then(key, func(key string) parser[PathStep] { return pure(PathStep{Key: key}) })
}()

var logicPath = sepBy1(fieldName, delimiter)

// wholePath is a path and nothing else.
var wholePath = left(treePath, eof)

var treePath = then(logicPath, func(names []string) parser[Path] {
	return then(jsonPath, func(steps []PathStep) parser[Path] {
		last := len(names) - 1
		p := Path{Column: names[last], Steps: steps}
		if last > 0 {
			p.Embed = names[:last:last]
		}
		return pure(p)
	})
})

// singleValue is the operand of a top-level filter: all the rest, as it is.
var singleValue = joined(many(anyRune))

// logicValue is the operand inside a tree: quoted, or an array, or whatever
// stands before the next comma or parenthesis.
var logicValue = func() parser[string] {
	array := then(word("{"), func(string) parser[string] {
		return then(joined(many(noneOf("{}"))), func(inside string) parser[string] {
			return right(word("}"), pure("{"+inside+"}"))
		})
	})
	return choice(
		attempt(left(quoted, notFollowedBy(noneOf(",)")))),
		attempt(array),
		joined(many(noneOf(",)"))),
	)
}()

var list = func() parser[[]string] {
	element := choice(
		attempt(left(quoted, notFollowedBy(noneOf(",)")))),
		joined(many(noneOf(",)"))),
	)
	return left(right(opening, sepBy1(element, char(','))), closing)
}()

func opExpr(operand parser[string]) parser[Cond] {
	negated := choice(
		attempt(right(word("not"), right(delimiter, pure(true)))),
		pure(false),
	)
	return then(negated, func(negate bool) parser[Cond] {
		return then(operation(operand), func(c Cond) parser[Cond] {
			c.Negate = negate
			return pure(c)
		})
	})
}

func operation(operand parser[string]) parser[Cond] {
	return label(choice(
		inOperation,
		isOperation,
		then(right(attempt(right(word("isdistinct"), delimiter)), operand), func(v string) parser[Cond] {
			return pure(Cond{Op: OpIsDistinct, Value: v})
		}),
		attempt(searchOperation(operand)),
		attempt(simpleOperation(operand)),
		attempt(quantOperation(operand)),
	), "operator (eq, gt, ...)")
}

var inOperation = then(right(attempt(right(word("in"), delimiter)), list), func(elements []string) parser[Cond] {
	if len(elements) == 1 && elements[0] == "" {
		elements = []string{}
	}
	return pure(Cond{Op: OpIn, List: elements})
})

var isOperation = func() parser[Cond] {
	folded := func(text string) parser[string] {
		return attempt(then(each(text, unicode.ToLower), func(string) parser[string] { return pure(text) }))
	}
	what := label(choice(folded("null"), folded("unknown"), folded("true"), folded("false")),
		"null or trilean value (unknown, true, false)")
	return then(right(attempt(right(word("is"), delimiter)), what), func(v string) parser[Cond] {
		return pure(Cond{Op: OpIs, Value: v})
	})
}()

func operators(ops ...Op) parser[Op] {
	parsers := make([]parser[Op], len(ops))
	for i, op := range ops {
		parsers[i] = attempt(right(word(string(op)), pure(op)))
	}
	return choice(parsers...)
}

func searchOperation(operand parser[string]) parser[Cond] {
	rest := right(delimiter, operand)
	config := option("", attempt(left(right(char('('), joined(many1(identifierRune))), char(')'))))
	return then(operators(OpFts, OpPlfts, OpPhfts, OpWfts), func(op Op) parser[Cond] {
		return then(config, func(config string) parser[Cond] {
			return then(rest, func(v string) parser[Cond] {
				return pure(Cond{Op: op, Config: strings.TrimSpace(config), Value: v})
			})
		})
	})
}

func simpleOperation(operand parser[string]) parser[Cond] {
	rest := right(delimiter, operand)
	ops := operators(OpNeq, OpCs, OpCd, OpOv, OpSl, OpSr, OpNxr, OpNxl, OpAdj)
	return then(ops, func(op Op) parser[Cond] {
		return then(rest, func(v string) parser[Cond] {
			return pure(Cond{Op: op, Value: v})
		})
	})
}

func quantOperation(operand parser[string]) parser[Cond] {
	rest := right(delimiter, operand)
	ops := operators(OpEq, OpGte, OpGt, OpLte, OpLt, OpLike, OpILike, OpMatch, OpIMatch)
	which := choice(
		right(attempt(word("any")), pure(Any)),
		right(word("all"), pure(All)),
	)
	quantifier := option(NoQuantifier, attempt(left(right(char('('), which), char(')'))))
	return then(ops, func(op Op) parser[Cond] {
		return then(quantifier, func(q Quantifier) parser[Cond] {
			return then(rest, func(v string) parser[Cond] {
				c := Cond{Op: op, Quant: q, Value: v}
				if elements, ok := parseList(v); ok && q != NoQuantifier {
					c.List, c.Value = elements, ""
				}
				return pure(c)
			})
		})
	})
}

var (
	filterExpr = opExpr(singleValue)
	logicExpr  = opExpr(logicValue)

	logicCondition = then(left(column, delimiter), func(p Path) parser[Filter] {
		return then(logicExpr, func(c Cond) parser[Filter] {
			c.Path = p
			return pure[Filter](c)
		})
	})
	logicNegation = choice(
		label(attempt(right(word("not"), right(delimiter, pure(true)))), "negation operator (not)"),
		pure(false),
	)
	logicOr = label(choice(
		attempt(right(word("and"), pure(false))),
		right(word("or"), pure(true)),
	), "logic operator (and, or)")
)

// logicTree is a condition or a tree of them. It is a function of the cursor, for
// it refers to itself.
func logicTree(c cursor) result[Filter] {
	inner := left(right(opening, sepBy1(nested(logicTree), comma)), closing)
	tree := then(logicNegation, func(negate bool) parser[Filter] {
		return then(logicOr, func(or bool) parser[Filter] {
			return then(inner, func(filters []Filter) parser[Filter] {
				return pure[Filter](Tree{Negate: negate, Or: or, Filters: filters})
			})
		})
	})
	return choice(attempt(logicCondition), tree)(c)
}
