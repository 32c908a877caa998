package filter

import (
	"math"
	"strings"
)

// Ranges are held as PostgreSQL prints them in UTC, discrete ones in their
// canonical form [lower,upper).

type rangeBound struct {
	infinite  bool
	inclusive bool
	lower     bool
	value     Value
}

type rangeValue struct {
	empty        bool
	lower, upper rangeBound
}

func malformedRange(literal, detail string) error {
	return &SQLError{Code: "22P02", Message: `malformed range literal: "` + literal + `"`, Detail: detail}
}

func parseRange(t Type, literal string, session Session) (Value, error) {
	if err := checkText(literal); err != nil {
		return Value{}, err
	}
	r, err := readRange(t, literal, session)
	if err != nil {
		return Value{}, err
	}
	return text(string(appendRange(nil, t, r, Session{}))), nil
}

// rangeOf reads a value that was normalised before.
func rangeOf(t Type, v Value) rangeValue {
	r, err := readRange(t, v.str, Session{})
	if err != nil {
		return rangeValue{empty: true}
	}
	return r
}

func readRange(t Type, literal string, session Session) (rangeValue, error) {
	s := strings.TrimLeft(literal, pgSpace)
	if len(s) >= 5 && strings.EqualFold(s[:5], "empty") {
		if strings.Trim(s[5:], pgSpace) != "" {
			return rangeValue{}, malformedRange(literal, `Junk after "empty" key word.`)
		}
		return rangeValue{empty: true}, nil
	}
	if s == "" || s[0] != '[' && s[0] != '(' {
		return rangeValue{}, malformedRange(literal, "Missing left parenthesis or bracket.")
	}
	r := rangeValue{lower: rangeBound{lower: true, inclusive: s[0] == '['}}
	lower, present, rest, ok := cutBound(s[1:])
	if !ok {
		return rangeValue{}, malformedRange(literal, "Unexpected end of input.")
	}
	if rest[0] != ',' {
		return rangeValue{}, malformedRange(literal, "Missing comma after lower bound.")
	}
	upper, upperPresent, rest, ok := cutBound(rest[1:])
	if !ok {
		return rangeValue{}, malformedRange(literal, "Unexpected end of input.")
	}
	if rest[0] == ',' {
		return rangeValue{}, malformedRange(literal, "Too many commas.")
	}
	r.upper.inclusive = rest[0] == ']'
	if strings.Trim(rest[1:], pgSpace) != "" {
		return rangeValue{}, malformedRange(literal, "Junk after right parenthesis or bracket.")
	}
	if err := r.lower.read(t, lower, present, session); err != nil {
		return rangeValue{}, err
	}
	if err := r.upper.read(t, upper, upperPresent, session); err != nil {
		return rangeValue{}, err
	}
	return r.canonical(t)
}

// cutBound takes a bound up to an unquoted , ] or ), which starts rest.
func cutBound(s string) (bound string, present bool, rest string, ok bool) {
	var out []byte
	inQuotes := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			out = append(out, s[i])
			present = true
		case c == '"' && inQuotes && i+1 < len(s) && s[i+1] == '"':
			i++
			out = append(out, '"')
		case c == '"':
			inQuotes = !inQuotes
			present = true
		case !inQuotes && (c == ',' || c == ']' || c == ')'):
			return string(out), present, s[i:], true
		default:
			out = append(out, c)
			present = true
		}
	}
	return "", false, "", false
}

func (b *rangeBound) read(t Type, literal string, present bool, session Session) error {
	if !present {
		b.infinite = true
		return nil
	}
	v, err := t.bound().Parse(literal, session)
	b.value = v
	return err
}

// canonical checks the bounds' order and gives discrete ranges their one form.
func (r rangeValue) canonical(t Type) (rangeValue, error) {
	bound := t.bound()
	if !r.lower.infinite && !r.upper.infinite {
		c := bound.Compare(r.lower.value, r.upper.value)
		if c > 0 {
			return rangeValue{}, &SQLError{Code: "22000", Message: "range lower bound must be less than or equal to range upper bound"}
		}
		if c == 0 && !(r.lower.inclusive && r.upper.inclusive) {
			return rangeValue{empty: true}, nil
		}
	}
	r.lower.inclusive = r.lower.inclusive && !r.lower.infinite
	r.upper.inclusive = r.upper.inclusive && !r.upper.infinite
	if t.kind != kindInt4Range && t.kind != kindInt8Range && t.kind != kindDateRange {
		return r, nil
	}
	isFinite := func(v Value) bool {
		return t.kind != kindDateRange || v.num != infinityDay && v.num != minusInfDay
	}
	if !r.lower.infinite && !r.lower.inclusive && isFinite(r.lower.value) {
		if err := increment(bound, &r.lower.value); err != nil {
			return rangeValue{}, err
		}
		r.lower.inclusive = true
	}
	if !r.upper.infinite && r.upper.inclusive && isFinite(r.upper.value) {
		if err := increment(bound, &r.upper.value); err != nil {
			return rangeValue{}, err
		}
		r.upper.inclusive = false
	}
	if !r.lower.infinite && !r.upper.infinite && bound.Compare(r.lower.value, r.upper.value) >= 0 {
		return rangeValue{empty: true}, nil
	}
	return r, nil
}

// increment adds one to a bound; the type may have no such value.
func increment(bound Type, v *Value) error {
	switch {
	case bound.kind == kindDate && !isDate(v.num+1):
		return &SQLError{Code: "22008", Message: "date out of range"}
	case bound.kind == kindInt4 && v.num == math.MaxInt32, v.num == math.MaxInt64:
		return &SQLError{Code: "22003", Message: bound.String() + " out of range"}
	}
	v.num++
	return nil
}

func appendRange(dst []byte, t Type, r rangeValue, session Session) []byte {
	if r.empty {
		return append(dst, "empty"...)
	}
	open, closing := byte('('), byte(')')
	if r.lower.inclusive {
		open = '['
	}
	if r.upper.inclusive {
		closing = ']'
	}
	dst = append(dst, open)
	dst = appendBound(dst, t.bound(), r.lower, session)
	dst = append(dst, ',')
	dst = appendBound(dst, t.bound(), r.upper, session)
	return append(dst, closing)
}

func appendBound(dst []byte, bound Type, b rangeBound, session Session) []byte {
	if b.infinite {
		return dst
	}
	s := string(bound.AppendText(nil, b.value, session))
	if s != "" && !strings.ContainsAny(s, `()[],"\`+pgSpace) {
		return append(dst, s...)
	}
	return append(append(append(dst, '"'), s...), '"')
}

func appendRangeText(dst []byte, t Type, v Value, session Session) []byte {
	return appendRange(dst, t, rangeOf(t, v), session)
}

// compareBounds orders two bounds on the line; an exclusive lower bound lies
// just above its value, an exclusive upper bound just below.
func compareBounds(t Type, a, b rangeBound) int {
	place := func(x rangeBound) int64 {
		if !x.infinite {
			return 0
		}
		if x.lower {
			return -1
		}
		return 1
	}
	if a.infinite || b.infinite {
		return compareInts(place(a), place(b))
	}
	if c := t.bound().Compare(a.value, b.value); c != 0 {
		return c
	}
	edge := func(x rangeBound) int64 {
		switch {
		case x.inclusive:
			return 0
		case x.lower:
			return 1
		}
		return -1
	}
	return compareInts(edge(a), edge(b))
}

func compareRanges(t Type, a, b Value) int {
	x, y := rangeOf(t, a), rangeOf(t, b)
	switch {
	case x.empty && y.empty:
		return 0
	case x.empty:
		return -1
	case y.empty:
		return 1
	}
	if c := compareBounds(t, x.lower, y.lower); c != 0 {
		return c
	}
	return compareBounds(t, x.upper, y.upper)
}

func rangeContains(t Type, a, b rangeValue) bool {
	switch {
	case b.empty:
		return true
	case a.empty:
		return false
	}
	return compareBounds(t, a.lower, b.lower) <= 0 && compareBounds(t, a.upper, b.upper) >= 0
}

func rangeOverlaps(t Type, a, b rangeValue) bool {
	return !a.empty && !b.empty && !rangeBefore(t, a, b) && !rangeBefore(t, b, a)
}

// rangeBefore is <<: a ends before b starts.
func rangeBefore(t Type, a, b rangeValue) bool {
	return !a.empty && !b.empty && compareBounds(t, a.upper, b.lower) < 0
}

// rangeAdjacent is -|-: nothing lies between the two, and nothing in both.
func rangeAdjacent(t Type, a, b rangeValue) bool {
	if a.empty || b.empty {
		return false
	}
	meets := func(upper, lower rangeBound) bool {
		if upper.infinite || lower.infinite || upper.inclusive == lower.inclusive {
			return false
		}
		return t.bound().Compare(upper.value, lower.value) == 0
	}
	return meets(a.upper, b.lower) || meets(b.upper, a.lower)
}
