package filter

import (
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
	return run(forest, "failed to parse select parameter ("+value+")", value)
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
	return run(orderTerms, "failed to parse order ("+value+")", value)
}

// ParseColumns reads a list of columns: the value of the parameter columns or
// on_conflict, which is named in the complaint.
func ParseColumns(parameter, value string) ([]string, error) {
	if names, ok := plainList(value); ok {
		return names, nil
	}
	return run(columnNames, "failed to parse "+parameter+" parameter ("+value+")", value)
}

var columnNames = sepBy1(fieldName, comma)

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

// forest is a list of select items, which may be empty. It is a function of the
// cursor, for it refers to itself.
func forest(c cursor) result[[]SelectItem] {
	children := left(right(char('('), nested(forest)), char(')'))
	embedded := func(p parser[SelectItem]) parser[SelectItem] {
		return then(attempt(p), func(item SelectItem) parser[SelectItem] {
			return then(children, func(items []SelectItem) parser[SelectItem] {
				embed := *item.Embed
				embed.Items = items
				item.Embed = &embed
				return pure(item)
			})
		})
	}
	item := choice(embedded(spreadRelation), embedded(relation), fieldItem)
	return option([]SelectItem(nil), sepBy1(item, comma))(c)
}

var alias = func() parser[string] {
	separator := right(char(':'), notFollowedBy(char(':')))
	return option("", attempt(left(fieldName, separator)))
}()

var identifier = then(joined(many1(identifierRune)), func(s string) parser[string] { return pure(strings.TrimSpace(s)) })

func before(text string) parser[struct{}] {
	return attempt(lookAhead(right(word(text), pure(struct{}{}))))
}

var beforeItems = before("(")

var relation = lexeme(then(alias, func(alias string) parser[SelectItem] {
	return then(fieldName, func(name string) parser[SelectItem] {
		if name == "count" { // count() is an aggregate
			return func(c cursor) result[SelectItem] { return result[SelectItem]{at: c, failure: failure{at: c}} }
		}
		return then(embedParameters, func(e Embed) parser[SelectItem] {
			e.Relation = name
			return right(beforeItems, pure(SelectItem{Alias: alias, Embed: &e}))
		})
	})
}))

var spreadRelation = lexeme(then(right(word("..."), fieldName), func(name string) parser[SelectItem] {
	return then(embedParameters, func(e Embed) parser[SelectItem] {
		e.Relation, e.Spread = name, true
		return right(beforeItems, pure(SelectItem{Embed: &e}))
	})
}))

// embedParameters are up to two of !inner, !left and a hint; of two alike the
// first counts.
var embedParameters = func() parser[Embed] {
	type parameter struct{ join, hint string }
	one := right(char('!'), choice(
		attempt(right(word("left"), pure(parameter{join: "left"}))),
		attempt(right(word("inner"), pure(parameter{join: "inner"}))),
		attempt(then(fieldName, func(s string) parser[parameter] { return pure(parameter{hint: s}) })),
	))
	maybe := option(parameter{}, one)
	return then(maybe, func(first parameter) parser[Embed] {
		return then(maybe, func(second parameter) parser[Embed] {
			join, hint := first.join, first.hint
			if join == "" {
				join = second.join
			}
			if hint == "" {
				hint = second.hint
			}
			return pure(Embed{Hint: hint, Inner: join == "inner"})
		})
	})
}()

var column = lexeme(then(fieldName, func(name string) parser[Path] {
	return then(jsonPath, func(steps []PathStep) parser[Path] {
		return pure(Path{Column: name, Steps: steps})
	})
}))

var fieldItem = func() parser[SelectItem] {
	end := choice(before(")"), before(","), attempt(eof))
	cast := option("", right(word("::"), identifier))
	star := attempt(left(right(word("*"), pure(SelectItem{Path: Path{Column: "*"}})), end))
	count := attempt(then(alias, func(alias string) parser[SelectItem] {
		counted := pure(SelectItem{Alias: alias, Path: Path{Column: "*"}, Aggregate: "count"})
		return left(right(word("count()"), right(cast, counted)), end)
	}))
	function := then(right(char('.'), choice(word("sum"), word("avg"), word("count"), attempt(word("max")), attempt(word("min")))),
		func(name string) parser[string] { return right(word("()"), pure(name)) })
	field := then(alias, func(alias string) parser[SelectItem] {
		return then(column, func(p Path) parser[SelectItem] {
			return then(cast, func(to string) parser[SelectItem] {
				return then(option("", attempt(function)), func(aggregate string) parser[SelectItem] {
					return left(right(cast, pure(SelectItem{Alias: alias, Path: p, Cast: to, Aggregate: aggregate})), end)
				})
			})
		})
	})
	return lexeme(choice(star, count, field))
}()

var orderTerms = sepBy1(lexeme(choice(attempt(relatedTerm), ownTerm)), char(','))

var ownTerm = then(column, func(p Path) parser[OrderTerm] {
	return then(direction, func(term OrderTerm) parser[OrderTerm] {
		term.Path = p
		return pure(term)
	})
})

var relatedTerm = then(fieldName, func(name string) parser[OrderTerm] {
	return then(left(right(char('('), column), char(')')), func(p Path) parser[OrderTerm] {
		return then(direction, func(term OrderTerm) parser[OrderTerm] {
			term.Path, term.Relation = p, name
			return pure(term)
		})
	})
})

// direction reads what stands behind the column of an order term.
var direction = func() parser[OrderTerm] {
	suffix := func(text string) parser[string] { return attempt(right(delimiter, word(text))) }
	end := choice(attempt(lookAhead(right(char(','), pure(struct{}{})))), attempt(eof))
	way := option("", choice(suffix("asc"), suffix("desc")))
	nulls := choice(left(option("", choice(suffix("nullsfirst"), suffix("nullslast"))), end), right(end, pure("")))
	return then(way, func(way string) parser[OrderTerm] {
		return then(nulls, func(nulls string) parser[OrderTerm] {
			term := OrderTerm{Descending: way == "desc", NullsFirst: way == "desc"}
			if nulls != "" {
				term.NullsFirst = nulls == "nullsfirst"
			}
			return pure(term)
		})
	})
}()
