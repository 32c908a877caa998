package insforge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A FallbackOption changes how filtering on this side is done.
type FallbackOption func(*fallbackSettings) error

// fallbackSettings say how far filtering on this side may go.
type fallbackSettings struct {
	rows   int
	types  map[string]filter.Type
	notify func(context.Context, FallbackReport)
}

// FallbackReport tells that, and why, rows were filtered on this side.
type FallbackReport struct {
	Table   string
	Reason  error    // the server's refusal, or what it returned against the filter
	Dropped []string // filters the server was not asked to apply, as in a logic tree; they hold values
	Scanned int      // rows fetched
	Kept    int      // rows that were left
}

// LogValue leaves the filters' values out of logs.
func (r FallbackReport) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("table", r.Table), slog.String("reason", r.Reason.Error()),
		slog.Int("dropped", len(r.Dropped)), slog.Int("scanned", r.Scanned), slog.Int("kept", r.Kept),
	)
}

// FallbackRows limits how many rows are fetched to be filtered on this side;
// more are [ErrRowLimit]. The default is 10,000.
func FallbackRows(n int) FallbackOption {
	return func(s *fallbackSettings) error {
		if n < 1 {
			return fmt.Errorf("a fallback of at most %d rows", n)
		}
		s.rows = n
		return nil
	}
}

// FallbackTypes gives columns' PostgreSQL types ("timestamptz", "numeric",
// "text[]"). Others are guessed from the values the server returns: a JSON
// number is numeric, text that looks like a time is one, other text is text.
func FallbackTypes(types map[string]string) FallbackOption {
	return func(s *fallbackSettings) error {
		known := make(map[string]filter.Type, len(types)+len(s.types))
		for column, t := range s.types {
			known[column] = t
		}
		for column, name := range types {
			t, err := filter.ParseType(name)
			if err != nil {
				return err
			}
			known[column] = t
		}
		s.types = known
		return nil
	}
}

// OnFallback is called after every read that was filtered on this side.
func OnFallback(notify func(context.Context, FallbackReport)) FallbackOption {
	return func(s *fallbackSettings) error {
		s.notify = notify
		return nil
	}
}

// WithFallback lets all reads of the client fall back; see [Query.Fallback].
func WithFallback(opts ...FallbackOption) Option {
	return func(s *settings) error {
		settings, err := newFallback(opts)
		if err != nil {
			return err
		}
		s.client.fallback = settings
		return nil
	}
}

// Fallback makes a read check the rows it gets against its filters. Where the
// server refuses a filter, or returns a row that does not fulfil it, the client
// fetches what the server does filter and applies the rest itself, as
// PostgreSQL would, with order, limit and offset: text compares by code point, and
// so do enumerations, whose order an answer does not show; a JSON null counts as
// null; full-text search and filters on embedded resources remain the server's. Rows
// that the server accepts a filter for, and that cannot be checked because the
// filter cannot be evaluated here, are taken as they come. Falling back is
// reported by [OnFallback] and to a [FallbackObserver]. Writes never fall back.
func (q Query) Fallback(opts ...FallbackOption) Query {
	settings, err := newFallback(opts)
	if err != nil {
		return q.fail(err)
	}
	q.fallback = settings
	return q
}

func newFallback(opts []FallbackOption) (*fallbackSettings, error) {
	s := &fallbackSettings{rows: 10_000}
	for _, opt := range opts {
		if opt != nil {
			if err := opt(s); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// errViolated is the reason for falling back when the server was silent.
var errViolated = errors.New("the server returned a row that the filter excludes")

// refused reports whether an error says that the server, or a URL, cannot
// take a filter, rather than that the filter is wrong.
func refused(err error) bool {
	if errors.Is(err, ErrURLTooLong) {
		return true
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Status {
	case http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge, http.StatusNotImplemented:
		return true
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotFound:
		// A missing column or table is a mistake, and so is a literal that is
		// no value of the column's type (class 22).
		return e.Code == "42883" || e.Status != http.StatusNotFound && e.Code != "42703" && !strings.HasPrefix(e.Code, "22")
	default:
		return false
	}
}

// fallbackPages yields the rows of a query that may fall back.
func fallbackPages[T any](ctx context.Context, q Query, yield func([]T, error) bool) {
	s, err := newSieve(q)
	if err != nil {
		yield(nil, err)
		return
	}
	given, stopped := 0, false
	reason := s.asAsked(ctx, q, func(rows []json.RawMessage) bool {
		page, err := decodeRows[T](q, rows)
		if err != nil {
			stopped = true
			yield(nil, err)
			return false
		}
		given += len(page)
		stopped = !yield(page, nil)
		return !stopped
	})
	switch {
	case stopped || reason == nil:
		return
	case !refused(reason) && !errors.Is(reason, errViolated):
		yield(nil, reason)
		return
	}
	report := FallbackReport{Table: q.name, Reason: reason}
	err = s.byHand(ctx, q, given, &report, func(rows []json.RawMessage) bool {
		page, err := decodeRows[T](q, rows)
		if err != nil {
			stopped = true
			yield(nil, err)
			return false
		}
		stopped = !yield(page, nil)
		return !stopped
	})
	q.report(ctx, report)
	if err != nil && !stopped {
		yield(nil, err)
	}
}

func (q Query) report(ctx context.Context, report FallbackReport) {
	if q.fallback.notify != nil {
		q.fallback.notify(ctx, report)
	}
	for _, o := range q.client.observers {
		if f, ok := o.(FallbackObserver); ok {
			f.Fallback(ctx, report)
		}
	}
}

func decodeRows[T any](q Query, rows []json.RawMessage) ([]T, error) {
	var b bytes.Buffer
	b.WriteByte('[')
	for i, row := range rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(row)
	}
	b.WriteByte(']')
	var out []T
	if err := q.client.decodeBody(b.Bytes(), &out); err != nil {
		return nil, fmt.Errorf("insforge: %s: the rows cannot be decoded: %w", q.name, err)
	}
	return out, nil
}

// sieve applies a query's filters and order on this side.
type sieve struct {
	filters []filter.Filter // those on the table's own columns
	order   []orderTerm
	keys    map[string]string // column → key in the rows fetched
	extra   []string          // of these keys, those that were not asked for
	selects []string          // what is fetched: what was asked for, and extra
	types   map[string]filter.Type
	guessed map[string]bool
	pred    filter.Predicate
	ready   bool // pred is made for the types known so far

	trusting bool // the filters cannot be evaluated here, and are the server's
}

func newSieve(q Query) (*sieve, error) {
	if _, err := q.readParams(); err != nil {
		return nil, err // a mistake, whoever filters
	}
	s := &sieve{
		keys: map[string]string{}, types: map[string]filter.Type{}, guessed: map[string]bool{}, selects: slices.Clone(q.columns),
	}
	for _, f := range q.filters {
		if ownFilter(f) {
			s.filters = append(s.filters, f)
			for _, path := range pathsOf(f, nil) {
				s.need(q, path)
			}
		}
	}
	order, ok := parseOrder(q.order)
	if ok {
		s.order = order
		for _, term := range order {
			s.need(q, term.path)
		}
	}
	for column, t := range q.fallback.types {
		s.types[column] = t
		delete(s.guessed, column)
	}
	return s, nil
}

// need makes a column part of what is fetched, under a name of its own where
// the query does not return it.
func (s *sieve) need(q Query, path filter.Path) {
	column := path.Column
	if len(path.Steps) > 0 {
		s.types[column], s.guessed[column] = guessType([]byte("{}")), true
	}
	if _, ok := s.keys[column]; ok {
		return
	}
	if q.returns(column) {
		s.keys[column] = column
		return
	}
	key := "fallback_" + strconv.Itoa(len(s.extra))
	s.keys[column] = key
	s.extra = append(s.extra, key)
	s.selects = append(s.selects, key+":"+filter.Quote(column))
}

func ownFilter(f filter.Filter) bool {
	switch f := f.(type) {
	case filter.Cond:
		return len(f.Path.Embed) == 0
	case filter.Tree:
		return len(f.Embed) == 0
	default:
		return false
	}
}

func pathsOf(f filter.Filter, paths []filter.Path) []filter.Path {
	switch f := f.(type) {
	case filter.Cond:
		paths = append(paths, f.Path)
	case filter.Tree:
		for _, inner := range f.Filters {
			paths = pathsOf(inner, paths)
		}
	}
	return paths
}

// asAsked sends the query as it is and checks the rows, those before the
// offset too: had the server skipped others, nobody would see. The error may
// be a reason to fall back.
func (s *sieve) asAsked(ctx context.Context, q Query, give func([]json.RawMessage) bool) error {
	w := q.window()
	q = w.part(q)
	q.columns, q.fallback, q.numbered = s.selects, nil, true
	for page, err := range pages[json.RawMessage](ctx, q) {
		if err != nil {
			return err
		}
		kept, err := s.check(page)
		if err != nil {
			return err
		}
		if len(kept) < len(page) {
			return errViolated
		}
		if kept = cut(&w, kept); len(kept) > 0 && !give(kept) {
			return nil
		}
	}
	return nil
}

// check is sift, but passes rows that cannot be evaluated on this side, such
// as those of a full-text search: the server accepted the filter.
func (s *sieve) check(page []json.RawMessage) ([]json.RawMessage, error) {
	kept, err := s.sift(page)
	var sql *filter.SQLError
	if errors.As(err, &sql) {
		s.trusting = true
		return s.sift(page)
	}
	return kept, err
}

// byHand fetches what the server filters and filters the rest, leaving out the
// first skip rows of the result.
func (s *sieve) byHand(ctx context.Context, q Query, skip int, report *FallbackReport, give func([]json.RawMessage) bool) error {
	s.trusting = false
	most := q.fallback.rows
	source := q
	source.fallback, source.columns, source.numbered = nil, s.selects, true
	source.hasLimit, source.offset = false, 0
	source, sortHere, err := s.reduce(ctx, source, report)
	if err != nil {
		return err
	}
	w := window{skip: q.offset + skip, remaining: q.limit - skip, limited: q.hasLimit}
	emit := func(rows []json.RawMessage) bool {
		rows = cut(&w, rows)
		report.Kept += len(rows)
		return (len(rows) == 0 || give(rows)) && !w.done()
	}
	var all []json.RawMessage
	for page, err := range pages[json.RawMessage](ctx, source) {
		if err != nil {
			return err
		}
		if report.Scanned += len(page); report.Scanned > most {
			return fmt.Errorf("insforge: %s: filtering on this side: %w (%d)", q.name, ErrRowLimit, most)
		}
		if sortHere {
			all = append(all, page...)
			continue
		}
		kept, err := s.sift(page)
		if err != nil {
			return fmt.Errorf("insforge: %s: %w; and on this side: %w", q.name, report.Reason, err)
		}
		if !emit(kept) {
			return nil
		}
	}
	if !sortHere {
		return nil
	}
	sorted, err := s.sortAndSift(all)
	if err != nil {
		return fmt.Errorf("insforge: %s: %w; and on this side: %w", q.name, report.Reason, err)
	}
	emit(sorted)
	return nil
}

// reduce drops from a query what the server refuses, trying filters and order
// one by one on no rows at all.
func (s *sieve) reduce(ctx context.Context, q Query, report *FallbackReport) (reduced Query, sortHere bool, err error) {
	accepts := func(q Query) (bool, error) {
		_, err := fetch[json.RawMessage](ctx, q.Limit(0), nil)
		if err == nil || refused(err) {
			return err == nil, nil
		}
		return false, err
	}
	plain := q
	plain.filters, plain.order = nil, nil
	reduced = plain
	for _, f := range q.filters {
		alone := plain.Where(f)
		ok := false
		if parts, err := alone.split(); err == nil {
			if ok, err = accepts(parts[0]); err != nil {
				return q, false, err
			}
		}
		if ok {
			reduced = reduced.Where(f)
			continue
		}
		if !ownFilter(f) {
			return q, false, report.Reason
		}
		report.Dropped = append(report.Dropped, filter.TreeString(f))
	}
	if len(q.order) > 0 {
		ok, err := accepts(plain.Order(q.order...))
		switch {
		case err != nil:
			return q, false, err
		case ok:
			reduced = reduced.Order(q.order...)
		case s.order == nil:
			return q, false, report.Reason
		default:
			sortHere = true
		}
	}
	// What is accepted piece by piece may be refused together.
	if parts, err := reduced.split(); err == nil {
		if ok, err := accepts(parts[0]); ok || err != nil {
			return reduced, sortHere, err
		}
	}
	for _, f := range reduced.filters {
		if !ownFilter(f) {
			return q, false, report.Reason
		}
		report.Dropped = append(report.Dropped, filter.TreeString(f))
	}
	reduced.filters, reduced.order = nil, nil
	return reduced, len(s.order) > 0, nil
}

// sift keeps the rows that fulfil the filters, without what was fetched only
// for this.
func (s *sieve) sift(page []json.RawMessage) ([]json.RawMessage, error) {
	rows, err := s.read(page)
	if err != nil {
		return nil, err
	}
	kept := make([]json.RawMessage, 0, len(page))
	for i, row := range rows {
		ok, err := s.holds(row)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		text, err := s.strip(page[i], row)
		if err != nil {
			return nil, err
		}
		kept = append(kept, text)
	}
	return kept, nil
}

func (s *sieve) sortAndSift(all []json.RawMessage) ([]json.RawMessage, error) {
	rows, err := s.read(all)
	if err != nil {
		return nil, err
	}
	sorted, err := sortRows(rows, s.order, s.keys, s.types)
	if err != nil {
		return nil, err
	}
	page := make([]json.RawMessage, len(sorted))
	for i, at := range sorted {
		page[i] = all[at]
	}
	return s.sift(page)
}

// object is a row as the server sent it.
type object = map[string]json.RawMessage

// read splits rows into columns and completes what is known of the types.
func (s *sieve) read(page []json.RawMessage) ([]object, error) {
	rows := make([]object, len(page))
	for i := range page {
		if err := json.Unmarshal(page[i], &rows[i]); err != nil {
			return nil, err
		}
		for column, key := range s.keys {
			raw, ok := rows[i][key]
			if !ok {
				return nil, fmt.Errorf("the rows have no column %q", column)
			}
			s.learn(column, raw)
		}
	}
	return rows, s.compile()
}

// learn guesses a column's type from a value, or corrects the guess.
func (s *sieve) learn(column string, raw json.RawMessage) {
	t, known := s.types[column]
	if string(raw) == "null" || known && (!s.guessed[column] || t.IsJSON()) {
		return
	}
	guess, empty := guessType(raw), string(raw) == "[]"
	switch {
	case isEndless(raw): // of numbers, dates and times: which, other values tell
		return
	case known && t.IsArray() && empty:
		return // every array may be empty
	case known && t.IsArray() && guess.IsArray():
		// The array that was seen first was empty.
	case known && guess != t:
		guess = filter.Type{} // text that sometimes looks like something else
		if raw[0] != '"' {
			guess = guessType([]byte("{}")) // or JSON, if it is not always text
		}
	}
	if !known || guess != t {
		s.types[column], s.guessed[column], s.ready = guess, true, false
	}
}

// compile prepares the filters for the types known so far. A guess that does
// not fit what the column is compared with was wrong: the column is text.
func (s *sieve) compile() error {
	if s.ready || s.trusting || len(s.filters) == 0 {
		return nil
	}
	lookup := func(column string) (filter.Type, bool) { return s.types[column], true }
	together := filter.And(s.filters...)
	var err error
	if s.pred, err = filter.Compile(together, lookup); err == nil {
		s.ready = true
		return nil
	}
	for column := range s.guessed {
		if t := s.types[column]; !t.IsInteger() && !t.IsBool() && !t.IsJSON() && t.String() != "numeric" {
			s.types[column] = filter.Type{}
		}
	}
	again := err
	if s.pred, again = filter.Compile(together, lookup); again != nil {
		return err
	}
	s.ready = true
	return nil
}

func (s *sieve) holds(row object) (bool, error) {
	if s.trusting || len(s.filters) == 0 {
		return true, nil
	}
	columns := s.pred.Columns()
	values := make(filter.Values, len(columns))
	for i, column := range columns {
		v, err := s.types[column].ParseJSON(row[s.keys[column]], filter.Session{})
		if err != nil {
			return false, err
		}
		values[i] = v
	}
	truth, err := s.pred.Match(values)
	return truth == filter.True, err
}

func (s *sieve) strip(text json.RawMessage, row object) (json.RawMessage, error) {
	if len(s.extra) == 0 {
		return text, nil
	}
	for _, key := range s.extra {
		delete(row, key)
	}
	return marshal(row)
}
