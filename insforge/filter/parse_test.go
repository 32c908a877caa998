package filter_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// The texts are what PostgREST 12.0.2 answered.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ key, value, message, details string }{
		{"id", "foo.1", `"failed to parse filter (foo.1)" (line 1, column 1)`, `unexpected "f" expecting "not" or operator (eq, gt, ...)`},
		{"id", "1", `"failed to parse filter (1)" (line 1, column 1)`, `unexpected "1" expecting "not" or operator (eq, gt, ...)`},
		{"id", "is.nul", `"failed to parse filter (is.nul)" (line 1, column 7)`, `unexpected end of input expecting null or trilean value (unknown, true, false)`},
		{"or", "(id.eq.1", `"failed to parse logic tree ((id.eq.1)" (line 1, column 11)`, `unexpected end of input expecting "," or ")"`},
		{"or", "(:(all))", `"failed to parse logic tree ((:(all)))" (line 1, column 4)`, `unexpected ":" expecting field name (* or [a..z0..9_$]), negation operator (not) or logic operator (and, or)`},
		{"a-(all)", "eq.1", `"failed to parse tree path (a-(all))" (line 1, column 3)`, `unexpected "(" expecting ">", letter or digit`},
		{"meta->>", "eq.1", `"failed to parse tree path (meta->>)" (line 1, column 8)`, `unexpected end of input expecting "-", digit or any non reserved character different from: .,>()`},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			t.Parallel()
			_, err := filter.ParseParam(tt.key, tt.value)
			var parse *filter.ParseError
			require.ErrorAs(t, err, &parse)
			require.Equal(t, filter.ParseError{Message: tt.message, Details: tt.details}, *parse)
		})
	}
}

// TestParseBoundsNesting: what is nested deeper than any stack is refused, how
// many there are beside each other does not matter.
func TestParseBoundsNesting(t *testing.T) {
	t.Parallel()
	nestedTree := func(levels int) error {
		_, err := filter.ParseParam("and", strings.Repeat("(and", levels-1)+"(a.eq.1"+strings.Repeat(")", levels))
		return err
	}
	nestedSelect := func(levels int) error {
		_, err := filter.ParseSelect(strings.Repeat("a(", levels) + "b" + strings.Repeat(")", levels))
		return err
	}
	for _, parse := range []func(int) error{nestedTree, nestedSelect} {
		require.NoError(t, parse(1000))
		var refused *filter.ParseError
		require.ErrorAs(t, parse(1001), &refused)
		require.Equal(t, "unexpected nesting of more than 1000 levels", refused.Details)
		require.ErrorAs(t, parse(400_000), &refused)
	}
	_, err := filter.ParseParam("and", "("+strings.Repeat("and(a.eq.1),", 1001)+"a.eq.1)")
	require.NoError(t, err)
	_, err = filter.ParseSelect(strings.Repeat("a(B),", 1001) + "b")
	require.NoError(t, err)
}

// PostgREST stops reading where it has what it needs.
func TestParseIsLax(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key, value string
		want       filter.Filter
	}{
		{"id[]", "eq.1", filter.Eq("id", "1")},
		{"id", "in.( 1,2 )x", filter.In("id", "1", "2 ")},
		{"id", `in.("a"b,c)`, filter.In("id", `"a"b`, "c")},
		{"id", `in.("")`, filter.In("id")},
		{"id", "is.NULL", filter.IsNull("id")},
		{"or", "( a.eq.1 , b.eq.2 )))", filter.Or(filter.Eq("a", "1 "), filter.Eq("b", "2 "))},
		{"and", "(a.cs.{x,y},b.eq.1)", filter.And(filter.Cs("a", "{x,y}"), filter.Eq("b", "1"))},
		{"not.or", "(and.eq.1)", filter.Not(filter.Or(filter.Eq("and", "1")))},
		{"a.not.and", "(b.eq.1)", filter.Not(filter.And(filter.Eq("a.b", "1")))},
		{"id", "eq(any).{1, 2}", filter.Eq("id", filter.AnyOf("1", "2"))},
	}
	for _, tt := range tests {
		t.Run(tt.key+"="+tt.value, func(t *testing.T) {
			t.Parallel()
			got, err := filter.ParseParam(tt.key, tt.value)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestParseKeepsListsItCannotSplit(t *testing.T) {
	t.Parallel()
	for _, literal := range []string{"{1,NULL}", "{{1},{2}}", "1,2", "{a", `{"a}`, "{a,}", `{a\`, ""} {
		got, err := filter.ParseParam("id", "eq(any)."+literal)
		require.NoError(t, err)
		require.Nil(t, got.(filter.Cond).List)
		require.Equal(t, literal, got.(filter.Cond).Value)
	}
}

func TestFromString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		column, in string
		want       filter.Filter // nil: an error
	}{
		{"due_at", "lte.2026-01-02T00:00:00Z", filter.Lte("due_at", "2026-01-02T00:00:00Z")},
		{"status", "pending", filter.Eq("status", "pending")},
		{"status", "", filter.Eq("status", "")},
		{"status", "in.(a,b)", filter.In("status", "a", "b")},
		{"status", "not.is.null", filter.Not(filter.IsNull("status"))},
		{"name", "like(any).{a*,b*}", filter.Like("name", filter.AnyOf("a*", "b*"))},
		{"name", "plfts(english).cats", filter.Plfts("name", "english", "cats")},
		{"name", "v1.2", filter.Eq("name", "v1.2")},
		{"name", "not.a.word", filter.Eq("name", "not.a.word")},
		{"name", "eq(some).x", filter.Eq("name", "eq(some).x")},
		{"or", "(a.eq.1,b.eq.2)", filter.Or(filter.Eq("a", "1"), filter.Eq("b", "2"))},
		{"status", "in.progress", nil},
		{"status", "is.it", nil},
		{"or", "a.eq.1", nil},
		{"a=b", "1", nil},
		{"status", "eq.\xff", nil},
	}
	for _, tt := range tests {
		t.Run(tt.column+"="+tt.in, func(t *testing.T) {
			t.Parallel()
			got, err := filter.FromString(tt.column, tt.in)
			if tt.want == nil {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// awkward draws text of the characters that mean something somewhere.
func awkward() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab \"\\,.:()[]{}*%_-+&=#/?'>\t\n\r\u00a0é😀0nulNUL\x01\x7f")), 0, 12, -1),
		rapid.SampledFrom([]string{"null", "not.eq.1", ")&id=eq.2", "or=(a.eq.1)", `\`, `"`, `\"`, "{}", "{a}", "()", "a.eq.1,b.eq.2"}),
		rapid.String().Filter(func(s string) bool { return !strings.ContainsRune(s, 0) }),
	)
}

func condition() *rapid.Generator[filter.Filter] {
	return rapid.Custom(func(t *rapid.T) filter.Filter {
		column := filter.Quote(rapid.OneOf(
			rapid.SampledFrom([]string{"id", "name", "order", "and", "not", "schema"}),
			awkward().Filter(func(s string) bool { return s != "" }),
		).Draw(t, "column"))
		if rapid.Bool().Draw(t, "json") {
			column += rapid.SampledFrom([]string{"->a", "->>b", "->0", "->-1->>c"}).Draw(t, "path")
			column += "->" + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(awkward().Draw(t, "key")) + `"`
		}
		texts := rapid.SliceOfN(awkward(), 1, 4)
		var f filter.Filter
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			f = filter.In(column, rapid.SliceOfN(awkward(), 0, 4).Draw(t, "list"))
		case 1:
			f = filter.Is(column, rapid.SampledFrom([]string{"null", "true", "false", "unknown"}).Draw(t, "is"))
		case 2:
			f = filter.Like(column, filter.AnyOf(texts.Draw(t, "any")))
		case 3:
			f = filter.Gte(column, filter.AllOf(texts.Draw(t, "all")))
		case 4:
			f = filter.Wfts(column, rapid.SampledFrom([]string{"", "english"}).Draw(t, "config"), awkward().Draw(t, "query"))
		case 5:
			f = filter.Cs(column, texts.Draw(t, "array"))
		default:
			build := rapid.SampledFrom([]func(string, any) filter.Filter{
				filter.Eq, filter.Neq, filter.Lt, filter.Like, filter.IMatch, filter.IsDistinct, filter.Ov, filter.Adj,
			}).Draw(t, "op")
			f = build(column, awkward().Draw(t, "value"))
		}
		if rapid.Bool().Draw(t, "negate") {
			f = filter.Not(f)
		}
		return f
	})
}

func anyFilter(depth int) *rapid.Generator[filter.Filter] {
	if depth == 0 {
		return condition()
	}
	return rapid.OneOf(condition(), rapid.Custom(func(t *rapid.T) filter.Filter {
		join := rapid.SampledFrom([]func(...filter.Filter) filter.Filter{filter.And, filter.Or}).Draw(t, "join")
		f := join(rapid.SliceOfN(anyFilter(depth-1), 1, 3).Draw(t, "members")...)
		if rapid.Bool().Draw(t, "negate") {
			f = filter.Not(f)
		}
		return f
	}))
}

// members flattens what must hold together, and spells In("") as it is sent.
// What an and-tree says of an embedded resource each of its members says of it.
func members(filters []filter.Filter) []filter.Filter {
	var out []filter.Filter
	for _, f := range filters {
		if tree, ok := f.(filter.Tree); ok && !tree.Or && !tree.Negate {
			for _, inner := range tree.Filters {
				out = append(out, members([]filter.Filter{embedded(inner, tree.Embed)})...)
			}
			continue
		}
		out = append(out, asSent(f))
	}
	return out
}

// embedded is a member of a tree as it is outside of it.
func embedded(f filter.Filter, embed []string) filter.Filter {
	switch f := f.(type) {
	case filter.Cond:
		f.Path.Embed = embed
		return f
	case filter.Tree:
		f.Embed = embed
		return f
	}
	return f
}

func asSent(f filter.Filter) filter.Filter {
	switch f := f.(type) {
	case filter.Cond:
		if f.Op == filter.OpIn && len(f.List) == 1 && f.List[0] == "" {
			f.Op, f.List = filter.OpEq, nil
		}
		return f
	case filter.Tree:
		f.Filters = slices.Clone(f.Filters)
		for i := range f.Filters {
			f.Filters[i] = asSent(f.Filters[i])
		}
		return f
	}
	return f
}

// TestRenderThenParse says at once that rendering loses nothing and that no
// value can become part of another filter: what the server reads is exactly
// what was built, for any number of filters with any text in them.
func TestRenderThenParse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		built := rapid.SliceOfN(anyFilter(2), 0, 5).Draw(t, "filters")
		params, err := filter.Params(built...)
		if err != nil {
			t.Fatalf("%v", err)
		}
		var parsed []filter.Filter
		keys := map[string]bool{}
		for _, p := range params {
			if keys[p.Key] {
				t.Fatalf("key %q occurs twice", p.Key)
			}
			keys[p.Key] = true
			f, err := filter.ParseParam(p.Key, p.Value)
			if err != nil {
				t.Fatalf("%s=%s: %v", p.Key, p.Value, err)
			}
			parsed = append(parsed, f)
		}
		require.ElementsMatch(t, members(built), members(parsed))
	})
}

// What an item costs, alone and among very many, beside each other and inside
// one another; and what a complaint costs.
func BenchmarkParse(b *testing.B) {
	const condition = `due_at.gte."2026-01-02T00:00:00Z"`
	for _, tree := range []struct {
		name, value string
		items       int
	}{
		{"one", "(" + condition + ")", 1},
		{"list", "(" + strings.Repeat(condition+",", 9_999) + condition + ")", 10_000},
		{"nested", strings.Repeat("("+condition+",or", 999) + "(" + condition + strings.Repeat(")", 1000), 1000},
		{"refused", "(" + strings.Repeat(condition+",", 10_000) + "due_at)", 10_000},
	} {
		b.Run(tree.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := filter.ParseParam("or", tree.value); (err != nil) != (tree.name == "refused") {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tree.items), "ns/item")
		})
	}
}

func FuzzParseParam(f *testing.F) {
	for _, seed := range [][2]string{
		{"id", "eq.1"}, {"a.b->c->>0", `not.in.(a,"b,c")`}, {"or", `(a.eq."x",not.and(b.is.null,c.like(any).{a,b}))`},
		{"x.not.and", "(a.fts(english).b)"}, {"x.y.and", "(a.fts(english).b,or(c.eq.1,d.is.null))"}, {"not.n 0", "eq.1"}, {`"odd.name"`, `cs.{"a":1}`}, {"id", "in.( )"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		parsed, err := filter.ParseParam(key, value)
		if err != nil {
			var parse *filter.ParseError
			require.True(t, errors.As(err, &parse))
			require.NotEmpty(t, parse.Details)
			return
		}
		if parsed.Err() != nil {
			return
		}
		params, err := filter.Params(parsed)
		if err != nil {
			require.ErrorContains(t, err, `called "not"`)
			require.Contains(t, key, "not")
			return
		}
		var again []filter.Filter
		for _, p := range params {
			f, err := filter.ParseParam(p.Key, p.Value)
			require.NoError(t, err, "%s=%s", p.Key, p.Value)
			again = append(again, f)
		}
		require.ElementsMatch(t, members([]filter.Filter{parsed}), members(again))
	})
}
