package embedded

import (
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A query is a request's query string, taken apart but not yet resolved
// against tables.
type query struct {
	selection  []filter.SelectItem // none: everything
	columns    []string
	hasColumns bool
	onConflict []string
	criteria                   // of the table itself
	inner      []address       // what is about embedded resources
	spans      map[string]int  // which of them has the limit and offset of a path
	allTrees   []filter.Filter // and/or, those of embedded resources too
	ranged     bool            // there is a limit or offset somewhere
	sorted     bool            // there is an order somewhere
	params     []param
	calls      bool   // a function: what is no filter is an argument
	arguments  object // of the function, as JSON strings
	source     string // see [resource]
}

// criteria say which rows of a table or embedded resource are wanted.
type criteria struct {
	filters []filter.Filter
	trees   []filter.Filter // those that are and/or
	order   []filter.OrderTerm
	span
}

// A span is a limit and an offset.
type span struct {
	limit, offset *big.Int // nil: none
	// hasLimit and hasOffset tell that the parameters are there, whatever they say.
	hasLimit, hasOffset bool
}

// address is what one parameter says about an embedded resource.
type address struct {
	about about
	path  []string
	criteria
}

// about says what a parameter for an embedded resource is.
type about int

const (
	aboutFilter about = iota
	aboutOrder
	aboutSpan
	aboutTree
)

type param struct {
	key, value string
	bare       bool // there was no =
}

// parseQuery reads a raw query string as PostgREST does: + is a space, and a
// key without = is not a filter.
func parseQuery(raw string) (*query, error) { return (&query{}).parse(raw) }

func (q *query) parse(raw string) (*query, error) {
	if raw == "" {
		return q, nil
	}
	q.params = make([]param, 0, 1+strings.Count(raw, "&"))
	for raw != "" { // no parameter stands behind a separator at the end
		part := raw
		if end := strings.IndexAny(raw, "&;"); end >= 0 {
			part, raw = raw[:end], raw[end+1:]
		} else {
			raw = ""
		}
		key, value, valued := strings.Cut(part, "=")
		q.params = append(q.params, param{unescape(key), unescape(value), !valued})
		if valued && !utf8.ValidString(q.params[len(q.params)-1].key) {
			return nil, errCrash
		}
	}
	first := [logicParam + 1]int{} // with a value, by kind, counted from 1
	for i, p := range slices.Backward(q.params) {
		if !p.bare {
			first[p.kind()] = i + 1
		}
	}
	// PostgREST reads the kinds of parameters one after the other, which decides
	// what it complains about first.
	for _, kind := range []paramKind{orderParam, logicParam, columnsParam, selectParam, filterParam, conflictParam} {
		if kind == columnsParam && slices.ContainsFunc(q.params, func(p param) bool { return !utf8.ValidString(p.key) }) {
			return nil, errCrash
		}
		for _, p := range q.params {
			if p.kind() != kind || q.repeats(kind, p, first[kind]) {
				continue
			}
			if !utf8.ValidString(p.value) {
				return nil, errCrash
			}
			if err := q.take(kind, p); err != nil {
				return nil, err
			}
		}
	}
	if slices.ContainsFunc(q.params, func(p param) bool { return !utf8.ValidString(p.value) }) {
		return nil, errCrash
	}
	q.span.finish()
	for i := range q.inner {
		q.inner[i].span.finish()
	}
	return q, nil
}

// errCrash is what PostgREST answers where it stumbles over its own feet: a
// query string that is not UTF-8, say.
var errCrash = &apiError{status: http.StatusInternalServerError, plain: "Something went wrong"}

// repeats tells that the same was said before: the first select, columns and
// on_conflict count and are the only ones read; of orders the first counts as
// well, but the last limit and offset.
func (q *query) repeats(kind paramKind, p param, first int) bool {
	if kind == filterParam || kind == logicParam || kind == orderParam {
		return false
	}
	return first > 0 && q.params[first-1] != p // of these kinds there is one key each
}

// finish does what can only be done once all is read: a limit that is no number
// is none, but beside an offset it is 0.
func (s *span) finish() {
	if s.hasLimit && s.hasOffset && s.limit == nil {
		s.limit = new(big.Int)
	}
}

// limited reports whether only some of the rows are wanted.
func (s *span) limited() bool { return s.limit != nil || s.offset != nil && s.offset.Sign() > 0 }

// paramKind says what a parameter is about.
type paramKind int

const (
	filterParam paramKind = iota
	selectParam
	columnsParam
	conflictParam
	orderParam // and limit and offset
	logicParam
)

func (p param) kind() paramKind {
	switch p.key {
	case "select":
		return selectParam
	case "columns":
		return columnsParam
	case "on_conflict":
		return conflictParam
	}
	switch p.key[strings.LastIndexByte(p.key, '.')+1:] {
	case "order", "limit", "offset":
		return orderParam
	case "and", "or":
		return logicParam
	}
	return filterParam
}

// unescape decodes percent-escapes and leaves malformed ones alone.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(b))
				i += 2
				continue
			}
		}
		if s[i] == '+' {
			out = append(out, ' ')
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func (q *query) take(kind paramKind, p param) (err error) {
	switch kind {
	case selectParam:
		if q.selection, err = filter.ParseSelect(p.value); strings.IndexByte(p.value, 0) >= 0 {
			cutNames(q.selection)
		}
	case columnsParam:
		q.hasColumns = true
		q.columns, err = filter.ParseColumns("columns", p.value)
	case conflictParam:
		q.onConflict, err = filter.ParseColumns("on_conflict", p.value)
	case orderParam:
		err = q.takeOrder(p)
	default:
		err = q.takeFilter(p)
	}
	return err
}

// takeFilter reads a filter or logic tree, which may concern an embedded
// resource.
func (q *query) takeFilter(p param) error {
	if p.bare {
		return nil // not a filter
	}
	if q.calls && p.kind() == filterParam && !filter.LooksLike(p.value) {
		return q.takeArgument(p)
	}
	if quick, ok := quickFilter(p.key, p.value); ok {
		q.filters = append(q.filters, quick)
		return nil
	}
	f, err := filter.ParseParam(p.key, p.value)
	if err != nil {
		return err
	}
	if strings.IndexByte(p.value, 0) >= 0 || strings.IndexByte(p.key, 0) >= 0 {
		f = untilZero(f)
	}
	var path []string
	switch g := f.(type) {
	case filter.Cond:
		path, g.Path.Embed = g.Path.Embed, nil
		f = g
	case filter.Tree:
		path, g.Embed = g.Embed, nil
		f = g
	}
	about, target := aboutFilter, &q.criteria
	if p.kind() == logicParam {
		about = aboutTree
	}
	if len(path) > 0 {
		target = q.address(about, path)
	}
	if about == aboutTree {
		q.allTrees = append(q.allTrees, f)
		target.trees = append(target.trees, f)
	} else {
		target.filters = append(target.filters, f)
	}
	return nil
}

// takeArgument reads the argument of a function. PostgREST reads the name as that
// of a column, and drops what stands around it.
func (q *query) takeArgument(p param) error {
	f, err := filter.ParseParam(p.key, "eq.")
	if err != nil {
		return err
	}
	if cond, ok := f.(filter.Cond); ok {
		q.arguments = append(q.arguments, field{key: cond.Path.Column, value: filter.AppendJSONString(nil, p.value)})
	}
	return nil
}

// beforeZero ends a text at a zero byte: PostgreSQL reads no further.
func beforeZero(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return s
}

// cutNames cuts the names of what is selected.
func cutNames(items []filter.SelectItem) {
	for i := range items {
		items[i].Alias, items[i].Path.Column = beforeZero(items[i].Alias), beforeZero(items[i].Path.Column)
		if items[i].Embed != nil {
			cutNames(items[i].Embed.Items)
		}
	}
}

// untilZero cuts literals and the names of columns.
func untilZero(f filter.Filter) filter.Filter {
	switch f := f.(type) {
	case filter.Cond:
		f.Path.Column = beforeZero(f.Path.Column)
		f.Value, f.List = beforeZero(f.Value), slices.Clone(f.List)
		for i := range f.List {
			f.List[i] = beforeZero(f.List[i])
		}
		return f
	case filter.Tree:
		f.Filters = slices.Clone(f.Filters)
		for i := range f.Filters {
			f.Filters[i] = untilZero(f.Filters[i])
		}
		return f
	}
	return f
}

// takeOrder reads an order, limit or offset.
func (q *query) takeOrder(p param) (err error) {
	if p.bare {
		return nil
	}
	what := p.key[strings.LastIndexByte(p.key, '.')+1:]
	var path []string
	if what != p.key {
		if path, err = filter.ParseEmbedPath(p.key); err != nil {
			return err
		}
	}
	if what == "order" {
		q.sorted = true
		order, quick := quickOrder(p.value)
		if !quick {
			order, err = filter.ParseOrder(p.value)
		}
		for i := range order {
			order[i].Path.Column = beforeZero(order[i].Path.Column)
		}
		if target := &q.criteria; len(path) == 0 {
			if target.order == nil {
				target.order = order
			}
		} else {
			q.address(aboutOrder, path).order = order
		}
		return err
	}
	q.ranged = true
	target := &q.span
	if len(path) > 0 {
		where := fmt.Sprintf("%q", path)
		i, found := q.spans[where]
		if !found {
			q.address(aboutSpan, path)
			i = len(q.inner) - 1
			if q.spans == nil {
				q.spans = map[string]int{}
			}
			q.spans[where] = i
		}
		target = &q.inner[i].span
	}
	if what == "limit" {
		target.hasLimit = true
		target.limit = parseCount(p.value)
	} else {
		target.hasOffset = true
		target.offset = parseCount(p.value)
	}
	return nil
}

func (q *query) address(about about, path []string) *criteria {
	q.inner = append(q.inner, address{about: about, path: path})
	return &q.inner[len(q.inner)-1].criteria
}

// parseCount reads a whole number as Haskell does, with blanks and parentheses
// around it; what is none counts as absent.
func parseCount(s string) *big.Int {
	if n, err := strconv.ParseUint(s, 10, 63); err == nil { // as nearly all are
		return big.NewInt(int64(n))
	}
	s = strings.TrimSpace(s)
	for strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") {
		s = strings.TrimSpace(s[1 : len(s)-1])
	}
	digits, negative := strings.CutPrefix(s, "-")
	digits = strings.TrimLeft(digits, " \t\n\r")
	if digits == "" || digits[0] < '0' || digits[0] > '9' || strings.Contains(digits, "_") {
		return nil
	}
	base := 10
	if len(digits) > 2 && digits[0] == '0' && strings.IndexByte("xXoO", digits[1]) >= 0 {
		base = 0
	}
	value, ok := new(big.Int).SetString(digits, base)
	if !ok {
		return nil
	}
	if negative {
		value.Neg(value)
	}
	return value
}

// asBigint is a limit or offset as PostgreSQL takes it.
func asBigint(n *big.Int) (int64, error) {
	if !n.IsInt64() {
		return 0, &apiError{status: http.StatusBadRequest, code: "22003", message: fmt.Sprintf("value %q is out of range for type bigint", n.String())}
	}
	return n.Int64(), nil
}

// locationOf is Content-Location: the path of the table, and the query string
// with its keys sorted and the values of equal keys joined.
func (q *query) locationOf(table string) string {
	out := append(append(make([]byte, 0, 128), '/'), table...)
	sorted := q.params
	byKey := func(a, b param) int { return strings.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(sorted, byKey) {
		sorted = slices.Clone(sorted)
		slices.SortStableFunc(sorted, byKey)
	}
	separator := byte('?')
	for i, p := range sorted {
		if i > 0 && sorted[i-1].key == p.key {
			out = append(out, ',')
		} else {
			out = append(appendEscaped(append(out, separator), misread(p.key)), '=')
			separator = '&'
		}
		out = appendEscaped(out, misread(p.value))
	}
	return string(out)
}

// misread is text whose bytes were taken for characters: PostgREST encodes
// what is not ASCII a second time here.
func misread(s string) string {
	ascii := true
	for i := range len(s) {
		ascii = ascii && s[i] < utf8.RuneSelf
	}
	if ascii {
		return s
	}
	var out []byte
	for i := range len(s) {
		out = utf8.AppendRune(out, rune(s[i]))
	}
	return string(out)
}

// appendEscaped percent-encodes everything but unreserved characters.
func appendEscaped(dst []byte, s string) []byte {
	const digits = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_' || c == '.' || c == '~' {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}
