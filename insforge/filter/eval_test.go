package filter_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// types of the columns that the tests below use.
func columnTypes(t testing.TB) func(string) (filter.Type, bool) {
	t.Helper()
	types := map[string]filter.Type{}
	for column, name := range map[string]string{
		"n": "integer", "name": "text", "ok": "boolean", "at": "timestamptz", "doc": "jsonb", "raw": "json", "tags": "text[]", "span": "int4range", "price": "numeric",
	} {
		types[column] = typeNamed(t, name)
	}
	return func(column string) (filter.Type, bool) {
		typ, ok := types[column]
		return typ, ok
	}
}

func match(t testing.TB, key, value string, cells map[string]string) filter.Truth {
	t.Helper()
	f, err := filter.ParseParam(key, value)
	require.NoError(t, err)
	types := columnTypes(t)
	p, err := filter.Compile(f, types)
	require.NoError(t, err)
	row := make(filter.Values, len(p.Columns()))
	for i, column := range p.Columns() {
		if literal, given := cells[column]; given {
			typ, _ := types(column)
			row[i], err = typ.Parse(literal, filter.Session{})
			require.NoError(t, err)
		}
	}
	got, err := p.Match(row)
	require.NoError(t, err)
	return got
}

// Comparing with NULL is neither true nor false, and stays so when negated.
func TestThreeValuedLogic(t *testing.T) {
	t.Parallel()
	null, five := map[string]string{}, map[string]string{"n": "5"}
	for _, tt := range []struct {
		key, value string
		row        map[string]string
		want       filter.Truth
	}{
		{"n", "eq.5", five, filter.True},
		{"n", "not.eq.5", five, filter.False},
		{"n", "eq.5", null, filter.Unknown},
		{"n", "not.eq.5", null, filter.Unknown},
		{"n", "neq.5", null, filter.Unknown},
		{"n", "isdistinct.5", null, filter.True},
		{"n", "not.isdistinct.5", null, filter.False},
		{"n", "is.null", null, filter.True},
		{"n", "not.is.null", null, filter.False},
		{"ok", "is.true", null, filter.False},
		{"ok", "is.unknown", null, filter.True},
		{"n", "in.(5,6)", null, filter.Unknown},
		{"n", "in.()", null, filter.False},
		{"n", "not.in.()", null, filter.True},
		{"name", "like(all).{}", null, filter.True},
		{"name", "like(any).{}", null, filter.False},
		{"n", "eq(any).{1,NULL}", five, filter.Unknown},
		{"n", "eq(any).{5,NULL}", five, filter.True},
		{"n", "eq(all).{5,NULL}", five, filter.Unknown},
		{"n", "eq(all).{6,NULL}", five, filter.False},
		{"or", "(n.eq.5,name.eq.x)", five, filter.True},
		{"or", "(n.eq.6,name.eq.x)", five, filter.Unknown},
		{"and", "(n.eq.5,name.eq.x)", five, filter.Unknown},
		{"and", "(n.eq.6,name.eq.x)", five, filter.False},
		{"not.or", "(n.eq.6,name.eq.x)", five, filter.Unknown},
	} {
		require.Equal(t, tt.want, match(t, tt.key, tt.value, tt.row), "%s=%s", tt.key, tt.value)
	}
}

func TestOperators(t *testing.T) {
	t.Parallel()
	row := map[string]string{
		"n": "7", "name": "50% off_Ü", "ok": "t", "at": "2026-01-02T03:04:05.000001Z", "doc": `{"a":{"b":[1,"two",null]},"c":"x"}`,
		"raw": `{"a": 1.0}`, "tags": `{a,"b c"}`, "span": "[1,5)", "price": "1.50",
	}
	for _, tt := range []struct {
		key, value string
		want       bool
	}{
		{"price", "eq.1.5", true},
		{"price", "lt.1.49999999999999999999", false},
		{"at", "gt.2026-01-02T03:04:05Z", true},
		{"at", "eq.2026-01-02T04:04:05.000001+01:00", true},
		{"name", "like.50\\%*", true},
		{"name", "like.*off\\_*", true},
		{"name", "ilike.*OFF_ü", true},
		{"name", "like.50%", true},
		{"name", "like.5_% off__", true},
		{"name", "like.5_% off_", false},
		{"name", "match.^\\d+%", true},
		{"name", "imatch.OFF.\\w$", true},
		{"doc->a->b->>1", "eq.two", true},
		{"doc->a->b->>-1", "is.null", true},
		{"doc->a->b->0", "eq.1", true},
		{"doc->a->b->0", "gt.0.5", true},
		{"doc->>a", `eq.{"b": [1, "two", null]}`, true},
		{"doc", `cs.{"a":{"b":["two"]}}`, true},
		{"doc", `cd.{"c":"x"}`, false},
		{"raw->>a", "eq.1.0", true},
		{"tags->>0", "eq.a", true},
		{"tags", `cs.{"b c"}`, true},
		{"tags", "ov.{z,a}", true},
		{"tags", `cd.{a,"b c",d}`, true},
		{"span", "cs.[2,3]", true},
		{"span", "ov.[5,9]", false},
		{"span", "adj.[5,9]", true},
		{"span", "sl.[5,9]", true},
		{"span", "nxr.[0,4]", true},
		{"span", "nxl.[2,9]", false},
	} {
		require.Equal(t, tt.want, match(t, tt.key, tt.value, row) == filter.True, "%s=%s", tt.key, tt.value)
	}
}

func TestFiltersThatPostgreSQLRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ key, value, code, message string }{
		{"nope", "eq.1", "42703", "column nope does not exist"},
		{"n", "eq.x", "22P02", `invalid input syntax for type integer: "x"`},
		{"n", "like.1*", "42883", "operator does not exist: integer ~~ unknown"},
		{"n", "cs.1", "42883", "operator does not exist: integer @> unknown"},
		{"n", "is.true", "42804", "argument of IS TRUE must be type boolean, not type integer"},
		{"n", "sl.1", "42804", "argument of WHERE must be type boolean, not type integer"},
		{"raw", "eq.1", "42883", "operator does not exist: json = unknown"},
		{"tags", "in.(a)", "42704", "could not find array type for data type text[]"},
		{"name", "match.(", "2201B", "invalid regular expression: parentheses () not balanced"},
		{"name", "imatch." + strings.Repeat(`\w`, 10000), "0A000", "regular expressions with so many classes of letters are not supported here"},
		{"name", "imatch.[b-a]", "2201B", "invalid regular expression: invalid character range"},
		{"name", "match.a(?=b)", "0A000", "regular expressions with look-around are not supported here"},
		{"name", "fts.x", "0A000", "full-text search (fts) is not supported here"},
		// Columns and operators are found before literals are read.
		{"and", "(n.eq.x,nope.eq.1)", "42703", "column nope does not exist"},
	} {
		f, err := filter.ParseParam(tt.key, tt.value)
		require.NoError(t, err)
		_, err = filter.Compile(f, columnTypes(t))
		var sql *filter.SQLError
		require.ErrorAs(t, err, &sql, "%s=%s", tt.key, tt.value)
		require.Equal(t, tt.code, sql.Code)
		require.Equal(t, tt.message, sql.Message)
	}
}

// What classes hold beyond ASCII, and which letters are one where case does not
// matter, was seen in PostgreSQL 15 with the C library's C.UTF-8.
func TestRegularExpressionsBeyondASCII(t *testing.T) {
	t.Parallel()
	for pattern, matching := range map[string]string{
		`[[:digit:]]`:     "7",
		`\d`:              "7",
		`[[:alpha:]]`:     "aAéÉßẞσςΣ\u212aſ٣ªǅ日",
		`\w`:              "7aAéÉßẞσςΣ\u212aſ٣ªǅ日_",
		`[^\W_]`:          "7aAéÉßẞσςΣ\u212aſ٣ªǅ日",
		`[\D]`:            "aAéÉßẞσςΣ\u212aſ٣²©ªǅ日_\u00a0\u2003\u0085\u00ad",
		`[[:punct:]]`:     "²©_\u00a0\u00ad",
		`[[:space:]]`:     "\u2003",
		`\s`:              "\u2003",
		`[[:cntrl:]]`:     "\u0085",
		`[[:upper:]]`:     "AÉẞΣ\u212aǅ",
		`[[:lower:]]`:     "aéßσςſªǅ",
		`(?i)[[:lower:]]`: "aAéÉßẞσςΣ\u212aſ٣ªǅ日",
		`(?i)a`:           "aA",
		`(?i)k`:           "",
		"(?i)\u212a":      "\u212a",
		`(?i)ß`:           "ß",
		`(?i)ẞ`:           "ßẞ",
		`(?i)σ`:           "σΣ",
		`(?i)[ς]`:         "ςΣ",
		`(?i)[^é]`:        "7aAßẞσςΣ\u212aſ٣²©ªǅ日_\u00a0\u2003\u0085\u00ad",
		`(?i)[a-z]`:       "aA",
		`(?i)[é-ê]`:       "éÉ",
		`(?i)[z-éa-zè-ê]`: "aAéÉß²©ª\u00a0\u0085\u00ad",
		// Ranges that overlap bring each letter once, else this were many megabytes.
		"(?i)[" + strings.Repeat("Α-ω", 10000) + "]": "σςΣ",
		`(?i)[[.a.]]`: "aA",
		`(?i)\é`:      "éÉ",
		`a{01}`:       "a",
	} {
		f := filter.Cond{Path: filter.Path{Column: "name"}, Op: filter.OpMatch, Value: pattern}
		p, err := filter.Compile(f, columnTypes(t))
		require.NoError(t, err, pattern)
		var got string
		for _, r := range "7aAéÉßẞσςΣ\u212aſ٣²©ªǅ日_\u00a0\u2003\u0085\u00ad" {
			if yes, err := p.Match(filter.Values{filter.Text(string(r))}); yes == filter.True {
				require.NoError(t, err)
				got += string(r)
			}
		}
		require.Equal(t, matching, got, pattern)
	}
}

// Scanning a table must not make garbage.
func TestMatchDoesNotAllocate(t *testing.T) { // not parallel: it counts
	f, err := filter.ParseParam("and", "(at.lte.2026-06-01,name.in.(pending,sent,snoozed))")
	require.NoError(t, err)
	p, err := filter.Compile(f, columnTypes(t))
	require.NoError(t, err)
	at, err := typeNamed(t, "timestamptz").Parse("2026-01-01", filter.Session{})
	require.NoError(t, err)
	var row filter.Row = filter.Values{at, filter.Text("snoozed")}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if got, err := p.Match(row); got != filter.True || err != nil {
			t.Error(got, err)
		}
	}))
}

func BenchmarkMatch(b *testing.B) {
	f, err := filter.ParseParam("and", "(at.lte.2026-06-01,name.in.(pending,sent,snoozed))")
	require.NoError(b, err)
	p, err := filter.Compile(f, columnTypes(b))
	require.NoError(b, err)
	at, err := typeNamed(b, "timestamptz").Parse("2026-01-01", filter.Session{})
	require.NoError(b, err)
	var row filter.Row = filter.Values{at, filter.Text("snoozed")}
	b.ReportAllocs()
	for b.Loop() {
		if got, _ := p.Match(row); got != filter.True {
			b.Fatal(got)
		}
	}
}
