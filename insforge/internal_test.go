package insforge

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzErrorBody: a refusal's body may be anything.
func FuzzErrorBody(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `{"code":"23505","message":"m","details":"d","hint":null}`, `{"code":1,"error":{"a":1}}`,
		`{"details":[1]}`, `<html><title>x</title>`, "\xff<", `{"message":`,
	} {
		f.Add(seed, "3", "secret")
	}
	f.Add("secret", "Wed, 21 Oct 2026 07:28:00 GMT", "secret")
	f.Fuzz(func(t *testing.T, body, after, secret string) {
		h := http.Header{"Retry-After": {after}, "X-Request-Id": {body}}
		e := newError(500, h, []byte(body), redactor{secret}, time.Now())
		require.GreaterOrEqual(t, e.RetryAfter, time.Duration(0))
		text := e.Error()
		require.True(t, strings.HasPrefix(text, "insforge: "))
		if len(secret) > 10 && utf8.ValidString(secret) && !strings.Contains("[redacted]", secret) {
			require.NotContains(t, e.Message+e.Hint+e.Code+string(e.Details)+e.RequestID, secret)
		}
	})
}

// FuzzTail: the end of a page never names a value that is not in its last row.
func FuzzTail(f *testing.F) {
	f.Add(`[{"id":1},{"id":2},{"id":2}]`)
	f.Add(`[{"id":"2026-01-01T00:00:00.5+00:00"}]`)
	f.Add(`[{"id":null}]`)
	f.Add(`[1,{"id":9007199254740993}]`)
	f.Fuzz(func(t *testing.T, body string) {
		p := &place{column: "id"}
		got := p.tail([]byte(body))
		if got.value == "" {
			return
		}
		require.Positive(t, got.ties)
		require.Contains(t, body, got.value)
		require.True(t, exact.MatchString(got.value) || exact.MatchString(`"`+got.value+`"`))
	})
}

func TestPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		columns []string
		order   string
		want    place
	}{
		{"ascending", nil, "id", place{column: "id", nullsLast: true}},
		{"descending", nil, "id.desc,name", place{column: "id", descending: true}},
		{"nulls", nil, "id.desc.nullslast", place{column: "id", descending: true, nullsLast: true}},
		{"nulls first", nil, "id.asc.nullsfirst", place{column: "id"}},
		{"selected", []string{"a,id", "b(c)"}, "id", place{column: "id", nullsLast: true}},
		{"star", []string{"*", "b(c)"}, "id", place{column: "id", nullsLast: true}},
		{"not selected", []string{"a"}, "id", place{}},
		{"selected under another name", []string{"id:a"}, "id", place{}},
		{"inside an embedding", []string{"a(b,id,c)"}, "id", place{}},
		{"JSON path", nil, "id->a", place{}},
		{"of an embedding", nil, "a(id)", place{}},
		{"none", nil, "", place{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := Query{}.Select(tt.columns...)
			if tt.order != "" {
				q = q.Order(tt.order)
			}
			require.Equal(t, tt.want, *newPlace(q))
		})
	}
}
