package embedded_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/embedded"
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
