package filter

import (
	"regexp"
	"strconv"
	"strings"
)

// numeric values are held as PostgreSQL prints them: no leading zeros, no
// exponent, the scale they were written with, never "-0".

func isSpecialNumeric(s string) bool { return s == "NaN" || s == "Infinity" || s == "-Infinity" }

func parseNumeric(t Type, literal string) (Value, error) {
	s := strings.Trim(literal, pgSpace)
	switch strings.ToLower(s) {
	case "nan":
		return text("NaN"), nil
	case "inf", "+inf", "infinity", "+infinity":
		return specialNumeric(t, "Infinity")
	case "-inf", "-infinity":
		return specialNumeric(t, "-Infinity")
	}
	negative, whole, fraction, ok := splitNumeric(s)
	if !ok {
		if m := hugeExponent.FindStringSubmatch(s); m != nil {
			if strings.Trim(m[1], "0.") == "" {
				return t.roundNumeric(false, "0", "")
			}
			return Value{}, &SQLError{Code: "22003", Message: "value overflows numeric format"}
		}
		return Value{}, syntaxError(t, literal)
	}
	if len(whole) > 131072 && t.precision == 0 || len(fraction) > 16383 {
		return Value{}, &SQLError{Code: "22003", Message: "value overflows numeric format"}
	}
	return t.roundNumeric(negative, whole, fraction)
}

// hugeExponent is a number whose exponent is beyond what any numeric has.
var hugeExponent = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{6,}$`)

func specialNumeric(t Type, s string) (Value, error) {
	if t.precision != 0 {
		return Value{}, &SQLError{
			Code: "22003", Message: "numeric field overflow",
			Detail: "A field with precision " + strconv.Itoa(t.precision) + ", scale " + strconv.Itoa(t.scale) + " cannot hold an infinite value.",
		}
	}
	return text(s), nil
}

// splitNumeric takes a decimal number apart and moves the point by its exponent.
func splitNumeric(s string) (negative bool, whole, fraction string, ok bool) {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(s[i+1:]); err != nil || exponent > 200000 || exponent < -200000 {
			return false, "", "", false
		}
		s = s[:i]
	}
	whole, fraction, _ = strings.Cut(s, ".")
	if whole == "" && fraction == "" || strings.Trim(whole, "0123456789") != "" || strings.Trim(fraction, "0123456789") != "" {
		return false, "", "", false
	}
	switch {
	case exponent > 0 && exponent >= len(fraction):
		whole, fraction = whole+fraction+strings.Repeat("0", exponent-len(fraction)), ""
	case exponent > 0:
		whole, fraction = whole+fraction[:exponent], fraction[exponent:]
	case exponent < 0 && -exponent >= len(whole):
		whole, fraction = "", strings.Repeat("0", -exponent-len(whole))+whole+fraction
	case exponent < 0:
		whole, fraction = whole[:len(whole)+exponent], whole[len(whole)+exponent:]+fraction
	}
	return negative, strings.TrimLeft(whole, "0"), fraction, true
}

// roundNumeric applies numeric(p,s): half away from zero.
func (t Type) roundNumeric(negative bool, whole, fraction string) (Value, error) {
	if t.precision != 0 {
		scale := max(t.scale, 0)
		whole, fraction = roundDecimal(whole, fraction, scale)
		if len(whole) > t.precision-t.scale {
			return Value{}, &SQLError{
				Code: "22003", Message: "numeric field overflow",
				Detail: "A field with precision " + strconv.Itoa(t.precision) + ", scale " + strconv.Itoa(t.scale) +
					" must round to an absolute value less than " + powerOfTen(t.precision-t.scale) + ".",
			}
		}
	}
	return text(formatNumeric(negative, whole, fraction)), nil
}

func powerOfTen(n int) string {
	if n == 0 {
		return "1"
	}
	return "10^" + strconv.Itoa(n)
}

func formatNumeric(negative bool, whole, fraction string) string {
	if whole == "" && strings.Trim(fraction, "0") == "" {
		negative = false
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if negative {
		return "-" + whole
	}
	return whole
}

// roundDecimal rounds an absolute value to scale digits after the point.
func roundDecimal(whole, fraction string, scale int) (string, string) {
	if len(fraction) <= scale {
		return whole, fraction + strings.Repeat("0", scale-len(fraction))
	}
	up := fraction[scale] >= '5'
	digits := []byte(whole + fraction[:scale])
	if up {
		i := len(digits) - 1
		for ; i >= 0 && digits[i] == '9'; i-- {
			digits[i] = '0'
		}
		if i >= 0 {
			digits[i]++
		} else {
			digits = append([]byte{'1'}, digits...)
		}
	}
	point := len(digits) - scale
	return strings.TrimLeft(string(digits[:point]), "0"), string(digits[point:])
}

// compareNumerics compares two printed numerics without allocating. NaN sorts
// above everything.
func compareNumerics(a, b string) int {
	if isSpecialNumeric(a) || isSpecialNumeric(b) {
		return compareInts(numericRank(a), numericRank(b))
	}
	negativeA, negativeB := strings.HasPrefix(a, "-"), strings.HasPrefix(b, "-")
	switch {
	case negativeA && negativeB:
		return -compareMagnitudes(a[1:], b[1:])
	case negativeA:
		return -1
	case negativeB:
		return 1
	}
	return compareMagnitudes(a, b)
}

func numericRank(s string) int64 {
	switch s {
	case "NaN":
		return 2
	case "Infinity":
		return 1
	case "-Infinity":
		return -1
	}
	return 0
}

func compareMagnitudes(a, b string) int {
	wholeA, fractionA, _ := strings.Cut(a, ".")
	wholeB, fractionB, _ := strings.Cut(b, ".")
	if len(wholeA) != len(wholeB) {
		return compareInts(int64(len(wholeA)), int64(len(wholeB)))
	}
	if c := strings.Compare(wholeA, wholeB); c != 0 {
		return c
	}
	return strings.Compare(strings.TrimRight(fractionA, "0"), strings.TrimRight(fractionB, "0"))
}
