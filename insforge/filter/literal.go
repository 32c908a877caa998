package filter

import (
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Range is a PostgreSQL range value, for the range operators [Sl], [Sr], [Nxr],
// [Nxl], [Adj] and for [Cs], [Cd], [Ov] on range columns. A nil bound is
// unbounded. Bounds is "[)", "[]", "(]" or "()"; empty means "[)", the lower
// bound included and the upper excluded.
type Range struct {
	Lower, Upper any
	Bounds       string
}

// JSON wraps a value that is compared as JSON, whatever its Go type: a slice,
// which would otherwise be a PostgreSQL array, or a string, which would
// otherwise be text.
func JSON(v any) any { return jsonValue{v} }

type jsonValue struct{ v any }

// AnyOf makes an operator compare with several values at once and hold where
// it holds for one of them: Like("name", AnyOf("Ann*", "Bob*")). Eq, Gt, Gte,
// Lt, Lte, Like, ILike, Match and IMatch allow it. Of an empty list it matches no
// row, as [In] does.
func AnyOf(values ...any) any { return quantified{Any, flatten(values)} }

// AllOf makes an operator hold where it holds for every one of the values; see
// [AnyOf]. An empty list is an error, for it would match every row, and a filter
// that does so by accident is worse than none.
func AllOf(values ...any) any { return quantified{All, flatten(values)} }

type quantified struct {
	quant  Quantifier
	values []any
}

// flatten spreads a single slice argument, so that In("id", ids) and
// In("id", 1, 2) both work. Byte slices and JSON text are single values.
func flatten(values []any) []any {
	if len(values) != 1 {
		return values
	}
	switch values[0].(type) {
	case nil, []byte, json.RawMessage, encoding.TextMarshaler:
		return values
	case []any:
		return values[0].([]any)
	}
	v := reflect.ValueOf(values[0])
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return values
	}
	out := make([]any, v.Len())
	for i := range out {
		out[i] = v.Index(i).Interface()
	}
	return out
}

var (
	errNull      = errors.New("null is not a value to compare with: use IsNull, or Not(IsNull(…))")
	errEmptyTree = errors.New("filter: and/or of no filters")
)

// timeLayout is RFC 3339 in UTC with up to six fractional digits, which is all
// that PostgreSQL keeps: a seventh would be rounded, and an equality on it
// would find nothing.
const timeLayout = "2006-01-02T15:04:05.999999Z"

// Literal returns the PostgreSQL text form of a Go value, as filters send it:
// times in UTC cut to the microsecond, durations as intervals, byte slices as
// bytea, other slices as arrays, [Range] as a range, maps and structs as JSON,
// types with MarshalText as that text. A nil value is an error, as is text
// that PostgreSQL cannot hold (a zero byte, invalid UTF-8).
func Literal(v any) (string, error) {
	text, err := literal(v)
	if err != nil {
		return "", err
	}
	return text, checkSendable(text)
}

func literal(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", errNull
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case time.Time:
		return timeLiteral(v)
	case time.Duration:
		return durationLiteral(v), nil
	case json.RawMessage:
		return string(v), nil
	case json.Number:
		return v.String(), nil
	case []byte:
		return `\x` + hex.EncodeToString(v), nil
	case Range:
		return v.literal()
	case jsonValue:
		return jsonLiteral(v.v)
	case quantified:
		return "", errors.New("AnyOf and AllOf are not allowed here")
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		return "", errNull
	}
	if m, ok := v.(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		return string(text), err
	}
	return reflectLiteral(reflect.ValueOf(v))
}

func reflectLiteral(v reflect.Value) (string, error) {
	switch v.Kind() {
	case reflect.Pointer:
		return literal(v.Elem().Interface())
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.FormatUint(v.Uint(), 10), nil
	case reflect.Float32:
		return floatLiteral(v.Float(), 32), nil
	case reflect.Float64:
		return floatLiteral(v.Float(), 64), nil
	case reflect.Slice, reflect.Array:
		return arrayLiteral(v)
	case reflect.Map, reflect.Struct:
		return jsonLiteral(v.Interface())
	default:
		return "", fmt.Errorf("a %s has no PostgreSQL literal", v.Type())
	}
}

func timeLiteral(t time.Time) (string, error) {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return "", fmt.Errorf("the year %d cannot be sent", t.Year())
	}
	return t.Format(timeLayout), nil
}

// durationLiteral spells out seconds: an interval of them has no months or
// days, whose length would depend on the date it is added to.
func durationLiteral(d time.Duration) string {
	return strconv.FormatFloat(d.Truncate(time.Microsecond).Seconds(), 'f', -1, 64) + " seconds"
}

func floatLiteral(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

func jsonLiteral(v any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// arrayLiteral renders a slice as {a,"b c",NULL}; nested slices become further
// dimensions.
func arrayLiteral(v reflect.Value) (string, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i := range v.Len() {
		if i > 0 {
			b.WriteByte(',')
		}
		element := v.Index(i)
		for element.Kind() == reflect.Interface || element.Kind() == reflect.Pointer {
			if element.IsNil() {
				break
			}
			if _, ok := element.Interface().(encoding.TextMarshaler); ok {
				break
			}
			element = element.Elem()
		}
		if !element.IsValid() || isNil(element) {
			b.WriteString("NULL")
			continue
		}
		text, err := literal(element.Interface())
		if err != nil {
			return "", err
		}
		if isArray(element) {
			b.WriteString(text)
			continue
		}
		writeArrayElement(&b, text)
	}
	b.WriteByte('}')
	return b.String(), nil
}

func isNil(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer, reflect.Map, reflect.Slice:
		return v.IsNil()
	default:
		return false
	}
}

// isArray reports whether a value was rendered as an array of its own, rather
// than as one element.
func isArray(v reflect.Value) bool {
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return false
	}
	switch v.Interface().(type) {
	case []byte, json.RawMessage, encoding.TextMarshaler:
		return false
	}
	return true
}

// listLiteral renders elements that are text already.
func listLiteral(elements []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, e := range elements {
		if i > 0 {
			b.WriteByte(',')
		}
		writeArrayElement(&b, e)
	}
	b.WriteByte('}')
	return b.String()
}

// arrayBlanks are what PostgreSQL skips around the elements of an array: blanks
// of ASCII only.
const arrayBlanks = " \t\n\r\v\f"

// writeArrayElement quotes what PostgreSQL's array syntax would read as
// something else: nothing at all, the word NULL, punctuation, blanks.
func writeArrayElement(b *strings.Builder, s string) {
	if s != "" && !strings.ContainsAny(s, "{},\"\\"+arrayBlanks) && !strings.EqualFold(s, "null") {
		b.WriteString(s)
		return
	}
	writeQuoted(b, s)
}

// writeQuoted writes s between double quotes; backslashes and quotes inside
// are escaped by a backslash. PostgREST's lists, its logic trees, its column
// names and PostgreSQL's arrays all share this form.
func writeQuoted(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
}

// parseList reads a one-dimensional array literal without nulls into its
// elements; ok is false for anything else.
func parseList(s string) (elements []string, ok bool) {
	s = strings.Trim(s, arrayBlanks)
	if len(s) < 2 || s[0] != '{' || s[len(s)-1] != '}' {
		return nil, false
	}
	s = s[1 : len(s)-1]
	elements = []string{}
	if strings.Trim(s, arrayBlanks) == "" {
		return elements, true
	}
	for {
		element, rest, ok := parseListElement(s)
		if !ok {
			return nil, false
		}
		elements = append(elements, element)
		if rest == "" {
			return elements, true
		}
		s = rest[1:] // the comma
	}
}

// parseListElement reads up to a comma outside quotes; the rest it returns
// starts with that comma or is empty.
func parseListElement(s string) (element, rest string, ok bool) {
	var b strings.Builder
	s = strings.TrimLeft(s, arrayBlanks)
	if strings.HasPrefix(s, `"`) {
		for i := 1; i < len(s); i++ {
			switch s[i] {
			case '\\':
				i++
				if i == len(s) {
					return "", "", false
				}
				b.WriteByte(s[i])
			case '"':
				rest = strings.TrimLeft(s[i+1:], arrayBlanks)
				return b.String(), rest, rest == "" || rest[0] == ','
			default:
				b.WriteByte(s[i])
			}
		}
		return "", "", false
	}
	i, keep := 0, 0 // keep is the length of b without trailing unescaped blanks
	for ; i < len(s) && s[i] != ','; i++ {
		switch s[i] {
		case '{', '}', '"':
			return "", "", false
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
			b.WriteByte(s[i])
			keep = b.Len()
		case ' ', '\t', '\n', '\r', '\v', '\f':
			b.WriteByte(s[i])
		default:
			b.WriteByte(s[i])
			keep = b.Len()
		}
	}
	element = b.String()[:keep]
	// A bare NULL is SQL's null; escaped or quoted it would be the word.
	return element, s[i:], element != "" && !strings.EqualFold(strings.Trim(s[:i], arrayBlanks), "null")
}

func (r Range) literal() (string, error) {
	bounds := r.Bounds
	if bounds == "" {
		bounds = "[)"
	}
	if len(bounds) != 2 || !strings.Contains("[(", bounds[:1]) || !strings.Contains("])", bounds[1:]) {
		return "", fmt.Errorf("range bounds %q, want one of [) [] (] ()", r.Bounds)
	}
	var b strings.Builder
	b.WriteByte(bounds[0])
	for i, bound := range []any{r.Lower, r.Upper} {
		if i == 1 {
			b.WriteByte(',')
		}
		if bound == nil {
			continue
		}
		text, err := literal(bound)
		if err != nil {
			return "", err
		}
		if text != "" && !strings.ContainsAny(text, "[](),\"\\ \t\n\r\v\f") {
			b.WriteString(text)
			continue
		}
		writeQuoted(&b, text)
	}
	b.WriteByte(bounds[1])
	return b.String(), nil
}

// checkSendable refuses what would not arrive as it was meant: PostgreSQL has no
// zero byte in text, and on the way invalid UTF-8 is replaced by something else.
func checkSendable(s string) error {
	switch {
	case strings.IndexByte(s, 0) >= 0:
		return errors.New("text with a zero byte cannot be sent")
	case !utf8.ValidString(s):
		return errors.New("text that is not valid UTF-8 cannot be sent")
	}
	return nil
}
