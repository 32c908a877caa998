package embedded

import (
	"context"
	"slices"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// result is the rows a plan selects from a state.
type result struct {
	rows  []*row
	total int64 // before limit and offset
}

// cancelCheck is how many rows a scan looks at between two looks at the context.
const cancelCheck = 4096

// find selects the rows of a plan. needTotal asks to count past the limit.
func (p *plan) find(ctx context.Context, st *state, needTotal bool) (result, error) {
	return p.pick(ctx, st, nil, needTotal)
}

// pick selects from given rows, or from the table if given is nil.
func (p *plan) pick(ctx context.Context, st *state, given []*row, needTotal bool) (result, error) {
	var rows []*row
	var failure error
	view := cursor{layout: &p.table.layout, columns: p.columns}
	seen := 0
	enough := int64(-1) // stop after so many rows
	unordered := len(p.order) == 0 && p.access.index == nil
	if p.limit >= 0 && !needTotal && (unordered || p.presorted && given == nil) {
		enough = p.offset + p.limit
	}
	look := func(r *row) bool {
		if seen++; seen%cancelCheck == 0 && ctx.Err() != nil {
			failure = ctx.Err()
			return false
		}
		if !p.always {
			view.data = r.data
			got, err := p.where.Match(&view)
			if err != nil {
				failure = err
				return false
			}
			if got != filter.True {
				return true
			}
		}
		keep, err := p.joined(ctx, st, r)
		if err != nil {
			failure = err
			return false
		}
		if keep {
			rows = append(rows, r)
		}
		return enough < 0 || int64(len(rows)) < enough
	}
	switch {
	case enough == 0:
	case given != nil:
		for _, r := range given {
			if !look(r) {
				break
			}
		}
	default:
		st.tables[p.table.ordinal].scan(p.table, p.access, look)
	}
	if failure != nil {
		return result{}, failure
	}
	if !p.presorted || given != nil {
		if err := p.sort(st, rows); err != nil {
			return result{}, err
		}
	}
	res := result{total: int64(len(rows))}
	from := min(p.offset, res.total)
	to := res.total
	if p.limit >= 0 {
		to = min(to, from+p.limit)
	}
	res.rows = rows[from:to]
	return res, nil
}

// sort orders rows; without an order they come as written, whatever index they
// were found with.
func (p *plan) sort(st *state, rows []*row) error {
	if len(p.order) == 0 {
		if p.access.index != nil && !slices.IsSortedFunc(rows, byID) {
			slices.SortFunc(rows, byID)
		}
		return nil
	}
	var failure error
	compare := func(a, b *row) int {
		for i := range p.order {
			key := &p.order[i]
			x, errX := key.value(p, st, a)
			y, errY := key.value(p, st, b)
			if errX != nil || errY != nil {
				failure = errX
				return 0
			}
			if c := key.compare(x, y); c != 0 {
				return c
			}
		}
		return byID(a, b)
	}
	if !slices.IsSortedFunc(rows, compare) {
		slices.SortFunc(rows, compare)
	}
	return failure
}

func (k *sortKey) value(p *plan, st *state, r *row) (filter.Value, error) {
	t := p.table
	if k.join != nil {
		related := k.join.related(st, p.table, r)
		if len(related) == 0 {
			return filter.Value{}, nil
		}
		t, r = k.join.plan.table, related[0]
	}
	v := t.layout.value(r.data, k.column)
	if k.get == nil {
		return v, nil
	}
	return k.get(v)
}

func (k *sortKey) compare(x, y filter.Value) int {
	switch {
	case x.IsNull() && y.IsNull():
		return 0
	case x.IsNull():
		if k.nullsFirst {
			return -1
		}
		return 1
	case y.IsNull():
		if k.nullsFirst {
			return 1
		}
		return -1
	}
	c := k.typ.Compare(x, y)
	if k.descending {
		return -c
	}
	return c
}
