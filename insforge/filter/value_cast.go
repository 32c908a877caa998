package filter

import (
	"math"
	"strings"
)

// Cast prepares col::target. The error, a *[SQLError], is that of a cast which
// PostgreSQL does not have; those of values come from the function.
func (t Type) Cast(target Type, session Session) (func(Value) (Value, error), error) {
	if !t.castable(target) {
		return nil, &SQLError{Code: "42846", Message: "cannot cast type " + t.String() + " to " + target.String()}
	}
	convert := func(v Value) (Value, error) {
		return target.Parse(string(t.AppendText(nil, v, session)), session)
	}
	isNumber := func(k kind) bool { return k >= kindInt2 && k <= kindNumeric }
	switch {
	case t == target:
		convert = func(v Value) (Value, error) { return v, nil }
	case t.array || target.array:
	case isNumber(t.kind) && target.kind >= kindInt2 && target.kind <= kindInt8:
		convert = func(v Value) (Value, error) { return t.toInteger(target, v, session) }
	case t.kind == kindBool && target.IsInteger():
		convert = func(v Value) (Value, error) { return number(v.num), nil }
	case t.kind == kindBool && target.IsText():
		convert = func(v Value) (Value, error) {
			if v.num != 0 {
				return target.Parse("true", session)
			}
			return target.Parse("false", session)
		}
	case t.IsInteger() && target.IsBool():
		convert = func(v Value) (Value, error) { return number(boolInt(v.num != 0)), nil }
	case t.kind == kindJSONB && (isNumber(target.kind) || target.IsBool()):
		convert = func(v Value) (Value, error) { return jsonbScalar(target, v, session) }
	case t.kind == kindTimestamptz || t.kind == kindTimestamp:
		convert = func(v Value) (Value, error) { return t.fromTimestamp(target, v, session) }
	case target.kind == kindVarchar || target.kind == kindChar:
		convert = func(v Value) (Value, error) {
			s := string(t.AppendText(nil, v, session))
			if t.kind == kindChar && target.kind == kindVarchar { // the padding is not part of it
				s = strings.TrimRight(s, " ")
			}
			if runes := []rune(s); target.length > 0 && len(runes) > target.length {
				s = string(runes[:target.length]) // an explicit cast cuts
			}
			return target.Parse(s, session)
		}
	case t.kind == kindChar && target.IsText():
		convert = func(v Value) (Value, error) { return text(strings.TrimRight(v.str, " ")), nil }
	}
	return func(v Value) (Value, error) {
		if !v.set {
			return v, nil
		}
		return convert(v)
	}, nil
}

// castable is PostgreSQL's table of casts: anything goes to and from text.
func (t Type) castable(target Type) bool {
	if t == target || t.IsText() || target.IsText() {
		return true
	}
	if t.array || target.array {
		return t.array && target.array && t.Elem().castable(target.Elem())
	}
	isNumber := func(k kind) bool { return k >= kindInt2 && k <= kindNumeric }
	from, to := t.kind, target.kind
	switch {
	case from == to:
		return true
	case isNumber(from) && isNumber(to):
		return true
	case from == kindBool:
		return to == kindInt4
	case to == kindBool:
		return from == kindInt4 || from == kindJSONB
	case from == kindJSON || from == kindJSONB:
		return to == kindJSON || to == kindJSONB || from == kindJSONB && isNumber(to)
	case from == kindTimestamptz:
		return to == kindTimestamp || to == kindDate || to == kindTime || to == kindTimetz
	case from == kindTimestamp:
		return to == kindTimestamptz || to == kindDate || to == kindTime
	case from == kindDate:
		return to == kindTimestamp || to == kindTimestamptz
	case from == kindTime:
		return to == kindTimetz || to == kindInterval
	case from == kindTimetz:
		return to == kindTime
	}
	return false
}

// toInteger rounds: floats half to even, numerics half away from zero.
func (t Type) toInteger(target Type, v Value, session Session) (Value, error) {
	outOfRange := &SQLError{Code: "22003", Message: target.String() + " out of range"}
	switch t.kind {
	case kindFloat4, kindFloat8:
		f := math.RoundToEven(v.float())
		if math.IsNaN(f) || f < -9.3e18 || f > 9.3e18 {
			return Value{}, outOfRange
		}
		v = number(int64(f))
	case kindNumeric:
		if isSpecialNumeric(v.str) {
			name := "NaN"
			if v.str != "NaN" {
				name = "infinity"
			}
			return Value{}, &SQLError{Code: "0A000", Message: "cannot convert " + name + " to " + target.String()}
		}
		negative, whole, fraction, _ := splitNumeric(v.str)
		whole, _ = roundDecimal(whole, fraction, 0)
		parsed, err := Type{kind: kindInt8}.Parse(formatNumeric(negative, whole, ""), session)
		if err != nil {
			return Value{}, outOfRange
		}
		v = parsed
	}
	bits := 8*target.Width() - 1
	if bits < 63 && (v.num >= 1<<bits || v.num < -1<<bits) {
		return Value{}, outOfRange
	}
	return v, nil
}

func jsonbScalar(target Type, v Value, session Session) (Value, error) {
	node := mustJSON(v.str)
	names := map[byte]string{'n': "null", 'b': "boolean", '0': "numeric", '"': "string", '[': "array", '{': "object"}
	wanted := byte('0')
	if target.IsBool() {
		wanted = 'b'
	}
	if node.kind != wanted {
		return Value{}, &SQLError{Code: "22023", Message: "cannot cast jsonb " + names[node.kind] + " to type " + target.String()}
	}
	if wanted == 'b' {
		return number(boolInt(node.boolean)), nil
	}
	numeric := Type{kind: kindNumeric}
	parsed, err := numeric.Parse(node.str, session)
	if err != nil || target.kind == kindNumeric {
		return parsed, err
	}
	convert, err := numeric.Cast(target, session)
	if err != nil {
		return Value{}, err
	}
	return convert(parsed)
}

func (t Type) fromTimestamp(target Type, v Value, session Session) (Value, error) {
	local := v.num
	if v.num == infinity || v.num == minusInfinity {
		if target.kind == kindDate {
			return Type{kind: kindDate}.Parse(string(t.AppendText(nil, v, session)), session)
		}
		if target.kind == kindTime || target.kind == kindTimetz {
			return Value{}, nil
		}
		return target.Parse(string(t.AppendText(nil, v, session)), session)
	}
	if t.kind == kindTimestamptz {
		local = wall(instant(v.num).In(session.zone()))
	}
	switch target.kind {
	case kindTimestamp:
		return number(local), nil
	case kindTimestamptz:
		return number(inZone(local, session.zone())), nil
	case kindDate:
		return number(floorDiv(local, microsPerDay)), nil
	case kindTime:
		return number(floorMod(local, microsPerDay)), nil
	case kindTimetz:
		return text(string(appendTimeOfDay(nil, floorMod(local, microsPerDay))) + offsetOf(instant(v.num).In(session.zone()))), nil
	default:
		return target.Parse(string(t.AppendText(nil, v, session)), session)
	}
}
