package filter

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Value is a PostgreSQL value or NULL, which is the zero Value. What it means
// depends on its [Type], which the value does not carry.
type Value struct {
	set bool
	num int64  // booleans, integers, float bits, days and microseconds since 2000-01-01
	str string // everything else, as PostgreSQL would print it
}

// IsNull reports whether the value is NULL.
func (v Value) IsNull() bool { return !v.set }

// Raw returns what the value is held in: a number where the type's
// [Type.Width] is not 0, else a string. Together with [RawValue] it lets a
// store keep values without knowing their types.
func (v Value) Raw() (num int64, str string) { return v.num, v.str }

// RawValue makes a value of what [Value.Raw] returned.
func RawValue(num int64, str string) Value { return Value{set: true, num: num, str: str} }

func number(n int64) Value { return Value{set: true, num: n} }
func text(s string) Value  { return Value{set: true, str: s} }

// Text makes a value of type text.
func Text(s string) Value { return text(s) }

// Int makes a value of type smallint, integer or bigint.
func Int(n int64) Value { return number(n) }

// A Session is what the meaning of a literal may depend on besides its type:
// the time zone of times without one, and the time of "now".
type Session struct {
	Zone *time.Location // nil: UTC
	Now  time.Time      // zero: "now" is the zero time
}

func (s Session) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// A SQLError is what PostgreSQL would have answered.
type SQLError struct {
	Code    string // SQLSTATE
	Message string
	Detail  string // empty: none
	Hint    string // empty: none
}

// Error implements error.
func (e *SQLError) Error() string { return e.Message + " (SQLSTATE " + e.Code + ")" }

func syntaxError(t Type, literal string) error {
	return &SQLError{Code: "22P02", Message: "invalid input syntax for type " + t.String() + `: "` + literal + `"`}
}

// Parse reads a literal as PostgreSQL's input function for the type does. The
// error is a *[SQLError].
func (t Type) Parse(literal string, session Session) (Value, error) {
	if t.array {
		return parseArray(t, literal, session)
	}
	switch t.kind {
	case kindText, kindOther:
		return text(literal), checkText(literal)
	case kindName:
		return text(cutName(literal)), checkText(literal)
	case kindVarchar, kindChar:
		return parseLimitedText(t, literal)
	case kindBool:
		return parseBool(t, literal)
	case kindInt2:
		return parseInt(t, literal, math.MinInt16, math.MaxInt16)
	case kindInt4:
		return parseInt(t, literal, math.MinInt32, math.MaxInt32)
	case kindInt8:
		return parseInt(t, literal, math.MinInt64, math.MaxInt64)
	case kindFloat4:
		return parseFloat(t, literal, 32)
	case kindFloat8:
		return parseFloat(t, literal, 64)
	case kindNumeric:
		return parseNumeric(t, literal)
	case kindTimestamptz, kindTimestamp, kindDate, kindTime, kindTimetz:
		return parseTime(t, literal, session)
	case kindInterval:
		if err := checkText(literal); err != nil {
			return Value{}, err
		}
		return parseInterval(t, literal)
	case kindUUID:
		return parseUUID(t, literal)
	case kindJSON:
		return text(literal), validateJSON(literal)
	case kindJSONB:
		doc, err := parseJSON(literal)
		if err != nil {
			return Value{}, err
		}
		return jsonbValue(doc)
	case kindBytea:
		return parseBytea(t, literal)
	default:
		return parseRange(t, literal, session)
	}
}

func checkText(s string) error {
	if i := strings.IndexByte(s, 0); i >= 0 {
		return &SQLError{Code: "22021", Message: `invalid byte sequence for encoding "UTF8": 0x00`}
	}
	if utf8.ValidString(s) {
		return nil
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return &SQLError{Code: "22021", Message: `invalid byte sequence for encoding "UTF8": 0x` + hex.EncodeToString([]byte{s[i]})}
		}
		i += size
	}
	return nil
}

// parseLimitedText enforces varchar(n) and pads char(n); spaces beyond the
// limit are dropped without complaint.
func parseLimitedText(t Type, s string) (Value, error) {
	if err := checkText(s); err != nil {
		return Value{}, err
	}
	if t.length == 0 {
		return text(s), nil
	}
	n := utf8.RuneCountInString(s)
	if n > t.length {
		cut := len(s)
		for range n - t.length {
			_, size := utf8.DecodeLastRuneInString(s[:cut])
			cut -= size
		}
		if strings.Trim(s[cut:], " ") != "" {
			return Value{}, &SQLError{Code: "22001", Message: "value too long for type " + t.String() + "(" + strconv.Itoa(t.length) + ")"}
		}
		return text(s[:cut]), nil
	}
	if t.kind == kindChar && n < t.length {
		s += strings.Repeat(" ", t.length-n)
	}
	return text(s), nil
}

// pgSpace is what isspace means to PostgreSQL's input functions.
const pgSpace = " \t\n\r\v\f"

func parseBool(t Type, literal string) (Value, error) {
	s := strings.ToLower(strings.Trim(literal, pgSpace))
	isPrefix := func(word string, least int) bool {
		return len(s) >= least && strings.HasPrefix(word, s)
	}
	switch {
	case isPrefix("true", 1), isPrefix("yes", 1), s == "on", s == "1":
		return number(1), nil
	case isPrefix("false", 1), isPrefix("no", 1), isPrefix("off", 2), s == "0":
		return number(0), nil
	}
	return Value{}, syntaxError(t, literal)
}

func parseInt(t Type, literal string, lowest, highest int64) (Value, error) {
	s := strings.Trim(literal, pgSpace)
	digits := strings.TrimPrefix(s, "-")
	if len(digits) == len(s) {
		digits = strings.TrimPrefix(s, "+")
	}
	rest := strings.TrimLeft(digits, "0123456789")
	digits = digits[:len(digits)-len(rest)]
	if digits == "" {
		return Value{}, syntaxError(t, literal)
	}
	counted := s
	if rest != "" { // PostgreSQL counts downwards, and gives up before it looks at what follows
		counted = "-" + digits
	}
	n, err := strconv.ParseInt(counted, 10, 64)
	if err != nil || n < lowest || n > highest {
		return Value{}, &SQLError{Code: "22003", Message: `value "` + literal + `" is out of range for type ` + t.String()}
	}
	if rest != "" {
		return Value{}, syntaxError(t, literal)
	}
	return number(n), nil
}

// What C's strtod reads, which PostgreSQL leaves floats to.
var (
	decimalFloat = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	hexFloat     = regexp.MustCompile(`^[+-]?0[xX]([0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)([pP][+-]?[0-9]+)?$`)
	notANumber   = regexp.MustCompile(`^[+-]?(?i:nan)(\([0-9A-Za-z_]*\))?$`)
)

// cutName cuts a text down to the 63 bytes a name may have.
func cutName(s string) string {
	if len(s) < 64 {
		return s
	}
	end := 63
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

func parseFloat(t Type, literal string, bits int) (Value, error) {
	s := strings.Trim(literal, pgSpace)
	switch strings.ToLower(s) {
	case "inf", "+inf", "infinity", "+infinity":
		return floatValue(math.Inf(1)), nil
	case "-inf", "-infinity":
		return floatValue(math.Inf(-1)), nil
	}
	var number string
	switch {
	case decimalFloat.MatchString(s):
		number = s
	case hexFloat.MatchString(s):
		if number = s; !strings.ContainsAny(s, "pP") {
			number += "p0" // Go wants an exponent
		}
	case notANumber.MatchString(s):
		return floatValue(math.NaN()), nil
	default:
		return Value{}, syntaxError(t, literal)
	}
	f, err := strconv.ParseFloat(number, bits)
	switch {
	case err == nil && f == 0 && strings.ContainsAny(mantissa(number), "123456789abcdefABCDEF"):
		return Value{}, floatRange(t, s)
	case err == nil:
		return floatValue(f), nil
	case math.IsInf(f, 0):
		return Value{}, floatRange(t, s)
	}
	return Value{}, syntaxError(t, literal)
}

// mantissa is what stands before the exponent.
func mantissa(s string) string {
	exponent := "eE"
	if strings.ContainsAny(s, "xX") {
		exponent = "pP"
	}
	if i := strings.IndexAny(s, exponent); i >= 0 {
		return s[:i]
	}
	return s
}

func floatRange(t Type, trimmed string) error {
	return &SQLError{Code: "22003", Message: `"` + trimmed + `" is out of range for type ` + t.String()}
}

func floatValue(f float64) Value {
	if f == 0 && !math.Signbit(f) {
		return number(0)
	}
	return number(int64(math.Float64bits(f)))
}

func (v Value) float() float64 { return math.Float64frombits(uint64(v.num)) }

func parseUUID(t Type, literal string) (Value, error) {
	s := literal
	if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
		s = s[1 : len(s)-1]
	}
	// Hyphens may stand after every four digits.
	digits := make([]byte, 0, 32)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
			digits = append(digits, c)
		case c >= 'A' && c <= 'F':
			digits = append(digits, c+'a'-'A')
		case c == '-' && len(digits)%4 == 0 && len(digits) > 0 && len(digits) < 32 && s[i-1] != '-':
		default:
			return Value{}, syntaxError(t, literal)
		}
	}
	if len(digits) != 32 {
		return Value{}, syntaxError(t, literal)
	}
	d := string(digits)
	return text(d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]), nil
}

func parseBytea(t Type, literal string) (Value, error) {
	if hexDigits, ok := strings.CutPrefix(literal, `\x`); ok {
		clean := strings.Map(func(r rune) rune {
			if strings.ContainsRune(pgSpace, r) {
				return -1
			}
			return r
		}, hexDigits)
		if i := strings.IndexFunc(clean, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }); i >= 0 {
			r, _ := utf8.DecodeRuneInString(clean[i:])
			return Value{}, &SQLError{Code: "22023", Message: `invalid hexadecimal digit: "` + string(r) + `"`}
		}
		if len(clean)%2 != 0 {
			return Value{}, &SQLError{Code: "22023", Message: "invalid hexadecimal data: odd number of digits"}
		}
		return text(`\x` + strings.ToLower(clean)), nil
	}
	out := make([]byte, 0, len(literal))
	for i := 0; i < len(literal); i++ {
		c := literal[i]
		switch {
		case c != '\\':
			out = append(out, c)
		case i+1 < len(literal) && literal[i+1] == '\\':
			out = append(out, '\\')
			i++
		case i+3 < len(literal) && isOctal(literal[i+1], '3') && isOctal(literal[i+2], '7') && isOctal(literal[i+3], '7'):
			out = append(out, (literal[i+1]-'0')<<6|(literal[i+2]-'0')<<3|(literal[i+3]-'0'))
			i += 3
		default:
			return Value{}, &SQLError{Code: "22P02", Message: "invalid input syntax for type " + t.String()}
		}
	}
	return text(`\x` + hex.EncodeToString(out)), nil
}

func isOctal(c, highest byte) bool { return c >= '0' && c <= highest }

// AppendText appends the value as PostgreSQL's output function prints it: what
// a cast to text gives. A NULL appends nothing.
func (t Type) AppendText(dst []byte, v Value, session Session) []byte {
	if !v.set {
		return dst
	}
	if t.array {
		return appendArrayText(dst, t, v, session)
	}
	switch t.kind {
	case kindBool:
		if v.num != 0 {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case kindInt2, kindInt4, kindInt8:
		return strconv.AppendInt(dst, v.num, 10)
	case kindFloat4:
		return appendFloat(dst, v.float(), 32)
	case kindFloat8:
		return appendFloat(dst, v.float(), 64)
	case kindTimestamptz, kindTimestamp, kindDate, kindTime:
		return appendTime(dst, t, v.num, ' ', session)
	case kindTstzRange:
		return appendRangeText(dst, t, v, session)
	default:
		return append(dst, v.str...)
	}
}

// AppendJSON appends the value as PostgreSQL's to_json prints it.
func (t Type) AppendJSON(dst []byte, v Value, session Session) []byte {
	if !v.set {
		return append(dst, "null"...)
	}
	if t.array {
		return appendArrayJSON(dst, t, v, session)
	}
	switch t.kind {
	case kindBool:
		return strconv.AppendBool(dst, v.num != 0)
	case kindInt2, kindInt4, kindInt8:
		return strconv.AppendInt(dst, v.num, 10)
	case kindFloat4, kindFloat8:
		f := v.float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(t.AppendText(append(dst, '"'), v, session), '"')
		}
		return t.AppendText(dst, v, session)
	case kindNumeric:
		if isSpecialNumeric(v.str) {
			return append(append(append(dst, '"'), v.str...), '"')
		}
		return append(dst, v.str...)
	case kindTimestamptz, kindTimestamp, kindDate:
		return append(appendTime(append(dst, '"'), t, v.num, 'T', session), '"')
	case kindTime:
		return append(appendTime(append(dst, '"'), t, v.num, ' ', session), '"')
	case kindJSON, kindJSONB:
		return append(dst, v.str...)
	case kindUUID:
		return append(append(append(dst, '"'), v.str...), '"')
	case kindTstzRange:
		return AppendJSONString(dst, string(appendRangeText(nil, t, v, session)))
	default:
		return AppendJSONString(dst, v.str)
	}
}

// appendFloat prints the shortest text that reads back the same, with
// PostgreSQL's choice between plain and scientific notation.
func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	digits := 15
	if bits == 32 {
		digits = 6
	}
	scientific := strconv.AppendFloat(nil, f, 'e', -1, bits)
	e := strings.IndexByte(string(scientific), 'e')
	exponent, _ := strconv.Atoi(string(scientific[e+1:]))
	if exponent < -4 || exponent >= digits {
		return append(dst, scientific...)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}

// escaped are the bytes that do not stand in a JSON string as they are.
var escaped = func() (e [256]bool) {
	for c := range 0x20 {
		e[c] = true
	}
	e['"'], e['\\'] = true, true
	return e
}()

// AppendJSONString appends s as a JSON string with PostgreSQL's escapes: it
// leaves everything but quotes, backslashes and control characters alone.
func AppendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if !escaped[c] {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		}
	}
	return append(append(dst, s[start:]...), '"')
}

// Comparable reports whether the type has an order; json has none.
func (t Type) Comparable() bool { return t.kind != kindJSON }

// Compare orders two values that are not NULL as PostgreSQL does, text by code
// point. It returns -1, 0 or 1.
func (t Type) Compare(a, b Value) int {
	if t.array {
		return compareArrays(t, a, b)
	}
	switch t.kind {
	case kindBool, kindInt2, kindInt4, kindInt8, kindTimestamptz, kindTimestamp, kindDate, kindTime:
		return compareInts(a.num, b.num)
	case kindFloat4, kindFloat8:
		return compareFloats(a.float(), b.float())
	case kindNumeric:
		return compareNumerics(a.str, b.str)
	case kindChar:
		return strings.Compare(strings.TrimRight(a.str, " "), strings.TrimRight(b.str, " "))
	case kindTimetz:
		return compareTimetz(a.str, b.str)
	case kindInterval:
		return compareIntervals(a.str, b.str)
	case kindJSONB:
		return compareJSONB(a.str, b.str)
	case kindInt4Range, kindInt8Range, kindNumRange, kindTsRange, kindTstzRange, kindDateRange:
		return compareRanges(t, a, b)
	default:
		return strings.Compare(a.str, b.str)
	}
}

// Rank returns a number that grows with the value: of two values with different
// ranks, [Type.Compare] puts the one with the lower rank first. Values that
// differ may have the same. NULL has none.
func (t Type) Rank(v Value) int64 {
	if t.array {
		return 0
	}
	switch t.kind {
	case kindBool, kindInt2, kindInt4, kindInt8, kindTimestamptz, kindTimestamp, kindDate, kindTime:
		return v.num
	case kindText, kindVarchar, kindUUID:
		var start [8]byte
		copy(start[:], v.str)
		return int64(binary.BigEndian.Uint64(start[:]) ^ 1<<63) // so that it sorts as the bytes do
	}
	return 0
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// compareFloats sorts NaN above everything and equal to itself.
func compareFloats(a, b float64) int {
	switch {
	case math.IsNaN(a) && math.IsNaN(b):
		return 0
	case math.IsNaN(a):
		return 1
	case math.IsNaN(b):
		return -1
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
