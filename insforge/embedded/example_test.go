package embedded_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

func Example() {
	schema, err := embedded.ParseTables([]byte(`{"leads": {
		"columns": [
			{"name": "id",    "type": "bigint", "primary_key": true, "generated": "identity"},
			{"name": "email", "type": "text",   "not_null": true}],
		"unique": [["email"]],
		"rows": [{"email": "ann@example.com"}, {"email": "bob@example.org"}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := embedded.Open(embedded.Memory, schema)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	// Any HTTP client will do; this one needs no socket.
	client := &http.Client{Transport: store.Transport(embedded.PostgREST)}
	show := func(res *http.Response, err error) {
		if err != nil {
			fmt.Println(err)
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		fmt.Println(res.StatusCode, string(body))
	}
	show(client.Get("http://embedded/leads?email=like.*.com&select=id,email"))
	show(client.Post("http://embedded/leads", "application/json", strings.NewReader(`{"email": "bob@example.org"}`)))
	// Output:
	// 200 [{"id":1,"email":"ann@example.com"}]
	// 409 {"code":"23505","details":"Key (email)=(bob@example.org) already exists.","hint":null,"message":"duplicate key value violates unique constraint \"leads_email_key\""}
}

// Functions of the database are functions of the program. What returns rows of a
// table can be filtered, ordered and paged like the table.
func ExampleWithFunction() {
	schema, err := embedded.ParseTables([]byte(`{"leads": {"columns": [
		{"name": "id", "type": "bigint", "primary_key": true}, {"name": "email", "type": "text"}]}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	store, err := embedded.Open(embedded.Memory, schema)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	add := func(_ context.Context, args map[string]json.RawMessage) (any, error) {
		var a, b int
		if json.Unmarshal(args["a"], &a) != nil || json.Unmarshal(args["b"], &b) != nil {
			return nil, &filter.SQLError{Code: "22023", Message: "a and b must be numbers"}
		}
		return a + b, nil
	}
	type lead struct {
		ID    int    `json:"id"`
		Email string `json:"email"`
	}
	found := func(context.Context, map[string]json.RawMessage) (any, error) {
		return []lead{{1, "ann@example.com"}, {2, "bob@example.org"}, {3, "cy@example.com"}}, nil
	}
	handler := store.Handler(embedded.PostgREST,
		embedded.WithFunction("add(a integer, b integer DEFAULT 3) RETURNS integer", add),
		embedded.WithFunction("found() RETURNS SETOF leads", found))
	for _, path := range []string{
		"/rpc/add?a=2",
		"/rpc/add?a=two",
		"/rpc/found?email=like.*.com&select=email&order=email.desc&limit=1",
		"/rpc/fond",
	} {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Println(rec.Code, rec.Body)
	}
	// Output:
	// 200 5
	// 400 {"code":"22P02","details":null,"hint":null,"message":"invalid input syntax for type integer: \"two\""}
	// 200 [{"email":"cy@example.com"}]
	// 404 {"code":"PGRST202","details":"Searched for the function public.fond without parameters, but no matches were found in the schema cache.","hint":"Perhaps you meant to call the function public.found","message":"Could not find the function public.fond without parameters in the schema cache"}
}
