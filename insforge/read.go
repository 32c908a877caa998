package insforge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"regexp"
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
// Where the order starts with a column of integers, times or UUIDs that is
// among those selected, the next page is asked for from the last value seen,
// which is quick at any depth; otherwise by offset.
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

// fetch reads one page. Its body is only valid while look runs.
func fetch[T any](ctx context.Context, q Query, look func(body []byte, rows int)) ([]T, error) {
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
			look(a.body, len(rows))
		}
		return nil
	})
	return rows, err
}

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

// walk yields the pages of a query that fits into one URL. Only an empty page
// or the query's own limit is the end: a server may return fewer rows than it
// was asked for.
func walk[T any](ctx context.Context, q Query, yield func([]T, error) bool) {
	place := newPlace(q)
	capped := false // the server returns less than it is asked for
	for remaining := q.limit; !q.hasLimit || remaining > 0; {
		size := q.client.pageSize
		if q.hasLimit {
			size = min(size, remaining)
		}
		var last tail
		rows, err := fetch[T](ctx, place.query(q).Limit(size), func(body []byte, rows int) {
			// After a short page there is most likely nothing more to find a
			// place for.
			if rows >= size || capped {
				last = place.tail(body)
			}
		})
		if err != nil {
			yield(nil, err)
			return
		}
		if len(rows) == 0 {
			if place.nullsFollow() {
				continue
			}
			return
		}
		if !yield(rows, nil) {
			return
		}
		remaining -= len(rows)
		capped = capped || len(rows) < size
		place.advance(len(rows), last)
	}
}

// place is how far a walk has come: so many rows after the first that fulfils
// the condition.
type place struct {
	column     string // first of the order; empty where pages go by offset
	descending bool
	nullsLast  bool

	value  string // of the column in the last row; empty for none yet
	nulls  bool   // the rows with a value are through; those with null remain
	offset int
}

// tail is what the end of a page tells: the last row's value in the order's
// first column, and how many of the last rows share it.
type tail struct {
	value string
	ties  int
}

func newPlace(q Query) *place {
	p := &place{offset: q.offset}
	if len(q.order) == 0 || q.isFunc {
		return p
	}
	first, _, _ := strings.Cut(q.order[0], ",")
	name, modifiers, _ := strings.Cut(first, ".")
	if filter.Quote(name) != name || !q.returns(name) {
		return p
	}
	p.column, p.nullsLast = name, true
	for modifier := range strings.SplitSeq(modifiers, ".") {
		switch modifier {
		case "desc":
			p.descending, p.nullsLast = true, false
		case "nullslast":
			p.nullsLast = true
		case "nullsfirst":
			p.nullsLast = false
		}
	}
	return p
}

// returns reports whether a column is certainly part of the result, under its
// own name.
func (q Query) returns(column string) bool {
	if len(q.columns) == 0 {
		return true
	}
	for _, item := range q.columns {
		if strings.ContainsAny(item, "(:") {
			continue
		}
		for name := range strings.SplitSeq(item, ",") {
			if name == column || name == "*" {
				return true
			}
		}
	}
	return false
}

// query restricts the walk's query to what is still to come.
func (p *place) query(q Query) Query {
	q.offset = p.offset
	switch {
	case p.nulls:
		return q.Where(filter.IsNull(p.column))
	case p.value == "":
		return q
	case p.descending:
		return q.Where(filter.Lte(p.column, p.value))
	default:
		return q.Where(filter.Gte(p.column, p.value))
	}
}

// nullsFollow moves on from the rows with values, which a comparison selects,
// to those with null, which it does not.
func (p *place) nullsFollow() bool {
	if p.value == "" || p.nulls || !p.nullsLast {
		return false
	}
	p.nulls, p.offset = true, 0
	return true
}

func (p *place) advance(rows int, last tail) {
	switch {
	case p.nulls || last.value == "" || last.value == p.value && last.ties == rows:
		p.offset += rows
	default:
		p.value, p.offset = last.value, last.ties
	}
}

// exact matches the JSON values whose text form is unambiguous, and whose
// order and equality are the database's whatever the collation: integers that
// JavaScript does not round, dates and times, UUIDs.
var exact = regexp.MustCompile(`^(?:-?[0-9]{1,15}` +
	`|"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[+-][0-9]{2}:[0-9]{2})?)?"` +
	`|"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")$`)

// tail reads the end of a page; nothing where the walk goes by offset.
func (p *place) tail(body []byte) tail {
	if p.column == "" || p.nulls {
		return tail{}
	}
	var rows []json.RawMessage
	if json.Unmarshal(body, &rows) != nil {
		return tail{}
	}
	var t tail
	for i := len(rows) - 1; i >= 0; i-- {
		var row map[string]json.RawMessage
		if json.Unmarshal(rows[i], &row) != nil {
			return tail{}
		}
		value := string(row[p.column])
		switch {
		case i == len(rows)-1 && exact.MatchString(value):
			t.value = value
		case t.value == "" || value != t.value:
			return t.unquoted()
		}
		t.ties++
	}
	return t.unquoted()
}

func (t tail) unquoted() tail {
	if s, err := strconv.Unquote(t.value); err == nil {
		t.value = s
	}
	return t
}
