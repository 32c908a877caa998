package embedded

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A plan is a query resolved against a table: what to look at, what to keep,
// in which order, and what to print of it.
type plan struct {
	table   *table
	alias   string // what the table is called in messages
	depth   int    // of embedding
	session filter.Session
	where   filter.Predicate
	always  bool  // there is no filter
	columns []int // that where reads; ^j is whether join j found a row
	access  access
	order   []sortKey
	// presorted says that the access path has the rows in order already.
	presorted    bool
	limit        int64 // negative: none
	offset       int64
	outputs      []output
	joins        []*join      // every embed, printed or not
	literal      error        // the first literal that cannot be read
	unselectable func() error // what is wrong with the columns a spread embed gives
	parent       *plan        // of the resource that embeds this one
	// renamed says that the request calls the table by a column or foreign key:
	// PostgREST then does not know the table's types when it reads filters.
	renamed  bool
	visible  []string // the columns filters may name; nil: all of the table
	counting bool     // there is one row, which says how many are selected
}

// output is one key of a printed row.
type output struct {
	key    string // as printed: `"id":`
	name   string
	column int
	typ    filter.Type
	get    func(filter.Value) (filter.Value, error) // nil: the column as it is
	join   *join                                    // an embedded resource instead
	counts bool                                     // how many rows there are, instead
}

type sortKey struct {
	column     int
	typ        filter.Type
	get        func(filter.Value) (filter.Value, error)
	descending bool
	nullsFirst bool
	join       *join   // to-one, whose output it is
	out        *output // nil: the column of the embedded row
}

var zeroLength = &apiError{status: http.StatusBadRequest, code: "42601", message: `zero-length delimited identifier at or near """"`}

func (p *plan) unknownColumn(name string) error {
	if name == "" { // as a name of nothing but spaces comes out
		return zeroLength
	}
	for around := p; around != nil; around = around.parent {
		if err := around.stumble(name); err != nil {
			return err
		}
	}
	return &apiError{
		status: http.StatusBadRequest, code: "42703",
		message: "column " + p.alias + "." + name + " does not exist", hint: perhaps(p.similarColumns(name)),
	}
}

// stumble is what PostgreSQL says where it looks for the column that may have been
// meant, and the result of an embed has two of the name that is not there.
func (p *plan) stumble(name string) error {
	for _, j := range p.joins {
		if columns := p.columnsOf(j); slices.Index(columns, name) != lastIndex(columns, name) {
			return &apiError{status: http.StatusBadRequest, code: "42702", message: fmt.Sprintf(`column reference "%s" is ambiguous`, name)}
		}
	}
	return nil
}

// similarColumns are the columns a misspelt name may have meant, of this
// resource or those around it: see [nearestColumns].
func (p *plan) similarColumns(name string) []string {
	var relations []relationName
	for around := p; around != nil; around = around.parent {
		relations = append(relations, relationName{around.alias, around.columnNames()})
	}
	return nearestColumns(p.alias, name, relations)
}

// similarAnywhere are the columns a reference to the result of an embed may have
// meant, of everything the statement sees there.
func (p *plan) similarAnywhere(relation, name string) []string {
	var relations []relationName
	for around := p; around != nil; around = around.parent {
		relations = append(relations, relationName{around.alias, around.columnNames()})
		for _, j := range around.joins {
			relations = append(relations, relationName{around.joinAlias(j.name), around.columnsOf(j)})
		}
	}
	return nearestColumns(relation, name, relations)
}

// relationName is something with columns and what a statement calls it.
type relationName struct {
	alias   string
	columns []string
}

func (p *plan) columnNames() []string {
	if p.visible != nil {
		return p.visible
	}
	return p.table.columnNames()
}

func (t *table) columnNames() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// nearestColumns are those at most three edits away from relation.name and no
// more than half the name, the nearest ones only. A relation of another name
// than the one given, if one is given, is as many edits away as its name is.
func nearestColumns(relation, name string, relations []relationName) []string {
	best, found := 4, []string(nil)
	for _, r := range relations {
		penalty := 0
		if relation != "" {
			penalty = editDistance(relation, r.alias)
		}
		for _, column := range r.columns {
			d := editDistance(name, column)
			if d > 3 || 2*d > len(name) {
				continue
			}
			switch d += penalty; {
			case d > 3:
			case d < best:
				best, found = d, []string{suggestion(r.alias, column)}
			case d == best:
				found = append(found, suggestion(r.alias, column))
			}
		}
	}
	return found
}

// suggestion qualifies a name as PostgreSQL prints it.
func suggestion(relation, column string) string {
	return `the column "` + relation + "." + column + `"`
}

// perhaps is PostgreSQL's hint; more than two candidates are none.
func perhaps(suggestions []string) string {
	if len(suggestions) == 0 || len(suggestions) > 2 {
		return ""
	}
	return "Perhaps you meant to reference " + strings.Join(suggestions, " or ") + "."
}

// editDistance is Levenshtein's, in characters.
func editDistance(from, to string) int {
	a, b := []rune(from), []rune(to)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}

func notEmbedded(name string) error {
	return &apiError{
		status: http.StatusBadRequest, code: "PGRST108",
		message: fmt.Sprintf("'%s' is not an embedded resource in this request", name),
		hint:    fmt.Sprintf("Verify that '%s' is included in the 'select' query parameter.", name),
	}
}

func (t *table) typeOf(column string) (filter.Type, bool) {
	n, ok := t.byName[column]
	if !ok {
		return filter.Type{}, false
	}
	return t.columns[n].typ, true
}

// planFor is newPlan for the table of a request, with all that PostgreSQL may
// have against it.
func planFor(session filter.Session, r *resource) (*plan, error) {
	if err := r.syntax(); err != nil {
		return nil, err
	}
	p, err := newPlan(session, r, nil)
	if err == nil {
		err = p.literal
	}
	return p, err
}

// newPlan understands what is asked of a resource as PostgreSQL does: FROM first,
// where the embeds are, then what is selected, then the rest, and literals only
// once everything else is clear. What is embedded behind a junction keeps its
// name in messages.
func newPlan(session filter.Session, r *resource, parent *plan) (*plan, error) {
	p := &plan{table: r.table, alias: r.table.name, parent: parent, session: session, limit: -1}
	if parent != nil {
		p.depth = parent.depth + 1
	}
	if parent != nil && r.relation.second == nil {
		p.alias += "_" + strconv.Itoa(p.depth)
	}
	p.visible = r.visible
	p.renamed = parent != nil && r.item.Embed.Relation != r.table.name
	var tooMany, tooFar error
	if r.limit != nil {
		p.limit, tooMany = asBigint(r.limit)
		p.limit = max(p.limit, 0)
	}
	if r.offset != nil {
		p.offset, tooFar = asBigint(r.offset)
		p.offset = max(p.offset, 0)
	}
	var embedded []output
	for _, e := range r.embeds {
		outputs, err := p.addJoin(e)
		if err != nil {
			return nil, err
		}
		embedded = append(embedded, outputs...)
	}
	for _, one := range r.columns {
		if err := p.addColumn(one); err != nil {
			return nil, err
		}
	}
	p.outputs = append(p.outputs, embedded...)
	if p.unselectable != nil {
		return nil, p.unselectable()
	}
	whereErr := p.setFilters(r.where())
	if whereErr != nil && !strings.HasPrefix(asAPIError(whereErr).code, "22") {
		return nil, whereErr
	}
	var orderErr error
	for _, term := range r.order {
		if p.isCount(term.Path) && term.Relation == "" {
			p.counting = true
			continue
		}
		key, err := p.sortKey(term)
		if err != nil {
			return nil, err
		}
		orderErr = cmp.Or(orderErr, term.Path.Unreadable())
		p.order = append(p.order, key)
	}
	if err := p.checkCounting(r.order); err != nil {
		return nil, err
	}
	p.literal = cmp.Or(p.literal, whereErr, orderErr, tooMany, tooFar)
	p.useOrder()
	return p, nil
}

func (p *plan) setFilters(filters []filter.Filter) error {
	own := p.withoutNullness(filters)
	if len(own) == 0 {
		p.always = true
		return nil
	}
	var all filter.Filter = filter.Tree{Filters: own}
	if len(own) == 1 {
		all = own[0]
	}
	where, err := p.session.Compile(p.rewritten(all), p.alias, p.typeOf)
	if err != nil {
		// What relates an embed stands beside its filters.
		return p.withColumnHint(err, len(filters) == 1 && p.parent == nil)
	}
	p.where = where
	p.columns = make([]int, 0, len(where.Columns()))
	for _, name := range where.Columns() {
		n, ok := p.table.byName[strings.TrimPrefix(name, jsonbColumn)]
		if !ok {
			n = ^p.joinOf(name)
		}
		p.columns = append(p.columns, n)
	}
	p.access = p.table.access(own, p.session)
	return nil
}

// withColumnHint adds what only a table can tell: the hint, and whether a filter
// stands alone.
func (p *plan) withColumnHint(err error, alone bool) error {
	api := asAPIError(err)
	if rest, ok := strings.CutPrefix(api.message, "argument of WHERE "); ok && !alone { // something stands beside it
		there := *api
		there.message = "argument of AND " + rest
		return &there
	}
	if api.code == "42703" {
		if name, ok := strings.CutPrefix(api.message, "column "+p.alias+"."); ok {
			name = strings.TrimSuffix(name, " does not exist")
			if p.isCount(filter.Path{Column: name}) {
				return &apiError{status: http.StatusBadRequest, code: "42803", message: "aggregate functions are not allowed in WHERE"}
			}
			return p.unknownColumn(name)
		}
	}
	return err
}

// isCount reports whether a path is count where there is no such column: to
// PostgreSQL t.count is count(t) then.
func (p *plan) isCount(path filter.Path) bool {
	_, ok := p.table.byName["count"]
	return path.Column == "count" && len(path.Steps) == 0 && !ok
}

func (p *plan) sortKey(term filter.OrderTerm) (sortKey, error) {
	key := sortKey{descending: term.Descending, nullsFirst: term.NullsFirst}
	if term.Relation != "" {
		i := slices.IndexFunc(p.joins, func(j *join) bool { return j.name == term.Relation })
		if i < 0 {
			return key, notEmbedded(term.Relation)
		}
		key.join = p.joins[i]
	}
	n, ok := p.table.byName[term.Path.Column]
	switch ok = ok && (p.visible == nil || slices.Contains(p.visible, term.Path.Column)); {
	case key.join != nil:
		if err := p.embeddedKey(&key, term.Path.Column); err != nil {
			return key, err
		}
	case ok:
		key.column, key.typ = n, p.table.columns[n].typ
	default:
		return key, p.unknownColumn(term.Path.Column)
	}
	if len(term.Path.Steps) > 0 {
		typ := p.orderedType(term.Path.Column, key.typ)
		if key.join != nil { // then PostgREST does not make it jsonb
			if typ = key.typ; !typ.IsJSON() {
				return key, noArrow(typ, term.Path.Steps[0])
			}
		}
		var err error
		if key.typ, key.get, err = typ.Follow(term.Path.Steps, p.session); err != nil {
			return key, err
		}
	}
	if !key.typ.Comparable() {
		return key, &apiError{
			status: http.StatusNotFound, code: "42883", message: "could not identify an ordering operator for type " + key.typ.String(),
			hint: "Use an explicit ordering operator or modify the query.",
		}
	}
	return key, nil
}

func lastIndex(names []string, name string) int {
	for i, n := range slices.Backward(names) {
		if n == name {
			return i
		}
	}
	return -1
}

// noArrow is PostgreSQL's answer to a path inside what is not JSON.
func noArrow(t filter.Type, step filter.PathStep) error {
	arrow, right := "->", "unknown"
	if step.AsText {
		arrow = "->>"
	}
	if step.Index {
		right = "integer"
	}
	return &apiError{
		status: http.StatusNotFound, code: "42883", message: "operator does not exist: " + t.String() + " " + arrow + " " + right,
		hint: "No operator matches the given name and argument types. You might need to add explicit type casts.",
	}
}

// embeddedKey orders by what an embed gives a row under a name: a column that it
// does not select is not there, unless it selects nothing at all.
func (p *plan) embeddedKey(key *sortKey, name string) error {
	inner, alias := key.join.plan, p.joinAlias(key.join.name)
	if n, ok := inner.table.byName[name]; ok && len(inner.outputs) == 0 {
		key.column, key.typ = n, inner.table.columns[n].typ
		return nil
	}
	for i := range inner.outputs {
		out := &inner.outputs[i]
		switch {
		case out.name != name:
			continue
		case key.out != nil:
			return &apiError{status: http.StatusBadRequest, code: "42702", message: fmt.Sprintf(`column reference "%s" is ambiguous`, name)}
		}
		key.out, key.typ = out, out.typ
		if out.join != nil && !out.join.spread {
			key.typ = jsonbColumnType
		}
	}
	if key.out != nil {
		return nil
	}
	if err := p.stumble(name); err != nil {
		return err
	}
	return &apiError{
		status: http.StatusBadRequest, code: "42703", message: "column " + alias + "." + name + " does not exist",
		hint: perhaps(p.similarAnywhere(alias, name)),
	}
}

// orderedType is the type of a column that is followed for an order. PostgREST
// makes it jsonb unless it knows it to be json, and it looks that up in the
// table of the request, whatever the order is for.
func (p *plan) orderedType(column string, typ filter.Type) filter.Type {
	root := p
	for root.parent != nil {
		root = root.parent
	}
	if known, ok := root.table.typeOf(column); typ == jsonColumnType && (!ok || known != jsonColumnType) {
		return jsonbColumnType
	}
	return typ
}

func (p *plan) addColumn(one filter.SelectItem) error {
	t := p.table
	if one.Path.Column == "*" {
		if p.outputs == nil {
			p.outputs = slices.Clip(t.star) // shared, to be read only
		} else {
			p.outputs = append(p.outputs, t.star...)
		}
		return nil
	}
	target, err := castTarget(one.Cast)
	if err != nil {
		return err
	}
	n, ok := t.byName[one.Path.Column]
	out := output{column: n, name: cmp.Or(one.Alias, outputName(one.Path))}
	switch {
	case ok:
		out.typ = t.columns[n].typ
	case p.isCount(one.Path): // clients build on it: select=name,projects(count)
		out.column, out.typ, out.counts = -1, bigint, true
		p.counting = true
	default:
		return p.unknownColumn(one.Path.Column)
	}
	if len(one.Path.Steps) > 0 {
		if p.renamed && out.typ == jsonColumnType {
			out.typ = jsonbColumnType
		}
		if out.typ, out.get, err = out.typ.Follow(one.Path.Steps, p.session); err != nil {
			return err
		}
		p.literal = cmp.Or(p.literal, one.Path.Unreadable())
	}
	if one.Cast != "" {
		convert, err := out.typ.Cast(target, p.session)
		if err != nil {
			return err
		}
		out.typ = target
		if before := out.get; before == nil {
			out.get = convert
		} else {
			out.get = func(v filter.Value) (filter.Value, error) {
				v, err := before(v)
				if err != nil {
					return v, err
				}
				return convert(v)
			}
		}
	}
	out.key = printedKey(out.name)
	p.outputs = append(p.outputs, out)
	return nil
}

// mayFail tells whether something a row shows can be an error.
func (p *plan) mayFail() bool {
	return slices.ContainsFunc(p.outputs, func(out output) bool {
		return out.get != nil || out.join != nil && (out.join.refusal != nil || out.join.plan.mayFail() || !out.join.plan.always)
	})
}

// castTarget reads the name of a type behind "::"; there may be none.
func castTarget(name string) (filter.Type, error) {
	if name == "" {
		return filter.Type{}, nil
	}
	t, err := filter.ParseType(name)
	if words := strings.Fields(name); err != nil && len(words) > 1 && firstWord(words[1]) != "" {
		return t, &apiError{status: http.StatusBadRequest, code: "42601", message: fmt.Sprintf(`syntax error at or near "%s"`, firstWord(words[1]))}
	}
	if err != nil {
		return t, &apiError{status: http.StatusBadRequest, code: "42704", message: fmt.Sprintf(`type "%s" does not exist`, name)}
	}
	return t, nil
}

// firstWord is what PostgreSQL would take for a name or number at the start of
// a text.
func firstWord(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if end < 0 {
		return text
	}
	return text[:end]
}

// outputName is the last key of a path that is not an array index.
func outputName(path filter.Path) string {
	for i := len(path.Steps) - 1; i >= 0; i-- {
		if !path.Steps[i].Index {
			return path.Steps[i].Key
		}
	}
	return path.Column
}

// checkCounting refuses what cannot be shown or ordered by beside a count.
func (p *plan) checkCounting(order []filter.OrderTerm) error {
	if !p.counting {
		return nil
	}
	var other string
	for _, term := range slices.Backward(order) {
		switch {
		case term.Relation != "":
			other = p.joinAlias(term.Relation) + "." + term.Path.Column
		case !p.isCount(term.Path):
			other = p.alias + "." + term.Path.Column
		}
	}
	if i := slices.IndexFunc(p.outputs, func(out output) bool { return !out.counts }); i >= 0 {
		switch out := p.outputs[i]; {
		case out.join == nil:
			other = p.alias + "." + p.table.columns[out.column].name
		case out.join.spread:
			other = p.joinAlias(out.join.name) + "." + out.name
		case out.join.toOne:
			other = p.joinAlias(out.join.name) + ".*"
		default:
			other = p.joinAlias(out.join.name) + "." + p.joinAlias(out.join.name)
		}
	}
	if other == "" {
		return nil
	}
	return &apiError{
		status: http.StatusBadRequest, code: "42803",
		message: fmt.Sprintf(`column "%s" must appear in the GROUP BY clause or be used in an aggregate function`, other),
	}
}

func printedKey(name string) string {
	return string(append(filter.AppendJSONString(nil, name), ':'))
}
