package embedded

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"

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

func unsatisfiable(details string) *apiError {
	return &apiError{
		status: http.StatusRequestedRangeNotSatisfiable, code: "PGRST103", message: "Requested range not satisfiable", details: details,
	}
}

var rangeHeader = regexp.MustCompile(`^([0-9]+)-([0-9]*)$`)

// applyRange intersects limit and offset with the Range header, which only GET
// has. A limit that ends just before the first row asks for nothing, whatever
// the header says.
func (c *call) applyRange() error {
	q := c.query
	if q.limit == nil && q.offset == nil && c.request.Header.Get("Range") == "" {
		return nil
	}
	first, last, badHeader := c.rangeHeader()
	negative := func() error {
		return cmp.Or(badHeader, error(unsatisfiable("Limit should be greater than or equal to zero.")))
	}
	zero, one := new(big.Int), big.NewInt(1)
	lower, upper := zero, (*big.Int)(nil) // nil: none
	if q.offset != nil {
		lower = q.offset
	}
	if q.limit != nil {
		if q.limit.Sign() < 0 && lower.Sign() <= 0 {
			return negative()
		}
		upper = new(big.Int).Sub(new(big.Int).Add(lower, q.limit), one)
		if upper.Cmp(big.NewInt(-1)) == 0 {
			q.limit, q.offset = zero, zero
			return nil
		}
		if upper.Cmp(larger(lower, zero)) < 0 {
			return negative()
		}
	}
	if badHeader != nil {
		return badHeader
	}
	lower = larger(larger(lower, first), zero)
	if last != nil && (upper == nil || last.Cmp(upper) < 0) {
		upper = last
	}
	q.offset = lower
	if upper != nil {
		if lower.Cmp(upper) > 0 {
			return negative()
		}
		limit := new(big.Int).Sub(upper, lower)
		q.limit = limit.Add(limit, one)
	}
	return nil
}

func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// rangeHeader reads the Range header; last is nil if it is open. What cannot be
// read counts as absent.
func (c *call) rangeHeader() (first, last *big.Int, err error) {
	first = new(big.Int)
	header := c.request.Header.Get("Range")
	if header == "" || c.request.Method != http.MethodGet {
		return first, nil, nil
	}
	m := rangeHeader.FindStringSubmatch(header)
	if m == nil {
		return first, nil, nil
	}
	first.SetString(m[1], 10) // digits
	if m[2] == "" {
		return first, nil, nil
	}
	last, _ = new(big.Int).SetString(m[2], 10)
	if first.Cmp(last) > 0 {
		return first, nil, unsatisfiable("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
	}
	return first, last, nil
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

// outOf says which part of all the rows there are an answer has, or refuses to
// start behind the last.
func (res *response) outOf(offset int64, rows int, total int64) error {
	switch {
	case offset > total:
		refused := unsatisfiable(fmt.Sprintf("An offset of %d was requested, but there are only %d rows.", offset, total))
		refused.header = res.header
		refused.header.set("Content-Type", res.contentType)
		return refused
	case int64(rows) < total:
		res.status = http.StatusPartialContent
	}
	return nil
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

func contentRange(offset int64, rows int, counted bool, total int64) string {
	var out []byte
	if rows == 0 || counted && total == 0 {
		out = append(out, '*')
	} else {
		out = strconv.AppendInt(out, offset, 10)
		out = append(out, '-')
		out = strconv.AppendInt(out, offset+int64(rows)-1, 10)
	}
	out = append(out, '/')
	if !counted {
		return string(append(out, '*'))
	}
	return string(strconv.AppendInt(out, total, 10))
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

// representation prints what a write returns: the rows as the transaction sees
// them, with the embeds of select as they were before. Filters on embeds apply to them only.
// What an inner embed hides is not counted, nor, as PostgREST 12.0 looks at
// and/or once more here, a row that no longer satisfies them.
func (c *call) representation(tx *txn, res *response, rows []*row) (shown int, err error) {
	var p *plan
	written := len(rows)
	if c.prefer.returns == "representation" {
		if p, err = planFor(c.session, c.returned()); err != nil {
			return 0, err
		}
		if len(rows) > 0 && (len(p.joins) > 0 || !p.always) {
			found, err := p.pick(c.ctx(), tx.before, rows, false)
			if err != nil {
				return 0, err
			}
			rows = found.rows
		}
		if err := c.tryPrinting(p, tx.before, rows); err != nil {
			return 0, err
		}
	}
	// The statement ends here for PostgreSQL; what follows is PostgREST's.
	if err := tx.checkForeignKeys(); err != nil {
		return 0, err
	}
	if err := c.expected(len(rows)); err != nil {
		return 0, err
	}
	if p != nil {
		res.contentType = c.media.contentType
		var header []string
		if written > 0 {
			header = c.returnedColumns()
		}
		err = c.print(res, p, tx.before, rows, header)
	}
	return len(rows), err
}

// expected refuses a number of rows that a write may not show.
func (c *call) expected(rows int) error {
	switch {
	case rows == 1:
		return nil
	case c.request.Method == http.MethodPut:
		return errPayloadMismatch
	case c.media.single:
		return notSingular(rows)
	}
	return nil
}

// returnedSyntax is PostgreSQL's first complaint about a write, if it is about
// what the write shows.
func (c *call) returnedSyntax() error {
	if c.prefer.returns != "representation" {
		return nil
	}
	return c.root.syntax()
}

// returned is what a write shows: PostgREST 12.0 looks at and/or once more here,
// but not at plain filters.
func (c *call) returned() *resource {
	r := *c.root
	r.criteria = criteria{trees: c.root.trees}
	r.visible = c.returnedColumns()
	return &r
}

// returnedColumns are the columns PostgREST has a write return, to select from
// them afterwards: sorted, with those of primary and foreign keys. The header of
// CSV names them, whatever stands below it.
func (c *call) returnedColumns() []string {
	if c.table.primary == nil {
		return c.selectedColumns()
	}
	return c.selectedColumns(c.table.primary.columns...)
}

// selectedColumns are those that are selected or that embeds need, and these.
func (c *call) selectedColumns(keys ...int) []string {
	var names []string
	for _, item := range c.root.columns {
		if item.Path.Column == "*" {
			return c.table.columnNames()
		}
		names = append(names, item.Path.Column)
	}
	keys = slices.Clip(keys)
	for _, e := range c.root.embeds {
		here, _ := e.relation.columns()
		keys = append(keys, here...)
	}
	for _, n := range keys {
		names = append(names, c.table.columns[n].name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var errCountReturned = &apiError{status: http.StatusBadRequest, code: "42803", message: "aggregate functions are not allowed in RETURNING"}

// checkSelection reports errors of what a write returns before anything is
// written; literal is that of a literal, which PostgreSQL reads later.
func (c *call) checkSelection() (literal, err error) {
	if c.prefer.returns != "representation" && c.prefer.returns != "headers-only" {
		return nil, nil
	}
	if err := c.returnedSyntax(); err != nil {
		return nil, err
	}
	// The statement returns the columns, whatever becomes of them.
	for _, item := range c.root.columns {
		if _, ok := c.table.byName[item.Path.Column]; ok || item.Path.Column == "*" {
			continue
		}
		if item.Path.Column == "count" {
			return nil, errCountReturned
		}
		return nil, (&plan{table: c.table, alias: c.table.name}).unknownColumn(item.Path.Column)
	}
	if c.prefer.returns == "headers-only" {
		return nil, nil
	}
	p, err := newPlan(c.session, c.returned(), nil)
	if err != nil {
		return nil, err
	}
	return p.literal, nil
}

func (c *call) payload(byColumns bool) (payload, error) {
	return readPayload(contentType(c.request.Header), c.body, c.query.columns, byColumns, c.prefer.missing == "default")
}

func (c *call) post() (*response, error) {
	if err := c.applyRange(); err != nil {
		return nil, err
	}
	body, err := c.payload(c.query.hasColumns)
	if err != nil {
		return nil, err
	}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	if c.table == nil {
		if len(body.keys) > 0 {
			return nil, notFound
		}
		return nil, c.unknownTable()
	}
	ins := &insertion{table: c.table, rows: body.rows, rest: body.rest, missingDefault: c.prefer.missing == "default", resolution: c.prefer.resolution}
	if ins.columns, err = payloadColumns(c.table, body.keys); err != nil {
		return nil, err
	}
	if err := c.accept(); err != nil {
		return nil, err
	}
	var unsuitable error
	if ins.resolution != "" {
		if ins.target, unsuitable, err = conflictTarget(c.table, c.query, ins); err != nil {
			return nil, err
		}
	}
	literal, err := c.checkSelection()
	if err := cmp.Or(err, body.unreadable, literal, unsuitable); err != nil {
		return nil, err
	}
	res := newResponse(http.StatusCreated)
	err = c.store.write(c.session, func(tx *txn) error {
		if body.failure != nil {
			_, err := tx.propose(ins) // the rows before come first
			return cmp.Or(err, body.failure)
		}
		rows, inserted, err := tx.insertRows(c.ctx(), ins)
		if err != nil {
			return err
		}
		if ins.resolution == "merge-duplicates" && inserted == 0 && (len(rows) > 0 || len(body.rows) == 0) {
			res.status = http.StatusOK
		}
		if c.prefer.returns == "headers-only" && len(rows) == 1 && c.table.primary != nil {
			res.header.set("Location", c.location(rows[0]))
		}
		shown, err := c.representation(tx, res, rows)
		res.header.set("Content-Range", contentRange(0, 0, c.counted(), int64(shown)))
		return err
	})
	if err != nil {
		return nil, err
	}
	if c.table.primary == nil && len(c.query.onConflict) == 0 { // nothing to resolve by
		c.prefer.resolution = ""
	}
	c.applied(res, "resolution", "missing", "return", "count", "handling")
	return res, nil
}

// location addresses a row by its primary key, whose values PostgREST takes out
// of JSON.
func (c *call) location(r *row) string {
	out := []byte("/" + c.name + "?")
	for _, name := range c.returnedColumns() { // in whose order it names the key's
		n, ok := c.table.byName[name]
		if !ok || !slices.Contains(c.table.primary.columns, n) {
			continue
		}
		if out[len(out)-1] != '?' {
			out = append(out, '&')
		}
		col := c.table.columns[n]
		out = append(appendEscaped(out, col.name), "=eq."...)
		value := col.typ.AppendJSON(nil, c.table.layout.value(r.data, n), c.session)
		if value[0] == '"' {
			out = appendEscaped(out, unquote(value))
		} else {
			out = appendEscaped(out, string(value))
		}
	}
	return string(out)
}

// checkLimits refuses a PATCH or DELETE of some rows without saying which first.
func (c *call) checkLimits() error {
	if err := c.applyRange(); err != nil {
		return err
	}
	if c.query.ranged && !c.query.sorted {
		return &apiError{
			status: http.StatusBadRequest, code: "PGRST109", message: "A 'limit' was applied without an explicit 'order'",
			hint: "Apply an 'order' using unique column(s)",
		}
	}
	return nil
}

// checkChanges refuses what changed more rows than its limit: see [plan.affected].
func (c *call) checkChanges(n int) error {
	if c.query.limit == nil || c.query.limit.Cmp(big.NewInt(int64(n))) >= 0 {
		return nil
	}
	return &apiError{
		status: http.StatusBadRequest, code: "PGRST110", message: "The maximum number of rows allowed to change was surpassed",
		details: fmt.Sprintf("Results contain %d rows changed but the maximum number allowed is %d", n, c.query.limit),
	}
}

// matching prepares to find the rows a PATCH or DELETE is for.
func (c *call) matching() (*plan, error) {
	if err := c.returnedSyntax(); err != nil {
		return nil, err
	}
	if c.table == nil {
		return nil, c.unknownTable()
	}
	wanted := &resource{table: c.table}
	wanted.filters, wanted.span = slices.Clone(c.query.filters), c.query.span
	// Whatever resource a tree is for, it filters the table; and it comes last.
	wanted.filters = append(wanted.filters, c.query.allTrees...)
	for _, term := range c.query.order {
		switch {
		case !c.query.limited(): // then the order plays no part
		case term.Relation == "":
			wanted.order = append(wanted.order, term)
		default:
			return nil, errCrash // it cannot tell rows by the columns of others
		}
	}
	if c.query.limited() { // which selects the columns of its order
		for _, term := range wanted.order {
			if _, ok := c.table.byName[term.Path.Column]; !ok {
				return nil, (&plan{table: c.table, alias: c.table.name}).unknownColumn(term.Path.Column)
			}
		}
	}
	if c.query.limited() && len(wanted.order) == 0 { // only an embed has one
		return nil, &apiError{status: http.StatusBadRequest, code: "42601", message: `syntax error at or near "RETURNING"`}
	}
	p, err := newPlan(c.session, wanted, nil)
	if err != nil {
		return nil, err
	}
	return p, c.checkSameness(p)
}

// checkSameness refuses an order by which the rows that a limited write changes
// cannot be told: see [plan.affected].
func (c *call) checkSameness(p *plan) error {
	if !c.query.limited() {
		return nil
	}
	for i, key := range p.order {
		if slices.ContainsFunc(p.order[i+1:], func(k sortKey) bool { return k.column == key.column }) {
			name := c.table.columns[key.column].name
			return &apiError{status: http.StatusBadRequest, code: "42702", message: fmt.Sprintf(`column reference "%s" is ambiguous`, name)}
		}
		if typ := c.table.columns[key.column].typ; !typ.Comparable() {
			return &apiError{
				status: http.StatusNotFound, code: "42883", message: "operator does not exist: " + typ.String() + " = " + typ.String(),
				hint: "No operator matches the given name and argument types. You might need to add explicit type casts.",
			}
		}
	}
	return nil
}

func (c *call) patch() (*response, error) {
	if err := c.checkLimits(); err != nil {
		return nil, err
	}
	body, err := c.payload(c.query.hasColumns)
	if err != nil {
		return nil, err
	}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	if c.table == nil {
		if len(body.keys) > 0 {
			return nil, notFound
		}
		return nil, c.unknownTable()
	}
	columns, err := payloadColumns(c.table, body.keys)
	if err != nil {
		return nil, err
	}
	if err := c.accept(); err != nil {
		return nil, err
	}
	var p *plan
	var condition error
	if len(columns) > 0 && (len(body.rows) > 0 || body.unreadable != nil || body.failure != nil) { // else nothing is looked for, and no filter matters
		if p, err = c.matching(); err != nil {
			return nil, err
		}
		condition = p.literal
	}
	literal, err := c.checkSelection()
	if err := cmp.Or(err, body.unreadable, condition, literal); err != nil {
		return nil, err
	}
	ins := &insertion{table: c.table, rows: body.rows, rest: body.rest, columns: columns, missingDefault: c.prefer.missing == "default"}
	res := newResponse(http.StatusNoContent)
	if c.prefer.returns == "representation" {
		res.status = http.StatusOK
	}
	err = c.store.write(c.session, func(tx *txn) error {
		var rows []*row
		if p != nil {
			found, err := p.affected(c.ctx(), tx.before)
			if err != nil {
				return err
			}
			if len(found) > 0 { // else PostgreSQL does not even take the body apart
				proposals, err := tx.propose(ins)
				if err := cmp.Or(err, body.failure); err != nil {
					return err
				}
				if rows, err = tx.updateRows(c.table, found, columns, proposals[0]); err != nil {
					return err
				}
				if err := tx.tryUpdates(c.table, found, columns, proposals[1:]); err != nil {
					return err
				}
			}
		}
		shown, err := c.representation(tx, res, rows)
		if err == nil {
			err = c.checkChanges(shown)
		}
		res.header.set("Content-Range", contentRange(0, shown, c.counted(), int64(shown)))
		return err
	})
	if err != nil {
		return nil, err
	}
	c.applied(res, "missing", "return", "count", "handling")
	return res, nil
}

func (c *call) delete() (*response, error) {
	if err := c.checkLimits(); err != nil {
		return nil, err
	}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	if err := c.accept(); err != nil {
		return nil, err
	}
	p, err := c.matching()
	if err != nil {
		return nil, err
	}
	literal, err := c.checkSelection()
	if err := cmp.Or(err, p.literal, literal); err != nil {
		return nil, err
	}
	res := newResponse(http.StatusNoContent)
	if c.prefer.returns == "representation" {
		res.status = http.StatusOK
	}
	err = c.store.write(c.session, func(tx *txn) error {
		found, err := p.affected(c.ctx(), tx.before)
		if err != nil {
			return err
		}
		for _, r := range found {
			tx.remove(c.table, r)
		}
		shown, err := c.representation(tx, res, found)
		if err == nil {
			err = c.checkChanges(shown)
		}
		res.header.set("Content-Range", contentRange(0, 0, c.counted(), int64(shown)))
		return err
	})
	if err != nil {
		return nil, err
	}
	c.applied(res, "return", "count", "handling")
	return res, nil
}

var errPayloadMismatch = &apiError{
	status: http.StatusBadRequest, code: "PGRST115", message: "Payload values do not match URL in primary key column(s)",
}

// put is a single upsert by primary key.
func (c *call) put() (*response, error) {
	if err := c.applyRange(); err != nil {
		return nil, err
	}
	q := c.query
	if q.limited() {
		return nil, &apiError{
			status: http.StatusBadRequest, code: "PGRST114", message: "limit/offset querystring parameters are not allowed for PUT",
		}
	}
	body, err := c.payload(false)
	if err != nil {
		return nil, err
	}
	if err := c.resolve(); err != nil {
		return nil, err
	}
	conditions, err := c.putConditions()
	if err != nil {
		return nil, err
	}
	ins := &insertion{
		table: c.table, rows: body.rows,
		resolution: "merge-duplicates", target: c.table.primary,
	}
	if ins.columns, err = payloadColumns(c.table, body.keys); err != nil {
		return nil, err
	}
	if err := c.accept(); err != nil {
		return nil, err
	}
	for _, n := range c.table.primary.columns {
		if !slices.Contains(ins.columns, n) {
			return nil, &apiError{
				status: http.StatusBadRequest, code: "42703", message: "column pgrst_body." + c.table.columns[n].name + " does not exist",
				hint: perhaps(nearestColumns("pgrst_body", c.table.columns[n].name, []relationName{{"pgrst_body", body.keys}})),
			}
		}
	}
	literal, err := c.checkSelection()
	if err := cmp.Or(err, body.unreadable); err != nil {
		return nil, err
	}
	var satisfiable bool
	ins.only, satisfiable, err = c.putKey(conditions)
	if err := cmp.Or(err, literal); err != nil {
		return nil, err
	}
	res := newResponse(http.StatusNoContent)
	if c.prefer.returns == "representation" {
		res.status = http.StatusOK
	}
	err = c.store.write(c.session, func(tx *txn) error {
		if !satisfiable {
			return errPayloadMismatch
		}
		rows, inserted, err := tx.insertRows(c.ctx(), ins)
		if err != nil {
			return err
		}
		if len(rows) != 1 {
			return errPayloadMismatch
		}
		if inserted == 1 && c.prefer.returns == "representation" {
			res.status = http.StatusCreated
		}
		_, err = c.representation(tx, res, rows)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.applied(res, "return", "count", "handling")
	return res, nil
}

// putConditions are the filters of a PUT, which must be for the primary key and
// nothing else, and name its columns without quotes.
func (c *call) putConditions() ([]filter.Cond, error) {
	wrong := &apiError{
		status: http.StatusMethodNotAllowed, code: "PGRST105", message: "Filters must include all and only primary key columns with 'eq' operators",
	}
	t := c.table
	if t == nil || t.primary == nil || len(c.query.allTrees) > 0 {
		return nil, wrong
	}
	for _, p := range c.query.params {
		if n, ok := t.byName[p.key]; p.kind() == filterParam && !p.bare && !(ok && slices.Contains(t.primary.columns, n)) {
			return nil, wrong
		}
	}
	var conditions []filter.Cond
	named := map[int]bool{}
	for _, f := range c.query.filters {
		cond, ok := f.(filter.Cond)
		if !ok || cond.Op != filter.OpEq || cond.Quant != filter.NoQuantifier || cond.Negate || len(cond.Path.Steps) > 0 {
			return nil, wrong
		}
		named[t.byName[cond.Path.Column]] = true
		conditions = append(conditions, cond)
	}
	if len(named) != len(t.primary.columns) {
		return nil, wrong
	}
	return conditions, nil
}

// putKey reads the key that a PUT's filters ask for, which may contradict each
// other.
func (c *call) putKey(conditions []filter.Cond) (key []filter.Value, satisfiable bool, err error) {
	t := c.table
	satisfiable = true
	key = make([]filter.Value, len(t.primary.columns))
	for _, cond := range conditions {
		n := t.byName[cond.Path.Column]
		v, err := t.columns[n].typ.Unmodified().Parse(cond.Value, c.session)
		if err != nil {
			return nil, false, err
		}
		i := slices.Index(t.primary.columns, n)
		satisfiable = satisfiable && (key[i].IsNull() || t.columns[n].typ.Compare(key[i], v) == 0)
		key[i] = v
	}
	return key, satisfiable, nil
}
