package insforge

import (
	"context"
	"iter"
)

// pages iterates over the non-empty pages of a query.
func pages[T any](ctx context.Context, q Query) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		if q.fallback != nil && q.err == nil && !q.isFunc {
			fallbackPages(ctx, q, yield)
			return
		}
		parts, err := q.split()
		if err != nil {
			yield(nil, err)
			return
		}
		switch {
		case len(parts) == 1:
			walk(ctx, parts[0], yield)
		case len(q.order) == 0:
			concatenate(ctx, q, parts, yield)
		default:
			merge(ctx, q, parts, yield)
		}
	}
}

// walk yields the pages of a query that fits into one URL. Only an empty page,
// the query's own limit or a count that is reached is the end: a server may
// return fewer rows than it was asked for.
func walk[T any](ctx context.Context, q Query, yield func([]T, error) bool) {
	p := newPlace(q)
	remaining := q.limit
	for !q.hasLimit || remaining > 0 {
		size := q.client.pageSize
		if q.hasLimit {
			size = min(size, remaining)
		}
		next := p.next(q, size)
		var page pageEnds
		rows, err := fetch[T](ctx, next.query, func(a answer, rows int) {
			if !q.hasLimit || rows < remaining || next.repeat { // else there is no further page to find
				page = p.look(next, a, rows)
			}
		})
		if err != nil {
			if p.relents(next, err) {
				continue
			}
			yield(nil, err)
			return
		}
		fresh, more := p.advance(next, page, len(rows))
		if rows = rows[len(rows)-fresh:]; q.hasLimit {
			rows = rows[:min(len(rows), remaining)]
			remaining -= len(rows)
		}
		if len(rows) > 0 && !yield(rows, nil) {
			return
		}
		if !more {
			return
		}
	}
}
