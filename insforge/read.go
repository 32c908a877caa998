package insforge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// All returns the rows of a query: up to its limit, or all of them, however
// many pages that takes. It never returns a part silently: more rows than
// [WithMaxRows] allows are [ErrRowLimit].
//
// Rows that come in several pages need an order that is the same in every
// request: one that ends in a unique column, as Order("due_at", "id") does.
func All[T any](ctx context.Context, q Query) ([]T, error) {
	most := q.maxRows
	if most == 0 && q.client != nil {
		most = q.client.maxRows
	}
	rows := []T{}
	for page, err := range pages[T](ctx, q) {
		if err != nil {
			return nil, err
		}
		if len(rows)+len(page) > most {
			return nil, fmt.Errorf("insforge: %s: %w (%d)", q.name, ErrRowLimit, most)
		}
		if len(rows) == 0 {
			rows = page
		} else {
			rows = append(rows, page...)
		}
	}
	return rows, nil
}

// Rows iterates over the rows of a query, page by page, in constant memory. An
// error ends the iteration. About the order see [All].
//
// Where the order begins with columns that are among those selected, the next
// page is sought from the last row's values in them. That is quick at any depth,
// and rows that are inserted or deleted meanwhile, by the loop's own body too,
// neither hide others nor make them come twice. Everywhere else (without an
// order, by a JSON path or an embedded resource, by text alone) pages are counted
// off, and such changes shift them.
func Rows[T any](ctx context.Context, q Query) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for page, err := range pages[T](ctx, q) {
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, row := range page {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// One returns the only row of a query: [ErrNoRows] if there is none,
// [ErrTooManyRows] if there are several.
func One[T any](ctx context.Context, q Query) (T, error) {
	row, found, err := Maybe[T](ctx, q)
	if err == nil && !found {
		err = fmt.Errorf("insforge: %s: %w", q.name, ErrNoRows)
	}
	return row, err
}

// Maybe returns the only row of a query, if there is one. Several are
// [ErrTooManyRows], unless the query's limit is 1.
func Maybe[T any](ctx context.Context, q Query) (row T, found bool, err error) {
	if !q.hasLimit || q.limit > 2 {
		q = q.Limit(2)
	}
	var rows []T
	parts, err := q.split()
	switch {
	case q.fallback != nil:
		rows, err = All[T](ctx, q)
	case err != nil:
	case len(parts) == 1: // two rows are asked for at once, and one is then the only one
		rows, err = fetch[T](ctx, q, nil)
	default:
		rows, err = All[T](ctx, q)
	}
	switch {
	case err != nil || len(rows) == 0:
		return row, false, err
	case len(rows) > 1:
		return row, false, fmt.Errorf("insforge: %s: %w", q.name, ErrTooManyRows)
	default:
		return rows[0], true, nil
	}
}

// Count returns how many rows a query has, limit and offset aside. With
// [Query.Fallback] it counts on this side where the server refuses the filter;
// that a server ignores a filter cannot be seen from a count.
func Count(ctx context.Context, q Query) (int64, error) { return q.count(ctx, "exact") }

// CountPlanned returns the planner's estimate of how many rows a query has: it
// costs nothing and may be far off.
func CountPlanned(ctx context.Context, q Query) (int64, error) { return q.count(ctx, "planned") }

// CountEstimated counts exactly up to the server's row limit and estimates
// beyond it.
func CountEstimated(ctx context.Context, q Query) (int64, error) { return q.count(ctx, "estimated") }

func (q Query) count(ctx context.Context, how string) (int64, error) {
	q.order, q.hasLimit, q.offset = nil, false, 0
	fallback := q.fallback
	q.fallback, q.prefer.count = nil, how
	n, err := q.countThere(ctx)
	if fallback == nil || err == nil || !refused(err) {
		return n, err
	}
	q.fallback, q.prefer.count = fallback, ""
	n = 0
	for page, err := range pages[json.RawMessage](ctx, q) {
		if err != nil {
			return 0, err
		}
		n += int64(len(page))
	}
	return n, nil
}

func (q Query) countThere(ctx context.Context) (int64, error) {
	parts, err := q.split()
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, part := range parts {
		ps, err := part.params()
		if err != nil {
			return 0, err
		}
		n, err := part.countBy(ctx, http.MethodHead, ps)
		var refusal *Error
		if errors.As(err, &refusal) && refusal.Status < 500 && refusal.Status != http.StatusTooManyRequests {
			// An answer to HEAD has no body to say what is wrong.
			n, err = part.countBy(ctx, http.MethodGet, append(ps, filter.Param{Key: "limit", Value: "0"}))
		}
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func (q Query) countBy(ctx context.Context, method string, ps params) (n int64, err error) {
	r := q.readCall("count", method, ps)
	err = q.client.send(ctx, r, func(a answer) error {
		var ok bool
		if n, ok = total(a.header); !ok {
			return &Error{Status: a.status, Method: r.method, Table: r.table, Message: "the answer has no count"}
		}
		return nil
	})
	return n, err
}

// expected is how many rows there seem to be in an answer, for room to decode
// them into. A false promise costs little.
func (q Query) expected(a answer) int {
	n := 0
	if first, last, ok := strings.Cut(a.header.Get("Content-Range"), "-"); ok {
		last, _, _ = strings.Cut(last, "/")
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 == nil && err2 == nil {
			n = to - from + 1
		}
	} else if q.hasLimit {
		n = q.limit
	}
	const emptyRow = len(`{},`)
	return max(0, min(n, len(a.body)/emptyRow, defaultPageSize))
}

func (q Query) readCall(operation, method string, ps params) *call {
	if q.isFunc {
		operation = "rpc"
	}
	return &call{
		operation: operation, table: q.name, method: method, path: q.path(), query: ps.encode(),
		accept: acceptJSON, prefer: q.prefer.String(), schema: q.schema,
	}
}

// fetch reads one page. The answer is only valid while look runs.
func fetch[T any](ctx context.Context, q Query, look func(a answer, rows int)) ([]T, error) {
	ps, err := q.readParams()
	if err != nil {
		return nil, err
	}
	r := q.readCall("select", http.MethodGet, ps)
	var rows []T
	err = q.client.send(ctx, r, func(a answer) error {
		rows = make([]T, 0, q.expected(a))
		if err := q.client.decodeBody(a.body, &rows); err != nil {
			return decodeError(r, a, q.client.redact(), err)
		}
		if look != nil {
			look(a, len(rows))
		}
		return nil
	})
	return rows, err
}
