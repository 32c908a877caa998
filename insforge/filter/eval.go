package filter

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Truth is SQL's three-valued logic. A WHERE keeps the rows that are [True].
type Truth int8

// The truth values; Unknown is what comparing with NULL gives.
const (
	False   Truth = -1
	Unknown Truth = 0
	True    Truth = 1
)

// Not is SQL's NOT.
func (t Truth) Not() Truth { return -t }

func truth(b bool) Truth {
	if b {
		return True
	}
	return False
}

// A Row gives a [Predicate] its values: Value(i) is that of the column
// Predicate.Columns()[i].
type Row interface {
	Value(i int) Value
}

// Values is a [Row] made of a slice.
type Values []Value

// Value implements [Row].
func (v Values) Value(i int) Value { return v[i] }

// A Predicate is a filter made ready for rows: literals parsed, columns
// resolved. It is immutable and safe for concurrent use.
type Predicate struct {
	columns []string
	match   evaluator
}

type evaluator func(row Row) (Truth, error)

// Columns are the columns the predicate reads, each once; [Row.Value] is called
// with their positions.
func (p Predicate) Columns() []string { return p.columns }

// Match evaluates the predicate. The error, a *[SQLError], is one PostgreSQL
// would raise only on reaching such a row.
func (p Predicate) Match(row Row) (Truth, error) { return p.match(row) }

// Compile prepares a filter for rows with the given column types, in UTC. The
// error is a *[SQLError] as PostgreSQL would raise it for the query: an unknown
// column, an operator the type does not have, a literal the type does not
// accept. Full-text search is refused.
func Compile(f Filter, types func(column string) (Type, bool)) (Predicate, error) {
	return Session{}.Compile(f, "", types)
}

// Compile is like the function [Compile]; times without a zone are read in the
// session's, and messages qualify columns with the relation unless it is empty.
func (s Session) Compile(f Filter, relation string, types func(column string) (Type, bool)) (Predicate, error) {
	c := compiler{session: s, clause: "WHERE", relation: relation, types: types}
	match, err := c.compile(f)
	if err := cmp.Or(err, c.literal, c.pattern); err != nil {
		return Predicate{}, err
	}
	return Predicate{columns: c.columns, match: match}, nil
}

type compiler struct {
	session  Session
	relation string
	types    func(string) (Type, bool)
	columns  []string
	// clause is what an operand that is not a condition is reported as an argument of.
	clause string
	// literal is the first literal that could not be read. PostgreSQL reads them
	// after it has found every column and operator, and so complains later.
	literal error
	// pattern is the first regular expression that could not be read, which
	// PostgreSQL looks into later still.
	pattern error
}

// read parses a literal; its error waits in c.literal.
func (c *compiler) read(t Type, literal string) Value {
	v, err := t.Unmodified().Parse(literal, c.session)
	if err != nil && c.literal == nil {
		c.literal = err
	}
	return v
}

func (c *compiler) compile(f Filter) (evaluator, error) {
	switch f := f.(type) {
	case Tree:
		return c.tree(f)
	case Cond:
		return c.cond(f)
	default:
		return nil, fmt.Errorf("filter: %T cannot be evaluated", f)
	}
}

func (c *compiler) tree(t Tree) (evaluator, error) {
	parts := make([]evaluator, len(t.Filters))
	outer := c.clause
	defer func() { c.clause = outer }()
	switch {
	case len(t.Filters) > 1 && t.Or:
		c.clause = "OR"
	case len(t.Filters) > 1:
		c.clause = "AND"
	case t.Negate:
		c.clause = "NOT"
	}
	for i, f := range t.Filters {
		part, err := c.compile(f)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	decides := False // the value of one part that decides and; or's is True
	if t.Or {
		decides = True
	}
	negate := t.Negate
	if len(parts) == 1 && !negate {
		return parts[0], nil
	}
	return func(row Row) (Truth, error) {
		result := decides.Not()
		for _, part := range parts {
			got, err := part(row)
			if err != nil {
				return Unknown, err
			}
			if got == decides {
				result = decides
				break
			}
			if got == Unknown {
				result = Unknown
			}
		}
		if negate {
			result = result.Not()
		}
		return result, nil
	}, nil
}

func (c *compiler) cond(cond Cond) (evaluator, error) {
	if cond.err != nil {
		return nil, cond.err
	}
	subject, err := c.subject(cond.Path)
	if err != nil {
		return nil, err
	}
	if cond.Negate {
		outer := c.clause
		defer func() { c.clause = outer }()
		c.clause = "NOT"
	}
	match, err := c.operator(cond, subject)
	if err != nil {
		return nil, err
	}
	if !cond.Negate {
		return match, nil
	}
	return func(row Row) (Truth, error) {
		got, err := match(row)
		return got.Not(), err
	}, nil
}

// operand is the left side of an operator.
type operand struct {
	typ    Type
	slot   int                        // the column's position
	follow func(Value) (Value, error) // leads to a place inside the column; nil: all of it
}

func (o *operand) value(row Row) (Value, error) {
	v := row.Value(o.slot)
	if o.follow == nil {
		return v, nil
	}
	return o.follow(v)
}

func (c *compiler) subject(path Path) (operand, error) {
	typ, ok := c.types(path.Column)
	if !ok {
		name := path.Column
		if c.relation != "" {
			name = c.relation + "." + name
		}
		return operand{}, &SQLError{Code: "42703", Message: "column " + name + " does not exist"}
	}
	slot := slices.Index(c.columns, path.Column)
	if slot < 0 {
		slot = len(c.columns)
		c.columns = append(c.columns, path.Column)
	}
	if len(path.Steps) == 0 {
		return operand{typ: typ, slot: slot}, nil
	}
	result, follow, err := typ.Follow(path.Steps, c.session)
	if err != nil {
		return operand{}, err
	}
	c.literal = cmp.Or(c.literal, path.Unreadable())
	return operand{typ: result, slot: slot, follow: follow}, nil
}

// Follow prepares a JSON path on values of the type: the type of what it
// gives, and the function that follows it. Types other than json and jsonb are
// converted by to_jsonb first, as PostgREST does, times in the session's zone. The error, a *[SQLError], is
// that of a path which goes on behind ->>.
func (t Type) Follow(steps []PathStep, session Session) (Type, func(Value) (Value, error), error) {
	isJSONB := !(t == Type{kind: kindJSON})
	result := Type{kind: kindJSON}
	if isJSONB {
		result.kind = kindJSONB
	}
	asText := steps[len(steps)-1].AsText
	if asText {
		result = Type{}
	}
	for i, step := range steps[1:] {
		if !steps[i].AsText {
			continue
		}
		arrow, right := "->", "unknown"
		if step.AsText {
			arrow = "->>"
		}
		if step.Index {
			right = "integer"
		}
		return Type{}, nil, &SQLError{Code: "42883", Message: "operator does not exist: text " + arrow + " " + right, Hint: noOperatorHint}
	}
	convert := !t.IsJSON()
	return result, func(v Value) (Value, error) {
		if !v.set {
			return v, nil
		}
		source := v.str
		if convert {
			source = string(t.AppendJSON(nil, v, session))
		}
		node := mustJSON(source)
		for _, step := range steps {
			if isJSONB && step.Index && node.isScalar() {
				node = jsonNode{kind: '[', items: []jsonNode{node}} // jsonb keeps a scalar as such an array
			}
			next, ok := node.step(step)
			if !ok {
				return Value{}, nil
			}
			node = next
		}
		if asText {
			return node.asText(isJSONB)
		}
		if isJSONB {
			return jsonbValue(node)
		}
		return text(node.raw), nil
	}, nil
}

// symbols are the SQL operators behind the names, for messages.
var symbols = map[Op]string{
	OpEq: "=", OpNeq: "<>", OpGt: ">", OpGte: ">=", OpLt: "<", OpLte: "<=", OpLike: "~~", OpILike: "~~*",
	OpMatch: "~", OpIMatch: "~*", OpIn: "=", OpIsDistinct: "=", OpCs: "@>", OpCd: "<@", OpOv: "&&", OpSl: "<<",
	OpSr: ">>", OpNxr: "&<", OpNxl: "&>", OpAdj: "-|-",
}

func noOperator(op Op, t Type, right string) error {
	return &SQLError{
		Code:    "42883",
		Message: "operator does not exist: " + t.String() + " " + symbols[op] + " " + right,
		Hint:    noOperatorHint,
	}
}

const noOperatorHint = "No operator matches the given name and argument types. You might need to add explicit type casts."

func (c *compiler) operator(cond Cond, left operand) (evaluator, error) {
	switch cond.Op {
	case OpIs:
		return is(cond, left)
	case OpIn:
		return c.in(cond, left)
	case OpFts, OpPlfts, OpPhfts, OpWfts:
		return nil, &SQLError{
			Code:    "0A000",
			Message: "full-text search (" + string(cond.Op) + ") is not supported here",
			Detail:  "This server evaluates filters without PostgreSQL, whose text-search dictionaries it does not have.",
			Hint:    "Use ilike or imatch, or run against PostgreSQL.",
		}
	}
	if cond.Quant != NoQuantifier {
		return c.quantified(cond, left)
	}
	compare, err := c.binary(cond.Op, left.typ, cond.Value, "unknown")
	if err != nil {
		return nil, err
	}
	if cond.Op == OpIsDistinct {
		return func(row Row) (Truth, error) {
			v, err := left.value(row)
			if err != nil || !v.set {
				return True, err
			}
			return compare(v)
		}, nil
	}
	return func(row Row) (Truth, error) {
		v, err := left.value(row)
		if err != nil || !v.set {
			return Unknown, err
		}
		return compare(v)
	}, nil
}

func is(cond Cond, left operand) (evaluator, error) {
	what := strings.ToLower(cond.Value)
	if what == "null" || what == "not_null" {
		wanted := what == "null"
		return func(row Row) (Truth, error) {
			v, err := left.value(row)
			return truth(!v.set == wanted), err
		}, nil
	}
	if !left.typ.IsBool() {
		return nil, &SQLError{
			Code:    "42804",
			Message: "argument of IS " + strings.ToUpper(what) + " must be type boolean, not type " + left.typ.String(),
		}
	}
	return func(row Row) (Truth, error) {
		v, err := left.value(row)
		switch what {
		case "true":
			return truth(v.set && v.num != 0), err
		case "false":
			return truth(v.set && v.num == 0), err
		default:
			return truth(!v.set), err
		}
	}, nil
}

// in is = ANY of an array. PostgREST cannot tell in.() from in.(""): both are
// the empty set.
func (c *compiler) in(cond Cond, left operand) (evaluator, error) {
	list := cond.List
	if len(list) == 1 && list[0] == "" {
		list = nil
	}
	if left.typ.array {
		return nil, &SQLError{Code: "42704", Message: "could not find array type for data type " + left.typ.String()}
	}
	if !left.typ.Comparable() {
		return nil, noOperator(OpEq, left.typ, "unknown")
	}
	wanted := make([]Value, len(list))
	for i, literal := range list {
		wanted[i] = c.read(left.typ, literal)
	}
	return func(row Row) (Truth, error) {
		if len(wanted) == 0 {
			return False, nil
		}
		v, err := left.value(row)
		if err != nil || !v.set {
			return Unknown, err
		}
		for _, w := range wanted {
			if left.typ.Compare(v, w) == 0 {
				return True, nil
			}
		}
		return False, nil
	}, nil
}

// quantified compares with any or all elements of an array.
func (c *compiler) quantified(cond Cond, left operand) (evaluator, error) {
	if cond.Op == OpLike || cond.Op == OpILike {
		cond.Value = strings.ReplaceAll(cond.Value, "*", "%")
	}
	if err := c.operatorExists(cond.Op, left.typ, "unknown"); err != nil {
		return nil, err
	}
	if left.typ.array {
		return nil, &SQLError{Code: "42704", Message: "could not find array type for data type " + left.typ.String()}
	}
	items, err := quantifiedItems(cond)
	if err != nil && c.literal == nil {
		c.literal = err
	}
	compares := make([]func(Value) (Truth, error), 0, len(items))
	for _, item := range items {
		if item.null {
			compares = append(compares, func(Value) (Truth, error) { return Unknown, nil })
			continue
		}
		compare, err := c.binary(cond.Op, left.typ, item.text, "unknown")
		if err != nil {
			return nil, err
		}
		compares = append(compares, compare)
	}
	decides := True
	if cond.Quant == All {
		decides = False
	}
	return func(row Row) (Truth, error) {
		if len(compares) == 0 {
			return decides.Not(), nil
		}
		v, err := left.value(row)
		if err != nil || !v.set {
			return Unknown, err
		}
		result := decides.Not()
		for _, compare := range compares {
			got, err := compare(v)
			if err != nil {
				return Unknown, err
			}
			if got == decides {
				return decides, nil
			}
			if got == Unknown {
				result = Unknown
			}
		}
		return result, nil
	}, nil
}

func quantifiedItems(cond Cond) ([]arrayItem, error) {
	if cond.List != nil {
		items := make([]arrayItem, len(cond.List))
		for i, s := range cond.List {
			items[i].text = s
		}
		return items, nil
	}
	nested, err := readArray(cond.Value)
	if err != nil {
		return nil, err
	}
	var items []arrayItem
	var flatten func([]arrayItem)
	flatten = func(list []arrayItem) {
		for _, item := range list {
			if item.nested {
				flatten(item.items)
			} else {
				items = append(items, item)
			}
		}
	}
	flatten(nested)
	return items, nil
}

// operatorExists tells whether PostgreSQL has the operator for the type.
func (c *compiler) operatorExists(op Op, t Type, right string) error {
	ok := false
	switch op {
	case OpEq, OpNeq, OpGt, OpGte, OpLt, OpLte, OpIsDistinct:
		ok = t.Comparable()
	case OpLike:
		ok = t.IsText() || t == Type{kind: kindBytea}
	case OpILike, OpMatch, OpIMatch:
		ok = t.IsText()
	case OpCs, OpCd:
		ok = t.array && t.kind != kindJSON || t.isRange() || t == Type{kind: kindJSONB}
	case OpOv:
		ok = t.array && t.kind != kindJSON || t.isRange()
	case OpSl, OpSr:
		if t.IsInteger() {
			return &SQLError{Code: "42804", Message: "argument of " + c.clause + " must be type boolean, not type " + t.String()}
		}
		ok = t.isRange()
	case OpNxr, OpNxl, OpAdj:
		ok = t.isRange()
	}
	switch {
	case ok:
		return nil
	case op == OpCd && !t.array: // a value may be in ranges of many kinds
		return &SQLError{
			Code:    "42725",
			Message: "operator is not unique: " + t.String() + " <@ " + right,
			Hint:    "Could not choose a best candidate operator. You might need to add explicit type casts.",
		}
	}
	return noOperator(op, t, right)
}

// binary makes the comparison of a value that is not NULL with a literal.
func (c *compiler) binary(op Op, t Type, literal, right string) (func(Value) (Truth, error), error) {
	if err := c.operatorExists(op, t, right); err != nil {
		return nil, err
	}
	if op == OpLike && t.kind == kindBytea {
		return c.likeBytes(literal)
	}
	switch op {
	case OpLike, OpILike:
		return like(op, t, literal)
	case OpMatch, OpIMatch:
		matches, err := match(op, literal)
		c.pattern = cmp.Or(c.pattern, err)
		return matches, nil
	}
	wanted := c.read(t, literal)
	switch op {
	case OpEq, OpNeq, OpGt, OpGte, OpLt, OpLte, OpIsDistinct:
		return ordered(op, t, wanted), nil
	}
	switch {
	case t.array:
		return arrayOperator(op, t, wanted), nil
	case t.isRange():
		return rangeOperator(op, t, wanted), nil
	}
	node := mustJSON(wanted.str)
	if op == OpCd {
		return func(v Value) (Truth, error) { return truth(jsonContains(node, mustJSON(v.str), true)), nil }, nil
	}
	return func(v Value) (Truth, error) { return truth(jsonContains(mustJSON(v.str), node, true)), nil }, nil
}

// ordered makes = <> > >= < <= and IS DISTINCT FROM.
func ordered(op Op, t Type, wanted Value) func(Value) (Truth, error) {
	accepts := [3]Truth{False, False, False} // for less, equal, greater
	switch op {
	case OpEq:
		accepts[1] = True
	case OpNeq, OpIsDistinct:
		accepts[0], accepts[2] = True, True
	case OpGt:
		accepts[2] = True
	case OpGte:
		accepts[1], accepts[2] = True, True
	case OpLt:
		accepts[0] = True
	case OpLte:
		accepts[0], accepts[1] = True, True
	}
	if t.Width() > 0 && t.kind != kindFloat4 && t.kind != kindFloat8 {
		n := wanted.num
		return func(v Value) (Truth, error) { return accepts[compareInts(v.num, n)+1], nil }
	}
	return func(v Value) (Truth, error) { return accepts[t.Compare(v, wanted)+1], nil }
}

func arrayOperator(op Op, t Type, wanted Value) func(Value) (Truth, error) {
	switch op {
	case OpCs:
		return func(v Value) (Truth, error) { return truth(arrayContains(t, v, wanted)), nil }
	case OpCd:
		return func(v Value) (Truth, error) { return truth(arrayContains(t, wanted, v)), nil }
	default:
		return func(v Value) (Truth, error) { return truth(arrayOverlaps(t, v, wanted)), nil }
	}
}

func rangeOperator(op Op, t Type, wanted Value) func(Value) (Truth, error) {
	w := rangeOf(t, wanted)
	test := func(a rangeValue) bool {
		switch op {
		case OpCs:
			return rangeContains(t, a, w)
		case OpCd:
			return rangeContains(t, w, a)
		case OpOv:
			return rangeOverlaps(t, a, w)
		case OpSl:
			return rangeBefore(t, a, w)
		case OpSr:
			return rangeBefore(t, w, a)
		case OpNxr: // does not extend to the right of
			return !a.empty && !w.empty && compareBounds(t, a.upper, w.upper) <= 0
		case OpNxl:
			return !a.empty && !w.empty && compareBounds(t, a.lower, w.lower) >= 0
		default:
			return rangeAdjacent(t, a, w)
		}
	}
	return func(v Value) (Truth, error) { return truth(test(rangeOf(t, v))), nil }
}
