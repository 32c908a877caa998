package insforge

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Types that rows are decoded into, with whatever encoding/json has rules for.
type (
	decodedEmbedded struct {
		Key  *int `json:"key"`
		Last string
	}
	decodedRow struct {
		decodedEmbedded
		ID       int64           `json:"id"`
		Small    int8            `json:"small"`
		Unsigned uint16          `json:"unsigned,omitempty"`
		Ratio    float32         `json:"ratio"`
		Exact    float64         `json:"exact"`
		Yes      *bool           `json:"yes"`
		Name     string          `json:"name"`
		Quoted   int             `json:"quoted,string"`
		At       time.Time       `json:"at"`
		Maybe    *time.Time      `json:"maybe"`
		Bytes    []byte          `json:"bytes"`
		Raw      json.RawMessage `json:"raw"`
		List     []string        `json:"list"`
		Pair     [2]int          `json:"pair"`
		Counts   map[string]int  `json:"counts"`
		ByNumber map[int]string  `json:"by_number"`
		Nested   *decodedRow     `json:"nested"`
		Ignored  string          `json:"-"`
	}
	// decodedLoose leaves types to the decoder.
	decodedLoose struct {
		Any    any            `json:"any"`
		Fields map[string]any `json:"fields"`
		Number json.Number    `json:"number"`
	}
)

// FuzzDecode: the default decoder gives what encoding/json gives.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`[]`, `null`, `{}`, ` [ {"id":1} ] `, `[{"id":9007199254740993,"small":-128,"unsigned":65535,"ratio":1.5,"exact":1e308}]`,
		`[{"small":128}]`, `[{"id":1.0}]`, `[{"id":1e3}]`, `[{"id":"1"}]`, `[{"ID":1,"Id":2,"id":3}]`, `[{"key":1,"last":"x","hidden":"y","-":"z"}]`,
		`[{"yes":null,"name":null,"at":null,"list":null,"pair":null,"counts":null,"raw":null}]`,
		`[{"at":"2026-01-02T03:04:05.678901+00:00","maybe":"2026-01-02T03:04:05Z"}]`, `[{"at":"yesterday"}]`, `[{"at":1}]`,
		`[{"bytes":"aGVsbG8=","raw":{"a" : [1, 2]},"list":["a","\u00e9","\ud83d\ude00","\ud800"],"pair":[1],"counts":{"a":1,"a":2}}]`,
		`[{"pair":[1,2,3],"by_number":{"1":"a","-2":"b"},"nested":{"id":1,"nested":{"name":"deep"}}}]`, `[{"by_number":{"x":"a"}}]`,
		`[{"quoted":"5"}]`, `[{"quoted":5}]`, `[{"quoted":""}]`, `[{"bytes":"!"}]`, `[{"bytes":[1,2]}]`, `[{"name":"\u0000\t"}]`, "[{\"name\":\"\xff\"}]",
		`[{"any":12345678901234567890,"fields":{"n":1.50},"number":"7"}]`, `[{"number":"x"}]`, `[1]`, `[{"id":1}`, `[{"id":1}] x`, `[{"id":01}]`, `{"id":1}`, `"text"`, `7`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		compareDecoders[[]decodedRow](t, body)
		compareDecoders[decodedRow](t, body)
		compareDecoders[[]map[string]string](t, body)
		compareDecoders[[]int](t, body)
		compareDecoders[json.RawMessage](t, body)
		compareDecoders[string](t, body)

		var loose []decodedLoose
		if decodeJSON(body, &loose) == nil {
			for _, row := range loose {
				require.NotContains(t, fmt.Sprintf("%T", row.Any), "float")
			}
		}
	})
}

func compareDecoders[T any](t *testing.T, body []byte) {
	var got, want T
	gotErr, wantErr := decodeJSON(body, &got), json.Unmarshal(body, &want)
	require.Equal(t, wantErr == nil, gotErr == nil, "%s into %T: %v; encoding/json: %v", body, want, gotErr, wantErr)
	if wantErr == nil {
		require.Equal(t, want, got, "%s", body)
	}
}
