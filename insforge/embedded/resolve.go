package embedded

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// What PostgREST finds out about a request from its own knowledge of tables and
// foreign keys, before PostgreSQL sees any of it.

// A resource is what is asked of the table or, below it, of an embedded one.
type resource struct {
	table    *table
	source   string            // another name of the table, in one message; empty: none
	item     filter.SelectItem // how it is embedded; the table itself is not
	relation relation
	name     string              // its alias or name
	columns  []filter.SelectItem // that are not embedded resources
	embeds   []*resource
	visible  []string // the columns of the table there are; nil: all
	criteria
}

// resolve finds out what a query is about and refuses what does not exist or may
// not be asked. Writes return rows in no particular order.
func (s *Schema) resolve(t *table, q *query, writes bool) (*resource, error) {
	root := &resource{table: t, source: q.source, criteria: q.criteria, columns: everyColumn}
	if len(q.selection) > 0 {
		root.columns, root.embeds = parted(q.selection)
	}
	for kind := aboutFilter; kind <= aboutTree; kind++ {
		if writes && (kind == aboutOrder || kind == aboutSpan) {
			continue
		}
		for _, a := range slices.Backward(q.inner) {
			if a.about != kind {
				continue
			}
			if err := root.take(a.path, a.criteria); err != nil {
				return nil, err
			}
		}
	}
	root.turnAround()
	if err := s.relate(root); err != nil {
		return nil, err
	}
	if !writes {
		if err := root.checkOrders(); err != nil {
			return nil, err
		}
	}
	if err := root.checkSpreads(); err != nil {
		return nil, err
	}
	return root, root.checkAggregates()
}

// everyColumn is what is selected where nothing is said.
var everyColumn = []filter.SelectItem{{Path: filter.Path{Column: "*"}}}

// parted are the columns and the embedded resources of a selection.
func parted(items []filter.SelectItem) (columns []filter.SelectItem, embeds []*resource) {
	for _, item := range items {
		if item.Embed == nil {
			columns = append(columns, item)
			continue
		}
		r := &resource{item: item, name: cmp.Or(item.Alias, item.Embed.Relation)}
		r.columns, r.embeds = parted(item.Embed.Items)
		embeds = append(embeds, r)
	}
	return columns, embeds
}

// take adds criteria to the resource at a path, and puts it first among its
// neighbours: so does PostgREST, and the last become the first.
func (r *resource) take(path []string, c criteria) error {
	if len(path) == 0 {
		r.filters = append(r.filters, c.filters...)
		r.trees = append(r.trees, c.trees...)
		if c.order != nil {
			r.order = c.order
		}
		if c.hasLimit || c.hasOffset {
			r.span = c.span
		}
		return nil
	}
	i := slices.IndexFunc(r.embeds, func(e *resource) bool { return e.item.Embed.Relation == path[0] || e.item.Alias == path[0] })
	if i < 0 {
		return notEmbedded(path[0])
	}
	e := r.embeds[i]
	copy(r.embeds[1:], r.embeds[:i])
	r.embeds[0] = e
	return e.take(path[1:], c)
}

// turnAround gives the filters of embeds, which were taken from the last to the
// first, the order in which they were written.
func (r *resource) turnAround() {
	for _, e := range r.embeds {
		slices.Reverse(e.filters)
		slices.Reverse(e.trees)
		e.turnAround()
	}
}

// where are the filters in the order they have in the SQL of a read, which
// decides what PostgreSQL complains about first.
func (r *resource) where() []filter.Filter {
	if len(r.trees) == 0 {
		return r.filters
	}
	return slices.Concat(r.trees, r.filters)
}

func (s *Schema) relate(r *resource) error {
	for _, e := range r.embeds {
		found, err := s.relation(r.table, e.item.Embed)
		if err != nil {
			return err
		}
		e.relation, e.table = found, found.target()
		if err := s.relate(e); err != nil {
			return err
		}
	}
	return nil
}

// checkOrders allows an order by an embed's column only where there is one
// embedded row.
func (r *resource) checkOrders() error {
	for _, term := range r.order {
		if term.Relation == "" {
			continue
		}
		i := slices.IndexFunc(r.embeds, func(e *resource) bool { return e.name == term.Relation })
		if i < 0 {
			return notEmbedded(term.Relation)
		}
		if !r.embeds[i].relation.toOne {
			return notToOne("PGRST118", "related order", cmp.Or(r.source, r.table.name), term.Relation)
		}
	}
	for _, e := range r.embeds {
		if err := e.checkOrders(); err != nil {
			return err
		}
	}
	return nil
}

func (r *resource) checkSpreads() error {
	for _, e := range r.embeds {
		if e.item.Embed.Spread && !e.relation.toOne {
			return notToOne("PGRST119", "spread operation", r.table.name, e.item.Embed.Relation)
		}
		if err := e.checkSpreads(); err != nil {
			return err
		}
	}
	return nil
}

func notToOne(code, what, table, relation string) error {
	return &apiError{
		status: http.StatusBadRequest, code: code,
		message: fmt.Sprintf("A %s on '%s' is not possible", what, relation),
		details: fmt.Sprintf("'%s' and '%s' do not form a many-to-one or one-to-one relationship", table, relation),
	}
}

func (r *resource) checkAggregates() error {
	if slices.ContainsFunc(r.columns, func(item filter.SelectItem) bool { return item.Aggregate != "" }) {
		return &apiError{status: http.StatusBadRequest, code: "PGRST123", message: "Use of aggregate functions is not allowed"}
	}
	for _, e := range r.embeds {
		if err := e.checkAggregates(); err != nil {
			return err
		}
	}
	return nil
}

// relation finds the one way an embed can mean.
func (s *Schema) relation(t *table, e *filter.Embed) (relation, error) {
	found := t.relations(e.Relation, e.Hint)
	switch len(found) {
	case 0:
		return relation{}, s.noRelation(t, e)
	case 1:
		return found[0], nil
	default:
		return relation{}, ambiguous(t, e, found)
	}
}

// relation is one way from a table to another.
type relation struct {
	key    *foreignKey
	toOne  bool
	direct bool        // the foreign key is in the embedding table
	second *foreignKey // both are in a third table, a junction; this one leads on
}

func (r relation) target() *table {
	switch {
	case r.second != nil:
		return r.second.references
	case r.direct:
		return r.key.references
	}
	return r.key.table
}

// cardinality says how many rows of one table belong to how many of the other.
type cardinality int

const (
	oneToMany cardinality = iota
	manyToOne
	oneToOne
	manyToMany
)

func (c cardinality) String() string {
	return [...]string{oneToMany: "one-to-many", manyToOne: "many-to-one", oneToOne: "one-to-one", manyToMany: "many-to-many"}[c]
}

func (r relation) cardinality() cardinality {
	switch {
	case r.second != nil:
		return manyToMany
	case r.key.table.uniqueOn(r.key.columns) != nil:
		return oneToOne
	case r.direct:
		return manyToOne
	}
	return oneToMany
}

// junction is the name of the third table; there may be none.
func (r relation) junction() string {
	if r.second == nil {
		return ""
	}
	return r.key.table.name
}

func (r relation) columns() (here, there []int) {
	if r.direct {
		return r.key.columns, r.key.referenced
	}
	return r.key.referenced, r.key.columns
}

func (r relation) hops() []hop {
	here, there := r.columns()
	if r.second == nil {
		return []hop{newHop(here, r.target(), there)}
	}
	return []hop{newHop(here, r.key.table, there), newHop(r.second.columns, r.target(), r.second.referenced)}
}

// isJunction reports whether a table makes a many-to-many relationship of two
// of its foreign keys: both are part of its primary key.
func (t *table) isJunction(a, b *foreignKey) bool {
	if a == b || t.primary == nil {
		return false
	}
	for _, c := range slices.Concat(a.columns, b.columns) {
		if !slices.Contains(t.primary.columns, c) {
			return false
		}
	}
	return true
}

// ways are all the relations of a table, sorted as PostgREST does: by where they
// lead, by cardinality, by constraint or junction.
func (t *table) ways() []relation {
	var all []relation
	for _, fk := range t.foreign {
		all = append(all, relation{key: fk, toOne: true, direct: true})
	}
	for _, fk := range t.inbound {
		inbound := relation{key: fk}
		inbound.toOne = inbound.cardinality() == oneToOne
		all = append(all, inbound)
		for _, second := range fk.table.foreign {
			if fk.table.isJunction(fk, second) {
				all = append(all, relation{key: fk, second: second})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b relation) int {
		return cmp.Or(
			strings.Compare(a.target().name, b.target().name),
			cmp.Compare(a.cardinality(), b.cardinality()),
			strings.Compare(a.junction(), b.junction()),
			strings.Compare(a.key.name, b.key.name),
		)
	})
	return all
}

// relations finds the ways that name (a table, foreign key or column) and hint
// (a foreign key, column or junction) allow. Between a table and itself the
// table's name means the rows that refer to a row, a column the row referred to.
func (t *table) relations(name, hint string) []relation {
	single := func(owner *table, columns []int) string {
		if len(columns) != 1 {
			return ""
		}
		return owner.columns[columns[0]].name
	}
	var found []relation
	for _, r := range t.ways() {
		here, there := r.columns()
		var column, referenced, constraint string
		if r.second == nil {
			column, referenced, constraint = single(t, here), single(r.target(), there), r.key.name
		}
		byTable := name == r.target().name
		var fits bool
		switch {
		case r.target() == t && (r.second != nil || t.uniqueOn(here) != nil && r.direct || r.toOne && !r.direct):
			// neither many-to-many nor one-to-one with itself
		case r.target() == t && hint == "":
			fits = byTable && !r.direct || name == column && r.direct
		case r.target() == t:
			fits = byTable && !r.direct && hint == referenced
		case hint == "":
			fits = byTable || name == constraint || name == column
		default:
			fits = byTable && (hint == constraint || hint == column || hint == referenced || hint == r.junction())
		}
		if fits {
			found = append(found, r)
		}
	}
	return found
}

func (s *Schema) noRelation(t *table, e *filter.Embed) error {
	details := fmt.Sprintf("Searched for a foreign key relationship between '%s' and '%s'", t.name, e.Relation)
	if e.Hint != "" {
		details += fmt.Sprintf(" using the hint '%s'", e.Hint)
	}
	return &apiError{
		status: http.StatusBadRequest, code: "PGRST200",
		message: fmt.Sprintf("Could not find a relationship between '%s' and '%s' in the schema cache", t.name, e.Relation),
		details: details + " in the schema 'public', but no matches were found.",
		hint:    s.nearestRelation(t, e.Relation),
	}
}

func ambiguous(t *table, e *filter.Embed, found []relation) error {
	type candidate struct {
		Cardinality  string `json:"cardinality"`
		Embedding    string `json:"embedding"`
		Relationship string `json:"relationship"`
	}
	var candidates []candidate
	var hints []string
	for _, r := range found {
		here, there := r.columns()
		var way, by string
		if r.second == nil {
			by = r.key.name
			way = by + " using " + t.name + "(" + t.names(here) + ") and " + r.target().name + "(" + r.target().names(there) + ")"
		} else {
			by = r.junction()
			way = by + " using " + r.key.name + "(" + r.key.table.names(there) + ") and " + r.second.name + "(" + r.key.table.names(r.second.columns) + ")"
		}
		candidates = append(candidates, candidate{Cardinality: r.cardinality().String(), Embedding: t.name + " with " + r.target().name, Relationship: way})
		hints = append(hints, "'"+r.target().name+"!"+by+"'")
	}
	details, err := json.Marshal(candidates)
	if err != nil {
		return err
	}
	return &apiError{
		status: http.StatusMultipleChoices, code: "PGRST201",
		message:    fmt.Sprintf("Could not embed because more than one relationship was found for '%s' and '%s'", t.name, e.Relation),
		rawDetails: details,
		hint: fmt.Sprintf("Try changing '%s' to one of the following: %s. Find the desired relationship in the 'details' key.",
			e.Relation, strings.Join(hints, ", ")),
	}
}
