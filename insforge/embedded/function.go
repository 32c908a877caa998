package embedded

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A Function stands in for a function of the database, under /rpc. Its arguments
// are those of the request by name, as JSON: where they are declared they have
// been read as their types, those left out have their defaults or are not there,
// and one without a name goes by "". Undeclared ones come as they were sent, the
// parameters of a GET as strings.
//
// What it returns is encoded as JSON and then read as the type that is declared;
// nil is NULL, or no rows. An error is answered as one raised in the database:
// with its own code if it is a [*filter.SQLError], else as P0001, which is RAISE
// EXCEPTION. Functions run concurrently and outside transactions; one that needs
// the tables can ask through [Store.Transport].
type Function func(ctx context.Context, args map[string]json.RawMessage) (any, error)

// WithFunction makes a function known, declared in SQL's words:
//
//	add(a integer, b integer DEFAULT 10) RETURNS integer
//	due_leads(before timestamptz) RETURNS SETOF leads
//	totals() RETURNS TABLE (status text, n bigint)
//	claim_leads(n integer) RETURNS SETOF leads VOLATILE
//	keep(jsonb) RETURNS void
//
// A default is a number, true, false, NULL, anything in single quotes, or now(),
// which is the time of the call. A table of the store is a type. What is returned can be selected from, with
// embedded resources where it is rows of a table, filtered, ordered, limited and
// counted as rows of tables can, with PostgREST's limits: filters and orders see
// selected columns only. A function declared VOLATILE changes something, and is
// refused on GET. Functions may share a name if their arguments do not; of two that
// take the same the later counts.
//
// A name alone declares a function that takes any arguments and returns json: a
// set of it where it is a slice, void where it is nil.
//
// The handler panics when it is made if it cannot read the declaration, as
// [http.ServeMux] does with patterns.
func WithFunction(declaration string, f Function) HandlerOption {
	return func(h *handler) {
		declared, err := declareFunction(declaration, h.store.schema)
		if err == nil && f == nil {
			err = errors.New("there is no function")
		}
		if err != nil {
			panic(fmt.Sprintf("embedded: WithFunction(%q): %v", declaration, err))
		}
		declared.call = f
		if h.functions == nil {
			h.functions = map[string][]*function{}
		}
		others := slices.DeleteFunc(h.functions[declared.name], declared.replaces)
		h.functions[declared.name] = append(others, declared)
	}
}

// function is what is known of a Function.
type function struct {
	name       string
	parameters []parameter
	undeclared bool   // it takes and returns whatever it likes
	table      *table // the rows it returns are of this, which need not be a table of the schema
	scalar     bool   // they are values in the one column scalarColumn
	set        bool   // there may be any number of them, not just one
	void       bool
	volatile   bool
	call       Function
}

type parameter struct {
	name      string // empty: it has none
	typ       filter.Type
	optional  bool
	otherwise *string // the literal of its default, read anew for each call as it may be now(); nil: none
	variadic  bool
}

// scalarColumn is what PostgREST calls the result of a function that returns no
// rows.
const scalarColumn = "pgrst_scalar"

func (f *function) parameterNames() []string {
	names := make([]string, len(f.parameters))
	for i, p := range f.parameters {
		names[i] = p.name
	}
	return names
}

func (f *function) replaces(other *function) bool {
	return f.undeclared || other.undeclared || slices.EqualFunc(f.parameters, other.parameters, func(a, b parameter) bool {
		return a.name == b.name && a.typ == b.typ
	})
}

// arguments are what a request gives a function.
type arguments struct {
	media string // of the body; empty: they are in the query string
	whole string // all of them, as the literal of one
	payload
}

// rpc calls a function and answers with what it returns.
func (h *handler) rpc(r *http.Request, name, rawQuery string, body []byte) (*response, error) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !reads && r.Method != http.MethodPost && r.Method != http.MethodOptions {
		return nil, &apiError{status: http.StatusMethodNotAllowed, code: "PGRST101", message: "Cannot use the " + r.Method + " method on RPC"}
	}
	query, err := (&query{calls: reads, source: "pgrst_source"}).parse(rawQuery)
	if err != nil {
		return nil, err
	}
	c, err := h.store.newCall(r, name, query, body)
	if err != nil {
		return nil, err
	}
	if err := c.applyRange(); err != nil {
		return nil, err
	}
	args, err := c.arguments()
	if err != nil {
		return nil, err
	}
	f, whole, err := h.function(c, args)
	switch {
	case err != nil:
		return nil, err
	case r.Method == http.MethodOptions:
		if f.volatile {
			return allow("OPTIONS,POST"), nil
		}
		return allow("OPTIONS,GET,HEAD,POST"), nil
	}
	c.table = f.table
	if c.root, err = c.store.schema.resolve(c.table, c.query, false); err != nil {
		return nil, err
	}
	c.media, err = negotiate(r.Header, tableMedia)
	if err := cmp.Or(err, c.prefer.refusal()); err != nil {
		return nil, err
	}
	p, err := c.planResult(f)
	if err != nil {
		return nil, err
	}
	st, err := c.store.snapshot()
	if err != nil {
		return nil, err
	}
	given, called, err := f.give(args, whole, c.session)
	switch {
	case err != nil:
		return nil, err
	case f.volatile && reads:
		return nil, &apiError{status: http.StatusMethodNotAllowed, code: "25006", message: "cannot execute INSERT in a read-only transaction"}
	}
	rows := []*row{}
	if called {
		if f, rows, err = f.run(c.ctx(), given, c.session); err != nil {
			return nil, err
		}
	}
	return c.result(f, p, st, rows)
}

// arguments reads what a request has for a function.
func (c *call) arguments() (args arguments, err error) {
	if c.request.Method != http.MethodPost {
		args.rows = []object{c.query.arguments}
		args.keys = c.query.arguments.keys()
		args.whole = string(c.query.arguments.appendJSON(nil))
		return args, nil
	}
	args.media, args.whole = contentType(c.request.Header), string(c.body)
	body := c.body
	switch args.media {
	case "text/plain", "text/xml", "application/octet-stream":
		return args, nil
	case "application/json":
		if len(body) == 0 && !c.query.hasColumns {
			body = []byte("{}")
		}
	}
	if args.payload, err = readPayload(args.media, body, c.query.columns, c.query.hasColumns, false); err != nil {
		return args, err
	}
	switch start := bytes.TrimSpace(body); {
	case args.media != "application/json" && len(args.rows) > 0:
		args.whole = string(args.rows[0].appendJSON(nil))
	case len(start) > 0 && start[0] != '{' && start[0] != '[' && !c.query.hasColumns:
		args.whole = "[]" // so PostgREST has a scalar
	}
	return args, nil
}

// function finds the one function of the name that takes the arguments: by their
// names, or all of them as the one it has, as whole says.
func (h *handler) function(c *call, args arguments) (found *function, whole bool, err error) {
	known := h.functions[c.name]
	single := c.prefer.parameters == "single-object"
	var byName, byType []*function
	for _, f := range known {
		switch {
		case f.takes(args, single):
			byName = append(byName, f)
		case f.takesBody(args.media):
			byType = append(byType, f)
		}
	}
	if whole = single; len(byName) == 0 {
		byName, whole = byType, true
	}
	switch {
	case len(byName) == 0:
		return nil, false, h.noFunction(c, args)
	case len(byName) > 1:
		return nil, false, ambiguousFunction(byName)
	case whole && !single && byName[0].parameters[0].name != "": // PostgREST has not looked whether it has one
		if slices.Contains(args.keys, byName[0].parameters[0].name) {
			return byName[0], false, nil
		}
		return nil, false, &apiError{
			status: http.StatusNotFound, code: "42883", message: "function public." + c.name + "() does not exist",
			hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
		}
	}
	return byName[0], whole, nil
}

// takes reports whether a function has the parameters that are given, and all it
// needs; or, for single, the one that can have them all.
func (f *function) takes(args arguments, single bool) bool {
	isText := slices.Contains([]string{"text/plain", "text/xml", "application/octet-stream"}, args.media)
	switch {
	case f.undeclared:
		return !isText
	case single:
		return len(f.parameters) == 1 && f.parameters[0].typ.IsJSON()
	case len(f.parameters) == 0:
		return len(args.keys) == 0 && !isText
	}
	needed := 0
	for _, p := range f.parameters {
		if given := slices.Contains(args.keys, p.name); given {
			needed++
		} else if !p.optional {
			return false
		}
	}
	return needed == len(args.keys)
}

// takesBody reports whether a function has one parameter that can be what is
// posted as it is.
func (f *function) takesBody(media string) bool {
	if len(f.parameters) != 1 {
		return false
	}
	switch typ := f.parameters[0].typ.String(); media {
	case "application/json":
		return f.parameters[0].typ.IsJSON()
	case "text/plain":
		return typ == "text"
	case "text/xml":
		return typ == "xml"
	case "application/octet-stream":
		return typ == "bytea"
	}
	return false
}

func ambiguousFunction(found []*function) error {
	signatures := make([]string, len(found))
	for i, f := range found {
		parts := make([]string, len(f.parameters))
		for j, p := range f.parameters {
			parts[j] = p.name + " => " + p.typ.String()
		}
		signatures[i] = "public." + f.name + "(" + strings.Join(parts, ", ") + ")"
	}
	return &apiError{
		status: http.StatusMultipleChoices, code: "PGRST203",
		message: "Could not choose the best candidate function between: " + strings.Join(signatures, ", "),
		hint:    "Try renaming the parameters or the function itself in the database so function overloading can be resolved",
	}
}

func (h *handler) noFunction(c *call, args arguments) error {
	signature, searched := "("+strings.Join(args.keys, ", ")+")", "with parameter"
	switch len(args.keys) {
	case 0:
		signature, searched = " without parameters", "without parameters"
	case 1:
		searched += " " + args.keys[0]
	default:
		searched += "s " + strings.Join(args.keys, ", ")
	}
	hint := h.nearestFunction(c.name, args.keys)
	unnamed := map[string]string{"text/plain": "text", "text/xml": "xml", "application/octet-stream": "bytea"}[args.media]
	switch {
	case c.prefer.parameters == "single-object":
		signature, searched, hint = "", "with a single json/jsonb parameter", ""
	case unnamed != "":
		signature, searched, hint = "", "with a single unnamed "+unnamed+" parameter", ""
	case args.media == "application/json":
		searched += " or with a single unnamed json/jsonb parameter"
	}
	return &apiError{
		status: http.StatusNotFound, code: "PGRST202",
		message: "Could not find the function public." + c.name + signature + " in the schema cache",
		details: "Searched for the function public." + c.name + " " + searched + ", but no matches were found in the schema cache.",
		hint:    hint,
	}
}

// planResult understands what is asked of a function's result. PostgREST takes the
// columns that are selected from the call, and all else from those.
func (c *call) planResult(f *function) (*plan, error) {
	wanted := *c.root
	if !f.scalar {
		for _, item := range wanted.columns {
			if _, ok := c.table.byName[item.Path.Column]; !ok && item.Path.Column != "*" && item.Path.Column != "count" {
				return nil, (&plan{table: c.table, alias: "pgrst_call"}).unknownColumn(item.Path.Column)
			}
		}
		wanted.visible = c.selectedColumns()
	}
	p, err := planFor(c.session, &wanted)
	if err != nil {
		if c.countsResult() { // which PostgREST has looked at before, without what is shown
			_, first := newPlan(c.session, wanted.bare(), nil)
			err = cmp.Or(first, err)
		}
		return nil, err
	}
	if !f.scalar || f.void || c.media.csv || c.media.single && f.set || c.request.Method == http.MethodHead {
		return p, nil
	}
	named := 0
	for _, out := range p.outputs {
		if out.name == scalarColumn {
			named++
		}
	}
	switch named {
	case 0:
		return nil, &apiError{status: http.StatusBadRequest, code: "42703", message: "column _postgrest_t." + scalarColumn + " does not exist"}
	case 1:
		return p, nil
	default:
		return nil, &apiError{status: http.StatusBadRequest, code: "42702", message: `column reference "` + scalarColumn + `" is ambiguous`}
	}
}

// countsResult tells whether the answer says how many rows a function returns.
func (c *call) countsResult() bool { return c.prefer.count == "exact" || c.prefer.count == "estimated" }

// bare is what PostgREST counts of a resource: its rows, and of what it embeds what
// they must have.
func (r *resource) bare() *resource {
	bare := *r
	bare.columns, bare.order, bare.span = nil, nil, span{}
	if bare.item.Embed != nil {
		embed := *r.item.Embed
		embed.Spread, bare.item.Embed = false, &embed
		if !embed.Inner {
			bare.filters, bare.trees, bare.embeds = nil, nil, nil
		}
	}
	bare.embeds = slices.Clone(bare.embeds)
	for i, e := range bare.embeds {
		bare.embeds[i] = e.bare()
	}
	return &bare
}

// give makes the arguments of a call of what a request has for it. There may be
// nothing to call the function with.
func (f *function) give(args arguments, whole bool, session filter.Session) (given map[string]json.RawMessage, called bool, err error) {
	given = map[string]json.RawMessage{}
	switch {
	case whole && !f.undeclared:
		p := f.parameters[0]
		literal := args.whole
		if p.typ.String() == "bytea" {
			literal = fmt.Sprintf(`\x%x`, literal)
		}
		v, err := p.typ.Parse(literal, session)
		given[p.name] = p.typ.AppendJSON(nil, v, session)
		return given, true, err
	case len(f.parameters) == 0 && !f.undeclared:
		return given, true, nil
	case args.unreadable != nil:
		return nil, false, args.unreadable
	case f.undeclared && args.failure != nil:
		return nil, false, args.failure
	case f.undeclared:
		if len(args.rows) > 0 {
			for _, field := range args.rows[0] {
				if slices.Contains(args.keys, field.key) {
					given[field.key] = field.value
				}
			}
		}
		return given, true, nil
	}
	for i, sent := range args.rows { // PostgreSQL reads them all, and calls with the first
		read, err := f.readArguments(args, sent, session)
		if err != nil {
			return nil, false, err
		}
		if i == 0 {
			given = read
		}
	}
	return given, len(args.rows) > 0, args.failure
}

// readArguments reads an object that is sent as the arguments of the function.
func (f *function) readArguments(args arguments, sent object, session filter.Session) (map[string]json.RawMessage, error) {
	for _, field := range sent {
		if err := filter.CheckJSON(field.value); err != nil {
			return nil, err
		}
	}
	given := map[string]json.RawMessage{}
	for _, p := range f.parameters {
		value, ok := sent.get(p.name)
		switch {
		case !ok && slices.Contains(args.keys, p.name):
			value = json.RawMessage("null")
		case !ok && p.otherwise == nil:
			continue
		case !ok:
			v, err := p.typ.Parse(*p.otherwise, filter.Session{Now: session.Now})
			if err != nil {
				return nil, err
			}
			given[p.name] = p.typ.AppendJSON(nil, v, session)
			continue
		case p.variadic && args.media != "application/json" && args.media != "text/csv":
			value = sent.all(p.name)
		}
		v, err := p.typ.ParseJSON(value, session)
		if err != nil {
			return nil, withKey(err, p.name)
		}
		given[p.name] = p.typ.AppendJSON(nil, v, session)
	}
	return given, nil
}

// run calls the function and reads what it returns. What it is becomes clear now
// where it is not declared.
func (f *function) run(ctx context.Context, given map[string]json.RawMessage, session filter.Session) (*function, []*row, error) {
	result, err := f.call(ctx, given)
	var raised *filter.SQLError
	switch {
	case errors.As(err, &raised):
		return f, nil, err
	case err != nil:
		return f, nil, &apiError{status: http.StatusBadRequest, code: "P0001", message: err.Error()}
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return f, nil, f.broken(err)
	}
	if f.undeclared {
		shaped := *f
		shaped.void, shaped.set = result == nil, result != nil && reflect.TypeOf(result).Kind() == reflect.Slice && (encoded[0] == '[' || string(encoded) == "null")
		f = &shaped
	}
	cells := []json.RawMessage{encoded}
	switch {
	case f.void:
		cells[0] = json.RawMessage("null")
	case f.set:
		if err := json.Unmarshal(encoded, &cells); err != nil {
			return f, nil, f.broken(errors.New("it is not a list"))
		}
	}
	rows := make([]*row, len(cells))
	for i, cell := range cells {
		values, err := f.values(cell, session)
		if err != nil {
			return f, nil, f.broken(err)
		}
		rows[i] = newRow(uint64(i), f.table.layout.encode(values))
	}
	return f, rows, nil
}

// values reads one result. NULL is a row of NULLs where it should be a row.
func (f *function) values(cell json.RawMessage, session filter.Session) (_ []filter.Value, err error) {
	values := make([]filter.Value, len(f.table.columns))
	if string(cell) == "null" {
		return values, nil
	}
	if f.scalar {
		values[0], err = f.table.columns[0].typ.ParseJSON(cell, session)
		return values, err
	}
	if cell[0] != '{' {
		return nil, fmt.Errorf("%s is not a row of %s", cell, f.table.name)
	}
	rows, _ := elements(cell)
	for _, given := range rows[0] {
		n, ok := f.table.byName[given.key]
		if !ok {
			return nil, fmt.Errorf("%s has no column %q", f.table.name, given.key)
		}
		if values[n], err = f.table.columns[n].typ.ParseJSON(given.value, session); err != nil {
			return nil, fmt.Errorf("column %q: %w", given.key, err)
		}
	}
	return values, nil
}

// broken is the answer where a function does not return what it is declared to.
func (f *function) broken(err error) error {
	return &apiError{status: http.StatusInternalServerError, code: "XX000", message: "what function " + f.name + " returned: " + err.Error()}
}

// result answers with what is asked of the rows a function has returned.
func (c *call) result(f *function, p *plan, st *state, rows []*row) (*response, error) {
	counted := c.countsResult()
	found, err := p.pick(c.ctx(), st, rows, counted)
	if err != nil {
		return nil, err
	}
	shown := 1
	if f.set {
		if shown = len(found.rows); c.media.single && shown != 1 {
			return nil, cmp.Or(c.tryPrinting(p, st, found.rows), notSingular(len(found.rows)))
		}
	}
	total := found.total
	switch {
	case p.counting: // the one row says so
		total = 1
	case !f.set && len(found.rows) == 0 && c.request.Method == http.MethodHead: // PostgREST has no answer then
		shown, counted, total = 0, true, 0
	}
	if shown == 0 && !f.set && c.media.single {
		return nil, notSingular(0)
	}
	res := newResponse(http.StatusOK)
	res.contentType = c.media.contentType
	res.header.set("Content-Range", contentRange(p.offset, shown, counted, total))
	c.applied(res, "params", "count", "handling")
	if f.void {
		res.status, res.contentType = http.StatusNoContent, ""
		return res, nil
	}
	if counted {
		if err := res.outOf(p.offset, shown, total); err != nil {
			return nil, err
		}
	}
	var header []string
	switch {
	case len(rows) == 0:
	case f.scalar:
		header = []string{scalarColumn}
	default:
		header = c.selectedColumns()
	}
	c.function = f
	return res, c.print(res, p, st, found.rows, header)
}

// print writes what a function returns as JSON: a list if it is a set, unless one
// object is wanted, and else the one row or value there is.
func (f *function) print(pr *printer, dst []byte, p *plan, rows []*row, single bool) (_ []byte, err error) {
	list := f.set && !single
	switch {
	case list && !f.scalar:
		return pr.array(dst, p, rows)
	case !list && len(rows) == 0:
		return append(dst, "null"...), nil
	case !list && (!f.scalar || f.set):
		return pr.row(dst, p, rows[0])
	}
	out := &p.outputs[slices.IndexFunc(p.outputs, func(out output) bool { return out.name == scalarColumn })]
	if !list {
		return pr.cell(dst, p, out, rows[0])
	}
	dst = append(dst, '[')
	for i, r := range rows {
		if i > 0 {
			dst = append(dst, ", \n "...)
		}
		if dst, err = pr.cell(dst, p, out, r); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}
