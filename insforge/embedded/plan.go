package embedded

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A plan is a query resolved against a table: what to look at, what to keep,
// in which order, and what to print of it.
type plan struct {
	table   *table
	alias   string // what the table is called in messages
	session filter.Session
	where   filter.Predicate
	always  bool // there is no filter
	columns []int
	access  access
	order   []sortKey
	// presorted says that the access path has the rows in order already.
	presorted bool
	limit     int64 // negative: none
	offset    int64
	outputs   []output
	joins     []*join // every embed, printed or not
}

// output is one key of a printed row.
type output struct {
	key    string // as printed: `"id":`
	name   string
	column int
	typ    filter.Type
	get    func(filter.Value) (filter.Value, error) // nil: the column as it is
	join   *join                                    // an embedded resource instead
}

type sortKey struct {
	column     int
	typ        filter.Type
	get        func(filter.Value) (filter.Value, error)
	descending bool
	nullsFirst bool
	join       *join // to-one, whose column it is
}

// access says which part of which index can hold the rows that are wanted.
type access struct {
	index  *index // nil: all rows in order of writing
	ranges []keyRange
}

// keyRange is a piece of an index: rows that start with prefix and whose next
// column lies between the bounds.
type keyRange struct {
	prefix       []filter.Value
	lower, upper *filter.Value
}

func unknownColumn(t *table, alias, name string) error {
	return &apiError{
		status: http.StatusBadRequest, code: "42703",
		message: "column " + alias + "." + name + " does not exist", hint: perhaps(suggest(alias, t.similarColumns(name))),
	}
}

// similarColumns are the columns a misspelt name may have meant: at most three
// edits away and no more than half the name, the nearest ones only.
func (t *table) similarColumns(name string) []string {
	best, names := 4, []string(nil)
	for _, c := range t.columns {
		d := editDistance(name, c.name)
		if d > 3 || 2*d > len(name) {
			continue
		}
		switch {
		case d < best:
			best, names = d, []string{c.name}
		case d == best:
			names = append(names, c.name)
		}
	}
	return names
}

// suggest qualifies names as PostgreSQL prints them.
func suggest(relation string, names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = `the column "` + relation + "." + n + `"`
	}
	return out
}

// perhaps is PostgreSQL's hint; more than two candidates are none.
func perhaps(suggestions []string) string {
	if len(suggestions) == 0 || len(suggestions) > 2 {
		return ""
	}
	return "Perhaps you meant to reference " + strings.Join(suggestions, " or ") + "."
}

func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
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

// newPlan resolves q against t. path is where the parameters of embedded
// resources are looked up.
func (s *Store) newPlan(session filter.Session, t *table, root, q *query, items []item, path string) (*plan, error) {
	p := &plan{table: t, alias: t.name, session: session, limit: -1}
	if path != "" {
		p.alias = t.name + "_" + strconv.Itoa(strings.Count(path, ".")+1)
	}
	if q.limit != nil {
		p.limit = max(*q.limit, 0)
	}
	if q.offset != nil {
		p.offset = max(*q.offset, 0)
	}
	if items == nil {
		items = []item{{star: true}}
	}
	for _, one := range items {
		if err := s.addOutput(p, root, one, path); err != nil {
			return nil, err
		}
	}
	whereErr := p.setFilters(q.filters)
	if whereErr != nil && !strings.HasPrefix(asAPIError(whereErr).code, "22") {
		return nil, whereErr // a bad literal is found only after the rest is understood
	}
	if path == "" {
		if err := root.checkEmbeds(); err != nil {
			return nil, err
		}
	}
	for _, term := range q.order {
		key, err := p.sortKey(term)
		if err != nil {
			return nil, err
		}
		p.order = append(p.order, key)
	}
	if whereErr != nil {
		return nil, whereErr
	}
	p.useOrder()
	return p, nil
}

// useOrder finds out whether an index gives the rows in the order that is
// wanted, so that they need not all be found and sorted to show the first few.
// A limit without a filter is reason enough to choose such an index.
func (p *plan) useOrder() {
	if len(p.order) == 0 || p.limit < 0 {
		return
	}
	if p.access.index != nil {
		p.presorted = len(p.access.ranges) == 1 && p.follows(p.access.index, len(p.access.ranges[0].prefix))
		return
	}
	for _, ix := range p.table.indexes {
		if p.follows(ix, 0) {
			p.access, p.presorted = access{index: ix, ranges: []keyRange{{}}}, true
			return
		}
	}
}

// follows reports whether rows of the index with equal values in the first skip
// columns are in the order that is wanted.
func (p *plan) follows(ix *index, skip int) bool {
	if len(ix.columns)-skip < len(p.order) {
		return false
	}
	for i, key := range p.order {
		if key.column != ix.columns[skip+i] || key.get != nil || key.join != nil || key.descending || key.nullsFirst {
			return false
		}
	}
	return true
}

func (p *plan) setFilters(filters []filter.Filter) error {
	own := make([]filter.Filter, 0, len(filters))
	for _, f := range filters {
		if cond, ok := f.(filter.Cond); ok && p.nullFilter(cond) {
			continue
		}
		own = append(own, f)
	}
	if len(own) == 0 {
		p.always = true
		return nil
	}
	var all filter.Filter = filter.Tree{Filters: own}
	if len(own) == 1 {
		all = own[0]
	}
	where, err := p.session.Compile(all, p.alias, p.table.typeOf)
	if err != nil {
		return p.withColumnHint(err)
	}
	p.where = where
	for _, name := range where.Columns() {
		p.columns = append(p.columns, p.table.byName[name])
	}
	p.access = p.table.access(own, p.session)
	return nil
}

// withColumnHint adds the hint only a table can give.
func (p *plan) withColumnHint(err error) error {
	if api := asAPIError(err); api.code == "42703" {
		if name, ok := strings.CutPrefix(api.message, "column "+p.alias+"."); ok {
			return unknownColumn(p.table, p.alias, strings.TrimSuffix(name, " does not exist"))
		}
	}
	return err
}

func (p *plan) sortKey(term orderTerm) (sortKey, error) {
	key := sortKey{descending: term.descending, nullsFirst: term.nullsFirst}
	t, alias := p.table, p.alias
	if term.relation != "" {
		i := slices.IndexFunc(p.joins, func(j *join) bool { return j.name == term.relation })
		if i < 0 {
			return key, notEmbedded(term.relation)
		}
		if key.join = p.joins[i]; !key.join.toOne {
			return key, &apiError{
				status: http.StatusBadRequest, code: "PGRST118",
				message: fmt.Sprintf("A related order on '%s' is not possible", term.relation),
				details: fmt.Sprintf("'%s' and '%s' do not form a many-to-one or one-to-one relationship", t.name, term.relation),
			}
		}
		t = key.join.plan.table
		alias = key.join.plan.alias
	}
	n, ok := t.byName[term.path.Column]
	if !ok {
		return key, unknownColumn(t, alias, term.path.Column)
	}
	key.column, key.typ = n, t.columns[n].typ
	if len(term.path.Steps) > 0 {
		key.typ, key.get = key.typ.Follow(term.path.Steps)
	}
	if !key.typ.Comparable() {
		return key, &apiError{
			status: http.StatusNotFound, code: "42883", message: "could not identify an ordering operator for type " + key.typ.String(),
			hint: "Use an explicit ordering operator or modify the query.",
		}
	}
	return key, nil
}

func (s *Store) addOutput(p *plan, root *query, one item, path string) error {
	t := p.table
	switch {
	case one.count || one.agg != "":
		return &apiError{status: http.StatusBadRequest, code: "PGRST123", message: "Use of aggregate functions is not allowed"}
	case one.star:
		p.outputs = append(p.outputs, t.star...)
		return nil
	case one.embed != nil:
		return s.addJoin(p, root, one, path)
	}
	n, ok := t.byName[one.path.Column]
	if !ok {
		return unknownColumn(t, p.alias, one.path.Column)
	}
	out := output{column: n, typ: t.columns[n].typ, name: cmp.Or(one.alias, outputName(one.path))}
	if len(one.path.Steps) > 0 {
		out.typ, out.get = out.typ.Follow(one.path.Steps)
	}
	if one.cast != "" {
		target, err := filter.ParseType(one.cast)
		if err != nil {
			return &apiError{status: http.StatusBadRequest, code: "42704", message: fmt.Sprintf("type %q does not exist", one.cast)}
		}
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

// outputName is the last key of a path that is not an array index.
func outputName(path filter.Path) string {
	for i := len(path.Steps) - 1; i >= 0; i-- {
		if !path.Steps[i].Index {
			return path.Steps[i].Key
		}
	}
	return path.Column
}

func printedKey(name string) string {
	return string(append(filter.AppendJSONString(nil, name), ':'))
}

// access chooses the index that narrows the filters most: the one with the
// most leading columns that are compared for equality, then one whose next
// column is compared with bounds.
func (t *table) access(filters []filter.Filter, session filter.Session) access {
	bounds := map[int]*columnBounds{}
	for _, f := range flatten(filters) {
		t.addBounds(bounds, f, session)
	}
	if len(bounds) == 0 {
		return access{}
	}
	var best access
	bestScore := 0
	for _, ix := range t.indexes {
		ranges, score := ix.ranges(t, bounds)
		if score > bestScore {
			best, bestScore = access{index: ix, ranges: ranges}, score
		}
	}
	return best
}

// flatten takes apart the conjunctions; every result must hold.
func flatten(filters []filter.Filter) []filter.Cond {
	var out []filter.Cond
	for _, f := range filters {
		switch f := f.(type) {
		case filter.Cond:
			out = append(out, f)
		case filter.Tree:
			if !f.Negate && (!f.Or || len(f.Filters) == 1) {
				out = append(out, flatten(f.Filters)...)
			}
		}
	}
	return out
}

// columnBounds is what the filters say about one column.
type columnBounds struct {
	equal        []filter.Value // one of these
	isEqual      bool
	lower, upper *filter.Value // inclusive or not: the filter decides
}

// most is how many places of an index one query looks at before a scan of a
// wider range is preferred.
const most = 1000

func (t *table) addBounds(bounds map[int]*columnBounds, c filter.Cond, session filter.Session) {
	n, ok := t.byName[c.Path.Column]
	if !ok || c.Negate || len(c.Path.Steps) > 0 {
		return
	}
	typ := t.columns[n].typ
	b := bounds[n]
	if b == nil {
		b = &columnBounds{}
	}
	literals := []string{c.Value}
	switch {
	case c.Op == filter.OpIn:
		literals = c.List
		if len(literals) == 1 && literals[0] == "" {
			literals = nil
		}
	case c.Op == filter.OpEq && c.Quant == filter.Any && c.Value == "":
		literals = c.List
	case c.Op == filter.OpIs && strings.EqualFold(c.Value, "null"):
		b.isEqual, b.equal = true, []filter.Value{{}}
		bounds[n] = b
		return
	case c.Quant != filter.NoQuantifier:
		return
	}
	if len(literals) > most {
		return
	}
	values := make([]filter.Value, len(literals))
	for i, literal := range literals {
		v, err := typ.Parse(literal, session)
		if err != nil {
			return
		}
		values[i] = v
	}
	switch c.Op {
	case filter.OpEq, filter.OpIn:
		if !b.isEqual || len(values) < len(b.equal) {
			slices.SortFunc(values, typ.Compare)
			b.equal = slices.CompactFunc(values, func(x, y filter.Value) bool { return typ.Compare(x, y) == 0 })
		}
		b.isEqual = true
	case filter.OpGt, filter.OpGte:
		if b.lower == nil || typ.Compare(values[0], *b.lower) > 0 {
			b.lower = &values[0]
		}
	case filter.OpLt, filter.OpLte:
		if b.upper == nil || typ.Compare(values[0], *b.upper) < 0 {
			b.upper = &values[0]
		}
	default:
		return
	}
	bounds[n] = b
}

// ranges are the pieces of the index the bounds leave; score tells how good
// they are.
func (ix *index) ranges(t *table, bounds map[int]*columnBounds) (ranges []keyRange, score int) {
	ranges = []keyRange{{}}
	for _, c := range ix.columns {
		b := bounds[c]
		if b == nil {
			break
		}
		if !b.isEqual || len(ranges)*len(b.equal) > most {
			for i := range ranges {
				ranges[i].lower, ranges[i].upper = b.lower, b.upper
			}
			if b.lower != nil || b.upper != nil {
				score++
			}
			break
		}
		longer := make([]keyRange, 0, len(ranges)*len(b.equal))
		for _, r := range ranges {
			for _, v := range b.equal {
				longer = append(longer, keyRange{prefix: append(slices.Clip(r.prefix), v)})
			}
		}
		ranges = longer
		score += 3
		if ix.unique && len(ranges) > 0 && len(ranges[0].prefix) == len(ix.columns) {
			score += 100
		}
	}
	return ranges, score
}

// scan yields the candidates of the access path in its order.
func (st *tableState) scan(t *table, a access, yield func(*row) bool) {
	if a.index == nil {
		st.rows.ascend(nil, yield)
		return
	}
	tree := &st.indexes[a.index.ordinal]
	for _, r := range a.ranges {
		start := r.prefix
		if r.lower != nil {
			start = append(slices.Clip(r.prefix), *r.lower)
		}
		more := true
		tree.ascend(
			func(x *row) bool { return t.compareKey(a.index, x.data, start) >= 0 },
			func(x *row) bool {
				if t.compareKey(a.index, x.data, r.prefix) > 0 {
					return false
				}
				if r.upper != nil {
					c := a.index.columns[len(r.prefix)]
					if compareValues(t.columns[c].typ, t.layout.value(x.data, c), *r.upper) > 0 {
						return false
					}
				}
				more = yield(x)
				return more
			})
		if !more {
			return
		}
	}
}
