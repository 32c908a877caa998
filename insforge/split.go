package insforge

import (
	"context"
	"fmt"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// split returns the queries that together select what q does, each short
// enough for a URL: q itself, or q with parts of its longest In list.
func (q Query) split() ([]Query, error) {
	if q.isFunc || len(q.filters) == 0 {
		return q.whole()
	}
	ps, err := q.readParams()
	if err != nil {
		return nil, err
	}
	if q.fits(ps) {
		return []Query{q}, nil
	}
	at, longest := -1, 0
	for i, f := range q.filters {
		c, ok := f.(filter.Cond)
		if ok && c.Op == filter.OpIn && !c.Negate && len(c.Path.Embed) == 0 && len(c.List) > longest {
			at, longest = i, len(c.List)
		}
	}
	if at < 0 {
		return nil, fmt.Errorf("insforge: %s: %w", q.name, ErrURLTooLong)
	}
	list := q.filters[at].(filter.Cond)
	list.List = distinct(list.List)
	var parts []Query
	for len(list.List) > 0 {
		part, n, err := q.withPart(at, list)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		list.List = list.List[n:]
	}
	return parts, nil
}

func (q Query) whole() ([]Query, error) {
	ps, err := q.readParams()
	if err != nil {
		return nil, err
	}
	if err := q.checkURL(ps); err != nil {
		return nil, err
	}
	return []Query{q}, nil
}

// pageRoom is kept free for what paging adds to a query.
const pageRoom = 200

// withPart returns q with as many elements of the list as fit.
func (q Query) withPart(at int, list filter.Cond) (part Query, n int, err error) {
	filters := append([]filter.Filter(nil), q.filters...)
	low, high := 0, len(list.List) // fits with low, does not with high+1
	for low < high {
		middle := (low + high + 1) / 2
		c := list
		c.List = list.List[:middle]
		filters[at] = c
		part = q
		part.filters = filters
		ps, err := part.readParams()
		if err != nil {
			return part, 0, err
		}
		if len(q.client.base)+len(q.path())+1+len(ps.encode())+pageRoom <= maxURL {
			low = middle
		} else {
			high = middle - 1
		}
	}
	if low == 0 {
		return part, 0, fmt.Errorf("insforge: %s: %w", q.name, ErrURLTooLong)
	}
	list.List = list.List[:low]
	part = q
	part.filters = append([]filter.Filter(nil), q.filters...)
	part.filters[at] = list
	return part, low, nil
}

// distinct drops repeated elements: in two parts of a list they would find
// the same row twice.
func distinct(elements []string) []string {
	seen := make(map[string]bool, len(elements))
	out := make([]string, 0, len(elements))
	for _, e := range elements {
		if !seen[e] {
			seen[e] = true
			out = append(out, e)
		}
	}
	return out
}

// mergedPages yields the rows of the parts of a split query.
func mergedPages[T any](ctx context.Context, q Query, parts []Query, yield func([]T, error) bool) {
	if len(q.order) > 0 {
		yield(nil, fmt.Errorf("insforge: %s: %w", q.name, ErrURLTooLong))
		return
	}
	skip, remaining := q.offset, q.limit
	for _, part := range parts {
		part.offset, part.hasLimit = 0, false
		if q.hasLimit {
			part = part.Limit(skip + remaining)
		}
		done := false
		walk(ctx, part, nil, func(rows []T, err error) bool {
			if err != nil {
				done = true
				return yield(nil, err)
			}
			n := min(skip, len(rows))
			rows, skip = rows[n:], skip-n
			if q.hasLimit {
				rows = rows[:min(len(rows), remaining)]
				remaining -= len(rows)
			}
			if len(rows) > 0 && !yield(rows, nil) {
				done = true
			}
			done = done || q.hasLimit && remaining == 0
			return !done
		})
		if done {
			return
		}
	}
}
