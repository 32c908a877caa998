package embedded

import (
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
	selection  []item // nil: everything
	columns    []string
	hasColumns bool
	onConflict []string
	filters    []filter.Filter // on the table itself
	trees      []filter.Filter // those of the filters that are and/or
	order      []orderTerm
	limit      *int64
	offset     *int64
	embeds     map[string]*query // filters, order and limits of embedded resources, by path
	used       bool              // the embedded resource is in select
	params     []param
}

type param struct {
	key, value string
	bare       bool // there was no =
}

// item is one entry of select.
type item struct {
	alias string
	path  filter.Path // unless an embed
	star  bool
	cast  string
	embed *embed
	count bool   // count()
	agg   string // an aggregate function
}

// embed asks for related rows.
type embed struct {
	name   string // table, constraint or column
	hint   string // after !
	inner  bool
	spread bool
	items  []item
}

type orderTerm struct {
	path       filter.Path
	relation   string // order=rel(col)
	descending bool
	nullsFirst bool
}

func badQuery(message, details string) error {
	return &apiError{status: http.StatusBadRequest, code: "PGRST100", message: message, details: details}
}

// parseQuery reads a raw query string as PostgREST does: + is a space, and a
// key without = is not a filter.
func parseQuery(raw string, writes bool) (*query, error) {
	q := &query{}
	if raw == "" {
		return q, nil
	}
	for part := range strings.SplitSeq(raw, "&") {
		key, value, valued := strings.Cut(part, "=")
		q.params = append(q.params, param{unescape(key), unescape(value), !valued})
	}
	// PostgREST reads the kinds of parameters one after the other, which decides
	// what it complains about first.
	for _, kind := range []paramKind{orderParam, logicParam, columnsParam, selectParam, filterParam, conflictParam} {
		for _, p := range q.params {
			if p.kind() != kind {
				continue
			}
			if err := q.take(kind, p); err != nil {
				return nil, err
			}
		}
	}
	q.joinTrees(writes)
	for _, inner := range q.embeds {
		inner.joinTrees(writes)
	}
	return q, nil
}

// joinTrees puts trees and plain filters together in the order they have in
// the SQL PostgREST writes, which decides what PostgreSQL complains about first:
// trees come first in reads and last in writes.
func (q *query) joinTrees(writes bool) {
	if writes {
		q.filters = append(q.filters, q.trees...)
	} else {
		q.filters = append(slices.Clip(q.trees), q.filters...)
	}
}

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
		return strings.ToValidUTF8(out, "\uFFFD")
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
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

func (q *query) take(kind paramKind, p param) (err error) {
	switch kind {
	case selectParam:
		q.selection, err = parseSelect(p.value)
	case columnsParam:
		q.hasColumns = true
		q.columns, err = parseColumns(p.value, "columns parameter")
	case conflictParam:
		q.onConflict, err = parseColumns(p.value, "on_conflict parameter")
	case orderParam:
		last := p.key[strings.LastIndexByte(p.key, '.')+1:]
		target := q.at(strings.TrimSuffix(strings.TrimSuffix(p.key, last), "."))
		switch last {
		case "order":
			target.order, err = parseOrder(p.value)
		case "limit":
			target.limit = parseCount(p.value)
		default:
			target.offset = parseCount(p.value)
		}
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
	value, _, _ := strings.Cut(p.value, "\x00") // PostgreSQL reads no further
	if quick, ok := quickFilter(p.key, value); ok {
		q.filters = append(q.filters, quick)
		return nil
	}
	f, err := filter.ParseParam(p.key, value)
	if err != nil {
		return err
	}
	target := q
	switch g := f.(type) {
	case filter.Cond:
		target = q.at(strings.Join(g.Path.Embed, "."))
		g.Path.Embed = nil
		f = g
	case filter.Tree:
		target = q.at(strings.Join(g.Embed, "."))
		g.Embed = nil
		f = g
	}
	if p.kind() == logicParam {
		target.trees = append(target.trees, f)
	} else {
		target.filters = append(target.filters, f)
	}
	return nil
}

// at finds the parameters of an embedded resource; the path of the table
// itself is empty.
func (q *query) at(path string) *query {
	if path == "" {
		return q
	}
	if q.embeds == nil {
		q.embeds = map[string]*query{}
	}
	if q.embeds[path] == nil {
		q.embeds[path] = &query{}
	}
	return q.embeds[path]
}

// checkEmbeds refuses filters, orders and limits for what select does not embed.
func (q *query) checkEmbeds() error {
	for path, inner := range q.embeds {
		if !inner.used {
			first, _, _ := strings.Cut(path, ".")
			return notEmbedded(first)
		}
	}
	return nil
}

// parseCount ignores what is not a number.
func parseCount(s string) *int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// canonical is the query string as Content-Location repeats it: keys sorted,
// the values of equal keys joined.
func (q *query) canonical() string {
	if len(q.params) == 0 {
		return ""
	}
	sorted := slices.Clone(q.params)
	slices.SortStableFunc(sorted, func(a, b param) int { return strings.Compare(a.key, b.key) })
	var out []byte
	for i, p := range sorted {
		if i > 0 && sorted[i-1].key == p.key {
			out = append(out, ',')
		} else {
			if i > 0 {
				out = append(out, '&')
			}
			out = append(appendEscaped(out, misread(p.key)), '=')
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
