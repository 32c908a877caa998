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
	s := search{ctx: ctx, plan: p, state: st, view: cursor{layout: &p.table.layout, columns: p.columns}, enough: -1}
	if len(p.joins) > 0 {
		s.view.joined = s.hasJoined
	}
	unordered := len(p.order) == 0 && p.access.index == nil
	switch {
	case p.limit < 0 || needTotal || p.counting:
	case p.limit == 0:
		s.enough = 0
	case unordered || p.presorted && given == nil:
		s.enough = p.offset + p.limit
		s.rows = make([]*row, 0, min(max(s.enough, 0), usualRows))
	}
	switch {
	case s.enough == 0:
	case given != nil:
		for _, r := range given {
			if !s.look(r) {
				break
			}
		}
	default:
		st.tables[p.table.ordinal].scan(p.table, p.access, s.look)
	}
	if s.failure != nil {
		return result{}, s.failure
	}
	rows := s.rows
	total := int64(len(rows))
	if p.counting { // the one row that is left carries the count where its number would be
		rows = []*row{newRow(uint64(total), "")}
	} else if !p.presorted || given != nil {
		if err := p.sort(ctx, st, rows); err != nil {
			return result{}, err
		}
	}
	if needTotal && p.hasLimitedJoin() {
		all, err := p.unlimited().pick(ctx, st, given, false)
		if err != nil {
			return result{}, err
		}
		total = int64(len(all.rows))
	}
	res := result{total: total}
	from := min(p.offset, int64(len(rows)))
	to := int64(len(rows))
	if p.limit >= 0 {
		to = from + min(p.limit, to-from)
	}
	res.rows = rows[from:to]
	return res, nil
}

// usualRows is for how many rows there is room from the start where a limit asks
// for as many.
const usualRows = 100

// A search looks at rows one after the other and keeps those a plan selects.
type search struct {
	ctx     context.Context
	plan    *plan
	state   *state
	view    cursor
	looked  *row // the one that view shows
	seen    int
	enough  int64 // stop after so many rows; negative: look at all
	rows    []*row
	failure error
}

// look takes a row if it is wanted, and reports whether to go on.
func (s *search) look(r *row) bool {
	if s.seen++; s.seen%cancelCheck == 0 && s.ctx.Err() != nil {
		s.failure = s.ctx.Err()
		return false
	}
	if !s.plan.always {
		s.view.data, s.looked = r.data(), r
		got, err := s.plan.where.Match(&s.view)
		if s.fail(err); s.failure != nil {
			return false
		}
		if got != filter.True {
			return true
		}
	}
	keep, err := s.plan.joined(s.ctx, s.state, r)
	if err != nil {
		s.failure = err
		return false
	}
	if keep {
		s.rows = append(s.rows, r)
	}
	return s.enough < 0 || int64(len(s.rows)) < s.enough
}

// hasJoined reports whether an embed has found anything for the row that is
// looked at.
func (s *search) hasJoined(join int) bool {
	found, err := s.plan.joins[join].find(s.ctx, s.state, s.plan.table, s.looked)
	s.fail(err)
	return len(found) > 0
}

// fail keeps the first error.
func (s *search) fail(err error) {
	if s.failure == nil {
		s.failure = err
	}
}

// hasLimitedJoin reports whether an embed's limit may leave rows out, or its
// count let in those that have none.
func (p *plan) hasLimitedJoin() bool {
	return slices.ContainsFunc(p.joins, func(j *join) bool {
		return j.plan.limit >= 0 || j.plan.offset > 0 || j.plan.counting || j.plan.hasLimitedJoin()
	})
}

// unlimited is the plan of PostgREST's count, which minds no limit, of embeds
// neither.
func (p *plan) unlimited() *plan {
	all := *p
	all.limit, all.offset, all.order = -1, 0, nil
	all.joins = make([]*join, len(p.joins))
	for i, j := range p.joins {
		inner := *j
		inner.plan = j.plan.unlimited()
		inner.plan.counting = false // the rows it is one for, not how many
		inner.found = nil
		all.joins[i] = &inner
	}
	return &all
}

// affected are the rows a PATCH or DELETE changes. One with a limit or offset
// looks for rows in the order asked for, and then changes every row of the table,
// whether it satisfies the filters or not, that has the same values in the
// columns it is ordered by: so PostgREST 12 writes it. NULL is the same as
// nothing.
func (p *plan) affected(ctx context.Context, st *state) ([]*row, error) {
	found, err := p.find(ctx, st, false)
	if err != nil || p.limit < 0 && p.offset == 0 {
		return found.rows, err
	}
	value := func(r *row, key sortKey) filter.Value { return p.table.layout.value(r.data(), key.column) }
	hasNull := func(r *row) bool {
		return slices.ContainsFunc(p.order, func(key sortKey) bool { return value(r, key).IsNull() })
	}
	compare := func(a, b *row) int {
		for _, key := range p.order {
			if c := p.table.columns[key.column].typ.Compare(value(a, key), value(b, key)); c != 0 {
				return c
			}
		}
		return 0
	}
	wanted := slices.DeleteFunc(slices.Clone(found.rows), hasNull)
	if p.orderedByKey() {
		return wanted, nil
	}
	slices.SortFunc(wanted, compare)
	var rows []*row
	st.tables[p.table.ordinal].rows.ascend(nil, func(r *row) bool {
		if !hasNull(r) {
			if _, same := slices.BinarySearchFunc(wanted, r, compare); same {
				rows = append(rows, r)
			}
		}
		return ctx.Err() == nil
	})
	return rows, ctx.Err()
}

// orderedByKey reports whether no two rows have the same values in the columns
// of the order.
func (p *plan) orderedByKey() bool {
	return slices.ContainsFunc(p.table.indexes, func(ix *index) bool {
		return ix.unique && !slices.ContainsFunc(ix.columns, func(c int) bool {
			return !slices.ContainsFunc(p.order, func(key sortKey) bool { return key.column == c && key.join == nil })
		})
	})
}

// sort orders rows; without an order they come as written, whatever index they
// were found with.
func (p *plan) sort(ctx context.Context, st *state, rows []*row) error {
	if len(p.order) == 0 {
		if p.access.index != nil && !slices.IsSortedFunc(rows, byID) {
			slices.SortFunc(rows, byID)
		}
		return nil
	}
	value := func(r *row, i int) filter.Value { return p.table.layout.value(r.data(), p.order[i].column) }
	if slices.ContainsFunc(p.order, func(k sortKey) bool { return k.join != nil || k.get != nil || k.out != nil }) {
		// PostgreSQL has the keys of all rows before it compares any.
		pr := &printer{ctx: ctx, state: st}
		keys := make(map[*row][]filter.Value, len(rows))
		for _, r := range rows {
			keys[r] = make([]filter.Value, len(p.order))
		}
		for i := range p.order {
			for _, r := range rows {
				v, err := p.order[i].value(pr, p, r)
				if err != nil {
					return err
				}
				keys[r][i] = v
			}
		}
		value = func(r *row, i int) filter.Value { return keys[r][i] }
	}
	compare := func(a, b *row) int {
		for i := range p.order {
			if c := p.order[i].compare(value(a, i), value(b, i)); c != 0 {
				return c
			}
		}
		return byID(a, b)
	}
	if !slices.IsSortedFunc(rows, compare) {
		slices.SortFunc(rows, compare)
	}
	return nil
}

func (k *sortKey) value(pr *printer, p *plan, r *row) (v filter.Value, err error) {
	switch {
	case k.join == nil:
		v = p.table.layout.value(r.data(), k.column)
	default:
		rows, err := k.join.find(pr.ctx, pr.state, p.table, r)
		if err != nil || len(rows) == 0 {
			return v, err
		}
		if inner := k.join.plan; k.out == nil {
			v = inner.table.layout.value(rows[0].data(), k.column)
		} else if v, err = pr.value(inner, k.out, rows[0]); err != nil {
			return v, err
		}
	}
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
