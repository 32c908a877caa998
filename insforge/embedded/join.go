package embedded

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A join is an embedded resource: for every row, the rows of another table that
// a foreign key relates to it.
type join struct {
	name    string // the key it is printed and addressed under
	plan    *plan
	toOne   bool
	inner   bool
	spread  bool     // its columns are the row\'s
	mustBe  nullness // filters rel=is.null and rel=not.is.null; 0: none
	hops    []hop    // from the embedding table to the embedded one
	refusal error    // what PostgreSQL says once it looks for rows
	// found has what an inner embed has found for a row, to be printed; else it is nil.
	found map[*row][]*row
}

// mostFound is for how many rows what was found is kept.
const mostFound = 1000

// A hop leads from a row to the rows of a table whose columns equal its own.
type hop struct {
	table   *table
	here    []int  // columns of the table one comes from
	index   *index // of the table, on the columns they equal
	shuffle []int  // which of here stands at each place of the index
}

func newHop(from []int, to *table, columns []int) hop {
	h := hop{table: to, here: from}
	h.index, h.shuffle = to.indexOn(columns)
	return h
}

// nullness is what filters ask of an embed; both may be asked of one.
type nullness int8

const (
	mustBeEmpty nullness = 1 << iota
	mustExist
)

// joinAlias is what PostgREST calls the result of an embed.
func (p *plan) joinAlias(name string) string {
	return p.table.name + "_" + name + "_" + strconv.Itoa(p.depth+1)
}

// addJoin plans an embed and tells what of it is printed.
func (p *plan) addJoin(e *resource) ([]output, error) {
	embed := e.item.Embed
	j := &join{name: e.name, toOne: e.relation.toOne, inner: embed.Inner, spread: embed.Spread, hops: e.relation.hops()}
	switch {
	case e.offset != nil && e.offset.Sign() < 0:
		j.refusal = &apiError{status: http.StatusBadRequest, code: "2201X", message: "OFFSET must not be negative"}
	case e.limit != nil && e.limit.Sign() < 0:
		j.refusal = &apiError{status: http.StatusBadRequest, code: "2201W", message: "LIMIT must not be negative"}
	}
	if embed.Inner {
		j.found = map[*row][]*row{}
	}
	if i := slices.IndexFunc(p.joins, func(other *join) bool { return other.name == j.name }); i >= 0 {
		if !j.toOne && !p.joins[i].toOne {
			return nil, &apiError{status: http.StatusBadRequest, code: "42803", message: "aggregate functions are not allowed in FROM clause of their own query level"}
		}
		return nil, &apiError{status: http.StatusBadRequest, code: "42712", message: fmt.Sprintf(`table name "%s" specified more than once`, p.joinAlias(j.name))}
	}
	var err error
	if j.plan, err = newPlan(p.session, e, p); err != nil {
		return nil, err
	}
	p.literal = cmp.Or(p.literal, j.plan.literal)
	p.joins = append(p.joins, j)
	switch {
	case embed.Spread:
		var outputs []output
		p.checkNamed(j, explicitNames(e))
		// What * stands for there is all that the embed gives, in the first place of
		// its columns, and what it names comes again.
		inner := j.plan.outputs
		for _, item := range e.columns {
			given := 1
			if item.Path.Column == "*" {
				given = len(j.plan.table.star)
				for _, out := range j.plan.outputs {
					outputs = append(outputs, spreadOutput(j, out))
				}
			} else {
				outputs = append(outputs, spreadOutput(j, inner[0]))
			}
			inner = inner[given:]
		}
		for _, out := range inner {
			outputs = append(outputs, spreadOutput(j, out))
		}
		return outputs, nil
	case len(embed.Items) == 0: // rel() only filters
		return nil, nil
	default:
		return []output{{key: printedKey(j.name), name: j.name, join: j}}, nil
	}
}

// syntax is PostgreSQL's complaint about the select list that PostgREST writes: a
// name without letters, or nothing where a spread embed selects nothing.
func (r *resource) syntax() error {
	nameless := func(item filter.SelectItem) bool {
		return item.Path.Column == "" || cmp.Or(item.Alias, outputName(item.Path)) == ""
	}
	if slices.ContainsFunc(r.columns, nameless) || slices.ContainsFunc(r.order, func(o filter.OrderTerm) bool { return o.Path.Column == "" }) ||
		hasNameless(r.filters) || hasNameless(r.trees) {
		return zeroLength
	}
	parts, gap := len(r.columns), -1
	for _, e := range r.embeds {
		switch embed := e.item.Embed; {
		case embed.Spread && len(embed.Items) == 0:
			if gap < 0 {
				gap = parts
			}
			parts++
		case len(embed.Items) > 0:
			parts++
		}
	}
	switch {
	case gap < 0 || parts == 1:
	case gap == parts-1:
		return &apiError{status: http.StatusBadRequest, code: "42601", message: `syntax error at or near "FROM"`}
	default:
		return &apiError{status: http.StatusBadRequest, code: "42601", message: `syntax error at or near ","`}
	}
	for _, e := range r.embeds {
		if err := e.syntax(); err != nil {
			return err
		}
	}
	return nil
}

func hasNameless(filters []filter.Filter) bool {
	return slices.ContainsFunc(filters, func(f filter.Filter) bool {
		switch f := f.(type) {
		case filter.Cond:
			return f.Path.Column == ""
		case filter.Tree:
			return hasNameless(f.Filters)
		}
		return false
	})
}

// checkNamed looks whether a spread embed gives each of the columns that are named
// once: rel() gives none, and one may have the name of another.
func (p *plan) checkNamed(j *join, names []string) {
	given := p.columnsOf(j)
	for _, name := range names {
		first := slices.Index(given, name)
		switch {
		case p.unselectable != nil:
			return
		case first < 0:
			p.unselectable = func() error {
				return &apiError{
					status: http.StatusBadRequest, code: "42703", message: "column " + p.joinAlias(j.name) + "." + name + " does not exist",
					hint: perhaps(p.similarAnywhere(p.joinAlias(j.name), name)),
				}
			}
		case first != lastIndex(given, name):
			p.unselectable = func() error {
				return &apiError{status: http.StatusBadRequest, code: "42702", message: fmt.Sprintf(`column reference "%s" is ambiguous`, name)}
			}
		}
	}
}

// explicitNames are those that the embedding statement names of a spread embed's
// columns; it need not for what * stands for.
func explicitNames(e *resource) []string {
	var names []string
	for _, item := range e.columns {
		if item.Path.Column != "*" {
			names = append(names, cmp.Or(item.Alias, outputName(item.Path)))
		}
	}
	for _, inner := range e.embeds {
		if inner.item.Embed.Spread {
			names = append(names, explicitNames(inner)...)
		} else {
			names = append(names, inner.name)
		}
	}
	return names
}

// spreadOutput prints a column of the embedded row as if it were the row's own.
func spreadOutput(j *join, out output) output {
	one := *j
	plan := *j.plan
	plan.outputs = []output{out}
	one.plan = &plan
	return output{key: out.key, name: out.name, typ: out.typ, column: -1, join: &one}
}

func (t *table) names(columns []int) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = t.columns[c].name
	}
	return strings.Join(names, ", ")
}

// columnsOf are the columns that the result of an embed has in a statement.
func (p *plan) columnsOf(j *join) []string {
	if !j.toOne {
		return []string{p.joinAlias(j.name)}
	}
	if len(j.plan.outputs) == 0 { // rel() selects all
		return j.plan.table.columnNames()
	}
	names := make([]string, len(j.plan.outputs))
	for i, out := range j.plan.outputs {
		names[i] = out.name
	}
	return names
}

// asksForNull finds the join that rel=is.null or rel=not.is.null is about; -1:
// it is an ordinary filter.
func (p *plan) asksForNull(c filter.Cond) int {
	if c.Op != filter.OpIs || !strings.EqualFold(c.Value, "null") || len(c.Path.Steps) > 0 {
		return -1
	}
	return slices.IndexFunc(p.joins, func(j *join) bool { return j.name == c.Path.Column })
}

// withoutNullness takes the filters on embeds out that stand alone: they say what
// the embeds must be.
func (p *plan) withoutNullness(filters []filter.Filter) []filter.Filter {
	if len(p.joins) == 0 {
		return filters
	}
	own := make([]filter.Filter, 0, len(filters))
	for _, f := range filters {
		cond, ok := f.(filter.Cond)
		j := -1
		if ok {
			j = p.asksForNull(cond)
		}
		switch {
		case j < 0:
			own = append(own, f)
		case cond.Negate:
			p.joins[j].mustBe |= mustExist
		default:
			p.joins[j].mustBe |= mustBeEmpty
		}
	}
	return own
}

// joinColumn is the column, in no table, that filters on a join read.
const joinColumn = "\x00"

// jsonbColumn stands before the name of a json column that is read as jsonb.
const jsonbColumn = "\x01"

// rewritten makes filters on embeds filters on a boolean of their own, so that
// they may stand in a tree with others. What lies inside the json columns of a
// table that goes by another name is jsonb, as PostgREST makes it.
func (p *plan) rewritten(f filter.Filter) filter.Filter {
	if len(p.joins) == 0 && !p.renamed {
		return f
	}
	switch f := f.(type) {
	case filter.Cond:
		if j := p.asksForNull(f); j >= 0 {
			f.Path.Column, f.Value = joinColumn+strconv.Itoa(j), "false"
		} else if typ, _ := p.table.typeOf(f.Path.Column); p.renamed && len(f.Path.Steps) > 0 && typ == jsonColumnType {
			f.Path.Column = jsonbColumn + f.Path.Column
		}
		return f
	case filter.Tree:
		f.Filters = slices.Clone(f.Filters)
		for i := range f.Filters {
			f.Filters[i] = p.rewritten(f.Filters[i])
		}
		return f
	}
	return f
}

func (p *plan) joinOf(column string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(column, joinColumn))
	if err != nil {
		return -1
	}
	return n
}

func (p *plan) typeOf(column string) (filter.Type, bool) {
	switch {
	case strings.HasPrefix(column, joinColumn):
		return boolean, true
	case strings.HasPrefix(column, jsonbColumn):
		return jsonbColumnType, true
	case p.visible != nil && !slices.Contains(p.visible, column):
		return filter.Type{}, false
	}
	return p.table.typeOf(column)
}

// related finds the rows a foreign key relates to r, before the embed's own
// filters.
func (j *join) related(st *state, t *table, r *row) []*row {
	rows := j.hops[0].follow(st, t, r, nil)
	if len(j.hops) > 1 {
		var further []*row
		for _, between := range rows {
			further = j.hops[1].follow(st, j.hops[0].table, between, further)
		}
		rows = further
	}
	slices.SortFunc(rows, byID)
	return rows
}

// follow appends the rows a hop leads to from row r of table t.
func (h *hop) follow(st *state, t *table, r *row, rows []*row) []*row {
	key, complete := keyOf(t, h.here, r.data())
	if !complete {
		return rows
	}
	ordered := make([]filter.Value, len(key))
	for i, from := range h.shuffle {
		ordered[i] = key[from]
	}
	a := access{index: h.index, ranges: []keyRange{{prefix: ordered}}}
	st.tables[h.table.ordinal].scan(h.table, a, func(x *row) bool {
		rows = append(rows, x)
		return true
	})
	return rows
}

// find selects the embedded rows for r.
func (j *join) find(ctx context.Context, st *state, t *table, r *row) ([]*row, error) {
	if j.refusal != nil {
		return nil, j.refusal
	}
	if rows, known := j.found[r]; known {
		return rows, nil
	}
	candidates := j.related(st, t, r)
	if candidates == nil {
		candidates = []*row{} // nil would mean all
	}
	if len(candidates) == 0 && !j.plan.counting {
		return nil, nil
	}
	res, err := j.plan.pick(ctx, st, candidates, false)
	return res.rows, err
}

// joined tells whether the embeds let r through.
func (p *plan) joined(ctx context.Context, st *state, r *row) (bool, error) {
	for _, j := range p.joins {
		if !j.inner && j.mustBe == 0 {
			continue
		}
		rows, err := j.find(ctx, st, p.table, r)
		if err != nil {
			return false, err
		}
		if len(rows) == 0 && (j.inner || j.mustBe&mustExist != 0) || len(rows) > 0 && j.mustBe&mustBeEmpty != 0 {
			return false, nil
		}
		if j.found != nil && len(j.found) < mostFound {
			j.found[r] = rows
		}
	}
	return true, nil
}
