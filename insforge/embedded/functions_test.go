package embedded_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

// twins are functions that PostgreSQL and the embedded server have alike: for
// every table with a key all_TABLE and one_TABLE, for one without keep and
// keep_quietly, which insert, and some that return what they are given.
type twins struct {
	sql      strings.Builder
	options  []insforgetest.Option
	embedded *insforgetest.Server // to be set: what functions ask for rows
}

type twinColumn struct {
	Name, Type string
	PrimaryKey bool `json:"primary_key"`
}

type twinArgs = map[string]json.RawMessage

// declare makes one of a pair: the body is PL/pgSQL, which PostgreSQL runs as it
// is told and does not mix with the statement around it.
func (tw *twins) declare(declaration, body string, twin embedded.Function) {
	fmt.Fprintf(&tw.sql, "CREATE FUNCTION %s LANGUAGE plpgsql AS $f$\n#variable_conflict use_column\nBEGIN %s; END $f$;\n", declaration, body)
	tw.options = append(tw.options, insforgetest.WithFunction(declaration, twin))
}

// functionName is what the function of a table is called.
func functionName(prefix, table string) string {
	return prefix + "_" + strings.ReplaceAll(table, " ", "_")
}

func newTwins(t testing.TB, tables []byte) *twins {
	t.Helper()
	var file map[string]struct{ Columns []twinColumn }
	require.NoError(t, json.Unmarshal(tables, &file))
	tw := &twins{}
	for _, name := range slices.Sorted(maps.Keys(file)) {
		columns := file[name].Columns
		var key, params, given []string
		for _, c := range columns {
			if c.PrimaryKey {
				params = append(params, fmt.Sprintf("%q %s", c.Name, strings.Replace(c.Type, "serial", "int", 1)))
				given = append(given, fmt.Sprintf("%q = $%d", c.Name, len(params)))
				key = append(key, c.Name)
			}
		}
		table, path := `"`+name+`"`, "/"+url.PathEscape(name)
		nested := slices.ContainsFunc(columns, func(c twinColumn) bool { return c.Type == "jsonb[]" })
		switch {
		case nested: // [[1]] may be one element or two dimensions
			continue
		case key == nil:
			tw.declareKeep(name, columns)
			continue
		}
		order := `"` + strings.Join(key, `","`) + `"`
		tw.declare(functionName("all", name)+"() RETURNS SETOF "+table+" STABLE", "RETURN QUERY SELECT * FROM "+table+" ORDER BY "+order,
			func(ctx context.Context, _ twinArgs) (any, error) {
				return tw.ask(ctx, http.MethodGet, path+"?order="+url.QueryEscape(order), nil)
			})
		tw.declare(fmt.Sprintf("%s(%s) RETURNS %s STABLE", functionName("one", name), strings.Join(params, ", "), table),
			"RETURN (SELECT t FROM "+table+" t WHERE "+strings.Join(given, " AND ")+")",
			func(ctx context.Context, args twinArgs) (any, error) {
				query := url.Values{}
				for _, k := range key {
					query.Set(`"`+k+`"`, "eq."+plainText(args[k]))
					if string(args[k]) == "null" {
						return nil, nil
					}
				}
				rows, err := tw.ask(ctx, http.MethodGet, path+"?"+query.Encode(), nil)
				if err != nil || len(rows) == 0 {
					return nil, err
				}
				return rows[0], nil
			})
	}
	echo := func(_ context.Context, args twinArgs) (any, error) { return args["x"], nil }
	for _, typ := range typeNames {
		if typ == "jsonb[]" {
			continue
		}
		tw.declare(fmt.Sprintf("%s(x %s) RETURNS %s IMMUTABLE", functionName("echo", plainName(typ)), typ, typ), "RETURN x", echo)
	}
	tw.declare("twice(x jsonb, y integer DEFAULT 2) RETURNS SETOF jsonb IMMUTABLE", "RETURN NEXT x; RETURN NEXT to_jsonb(y)",
		func(_ context.Context, args twinArgs) (any, error) { return []any{args["x"], args["y"]}, nil })
	tw.declare("couple(a timestamptz, b text DEFAULT NULL, n integer DEFAULT 7) RETURNS TABLE (at timestamptz, v text, m integer) STABLE",
		"RETURN QUERY SELECT $1, $2, $3; RETURN QUERY SELECT NULL::timestamptz, $2, NULL::integer",
		func(_ context.Context, args twinArgs) (any, error) {
			return []any{map[string]any{"at": args["a"], "v": args["b"], "m": args["n"]}, map[string]any{"v": args["b"]}}, nil
		})
	tw.declare("raises(code text, message text DEFAULT 'no') RETURNS void STABLE", "RAISE EXCEPTION USING ERRCODE = $1, MESSAGE = $2, HINT = 'try', DETAIL = 'so'",
		func(_ context.Context, args twinArgs) (any, error) {
			return nil, &filter.SQLError{Code: plainText(args["code"]), Message: plainText(args["message"]), Hint: "try", Detail: "so"}
		})
	tw.declare("quiet() RETURNS void STABLE", "NULL", func(context.Context, twinArgs) (any, error) { return nil, nil })
	tw.declare("given(jsonb) RETURNS jsonb STABLE", "RETURN $1", func(_ context.Context, args twinArgs) (any, error) { return args[""], nil })
	tw.declare("several(VARIADIC x integer[]) RETURNS integer STABLE", "RETURN cardinality(x)",
		func(_ context.Context, args twinArgs) (any, error) {
			var list []any
			err := json.Unmarshal(args["x"], &list)
			return len(list), err
		})
	return tw
}

// declareKeep makes functions that insert into a table of a text and an integer.
func (tw *twins) declareKeep(table string, columns []twinColumn) {
	if len(columns) != 2 {
		return
	}
	insert := `INSERT INTO "` + table + `" VALUES ($1, $2)`
	keep := func(ctx context.Context, args twinArgs) ([]json.RawMessage, error) {
		body, err := json.Marshal(twinArgs{columns[0].Name: args["note"], columns[1].Name: args["n"]})
		if err != nil {
			return nil, err
		}
		return tw.ask(ctx, http.MethodPost, "/"+table, body)
	}
	tw.declare(`keep(note text, n integer DEFAULT 3) RETURNS SETOF "`+table+`" VOLATILE`, "RETURN QUERY "+insert+" RETURNING *",
		func(ctx context.Context, args twinArgs) (any, error) { return keep(ctx, args) })
	tw.declare("keep_quietly(note text, n integer) RETURNS void VOLATILE", insert,
		func(ctx context.Context, args twinArgs) (any, error) {
			_, err := keep(ctx, args)
			return nil, err
		})
}

// ask sends a request of a function to the server it is a function of.
func (tw *twins) ask(ctx context.Context, method, path string, body []byte) (rows []json.RawMessage, err error) {
	req, err := http.NewRequestWithContext(ctx, method, tw.embedded.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Prefer", "return=representation")
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: %s", method, path, raw)
	}
	return rows, json.Unmarshal(raw, &rows)
}

// plainText is an argument without the quotes of JSON.
func plainText(arg json.RawMessage) string {
	var s string
	if json.Unmarshal(arg, &s) == nil {
		return s
	}
	return string(arg)
}

// plainName makes a name that needs no quotes of a type's.
func plainName(typ string) string {
	return strings.NewReplacer("(", "", ")", "", ",", "_", "[]", "_array", " ", "_").Replace(typ)
}

// call draws a call of one of the twins.
func (g generator) call() question {
	q := question{request: request{Method: g.pick("GET", "GET", "GET", "POST", "POST", "HEAD"), Header: map[string]string{}}, vague: true}
	t := g.tables[g.IntN(len(g.tables))]
	if slices.ContainsFunc(t.columns, func(c genColumn) bool { return c.typ == "jsonb[]" }) {
		t = g.tables[len(g.tables)-1] // which has no functions, as this
	}
	var names, values []string
	add := func(name, value string) { names, values = append(names, name), append(values, value) }
	function := ""
	switch g.IntN(12) {
	case 0, 1, 2, 3, 4:
		if function = functionName("all", t.name); len(t.key) > 0 {
			read := g.read(t)
			read.Method, read.vague = q.Method, true
			q = read
		}
	case 5, 6:
		if function = functionName("one", t.name); len(t.key) > 0 {
			for _, k := range t.key {
				if c := t.column(k); c.typ == "bigint" || c.typ == "integer" {
					add(k, fmt.Sprint(g.IntN(8)))
				} else {
					add(k, g.literal(c.typ))
				}
			}
			if g.chance(50) {
				var p params
				p.add("select", g.selection(&p, t, "", 0))
				q.Path = "?" + strings.Join(p, "&")
			}
		}
	case 7, 8:
		typ := g.pick(typeNames...)
		function = functionName("echo", plainName(typ))
		add("x", g.literal(typ))
		if g.chance(20) {
			q.Path = "?" + g.pick("limit=0", "limit=1", "pgrst_scalar=is.null", "select=pgrst_scalar", "select=*", "order=pgrst_scalar", "offset=1", "select=nope", "select=y:pgrst_scalar", "pgrst_scalar=not.is.null")
		}
	case 9:
		function = "twice"
		add("x", g.literal("jsonb"))
		if g.chance(50) {
			add("y", g.literal("integer"))
		}
		if g.chance(40) {
			q.Path = "?" + g.pick("limit=1", "offset=1", "pgrst_scalar=eq.2", "order=pgrst_scalar", "select=pgrst_scalar->a", "select=pgrst_scalar::text")
		}
	case 10:
		function = "couple"
		add("a", g.literal("timestamptz"))
		if g.chance(60) {
			add("b", g.literal("text"))
		}
		if g.chance(30) {
			add("n", g.literal("integer"))
		}
		if g.chance(60) {
			q.Path = "?" + g.pick("select=v,m&order=m", "select=at", "at=gt.2026-01-01&limit=1", "m=is.null", "m=eq.7&select=m", "order=m.desc.nullslast&offset=1", "v=like.*a*", "select=v&m=eq.1", "select=count", "select=nope", "or=(m.eq.7,v.is.null)")
		}
	default:
		switch function = g.pick("keep", "keep_quietly", "raises", "quiet", "given", "several", "nope", "al_owners"); function {
		case "keep", "keep_quietly":
			add("note", g.literal("text"))
			if g.chance(70) {
				add("n", g.literal("integer"))
			}
		case "raises":
			add("code", g.pick("P0001", "22023", "PT418", "23505", "42501", "28000", "54000", "P0002", "XX000", "57P01", "08000", "0L000"))
		case "several":
			for range 1 + g.IntN(2) {
				add("x", g.literal("integer"))
			}
		}
	}
	if g.chance(4) {
		add(g.pick("nope", "x", "id"), "1")
	}
	if function == "raises" && q.Method == http.MethodHead {
		q.Method = http.MethodGet // PostgreSQL need not call it
	}
	_, query, _ := strings.Cut(q.Path, "?")
	p := params(strings.FieldsFunc(query, func(r rune) bool { return r == '&' }))
	if q.Method == http.MethodPost {
		g.callBody(&q, names, values)
	} else {
		for i := range names {
			p.add(names[i], values[i])
		}
	}
	return g.finish(q, &genTable{name: "rpc/" + function}, p,
		g.prefer("count=exact", g.pick("count=planned", "count=estimated", "params=single-object", "handling=strict", "return=minimal", "params=multiple-objects"), g.also()))
}

// callBody sends arguments as JSON, mostly.
func (g generator) callBody(q *question, names, values []string) {
	fields := make([]string, len(names))
	for i, value := range values {
		encoded, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		if g.chance(40) && json.Valid([]byte(value)) {
			encoded = []byte(value)
		}
		fields[i] = fmt.Sprintf("%q:%s", names[i], encoded)
	}
	body := "{" + strings.Join(fields, ",") + "}"
	switch g.IntN(16) {
	case 0:
		form := url.Values{}
		for i := range names {
			form.Set(names[i], values[i])
		}
		g.body(q, "application/x-www-form-urlencoded", form.Encode())
	case 1:
		g.body(q, "application/json", g.pick("", "[]", "{}", "["+body+"]", "["+body+","+body+"]", "5", "{", `"x"`, "null"))
	case 2:
		g.body(q, g.pick("text/plain", "application/octet-stream", "application/xml", "text/xml"), body)
	default:
		g.body(q, "application/json", body)
	}
}
