package embedded

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// An insertion is a POST or PUT resolved against a table.
type insertion struct {
	table          *table
	columns        []int // that the payload gives
	rows           []object
	rest           int // elements of the payload that are no rows
	missingDefault bool
	resolution     string         // merge-duplicates, ignore-duplicates, or nothing
	target         *index         // of the resolution
	only           []filter.Value // a primary key: other rows are passed over
}

// payloadColumns finds the columns a write gives.
func payloadColumns(t *table, names []string) ([]int, error) {
	columns := make([]int, len(names))
	for i, name := range names {
		n, ok := t.byName[name]
		if !ok {
			return nil, &apiError{
				status: http.StatusBadRequest, code: "PGRST204",
				message: fmt.Sprintf("Column '%s' of relation '%s' does not exist", name, t.name),
			}
		}
		columns[i] = n
	}
	return columns, nil
}

// conflictTarget finds the constraint that on_conflict means; nil without an
// error if the table has no primary key to fall back on. That there is none for
// the columns is unsuitable, which PostgreSQL finds out after it has read the body.
func conflictTarget(t *table, q *query, ins *insertion) (target *index, unsuitable, err error) {
	if len(q.onConflict) == 0 {
		return t.primary, nil, nil
	}
	columns := make([]int, len(q.onConflict))
	for i, name := range q.onConflict {
		n, ok := t.byName[name]
		if !ok {
			return nil, nil, &apiError{
				status: http.StatusBadRequest, code: "42703", message: fmt.Sprintf(`column "%s" does not exist`, name),
				hint: ins.nearestColumn(name),
			}
		}
		columns[i] = n
	}
	slices.Sort(columns)
	if ix := t.uniqueOn(slices.Compact(columns)); ix != nil {
		return ix, nil, nil
	}
	return nil, &apiError{
		status: http.StatusBadRequest, code: "42P10",
		message: "there is no unique or exclusion constraint matching the ON CONFLICT specification",
	}, nil
}

// nearestColumn is the hint at a misspelt on_conflict column. PostgreSQL also
// looks at the row sources of the statement PostgREST writes.
func (ins *insertion) nearestColumn(name string) string {
	all := ins.table.columnNames()
	relations := []relationName{{ins.table.name, all}}
	if len(ins.columns) > 0 {
		if ins.resolution == "merge-duplicates" {
			relations = append(relations, relationName{"excluded", all})
		}
		given := make([]string, len(ins.columns))
		for i, c := range ins.columns {
			given[i] = all[c]
		}
		relations = append(relations, relationName{"*SELECT*", given})
	}
	return perhaps(nearestColumns("", name, relations))
}

// insert carries out ins: the rows that were written, and how many of them are
// new rather than merged.
func (tx *txn) insertRows(ctx context.Context, ins *insertion) (rows []*row, inserted int, err error) {
	t := ins.table
	proposals, err := tx.propose(ctx, ins)
	if err != nil {
		return nil, 0, err
	}
	merged := map[*row]bool{}
	for _, values := range proposals {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		for c := range t.columns {
			if slices.Contains(ins.columns, c) {
				continue
			}
			if values[c], err = tx.fill(t, c); err != nil {
				return nil, 0, err
			}
		}
		if ins.resolution == "" || ins.target == nil {
			r, err := tx.insert(t, values)
			if err != nil {
				return nil, 0, err
			}
			rows = append(rows, r)
			inserted++
			continue
		}
		if ins.only != nil && t.compareKey(t.primary, t.layout.encode(values), ins.only) != 0 {
			continue
		}
		// NOT NULL and CHECK come before ON CONFLICT.
		if err := tx.validate(t, values); err != nil {
			return nil, 0, err
		}
		existing := tx.conflict(t, ins.target, t.layout.encode(values))
		switch {
		case existing == nil:
			r, err := tx.insert(t, values)
			if err != nil {
				return nil, 0, err
			}
			rows = append(rows, r)
			merged[r] = true
			inserted++
		case ins.resolution == "ignore-duplicates" || len(ins.columns) == 0:
		case merged[existing]:
			return nil, 0, &apiError{
				status: http.StatusBadRequest, code: "21000", message: "ON CONFLICT DO UPDATE command cannot affect row a second time",
				hint: "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
			}
		default:
			updated := t.layout.decode(existing.data())
			for _, c := range ins.columns {
				updated[c] = values[c]
			}
			r, err := tx.update(t, existing, updated)
			if err != nil {
				return nil, 0, err
			}
			rows = append(rows, r)
			merged[r] = true
		}
	}
	return rows, inserted, nil
}

// propose reads what the payload says of every row, before any row is written.
// With missing=default PostgREST lays each element of the payload over an object
// of defaults: each is computed whether it is needed or not, so a number is used
// up.
func (tx *txn) propose(ctx context.Context, ins *insertion) ([][]filter.Value, error) {
	t := ins.table
	proposals := make([][]filter.Value, len(ins.rows))
	for i := range proposals {
		proposals[i] = make([]filter.Value, len(t.columns))
	}
	if ins.missingDefault {
		for i := range len(ins.rows) + ins.rest {
			if i%cancelCheck == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			for _, c := range ins.columns {
				v, err := tx.fill(t, c)
				if err != nil {
					return nil, err
				}
				if i < len(ins.rows) {
					proposals[i][c] = v
				}
			}
		}
	}
	for i, o := range ins.rows {
		for _, f := range o { // before any of them is looked at
			if err := filter.CheckJSON(f.value); err != nil {
				return nil, err
			}
		}
		for _, c := range ins.columns {
			cell, given := o.get(t.columns[c].name)
			if !given {
				continue
			}
			var err error
			if proposals[i][c], err = t.columns[c].typ.ParseJSON(cell, tx.session); err != nil {
				return nil, withKey(err, t.columns[c].name)
			}
		}
	}
	return proposals, nil
}

// withKey adds the hint that names the key of a JSON value.
func withKey(err error, key string) error {
	api := asAPIError(err)
	if api.message == "expected JSON array" {
		if element, ok := strings.CutSuffix(api.hint, "."); ok {
			api.hint = fmt.Sprintf(`%s of key "%s".`, element, key)
		} else {
			api.hint = fmt.Sprintf(`See the value of key "%s".`, key)
		}
		return api
	}
	return err
}

// updateRows sets columns of rows to the values of a proposal.
func (tx *txn) updateRows(ctx context.Context, t *table, rows []*row, columns []int, set []filter.Value) ([]*row, error) {
	updated := make([]*row, len(rows))
	for n, r := range rows {
		if n%cancelCheck == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var err error
		if updated[n], err = tx.update(t, r, t.with(r, columns, set)); err != nil {
			return nil, err
		}
	}
	return updated, nil
}

// tryUpdates checks what further elements of a body would make of rows, which
// PostgreSQL does before it finds that it has updated them already.
func (tx *txn) tryUpdates(ctx context.Context, t *table, rows []*row, columns []int, sets [][]filter.Value) error {
	tried := 0
	for _, set := range sets {
		for _, r := range rows {
			if tried++; tried%cancelCheck == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := tx.validate(t, t.with(r, columns, set)); err != nil {
				return err
			}
		}
	}
	return nil
}

// with are the values of a row after columns of it have been set.
func (t *table) with(r *row, columns []int, set []filter.Value) []filter.Value {
	values := t.layout.decode(r.data())
	for _, c := range columns {
		values[c] = set[c]
	}
	return values
}
