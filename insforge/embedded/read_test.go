package embedded_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// asked is the status and body of the answer to a GET.
func asked(t *testing.T, h http.Handler, target string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, nil))
	return rec.Code, rec.Body.String()
}

func memoryHandler(t *testing.T, tables string) http.Handler {
	t.Helper()
	schema, err := embedded.ParseTables([]byte(tables))
	require.NoError(t, err)
	store, err := embedded.Open(embedded.Memory, schema)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store.Handler(embedded.PostgREST)
}

// TestTheLargestLimit: behind an offset it ends beyond all numbers.
func TestTheLargestLimit(t *testing.T) {
	t.Parallel()
	h := memoryHandler(t, `{
		"owners":{"columns":[{"name":"id","type":"int","primary_key":true}],"rows":[{"id":1}]},
		"pets":{"columns":[{"name":"id","type":"int","primary_key":true},{"name":"owner_id","type":"int"}],
			"foreign_keys":[{"columns":["owner_id"],"references":"owners","referenced_columns":["id"]}],
			"rows":[{"id":1,"owner_id":1},{"id":2,"owner_id":1}]}}`)
	const largest = "9223372036854775807"
	code, body := asked(t, h, "/owners?select=id,pets(id)&pets.limit="+largest+"&pets.offset=1")
	require.Equal(t, http.StatusOK, code, body)
	require.JSONEq(t, `[{"id":1,"pets":[{"id":2}]}]`, body)
	code, body = asked(t, h, "/pets?select=id&limit="+largest+"&offset=1")
	require.Equal(t, http.StatusOK, code, body)
	require.JSONEq(t, `[{"id":2}]`, body)
}

// TestAnOrderThatCannotBeReadIsAnError: wherever the row stands that cannot be.
func TestAnOrderThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for _, rows := range []string{
		`{"id":1,"doc":{"a":"\u0000"}},{"id":2,"doc":{"a":"b"}},{"id":3,"doc":{"a":"c"}}`,
		`{"id":1,"doc":{"a":"c"}},{"id":2,"doc":{"a":"b"}},{"id":3,"doc":{"a":"\u0000"}}`,
	} {
		h := memoryHandler(t, `{"notes":{"columns":[{"name":"id","type":"int","primary_key":true},{"name":"doc","type":"json"}],"rows":[`+rows+`]}}`)
		code, body := asked(t, h, "/notes?order=doc-%3E%3Ea")
		require.Equal(t, http.StatusBadRequest, code, body)
		require.Contains(t, body, `"22P05"`)
	}
}

// countdown is a context that is cancelled once it has been asked often enough.
type countdown struct {
	context.Context
	asked, last int
}

func (c *countdown) Err() error {
	if c.asked++; c.asked > c.last {
		return context.Canceled
	}
	return nil
}

// TestAWriteMindsItsContext: not just where it looks for rows, but where it
// changes them too.
func TestAWriteMindsItsContext(t *testing.T) {
	t.Parallel()
	var rows strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&rows, `,{"id":%d,"n":%d}`, i, i)
	}
	h := memoryHandler(t, `{"numbers":{"columns":[{"name":"id","type":"int","primary_key":true},{"name":"n","type":"int"}],"rows":[`+rows.String()[1:]+`]}}`)
	patch := func(filter, body string, last int) (code, asked int) {
		ctx := &countdown{Context: t.Context(), last: last}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, http.MethodPatch, "/numbers?n="+filter, strings.NewReader(body)))
		return rec.Code, ctx.asked
	}
	for _, tt := range []struct{ without, with [2]string }{
		{[2]string{"eq.-1", `{"n":-2}`}, [2]string{"neq.-1", `{"n":-2}`}},             // finds none, and all
		{[2]string{"neq.-1", `{"n":-2}`}, [2]string{"neq.-1", `[{"n":-2},{"n":-3}]`}}, // which are tried once more
	} {
		code, asked := patch(tt.without[0], tt.without[1], math.MaxInt)
		require.Equal(t, http.StatusNoContent, code)
		code, _ = patch(tt.with[0], tt.with[1], asked)
		require.Equal(t, http.StatusServiceUnavailable, code)
	}
}
