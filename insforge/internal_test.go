package insforge

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/filter"
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

// FuzzPlace: whatever a page holds, the place at its end is told by values of
// its last row, and by values that can be sent.
func FuzzPlace(f *testing.F) {
	f.Add(`[{"id":1},{"id":2},{"id":2}]`)
	f.Add(`[{"id":"2026-01-01T00:00:00.5+00:00"}]`)
	f.Add(`[{"id":null}]`)
	f.Add(`[1,{"id":9007199254740993}]`)
	f.Add(`[{"id":"a"},{"id":"\u0000"}] x`)
	f.Fuzz(func(t *testing.T, body string) {
		p := &place{order: []orderTerm{{path: filter.Path{Column: "id"}}}, most: 8}
		rows := elements([]byte(body))
		for _, row := range rows {
			require.Contains(t, body, string(row))
		}
		p.advance(pageRequest{}, p.look(pageRequest{}, answer{body: []byte(body)}, len(rows)), len(rows))
		if len(p.last) == 0 {
			return
		}
		require.Positive(t, p.ties)
		require.LessOrEqual(t, p.ties, len(rows))
		for _, f := range p.filters() {
			require.NoError(t, f.Err())
		}
	})
}

func TestPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		columns []string
		order   string
		want    []string
	}{
		{"ascending", nil, "id", []string{"id"}},
		{"several", nil, "id.desc,name", []string{"id", "name"}},
		{"quoted", nil, `"a.b".desc,"c,d"`, []string{"a.b", "c,d"}},
		{"selected", []string{"a,id", "b(c)"}, "id", []string{"id"}},
		{"star", []string{"*", "b(c)"}, "id", []string{"id"}},
		{"not selected", []string{"a"}, "id", nil},
		{"selected in part", []string{"a"}, "a,id", []string{"a"}},
		{"selected under another name", []string{"id:a"}, "id", nil},
		{"cast", []string{"id::text"}, "id", nil},
		{"inside an embedding", []string{"a(b,id,c)"}, "id", nil},
		{"JSON path", nil, "id->a", nil},
		{"of an embedding", nil, "a,b(id)", []string{"a"}},
		{"none", nil, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := Query{}.Select(tt.columns...)
			if tt.order != "" {
				q = q.Order(tt.order)
			}
			var got []string
			for _, term := range newPlace(q).order {
				got = append(got, term.path.Column)
			}
			require.Equal(t, tt.want, got)
		})
	}
}
