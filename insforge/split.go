package insforge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// split returns the queries that together select what q does, each short
// enough for a URL: q itself, or q with parts of its long In lists.
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
	q.filters = flatten(q.filters)
	return q.divide()
}

// divide splits the longest list of q so that the parts fit, and where they do
// not, since another list takes the room, divides these in turn.
func (q Query) divide() ([]Query, error) {
	at := q.longestList()
	if at < 0 {
		return nil, fmt.Errorf("insforge: %s: %w", q.name, ErrURLTooLong)
	}
	var parts []Query
	for rest := distinct(q.filters[at].(filter.Cond).List); len(rest) > 0; {
		n, err := q.fitting(at, rest)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			parts = append(parts, q.withList(at, rest[:n]))
		} else {
			n = (len(rest) + 1) / 2
			smaller, err := q.withList(at, rest[:n]).divide()
			if err != nil {
				return nil, err
			}
			parts = append(parts, smaller...)
		}
		if rest = rest[n:]; len(parts) > mostParts {
			return nil, fmt.Errorf("insforge: %s: %w, nor into %d requests", q.name, ErrURLTooLong, mostParts)
		}
	}
	return parts, nil
}

// mostParts is how many requests a query may become. A list of as many ids as
// All returns rows by default, of 36 characters each, takes 500.
const mostParts = 1000

// longestList finds the list that takes the most room; -1 for none that can be
// split: of those whose rows are the rows of its parts.
func (q Query) longestList() int {
	at, most := -1, 0
	for i, f := range q.filters {
		c, ok := f.(filter.Cond)
		if !ok || c.Negate || len(c.Path.Embed) > 0 || len(c.List) < 2 ||
			c.Op != filter.OpIn && (c.Op != filter.OpEq || c.Quant != filter.Any) {
			continue
		}
		size := 0
		for _, element := range c.List {
			size += len(element) + 1
		}
		if size > most {
			at, most = i, size
		}
	}
	return at
}

// flatten takes apart what must hold together anyway.
func flatten(filters []filter.Filter) []filter.Filter {
	out := make([]filter.Filter, 0, len(filters))
	for _, f := range filters {
		tree, ok := f.(filter.Tree)
		switch {
		case !ok || len(tree.Embed) > 0 || tree.Or != tree.Negate:
			out = append(out, f)
		case tree.Or: // none of them holds: each one does not
			for _, inner := range tree.Filters {
				out = append(out, flatten([]filter.Filter{filter.Not(inner)})...)
			}
		default:
			out = append(out, flatten(tree.Filters)...)
		}
	}
	return out
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
const pageRoom = 600

// fitting is how many elements of a list fit.
func (q Query) fitting(at int, elements []string) (int, error) {
	low, high := 0, len(elements) // fits with low, does not with high+1
	for low < high {
		middle := (low + high + 1) / 2
		ps, err := q.withList(at, elements[:middle]).readParams()
		if err != nil {
			return 0, err
		}
		if len(q.client.base)+len(q.path())+1+len(ps.encode())+pageRoom <= maxURL {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low, nil
}

// withList is q with a list of other elements.
func (q Query) withList(at int, elements []string) Query {
	list := q.filters[at].(filter.Cond)
	list.List = elements
	q.filters = slices.Clone(q.filters)
	q.filters[at] = list
	return q
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

// window cuts offset and limit out of a sequence of rows.
type window struct {
	skip, remaining int
	limited         bool
}

func (q Query) window() window { return window{q.offset, q.limit, q.hasLimit} }

func (w *window) done() bool { return w.limited && w.remaining <= 0 }

// cut returns the rows inside the window; done tells whether there can be more.
func cut[T any](w *window, rows []T) []T {
	n := min(w.skip, len(rows))
	rows, w.skip = rows[n:], w.skip-n
	if w.limited {
		rows = rows[:min(len(rows), max(w.remaining, 0))]
		w.remaining -= len(rows)
	}
	return rows
}

// part bounds one part of a split query: it need not return more rows than
// the whole.
func (w window) part(q Query) Query {
	q.offset, q.hasLimit = 0, false
	if w.limited {
		return q.Limit(w.skip + w.remaining)
	}
	return q
}

// concatenate yields the rows of the parts of a split query without an order.
func concatenate[T any](ctx context.Context, q Query, parts []Query, yield func([]T, error) bool) {
	w := q.window()
	for _, part := range parts {
		if w.done() {
			return
		}
		for page, err := range pages[T](ctx, w.part(part)) {
			if err != nil {
				yield(nil, err)
				return
			}
			if page = cut(&w, page); len(page) > 0 && !yield(page, nil) {
				return
			}
		}
	}
}

// merge yields the rows of the parts of a split query, each of which comes in
// order, in one order. It must compare rows as the database does, and cannot
// do that for text, whose order depends on the collation.
func merge[T any](ctx context.Context, q Query, parts []Query, yield func([]T, error) bool) {
	order, ok := parseOrder(q.order)
	for _, term := range order {
		ok = ok && len(term.path.Steps) == 0 && q.returns(term.path.Column)
	}
	if !ok {
		yield(nil, fmt.Errorf("insforge: %s: %w, and its parts cannot be merged: the order must be of columns that are selected",
			q.name, ErrURLTooLong))
		return
	}
	w := q.window()
	streams := make([]*stream, len(parts))
	for i, part := range parts {
		next, stop := iter.Pull2(Rows[json.RawMessage](ctx, w.part(part)))
		defer stop()
		streams[i] = &stream{next: next, order: order}
		if err := streams[i].advance(); err != nil {
			yield(nil, mergeError(q, err))
			return
		}
	}
	for !w.done() {
		var page []json.RawMessage
		for len(page) < q.client.pageSize {
			first := earliest(streams, order)
			if first == nil {
				break
			}
			page = append(page, first.row)
			if err := first.advance(); err != nil {
				yield(nil, mergeError(q, err))
				return
			}
		}
		if len(page) == 0 {
			return
		}
		rows, err := decodeRows[T](q, cut(&w, page))
		if err != nil {
			yield(nil, err)
			return
		}
		if len(rows) > 0 && !yield(rows, nil) {
			return
		}
	}
}

func mergeError(q Query, err error) error {
	if errors.Is(err, errCollation) {
		return fmt.Errorf("insforge: %s: %w, and its parts cannot be merged: %w", q.name, ErrURLTooLong, err)
	}
	return err
}

var errCollation = errors.New("the order of text depends on the database's collation")

// stream is one part of a merge, with its next row.
type stream struct {
	next  func() (json.RawMessage, error, bool)
	order []orderTerm
	row   json.RawMessage // nil at the end
	key   sortKey
	kinds []filter.Type
}

func (s *stream) advance() error {
	row, err, ok := s.next()
	if err != nil || !ok {
		s.row = nil
		return err
	}
	var columns object
	if err := json.Unmarshal(row, &columns); err != nil {
		return err
	}
	types := make(map[string]filter.Type, len(s.order))
	names := make(map[string]string, len(s.order))
	for _, term := range s.order {
		column := term.path.Column
		raw := columns[column]
		types[column], names[column] = guessType(raw), column
		if len(raw) > 0 && raw[0] == '"' && types[column].IsText() || len(raw) > 0 && (raw[0] == '[' || raw[0] == '{') {
			return errCollation
		}
	}
	s.row = row
	s.key, s.kinds, err = keyOf(columns, s.order, names, types)
	return err
}

// earliest returns the stream whose next row comes first; nil at the end.
func earliest(streams []*stream, order []orderTerm) *stream {
	var first *stream
	for _, s := range streams {
		if s.row != nil && (first == nil || compareKeys(s.key, first.key, s.kinds, order) < 0) {
			first = s
		}
	}
	return first
}
