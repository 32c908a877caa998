package embedded

import (
	"cmp"
	"fmt"
	"math/big"
	"net/http"
	"slices"
)

func (c *call) payload(byColumns bool) (payload, error) {
	return readPayload(contentType(c.request.Header), c.body, c.query.columns, byColumns, c.prefer.missing == "default")
}

// payloadForTable reads what is to be written, and finds the table it is for.
func (c *call) payloadForTable() (payload, error) {
	body, err := c.payload(c.query.hasColumns)
	if err != nil {
		return body, err
	}
	if err := c.resolve(); err != nil {
		return body, err
	}
	switch {
	case c.table != nil:
		return body, nil
	case len(body.keys) > 0:
		return body, notFound
	default:
		return body, c.unknownTable()
	}
}

func (c *call) post() (*response, error) {
	if err := c.applyRange(); err != nil {
		return nil, err
	}
	body, err := c.payloadForTable()
	if err != nil {
		return nil, err
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
			_, err := tx.propose(c.ctx(), ins) // the rows before come first
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
	body, err := c.payloadForTable()
	if err != nil {
		return nil, err
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
				proposals, err := tx.propose(c.ctx(), ins)
				if err := cmp.Or(err, body.failure); err != nil {
					return err
				}
				if rows, err = tx.updateRows(c.ctx(), c.table, found, columns, proposals[0]); err != nil {
					return err
				}
				if err := tx.tryUpdates(c.ctx(), c.table, found, columns, proposals[1:]); err != nil {
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
