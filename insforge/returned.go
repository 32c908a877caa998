package insforge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// PostgREST before 14.4 (its issue 3707) applies the and/or filters of a write
// once more, to the rows that the write has left, before it answers with them:
// rows that no longer fulfil them have been changed all the same and are missing
// from the answer, and a column that is not selected is an error. A caller of a
// conditional update would take it for lost. So such filters are avoided where
// they can be, columns they need are selected, and where an update sets one of
// these columns the filter must hold of what it is set to.

// changeParams are the parameters of an update or delete that answers with its
// rows. strip are the keys in these rows that nobody asked for.
func (q Query) changeParams(set object) (ps params, strip []string, err error) {
	filters := flatten(q.filters)
	// Those that hold afterwards may go into a tree.
	slices.SortStableFunc(filters, func(a, b filter.Filter) int {
		return int(afterwards(a, set) - afterwards(b, set))
	})
	own, trees, err := filter.ParamsApart(filters...)
	if err != nil {
		return nil, nil, fmt.Errorf("insforge: %s: %w", q.name, err)
	}
	q.columns = slices.Clone(q.columns)
	for _, f := range trees {
		for _, path := range pathsOf(f, nil) {
			if _, changed := set[path.Column]; changed && afterwards(f, set) != filter.True {
				return nil, nil, fmt.Errorf("insforge: %s: %w: %q", q.name, ErrHidden, path.Column)
			}
			if !q.returns(path.Column) {
				key := "filtered_" + strconv.Itoa(len(strip))
				strip = append(strip, key)
				q.columns = append(q.columns, key+":"+filter.Quote(path.Column))
			}
		}
	}
	q.filters = nil
	if ps, err = q.params(); err != nil {
		return nil, nil, err
	}
	return append(ps, own...), strip, nil
}

// afterwards is what a filter is for every row that has been set to certain
// values. Unknown is that it depends on the row, or cannot be told.
func afterwards(f filter.Filter, set object) filter.Truth {
	switch f := f.(type) {
	case filter.Tree:
		all := filter.Truth(filter.True)
		if f.Or {
			all = filter.False
		}
		for _, inner := range f.Filters {
			if t := afterwards(inner, set); f.Or {
				all = max(all, t)
			} else {
				all = min(all, t)
			}
		}
		if f.Negate {
			all = all.Not()
		}
		return all
	case filter.Cond:
		raw, ok := set[f.Path.Column]
		if !ok || len(f.Path.Embed) > 0 {
			return filter.Unknown
		}
		var t filter.Type // text, for null
		if string(raw) != "null" {
			t = guessType(raw)
		}
		if raw[0] == '"' && json.Valid(raw[1:len(raw)-1]) || t.IsText() && ordering(f.Op) {
			return filter.Unknown // a number as text; an order that depends on the collation
		}
		v, err := t.ParseJSON(raw, filter.Session{})
		if err != nil {
			return filter.Unknown
		}
		pred, err := filter.Compile(f, func(string) (filter.Type, bool) { return t, true })
		if err != nil {
			return filter.Unknown
		}
		truth, err := pred.Match(filter.Values{v})
		if err != nil {
			return filter.Unknown
		}
		return truth
	default:
		return filter.Unknown
	}
}

func ordering(op filter.Op) bool {
	return op == filter.OpGt || op == filter.OpGte || op == filter.OpLt || op == filter.OpLte
}

// withoutKeys removes keys from an answer's rows.
func withoutKeys(body []byte, keys []string) ([]byte, error) {
	if len(keys) == 0 {
		return body, nil
	}
	remove := func(row object) {
		for _, key := range keys {
			delete(row, key)
		}
	}
	if len(body) > 0 && body[0] == '{' {
		var row object
		if err := json.Unmarshal(body, &row); err != nil {
			return nil, err
		}
		remove(row)
		return json.Marshal(row)
	}
	var rows []object
	if err := json.Unmarshal(body, &rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		remove(row)
	}
	return json.Marshal(rows)
}
