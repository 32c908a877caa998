package insforge

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A Query says which rows of a table are meant. It is an immutable value:
// every method returns a changed copy, so that a query may be kept, shared
// between goroutines and refined in different ways. Mistakes in building it
// are reported by the function that sends it, before anything is sent.
//
// Generic functions take it from there: [All], [Rows], [One], [Maybe], [Count],
// [Insert], [Update] and [Delete].
type Query struct {
	client *Client
	name   string // table or function
	isFunc bool
	args   []filter.Param // of a function called by GET
	schema string

	columns []string
	filters []filter.Filter
	order   []string
	embeds  []filter.Param // order, limit and offset of embedded resources

	limit    int
	hasLimit bool
	offset   int
	allRows  bool
	numbered bool // pages are found by their number alone, not by a filter
	counted  bool // see Counted

	prefer   preferences
	fallback *fallbackSettings
	maxRows  int
	err      error
}

// Select names what is returned for each row, in PostgREST's syntax: columns,
// aliases (alias:column), casts (column::text), JSON paths (data->a->>b),
// embedded resources (author(name), author!inner(*), ...author(name)). Without
// it every column is. Names are written as they are: [filter.Quote] quotes
// those with special characters.
func (q Query) Select(columns ...string) Query {
	q.columns = slices.Concat(q.columns, columns)
	return q
}

// Where keeps the rows that fulfil all the filters, and those of earlier calls.
func (q Query) Where(filters ...filter.Filter) Query {
	q.filters = slices.Concat(q.filters, filters)
	return q
}

// Filter is Where with a filter in its string form: "lte.2026-01-02",
// "not.is.null", or a bare value, which means "eq.". See [filter.FromString]
// about its guessing; text from outside belongs into [Query.Where].
func (q Query) Filter(column, expression string) Query {
	f, err := filter.FromString(column, expression)
	if err != nil {
		return q.fail(err)
	}
	return q.Where(f)
}

// Order sorts by the terms, after those of earlier calls: "due_at",
// "due_at.desc", "due_at.desc.nullslast", "data->>city.asc".
func (q Query) Order(terms ...string) Query {
	q.order = slices.Concat(q.order, terms)
	return q
}

// Limit returns at most n rows. It applies to reads; an Update or Delete with
// a limit is refused, because what PostgREST does with one depends on its
// version, and none of it is safe.
func (q Query) Limit(n int) Query {
	if n < 0 {
		return q.fail(fmt.Errorf("a limit of %d", n))
	}
	q.limit, q.hasLimit = n, true
	return q
}

// Offset skips the first n rows of the order.
func (q Query) Offset(n int) Query {
	if n < 0 {
		return q.fail(fmt.Errorf("an offset of %d", n))
	}
	q.offset = n
	return q
}

// EmbedOrder sorts the rows of an embedded resource, which is named as in
// Select: by its alias if it has one, with a dot for one inside another.
func (q Query) EmbedOrder(resource string, terms ...string) Query {
	return q.embed(resource, "order", strings.Join(terms, ","))
}

// EmbedLimit returns at most n rows of an embedded resource per row.
func (q Query) EmbedLimit(resource string, n int) Query {
	if n < 0 {
		return q.fail(fmt.Errorf("a limit of %d", n))
	}
	return q.embed(resource, "limit", strconv.Itoa(n))
}

// EmbedOffset skips the first n rows of an embedded resource.
func (q Query) EmbedOffset(resource string, n int) Query {
	if n < 0 {
		return q.fail(fmt.Errorf("an offset of %d", n))
	}
	return q.embed(resource, "offset", strconv.Itoa(n))
}

func (q Query) embed(resource, what, value string) Query {
	if resource == "" {
		return q.fail(errors.New("the embedded resource has no name"))
	}
	key := resource + "." + what
	rest := slices.DeleteFunc(slices.Clone(q.embeds), func(p filter.Param) bool { return p.Key == key })
	q.embeds = append(rest, filter.Param{Key: key, Value: value})
	return q
}

// AllRows permits an Update or Delete without a filter.
func (q Query) AllRows() Query {
	q.allRows = true
	return q
}

// Schema sets the database schema of this query.
func (q Query) Schema(name string) Query {
	if err := checkHeader(name); err != nil {
		return q.fail(fmt.Errorf("the schema %w", err))
	}
	q.schema = name
	return q
}

// Strict makes the server refuse preferences it does not know, rather than
// ignore them.
func (q Query) Strict() Query {
	q.prefer.strict = true
	return q
}

// MaxRows limits how many rows [All] collects, instead of [WithMaxRows].
func (q Query) MaxRows(n int) Query {
	if n < 1 {
		return q.fail(fmt.Errorf("at most %d rows", n))
	}
	q.maxRows = n
	return q
}

// Counted has the server count the rows when [All] and [Rows] ask for the first
// page, unless that has an offset. Where the page has them all, nothing more is
// asked: a short list is one request, not two. For the count the server looks at
// every row that passes the filters, however few the page or a limit lets
// through, so this is for lists that are short as a rule.
func (q Query) Counted() Query {
	q.counted = true
	return q
}

// TimeZone renders timestamptz columns in a zone, such as "Europe/Berlin". An
// unknown zone is ignored unless the query is [Query.Strict].
func (q Query) TimeZone(name string) Query {
	if err := checkPreference(name); err != nil {
		return q.fail(fmt.Errorf("the time zone %w", err))
	}
	q.prefer.timeZone = name
	return q
}

func (q Query) fail(err error) Query {
	if q.err == nil {
		q.err = fmt.Errorf("insforge: %s: %w", q.name, err)
	}
	return q
}

// preferences of a query, which become its Prefer header.
type preferences struct {
	strict      bool
	rollback    bool
	timeZone    string
	maxAffected int
	returning   string
	count       string
	resolution  string
	missing     bool // missing=default
}

func (p preferences) String() string {
	var parts []string
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+"="+value)
		}
	}
	if p.strict || p.maxAffected > 0 {
		add("handling", "strict")
	}
	add("resolution", p.resolution)
	if p.missing {
		add("missing", "default")
	}
	add("return", p.returning)
	add("count", p.count)
	add("timezone", p.timeZone)
	if p.maxAffected > 0 {
		add("max-affected", strconv.Itoa(p.maxAffected))
	}
	if p.rollback {
		add("tx", "rollback")
	}
	return strings.Join(parts, ",")
}

func checkPreference(s string) error {
	if err := checkSecret(s); err != nil {
		return err
	}
	if strings.ContainsAny(s, ",;") {
		return errors.New("has a comma or semicolon")
	}
	return nil
}

func (q Query) path() string {
	if q.isFunc {
		return q.client.dialect.functionPath(q.name)
	}
	return q.client.dialect.tablePath(q.name)
}

// params are the query's parameters, each key at most once.
func (q Query) params() (params, error) {
	if q.err != nil {
		return nil, q.err
	}
	if q.client == nil {
		return nil, errors.New("insforge: the query has no client; start one with Client.From")
	}
	filters, err := filter.Params(q.apart()...)
	if err != nil {
		return nil, fmt.Errorf("insforge: %s: %w", q.name, err)
	}
	ps := make(params, 0, len(filters)+len(q.args)+len(q.embeds)+4)
	if len(q.columns) > 0 {
		ps = append(ps, filter.Param{Key: "select", Value: strings.Join(q.columns, ",")})
	}
	ps = append(ps, q.args...)
	ps = append(ps, filters...)
	return append(ps, q.embeds...), nil
}

// apart are the filters, those on a column that has the name of an argument in a
// form that does not use this name as a key.
func (q Query) apart() []filter.Filter {
	if len(q.args) == 0 {
		return q.filters
	}
	filters := flatten(q.filters)
	for i, f := range filters {
		c, ok := f.(filter.Cond)
		if ok && len(c.Path.Embed) == 0 && slices.ContainsFunc(q.args, func(p filter.Param) bool { return p.Key == c.Path.String() }) {
			filters[i] = filter.Or(c)
		}
	}
	return filters
}

// readParams adds what only reads have.
func (q Query) readParams() (params, error) {
	ps, err := q.params()
	if err != nil {
		return nil, err
	}
	if len(q.order) > 0 {
		ps = append(ps, filter.Param{Key: "order", Value: strings.Join(q.order, ",")})
	}
	if q.hasLimit {
		ps = append(ps, filter.Param{Key: "limit", Value: strconv.Itoa(q.limit)})
	}
	if q.offset > 0 {
		ps = append(ps, filter.Param{Key: "offset", Value: strconv.Itoa(q.offset)})
	}
	return ps, nil
}

// params are query parameters in order.
type params []filter.Param

// encode writes the parameters as a URL query.
func (ps params) encode() string {
	size := 0
	for _, p := range ps {
		size += len(p.Key) + len(p.Value) + 2
	}
	b := make([]byte, 0, size+size/4)
	for i, p := range ps {
		if i > 0 {
			b = append(b, '&')
		}
		b = appendEscaped(b, p.Key)
		b = append(b, '=')
		b = appendEscaped(b, p.Value)
	}
	return string(b)
}

// appendEscaped escapes everything but what means itself to every URL parser
// on the way: besides letters and digits a little punctuation that filters
// are full of. A blank becomes %20, and a plus, which some read as a blank, %2B.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9',
			strings.IndexByte("-_.~(),:*", c) >= 0:
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}

// maxURL is the longest URL sent. Node, in front of an InsForge backend, stops
// at 16 KB for all headers; common proxies at 8 KB for the first line.
const maxURL = 8000

// fits reports whether a URL with these parameters may be sent.
func (q Query) fits(ps params) bool {
	return len(q.client.base)+len(q.path())+1+len(ps.encode()) <= maxURL
}
