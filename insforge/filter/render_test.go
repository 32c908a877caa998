package filter_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

type level string

func TestRender(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678901999, time.FixedZone("", 3600))
	three := 3
	tests := []struct {
		name string
		in   filter.Filter
		top  string // key=value, unescaped
		tree string // inside and=(…); the same with a dot for = where empty
	}{
		{"text", filter.Eq("name", "Ann"), "name=eq.Ann", ""},
		{"text is raw at the top and quoted in a tree", filter.Eq("name", `a,b) "c\`),
			`name=eq.a,b) "c\`, `name.eq."a,b) \"c\\"`},
		{"empty text", filter.Eq("name", ""), "name=eq.", `name.eq.""`},
		{"text like an operator", filter.Eq("name", "in.progress"), "name=eq.in.progress", ""},
		{"text like null", filter.Eq("name", "null"), "name=eq.null", ""},
		{"text with outer blanks", filter.Eq("name", " a "), "name=eq. a ", `name.eq." a "`},
		{"named string", filter.Eq("level", level("high")), "level=eq.high", ""},
		{"integer", filter.Neq("id", 7), "id=neq.7", ""},
		{"pointer", filter.Neq("id", &three), "id=neq.3", ""},
		{"beyond 2^53", filter.Gt("id", int64(math.MaxInt64)), "id=gt.9223372036854775807", ""},
		{"unsigned", filter.Gte("id", uint64(math.MaxUint64)), "id=gte.18446744073709551615", ""},
		{"float", filter.Lt("n", 0.1), "n=lt.0.1", ""},
		{"infinity", filter.Lt("n", math.Inf(-1)), "n=lt.-Infinity", ""},
		{"not a number", filter.Eq("n", math.NaN()), "n=eq.NaN", ""},
		{"big integer", filter.Eq("n", new(big.Int).Lsh(big.NewInt(1), 70)), "n=eq.1180591620717411303424", ""},
		{"JSON number", filter.Eq("n", json.Number("1.50")), "n=eq.1.50", ""},
		{"bool", filter.Eq("done", true), "done=eq.true", ""},
		{"time in UTC to the microsecond", filter.Lte("due_at", at), "due_at=lte.2026-01-02T02:04:05.678901Z", ""},
		{"duration", filter.Gt("age", 90*time.Minute+time.Microsecond), "age=gt.5400.000001 seconds", `age.gt."5400.000001 seconds"`},
		{"text marshaler", filter.Eq("ip", netip.MustParseAddr("::1")), "ip=eq.::1", ""},
		{"bytes", filter.Eq("hash", []byte{0xde, 0xad}), `hash=eq.\xdead`, `hash.eq."\\xdead"`},
		{"like", filter.Like("name", "A*%_"), "name=like.A*%_", ""},
		{"ilike", filter.ILike("name", "a*"), "name=ilike.a*", ""},
		{"match", filter.Match("name", "^A(b|c)"), "name=match.^A(b|c)", `name.match."^A(b|c)"`},
		{"imatch", filter.IMatch("name", "^a"), "name=imatch.^a", `name.imatch."^a"`},
		{"any", filter.Like("name", filter.AnyOf("A*", "b,c")), `name=like(any).{A*,"b,c"}`, `name.like(any)."{A*,\"b,c\"}"`},
		{"all", filter.Gt("id", filter.AllOf([]int{1, 2})), "id=gt(all).{1,2}", `id.gt(all)."{1,2}"`},
		{"in", filter.In("id", 1, 2), "id=in.(1,2)", ""},
		{"in with a slice", filter.In("id", []int64{1, 2}), "id=in.(1,2)", ""},
		{"in with awkward text", filter.In("name", `a,b`, `c)`, `"d"`, `e\`, ` f `, ``, `g(h`),
			`name=in.("a,b","c)","\"d\"","e\\"," f ","","g(h")`, ""},
		{"in of nothing", filter.In("id"), "id=in.()", ""},
		{"any of nothing", filter.Like("a", filter.AnyOf([]string{})), "a=like(any).{}", `a.like(any)."{}"`},
		{"in of an empty slice", filter.In("id", []string{}), "id=in.()", ""},
		{"in of only the empty text, which PostgREST reads as nothing", filter.In("name", ""), "name=eq.", `name.eq.""`},
		{"in of a time", filter.In("due_at", at), "due_at=in.(2026-01-02T02:04:05.678901Z)", ""},
		{"is null", filter.IsNull("name"), "name=is.null", ""},
		{"is true", filter.Is("done", true), "done=is.true", ""},
		{"is unknown", filter.Is("done", "UNKNOWN"), "done=is.unknown", ""},
		{"is distinct", filter.IsDistinct("name", "a"), "name=isdistinct.a", ""},
		{"fts", filter.Fts("body", "", "cat & dog"), "body=fts.cat & dog", `body.fts."cat & dog"`},
		{"plfts", filter.Plfts("body", "english", "cats"), "body=plfts(english).cats", ""},
		{"phfts", filter.Phfts("body", "german", "die Katze"), "body=phfts(german).die Katze", `body.phfts(german)."die Katze"`},
		{"wfts", filter.Wfts("body", "", `"a b" -c`), `body=wfts."a b" -c`, `body.wfts."\"a b\" -c"`},
		{"contains array", filter.Cs("tags", []string{"a", "b c", `q"u`, "", "NULL", "x,y"}),
			`tags=cs.{a,"b c","q\"u","","NULL","x,y"}`, `tags.cs."{a,\"b c\",\"q\\\"u\",\"\",\"NULL\",\"x,y\"}"`},
		{"array with nulls", filter.Cs("tags", []*string{nil}), "tags=cs.{NULL}", `tags.cs."{NULL}"`},
		{"array of arrays", filter.Eq("grid", [][]int{{1, 2}, {3, 4}}), "grid=eq.{{1,2},{3,4}}", `grid.eq."{{1,2},{3,4}}"`},
		{"contains JSON", filter.Cs("meta", map[string]any{"a": "<b>"}), `meta=cs.{"a":"<b>"}`, `meta.cs."{\"a\":\"<b>\"}"`},
		{"contains a JSON array", filter.Cs("meta", filter.JSON([]int{1})), "meta=cs.[1]", `meta.cs."[1]"`},
		{"contained", filter.Cd("tags", []string{"a"}), "tags=cd.{a}", `tags.cd."{a}"`},
		{"overlaps", filter.Ov("during", filter.Range{Lower: at, Bounds: "[]"}), "during=ov.[2026-01-02T02:04:05.678901Z,]",
			`during.ov."[2026-01-02T02:04:05.678901Z,]"`},
		{"strictly left", filter.Sl("r", filter.Range{Lower: 1, Upper: 5}), "r=sl.[1,5)", `r.sl."[1,5)"`},
		{"strictly right", filter.Sr("r", filter.Range{Lower: 1, Upper: 5, Bounds: "(]"}), "r=sr.(1,5]", `r.sr."(1,5]"`},
		{"not right of", filter.Nxr("r", filter.Range{}), "r=nxr.[,)", `r.nxr."[,)"`},
		{"not left of", filter.Nxl("r", filter.Range{Lower: "a b", Upper: ""}), `r=nxl.["a b","")`, `r.nxl."[\"a b\",\"\")"`},
		{"adjacent", filter.Adj("r", "[1,2]"), "r=adj.[1,2]", `r.adj."[1,2]"`},
		{"not", filter.Not(filter.In("id", 1)), "id=not.in.(1)", ""},
		{"not not", filter.Not(filter.Not(filter.Eq("id", 1))), "id=eq.1", ""},
		{"or", filter.Or(filter.Eq("a", 1), filter.IsNull("a")), "or=(a.eq.1,a.is.null)", "or(a.eq.1,a.is.null)"},
		{"not and", filter.Not(filter.And(filter.Eq("a", 1), filter.Not(filter.Eq("b", "x y")))),
			`not.and=(a.eq.1,b.not.eq."x y")`, `not.and(a.eq.1,b.not.eq."x y")`},
		{"JSON path", filter.Eq("data->a->0->>b", 1), "data->a->0->>b=eq.1", "data->a->0->>b.eq.1"},
		{"JSON key of digits", filter.Eq(`data->"0"`, 1), `data->"0"=eq.1`, `data->"0".eq.1`},
		{"JSON index from the end", filter.Eq("data->-1", 1), "data->-1=eq.1", "data->-1.eq.1"},
		{"embedded", filter.Eq("author.name", "Ann"), "author.name=eq.Ann", ""},
		{"embedded or", filter.Or(filter.Eq("author.a", 1), filter.Eq("author.b", 2)), "author.or=(a.eq.1,b.eq.2)", "or(a.eq.1,b.eq.2)"},
		// Names that mean something else as a key stand inside and=(…).
		{"reserved column", filter.Eq("order", 1), "and=(order.eq.1)", "order.eq.1"},
		{"column InsForge takes for itself", filter.Eq("schema", 1), "and=(schema.eq.1)", "schema.eq.1"},
		{"column Express drops", filter.Eq("__proto__", 1), "and=(__proto__.eq.1)", "__proto__.eq.1"},
		{"column with a dot", filter.Eq(filter.Quote("a.b"), 1), `and=("a.b".eq.1)`, `"a.b".eq.1`},
		{"column with a quote", filter.Eq(filter.Quote(`a"b`), 1), `and=("a\"b".eq.1)`, `"a\"b".eq.1`},
		{"column with a blank", filter.Eq("first name", 1), `and=("first name".eq.1)`, `"first name".eq.1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			params, err := filter.Params(tt.in)
			require.NoError(t, err)
			require.Len(t, params, 1)
			require.Equal(t, tt.top, params[0].Key+"="+params[0].Value)
			tree := tt.tree
			if tree == "" {
				tree = params[0].Key + "." + params[0].Value
				if tt.name == "embedded" {
					tree = "name.eq.Ann"
				}
			}
			require.Equal(t, tree, filter.TreeString(tt.in))
		})
	}
}

// TestParamsKeys pins that a key never occurs twice: gateways turn repeated
// keys into something else.
func TestParamsKeys(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		in   []filter.Filter
		want []filter.Param
	}{
		{"none", nil, []filter.Param{}},
		{"two columns", []filter.Filter{filter.Eq("a", 1), filter.Eq("b", 2)},
			[]filter.Param{{Key: "a", Value: "eq.1"}, {Key: "b", Value: "eq.2"}}},
		{"one column twice", []filter.Filter{filter.Gte("a", 1), filter.Eq("b", 2), filter.Lt("a", 5)},
			[]filter.Param{{Key: "b", Value: "eq.2"}, {Key: "and", Value: "(a.gte.1,a.lt.5)"}}},
		{"two or-groups", []filter.Filter{
			filter.Or(filter.Eq("a", 1), filter.Eq("b", 2)), filter.Or(filter.Eq("c", 3), filter.Eq("d", 4)),
		}, []filter.Param{{Key: "and", Value: "(or(a.eq.1,b.eq.2),or(c.eq.3,d.eq.4))"}}},
		{"an and-group is its members", []filter.Filter{filter.And(filter.Eq("a", 1), filter.Or(filter.Eq("b", 2)))},
			[]filter.Param{{Key: "a", Value: "eq.1"}, {Key: "or", Value: "(b.eq.2)"}}},
		{"embedded resources apart", []filter.Filter{
			filter.Gt("id", 1), filter.Gt("author.id", 1), filter.Lt("author.id", 5), filter.Eq("a.b.c", 1),
		}, []filter.Param{
			{Key: "id", Value: "gt.1"}, {Key: "author.and", Value: "(id.gt.1,id.lt.5)"}, {Key: "a.b.c", Value: "eq.1"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := filter.Params(tt.in...)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// TestMistakes pins that a filter that cannot mean what it seems to mean is an
// error, rather than another filter.
func TestMistakes(t *testing.T) {
	t.Parallel()
	var nobody *int
	tests := []struct {
		name string
		in   filter.Filter
		want string
	}{
		{"nil", filter.Eq("a", nil), "use IsNull"},
		{"nil pointer", filter.Eq("a", nobody), "use IsNull"},
		{"nil in a list", filter.In("a", 1, nil), "use IsNull"},
		{"all of nothing matches every row", filter.Like("a", filter.AllOf()), "all of no values"},
		{"quantifier on an operator without", filter.Neq("a", filter.AnyOf(1, 2)), "does not compare"},
		{"zero byte", filter.Eq("a", "a\x00b"), "zero byte"},
		{"invalid UTF-8", filter.In("a", "\xff"), "UTF-8"},
		{"channel", filter.Eq("a", make(chan int)), "no PostgreSQL literal"},
		{"year", filter.Eq("a", time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)), "year 12026"},
		{"range bounds", filter.Cs("a", filter.Range{Bounds: "<>"}), "bounds"},
		{"is something", filter.Is("a", "maybe"), "want null"},
		{"is number", filter.Is("a", 1), "want nil"},
		{"config", filter.Fts("a", "x)y", "q"), "configuration"},
		{"column", filter.Eq("a=b", 1), "Quote"},
		{"no column", filter.Eq("", 1), "column"},
		{"or of nothing", filter.Or(), "no filters"},
		{"inside", filter.Not(filter.Or(filter.Eq("a", 1), filter.And())), "no filters"},
		{"resources mixed", filter.Or(filter.Eq("a.b", 1), filter.Eq("b", 1)), "cannot mix"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			require.ErrorContains(t, tt.in.Err(), tt.want)
			_, err := filter.Params(tt.in)
			require.ErrorContains(t, err, tt.want)
		})
	}
	_, err := filter.Params(nil)
	require.Error(t, err)
}

// TestAResourceCalledNot: as the first name of a tree's key it would turn the
// tree into its opposite.
func TestAResourceCalledNot(t *testing.T) {
	t.Parallel()
	params, err := filter.Params(filter.Eq("not.a", 1))
	require.NoError(t, err)
	require.Equal(t, []filter.Param{{Key: "not.a", Value: "eq.1"}}, params)

	for name, filters := range map[string][]filter.Filter{
		"two conditions on a column": {filter.Gt("not.a", 1), filter.Lt("not.a", 3)},
		"a name that is no key":      {filter.Eq(`not."a b"`, 1)},
		"a tree": {filter.Tree{Embed: []string{"not"}, Or: true, Filters: []filter.Filter{
			filter.Eq("a", 1), filter.Eq("b", 2),
		}}},
	} {
		_, err := filter.Params(filters...)
		require.ErrorContains(t, err, "another alias", name)
	}
}

// TestParamsApart: a condition has a key for itself as long as there is one, and
// what is in a tree is told.
func TestParamsApart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		in    []filter.Filter
		want  string
		trees string
	}{
		{"nothing", nil, "[]", ""},
		{"two of a column", []filter.Filter{filter.Gte("n", 1), filter.Lt("n", 5)}, `[{n gte.1} {"n" lt.5}]`, ""},
		{"three of a column", []filter.Filter{filter.Gte("n", 1), filter.Lt("n", 5), filter.Neq("n", 3)}, `[{n gte.1} {"n" lt.5} {or (n.neq.3)}]`, "n.neq.3"},
		{"four of a column", []filter.Filter{filter.Gte("n", 1), filter.Lt("n", 5), filter.Neq("n", 3), filter.Neq("n", 4)},
			`[{n gte.1} {"n" lt.5} {and (or(n.neq.3),or(n.neq.4))}]`, "n.neq.3 n.neq.4"},
		{"names that are something else", []filter.Filter{filter.Eq("order", 1), filter.Eq(filter.Quote("a.b"), 2)}, `[{"order" eq.1} {"a.b" eq.2}]`, ""},
		{"a name that a gateway reads as a list", []filter.Filter{filter.Eq(filter.Quote("a[0]"), 1)}, `[{or ("a[0]".eq.1)}]`, `"a[0]".eq.1`},
		{"a place in JSON", []filter.Filter{filter.Gt("j->a->>b", 1), filter.Lt("j->a->>b", 2)}, `[{j->a->>b gt.1} {"j"->a->>b lt.2}]`, ""},
		{"or", []filter.Filter{filter.Or(filter.Eq("a", 1), filter.IsNull("b")), filter.Eq("a", 2)}, `[{a eq.2} {or (a.eq.1,b.is.null)}]`, "or(a.eq.1,b.is.null)"},
		{"of an embedded resource", []filter.Filter{filter.Eq("r.a", 1), filter.Eq("a", 2)}, `[{a eq.2} {r.a eq.1}]`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			params, trees, err := filter.ParamsApart(tt.in...)
			require.NoError(t, err)
			require.Equal(t, tt.want, fmt.Sprint(params))
			var told []string
			for _, f := range trees {
				told = append(told, filter.TreeString(f))
			}
			require.Equal(t, tt.trees, strings.Join(told, " "))
		})
	}
	for _, bad := range []filter.Filter{nil, filter.Eq("a", nil), filter.Or()} {
		_, _, err := filter.ParamsApart(filter.Eq("b", 1), bad)
		require.Error(t, err)
	}
	require.True(t, filter.Reserved("x.order"))
	require.False(t, filter.Reserved("order_id"))
	require.True(t, filter.LooksLike("in.progress"))
	require.False(t, filter.LooksLike("progress"))
}
