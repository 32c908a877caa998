package embedded_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
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

// wellFormed fails if an answer is not one of PostgREST's shapes.
func wellFormed(t *testing.T, rec *httptest.ResponseRecorder) {
	t.Helper()
	if rec.Code == http.StatusInternalServerError && rec.Body.String() == "Something went wrong" {
		return // as PostgREST has it where the query string is not UTF-8
	}
	if !strings.Contains(rec.Body.String(), `"54000"`) { // too many dimensions of an array are 500 there, too
		require.Less(t, rec.Code, 500, rec.Body)
	}
	if rec.Code >= 400 && rec.Body.String() != "{}" {
		var e struct{ Code, Message *string }
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &e), rec.Body)
		require.NotNil(t, e.Code, rec.Body)
		require.NotNil(t, e.Message, rec.Body)
	} else if rec.Body.Len() > 0 {
		require.True(t, json.Valid(rec.Body.Bytes()), rec.Body)
	}
}

func FuzzQuery(f *testing.F) {
	schema, err := embedded.ParseTables([]byte(zooTables))
	require.NoError(f, err)
	store, err := embedded.Open(embedded.Memory, schema)
	require.NoError(f, err)
	for _, body := range []string{`{"name":"Rex","owner_id":1,"doc":{"a":[1]},"tags":["a"],"span":"[1,5)"}`, `{}`} {
		require.Equal(f, http.StatusCreated, do(store, http.MethodPost, "/animals", body).Code)
	}
	for _, q := range []string{
		"select=id,owners!inner(name),x:doc->a->>0,n::text&order=doc->a.desc.nullslast,owners(name)&owners.name=eq.Ann",
		"or=(name.like.*e*,not.and(n.in.(1,2),tags.cs.{a}))&limit=2&offset=1", "id=eq(any).{1,2}&day=not.is.null", "select=*,...owners(o:name)", "columns=a,b&on_conflict=id", "name=fts.x",
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, d := range []embedded.Dialect{embedded.PostgREST, embedded.InsForge} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.URL.Path, r.URL.RawQuery = "/animals", query
			if d == embedded.InsForge {
				r.URL.Path = "/api/database/records/animals"
			}
			rec := httptest.NewRecorder()
			store.Handler(d).ServeHTTP(rec, r)
			wellFormed(t, rec)
		}
	})
}

func FuzzBody(f *testing.F) {
	for _, b := range []string{`{"name":"x"}`, `[{"id":1},{"id":2}]`, `[{"a":1},{"b":2}]`, `{"doc":{"a":[1,"\ud83d\ude00"]},"raw":[1, 2]}`, `"x"`, `[]`, `[[]]`, `{"tags":["a",null,["b"]]}`, ` [ { "n" : 1e2 } ] `} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, body string) {
		schema, err := embedded.ParseTables([]byte(zooTables))
		require.NoError(t, err)
		store, err := embedded.Open(embedded.Memory, schema)
		require.NoError(t, err)
		wellFormed(t, do(store, http.MethodPost, "/animals", body))
		wellFormed(t, do(store, http.MethodPatch, "/animals?n=eq.5", body))
		wellFormed(t, do(store, http.MethodPost, "/animals?columns=name,n&on_conflict=id", body))
	})
}

func FuzzTables(f *testing.F) {
	f.Add([]byte(zooTables))
	f.Add([]byte(benchTables))
	f.Fuzz(func(t *testing.T, tables []byte) {
		schema, err := embedded.ParseTables(tables)
		if err != nil {
			return
		}
		if store, err := embedded.Open(embedded.Memory, schema); err == nil {
			require.NoError(t, store.Close())
		}
	})
}

// However a data file is damaged, opening it ends in an error or in the rows
// that were written.
func FuzzDamagedFile(f *testing.F) {
	good, tables, rows := wholeFile(f)
	f.Add(uint32(10), []byte{1}, uint32(0))
	f.Add(uint32(4100), []byte{0xff, 0xff}, uint32(0))
	f.Add(uint32(4*4096+10), []byte{0x02}, uint32(0)) // how many elements a page has
	f.Add(uint32(4*4096+12), []byte{0xff}, uint32(0)) // how many pages it continues on
	f.Add(uint32(0), []byte{}, uint32(5000))
	f.Fuzz(func(t *testing.T, at uint32, xor []byte, cut uint32) {
		bad := append([]byte(nil), good...)
		for i, b := range xor {
			bad[(int(at)+i)%len(bad)] ^= b
		}
		openDamaged(t, filepath.Join(t.TempDir(), "bad.db"), bad[:len(bad)-int(cut)%len(bad)], tables, rows)
	})
}

// Any other file is refused, even one that looks like ours at the start.
func FuzzForeignFile(f *testing.F) {
	good, tables, _ := wholeFile(f)
	f.Add([]byte("SQLite format 3\x00"), false)
	f.Add(make([]byte, 5000), false)
	f.Add(good[:4*4096], false)
	f.Add([]byte{0x02}, true)
	f.Fuzz(func(t *testing.T, content []byte, headed bool) {
		if headed { // its headers are whole, so everything behind them is looked at
			content = append(append([]byte(nil), good[:2*os.Getpagesize()]...), content...)
			content = append(content, make([]byte, max(0, len(good)-len(content)))...)
		}
		if len(content) == 0 {
			return // that is a new file
		}
		path := filepath.Join(t.TempDir(), "foreign.db")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		_, err := tryOpen(path, tables)
		require.ErrorIs(t, err, embedded.ErrForeignFile)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, after)
	})
}
