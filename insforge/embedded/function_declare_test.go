package embedded_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// declared makes a handler with one function; what it panics with is the error.
func declared(t testing.TB, declaration string, f embedded.Function) (handler http.Handler, err error) {
	t.Helper()
	schema, parseErr := embedded.ParseTables([]byte(`{"leads": {"columns": [{"name": "id", "type": "bigint", "primary_key": true}]}}`))
	require.NoError(t, parseErr)
	store, openErr := embedded.Open(embedded.Memory, schema)
	require.NoError(t, openErr)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	defer func() {
		if r := recover(); r != nil {
			err = errors.New(fmt.Sprint(r))
		}
	}()
	return store.Handler(embedded.PostgREST, embedded.WithFunction(declaration, f)), nil
}

func nothing(context.Context, map[string]json.RawMessage) (any, error) { return nil, nil }

func TestBadDeclarationsAreRefused(t *testing.T) {
	t.Parallel()
	for declaration, complaint := range map[string]string{
		"":                                       "a function needs a name",
		"f x":                                    "the arguments must stand in parentheses",
		"f(a integer":                            "a parenthesis is not closed",
		"f(a integer)":                           "it must say what it RETURNS",
		"f(a integer) RETURNS":                   "it must say what it RETURNS",
		"f(a nosuch) RETURNS void":               "nosuch",
		"f(a integer, a text) RETURNS int":       `argument "a" is declared twice`,
		"f(integer, a text) RETURNS int":         "one of several arguments has no name",
		"f(a integer DEFAULT x) RETURNS int":     `invalid input syntax for type integer: "x"`,
		"f(a text DEFAULT user) RETURNS int":     "its default user is neither",
		"f(a text DEFAULT 'a'||'b') RETURNS int": "its default 'a'||'b' is neither",
		"f(VARIADIC a integer) RETURNS int":      "a VARIADIC argument must be an array",
		"f() RETURNS nowhere":                    "neither a table nor a type",
		"f() RETURNS SETOF nowhere":              "neither a table nor a type",
		"f() RETURNS TABLE":                      "TABLE must be followed by columns",
		"f() RETURNS TABLE (a)":                  "has no type",
		"f() RETURNS TABLE (a int, a int)":       "declared twice",
		"f() RETURNS TABLE (a nosuch) STABLE":    "nosuch",
	} {
		_, err := declared(t, declaration, nothing)
		require.ErrorContains(t, err, complaint, declaration)
		require.ErrorContains(t, err, fmt.Sprintf("embedded: WithFunction(%q)", declaration))
	}
	_, err := declared(t, "f", nil)
	require.ErrorContains(t, err, "there is no function")
}

// What a function returns that is not what it is declared to return is an error
// that names the function and tells what is wrong.
func TestFunctionsReturnWhatTheyAreDeclaredTo(t *testing.T) {
	t.Parallel()
	for _, wrong := range []struct {
		returns   string
		result    any
		complaint string
	}{
		{"integer", "x", `invalid input syntax for type integer: \"x\"`},
		{"SETOF integer", 1, "it is not a list"},
		{"leads", 1, "1 is not a row of leads"},
		{"SETOF leads", []any{map[string]any{"nope": 1}}, `leads has no column \"nope\"`},
		{"TABLE (a int)", []any{map[string]any{"a": "x"}}, `column \"a\"`},
		{"integer", func() {}, "unsupported type"},
	} {
		handler, err := declared(t, "f() RETURNS "+wrong.returns, func(context.Context, map[string]json.RawMessage) (any, error) { return wrong.result, nil })
		require.NoError(t, err)
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/rpc/f", nil))
		require.Equal(t, http.StatusInternalServerError, rec.Code)
		require.Contains(t, rec.Body.String(), "what function f returned: ")
		require.Contains(t, rec.Body.String(), wrong.complaint)
	}
}

// call posts a body to a function f and returns the answer.
func call(t *testing.T, handler http.Handler, query, body string) (code int, answer string) {
	t.Helper()
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/rpc/f"+query, strings.NewReader(body)))
	return rec.Code, rec.Body.String()
}

func echo(_ context.Context, args map[string]json.RawMessage) (any, error) { return args, nil }

func TestDefaultsAreConstantsOrTheTimeOfTheCall(t *testing.T) {
	t.Parallel()
	handler, err := declared(t, "f(a text DEFAULT 'it''s'::text, b integer = -2, c boolean DEFAULT true, d text DEFAULT NULL, at timestamptz DEFAULT now()) RETURNS json", echo)
	require.NoError(t, err)
	before := time.Now().Truncate(time.Microsecond)
	code, body := call(t, handler, "", "{}")
	require.Equal(t, http.StatusOK, code, body)
	var given struct {
		A  string
		B  int
		C  bool
		At time.Time
	}
	require.NoError(t, json.Unmarshal([]byte(body), &given))
	require.Equal(t, "it's", given.A)
	require.Equal(t, -2, given.B)
	require.True(t, given.C)
	require.WithinRange(t, given.At, before, time.Now().Add(time.Microsecond))
	require.NotContains(t, body, `"d"`)
}

// A function that is declared by its name alone is called with what can be read
// and asked for, and never with less.
func TestUndeclaredArguments(t *testing.T) {
	t.Parallel()
	handler, err := declared(t, "f", echo)
	require.NoError(t, err)
	for _, tt := range []struct {
		query, body string
		code        int
		answer      string
	}{
		{"", `{"a":1,"b":2}`, http.StatusOK, `{"a":1,"b":2}`},
		{"?columns=a", `{"a":1,"b":2}`, http.StatusOK, `{"a":1}`},
		{"", "{bad", http.StatusBadRequest, "PGRST102"},
		{"?columns=a", "{bad", http.StatusBadRequest, "22P02"},
		{"?columns=a", `[{"a":1},5]`, http.StatusBadRequest, "22023"},
	} {
		code, body := call(t, handler, tt.query, tt.body)
		require.Equal(t, tt.code, code, body)
		require.Contains(t, body, tt.answer)
	}
}

// What an undeclared function returns is a set if it is a slice, but JSON that
// is held as bytes is what it says.
func TestUndeclaredResults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		result any
		answer string
	}{
		{json.RawMessage(`{"a":1}`), `{"a":1}`},
		{json.RawMessage("5"), "5"},
		{[]byte("ab"), `"YWI="`},
		{[]int{1, 2}, "[1, \n 2]"},
		{[]int(nil), "[]"},
	} {
		handler, err := declared(t, "f", func(context.Context, map[string]json.RawMessage) (any, error) { return tt.result, nil })
		require.NoError(t, err)
		code, body := call(t, handler, "", "{}")
		require.Equal(t, http.StatusOK, code, body)
		require.Equal(t, tt.answer, body)
	}
}

// A declaration is read or refused, and what is read can be called.
func FuzzDeclaration(f *testing.F) {
	for _, declaration := range []string{
		"add(a integer, b integer DEFAULT 10) RETURNS integer", "f", `"a b"("x y" numeric(6,2) = 1.5) returns setof leads stable`,
		"f(VARIADIC x text[]) RETURNS void", "f() RETURNS TABLE (a double precision, b char(3)[]) VOLATILE", "f(json) RETURNS leads", "f(a text DEFAULT 'x,)(''')RETURNS text",
	} {
		f.Add(declaration)
	}
	f.Fuzz(func(t *testing.T, declaration string) {
		handler, err := declared(t, declaration, nothing)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "embedded: WithFunction(") {
				t.Fatalf("%q: %v", declaration, err)
			}
			return
		}
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/rpc/f", strings.NewReader("{}")))
	})
}
