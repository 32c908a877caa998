package insforge

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// orderTerm is one term of an order, read back from its text.
type orderTerm struct {
	path       filter.Path
	descending bool
	nullsFirst bool
}

// parseOrder reads the terms of an order. It cannot read those of embedded
// resources: ok is then false, and the terms are those in front of it.
func parseOrder(terms []string) (parsed []orderTerm, ok bool) {
	for _, term := range splitOutside(strings.Join(terms, ","), ',') {
		if term == "" {
			continue
		}
		words := splitOutside(term, '.')
		path, err := filter.ParsePath(words[0])
		if err != nil || len(path.Embed) > 0 {
			return parsed, false
		}
		t := orderTerm{path: path}
		for _, modifier := range words[1:] {
			switch modifier {
			case "asc":
			case "desc":
				t.descending, t.nullsFirst = true, true
			case "nullsfirst":
				t.nullsFirst = true
			case "nullslast":
				t.nullsFirst = false
			default:
				return parsed, false
			}
		}
		parsed = append(parsed, t)
	}
	return parsed, true
}

// splitOutside splits at a separator that is outside double quotes.
func splitOutside(s string, separator byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == '\\' && quoted:
			i++
		case s[i] == separator && !quoted:
			parts, start = append(parts, s[start:i]), i+1
		}
	}
	return append(parts, s[start:])
}

// returns reports whether a column is certainly part of the result, under its
// own name.
func (q Query) returns(column string) bool {
	if len(q.columns) == 0 {
		return true
	}
	for _, item := range q.columns {
		if strings.ContainsAny(item, "(:") {
			continue
		}
		for _, name := range splitOutside(item, ',') {
			if name == "*" || name == filter.Quote(column) || name == column {
				return true
			}
		}
	}
	return false
}

// sortKey is what a row is sorted by.
type sortKey []filter.Value

// keyOf reads a row's sort key.
func keyOf(row object, order []orderTerm, keys map[string]string, types map[string]filter.Type) (sortKey, []filter.Type, error) {
	key := make(sortKey, len(order))
	kinds := make([]filter.Type, len(order))
	for i, term := range order {
		t := types[term.path.Column]
		v, err := t.ParseJSON(row[keys[term.path.Column]], filter.Session{})
		if err != nil {
			return nil, nil, err
		}
		if len(term.path.Steps) > 0 {
			inner, follow, err := t.Follow(term.path.Steps, filter.Session{})
			if err != nil {
				return nil, nil, err
			}
			if v, err = follow(v); err != nil {
				return nil, nil, err
			}
			t = inner
		}
		key[i], kinds[i] = v, t
	}
	return key, kinds, nil
}

// compareKeys orders two rows as PostgreSQL does.
func compareKeys(a, b sortKey, kinds []filter.Type, order []orderTerm) int {
	for i, term := range order {
		x, y := a[i], b[i]
		switch {
		case x.IsNull() && y.IsNull():
			continue
		case x.IsNull() || y.IsNull():
			if x.IsNull() == term.nullsFirst {
				return -1
			}
			return 1
		}
		if c := kinds[i].Compare(x, y); c != 0 {
			if term.descending {
				return -c
			}
			return c
		}
	}
	return 0
}

// sortRows returns the rows' positions in order; equal rows stay as they were.
func sortRows(rows []object, order []orderTerm, keys map[string]string, types map[string]filter.Type) ([]int, error) {
	sortKeys := make([]sortKey, len(rows))
	positions := make([]int, len(rows))
	var kinds []filter.Type
	for i, row := range rows {
		var err error
		if sortKeys[i], kinds, err = keyOf(row, order, keys, types); err != nil {
			return nil, err
		}
		positions[i] = i
	}
	slices.SortStableFunc(positions, func(a, b int) int { return compareKeys(sortKeys[a], sortKeys[b], kinds, order) })
	return positions, nil
}

var (
	looksLikeTimestamp = regexp.MustCompile(`^"[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(([+-][0-9]{2}(:[0-9]{2}){0,2})|Z)?"$`)
	looksLikeDate      = regexp.MustCompile(`^"[0-9]{4,6}-[0-9]{2}-[0-9]{2}"$`)
	looksLikeUUID      = regexp.MustCompile(`^"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"$`)
)

// isEndless reports whether a value is one of those that PostgREST writes as text
// in columns of numbers, dates and times.
func isEndless(raw json.RawMessage) bool {
	switch string(raw) {
	case `"NaN"`, `"Infinity"`, `"-Infinity"`, `"infinity"`, `"-infinity"`:
		return true
	default:
		return false
	}
}

// guessType tells a column's type from one of its values, as PostgREST writes
// them.
func guessType(raw json.RawMessage) filter.Type {
	name := "text"
	switch {
	case len(raw) == 0:
	case raw[0] == '{' || raw[0] == '[' && strings.ContainsAny(string(raw), "{"):
		name = "jsonb"
	case raw[0] == '[':
		name = "text[]"
		if len(raw) > 1 && strings.IndexByte("-0123456789", raw[1]) >= 0 {
			name = "numeric[]"
		}
	case raw[0] == 't' || raw[0] == 'f':
		name = "bool"
	case raw[0] != '"':
		name = "numeric"
	case looksLikeTimestamp.Match(raw):
		name = "timestamptz"
	case looksLikeDate.Match(raw):
		name = "date"
	case looksLikeUUID.Match(raw):
		name = "uuid"
	}
	t, err := filter.ParseType(name)
	if err != nil { // not one of the names above
		return filter.Type{}
	}
	return t
}
