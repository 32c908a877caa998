package insforge_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

const itemsSQL = `
CREATE TABLE makers (id int PRIMARY KEY, name text);
CREATE TABLE items (
	id bigint PRIMARY KEY, name text, "odd.name" text, "order" int, n numeric, f float8, flag bool,
	at timestamptz, tags text[], meta jsonb, span int4range, doc tsvector, maker_id int REFERENCES makers);
INSERT INTO makers VALUES (1, 'Acme'), (2, 'Globex');
INSERT INTO items VALUES
	(1, 'a', 'x', 1, 1.5, 0.1, true, '2026-01-01 00:00:00Z', '{a,b}', '{"k":1,"s":"x"}', '[1,5)', 'cat dog', 1),
	(2, 'b,c', 'y"z', 2, 2, 'NaN', false, '2026-01-01 00:00:00.000001Z', '{"x y","q\"u"}', '{"k":"1"}', '[5,9)', 'fish', 1),
	(3, '"q"', NULL, NULL, -3, '-Infinity', NULL, NULL, '{}', '[1,2]', 'empty', 'cat', 2),
	(4, '', '', 0, 0, 0, true, '2025-12-31 23:59:59Z', NULL, NULL, NULL, NULL, NULL),
	(5, 'null', '%', 5, NULL, NULL, false, 'infinity', '{NULL,"NULL"}', 'null', '(,3]', '', 2),
	(6, 'a*b%c_d\e', '(x)', 6, 12345678901234567890.5, 1e300, true, '2026-06-01Z', '{"","{}"}', '{"a b":{"c":[1,{"d":2}]}}', '[1,)', 'dog', 2),
	(7, NULL, '->', 7, 7, 7, NULL, '2026-06-01Z', '{a}', '{"0":"zero"}', '[9,10]', 'dog cat', 1),
	(9223372036854775807, ' é😀 +&=#?', 'ä', 8, 8, 8, false, '2026-06-02Z', '{"a,b"}', '"text"', '[0,1)', 'cat', NULL);`

// TestOperatorsOnTheRealEngine sends every operator and quoting corner to
// PostgREST and compares the rows with those that SQL selects by the same
// condition, at the top level, negated, and inside a tree.
func TestOperatorsOnTheRealEngine(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, itemsSQL)
	c := srv.Client()
	at := time.Date(2026, 1, 1, 0, 0, 0, 1999, time.UTC) // 1.999 µs, cut to 1
	tests := []struct {
		filter filter.Filter
		sql    string
	}{
		{filter.Eq("name", "b,c"), `name = 'b,c'`},
		{filter.Eq("name", `"q"`), `name = '"q"'`},
		{filter.Eq("name", ""), `name = ''`},
		{filter.Eq("name", "null"), `name = 'null'`},
		{filter.Eq("name", ` é😀 +&=#?`), `name = ' é😀 +&=#?'`},
		{filter.Eq("name", `a*b%c_d\e`), `name = 'a*b%c_d\e'`},
		{filter.Eq(filter.Quote("odd.name"), `y"z`), `"odd.name" = 'y"z'`},
		{filter.Eq(filter.Quote("odd.name"), "(x)"), `"odd.name" = '(x)'`},
		{filter.Eq("order", 5), `"order" = 5`},
		{filter.Eq("id", int64(9223372036854775807)), `id = 9223372036854775807`},
		{filter.Neq("n", 2), `n <> 2`},
		{filter.Gt("n", "12345678901234567890"), `n > 12345678901234567890`},
		{filter.Gte("f", 0.1), `f >= 0.1::float8`},
		{filter.Lt("n", 0), `n < 0`},
		{filter.Lte("at", at), `at <= '2026-01-01T00:00:00.000001Z'`},
		{filter.Eq("at", at), `at = '2026-01-01T00:00:00.000001Z'`},
		{filter.Eq("at", at.In(time.FixedZone("", 5*3600))), `at = '2026-01-01T00:00:00.000001Z'`},
		{filter.Like("name", "a*"), `name LIKE 'a%'`},
		{filter.Like("name", `%\%%`), `name LIKE '%\%%'`},
		{filter.ILike("name", "B,*"), `name ILIKE 'B,%'`},
		{filter.Like("name", filter.AnyOf("a*", "b,*", "")), `name LIKE ANY ('{a%,"b,%",""}')`},
		{filter.Gt("id", filter.AllOf(1, 2)), `id > ALL ('{1,2}')`},
		{filter.Eq("name", filter.AnyOf(`"q"`, "null", "")), `name = ANY (ARRAY['"q"','null',''])`},
		{filter.Match("name", `^(a|"q)`), `name ~ '^(a|"q)'`},
		{filter.IMatch("name", `^A`), `name ~* '^A'`},
		{filter.In("name", "a", "b,c", `"q"`, "", `a*b%c_d\e`, "null"), `name IN ('a','b,c','"q"','','a*b%c_d\e','null')`},
		{filter.In("name", ""), `name IN ('')`},
		{filter.In("name"), `false`},
		{filter.Eq("name", filter.AnyOf()), `name = ANY ('{}')`},
		{filter.ILike("name", filter.AnyOf()), `name ILIKE ANY ('{}')`},
		{filter.In("id", []int64{1, 3, 9223372036854775807}), `id IN (1,3,9223372036854775807)`},
		{filter.IsNull("name"), `name IS NULL`},
		{filter.Is("flag", true), `flag IS TRUE`},
		{filter.Is("flag", "unknown"), `flag IS UNKNOWN`},
		{filter.IsDistinct("name", "a"), `name IS DISTINCT FROM 'a'`},
		{filter.Cs("tags", []string{"q\"u"}), `tags @> ARRAY['q"u']`},
		{filter.Cs("tags", []string{"", "{}"}), `tags @> ARRAY['','{}']`},
		{filter.Cs("tags", []string{"NULL"}), `tags @> ARRAY['NULL']`},
		{filter.Cd("tags", []string{"a", "b"}), `tags <@ ARRAY['a','b']`},
		{filter.Ov("tags", []string{"a,b", "x y"}), `tags && ARRAY['a,b','x y']`},
		{filter.Cs("meta", map[string]any{"k": 1}), `meta @> '{"k":1}'`},
		{filter.Cs("meta", filter.JSON([]int{2})), `meta @> '[2]'`},
		{filter.Eq("meta->>k", 1), `meta->>'k' = '1'`},
		{filter.Eq("meta->k", filter.JSON("1")), `meta->'k' = '"1"'`},
		{filter.Eq(`meta->a b->c->1->>d`, 2), `meta->'a b'->'c'->1->>'d' = '2'`},
		{filter.Eq(`meta->>"0"`, "zero"), `meta->>'0' = 'zero'`},
		{filter.Eq("meta->-1", 2), `meta->-1 = '2'`},
		{filter.Sl("span", filter.Range{Lower: 5, Upper: 9}), `span << '[5,9)'`},
		{filter.Sr("span", filter.Range{Lower: 1, Upper: 5}), `span >> '[1,5)'`},
		{filter.Nxr("span", filter.Range{Lower: 1, Upper: 9}), `span &< '[1,9)'`},
		{filter.Nxl("span", filter.Range{Lower: 1}), `span &> '[1,)'`},
		{filter.Adj("span", filter.Range{Lower: 5, Upper: 9}), `span -|- '[5,9)'`},
		{filter.Cs("span", filter.Range{Lower: 6, Upper: 7, Bounds: "[]"}), `span @> '[6,7]'::int4range`},
		{filter.Fts("doc", "", "cat & !dog"), `doc @@ to_tsquery('cat & !dog')`},
		{filter.Plfts("doc", "simple", "dog cat"), `doc @@ plainto_tsquery('simple', 'dog cat')`},
		{filter.Phfts("doc", "", "fish"), `doc @@ phraseto_tsquery('fish')`},
		{filter.Wfts("doc", "", `dog -cat`), `doc @@ websearch_to_tsquery('dog -cat')`},
		{filter.Or(filter.Eq("name", "b,c"), filter.And(filter.Gte("id", 3), filter.Lt("id", 5))), `name = 'b,c' OR (id >= 3 AND id < 5)`},
	}
	var filters []filter.Filter
	var conditions []string
	for _, tt := range tests {
		filters = append(filters, tt.filter, filter.Not(tt.filter),
			filter.Or(filter.Eq("id", 4), tt.filter), filter.Not(filter.And(filter.Lt("id", 7), tt.filter)))
		conditions = append(conditions, tt.sql, "NOT ("+tt.sql+")",
			"id = 4 OR ("+tt.sql+")", "NOT (id < 7 AND ("+tt.sql+"))")
	}
	want := selectIDs(srv, "items", conditions)
	for i, condition := range conditions {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want[i], idsOf(t, c.From("items").Where(filters[i])))
		})
	}
}

// selectIDs returns what SQL selects under each of the conditions.
func selectIDs(srv *insforgetest.Server, table string, conditions []string) [][]int64 {
	selects := make([]string, len(conditions))
	out := make([][]int64, len(conditions))
	for i, condition := range conditions {
		selects[i] = fmt.Sprintf("SELECT %d, id FROM %s WHERE %s", i, table, condition)
		out[i] = []int64{}
	}
	for _, row := range srv.SQL(strings.Join(selects, " UNION ALL ") + " ORDER BY 1, 2") {
		i, _ := strconv.Atoi(row[0])
		id, _ := strconv.ParseInt(row[1], 10, 64)
		out[i] = append(out[i], id)
	}
	return out
}

// testing.TB and rapid.T have this in common.
type test interface {
	require.TestingT
	Context() context.Context
}

func idsOf(t test, q insforge.Query) []int64 {
	rows, err := insforge.All[reminder](t.Context(), q.Select("id").Order("id"))
	require.NoError(t, err)
	return ids(rows)
}

// TestRandomFiltersOnTheRealEngine: whatever text filters hold, PostgREST
// returns the rows that SQL does.
func TestRandomFiltersOnTheRealEngine(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, `CREATE TABLE words (id serial PRIMARY KEY, a text, b text)`)
	c := srv.Client()
	words := []string{
		"", " ", "a", "A", "a b", "a,b", `"`, `\`, `\"`, "(", ")", "{a}", "*", "%", "_", "a*", "+", "&id=eq.1", "eq.1", "null", "NULL",
		"not.is.null", "é", "😀", "\n", "\t", "\x01", "'", "''", "--", "a.b", "a:b", "x)&or=(a.eq.b", strings.Repeat("long", 50),
	}
	var rows []map[string]any
	for i, w := range words {
		rows = append(rows, map[string]any{"a": w, "b": words[(i*7+3)%len(words)]}, map[string]any{"a": w, "b": nil})
	}
	_, err := c.From("words").Insert(t.Context(), rows)
	require.NoError(t, err)

	rapid.Check(t, func(rt *rapid.T) {
		var build func(depth int) (filter.Filter, string)
		build = func(depth int) (filter.Filter, string) {
			if depth > 0 && rapid.Bool().Draw(rt, "tree") {
				left, leftSQL := build(depth - 1)
				right, rightSQL := build(depth - 1)
				if rapid.Bool().Draw(rt, "or") {
					return filter.Or(left, right), "(" + leftSQL + " OR " + rightSQL + ")"
				}
				return filter.Not(filter.And(left, right)), "NOT (" + leftSQL + " AND " + rightSQL + ")"
			}
			column := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "column")
			list := rapid.SliceOfN(rapid.SampledFrom(words), 1, 3).Draw(rt, "words")
			literals := make([]string, len(list))
			for i, w := range list {
				literals[i] = "'" + strings.ReplaceAll(w, "'", "''") + "'"
			}
			switch rapid.IntRange(0, 5).Draw(rt, "op") {
			case 0:
				return filter.In(column, list), column + " IN (" + strings.Join(literals, ",") + ")"
			case 1:
				return filter.Eq(column, filter.AnyOf(list)), column + " = ANY (ARRAY[" + strings.Join(literals, ",") + "])"
			case 2:
				return filter.IsDistinct(column, list[0]), column + " IS DISTINCT FROM " + literals[0]
			case 3:
				return filter.Not(filter.Neq(column, list[0])), "NOT (" + column + " <> " + literals[0] + ")"
			case 4:
				return filter.IsNull(column), column + " IS NULL"
			default:
				return filter.Eq(column, list[0]), column + " = " + literals[0]
			}
		}
		var filters []filter.Filter
		var conditions []string
		for range rapid.IntRange(1, 3).Draw(rt, "filters") {
			f, sql := build(2)
			filters, conditions = append(filters, f), append(conditions, sql)
		}
		want := selectIDs(srv, "words", []string{strings.Join(conditions, " AND ")})
		require.Equal(rt, want[0], idsOf(rt, c.From("words").Where(filters...)))
	})
}

// TestFeaturesOnTheRealEngine walks through what else a query can ask for.
func TestFeaturesOnTheRealEngine(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, itemsSQL+`
		CREATE TABLE notes (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, key text UNIQUE, text text DEFAULT 'none', big bigint);
		CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b';
		CREATE FUNCTION nothing() RETURNS void LANGUAGE sql AS '';
		CREATE FUNCTION above(bottom bigint) RETURNS SETOF items LANGUAGE sql STABLE AS 'SELECT * FROM items WHERE id > bottom';
		CREATE FUNCTION echo(a text, b text DEFAULT 'none') RETURNS TABLE (a text, b text) LANGUAGE sql STABLE AS 'SELECT a, b';
		CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = 'P0001', DETAIL = 'really'; END $$;`)
	c := srv.Client()
	ctx := t.Context()

	type maker struct {
		Name string `json:"name"`
	}
	type item struct {
		ID    int64     `json:"id"`
		Label string    `json:"label"`
		Maker *maker    `json:"makers"`
		At    time.Time `json:"at"`
	}
	one, err := insforge.One[item](ctx, c.From("items").Select("id", "label:name", "at", "makers!inner(name)").
		Where(filter.Eq("makers.name", "Acme"), filter.Eq("id", 1)).TimeZone("Europe/Berlin"))
	require.NoError(t, err)
	require.True(t, one.At.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.Equal(t, item{1, "a", &maker{"Acme"}, one.At}, one)

	type withItems struct {
		Items []struct{ ID int64 } `json:"items"`
	}
	acme, err := insforge.One[withItems](ctx, c.From("makers").Select("items(id)").Where(filter.Eq("id", 1), filter.Or(
		filter.Eq("items.id", 1), filter.Gt("items.id", 1))).EmbedOrder("items", "id.desc").EmbedLimit("items", 1))
	require.NoError(t, err)
	require.Len(t, acme.Items, 1)
	require.EqualValues(t, 7, acme.Items[0].ID)

	_, err = insforge.One[item](ctx, c.From("items"))
	require.ErrorIs(t, err, insforge.ErrTooManyRows)
	_, err = insforge.One[item](ctx, c.From("items").Where(filter.Eq("id", 99)))
	require.ErrorIs(t, err, insforge.ErrNoRows)
	n, err := insforge.Count(ctx, c.From("items").Where(filter.Gt("id", 2)))
	require.NoError(t, err)
	require.EqualValues(t, 6, n)
	for _, estimate := range []func(context.Context, insforge.Query) (int64, error){insforge.CountPlanned, insforge.CountEstimated} {
		_, err = estimate(ctx, c.From("items"))
		require.NoError(t, err)
	}
	_, err = insforge.Count(ctx, c.From("items").Where(filter.Eq("nope", 1)))
	require.ErrorContains(t, err, "42703: column items.nope does not exist")

	// Rows with different keys get their defaults, as if inserted one by one.
	type note struct {
		ID   int    `json:"id,omitempty"`
		Key  string `json:"key"`
		Text string `json:"text,omitempty"`
		Big  int64  `json:"big,omitempty"`
	}
	notes, err := insforge.Insert[note](ctx, c.From("notes"), []note{{Key: "a"}, {Key: "b", Text: "B", Big: 1<<63 - 1}})
	require.NoError(t, err)
	require.Equal(t, []note{{1, "a", "none", 0}, {2, "b", "B", 1<<63 - 1}}, notes)
	_, err = c.From("notes").Insert(ctx, note{Key: "a"})
	require.True(t, insforge.IsUniqueViolation(err))
	n, err = c.From("notes").Insert(ctx, []note{{Key: "a"}, {Key: "c"}}, insforge.OnConflictIgnore("key"))
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	notes, err = insforge.Insert[note](ctx, c.From("notes").Select("key", "text"), note{Key: "a", Text: "A"}, insforge.OnConflictMerge("key"))
	require.NoError(t, err)
	require.Equal(t, []note{{Key: "a", Text: "A"}}, notes)
	n, err = c.From("notes").Insert(ctx, []note{})
	require.NoError(t, err)
	require.Zero(t, n)

	// Compare and swap: the second finds nothing.
	claim := c.From("notes").Where(filter.Eq("key", "a"), filter.Eq("text", "A"))
	for _, want := range []int64{1, 0} {
		n, err = claim.Update(ctx, map[string]any{"text": "claimed"})
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	_, err = insforge.Update[note](ctx, c.From("notes").AllRows(), map[string]any{"text": "x"}, insforge.Single())
	require.ErrorIs(t, err, insforge.ErrTooManyRows)
	n, err = insforge.Count(ctx, c.From("notes").Where(filter.Eq("text", "x")))
	require.NoError(t, err)
	require.Zero(t, n, "the refused update was undone")
	n, err = c.From("notes").Where(filter.Eq("key", "c")).Update(ctx, map[string]any{"text": "y"}, insforge.Single())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	_, err = c.From("notes").Strict().Where(filter.Eq("key", "c")).Update(ctx, map[string]any{"text": "z"}, insforge.MaxAffected(1))
	require.ErrorContains(t, err, "PGRST122", "12.0.2 does not know max-affected, and says so instead of ignoring it")
	deleted, err := insforge.Delete[note](ctx, c.From("notes").Where(filter.In("key", "a", "b")))
	require.NoError(t, err)
	require.Len(t, deleted, 2)
	n, err = c.From("notes").AllRows().Delete(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)

	// Functions.
	sum, err := insforge.Call[int](ctx, c, "add", map[string]int{"a": 2, "b": 3})
	require.NoError(t, err)
	require.Equal(t, 5, sum)
	_, err = insforge.Call[struct{}](ctx, c, "nothing", nil)
	require.NoError(t, err)
	_, err = insforge.Call[int](ctx, c, "fail", nil)
	require.ErrorContains(t, err, "P0001: no (really)")
	_, err = insforge.Call[int](ctx, c, "missing", nil)
	require.True(t, insforge.IsNotFound(err))
	above := c.Function("above", map[string]any{"bottom": 3})
	require.Equal(t, []int64{4, 5, 6, 7, 9223372036854775807}, idsOf(t, above))
	require.Equal(t, []int64{5}, idsOf(t, above.Select("name").Where(filter.Eq("name", "null"))))

	// An argument arrives as it was, or is refused here: PostgREST would take some for filters.
	type echoed struct{ A, B string }
	for _, text := range []string{
		"", "x", " a.b ", "eq", "is", "not", "nope.5", "EQ.5", `"eq.5"`, "a,b", "(1)", "100%", "+1", "é😀", "{a}",
		"eq.5", "eq.", "in.progress", "in.(a)", "is.null", "is.so", "not.eq.1", "not.x", "not.in.a", "fts(x).y", "like(any).x", "cs.{a}",
	} {
		got, err := insforge.One[echoed](ctx, c.Function("echo", map[string]any{"a": text}).Where(filter.Eq("a", text)))
		if filter.LooksLike(text) {
			require.ErrorContains(t, err, "use Call", text)
			called, err := insforge.Call[[]echoed](ctx, c, "echo", map[string]string{"a": text})
			require.NoError(t, err)
			got = called[0]
		} else {
			require.NoError(t, err, text)
		}
		require.Equal(t, echoed{text, "none"}, got)
	}

	// Numbers keep their digits where the type is open.
	open, err := insforge.One[map[string]any](ctx, c.From("items").Select("id").Where(filter.Gt("id", 7)))
	require.NoError(t, err)
	require.Equal(t, "9223372036854775807", fmt.Sprint(open["id"]))

	raw, err := c.Do(ctx, insforge.Request{Method: "GET", Path: "/makers", Query: map[string][]string{"id": {"eq.2"}}})
	require.NoError(t, err)
	require.JSONEq(t, `[{"id":2,"name":"Globex"}]`, string(raw.Body))
	plan, err := insforge.Explain(ctx, c.From("items"), true)
	require.NoError(t, err)
	require.Contains(t, string(plan), "Plan")
}

// TestRollbackOnTheRealEngine tries writes out under each way that PostgREST
// can be configured to end a transaction. None may stay.
func TestRollbackOnTheRealEngine(t *testing.T) {
	t.Parallel()
	for end, allowed := range map[string]bool{
		"commit": false, "commit-allow-override": true, "rollback": false, "rollback-allow-override": true,
	} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			srv := insforgetest.Genuine(t, `CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes VALUES (1), (2);
				DO $$ BEGIN
					EXECUTE format('ALTER ROLE authenticator IN DATABASE %I SET pgrst.db_tx_end = %L', current_database(), '`+end+`');
				END $$;`)
			notes := srv.Client().From("notes").Rollback()
			one := notes.Where(filter.Eq("id", 1))
			for operation, try := range map[string]func() (int64, error){
				"insert": func() (int64, error) { return notes.Insert(t.Context(), map[string]int{"id": 3}) },
				"update": func() (int64, error) { return one.Update(t.Context(), map[string]int{"id": 4}) },
				"delete": func() (int64, error) { return one.Delete(t.Context()) },
				"insert, returning": func() (int64, error) {
					rows, err := insforge.Insert[map[string]int](t.Context(), notes, map[string]int{"id": 3})
					return int64(len(rows)), err
				},
				"delete, returning": func() (int64, error) {
					rows, err := insforge.Delete[map[string]int](t.Context(), one)
					return int64(len(rows)), err
				},
			} {
				n, err := try()
				if allowed {
					require.NoError(t, err, operation)
					require.EqualValues(t, 1, n, operation)
				} else {
					require.ErrorIs(t, err, insforge.ErrNoRollback, operation)
				}
				require.Equal(t, [][]string{{"1"}, {"2"}}, srv.SQL(`SELECT id FROM notes ORDER BY id`), operation)
			}
		})
	}
}

// TestPagesOnTheRealEngine reads a table through small pages in every kind of
// order, with ties and nulls at the seams.
func TestPagesOnTheRealEngine(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, `
		CREATE TABLE rows (id int PRIMARY KEY, at timestamptz, low int, name text, u uuid);
		INSERT INTO rows SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE '2026-01-01Z'::timestamptz + (i / 7) * interval '1 microsecond' END,
			CASE WHEN i % 11 = 0 THEN NULL ELSE i % 3 END, 'n' || (i % 13), md5(i::text)::uuid FROM generate_series(1, 200) i;`)
	for _, order := range []string{
		"id", "id.desc", "at,id", "at.desc,id", "at.nullsfirst,id", "at.desc.nullslast,id.desc", "low,id", "low.desc.nullslast,id", "name,id", "u", "u.desc",
	} {
		for _, size := range []int{1, 7, 200} {
			if size == 1 && order != "at,id" {
				continue
			}
			t.Run(fmt.Sprintf("%s by %d", order, size), func(t *testing.T) {
				t.Parallel()
				c := srv.Client(insforge.WithPageSize(size))
				var terms []string
				for term := range strings.SplitSeq(order, ",") {
					name, rest, _ := strings.Cut(term, ".")
					rest = strings.NewReplacer(".", " ", "nullsfirst", "NULLS FIRST", "nullslast", "NULLS LAST").Replace(rest)
					terms = append(terms, name+" "+rest)
				}
				want := []int64{}
				for _, row := range srv.SQL("SELECT id FROM rows ORDER BY " + strings.Join(terms, ",")) {
					id, _ := strconv.ParseInt(row[0], 10, 64)
					want = append(want, id)
				}
				got := []int64{}
				for row, err := range insforge.Rows[reminder](t.Context(), c.From("rows").Select("*").Order(order)) {
					require.NoError(t, err)
					got = append(got, row.ID)
				}
				require.Equal(t, want, got)

				// A list too long for one URL, in the same order.
				if order == "name,id" || size != 7 {
					return
				}
				var many []int
				for id := range 3000 {
					many = append(many, id)
				}
				long := c.From("rows").Where(filter.In("id", many)).Order(order)
				rows, err := insforge.All[reminder](t.Context(), long.Offset(10).Limit(100))
				require.NoError(t, err)
				require.Equal(t, want[10:110], ids(rows))
				n, err := insforge.Count(t.Context(), long)
				require.NoError(t, err)
				require.EqualValues(t, 200, n)
			})
		}
	}
}

// TestCountedOnTheRealEngine has a server with a limit of three rows: a list that
// it gives whole is one request, and what it holds back is read all the same.
func TestCountedOnTheRealEngine(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, `
		CREATE TABLE rows (id int PRIMARY KEY);
		CREATE TABLE notes (id int PRIMARY KEY, row_id int REFERENCES rows);
		INSERT INTO rows SELECT generate_series(1, 10);
		INSERT INTO notes VALUES (1, 4), (2, 4), (3, 9);
		CREATE FUNCTION low() RETURNS SETOF rows STABLE LANGUAGE sql AS 'SELECT * FROM rows WHERE id < 6';
		DO $$ BEGIN EXECUTE format('ALTER ROLE authenticator IN DATABASE %I SET pgrst.db_max_rows = 3', current_database()); END $$`)
	c := srv.Client(insforge.WithPageSize(5))
	rows := c.From("rows").Select("id").Order("id")
	for name, tt := range map[string]struct {
		query    insforge.Query
		want     []int64
		requests [2]int // without and with a count
	}{
		"none":                {rows.Where(filter.Gt("id", 10)), []int64{}, [2]int{1, 1}},
		"two":                 {rows.Where(filter.Gt("id", 8)), []int64{9, 10}, [2]int{2, 1}},
		"the server's limit":  {rows.Where(filter.Gt("id", 7)), []int64{8, 9, 10}, [2]int{2, 1}},
		"one more":            {rows.Where(filter.Gt("id", 6)), []int64{7, 8, 9, 10}, [2]int{2, 2}},
		"all":                 {rows, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, [2]int{5, 5}},
		"a limit not reached": {rows.Where(filter.Gt("id", 8)).Limit(4), []int64{9, 10}, [2]int{2, 1}},
		"a limit reached":     {rows.Limit(2), []int64{1, 2}, [2]int{1, 1}},
		"an offset":           {rows.Offset(8), []int64{9, 10}, [2]int{2, 2}},
		"an offset too far":   {rows.Offset(11), []int64{}, [2]int{1, 1}},
		"by another table":    {c.From("rows").Select("id", "notes!inner()").Order("id"), []int64{4, 9}, [2]int{2, 1}},
		"with none in another": {c.From("rows").Select("id", "notes()").Where(filter.IsNull("notes")).Order("id"),
			[]int64{1, 2, 3, 5, 6, 7, 8, 10}, [2]int{4, 4}},
		"with some in another": {c.From("rows").Select("id", "notes()").Where(filter.Not(filter.IsNull("notes"))).Order("id"), []int64{4, 9}, [2]int{2, 1}},
		"without an order":     {c.From("rows").Where(filter.Eq("id", 4)), []int64{4}, [2]int{2, 1}},
		"a function":           {c.Function("low", nil).Where(filter.Lt("id", 3)).Order("id"), []int64{1, 2}, [2]int{2, 1}},
	} {
		for i, query := range []insforge.Query{tt.query, tt.query.Counted()} {
			srv.ForgetRequests()
			got, err := insforge.All[reminder](t.Context(), query)
			require.NoError(t, err, name)
			require.Equal(t, tt.want, ids(got), name)
			require.Len(t, srv.Requests(), tt.requests[i], name)
		}
	}
}

func TestLongListsOnTheRealEngine(t *testing.T) {
	t.Parallel()
	srv := insforgetest.Genuine(t, `CREATE TABLE rows (id int PRIMARY KEY, name text);
		INSERT INTO rows SELECT i, 'n' || i FROM generate_series(1, 3000) i;`)
	c := srv.Client()
	var many []int
	for id := range 4000 {
		many = append(many, id, id)
	}
	listed := c.From("rows").Where(filter.And(filter.Gt("id", 0), filter.In("id", many)))
	rows, err := insforge.All[reminder](t.Context(), listed)
	require.NoError(t, err)
	require.Len(t, rows, 3000)
	for _, r := range srv.Requests() {
		require.Less(t, len(r.Path)+len(r.RawQuery), 8192)
	}
	want := ids(rows)

	// Two lists, either of which is too long; a list of another kind; and one that stands inside a negation.
	names := make([]string, 0, 2000)
	for id := range 2000 {
		names = append(names, fmt.Sprint("n", id))
	}
	for name, both := range map[string]insforge.Query{
		"and":     c.From("rows").Where(filter.In("id", many), filter.In("name", names)),
		"any":     c.From("rows").Where(filter.Eq("id", filter.AnyOf(many)), filter.In("name", names)),
		"not.or":  c.From("rows").Where(filter.Not(filter.Or(filter.Not(filter.In("name", names)), filter.Gt("id", 1999)))),
		"ordered": c.From("rows").Where(filter.In("id", many), filter.In("name", names)).Order("id"),
	} {
		rows, err := insforge.All[reminder](t.Context(), both)
		require.NoError(t, err, name)
		require.ElementsMatch(t, want[:1999], ids(rows), name)
		n, err := insforge.Count(t.Context(), both)
		require.NoError(t, err, name)
		require.EqualValues(t, 1999, n, name)
	}
	for _, r := range srv.Requests() {
		require.Less(t, len(r.Path)+len(r.RawQuery), 8192)
	}

	_, err = insforge.All[reminder](t.Context(), listed.Order("name"))
	require.ErrorIs(t, err, insforge.ErrURLTooLong, "the order of text is the database's secret")
	_, err = insforge.All[reminder](t.Context(), c.From("rows").Where(filter.Not(filter.In("id", many))))
	require.ErrorIs(t, err, insforge.ErrURLTooLong)

	_, err = listed.Delete(t.Context())
	require.ErrorIs(t, err, insforge.ErrURLTooLong)
	n, err := listed.Delete(t.Context(), insforge.Batched())
	require.NoError(t, err)
	require.EqualValues(t, 3000, n)
	require.True(t, slices.ContainsFunc(srv.Requests(), func(r insforgetest.Request) bool { return r.Method == "DELETE" }))
}
