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

// wellFormed fails if an answer is not one of PostgREST's shapes.
func wellFormed(t *testing.T, rec *httptest.ResponseRecorder) {
	t.Helper()
	require.Less(t, rec.Code, 500, rec.Body)
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
	dir := f.TempDir()
	path := filepath.Join(dir, "good.db")
	store, err := tryOpen(path, batchTables)
	require.NoError(f, err)
	require.Equal(f, http.StatusCreated, do(store, http.MethodPost, "/batches", `[{"batch":1,"place":1},{"batch":1,"place":2}]`).Code)
	want := do(store, http.MethodGet, "/batches?order=id", "").Body.String()
	require.NoError(f, store.Close())
	good, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(uint32(10), []byte{1}, uint32(0))
	f.Add(uint32(4100), []byte{0xff, 0xff}, uint32(0))
	f.Add(uint32(0), []byte{}, uint32(5000))
	f.Fuzz(func(t *testing.T, at uint32, xor []byte, cut uint32) {
		bad := append([]byte(nil), good...)
		for i, b := range xor {
			bad[(int(at)+i)%len(bad)] ^= b
		}
		bad = bad[:len(bad)-int(cut)%len(bad)]
		path := filepath.Join(t.TempDir(), "bad.db")
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		store, err := tryOpen(path, batchTables)
		if err != nil || len(bad) == 0 {
			if err == nil {
				require.NoError(t, store.Close())
			}
			return
		}
		got := do(store, http.MethodGet, "/batches?order=id", "").Body.String()
		require.NoError(t, store.Close())
		// One of the two headers may be lost: bbolt then falls back on the commit before.
		require.True(t, got == want || strings.TrimSpace(got) == "[]", got)
	})
}
