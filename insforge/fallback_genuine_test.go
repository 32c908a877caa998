package insforge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

// valuesOf are values of columns that filtering on this side must understand,
// awkward ones among them. A JSON null is not: in an answer it looks like SQL's.
var valuesOf = map[string][]string{
	"int4":        {"-1", "0", "7", "10", "2147483647"},
	"numeric":     {"1", "1.0", "1.50", "-0.5", "12345678901234567890.123", "NaN"},
	"float8":      {"0.1", "1e300", "-0", "NaN", "Infinity", "3"},
	"text":        {"", "a", "A", "b,c", "10", "9", "2026-01-01", "null", "é", "z%", "a_b", `q"u\x`, " x ", "true", "{a}", "550adc02-6e18-4824-8c31-554fb89fd8b8"},
	"timestamptz": {"2026-01-01 00:00:00Z", "2026-01-01 10:00:00.5Z", "2025-06-01 00:00:00+02", "infinity", "2026-01-01 00:00:00.000001Z"},
	"timestamp":   {"2026-01-01 00:00:00", "2026-01-01 10:00:00.5", "1999-12-31 23:59:59"},
	"date":        {"2026-01-01", "1999-12-31", "2026-06-30", "-infinity"},
	"bool":        {"true", "false"},
	"text[]":      {"{}", "{a}", "{a,b}", "{NULL}", `{"x y","q\"u"}`},
	"int4[]":      {"{}", "{1}", "{1,2,3}", "{NULL,2}"},
	"jsonb":       {`{"n":1}`, `{"n":"1","s":"x"}`, `[1,2]`, `"text"`, `5`, `{"a":{"b":[1,{"c":2}]}}`, `{"n":null}`, `{"n":10}`, `true`},
	"uuid":        {"550adc02-6e18-4824-8c31-554fb89fd8b8", "00000000-0000-0000-0000-000000000000"},
	"time":        {"10:00:00", "23:59:59.5"},
}

// TestFallbackAgreesWithTheRealEngine: from a server that ignores every filter,
// the client gets the rows that PostgreSQL selects, in its order, knowing of the
// types nothing or everything.
func TestFallbackAgreesWithTheRealEngine(t *testing.T) {
	t.Parallel()
	var types []string
	for name := range valuesOf {
		types = append(types, name)
	}
	slices.Sort(types)
	hints := map[string]string{"id": "int8"}
	columns, insert := []string{"id int8 PRIMARY KEY"}, strings.Builder{}
	columnOf := func(typ string) string { return "c_" + strings.NewReplacer("[]", "_array").Replace(typ) }
	for _, typ := range types {
		columns, hints[columnOf(typ)] = append(columns, columnOf(typ)+" "+typ), typ
	}
	for id := range 40 {
		fmt.Fprintf(&insert, "INSERT INTO rows VALUES (%d", id)
		for i, typ := range types {
			if at := (id*(i+3) + i) % (len(valuesOf[typ]) + 1); at < len(valuesOf[typ]) {
				fmt.Fprintf(&insert, ",'%s'", valuesOf[typ][at])
			} else {
				insert.WriteString(",NULL")
			}
		}
		insert.WriteString(");\n")
	}
	srv := insforgetest.Genuine(t, "CREATE TABLE rows ("+strings.Join(columns, ",")+");"+insert.String())
	ignorant, err := insforge.New(srv.URL, insforge.WithAPIKey(srv.APIKey),
		insforge.WithHTTPClient(&http.Client{Transport: filterless{&http.Transport{DisableKeepAlives: true}}}))
	require.NoError(t, err)

	compare := []func(string, any) filter.Filter{filter.Eq, filter.Neq, filter.Gt, filter.Gte, filter.Lt, filter.Lte, filter.IsDistinct}
	condition := rapid.Custom(func(t *rapid.T) filter.Filter {
		typ := rapid.SampledFrom(types).Draw(t, "type")
		column, value := columnOf(typ), rapid.SampledFrom(valuesOf[typ])
		var f filter.Filter
		kind := rapid.IntRange(0, 5).Draw(t, "kind")
		if strings.HasSuffix(typ, "[]") { // of which PostgreSQL has no lists
			kind = max(kind, 3)
		}
		switch kind {
		case 0:
			f = filter.In(column, value.Draw(t, "a"), value.Draw(t, "b"))
		case 1:
			f = filter.IsNull(column)
		case 2:
			f = filter.Eq(column, filter.AnyOf(value.Draw(t, "a"), value.Draw(t, "b")))
		case 3:
			f = rapid.SampledFrom([]filter.Filter{
				filter.Like("c_text", "a*"), filter.ILike("c_text", "*A%"), filter.Match("c_text", "^[a-z]"), filter.Eq("c_jsonb->>n", 1), filter.Gt("c_jsonb->n", 1),
				filter.Cs("c_jsonb", map[string]int{"n": 1}), filter.Ov("c_int4_array", []int{2, 9}), filter.Cs("c_text_array", []string{"a"}), filter.Cd("c_text_array", []string{"b", "a"}),
			}).Draw(t, "special")
		default:
			f = rapid.SampledFrom(compare).Draw(t, "operator")(column, value.Draw(t, "value"))
		}
		if rapid.Bool().Draw(t, "not") {
			f = filter.Not(f)
		}
		return f
	})
	rapid.Check(t, func(rt *rapid.T) {
		f := condition.Draw(rt, "filter")
		if rapid.Bool().Draw(rt, "or") {
			f = filter.Or(f, condition.Draw(rt, "or this"))
		}
		order := rapid.SampledFrom([]string{"id", "c_int4.desc,id", "c_timestamptz,id", "c_numeric.nullsfirst,id", "c_jsonb->>n,id"}).Draw(rt, "order")
		ask := func(q insforge.Query) []int64 {
			rows, err := insforge.All[reminder](t.Context(), q.Select("id").Where(f).Order(order))
			require.NoError(rt, err)
			return ids(rows)
		}
		want := ask(srv.Client().From("rows"))
		require.Equal(rt, want, ask(ignorant.From("rows").Fallback()), "types guessed")
		require.Equal(rt, want, ask(ignorant.From("rows").Fallback(insforge.FallbackTypes(hints))), "types given")
	})
}
