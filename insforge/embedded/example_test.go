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

// A function of the database is a function of the program.
func ExampleWithFunction() {
	schema, err := embedded.ParseTables([]byte(`{"leads": {"columns": [{"name": "id", "type": "bigint", "primary_key": true}]}}`))
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
	handler := store.Handler(embedded.PostgREST, embedded.WithFunction("add", add))
	for _, body := range []string{`{"a": 2, "b": 3}`, `{"a": 2}`} {
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/rpc/add", strings.NewReader(body)))
		fmt.Println(rec.Code, rec.Body)
	}
	// Output:
	// 200 5
	// 400 {"code":"22023","details":null,"hint":null,"message":"a and b must be numbers"}
}
