package embedded

import (
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

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

// access chooses the index that narrows the filters most: the one with the
// most leading columns that are compared for equality, then one whose next
// column is compared with bounds.
func (t *table) access(filters []filter.Filter, session filter.Session) access {
	var room [4]columnBounds // for as many columns as most requests name
	known := t.bounds(room[:0], filters, session)
	var best access
	bestScore := 0
	for _, ix := range t.indexes {
		ranges, score := ix.ranges(known)
		if score > bestScore {
			best, bestScore = access{index: ix, ranges: ranges}, score
		}
	}
	return best
}

// columnBounds is what the filters say about one column.
type columnBounds struct {
	column       int
	equal        []filter.Value // one of these
	isEqual      bool
	lower, upper *filter.Value // inclusive or not: the filter decides
}

// boundsOf finds what is known about a column; nil: nothing.
func boundsOf(known []columnBounds, column int) *columnBounds {
	for i := range known {
		if known[i].column == column {
			return &known[i]
		}
	}
	return nil
}

// bounds adds to what is known about columns what filters say that must all
// hold; it takes conjunctions apart.
func (t *table) bounds(known []columnBounds, filters []filter.Filter, session filter.Session) []columnBounds {
	for _, f := range filters {
		switch f := f.(type) {
		case filter.Cond:
			known = t.boundsFrom(known, &f, session)
		case filter.Tree:
			if !f.Negate && (!f.Or || len(f.Filters) == 1) {
				known = t.bounds(known, f.Filters, session)
			}
		}
	}
	return known
}

// most is how many places of an index one query looks at before a scan of a
// wider range is preferred.
const most = 1000

func (t *table) boundsFrom(known []columnBounds, c *filter.Cond, session filter.Session) []columnBounds {
	n, ok := t.byName[c.Path.Column]
	if !ok || c.Negate || len(c.Path.Steps) > 0 {
		return known
	}
	typ := t.columns[n].typ
	found := columnBounds{column: n}
	var literals []string
	switch {
	case c.Op == filter.OpIs && strings.EqualFold(c.Value, "null"):
		found.isEqual, found.equal = true, []filter.Value{{}}
		return narrowed(known, typ, found)
	case c.Op == filter.OpIn:
		literals = c.List
		if len(literals) == 1 && literals[0] == "" {
			literals = nil
		}
	case c.Op == filter.OpEq && c.Quant == filter.Any && c.List != nil:
		literals = c.List
	case c.Quant != filter.NoQuantifier:
		return known
	case c.Op == filter.OpEq, c.Op == filter.OpGt, c.Op == filter.OpGte, c.Op == filter.OpLt, c.Op == filter.OpLte:
		literals = []string{c.Value}
	default:
		return known
	}
	if len(literals) > most {
		return known
	}
	values := make([]filter.Value, len(literals))
	for i, literal := range literals {
		v, err := typ.Parse(literal, session)
		if err != nil {
			return known
		}
		values[i] = v
	}
	switch c.Op {
	case filter.OpGt, filter.OpGte:
		found.lower = &values[0]
	case filter.OpLt, filter.OpLte:
		found.upper = &values[0]
	default:
		slices.SortFunc(values, typ.Compare)
		found.isEqual = true
		found.equal = slices.CompactFunc(values, func(x, y filter.Value) bool { return typ.Compare(x, y) == 0 })
	}
	return narrowed(known, typ, found)
}

// narrowed adds what one more filter says to what is known about its column.
func narrowed(known []columnBounds, typ filter.Type, more columnBounds) []columnBounds {
	b := boundsOf(known, more.column)
	if b == nil {
		return append(known, more)
	}
	if more.isEqual && (!b.isEqual || len(more.equal) < len(b.equal)) {
		b.isEqual, b.equal = true, more.equal
	}
	if more.lower != nil && (b.lower == nil || typ.Compare(*more.lower, *b.lower) > 0) {
		b.lower = more.lower
	}
	if more.upper != nil && (b.upper == nil || typ.Compare(*more.upper, *b.upper) < 0) {
		b.upper = more.upper
	}
	return known
}

// ranges are the pieces of the index the bounds leave; score tells how good
// they are, 0 that they leave all of it.
func (ix *index) ranges(known []columnBounds) (ranges []keyRange, score int) {
	if boundsOf(known, ix.columns[0]) == nil {
		return nil, 0
	}
	ranges = []keyRange{{}}
	for _, c := range ix.columns {
		b := boundsOf(known, c)
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

// scan yields the candidates of the access path in its order.
func (st *tableState) scan(t *table, a access, yield func(*row) bool) {
	if a.index == nil {
		st.rows.ascend(nil, yield)
		return
	}
	tree := &st.indexes[a.index.ordinal]
	more := true
	for _, r := range a.ranges {
		start := r.prefix
		if r.lower != nil {
			start = append(slices.Clip(r.prefix), *r.lower)
		}
		tree.ascend(
			t.from(a.index, start),
			func(x *row) bool {
				if t.compareKey(a.index, x.data(), r.prefix) > 0 {
					return false
				}
				if r.upper != nil {
					c := a.index.columns[len(r.prefix)]
					if compareValues(t.columns[c].typ, t.layout.value(x.data(), c), *r.upper) > 0 {
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
