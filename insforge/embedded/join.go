package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
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
	mustBe  nullness // a filter rel=is.null or rel=not.is.null
	here    []int    // columns of the embedding table
	there   []int    // the columns they equal
	index   *index   // of the embedded table, on there
	shuffle []int    // which of here stands at each place of the index
}

type nullness int8

const (
	anything nullness = iota
	mustBeEmpty
	mustExist
)

// relation is one way from a table to another.
type relation struct {
	key    *foreignKey
	toOne  bool
	direct bool // the foreign key is in the embedding table
}

func (r relation) target() *table {
	if r.direct {
		return r.key.references
	}
	return r.key.table
}

func (r relation) columns() (here, there []int) {
	if r.direct {
		return r.key.columns, r.key.referenced
	}
	return r.key.referenced, r.key.columns
}

// relations finds the ways that name (a table, foreign key or column) and hint
// (a foreign key or column) allow.
func (t *table) relations(name, hint string) []relation {
	var found []relation
	singleColumn := func(owner *table, columns []int) string {
		if len(columns) != 1 {
			return ""
		}
		return owner.columns[columns[0]].name
	}
	for _, fk := range t.foreign {
		column := singleColumn(t, fk.columns)
		if (name == fk.references.name || name == fk.name || column != "" && name == column) &&
			(hint == "" || hint == fk.name || hint == column || hint == singleColumn(fk.references, fk.referenced)) {
			found = append(found, relation{key: fk, toOne: true, direct: true})
		}
	}
	for _, fk := range t.inbound {
		if (name == fk.table.name || name == fk.name) &&
			(hint == "" || hint == fk.name || hint == singleColumn(fk.table, fk.columns) || hint == singleColumn(t, fk.referenced)) {
			found = append(found, relation{key: fk, toOne: fk.table.uniqueOn(fk.columns) != nil})
		}
	}
	return found
}

func (s *Store) addJoin(p *plan, root *query, one item, path string) error {
	e, t := one.embed, p.table
	found := t.relations(e.name, e.hint)
	switch len(found) {
	case 0:
		return noRelation(t, e)
	case 1:
	default:
		return ambiguous(t, e, found)
	}
	r := found[0]
	name := e.name
	if one.alias != "" {
		name = one.alias
	}
	j := &join{name: name, toOne: r.toOne, inner: e.inner}
	j.here, j.there = r.columns()
	j.index, j.shuffle = r.target().indexOn(j.there)
	inner := name
	if path != "" {
		inner = path + "." + name
	}
	q := root.embeds[inner]
	if q == nil && one.alias != "" {
		q = root.embeds[strings.TrimPrefix(path+"."+e.name, ".")]
	}
	if q == nil {
		q = &query{}
	}
	q.used = true
	items := e.items
	if items == nil {
		items = []item{}
	}
	var err error
	if j.plan, err = s.newPlan(p.session, r.target(), root, q, items, inner); err != nil {
		return err
	}
	p.joins = append(p.joins, j)
	switch {
	case e.spread && !r.toOne:
		return &apiError{
			status: http.StatusBadRequest, code: "PGRST119",
			message: fmt.Sprintf("A spread operation on '%s' is not possible", e.name),
			details: fmt.Sprintf("'%s' and '%s' do not form a many-to-one or one-to-one relationship", t.name, e.name),
		}
	case e.spread:
		for _, out := range j.plan.outputs {
			p.outputs = append(p.outputs, spreadOutput(j, out))
		}
	case len(items) == 0: // rel() only filters
	default:
		p.outputs = append(p.outputs, output{key: printedKey(name), name: name, join: j})
	}
	return nil
}

// spreadOutput prints a column of the embedded row as if it were the row's own.
func spreadOutput(j *join, out output) output {
	one := *j
	plan := *j.plan
	plan.outputs = []output{out}
	one.plan = &plan
	return output{key: out.key, name: out.name, typ: out.typ, column: -1, join: &one}
}

func noRelation(t *table, e *embed) error {
	details := fmt.Sprintf("Searched for a foreign key relationship between '%s' and '%s'", t.name, e.name)
	if e.hint != "" {
		details += fmt.Sprintf(" using the hint '%s'", e.hint)
	}
	return &apiError{
		status: http.StatusBadRequest, code: "PGRST200",
		message: fmt.Sprintf("Could not find a relationship between '%s' and '%s' in the schema cache", t.name, e.name),
		details: details + " in the schema 'public', but no matches were found.",
	}
}

func ambiguous(t *table, e *embed, found []relation) error {
	type candidate struct {
		Cardinality  string `json:"cardinality"`
		Embedding    string `json:"embedding"`
		Relationship string `json:"relationship"`
	}
	var candidates []candidate
	var hints []string
	for _, r := range found {
		cardinality := "one-to-many"
		switch {
		case r.direct:
			cardinality = "many-to-one"
		case r.toOne:
			cardinality = "one-to-one"
		}
		here, there := r.columns()
		candidates = append(candidates, candidate{
			Cardinality:  cardinality,
			Embedding:    t.name + " with " + r.target().name,
			Relationship: r.key.name + " using " + t.name + "(" + t.names(here) + ") and " + r.target().name + "(" + r.target().names(there) + ")",
		})
		hints = append(hints, "'"+r.target().name+"!"+r.key.name+"'")
	}
	details, err := json.Marshal(candidates)
	if err != nil {
		return err
	}
	return &apiError{
		status: http.StatusMultipleChoices, code: "PGRST201",
		message:    fmt.Sprintf("Could not embed because more than one relationship was found for '%s' and '%s'", t.name, e.name),
		rawDetails: details,
		hint: fmt.Sprintf("Try changing '%s' to one of the following: %s. Find the desired relationship in the 'details' key.",
			e.name, strings.Join(hints, ", ")),
	}
}

func (t *table) names(columns []int) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = t.columns[c].name
	}
	return strings.Join(names, ", ")
}

// nullFilter takes rel=is.null and rel=not.is.null.
func (p *plan) nullFilter(c filter.Cond) bool {
	if c.Op != filter.OpIs || !strings.EqualFold(c.Value, "null") || len(c.Path.Steps) > 0 {
		return false
	}
	i := slices.IndexFunc(p.joins, func(j *join) bool { return j.name == c.Path.Column })
	if i < 0 {
		return false
	}
	p.joins[i].mustBe = mustBeEmpty
	if c.Negate {
		p.joins[i].mustBe = mustExist
	}
	return true
}

// related finds the rows a foreign key relates to r, before the embed's own
// filters.
func (j *join) related(st *state, t *table, r *row) []*row {
	key, complete := keyOf(t, j.here, r.data)
	if !complete {
		return nil
	}
	ordered := make([]filter.Value, len(key))
	for i, from := range j.shuffle {
		ordered[i] = key[from]
	}
	var rows []*row
	target := j.plan.table
	a := access{index: j.index, ranges: []keyRange{{prefix: ordered}}}
	st.tables[target.ordinal].scan(target, a, func(x *row) bool {
		rows = append(rows, x)
		return true
	})
	slices.SortFunc(rows, byID)
	return rows
}

// find selects the embedded rows for r.
func (j *join) find(ctx context.Context, st *state, t *table, r *row) ([]*row, error) {
	candidates := j.related(st, t, r)
	if len(candidates) == 0 {
		return nil, nil
	}
	res, err := j.plan.pick(ctx, st, candidates, false)
	return res.rows, err
}

// joined tells whether the embeds let r through.
func (p *plan) joined(ctx context.Context, st *state, r *row) (bool, error) {
	for _, j := range p.joins {
		if !j.inner && j.mustBe == anything {
			continue
		}
		rows, err := j.find(ctx, st, p.table, r)
		if err != nil {
			return false, err
		}
		if len(rows) == 0 && (j.inner || j.mustBe == mustExist) || len(rows) > 0 && j.mustBe == mustBeEmpty {
			return false, nil
		}
	}
	return true, nil
}
