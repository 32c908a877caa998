package filter_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

// COMPARISONS is how many times TestFiltersAgreeWithPostgreSQL evaluates a filter
// on a row (1000000 take some seconds), and COMPARISONS_SEED where it begins.
const (
	comparisonsVariable    = "COMPARISONS"
	comparisonSeedVariable = "COMPARISONS_SEED"
	shortComparisons       = 60_000
	sampleSize             = 400 // rows
)

func numberFrom(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(value, 10, 64)
	require.NoError(t, err, variable)
	return n
}

// A sampler draws rows, and filters for them as Go values and as SQL.
type sampler struct{ *rand.Rand }

func (s sampler) pick(list ...string) string { return list[s.IntN(len(list))] }

func (s sampler) several(most int, one func() string, open, separator, closing string) string {
	parts := make([]string, s.IntN(most+1))
	for i := range parts {
		parts[i] = one()
	}
	return open + strings.Join(parts, separator) + closing
}

// sampleColumns has a column of every type with operators here, named by it.
var sampleColumns = []struct{ name, typ string }{
	{"i2", "smallint"}, {"i4", "integer"}, {"i8", "bigint"}, {"num", "numeric"}, {"f4", "real"}, {"f8", "double precision"},
	{"t", "text"}, {"vc", "varchar(8)"}, {"ch", "char(4)"}, {"nm", "name"}, {"b", "boolean"},
	{"tstz", "timestamptz"}, {"ts", "timestamp"}, {"d", "date"}, {"tm", "time"}, {"tmtz", "timetz"}, {"iv", "interval"},
	{"u", "uuid"}, {"j", "json"}, {"jb", "jsonb"}, {"by", "bytea"},
	{"ta", "text[]"}, {"ia", "integer[]"}, {"na", "numeric[]"}, {"tza", "timestamptz[]"}, {"ba", "boolean[]"}, {"jba", "jsonb[]"},
	{"ir", "int4range"}, {"i8r", "int8range"}, {"nr", "numrange"}, {"dr", "daterange"}, {"tsr", "tsrange"}, {"tzr", "tstzrange"},
}

func (s sampler) value(typ string) string {
	if element, ok := strings.CutSuffix(typ, "[]"); ok {
		if s.IntN(12) == 0 {
			return s.pick("{}", "{{"+s.element(element)+"},{"+s.element(element)+"}}")
		}
		return s.several(3, func() string { return s.element(element) }, "{", ",", "}")
	}
	switch typ {
	case "smallint", "integer", "bigint":
		return s.pick("0", "1", "2", "3", "-1", "-2", "100", "32767", "-32768")
	case "numeric":
		return s.pick("0", "0.00", "-0.0", "1", "1.0", "1.50", "1.5", "-3.25", "1e10", "1e-20", "123456789012345678901234567890.5", "NaN", "Infinity", "-Infinity", "10", "9.99")
	case "real", "double precision":
		return s.pick("0", "-0", "1", "1.5", "-2.25", "1e10", "1e-10", "0.1", "NaN", "Infinity", "-Infinity")
	case "text", "varchar(8)", "char(4)", "name":
		word := s.several(4, func() string {
			return s.pick("a", "b", "A", "B", "ü", "Ü", "ß", "%", "_", " ", ".", "1", `\`, "日")
		}, "", "", "")
		return word
	case "boolean":
		return s.pick("t", "f")
	case "timestamptz":
		return s.pick("2026-01-01", "2026-01-01 01:00+01", "2026-01-01 00:00:00.000001Z", "infinity", "-infinity", "0044-03-15 BC", "2026-03-29 02:30 Europe/Berlin", "2026-06-30T23:59:59-07", "1999-12-31 23:59:59.999999Z")
	case "timestamp":
		return s.pick("2026-01-01", "2026-01-01 00:00:00.5", "infinity", "-infinity", "0001-01-01 BC", "2025-12-31 24:00")
	case "date":
		return s.pick("2026-01-01", "2026-01-02", "infinity", "-infinity", "0044-03-15 BC", "2024-02-29", "1999-12-31")
	case "time":
		return s.pick("00:00", "10:00", "10:00:00.000001", "24:00", "23:59:59.999999")
	case "timetz":
		return s.pick("10:00+00", "11:00+01", "12:00+02", "10:00-01", "00:00+00", "24:00+00", "10:00:00.5+05:30")
	case "interval":
		return s.pick("1 month", "30 days", "720:00", "1 year", "360 days", "-1 day", "1 day -24:00", "0", "00:00:00.000001", "1 mon -30 days", "2 days", "47:59", "P1Y", "1 week")
	case "uuid":
		return s.pick("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000")
	case "json", "jsonb":
		return s.document(3)
	case "bytea":
		return s.pick(`\x`, `\x00`, `\xff`, `\xdeadbeef`, "abc", `\x616263`)
	case "int4range", "int8range":
		return s.interval(func() string { return strconv.Itoa(s.IntN(7) - 3) })
	case "numrange":
		return s.interval(func() string { return s.pick("0", "1", "1.0", "1.5", "2", "-1") })
	case "daterange":
		return s.interval(func() string { return fmt.Sprintf("2026-01-%02d", 1+s.IntN(6)) })
	case "tsrange":
		return s.interval(func() string { return fmt.Sprintf("2026-01-%02d 12:00", 1+s.IntN(6)) })
	default:
		return s.interval(func() string { return fmt.Sprintf("2026-01-%02d 12:00+0%d", 1+s.IntN(6), s.IntN(3)) })
	}
}

func (s sampler) element(typ string) string {
	if s.IntN(6) == 0 {
		return "NULL"
	}
	return filter.QuoteArrayElement(s.value(typ))
}

func (s sampler) interval(bound func() string) string {
	if s.IntN(10) == 0 {
		return s.pick("empty", "(,)")
	}
	a, b := bound(), bound()
	if a > b && !strings.HasPrefix(b, "-") || strings.HasPrefix(b, "-") {
		a, b = b, a
	}
	return s.pick("[", "(") + s.pick(a, a, a, "") + "," + s.pick(b, b, b, "") + s.pick("]", ")")
}

func (s sampler) document(depth int) string {
	switch k := s.IntN(8); {
	case k < 2 && depth > 0:
		return s.several(3, func() string { return s.document(depth - 1) }, "[", ",", "]")
	case k < 5 && depth > 0:
		return s.several(3, func() string { return s.pick(`"a"`, `"b"`, `"cc"`, `"0"`) + ":" + s.document(depth-1) }, "{", ",", "}")
	}
	return s.pick("1", "1.0", "2", "-3.5", "1e2", `"a"`, `"b"`, `""`, `"ü"`, "true", "false", "null")
}

// subject is a column, or a place in one, as path and SQL, and its type.
func (s sampler) subject() (path filter.Path, sql, typ string) {
	c := sampleColumns[s.IntN(len(sampleColumns))]
	path, sql, typ = filter.Path{Column: c.name}, c.name, c.typ
	isJSON := typ == "json" || typ == "jsonb"
	if !isJSON && !(strings.HasSuffix(typ, "[]") && s.IntN(4) == 0) || isJSON && s.IntN(3) == 0 {
		return path, sql, typ
	}
	if !isJSON {
		sql, typ = "to_jsonb("+sql+")", "jsonb"
	}
	for range 1 + s.IntN(3) {
		step := filter.PathStep{Key: s.pick("a", "b", "cc", "0")}
		operand := quoteSQL(step.Key)
		if s.IntN(3) == 0 {
			step = filter.PathStep{Key: s.pick("0", "1", "-1", "5"), Index: true}
			operand = quoteSQL(step.Key) + "::int"
		}
		step.AsText = s.IntN(3) == 0
		path.Steps = append(path.Steps, step)
		if step.AsText {
			return path, sql + "->>" + operand, "text"
		}
		sql += "->" + operand
	}
	return path, sql, typ
}

var sqlOperators = map[filter.Op]string{
	filter.OpEq: "=", filter.OpNeq: "<>", filter.OpGt: ">", filter.OpGte: ">=", filter.OpLt: "<", filter.OpLte: "<=", filter.OpLike: "LIKE", filter.OpILike: "ILIKE",
	filter.OpMatch: "~", filter.OpIMatch: "~*", filter.OpCs: "@>", filter.OpCd: "<@", filter.OpOv: "&&", filter.OpSl: "<<", filter.OpSr: ">>",
	filter.OpNxr: "&<", filter.OpNxl: "&>", filter.OpAdj: "-|-", filter.OpIsDistinct: "IS DISTINCT FROM",
}

// condition is a filter on one column, and the SQL PostgREST makes of it.
func (s sampler) condition() (filter.Filter, string) {
	path, sql, typ := s.subject()
	c := filter.Cond{Path: path, Negate: s.IntN(4) == 0}
	ops := []filter.Op{filter.OpEq, filter.OpEq, filter.OpNeq, filter.OpGt, filter.OpGte, filter.OpLt, filter.OpLte, filter.OpIsDistinct, filter.OpIs, filter.OpIn}
	isText := typ == "text" || typ == "varchar(8)" || typ == "char(4)" || typ == "name"
	switch {
	case typ == "name": // whose letters are those of ASCII to PostgreSQL's regular expressions
		ops = append(ops, filter.OpLike, filter.OpILike)
	case isText:
		ops = append(ops, filter.OpLike, filter.OpILike, filter.OpMatch, filter.OpIMatch, filter.OpLike, filter.OpILike)
	case typ == "bytea":
		ops = append(ops, filter.OpLike)
	case strings.HasSuffix(typ, "[]"):
		ops = append(ops, filter.OpCs, filter.OpCd, filter.OpOv, filter.OpCs, filter.OpCd, filter.OpOv)
	case typ == "jsonb":
		ops = append(ops, filter.OpCs, filter.OpCd, filter.OpCs, filter.OpCd)
	case strings.HasSuffix(typ, "range"):
		ops = append(ops, filter.OpCs, filter.OpCd, filter.OpOv, filter.OpSl, filter.OpSr, filter.OpNxr, filter.OpNxl, filter.OpAdj)
	}
	c.Op = ops[s.IntN(len(ops))]
	quantifiable := strings.Contains(" eq gt gte lt lte like ilike match imatch ", " "+string(c.Op)+" ")
	operand := func() string {
		switch c.Op {
		case filter.OpLike, filter.OpILike:
			return s.several(4, func() string { return s.pick("a", "A", "ü", "%", "%", "_", `\%`, `\_`, `\\`, "b", "1") }, "", "", "")
		case filter.OpMatch, filter.OpIMatch:
			return s.several(4, func() string {
				return s.pick("a", "b", ".", "a*", "[ab]", "[^a]", "^", "$", "(a|b)", `\w`, "b+", "a?", `\s`, "ü", `\d`, "[[:alpha:]]", "a{1,2}", "(?:ab)", `\.`, ".*?", `\A`, `\Z`, `\ma`, `b\M`, `\y`, `\Y`, "a{2}", "(?i)", `\M`, `\m`)
			}, "", "", "")
		}
		return s.value(typ)
	}
	switch {
	case c.Op == filter.OpIs:
		c.Value = s.pick("null", "null", "true", "false", "unknown")
		if typ != "boolean" {
			c.Value = "null"
		}
		sql += " IS " + c.Value
	case c.Op == filter.OpIn:
		c.List = []string{}
		for range s.IntN(4) {
			c.List = append(c.List, operand())
		}
		if len(c.List) == 1 && c.List[0] == "" {
			c.List = []string{}
		}
		sql += " = ANY(" + quoteSQL(arrayOf(c.List)) + ")"
	case quantifiable && s.IntN(4) == 0:
		c.Quant = filter.Any
		word := "ANY"
		if s.IntN(2) == 0 {
			c.Quant, word = filter.All, "ALL"
		}
		var list []string
		for range s.IntN(3) {
			list = append(list, operand())
		}
		c.Value = arrayOf(list)
		if s.IntN(6) == 0 {
			c.Value = "{NULL}"
		}
		sql += " " + sqlOperators[c.Op] + " " + word + "(" + quoteSQL(c.Value) + ")"
	default:
		c.Value = operand()
		sql += " " + sqlOperators[c.Op] + " " + quoteSQL(c.Value)
	}
	if c.Negate {
		sql = "NOT " + sql
	}
	return c, sql
}

func arrayOf(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = filter.QuoteArrayElement(s)
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

func (s sampler) filter(depth int) (filter.Filter, string) {
	if depth == 0 || s.IntN(2) == 0 {
		return s.condition()
	}
	t := filter.Tree{Negate: s.IntN(4) == 0, Or: s.IntN(2) == 0}
	var parts []string
	for range 1 + s.IntN(3) {
		f, sql := s.filter(depth - 1)
		t.Filters = append(t.Filters, f)
		parts = append(parts, sql)
	}
	word := " AND "
	if t.Or {
		word = " OR "
	}
	sql := "(" + strings.Join(parts, word) + ")"
	if t.Negate {
		sql = "NOT " + sql
	}
	return t, sql
}

// truths gives one letter a row: true, false or null; or the error.
const truths = `CREATE FUNCTION truths(expression text) RETURNS text LANGUAGE plpgsql SET timezone = 'UTC' AS $$
	DECLARE result text;
	BEGIN
		EXECUTE 'SELECT string_agg(coalesce(left((' || expression || ')::text, 1), ''n''), '''' ORDER BY row) FROM sample' INTO result;
		RETURN result;
	EXCEPTION WHEN OTHERS THEN
		RETURN 'ERROR ' || sqlstate || ' ' || sqlerrm;
	END $$;`

// Random filters are as true of random rows as PostgreSQL finds them, in its
// three-valued logic.
func TestFiltersAgreeWithPostgreSQL(t *testing.T) {
	t.Parallel()
	comparisons := numberFrom(t, comparisonsVariable, shortComparisons)
	seed := numberFrom(t, comparisonSeedVariable, 1)
	s := sampler{rand.New(rand.NewPCG(seed, 3))}
	types := map[string]filter.Type{}
	declared := make([]string, len(sampleColumns))
	for i, c := range sampleColumns {
		types[c.name] = typeNamed(t, c.typ)
		declared[i] = c.name + " " + c.typ
	}
	var rows []map[string]filter.Value
	var inserts []string
	for n := range sampleSize {
		row, cells := map[string]filter.Value{}, []string{strconv.Itoa(n)}
		for _, c := range sampleColumns {
			if s.IntN(8) == 0 {
				cells = append(cells, "NULL")
				continue
			}
			for {
				literal := s.value(c.typ)
				v, err := types[c.name].Parse(literal, filter.Session{})
				if err == nil { // else an impossible range, or text too long
					row[c.name] = v
					cells = append(cells, quoteSQL(literal))
					break
				}
			}
		}
		rows = append(rows, row)
		inserts = append(inserts, "("+strings.Join(cells, ",")+")")
	}
	srv := insforgetest.Genuine(t, truths+"SET timezone = 'UTC'; CREATE TABLE sample (row int, "+strings.Join(declared, ", ")+"); INSERT INTO sample VALUES "+strings.Join(inserts, ",\n")+";")
	const batch = 250 // filters
	wrong := 0
	for done := uint64(0); done < comparisons; done += batch * sampleSize {
		var filters []filter.Filter
		var expressions []string
		for range batch {
			f, sql := s.filter(2)
			filters, expressions = append(filters, f), append(expressions, quoteSQL(sql))
		}
		answers := srv.SQL("SELECT '=' || translate(truths(e), E'\\n\\t', '  ') FROM unnest(ARRAY[" + strings.Join(expressions, ",") + "]) WITH ORDINALITY AS x(e, n) ORDER BY n")
		require.Len(t, answers, batch)
		for i, answer := range answers {
			want, got := answer[0][1:], truthsHere(t, filters[i], types, rows)
			// Regular expressions may be refused. Which of two mistakes is found first
			// depends on whether a literal stands in the statement or is sent beside it.
			if want == got || strings.HasPrefix(got, "ERROR 0A000") || strings.HasPrefix(got, "ERROR") && strings.HasPrefix(want, "ERROR") {
				continue
			}
			t.Errorf("%s\n  PostgreSQL %s\n  here       %s\n  %s", expressions[i], want, got, firstDifference(want, got, inserts))
			if wrong++; wrong > 20 {
				t.FailNow()
			}
		}
	}
}

func truthsHere(t *testing.T, f filter.Filter, types map[string]filter.Type, rows []map[string]filter.Value) string {
	t.Helper()
	p, err := filter.Compile(f, func(column string) (filter.Type, bool) {
		typ, ok := types[column]
		return typ, ok
	})
	if err != nil {
		return describe(err)
	}
	letters := map[filter.Truth]byte{filter.True: 't', filter.False: 'f', filter.Unknown: 'n'}
	out := make([]byte, 0, len(rows))
	values := make(filter.Values, len(p.Columns()))
	for _, row := range rows {
		for i, column := range p.Columns() {
			values[i] = row[column]
		}
		got, err := p.Match(values)
		if err != nil {
			return describe(err)
		}
		out = append(out, letters[got])
	}
	return string(out)
}

func firstDifference(want, got string, rows []string) string {
	if len(want) != len(rows) || len(got) != len(rows) {
		return ""
	}
	for i := range want {
		if want[i] != got[i] {
			return fmt.Sprintf("row %s: %c, not %c", rows[i], want[i], got[i])
		}
	}
	return ""
}
