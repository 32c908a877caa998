package filter_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

// tried evaluates expressions in PostgreSQL, each on its own; an error is given
// as its SQLSTATE and text.
const tried = `CREATE FUNCTION tried(expression text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE result text;
	BEGIN
		EXECUTE 'SELECT (' || expression || ')::text' INTO result;
		RETURN coalesce(result, '<null>');
	EXCEPTION WHEN OTHERS THEN
		RETURN 'ERROR ' || sqlstate || ' ' || sqlerrm;
	END $$;
	SET timezone = 'UTC';`

func quoteSQL(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// inPostgreSQL evaluates many expressions.
func inPostgreSQL(t *testing.T, srv *insforgetest.Server, expressions []string) []string {
	t.Helper()
	var out []string
	const batch = 2000
	for from := 0; from < len(expressions); from += batch {
		part := expressions[from:min(from+batch, len(expressions))]
		quoted := make([]string, len(part))
		for i, e := range part {
			quoted[i] = quoteSQL(e)
		}
		rows := srv.SQL("SELECT '=' || translate(tried(e), E'\\n\\t', '  ') FROM unnest(ARRAY[" + strings.Join(quoted, ",") + "]) WITH ORDINALITY AS x(e, n) ORDER BY n")
		require.Len(t, rows, len(part))
		for _, row := range rows {
			out = append(out, row[0][1:])
		}
	}
	return out
}

func describe(err error) string {
	var sql *filter.SQLError
	if errors.As(err, &sql) {
		return "ERROR " + sql.Code + " " + sql.Message
	}
	return err.Error()
}

// corpora are literals by type: what people write, and what goes wrong.
var corpora = map[string][]string{
	"integer":      {"0", "-5", "+7", " 42 ", "2147483647", "-2147483648", "2147483648", "", "abc", "1.0", "1e3", "0x1F", "--1", "1 2", "007"},
	"bigint":       {"9223372036854775807", "9223372036854775808", "-1", "x"},
	"smallint":     {"32767", "32768", "-32768", "-32769"},
	"boolean":      {"t", "TRUE", "y", "no", "on", "off", "of", "o", "1", "0", "2", "", " true ", "truely"},
	"float8":       {"0", "-0", "1", "1.5", "0.1", "1e15", "1e14", "123456789012345678", "0.0001", "0.00001", "1e400", "1e-400", "nan", "Infinity", "-inf", "x", "1e", ".5", "5.", "", "+1", "1_000"},
	"real":         {"0.1", "1e6", "999999", "1e5", "123456.7", "1e39", "0.00001", "16777217"},
	"numeric":      {"0", "-0.0", "1.50", ".5", "5.", "1e3", "1.5e-3", "-12.340e1", "NaN", "inf", "x", "1.2.3", "", "  7 ", "1e-20", "100000000000000000000.5", "+3"},
	"numeric(5,2)": {"1.005", "999.994", "999.995", "-999.995", "1e2", "NaN", "inf"},
	"text":         {"", "a", " b ", "ünï", "a\\b"},
	"varchar(3)":   {"abc", "ab   ", "日本語"},
	"char(3)":      {"abc"},
	"uuid":         {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{a0eebc999c0b4ef8bb6d6bb9bd380a11}", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "x", "", "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", "a0eebc99--9c0b4ef8-bb6d-6bb9bd380a11"},
	"bytea":        {`\x00ff`, `\x0`, `\xzz`, `abc`, `a\\b`, `\001`, `\9`, ``},
	"date": {"2026-02-03", "20260203", "2026-2-3", "Feb 3, 2026", "3 February 2026", "2/3/2026", "13/2/2026", "2026-13-01", "2026-02-30", "2026-02-29", "2024-02-29", "0000-01-01",
		"0001-01-01", "0044-03-15 BC", "infinity", "-infinity", "epoch", "x", "", "2026", "2026-02", "99-01-02", "2026-02-03 10:00", "2026-034", "5874898-01-01", "2026.02.03", "26-Feb-03", "03-Feb-2026"},
	"time":      {"10:00", "10:00:00.5", "24:00", "24:01", "25:00", "10:60", "10:00 PM", "12:00 AM", "13:00 PM", "10", "x", "", "10:00:61", "10:00:60", "040506", "10:00+02", "2026-01-01 10:00", "10:00:00.1234567"},
	"timestamp": {"2026-01-02 03:04:05", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05+02", "2026-01-02", "x", "infinity", "2026-01-02 03:04:05.1234567", "294277-01-01", "2026-01-02 24:00"},
	"interval": {"1 day", "1 day 02:03:04", "-3 months", "3 months ago", "1 year 2 mons 3 days 04:05:06.789", "1.5 years", "1.5 months", "1.5 weeks", "1.5 days", "1.5 hours", "0.1 month", "P1Y2M3DT4H5M6S", "P0001-02-03T04:05:06", "P00010203T040506",
		"PT1.5H", "P1W", "P-1D", "P1YT", "P", "PT", "P1", "PT5", "1-2", "-1-2", "1-2 3 4:05:06", "5", "5.5", "-5", "+5", "1:2", "1:2:3.5", "1:2.5", "-1:30", "1 -1:30", "1 +02:03", "100:00", "1:60", "1:00:61", "@ 1 minute", "2 weeks", "1 decade", "1 century", "1 millennium", "10 milliseconds", "100 microseconds",
		"1 fortnight", "infinity", "", " ", "x", "1 day 2 days", "1 day day", "day", "ago", "1 day ago 2 hours", "1h 2m 3s", "1h2m3s", "1 mon -1 day", "-1 mon 1 day", "-1 day 02:03", "1 day -00:00:01", "999999999999 days", "3000000000 days", "178956970 years", "178956971 years", "999999999999999999999 s", "1,2 days", "1 d, 2 h", "1 quarter", "1.2.3 days",
		"2147483647 months", "1e3 days", ".5 days", "5. days", "- 5 days", "0", "00:00", "1 day 00:00:00.0000005", "0.0000004 s", "1 y 13 mons", "24 hours", "36:00:00", "1 sec 1 ms", "1.5 sec 1 ms", "1 min 01:02:03", "01:02:03 4 days", "1 day 4"},
	"interval(0)": {"1.5 s", "-1.5 s", "0.4 s"}, "interval(2)": {"1.005 s", "1.004999 s"},
	"timestamp(0)": {"2026-01-02 03:04:05.5", "1999-01-02 03:04:05.5", "2026-12-31 23:59:59.999"}, "timestamptz(3)": {"2026-01-02 03:04:05.12345Z", "1999-01-02 03:04:05.1235Z"}, "time(0)": {"23:59:59.5", "10:00:00.4"}, "timetz(1)": {"10:00:00.25+02"},
	"timetz":    {"10:00+02", "10:00-02:30", "10:00", "24:00+00", "10:00 PM +01", "x", "10:00 Europe/Berlin", "10:00:00.1234567Z", "10:00+05:30:15", "2026-07-01 10:00 Europe/Berlin", "10:00 EST", "04:05:06.789-8", "040506+0730"},
	"float(24)": {"0.1"}, "float(25)": {"0.1"}, "nchar(2)": {"ab"}, "dec(4,1)": {"1.25"},
	"timestamp(6)": {"2026-01-01T>00:00", "(2026-01-01)", "2026-01-01 @ 10:00", "2026-01-01; 10:00", "[2026-01-01]", "2026-01-01'10:00"},
	"timestamptz": {"2026-01-02 03:04:05", "2026-01-02T03:04:05Z", "2026-01-02t03:04:05z", "2026-01-02 03:04:05+02", "2026-01-02 03:04:05-02:30", "2026-01-02 03:04:05 +0530", "20260102T030405Z", "20260102T030405-0200", "20260102 0304",
		"2026-01-02 03:04 Europe/Berlin", "2026-07-02 03:04 America/New_York", "2026-03-29 02:30 Europe/Berlin", "2026-10-25 02:30 Europe/Berlin", "2026-01-02 EST", "2026-01-02 03:04 PST", "2026-01-02 03:04 CEST", "2026-01-02 03:04 x", "2026-01-02 03:04 Mars/Base",
		"2026-01-02 25:00", "2026-01-02 10:61", "2026-01-02 10:00:00 PM", "2026-01-02 03:04+16", "2026-01-02 03:04+15:59", "2026-01-02 03:04+1", "2026-01-02 03:04:05 BC", "infinity", "-infinity", "epoch", "yesterdayish", "", " ", "10:00", "2026-01-02 03:04:05.9999999",
		"2026-01-02T03:04:05.123456+00:00", "Jan 2 2026 3:04 PM", "January 2, 2026 03:04:05 UTC", "2026-01-02 03:04:05  Z", "2026-01-02 03:04:05 Z x", "2026-01-02 2026-01-03", "1/2/2026 3:04", "2026-01-02T", "2026-01-02T03", "2026-01-02 03", "2026-01-02 03:", "2026-01-02 03:04:", "1e5", "2026-01-02 03:04:05,5"},
	"json":      {"{}", "[1, 2]", " 1 ", "nul", "", "{", "[1,]", `{"a"}`, `{"a":1,}`, `{a:1}`, `"\ud83d"`, `"\ude00"`, `"\x"`, `"abc`, "01", "1.", "-", "[1 2]", "{} x", `{"a":1}}`, "\"a\tb\"", `"\u12"`, "tru", "truex", "1x"},
	"jsonb":     {`{"b":1,"a":2}`, `{"bb":1,"a":2,"bb":3}`, `[1.0, 1e2, -0, 1.50]`, `"\u0000"`, `"\u00e4\n\/"`, `{"a":{"c":[],"b":{}}}`, "[1,", "1e1000", "null"},
	"text[]":    {"{}", "{a}", `{"a b",c}`, "{NULL,null,\"null\"}", "{a,}", "{,a}", "{a", "a", "", "{a}b", `{"a"b}`, `{a"b"}`, `{a\,b}`, "{{a},{b}}", "{{a},{b,c}}", "{{a},b}", "{ a , b }", "{\"\"}", "[1:2]={a,b}", "{{}}", "{a b}", "{{a}", `{"a`, "{}}"},
	"integer[]": {"{1,2}", "{1,x}", "{1,NULL}", "{ 1 }", "{1.5}", "{{1},{2}}"},
	"int4range": {"[1,5)", "(1,5]", "[1,1]", "[1,1)", "empty", " EMPTY ", "(,)", "[,5]", "[5,1]", "5", "[1,5", "[1;5]", "[1,5]x", "[1,2,3]", "[x,5]", "[2147483647,2147483647]", "emptyx", "", "(5,6)"},
	"numrange":  {"[1.5,2)", "(1.0,1.0]", "[1.0,1.00]", "[,]", "(1,NaN)"},
	"daterange": {"[2026-01-01,2026-01-31]", "(2026-01-01,2026-01-02)", "[,infinity]", "[2026-13-01,)"},
	"tstzrange": {"[2026-01-01,2026-01-02]", `["2026-01-01 10:00+02",)`, "[2026-01-01 10:00,2026-01-01 09:00]"},
	"tsrange":   {"[2026-01-01,2026-01-02]"},
}

// Every literal of the corpora gives what 'literal'::type gives in PostgreSQL.
func TestLiteralsAgreeWithPostgreSQL(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, tried)
	var expressions, got, names []string
	for name, literals := range corpora {
		typ := typeNamed(t, name)
		for _, literal := range literals {
			expressions = append(expressions, quoteSQL(literal)+"::"+name)
			names = append(names, name+" "+literal)
			v, err := typ.Parse(literal, filter.Session{Now: time.Now()})
			switch {
			case err != nil:
				got = append(got, describe(err))
			default:
				got = append(got, string(typ.AppendText(nil, v, filter.Session{})))
			}
		}
	}
	want := inPostgreSQL(t, srv, expressions)
	replace := strings.NewReplacer("\n", " ", "\t", " ")
	for i := range want {
		if expected := spelledOut(want[i]); expected != replace.Replace(got[i]) {
			t.Errorf("%s\n  PostgreSQL %s\n  here       %s", names[i], expected, got[i])
		}
	}
}

// spelledOut undoes what ::text changes: booleans print as words.
func spelledOut(s string) string {
	switch s {
	case "true":
		return "t"
	case "false":
		return "f"
	}
	return s
}

// TestComparisonsAgreeWithPostgreSQL draws pairs of values and compares them
// with every operator their type has.
func TestComparisonsAgreeWithPostgreSQL(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, tried)
	random := rand.New(rand.NewPCG(1, 2))
	symbols := map[filter.Op]string{
		filter.OpEq: "=", filter.OpNeq: "<>", filter.OpGt: ">", filter.OpGte: ">=", filter.OpLt: "<", filter.OpLte: "<=", filter.OpLike: "~~", filter.OpILike: "~~*",
		filter.OpMatch: "~", filter.OpIMatch: "~*", filter.OpCs: "@>", filter.OpCd: "<@", filter.OpOv: "&&", filter.OpSl: "<<", filter.OpSr: ">>",
		filter.OpNxr: "&<", filter.OpNxl: "&>", filter.OpAdj: "-|-", filter.OpIsDistinct: "IS DISTINCT FROM",
	}
	order := []filter.Op{filter.OpEq, filter.OpNeq, filter.OpGt, filter.OpGte, filter.OpLt, filter.OpLte, filter.OpIsDistinct}
	ranges := append(append([]filter.Op(nil), order...), filter.OpCs, filter.OpCd, filter.OpOv, filter.OpSl, filter.OpSr, filter.OpNxr, filter.OpNxl, filter.OpAdj)
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	many := func(f func() string, open, sep, closing string) string {
		parts := make([]string, random.IntN(4))
		for i := range parts {
			parts[i] = f()
		}
		return open + strings.Join(parts, sep) + closing
	}
	var document func(depth int) string
	document = func(depth int) string {
		switch k := random.IntN(8); {
		case k < 2 && depth > 0:
			return many(func() string { return document(depth - 1) }, "[", ",", "]")
		case k < 5 && depth > 0:
			return many(func() string { return pick(`"a"`, `"b"`, `"cc"`) + ":" + document(depth-1) }, "{", ",", "}")
		}
		return pick("1", "1.0", "2", "-3.5", `"a"`, `"b"`, `""`, "true", "false", "null")
	}
	rangeOf := func(low func() string) func() string {
		return func() string {
			a, b := low(), low()
			return pick("[", "(") + pick(a, a, a, "") + "," + pick(b, b, b, "") + pick("]", ")")
		}
	}
	integer := func() string { return fmt.Sprint(random.IntN(7) - 3) }
	day := func() string { return fmt.Sprintf("2026-01-%02d", 1+random.IntN(6)) }
	word := func() string {
		return many(func() string { return pick("a", "b", "A", "ü", "Ü", "%", "_", " ", ".") }, "", "", "")
	}
	pattern := func() string {
		return many(func() string { return pick("a", "A", "ü", "%", "%", "_", "\\%", "\\_", "b") }, "", "", "")
	}
	expression := func() string {
		return many(func() string {
			return pick("a", "b", ".", "a*", "[ab]", "[^a]", "^", "$", "(a|b)", "\\w", "b+", "a?", "\\s", "ü")
		}, "", "", "")
	}
	kinds := []struct {
		typ         string
		left, right func() string
		ops         []filter.Op
	}{
		{"integer", integer, integer, order},
		{"numeric", func() string {
			return pick("0", "0.0", "-0.5", "1", "1.0", "1.50", "10", "9.99", "NaN", "Infinity", "-Infinity")
		}, nil, order},
		{"float8", func() string { return pick("0", "-0", "-0.5", "1", "1e10", "NaN", "Infinity", "-Infinity") }, nil, order},
		{"text", word, nil, order},
		{"text", word, pattern, []filter.Op{filter.OpLike, filter.OpILike}},
		{"text", word, expression, []filter.Op{filter.OpMatch, filter.OpIMatch}},
		{"char(4)", func() string { return pick("a", "ab", "", "b ", "abcd") }, nil, order},
		{"timestamptz", func() string {
			return pick("2026-01-01", "2026-01-01 01:00+01", "2026-01-01 00:00:00.000001", "infinity", "-infinity")
		}, nil, order},
		{"date", day, nil, order},
		{"boolean", func() string { return pick("t", "f") }, nil, order},
		{"interval", func() string {
			return pick("1 month", "30 days", "720:00", "1 year", "360 days", "-1 day", "1 day -24:00", "0", "00:00:00.000001", "1 mon -30 days", "2 days", "47:59")
		}, nil, order},
		{"timetz", func() string {
			return pick("10:00+00", "11:00+01", "12:00+02", "10:00-01", "00:00+00", "24:00+00", "10:00:00.5+00")
		}, nil, order},
		{"time", func() string { return pick("10:00", "10:00:00.000001", "24:00", "00:00") }, nil, order},
		{"jsonb", func() string { return document(3) }, nil, append(append([]filter.Op(nil), order...), filter.OpCs, filter.OpCd)},
		{"integer[]", func() string { return many(func() string { return pick("1", "2", "3", "NULL") }, "{", ",", "}") }, nil,
			append(append([]filter.Op(nil), order...), filter.OpCs, filter.OpCd, filter.OpOv)},
		{"text[]", func() string {
			return many(func() string { return pick("a", "b", `"c d"`, "NULL", `""`) }, "{", ",", "}")
		}, nil,
			append(append([]filter.Op(nil), order...), filter.OpCs, filter.OpCd, filter.OpOv)},
		{"int4range", rangeOf(integer), nil, ranges},
		{"numrange", rangeOf(func() string { return pick("0", "1", "1.5", "2") }), nil, ranges},
		{"daterange", rangeOf(day), nil, ranges},
	}
	var expressions, got []string
	for range 6000 {
		k := kinds[random.IntN(len(kinds))]
		op := k.ops[random.IntN(len(k.ops))]
		left := k.left()
		right := left
		if k.right != nil {
			right = k.right()
		} else if random.IntN(5) > 0 {
			right = k.left()
		}
		typ := typeNamed(t, k.typ)
		v, err := typ.Parse(left, filter.Session{})
		if err != nil {
			continue // an impossible range
		}
		expressions = append(expressions, fmt.Sprintf("%s::%s %s %s", quoteSQL(left), k.typ, symbols[op], quoteSQL(right)))
		got = append(got, evaluate(typ, op, v, strings.ReplaceAll(right, "%", "*")))
	}
	for i, want := range inPostgreSQL(t, srv, expressions) {
		if want != got[i] {
			t.Errorf("%s\n  PostgreSQL %s\n  here       %s", expressions[i], want, got[i])
		}
	}
}

func evaluate(typ filter.Type, op filter.Op, v filter.Value, literal string) string {
	if op != filter.OpLike && op != filter.OpILike {
		literal = strings.ReplaceAll(literal, "*", "%")
	}
	if op == filter.OpMatch || op == filter.OpIMatch {
		literal = strings.ReplaceAll(literal, "%", "*")
	}
	p, err := filter.Compile(filter.Cond{Path: filter.Path{Column: "c"}, Op: op, Value: literal},
		func(string) (filter.Type, bool) { return typ, true })
	if err != nil {
		return describe(err)
	}
	got, err := p.Match(filter.Values{v})
	switch {
	case err != nil:
		return describe(err)
	case got == filter.Unknown:
		return "<null>"
	}
	return map[filter.Truth]string{filter.True: "true", filter.False: "false"}[got]
}
