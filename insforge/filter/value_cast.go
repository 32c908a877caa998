package filter

import (
	"math"
	"strconv"
	"strings"
)

// Cast prepares col::target. The error, a *[SQLError], is that of a cast which
// PostgreSQL does not have; those of values come from the function.
func (t Type) Cast(target Type, session Session) (func(Value) (Value, error), error) {
	if !t.castable(target) {
		return nil, &SQLError{Code: "42846", Message: "cannot cast type " + t.String() + " to " + target.String()}
	}
	convert := t.conversion(target.Unmodified(), session)
	return func(v Value) (Value, error) {
		if !v.set {
			return v, nil
		}
		v, err := convert(v)
		if err != nil || !v.set || target == target.Unmodified() {
			return v, err
		}
		return target.fit(v, session)
	}, nil
}

// fit makes a value of the unmodified type one of this length or precision, as an
// explicit cast does: what is too long is cut, what is too precise rounded.
func (t Type) fit(v Value, session Session) (Value, error) {
	switch {
	case t.array:
		return t.mapArray(v, t.Elem(), func(item Value) (Value, error) { return t.Elem().fit(item, session) })
	case t.kind == kindVarchar || t.kind == kindChar:
		s := v.str
		if runes := []rune(s); len(runes) > t.length {
			s = string(runes[:t.length])
		}
		return parseLimitedText(t, s)
	case t.kind == kindNumeric:
		return t.Parse(v.str, session)
	case t.kind == kindInterval:
		return parseInterval(t, v.str)
	case t.kind == kindTimetz:
		micros, east := splitTimetz(v.str)
		return text(string(appendOffset(appendTimeOfDay(nil, t.roundMicros(micros)), int(east)))), nil
	case t.kind == kindTimestamptz || t.kind == kindTimestamp:
		if v.num == infinity || v.num == minusInfinity {
			return v, nil
		}
		return number(t.roundMicros(v.num)), nil
	case t.kind == kindTime:
		return number(t.roundMicros(v.num)), nil
	}
	return v, nil
}

// mapArray makes an array of another type by way of the elements.
func (t Type) mapArray(v Value, elem Type, convert func(Value) (Value, error)) (Value, error) {
	return arrayOf(elem, arrayItems(v), func(text string) (Value, error) {
		one, err := t.Elem().Unmodified().Parse(text, Session{})
		if err != nil {
			return one, err
		}
		return convert(one)
	})
}

// conversion converts to a type without length or precision.
func (t Type) conversion(target Type, session Session) func(Value) (Value, error) {
	isNumber := func(k kind) bool { return k >= kindInt2 && k <= kindNumeric }
	switch {
	case t.Unmodified() == target:
		return func(v Value) (Value, error) { return v, nil }
	case t.array && target.array:
		convert := t.Elem().conversion(target.Elem(), session)
		return func(v Value) (Value, error) { return t.mapArray(v, target.Elem(), convert) }
	case t.array || target.array:
	case isNumber(t.kind) && target.kind >= kindInt2 && target.kind <= kindInt8:
		return func(v Value) (Value, error) { return t.toInteger(target, v, session) }
	case t.kind == kindFloat4 && target.kind == kindFloat8:
		return func(v Value) (Value, error) { return v, nil }
	case t.kind == kindFloat8 && target.kind == kindFloat4:
		return func(v Value) (Value, error) { return narrowed(v.float()) }
	case (t.kind == kindFloat4 || t.kind == kindFloat8) && target.kind == kindNumeric:
		digits := 6
		if t.kind == kindFloat8 {
			digits = 15
		}
		return func(v Value) (Value, error) {
			return target.Parse(strconv.FormatFloat(v.float(), 'g', digits, 64), session)
		}
	case t.kind == kindBool && target.IsInteger():
		return func(v Value) (Value, error) { return number(v.num), nil }
	case t.kind == kindBool && target.IsText() && target.kind != kindName:
		return func(v Value) (Value, error) { return text(strconv.FormatBool(v.num != 0)), nil }
	case t.IsInteger() && target.IsBool():
		return func(v Value) (Value, error) { return number(boolInt(v.num != 0)), nil }
	case t.kind == kindJSONB && (isNumber(target.kind) || target.IsBool()):
		return func(v Value) (Value, error) { return jsonbScalar(target, v, session) }
	case t.kind == kindTimestamptz || t.kind == kindTimestamp:
		return func(v Value) (Value, error) { return t.fromTimestamp(target, v, session) }
	case t.kind == kindDate && (target.kind == kindTimestamp || target.kind == kindTimestamptz):
		return func(v Value) (Value, error) {
			out, err := target.Parse(string(t.AppendText(nil, v, session)), session)
			if err != nil {
				err = &SQLError{Code: "22008", Message: "date out of range for timestamp"}
			}
			return out, err
		}
	case t.kind == kindInterval && target.kind == kindTime:
		return func(v Value) (Value, error) {
			span, _ := readInterval(v.str) // as it was printed
			return number(floorMod(span.micros, microsPerDay)), nil
		}
	case t.kind == kindChar && target.IsText(): // the padding is not part of it
		return func(v Value) (Value, error) { return text(strings.TrimRight(v.str, " ")), nil }
	}
	return func(v Value) (Value, error) { return target.Parse(string(t.AppendText(nil, v, session)), session) }
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
	case from == kindInterval:
		return to == kindTime
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

// narrowed is a float of four bytes.
func narrowed(wide float64) (Value, error) {
	f := float64(float32(wide))
	switch {
	case math.IsInf(f, 0) && !math.IsInf(wide, 0):
		return Value{}, &SQLError{Code: "22003", Message: "value out of range: overflow"}
	case f == 0 && wide != 0:
		return Value{}, &SQLError{Code: "22003", Message: "value out of range: underflow"}
	}
	return floatValue(f), nil
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
	case kindTimestamp, kindTimestamptz:
		if target.kind == kindTimestamptz {
			local = inZone(local, session.zone())
		}
		if local < lowestTime || local >= endOfTimes {
			return Value{}, &SQLError{Code: "22008", Message: "timestamp out of range"}
		}
		return number(local), nil
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
