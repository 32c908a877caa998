package embedded

import (
	"cmp"
	"context"
	"fmt"
	"net/http"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A call is one request for a table.
type call struct {
	store   *Store
	request *http.Request
	name    string
	table   *table // nil: there is none of that name
	query   *query
	root    *resource // the query, once it is resolved
	prefer  preferences
	media   media
	session filter.Session
	body    []byte

	function *function // what the rows of the answer are of; nil: a table
}

func (s *Store) newCall(r *http.Request, name string, query *query, body []byte) (*call, error) {
	c := &call{store: s, request: r, name: name, table: s.schema.tables[name], query: query, body: body}
	for _, header := range []string{"Accept-Profile", "Content-Profile"} {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if profile := r.Header.Get(header); profile != "" && profile != "public" && reads == (header == "Accept-Profile") {
			return nil, &apiError{
				status: http.StatusNotAcceptable, code: "PGRST106", message: "The schema must be one of the following: public",
			}
		}
	}
	c.prefer = parsePreferences(r.Header)
	c.session = s.session(c.prefer.zone)
	return c, nil
}

func (c *call) ctx() context.Context { return c.request.Context() }

// resolve looks for what the query is about in the schema.
func (c *call) resolve() (err error) {
	t := c.table
	if t == nil {
		t = &table{name: c.name} // without relationships
	}
	c.root, err = c.store.schema.resolve(t, c.query, c.writes())
	return err
}

// accept finds the format of the answer, and what is wrong with preferences;
// PostgREST does so after it has looked at the rest of the request and before
// PostgreSQL does.
func (c *call) accept() (err error) {
	c.media, err = negotiate(c.request.Header, tableMedia)
	if c.writes() {
		return cmp.Or(c.prefer.refusal(), err)
	}
	return cmp.Or(err, c.prefer.refusal())
}

func (c *call) writes() bool {
	return c.request.Method != http.MethodGet && c.request.Method != http.MethodHead
}

func (c *call) unknownTable() error {
	return &apiError{
		status: http.StatusNotFound, code: "42P01", message: fmt.Sprintf(`relation "%s" does not exist`, "public."+c.name),
	}
}

func (c *call) options() (*response, error) {
	if c.table == nil {
		return nil, notFound
	}
	if c.table.primary == nil {
		return allow("OPTIONS,GET,HEAD,POST,PATCH,DELETE"), nil
	}
	return allow("OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"), nil
}

// allow answers OPTIONS.
func allow(methods string) *response {
	res := newResponse(http.StatusOK)
	res.header.set("Allow", methods)
	res.header.set("Access-Control-Allow-Origin", "*")
	return res
}

func (c *call) get() (*response, error) {
	if err := c.applyRange(); err != nil {
		return nil, err
	}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	if err := c.accept(); err != nil {
		return nil, err
	}
	if c.table == nil {
		return nil, c.unknownTable()
	}
	p, err := planFor(c.session, c.root)
	if err != nil {
		return nil, err
	}
	st, err := c.store.snapshot()
	if err != nil {
		return nil, err
	}
	counted := c.counted()
	found, err := p.find(c.ctx(), st, counted)
	if err != nil {
		return nil, err
	}
	if c.media.single && len(found.rows) != 1 {
		return nil, cmp.Or(c.tryPrinting(p, st, found.rows), notSingular(len(found.rows)))
	}
	res := newResponse(http.StatusOK)
	res.contentType = c.media.contentType
	res.header.set("Content-Range", contentRange(p.offset, len(found.rows), counted, found.total))
	res.header.set("Content-Location", c.query.locationOf(c.name))
	c.applied(res, "count", "handling")
	if counted {
		if err := res.outOf(p.offset, len(found.rows), found.total); err != nil {
			return nil, err
		}
	}
	return res, c.print(res, p, st, found.rows, nil)
}

// tryPrinting tells what cannot be printed of rows, such as a cast that fails.
func (c *call) tryPrinting(p *plan, st *state, rows []*row) error {
	if !p.mayFail() {
		return nil
	}
	_, err := (&printer{ctx: c.ctx(), state: st}).array(nil, p, rows)
	return err
}

// notSingular refuses a number of rows that is not one.
func notSingular(n int) error {
	return &apiError{
		status: http.StatusNotAcceptable, code: "PGRST116", message: "JSON object requested, multiple (or no) rows returned",
		details: fmt.Sprintf("The result contains %d rows", n),
		// PostgREST sends two, the error's own first.
		header: headerFields{{"Content-Type", jsonType}, {"Content-Type", singleType}},
	}
}

// counted tells whether the answer says how many rows there are; that of a write
// does not where the count is only planned.
func (c *call) counted() bool {
	return c.prefer.count != "" && (c.prefer.count != "planned" || !c.writes())
}

func (c *call) applied(res *response, names ...string) {
	applied := c.prefer.applied(names...)
	if c.prefer.zone != nil {
		if applied != "" {
			applied += ", "
		}
		applied += "timezone=" + c.prefer.zone.String()
	}
	if applied != "" {
		res.header.set("Preference-Applied", applied)
	}
}

// largestBuffer is how much of a body's memory is kept for the next.
const largestBuffer = 1 << 20

// print writes rows into a response in the accepted format; header is CSV's: see
// [printer].
func (c *call) print(res *response, p *plan, st *state, rows []*row, header []string) (err error) {
	if c.request.Method == http.MethodHead { // which looks at every value all the same
		return c.tryPrinting(p, st, rows)
	}
	pr := &printer{ctx: c.ctx(), state: st, header: header}
	buffer, _ := c.store.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	dst := (*buffer)[:0]
	switch {
	case c.media.csv:
		dst, err = pr.csv(dst, p, rows)
	case c.function != nil:
		dst, err = c.function.print(pr, dst, p, rows, c.media.single)
	case c.media.single:
		dst, err = pr.row(dst, p, rows[0])
	default:
		dst, err = pr.array(dst, p, rows)
	}
	if err != nil {
		return err
	}
	res.body = dst
	if c.media.stripNulls {
		res.body = withoutNulls(dst)
	}
	if cap(dst) <= largestBuffer {
		*buffer, res.buffer = dst, buffer
	}
	return nil
}
