// Package filter is the PostgREST v12 filter language as Go values: it builds
// filters, renders them into query parameters, parses query parameters back,
// and evaluates filters on rows with PostgreSQL's semantics. It does no I/O.
package filter

import "strconv"

// Op is a PostgREST operator, spelled as in a URL.
type Op string

// The operators of PostgREST v12.
const (
	OpEq         Op = "eq"
	OpNeq        Op = "neq"
	OpGt         Op = "gt"
	OpGte        Op = "gte"
	OpLt         Op = "lt"
	OpLte        Op = "lte"
	OpLike       Op = "like"
	OpILike      Op = "ilike"
	OpMatch      Op = "match"
	OpIMatch     Op = "imatch"
	OpIn         Op = "in"
	OpIs         Op = "is"
	OpIsDistinct Op = "isdistinct"
	OpFts        Op = "fts"
	OpPlfts      Op = "plfts"
	OpPhfts      Op = "phfts"
	OpWfts       Op = "wfts"
	OpCs         Op = "cs"
	OpCd         Op = "cd"
	OpOv         Op = "ov"
	OpSl         Op = "sl"
	OpSr         Op = "sr"
	OpNxr        Op = "nxr"
	OpNxl        Op = "nxl"
	OpAdj        Op = "adj"
)

// Quantifier is the modifier of an operator that compares with several values
// at once: col=like(any).{a*,b*}.
type Quantifier string

// The quantifiers; NoQuantifier compares with a single value.
const (
	NoQuantifier Quantifier = ""
	Any          Quantifier = "any"
	All          Quantifier = "all"
)

// A Filter is a condition on a row: a [Cond] on one column, or a [Tree] of
// filters. Filters are immutable once built and may be shared freely.
type Filter interface {
	// Err reports why the filter could not be built (a value of a type that
	// has no PostgreSQL literal, an empty list under any/all); nil if it could.
	Err() error
	isFilter()
}

// Cond compares one column, or a place inside a JSON column, with a value.
type Cond struct {
	Path   Path       // what is compared
	Negate bool       // the "not." prefix
	Op     Op         // the operator
	Quant  Quantifier // any or all; only with the operators that allow it
	Config string     // text-search configuration of fts, plfts, phfts, wfts
	Value  string     // the operand as a PostgreSQL literal, unescaped; unused where List is not nil
	// List holds the elements of in, unescaped, and those of an any/all list.
	// A parsed any/all list that has nulls, is nested or is malformed stays the
	// array literal it was, in Value, and List is nil.
	List []string
	err  error
}

// Path names a column, or a place inside a JSON column: data->a->>b.
type Path struct {
	// Embed leads to the column of an embedded resource, outermost first:
	// for author.name it is ["author"]. Only a top-level filter can have it.
	Embed  []string
	Column string // unquoted
	Steps  []PathStep
}

// PathStep is one arrow of a JSON path.
type PathStep struct {
	AsText bool   // ->> rather than ->
	Key    string // object key, or the digits (with an optional minus) of an array index
	Index  bool   // Key is an array index
}

// Unreadable is PostgreSQL's error for an array index that is no integer of four
// bytes; nil if there is none. Like a literal, it is read after all names.
func (p Path) Unreadable() error {
	for _, step := range p.Steps {
		if !step.Index {
			continue
		}
		if _, err := strconv.ParseInt(step.Key, 10, 32); err != nil {
			number := step.Key
			if number[0] != '-' {
				number = "+" + number // as PostgREST sends it
			}
			return &SQLError{Code: "22003", Message: `value "` + number + `" is out of range for type integer`}
		}
	}
	return nil
}

// Tree joins filters with and/or.
type Tree struct {
	Embed   []string // the embedded resource whose rows it filters, as in [Path]
	Negate  bool     // the "not." prefix
	Or      bool     // or rather than and
	Filters []Filter
}

func (Cond) isFilter() {}
func (Tree) isFilter() {}

// Err implements [Filter].
func (c Cond) Err() error { return c.err }

// Err implements [Filter]: the first error found in the tree. A tree of no
// filters is an error, for PostgREST has no way to say it.
func (t Tree) Err() error {
	if len(t.Filters) == 0 {
		return errEmptyTree
	}
	for _, f := range t.Filters {
		if err := f.Err(); err != nil {
			return err
		}
	}
	return nil
}
