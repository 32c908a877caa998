package insforge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A WriteOption changes how an insert, update or delete is done.
type WriteOption func(*write)

// write is an insert, update or delete in the making.
type write struct {
	conflict   []string
	resolution string
	columns    []string
	missing    bool
	idempotent bool
	single     bool
	batched    bool
	most       int
	strip      []string // keys of the answer's rows that nobody asked for
	err        error
}

func newWrite(opts []WriteOption) (*write, error) {
	w := &write{}
	for _, opt := range opts {
		if opt != nil {
			opt(w)
		}
	}
	return w, w.err
}

// OnConflictIgnore makes an insert skip rows whose unique key exists already:
// the one on exactly these columns, or the primary key if none are named. Only
// inserted rows are returned and counted. Such an insert is repeated when its
// answer was lost, since a second time it does nothing; the rows it then
// returns are those inserted by the last attempt.
func OnConflictIgnore(columns ...string) WriteOption {
	return func(w *write) { w.resolution, w.conflict = "ignore-duplicates", columns }
}

// OnConflictMerge makes an insert update the rows whose unique key exists
// already; see [OnConflictIgnore] for the columns. It is repeated after a lost
// answer only with [Idempotent]. All rows must have the same keys, for what is
// missing in one would be overwritten, unless [Columns] says what to write.
func OnConflictMerge(columns ...string) WriteOption {
	return func(w *write) { w.resolution, w.conflict = "merge-duplicates", columns }
}

// Idempotent declares that carrying the write out twice does no harm, so that
// it may be repeated when its answer was lost. Of a conditional update that
// means: a second time it finds no row, and the caller can tell that from
// having lost a race, for the answer will look the same.
func Idempotent() WriteOption { return func(w *write) { w.idempotent = true } }

// Columns writes only these keys of the given rows. A row that lacks one gets
// null there, or the column's default with [MissingDefault].
func Columns(names ...string) WriteOption {
	return func(w *write) { w.columns = append(w.columns[:len(w.columns):len(w.columns)], names...) }
}

// MissingDefault gives a row that lacks a key the column's default instead of
// null. Rows with different keys get it by themselves, unless Columns is given.
func MissingDefault() WriteOption { return func(w *write) { w.missing = true } }

// Single makes the server refuse and undo a write that does not affect exactly
// one row; the error is then [ErrNoRows] or [ErrTooManyRows].
func Single() WriteOption { return func(w *write) { w.single = true } }

// MaxAffected makes the server refuse and undo an update or delete of more
// than n rows (code PGRST124). PostgREST knows it from version 12.1; an older
// one refuses the request.
func MaxAffected(n int) WriteOption {
	return func(w *write) {
		if n < 1 {
			w.err = fmt.Errorf("insforge: at most %d rows affected", n)
		}
		w.most = n
	}
}

// Batched permits to do an update or delete in several requests where a long
// In list does not fit into one URL. They are separate transactions: when one
// fails, the rows of those before it are returned along with the error.
func Batched() WriteOption { return func(w *write) { w.batched = true } }

// Insert inserts rows, a struct or map or a slice of them, and returns the rows
// as the database has them. No rows are no request.
func Insert[T any](ctx context.Context, q Query, rows any, opts ...WriteOption) ([]T, error) {
	r, w, err := q.insertCall(rows, opts)
	if err != nil || r == nil {
		return nil, err
	}
	return returning[T](ctx, q, r, w)
}

// Insert inserts rows, a struct or map or a slice of them, and returns how many
// were inserted or, with [OnConflictMerge], updated. No rows are no request.
func (q Query) Insert(ctx context.Context, rows any, opts ...WriteOption) (affected int64, err error) {
	r, _, err := q.insertCall(rows, opts)
	if err != nil || r == nil {
		return 0, err
	}
	return q.affecting(ctx, r)
}

// Update sets columns, given by a struct or map, in the rows of the query and
// returns these rows as they are afterwards. No rows is not an error: that is
// how a conditional update says that its condition did not hold.
//
// An or-filter on a column that is set to something the filter does not accept is
// [ErrHidden]; [Query.Update] has no such limit.
func Update[T any](ctx context.Context, q Query, set any, opts ...WriteOption) ([]T, error) {
	return changing[T](ctx, q, http.MethodPatch, set, opts)
}

// Update sets columns, given by a struct or map, in the rows of the query and
// returns how many rows there were.
func (q Query) Update(ctx context.Context, set any, opts ...WriteOption) (affected int64, err error) {
	return q.change(ctx, http.MethodPatch, set, opts)
}

// Delete deletes the rows of the query and returns them as they were.
func Delete[T any](ctx context.Context, q Query, opts ...WriteOption) ([]T, error) {
	return changing[T](ctx, q, http.MethodDelete, nil, opts)
}

// Delete deletes the rows of the query and returns how many there were.
func (q Query) Delete(ctx context.Context, opts ...WriteOption) (affected int64, err error) {
	return q.change(ctx, http.MethodDelete, nil, opts)
}

func (q Query) insertCall(rows any, opts []WriteOption) (*call, *write, error) {
	w, err := newWrite(opts)
	if err != nil {
		return nil, nil, err
	}
	ps, err := q.params()
	if err != nil {
		return nil, nil, err
	}
	if len(q.filters) > 0 {
		return nil, nil, fmt.Errorf("insforge: %s: an insert takes no filters", q.name)
	}
	if w.most > 0 {
		return nil, nil, fmt.Errorf("insforge: %s: MaxAffected is for updates and deletes", q.name)
	}
	if err := q.readOnlyParts(); err != nil {
		return nil, nil, err
	}
	body, err := encodeRows(rows, q.client.dialect)
	if err != nil {
		return nil, nil, fmt.Errorf("insforge: %s: %w", q.name, err)
	}
	if body.count == 0 {
		return nil, nil, nil
	}
	if !body.uniform && w.resolution == "merge-duplicates" && len(w.columns) == 0 {
		return nil, nil, fmt.Errorf("insforge: %s: rows to merge have different keys; name the Columns to write", q.name)
	}
	columns, missing := w.columns, w.missing
	if len(columns) == 0 && (!body.uniform || missing) {
		columns, missing = body.keys, true
	}
	if len(columns) > 0 {
		ps = append(ps, filter.Param{Key: "columns", Value: joinColumns(columns)})
	}
	if len(w.conflict) > 0 {
		ps = append(ps, filter.Param{Key: "on_conflict", Value: joinColumns(w.conflict)})
	}
	q.prefer.resolution, q.prefer.missing = w.resolution, missing
	r := q.writeCall("insert", http.MethodPost, ps, body.json, w)
	r.harmless = r.harmless || w.resolution == "ignore-duplicates"
	return r, w, q.checkURL(ps)
}

// changeCalls prepares an update or delete: one request, or several where that
// is allowed and the URL would be too long.
func (q Query) changeCalls(method string, set any, opts []WriteOption, returning bool) ([]*call, *write, error) {
	w, err := newWrite(opts)
	if err != nil {
		return nil, nil, err
	}
	if _, err := q.params(); err != nil {
		return nil, nil, err
	}
	operation := "delete"
	var body []byte
	if method == http.MethodPatch {
		operation = "update"
		if body, err = encodeSet(set, q.client.dialect); err != nil {
			return nil, nil, fmt.Errorf("insforge: %s: %w", q.name, err)
		}
	}
	if !q.allRows && !q.filtered() {
		return nil, nil, fmt.Errorf("insforge: %s: %s: %w", operation, q.name, ErrUnfiltered)
	}
	if w.resolution != "" {
		return nil, nil, fmt.Errorf("insforge: %s: OnConflict is for inserts", q.name)
	}
	if err := q.readOnlyParts(); err != nil {
		return nil, nil, err
	}
	q.prefer.maxAffected = w.most
	queries, err := q.split()
	if err != nil {
		return nil, nil, err
	}
	if len(queries) > 1 && (!w.batched || w.single || w.most > 0) {
		return nil, nil, fmt.Errorf("insforge: %s: %w (Batched permits several requests, without Single and MaxAffected)",
			q.name, ErrURLTooLong)
	}
	calls := make([]*call, 0, len(queries))
	for _, part := range queries {
		ps, err := part.params()
		if returning || w.single {
			var columns object
			_ = json.Unmarshal(body, &columns) // an object, or nothing for a delete
			ps, w.strip, err = part.changeParams(columns)
		}
		if err != nil {
			return nil, nil, err
		}
		if len(w.columns) > 0 && body != nil {
			ps = append(ps, filter.Param{Key: "columns", Value: joinColumns(w.columns)})
		}
		calls = append(calls, part.writeCall(operation, method, ps, body, w))
	}
	return calls, w, nil
}

// filtered reports whether a filter spares any of the table's own rows. One on
// an embedded resource restricts only what is embedded, and that a column is not
// in an empty list is true of every row.
func (q Query) filtered() bool {
	return slices.ContainsFunc(q.filters, func(f filter.Filter) bool {
		truth, constant := constantTruth(f)
		return ownFilter(f) && !(constant && truth)
	})
}

// constantTruth is what a filter is for all rows alike, as empty lists make it.
func constantTruth(f filter.Filter) (truth, constant bool) {
	switch f := f.(type) {
	case filter.Cond:
		return f.Negate, f.List != nil && len(f.List) == 0 // nothing is in, or equal to any of, an empty list
	case filter.Tree:
		constant = true
		for _, inner := range f.Filters {
			truth, known := constantTruth(inner)
			if known && truth == f.Or { // which decides
				return f.Or != f.Negate, true
			}
			constant = constant && known
		}
		return f.Or == f.Negate, constant
	default:
		return false, false
	}
}

func (q Query) readOnlyParts() error {
	switch {
	case q.isFunc:
		return fmt.Errorf("insforge: %s is a function, which cannot be written to", q.name)
	case q.hasLimit, q.offset > 0:
		return fmt.Errorf("insforge: %s: limit and offset are for reads only", q.name)
	case len(q.order) > 0:
		return fmt.Errorf("insforge: %s: an order is for reads only", q.name)
	}
	return nil
}

func (q Query) writeCall(operation, method string, ps params, body []byte, w *write) *call {
	r := &call{
		operation: operation, table: q.name, method: method, path: q.path(), query: ps.encode(),
		accept: acceptJSON, schema: q.schema, body: body, harmless: w.idempotent,
	}
	if w.single {
		r.accept = acceptObject
	}
	r.prefer = q.prefer.String()
	return r
}

func (q Query) checkURL(ps params) error {
	if !q.fits(ps) {
		return fmt.Errorf("insforge: %s: %w", q.name, ErrURLTooLong)
	}
	return nil
}

// The media types asked for.
const (
	acceptJSON   = "application/json"
	acceptObject = "application/vnd.pgrst.object+json"
)

func joinColumns(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = filter.Quote(name)
	}
	return strings.Join(quoted, ",")
}

func changing[T any](ctx context.Context, q Query, method string, set any, opts []WriteOption) ([]T, error) {
	calls, w, err := q.changeCalls(method, set, opts, true)
	if err != nil {
		return nil, err
	}
	var all []T
	for _, r := range calls {
		rows, err := returning[T](ctx, q, r, w)
		if err != nil {
			return all, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

func (q Query) change(ctx context.Context, method string, set any, opts []WriteOption) (int64, error) {
	calls, _, err := q.changeCalls(method, set, opts, false)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, r := range calls {
		n, err := q.affecting(ctx, r)
		sum += n
		if err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// returning sends a write that answers with its rows.
func returning[T any](ctx context.Context, q Query, r *call, w *write) ([]T, error) {
	if err := q.undoes(ctx); err != nil {
		return nil, err
	}
	r.prefer = preferring(r.prefer, "return=representation")
	var rows []T
	err := q.client.send(ctx, r, func(a answer) error {
		body, err := withoutKeys(a.body, w.strip)
		if err != nil {
			return decodeError(r, a, q.client.redact(), err)
		}
		if w.single {
			var row T
			if err := q.client.decodeBody(body, &row); err != nil {
				return decodeError(r, a, q.client.redact(), err)
			}
			rows = []T{row}
			return nil
		}
		rows = nil
		if err := q.client.decodeBody(body, &rows); err != nil {
			return decodeError(r, a, q.client.redact(), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// affecting sends a write that answers with the number of its rows.
func (q Query) affecting(ctx context.Context, r *call) (int64, error) {
	if err := q.undoes(ctx); err != nil {
		return 0, err
	}
	if r.accept == acceptObject {
		// Without the rows in its answer PostgREST would not check their number.
		r.prefer = preferring(r.prefer, "return=representation", "count=exact")
	} else {
		r.prefer = preferring(r.prefer, "return=minimal", "count=exact")
	}
	var n int64
	err := q.client.send(ctx, r, func(a answer) error {
		var ok bool
		if n, ok = total(a.header); !ok {
			return &Error{
				Status: a.status, Method: r.method, Table: r.table,
				Message:   "the write was carried out, but the answer does not count its rows",
				uncertain: true,
			}
		}
		return nil
	})
	return n, err
}

func preferring(prefer string, more ...string) string {
	if prefer != "" {
		more = append([]string{prefer}, more...)
	}
	return strings.Join(more, ",")
}

var errNoColumns = errors.New("an update sets no columns")
