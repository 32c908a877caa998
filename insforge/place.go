package insforge

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// place is how far a walk has come.
//
// Where the query's order starts with columns that are among those selected, a
// place is the values that the last row has in them, and the next page is sought
// from there. That is quick at any depth, and rows that come or go in front of it
// move nothing. Everywhere else a place is a number of rows.
type place struct {
	order  []orderTerm // columns that can tell a place
	digits bool        // numbers arrive with all their digits
	most   int         // rows that are asked for again because they have been seen
	count  int         // rows so far, with those that the query's own offset skips
	end    int         // what count will be at the end, by the last that was told; 0: unknown

	last   []cell // values of the last row, in the first columns of the order; none: the place is the count
	ties   int    // how many of the rows so far have them
	edge   bool   // no row before the next page has the values of its rows
	nulls  bool   // rows with a value in the first column are through; those with null remain
	probes bool   // the next page is likely the last
	skips  bool   // it was not, and yet had only rows that have been seen
	blind  bool   // the server does not get to the end of a count
}

// cell is a value to compare with in a filter.
type cell struct {
	kind cellKind
	text string
}

type cellKind int

const (
	nullCell   cellKind = iota
	exactCell           // equal where the text is: times, UUIDs, booleans
	numberCell          // equal where the number is
	textCell            // what is equal is up to the database's collation
)

func (c cell) null() bool { return c.kind == nullCell }

func (c cell) same(as cell) bool {
	if c == as || c.kind != numberCell || as.kind != numberCell {
		return c == as
	}
	x, ok := new(big.Rat).SetString(c.text)
	y, okay := new(big.Rat).SetString(as.text)
	return ok && okay && x.Cmp(y) == 0 // 1.0 and 1.00
}

func sameCells(a, b []cell) bool { return slices.EqualFunc(a, b, cell.same) }

func newPlace(q Query) *place {
	p := &place{count: q.offset, edge: q.offset == 0}
	if q.isFunc || q.numbered {
		return p
	}
	if q.client != nil {
		p.digits, p.most = q.client.dialect == PostgREST, max(q.client.pageSize/2, 8)
	}
	order, _ := parseOrder(q.order)
	for _, term := range order {
		if len(term.path.Steps) > 0 || !q.returns(term.path.Column) {
			break
		}
		p.order = append(p.order, term)
	}
	return p
}

// pageRequest is a query for one page.
type pageRequest struct {
	query  Query
	rows   int  // new ones that are asked for
	seeks  bool // from the values of the last row
	repeat bool // beginning with rows that have been seen
	probe  bool // or with those behind them, up to the very end
	counts bool // with the number of all rows from there on
}

// next returns the query for the next page.
//
// Rows that equal the last one are asked for again, to be dropped on this side.
// Were they skipped by the server, and one of them gone, a row that nobody has
// seen would be skipped in its place. A probe counts, for only that tells the last
// rows from those that a server returns while it holds others back.
func (p *place) next(q Query, size int) pageRequest {
	if len(p.last) == 0 && !p.nulls {
		q.offset = p.count
		return pageRequest{query: q.Limit(size), rows: size}.counting(q.counted && p.count == 0 && !p.blind)
	}
	r := pageRequest{rows: size, seeks: true, probe: p.probes}
	sought, limit := q.Where(p.filters()...), size
	sought.offset = 0
	switch {
	case len(p.last) == 0:
	case p.skips || p.ties > p.most:
		sought.offset = p.ties // without a count: more than there are is an error then
	default:
		r.repeat, limit = true, size+p.ties
	}
	r.query = sought.Limit(limit)
	r = r.counting(r.probe && r.repeat && !p.blind)
	if ps, err := r.query.readParams(); err == nil && !q.fits(ps) {
		p.uncertain()
		return p.next(q, size)
	}
	return r
}

func (r pageRequest) counting(counts bool) pageRequest {
	if r.counts = counts; counts {
		r.query.prefer.count = "exact"
	}
	return r
}

// uncertain makes the count the place.
func (p *place) uncertain() {
	p.last, p.ties, p.nulls, p.probes, p.skips = nil, 0, false, false, false
}

// pageEnds is what a page's ends tell, and its count.
type pageEnds struct {
	all  int64  // so many rows there are from its first on; 0: unknown
	seen int    // so many of its first rows have been seen
	last []cell // of the last one, as in place
	ties int    // how many of the last rows that are new have these values
}

// look reads the ends of a page of so many rows.
func (p *place) look(r pageRequest, a answer, count int) (e pageEnds) {
	if r.counts {
		e.all, _ = total(a.header)
	}
	if len(p.order) == 0 || e.all == int64(count) && !r.repeat {
		return e
	}
	rows := elements(a.body)
	for r.repeat && e.seen < min(p.ties, len(rows)) && sameCells(p.cells(rows[e.seen], len(p.last)), p.last) {
		e.seen++
	}
	if rows = rows[e.seen:]; len(rows) == 0 {
		return e
	}
	e.last = p.cells(rows[len(rows)-1], len(p.order))
	for len(e.last) > 0 && e.last[len(e.last)-1].kind == textCell {
		e.last = e.last[:len(e.last)-1] // rows that the server finds equal could look different here
	}
	for e.ties < len(rows) && len(e.last) > 0 && sameCells(p.cells(rows[len(rows)-1-e.ties], len(e.last)), e.last) {
		e.ties++
	}
	return e
}

// advance takes note of a page. Its last fresh rows are new; without more it was
// the end.
func (p *place) advance(r pageRequest, e pageEnds, rows int) (fresh int, more bool) {
	fresh = rows - e.seen
	switch {
	case rows == 0 && r.seeks && !r.probe && p.nullsFollow():
		p.nulls, p.last, p.ties, p.edge = true, nil, 0, true
		return 0, true
	case rows == 0, e.all == int64(rows):
		return fresh, false
	case fresh == 0:
		p.probes, p.skips = true, p.probes
		return 0, true
	}
	p.count += fresh
	if e.all > 0 {
		p.end = p.count + int(e.all) - rows
	}
	if e.ties == fresh && !p.edge { // rows before these may have the same values
		n := min(len(e.last), len(p.last))
		switch {
		case !sameCells(e.last[:n], p.last[:n]):
		case len(e.last) == len(p.last):
			e.ties += p.ties
		default:
			e.last = nil // nobody has counted
		}
	}
	p.edge = false
	if len(e.last) == 0 {
		p.uncertain()
		return fresh, true
	}
	p.last, p.ties = e.last, e.ties
	p.probes, p.skips = rows < r.rows, false
	if p.end > 0 {
		p.probes = p.end-p.count <= r.rows
	}
	return fresh, true
}

func (p *place) nullsFollow() bool {
	return !p.nulls && len(p.last) > 0 && !p.last[0].null() && !p.order[0].nullsFirst
}

// relents does without what the server refuses a page for, and reports whether
// there is such a thing. Where it cannot compare with what the columns seem to
// hold, for a JSON text is no JSON by itself, the place is the count; where it
// takes too long to count, nothing is counted.
func (p *place) relents(r pageRequest, err error) bool {
	var refusal *Error
	switch {
	case !errors.As(err, &refusal):
		return false
	case r.counts && refusal.Code == "57014": // query_canceled: statement_timeout
		p.blind = true
	case r.seeks && refusal.Status < 500 && (refusal.Code == "22P02" || refusal.Code == "42883"):
		p.order = nil
		p.uncertain()
	default:
		return false
	}
	return true
}

// filters keep the rows from the place on: those that equal the last one, and
// those behind it. Without a probe those with null in the first column wait for
// their turn, for a database finds the others by an index as long as it need not
// look for null as well.
func (p *place) filters() []filter.Filter {
	first := p.order[0]
	name := filter.Quote(first.path.Column)
	switch {
	case len(p.last) == 0: // of the rows with null, all
		return []filter.Filter{filter.IsNull(name)}
	case p.last[0].null() && !first.nullsFirst:
		return conditions(filter.IsNull(name), p.from(1))
	case p.last[0].null(), p.probes && !first.nullsFirst:
		return conditions(nil, p.from(0))
	case len(p.last) == 1:
		return []filter.Filter{atLeast(first, p.last[0])}
	default: // the first is what an index is good for
		return conditions(atLeast(first, p.last[0]), either(beyond(first, p.last[0]), p.from(1)))
	}
}

// from keeps the rows that are not in front of the last one, going by its i-th
// value and those behind it; nil if that is all rows.
func (p *place) from(i int) filter.Filter {
	if i == len(p.last) {
		return nil
	}
	term, v, rest := p.order[i], p.last[i], p.from(i+1)
	null := filter.IsNull(filter.Quote(term.path.Column))
	switch {
	case v.null() && term.nullsFirst && rest == nil:
		return nil
	case v.null() && term.nullsFirst:
		return either(filter.Not(null), rest)
	case v.null() && rest == nil:
		return null
	case v.null():
		return filter.And(null, rest)
	}
	behind := atLeast(term, v)
	if rest != nil {
		behind = either(beyond(term, v), filter.And(filter.Eq(filter.Quote(term.path.Column), v.text), rest))
	}
	if term.nullsFirst {
		return behind
	}
	return either(behind, null)
}

func conditions(filters ...filter.Filter) []filter.Filter {
	return slices.DeleteFunc(filters, func(f filter.Filter) bool { return f == nil })
}

// either is true where one of two filters is; nil is always true.
func either(a, b filter.Filter) filter.Filter {
	if a == nil || b == nil {
		return nil
	}
	return filter.Or(a, b)
}

func atLeast(t orderTerm, v cell) filter.Filter {
	if t.descending {
		return filter.Lte(filter.Quote(t.path.Column), v.text)
	}
	return filter.Gte(filter.Quote(t.path.Column), v.text)
}

func beyond(t orderTerm, v cell) filter.Filter {
	if t.descending {
		return filter.Lt(filter.Quote(t.path.Column), v.text)
	}
	return filter.Gt(filter.Quote(t.path.Column), v.text)
}

// cells reads a row's values in the first n columns of the order, up to one
// that cannot be compared with.
func (p *place) cells(row []byte, n int) []cell {
	var columns object
	if json.Unmarshal(row, &columns) != nil {
		return nil
	}
	cells := make([]cell, 0, n)
	for _, term := range p.order[:n] {
		c, ok := p.cell(columns[term.path.Column])
		if !ok {
			break
		}
		cells = append(cells, c)
	}
	return cells
}

// longCell is how long a text is that does not go into a URL three times.
const longCell = 200

func (p *place) cell(raw json.RawMessage) (c cell, ok bool) {
	switch {
	case len(raw) == 0, len(raw) > longCell, raw[0] == '{', raw[0] == '[':
		return cell{}, false
	case string(raw) == "null":
		return cell{}, true
	case raw[0] == '"':
		if json.Unmarshal(raw, &c.text) != nil {
			return cell{}, false
		}
		c.kind = textCell
		if looksLikeTimestamp.Match(raw) || looksLikeDate.Match(raw) || looksLikeUUID.Match(raw) {
			c.kind = exactCell
		}
		return c, !json.Valid([]byte(c.text)) // which a jsonb column would compare as another value
	case raw[0] == 't', raw[0] == 'f':
		return cell{exactCell, string(raw)}, true
	default:
		return cell{numberCell, string(raw)}, p.digits || !isLong(raw)
	}
}

// isLong reports whether a number has more digits than JavaScript keeps.
func isLong(number []byte) bool {
	digits := 0
	for _, c := range number {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return digits > 15
}

// elements returns the elements of a JSON array, which stay part of it; nil if
// it is something else.
func elements(array []byte) [][]byte {
	d := jsontext.NewDecoder(bytes.NewBuffer(array), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if d.PeekKind() != '[' {
		return nil
	}
	if _, err := d.ReadToken(); err != nil {
		return nil
	}
	var all [][]byte
	for d.PeekKind() != ']' {
		value, err := d.ReadValue()
		if err != nil {
			return nil
		}
		end := d.InputOffset()
		all = append(all, array[end-int64(len(value)):end])
	}
	return all
}
