package filter_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

func typeNamed(t testing.TB, name string) filter.Type {
	t.Helper()
	typ, err := filter.ParseType(name)
	require.NoError(t, err)
	return typ
}

var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		return time.FixedZone("CET", 3600)
	}
	return zone
}()

// The texts are what PostgreSQL 15 prints for 'literal'::type.
func TestLiteralsReadAsPostgreSQLReadsThem(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 890123456, time.UTC)
	for _, tt := range []struct{ typ, literal, text, json string }{
		{"int", " 42 ", "42", "42"},
		{"int", "+7", "7", "7"},
		{"bigint", "-9223372036854775808", "-9223372036854775808", "-9223372036854775808"},
		{"bool", "YES", "t", "true"},
		{"bool", "of", "f", "false"},
		{"float8", "1e3", "1000", "1000"},
		{"float8", "1e15", "1e+15", "1e+15"},
		{"float8", "0.0001", "0.0001", "0.0001"},
		{"float8", "0.00001", "1e-05", "1e-05"},
		{"float8", "-0", "-0", "-0"},
		{"float8", "nan", "NaN", `"NaN"`},
		{"float8", "-inf", "-Infinity", `"-Infinity"`},
		{"real", "0.1", "0.1", "0.1"},
		{"real", "123456789", "1.2345679e+08", "1.2345679e+08"},
		{"numeric", "007.50", "7.50", "7.50"},
		{"numeric", ".5", "0.5", "0.5"},
		{"numeric", "-0.00", "0.00", "0.00"},
		{"numeric", "1.5e-2", "0.015", "0.015"},
		{"numeric", "12e3", "12000", "12000"},
		{"numeric", "Infinity", "Infinity", `"Infinity"`},
		{"numeric(4,1)", "2.25", "2.3", "2.3"},
		{"numeric(4,1)", "-2.25", "-2.3", "-2.3"},
		{"numeric(3)", "99.5", "100", "100"},
		{"varchar(3)", "abc  ", "abc", `"abc"`},
		{"char(4)", "ab", "ab  ", `"ab  "`},
		{"uuid", "{A0EEBC99-9C0B4EF8-BB6D6BB9-BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`},
		{"bytea", `a\\b\001`, `\x615c6201`, `"\\x615c6201"`},
		{"date", "2026-02-03", "2026-02-03", `"2026-02-03"`},
		{"date", "Feb 3, 2026", "2026-02-03", `"2026-02-03"`},
		{"date", "2/3/2026", "2026-02-03", `"2026-02-03"`},
		{"date", "0044-03-15 BC", "0044-03-15 BC", `"0044-03-15 BC"`},
		{"date", "infinity", "infinity", `"infinity"`},
		{"date", "tomorrow", "2026-03-05", `"2026-03-05"`},
		{"time", "7:05", "07:05:00", `"07:05:00"`},
		{"time", "07:05:06.70 PM", "19:05:06.7", `"19:05:06.7"`},
		{"timestamp", "2026-01-02 03:04:05.123456789", "2026-01-02 03:04:05.123457", `"2026-01-02T03:04:05.123457"`},
		{"timestamptz", "2026-01-02T03:04:05Z", "2026-01-02 03:04:05+00", `"2026-01-02T03:04:05+00:00"`},
		{"timestamptz", "2026-01-02 03:04:05.5+05:30", "2026-01-01 21:34:05.5+00", `"2026-01-01T21:34:05.5+00:00"`},
		{"timestamptz", "20260102T030405-0200", "2026-01-02 05:04:05+00", `"2026-01-02T05:04:05+00:00"`},
		{"timestamptz", "2026-07-01 12:00 Europe/Berlin", "2026-07-01 10:00:00+00", `"2026-07-01T10:00:00+00:00"`},
		{"timestamptz", "2026-01-02 24:00", "2026-01-03 00:00:00+00", `"2026-01-03T00:00:00+00:00"`},
		{"timestamptz", "now", "2026-03-04 05:06:07.890123+00", `"2026-03-04T05:06:07.890123+00:00"`},
		{"timestamptz", "epoch", "1970-01-01 00:00:00+00", `"1970-01-01T00:00:00+00:00"`},
		{"json", ` {"b" : 1, "a":2, "b":3}`, ` {"b" : 1, "a":2, "b":3}`, ` {"b" : 1, "a":2, "b":3}`},
		{"jsonb", `{"bb":1.50,"a":[1,2],"c":1e2,"a":null}`, `{"a": null, "c": 100, "bb": 1.50}`, `{"a": null, "c": 100, "bb": 1.50}`},
		{"jsonb", `"\u00fc\n"`, `"ü\n"`, `"ü\n"`},
		{"text[]", `{ a , "b c", NULL, "NULL", "q\"x" }`, `{a,"b c",NULL,"NULL","q\"x"}`, `["a","b c",null,"NULL","q\"x"]`},
		{"int[]", `{{1,2},{3,4}}`, `{{1,2},{3,4}}`, `[[1,2],[3,4]]`},
		{"timestamptz[]", `{2026-01-02}`, `{"2026-01-02 00:00:00+00"}`, `["2026-01-02T00:00:00+00:00"]`},
		{"int4range", "(1,5]", "[2,6)", `"[2,6)"`},
		{"int4range", "[3,3)", "empty", `"empty"`},
		{"numrange", "(,1.5]", "(,1.5]", `"(,1.5]"`},
		{"daterange", "[2026-01-01,2026-01-31]", "[2026-01-01,2026-02-01)", `"[2026-01-01,2026-02-01)"`},
		{"tstzrange", "[2026-01-01,)", `["2026-01-01 00:00:00+00",)`, `"[\"2026-01-01 00:00:00+00\",)"`},
	} {
		t.Run(tt.typ+" "+tt.literal, func(t *testing.T) {
			t.Parallel()
			typ := typeNamed(t, tt.typ)
			v, err := typ.Parse(tt.literal, filter.Session{Now: now})
			require.NoError(t, err)
			require.Equal(t, tt.text, string(typ.AppendText(nil, v, filter.Session{})))
			require.Equal(t, tt.json, string(typ.AppendJSON(nil, v, filter.Session{})))
		})
	}
}

func TestLiteralsAreRefusedInPostgreSQLsWords(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typ, literal, code, message string }{
		{"int", "abc", "22P02", `invalid input syntax for type integer: "abc"`},
		{"int", "1.5", "22P02", `invalid input syntax for type integer: "1.5"`},
		{"int", "2147483648", "22003", `value "2147483648" is out of range for type integer`},
		{"int", "2147483648x", "22P02", `invalid input syntax for type integer: "2147483648x"`},
		{"int", "2147483649x", "22003", `value "2147483649x" is out of range for type integer`},
		{"int", " -2147483649 x", "22003", `value " -2147483649 x" is out of range for type integer`},
		{"bigint", "9223372036854775809.", "22003", `value "9223372036854775809." is out of range for type bigint`},
		{"int", "-x", "22P02", `invalid input syntax for type integer: "-x"`},
		{"smallint", "99999999999999999999", "22003", `value "99999999999999999999" is out of range for type smallint`},
		{"bool", "o", "22P02", `invalid input syntax for type boolean: "o"`},
		{"float8", "1e400", "22003", `"1e400" is out of range for type double precision`},
		{"numeric", "1.2.3", "22P02", `invalid input syntax for type numeric: "1.2.3"`},
		{"numeric(3,1)", "100", "22003", "numeric field overflow"},
		{"varchar(3)", "abcd", "22001", "value too long for type character varying(3)"},
		{"uuid", "x", "22P02", `invalid input syntax for type uuid: "x"`},
		{"date", "2026-13-01", "22008", `date/time field value out of range: "2026-13-01"`},
		{"date", "2026-02-30", "22008", `date/time field value out of range: "2026-02-30"`},
		{"timestamptz", "yesterdayish", "22007", `invalid input syntax for type timestamp with time zone: "yesterdayish"`},
		{"timestamptz", "2026-01-01 Mars/Base", "22023", `time zone "mars/base" not recognized`},
		{"timestamptz", "2026-01-01 10:00+99", "22009", `time zone displacement out of range: "2026-01-01 10:00+99"`},
		{"jsonb", `{"a":`, "22P02", "invalid input syntax for type json"},
		{"jsonb", `"\u0000"`, "22P05", "unsupported Unicode escape sequence"},
		{"text[]", "x", "22P02", `malformed array literal: "x"`},
		{"int[]", "{1,x}", "22P02", `invalid input syntax for type integer: "x"`},
		{"int4range", "5", "22P02", `malformed range literal: "5"`},
		{"int4range", "[5,1]", "22000", "range lower bound must be less than or equal to range upper bound"},
		{"text", "a\x00b", "22021", `invalid byte sequence for encoding "UTF8": 0x00`},
	} {
		t.Run(tt.typ+" "+tt.literal, func(t *testing.T) {
			t.Parallel()
			_, err := typeNamed(t, tt.typ).Parse(tt.literal, filter.Session{})
			var sql *filter.SQLError
			require.ErrorAs(t, err, &sql)
			require.Equal(t, tt.code, sql.Code)
			require.Equal(t, tt.message, sql.Message)
		})
	}
}

func TestTimesFollowTheSessionsZone(t *testing.T) {
	t.Parallel()
	session := filter.Session{Zone: berlin}
	typ := typeNamed(t, "timestamptz")
	for _, tt := range []struct{ literal, utc, local string }{
		{"2026-01-10 09:00", "2026-01-10 08:00:00+00", "2026-01-10 09:00:00+01"},
		{"2026-07-10 09:00", "2026-07-10 07:00:00+00", "2026-07-10 09:00:00+02"},
		{"2026-03-29 02:30", "2026-03-29 01:30:00+00", "2026-03-29 03:30:00+02"}, // skipped by the clock
		{"2026-10-25 02:30", "2026-10-25 01:30:00+00", "2026-10-25 02:30:00+01"}, // comes twice
	} {
		v, err := typ.Parse(tt.literal, session)
		require.NoError(t, err)
		require.Equal(t, tt.utc, string(typ.AppendText(nil, v, filter.Session{})), tt.literal)
		require.Equal(t, tt.local, string(typ.AppendText(nil, v, session)), tt.literal)
	}
}

func TestOrderOfValues(t *testing.T) {
	t.Parallel()
	for name, ascending := range map[string][]string{
		"int":         {"-5", "0", "7", "10"},
		"numeric":     {"-Infinity", "-10.5", "-9.99", "0", "0.1", "0.11", "2", "10", "Infinity", "NaN"},
		"float8":      {"-Infinity", "-1.5", "0", "1e-300", "3", "Infinity", "NaN"},
		"text":        {"", "A", "B", "a", "z", "ä", "日"},
		"timestamptz": {"-infinity", "0044-03-15 BC", "1999-12-31", "2026-01-01", "infinity"},
		"jsonb":       {"[]", "null", `"a"`, `"b"`, "1", "2.5", "false", "true", "[1]", "[2]", "[1,2]", "{}", `{"a":1}`, `{"a":2}`, `{"a":1,"b":1}`},
		"text[]":      {"{}", "{a}", "{a,b}", "{b}", "{NULL}"},
		"int4range":   {"empty", "(,5)", "[1,3)", "[1,4)", "[1,)", "[2,3)"},
		"uuid":        {"00000000-0000-0000-0000-000000000001", "10000000-0000-0000-0000-000000000000"},
	} {
		typ := typeNamed(t, name)
		for i := range ascending {
			for j := range ascending {
				a, err := typ.Parse(ascending[i], filter.Session{})
				require.NoError(t, err)
				b, err := typ.Parse(ascending[j], filter.Session{})
				require.NoError(t, err)
				want := 0
				if i < j {
					want = -1
				} else if i > j {
					want = 1
				}
				require.Equal(t, want, typ.Compare(a, b), "%s: %s and %s", name, ascending[i], ascending[j])
			}
		}
	}
}

func TestTypeNames(t *testing.T) {
	t.Parallel()
	for name, canonical := range map[string]string{
		"INT": "integer", "serial": "integer", "varchar( 20 )": "character varying", "character varying(3)": "character varying",
		"timestamp(3) with time zone": "timestamp with time zone", "timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone",
		"numeric(10, 2)": "numeric", "double  precision": "double precision", "text[]": "text[]", "int4 [ ]": "integer[]", "bigint[3][]": "bigint[]",
		"tsvector": "tsvector", "pg_catalog.bool": "boolean",
	} {
		typ, err := filter.ParseType(name)
		require.NoError(t, err, name)
		require.Equal(t, canonical, typ.String(), name)
	}
	for _, name := range []string{"", "strang", "int(", "varchar(0)", "uuid(3)", "numeric(0)", "[]"} {
		_, err := filter.ParseType(name)
		require.Error(t, err, name)
	}
}

// No literal makes a type panic, and what it prints it reads back as equal.
func FuzzLiteral(f *testing.F) {
	names := []string{"int", "float8", "numeric", "numeric(6,2)", "bool", "text", "varchar(5)", "char(3)", "uuid", "bytea", "date", "time", "timetz",
		"timestamp", "timestamptz", "json", "jsonb", "text[]", "timestamptz[]", "int4range", "numrange", "tstzrange", "daterange", "interval"}
	for i := range names {
		for _, s := range []string{"", "1", "-1.5e3", "2026-01-02 03:04:05.6+07 BC", "{a,\"b\",{NULL}}", `{"a":[1,"\u00e4"]}`, "[1,5)", "infinity", "Jan 1 99 AD pm"} {
			f.Add(uint8(i), s)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, literal string) {
		typ := typeNamed(t, names[int(which)%len(names)])
		session := filter.Session{Zone: berlin, Now: time.Unix(1_800_000_000, 0)}
		v, err := typ.Parse(literal, session)
		if err != nil {
			var sql *filter.SQLError
			require.True(t, errors.As(err, &sql), "%v", err)
			return
		}
		printed := string(typ.AppendText(nil, v, session))
		again, err := typ.Parse(printed, session)
		require.NoError(t, err, "%s %q printed %q", typ, literal, printed)
		if typ.Comparable() {
			require.Zero(t, typ.Compare(v, again), "%s %q printed %q", typ, literal, printed)
		}
		if _, err := typ.ParseJSON(typ.AppendJSON(nil, v, session), session); typ.IsJSON() {
			require.NoError(t, err)
		}
	})
}

// What Rank says of two values, Compare says too.
func TestRankAgreesWithCompare(t *testing.T) {
	t.Parallel()
	words := []string{"", "\x00", "a", "a\x00", "abcdefgh", "abcdefghi", "abcdefgz", "ab", "Z", "é", "日本語のテキスト", "日本語のテキ", "\x7f", "12", "-3", "true"}
	for _, name := range []string{"text", "varchar", "varchar(3)", "char(4)", "bigint", "smallint", "boolean", "timestamptz", "date", "float8", "numeric", "uuid", "text[]", "jsonb", "interval"} {
		typ := typeNamed(t, name)
		literals := append(slices.Clone(words), "2026-01-01", "1999-01-01 10:00", "0", "-9223372036854775808", "9223372036854775807", "NaN", "1e10",
			"00000000-0000-4000-8000-000000000000", "ffffffff-0000-4000-8000-000000000000", "{a,b}", "{}", "[1]")
		var values []filter.Value
		for _, literal := range literals {
			if v, err := typ.Parse(literal, filter.Session{}); err == nil {
				values = append(values, v)
			}
		}
		require.Greater(t, len(values), 1, name)
		for _, a := range values {
			for _, b := range values {
				if typ.Rank(a) < typ.Rank(b) {
					require.Negative(t, typ.Compare(a, b), "%s: %q, %q", name, typ.AppendText(nil, a, filter.Session{}), typ.AppendText(nil, b, filter.Session{}))
				}
			}
		}
	}
}

// A space before a literal means nothing, but is not what programs write.
func TestTimestampsAsProgramsWriteThemReadLikeAllOthers(t *testing.T) {
	t.Parallel()
	types := []filter.Type{typeNamed(t, "timestamptz"), typeNamed(t, "timestamp"), typeNamed(t, "timestamptz(2)")}
	digits := func(most int) *rapid.Generator[string] {
		return rapid.Map(rapid.IntRange(0, most), func(n int) string { return fmt.Sprintf("%02d", n) })
	}
	literals := rapid.Custom(func(t *rapid.T) string {
		year := rapid.OneOf(rapid.IntRange(0, 9999), rapid.SampledFrom([]int{1900, 2000, 2024, 2026})).Draw(t, "year")
		return fmt.Sprintf("%04d-%s-%s%s%s:%s:%s%s%s", year, digits(13).Draw(t, "month"), digits(32).Draw(t, "day"),
			rapid.SampledFrom([]string{"T", "T", "T", " ", "t"}).Draw(t, "separator"),
			digits(24).Draw(t, "hour"), digits(60).Draw(t, "minute"), digits(60).Draw(t, "second"),
			rapid.StringMatching(`(\.[0-9]{0,8})?`).Draw(t, "fraction"),
			rapid.SampledFrom([]string{"Z", "Z", "+00:00", "+00", "z", "", "+02:00", "Z ", ".Z"}).Draw(t, "zone"))
	})
	rapid.Check(t, func(t *rapid.T) {
		literal := literals.Draw(t, "literal")
		for _, typ := range types {
			quick, quickErr := typ.Parse(literal, filter.Session{Zone: berlin})
			read, err := typ.Parse(" "+literal, filter.Session{Zone: berlin})
			require.Equal(t, err == nil, quickErr == nil, "%v, %v", quickErr, err)
			require.Equal(t, read, quick)
		}
	})
}
