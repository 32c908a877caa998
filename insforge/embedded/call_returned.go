package embedded

import (
	"net/http"
	"slices"
)

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
		value := col.typ.AppendJSON(nil, c.table.layout.value(r.data(), n), c.session)
		if value[0] == '"' {
			out = appendEscaped(out, unquote(value))
		} else {
			out = appendEscaped(out, string(value))
		}
	}
	return string(out)
}
