package insforge

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type encodedMethod struct{ text string }

func (m encodedMethod) MarshalJSON() ([]byte, error) { return json.Marshal("<" + m.text + ">") }

type encodedText string

func (t encodedText) MarshalText() ([]byte, error) { return []byte("text " + string(t)), nil }

// encodedRow has whatever encoding/json has rules for.
type encodedRow struct {
	decodedEmbedded
	ID       int64           `json:"id,omitempty"`
	Quoted   int             `json:"quoted,string"`
	Zero     time.Time       `json:"zero,omitzero"`
	Ratio    float32         `json:"ratio"`
	Exact    float64         `json:"exact"`
	Name     string          `json:"name"`
	Bytes    []byte          `json:"bytes"`
	Four     [4]byte         `json:"four"`
	Raw      json.RawMessage `json:"raw,omitempty"`
	Number   json.Number     `json:"number"`
	None     []int           `json:"none"`
	Empty    map[string]int  `json:"empty"`
	Any      any             `json:"any"`
	Sorted   map[int]string  `json:"sorted"`
	Method   encodedMethod   `json:"method"`
	Pointer  *encodedMethod  `json:"pointer"`
	Text     encodedText     `json:"text"`
	Duration time.Duration   `json:"duration"`
	hidden   int
}

// TestEncodesAsEncodingJSON: apart from times, text that is not UTF-8, and what
// is escaped, rows are written as encoding/json writes them.
func TestEncodesAsEncodingJSON(t *testing.T) {
	t.Parallel()
	key := 7
	for _, v := range []any{
		encodedRow{},
		&encodedRow{Name: "é\u2028<&>\"\\\x01", hidden: 1},
		[]encodedRow{{
			decodedEmbedded: decodedEmbedded{&key, "x"}, ID: 1<<63 - 1, Quoted: -5, Ratio: 0.1, Exact: 1e300, Bytes: []byte{}, Four: [4]byte{1, 2},
			Raw: json.RawMessage(`{"b" : [1, "\u00e9"], "b": 2}`), Number: "-1.50e3", None: []int{}, Empty: map[string]int{},
			Any:    map[string]any{"b": []any{nil, 1.5, true, json.Number("12345678901234567890"), "<"}, "a": 1e21},
			Sorted: map[int]string{10: "x", 9: "y", -1: "z"},
			Method: encodedMethod{"m"}, Pointer: &encodedMethod{"p"}, Text: "t", Duration: time.Second,
		}},
		map[string]any{"id": 1, "name": nil, "tags": []string{"a"}},
		[]map[string]json.Number{{"n": "1.50"}},
		json.RawMessage(`[{"a":1}]`),
		[]any{encodedRow{}, map[string]int{"a": 1}},
	} {
		want, err := json.Marshal(v)
		require.NoError(t, err)
		got, err := marshal(v)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
		var a, b any
		require.NoError(t, json.Unmarshal(want, &a))
		require.NoError(t, json.Unmarshal(got, &b))
		require.Equal(t, a, b)
	}
	for _, v := range []any{math.NaN(), make(chan int), json.Number("x"), func() {}, map[string]json.Number{"a": "1 "}} {
		_, err := json.Marshal(v)
		require.Error(t, err, "%T", v)
		_, err = marshal(v)
		require.Error(t, err, "%T", v)
	}
}

// TestTimesAreWrittenAsFiltersSendThem, where they are columns.
func TestTimesAreWrittenAsFiltersSendThem(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 0, 30, 0, 123456789, time.FixedZone("", 3600))
	const column, inside = `"2026-01-01T23:30:00.123456Z"`, `"2026-01-02T00:30:00.123456789+01:00"`
	type row struct {
		At  time.Time      `json:"at"`
		Ptr *time.Time     `json:"ptr"`
		Doc map[string]any `json:"doc"`
		Arr []time.Time    `json:"arr"`
	}
	one := row{at, &at, map[string]any{"at": at}, []time.Time{at}}
	const want = `{"at":` + column + `,"ptr":` + column + `,"doc":{"at":` + inside + `},"arr":[` + inside + `]}`
	for _, v := range []any{one, &one} {
		got, err := marshal(v)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	got, err := marshal([]any{one, map[string]any{"at": at}})
	require.NoError(t, err)
	require.Equal(t, `[`+want+`,{"at":`+column+`}]`, string(got))
	got, err = marshal(at) // which is no row: whoever wants one says so
	require.NoError(t, err)
	require.Equal(t, inside, string(got))
	_, err = encodeArgs(at, PostgREST)
	require.ErrorContains(t, err, "do not encode as a JSON object")
}

// TestTextThatIsNoUTF8IsNotWritten: encoding/json would put other text in its
// place without a word.
func TestTextThatIsNoUTF8IsNotWritten(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		map[string]string{"name": "a\xff"}, []map[string]any{{"doc": map[string]any{"\xff": 1}}}, json.RawMessage("{\"a\":\"\xff\"}"),
	} {
		_, err := marshal(v)
		require.ErrorContains(t, err, "UTF-8")
	}
	got, err := marshal(map[string]string{"name": "\ufffd"})
	require.NoError(t, err)
	require.Equal(t, "{\"name\":\"\ufffd\"}", string(got))
}
