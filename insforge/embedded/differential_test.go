package embedded_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

var (
	differences = flag.Int("requests", 1500, "how many generated requests TestAnswersLikeGenuine sends")
	seed        = flag.Uint64("seed", 1, "seed of the generated requests")
)

const zooTables = `{
"owners":{"columns":[{"name":"id","type":"integer","primary_key":true,"generated":"identity"},{"name":"name","type":"text","not_null":true}],
	"unique":[["name"]],"rows":[{"name":"Ann"},{"name":"Bob"},{"name":"Cyd"}]},
"animals":{"columns":[
	{"name":"id","type":"bigint","primary_key":true,"generated":"identity"},
	{"name":"owner_id","type":"integer"},
	{"name":"n","type":"integer","default":5},
	{"name":"price","type":"numeric(8,2)"},
	{"name":"weight","type":"double precision"},
	{"name":"name","type":"text"},
	{"name":"code","type":"varchar(4)"},
	{"name":"ok","type":"boolean","not_null":true,"default":false},
	{"name":"at","type":"timestamptz"},
	{"name":"day","type":"date"},
	{"name":"uid","type":"uuid"},
	{"name":"doc","type":"jsonb"},
	{"name":"raw","type":"json"},
	{"name":"tags","type":"text[]"},
	{"name":"nums","type":"integer[]"},
	{"name":"span","type":"int4range"},
	{"name":"kind","type":"text","default":"cat"}],
	"unique":[["name","n"]],"indexes":[["n","id"],["at"],["owner_id"]],
	"checks":[{"column":"kind","in":["cat","dog","emu"]}],
	"foreign_keys":[{"columns":["owner_id"],"references":"owners","referenced_columns":["id"]}]}}`

// A zookeeper draws requests for the zoo that make sense, mostly.
type zookeeper struct{ *rand.Rand }

func (z zookeeper) pick(list ...string) string { return list[z.IntN(len(list))] }

// values are literals by column, the last of each is wrong for it.
var values = map[string][]string{
	"id":       {"1", "2", "3", "5", "8", "100", "x"},
	"owner_id": {"1", "2", "3", "9", "1.5"},
	"n":        {"0", "-1", "5", "7", "99999999999"},
	"price":    {"0", "1.5", "10.00", "-3.25", "1e2", "many"},
	"weight":   {"0", "0.1", "2.5", "1e10", "NaN", "heavy"},
	"name":     {"Rex", "rex", "Ünal", "a b", "x,y", "(q)", "", "100%", "a_b", `q"t`},
	"code":     {"ab", "abcd", "", "z"},
	"ok":       {"true", "false", "t", "maybe"},
	"at":       {"2026-01-01T00:00:00Z", "2026-01-01 01:00:00+01", "2026-06-01", "infinity", "someday"},
	"day":      {"2026-01-01", "2026-02-28", "2026-02-30"},
	"uid":      {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC999C0B4EF8BB6D6BB9BD380A12", "nope"},
	"doc":      {`{"a":1}`, `{"a":{"b":[1,2]},"c":"x"}`, `[1,"two",null]`, `"s"`, `{"a":`},
	"tags":     {"{}", "{a}", `{a,"b c"}`, "{b,NULL}", "{a"},
	"nums":     {"{}", "{1}", "{1,2,3}", "{x}"},
	"span":     {"[1,5)", "(0,3]", "empty", "[,9)", "5"},
	"kind":     {"cat", "dog", "emu", "cow"},
}

var columnNames = []string{"id", "owner_id", "n", "price", "weight", "name", "code", "ok", "at", "day", "uid", "doc", "tags", "nums", "span", "kind"}

func (z zookeeper) literal(column string) string {
	list := values[column]
	if z.IntN(12) > 0 {
		list = list[:len(list)-1]
	}
	return z.pick(list...)
}

// condition is a filter as key, operator and operand, in a tree or not.
func (z zookeeper) condition(inTree bool) (key, expression string) {
	column := z.pick(columnNames...)
	not := z.pick("", "", "", "not.")
	quote := func(s string) string {
		if !inTree {
			return s
		}
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	if z.IntN(12) == 0 {
		return z.pick("doc->a", "doc->>a", "doc->a->b->>0", "doc->>c", "doc->-1", "tags->>0", "raw->>a"), not + z.pick("eq.", "gt.", "is.") + z.pick("1", "x", "null")
	}
	op := z.pick("eq", "eq", "neq", "gt", "gte", "lt", "lte", "is", "in", "isdistinct", "any")
	switch column {
	case "name", "code", "kind":
		op = z.pick(op, "like", "ilike", "match", "imatch")
	case "tags", "nums":
		op = z.pick(op, "cs", "cd", "ov")
	case "doc": // the words about a bad array of these depend on where it is noticed
		if op == "any" {
			op = "eq"
		}
		op = z.pick(op, "cs", "cd")
	case "span":
		op = z.pick(op, "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj")
	}
	if z.IntN(40) == 0 {
		op = z.pick("like", "cs", "sl", "ov", "bogus", "match")
	}
	switch op {
	case "is":
		return column, not + "is." + z.pick("null", "null", "null", "true", "unknown", "NULL", "nope")
	case "in":
		var list []string
		for range z.IntN(4) {
			s := z.literal(column)
			list = append(list, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)+`"`)
		}
		return column, not + "in.(" + strings.Join(list, ",") + ")"
	case "any":
		return column, not + z.pick("eq", "gt", "lte", "neq") + z.pick("(any)", "(all)") + "." + quote("{"+z.literal(column)+","+z.literal(column)+"}")
	case "like", "ilike":
		return column, not + op + z.pick(".", ".", "(any).") + quote(z.pick("*e*", "R__", "*", "%25", "a\\_b", "*ü*", "{R*,*x}"))
	case "match", "imatch":
		return column, not + op + "." + quote(z.pick("^R", "[a-c]+", "x$", "^$", "e.", "\\w \\w"))
	}
	return column, not + op + "." + quote(z.literal(column))
}

func (z zookeeper) tree(depth int) string {
	var parts []string
	for range 1 + z.IntN(3) {
		if depth > 0 && z.IntN(4) == 0 {
			parts = append(parts, z.pick("and", "or", "not.and", "not.or")+z.tree(depth-1))
			continue
		}
		key, expression := z.condition(true)
		parts = append(parts, key+"."+expression)
	}
	return "(" + strings.Join(parts, ",") + ")"
}

func (z zookeeper) filters() url.Values {
	q := url.Values{}
	for range z.IntN(3) {
		key, expression := z.condition(false)
		q.Add(key, expression)
	}
	if z.IntN(3) == 0 {
		q.Set(z.pick("or", "and", "not.or", "not.and"), z.tree(2))
	}
	return q
}

func (z zookeeper) selection() string {
	return z.pick("*", "id,name", "id,n,price::text", "id,x:doc->a,doc->>c", "id,at::date,day::text", "id,owners(name)", "id,o:owners!inner(id,name)",
		"id,...owners(name)", "id,tags->0,tags", "id,weight,ok,uid", "id,span,nums,raw", "id,nope", "id,n::bigint,ok::text,at", "id,price::int")
}

func (z zookeeper) order() string {
	column := z.pick("id", "n", "price", "weight", "name", "at", "day", "doc", "tags", "span", "ok", "uid", "doc->a", "doc->>c")
	return column + z.pick("", ".asc", ".desc", ".nullsfirst", ".desc.nullslast") + ",id"
}

// row is a JSON object for animals.
func (z zookeeper) row(columns []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, c := range columns {
		if i > 0 {
			b.WriteByte(',')
		}
		s := z.literal(c)
		encoded, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		switch {
		case z.IntN(8) == 0 && c != "ok":
			encoded = []byte("null")
		case json.Valid([]byte(s)) && (c == "doc" || z.IntN(2) == 0 && s != "null"):
			encoded = []byte(s)
		}
		fmt.Fprintf(&b, "%q:%s", c, encoded)
	}
	b.WriteByte('}')
	return b.String()
}

// isBad reports whether a row has a value that is wrong for its column.
func (z zookeeper) isBad(columns []string, row string) bool {
	var cells map[string]json.RawMessage
	if err := json.Unmarshal([]byte(row), &cells); err != nil {
		return true
	}
	for _, c := range columns {
		list := values[c]
		bad := list[len(list)-1]
		encoded, err := json.Marshal(bad)
		if err != nil || string(cells[c]) == bad || string(cells[c]) == "{}" || string(cells[c]) == string(encoded) || c == "doc" {
			return true
		}
	}
	return false
}

func (z zookeeper) columns() []string {
	var out []string
	for _, c := range columnNames[1:] {
		if z.IntN(3) == 0 {
			out = append(out, c)
		}
	}
	if z.IntN(6) == 0 {
		out = append(out, "id")
	}
	return out
}

func (z zookeeper) prefer(choices ...string) string {
	var out []string
	for _, c := range choices {
		if z.IntN(2) == 0 {
			out = append(out, c)
		}
	}
	return strings.Join(out, ",")
}

func (z zookeeper) request() request {
	q := z.filters()
	r := request{Method: http.MethodGet, Header: map[string]string{}}
	prefer := ""
	switch k := z.IntN(20); {
	case k < 13:
		q.Set("order", z.order())
		if z.IntN(2) == 0 {
			q.Set("select", z.selection())
		}
		if z.IntN(3) == 0 {
			q.Set("limit", fmt.Sprint(z.IntN(5)))
			q.Set("offset", fmt.Sprint(z.IntN(3)))
		}
		prefer = z.prefer("count=exact", z.pick("timezone=Europe/Berlin", "handling=strict", "return=minimal"))
		if z.IntN(10) == 0 {
			r.Header["Accept"] = z.pick("text/csv", "application/vnd.pgrst.object+json", "application/vnd.pgrst.array+json;nulls=stripped")
		}
		if z.IntN(12) == 0 {
			r.Header["Range"] = z.pick("0-2", "1-", "5-9", "3-1")
		}
	case k < 16:
		r.Method = http.MethodPost
		columns := z.columns()
		rows := make([]string, 1+z.IntN(3))
		for i := range rows {
			rows[i] = z.row(columns)
		}
		body := "[" + strings.Join(rows, ",") + "]"
		r.Body = &body
		q = url.Values{}
		if z.IntN(3) == 0 {
			q.Set("on_conflict", z.pick("id", "name,n", "n"))
		}
		if z.IntN(3) == 0 {
			q.Set("columns", strings.Join(append(columns, z.pick("n", "kind", "ok")), ","))
		}
		prefer = z.prefer("return=representation", z.pick("resolution=merge-duplicates", "resolution=ignore-duplicates"), "count=exact", "missing=default")
	case k < 19:
		r.Method = http.MethodPatch
		columns := z.columns()
		if len(columns) > 3 {
			columns = columns[:3]
		}
		// Whether a bad value is noticed when no row matches depends on PostgreSQL's plan.
		body := `{"n":7}`
		if row := z.row(columns); !z.isBad(columns, row) {
			body = row
		}
		r.Body = &body
		q.Set("id", z.pick("eq.1", "eq.3", "in.(2,4)", "lt.4"))
		prefer = z.prefer("return=representation", "count=exact")
	default:
		r.Method = http.MethodDelete
		q.Set("id", z.pick("eq.2", "eq.7", "gt.8"))
		prefer = z.prefer("return=representation", "count=exact")
	}
	if r.Body != nil {
		r.Header["Content-Type"] = "application/json"
	}
	if prefer != "" {
		r.Header["Prefer"] = prefer
	}
	r.Path = "/animals"
	if len(q) > 0 {
		r.Path += "?" + q.Encode()
	}
	return r
}

// Generated requests, writes among them, are answered alike by the embedded
// and the genuine server.
func TestAnswersLikeGenuine(t *testing.T) {
	t.Parallel()
	genuine := insforgetest.Genuine(t, sqlOf(t, []byte(zooTables)))
	embedded := insforgetest.New(t, []byte(zooTables))
	z := zookeeper{rand.New(rand.NewPCG(*seed, 7))}
	wrong := 0
	for n := range *differences {
		r := z.request()
		want, got := ask(t, genuine, r), ask(t, embedded, r)
		if r.Method != http.MethodGet { // a write may show its rows in any order
			want.Body, got.Body = sorted(want.Body), sorted(got.Body)
		}
		if !equalJSON(want, got) {
			wrong++
			t.Errorf("request %d: %s\n  genuine  %s\n  embedded %s", n, r, show(want), show(got))
		}
		if r.Method == http.MethodGet {
			continue
		}
		state := request{Method: http.MethodGet, Path: "/animals?order=id"}
		if want, got := ask(t, genuine, state), ask(t, embedded, state); !equalJSON(want, got) {
			t.Fatalf("after request %d: %s\n  genuine  %s\n  embedded %s", n, r, show(want), show(got))
		}
		if wrong > 20 {
			t.Fatal("too many differences")
		}
	}
}

func sorted(body any) any {
	rows, ok := body.([]any)
	if !ok {
		return body
	}
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = show(row)
	}
	slices.Sort(out)
	return out
}

func show(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func equalJSON(a, b answer) bool { return show(a) == show(b) }
