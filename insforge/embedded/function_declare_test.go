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
		"":                                    "a function needs a name",
		"f x":                                 "the arguments must stand in parentheses",
		"f(a integer":                         "a parenthesis is not closed",
		"f(a integer)":                        "it must say what it RETURNS",
		"f(a integer) RETURNS":                "it must say what it RETURNS",
		"f(a nosuch) RETURNS void":            "nosuch",
		"f(a integer, a text) RETURNS int":    `argument "a" is declared twice`,
		"f(integer, a text) RETURNS int":      "one of several arguments has no name",
		"f(a integer DEFAULT x) RETURNS int":  `invalid input syntax for type integer: "x"`,
		"f(VARIADIC a integer) RETURNS int":   "a VARIADIC argument must be an array",
		"f() RETURNS nowhere":                 "neither a table nor a type",
		"f() RETURNS SETOF nowhere":           "neither a table nor a type",
		"f() RETURNS TABLE":                   "TABLE must be followed by columns",
		"f() RETURNS TABLE (a)":               "has no type",
		"f() RETURNS TABLE (a int, a int)":    "declared twice",
		"f() RETURNS TABLE (a nosuch) STABLE": "nosuch",
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
