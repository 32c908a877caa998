package embedded

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

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
