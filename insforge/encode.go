package insforge

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	next "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	faster "github.com/go-json-experiment/json/v1"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// rowsBody is an insert's body: always a JSON array of objects, which every
// version of every backend takes.
type rowsBody struct {
	json    []byte
	count   int
	uniform bool     // all rows have the same keys
	keys    []string // all keys of all rows, sorted
}

// encodeRows encodes one row or a slice of rows.
func encodeRows(rows any, d Dialect) (rowsBody, error) {
	encoded, err := marshal(rows)
	if err != nil {
		return rowsBody{}, err
	}
	if len(encoded) > 0 && encoded[0] == '{' {
		encoded = slices.Concat([]byte("["), encoded, []byte("]"))
	}
	var objects []map[string]json.RawMessage
	if len(encoded) == 0 || encoded[0] != '[' || json.Unmarshal(encoded, &objects) != nil {
		return rowsBody{}, fmt.Errorf("rows of type %T do not encode as JSON objects", rows)
	}
	body := rowsBody{json: encoded, count: len(objects), uniform: true}
	union := map[string]bool{}
	changed := false
	for i, o := range objects {
		if o == nil {
			return rowsBody{}, fmt.Errorf("row %d is null", i)
		}
		body.uniform = body.uniform && len(o) == len(objects[0])
		for key := range o {
			_, inFirst := objects[0][key]
			body.uniform = body.uniform && inFirst
			union[key] = true
		}
		changed = protectNumbers(o, d) || changed
	}
	for key := range union {
		body.keys = append(body.keys, key)
	}
	slices.Sort(body.keys)
	if changed {
		body.json, err = marshal(objects)
	}
	return body, err
}

// encodeSet encodes the object of an update.
func encodeSet(set any, d Dialect) ([]byte, error) {
	encoded, err := marshal(set)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(encoded, &object) != nil || object == nil {
		return nil, fmt.Errorf("a value of type %T does not encode as a JSON object", set)
	}
	if len(object) == 0 {
		return nil, errNoColumns
	}
	if protectNumbers(object, d) {
		return marshal(object)
	}
	return encoded, nil
}

// protectNumbers turns column values that are integers beyond 2^53 into
// strings on the way through InsForge, which is written in JavaScript and
// would round them. PostgreSQL reads a string into a bigint or numeric column
// just as well. Numbers inside a JSON document cannot be helped.
func protectNumbers(object map[string]json.RawMessage, d Dialect) (changed bool) {
	if d != InsForge {
		return false
	}
	for key, value := range object {
		if isUnsafeNumber(value) {
			object[key] = json.RawMessage(`"` + string(value) + `"`)
			changed = true
		}
	}
	return changed
}

// isUnsafeNumber reports whether a JSON number does not survive becoming a
// float64 and text again.
func isUnsafeNumber(value json.RawMessage) bool {
	if len(value) < 16 || !strings.ContainsRune("-0123456789", rune(value[0])) {
		return false
	}
	f, _, err := big.ParseFloat(string(value), 10, 53, big.ToNearestEven)
	if err != nil {
		return false
	}
	exact, ok := new(big.Rat).SetString(string(value))
	if !ok {
		return false
	}
	back, ok := new(big.Rat).SetString(f.Text('g', -1))
	return !ok || back.Cmp(exact) != 0
}

// marshal is json.Marshal without the escapes that make < and > safe inside a
// web page, which a database has no use for, and with an error for text that is
// not UTF-8, which json.Marshal would replace by something else. Times that are
// columns are written as filters write them: in UTC, cut to the microsecond.
func marshal(v any) ([]byte, error) {
	if v == nil {
		return nil, errors.New("nothing to write: the value is nil")
	}
	if r := reflect.ValueOf(v); (r.Kind() == reflect.Slice || r.Kind() == reflect.Map) && r.IsNil() {
		return []byte("[]"), nil
	}
	return next.Marshal(v, written)
}

// written are the options of encoding/json, apart from what marshal says.
var written = next.JoinOptions(
	faster.DefaultOptionsV1(),
	jsontext.EscapeForHTML(false), jsontext.EscapeForJS(false), jsontext.AllowInvalidUTF8(false),
	next.WithMarshalers(next.JoinMarshalers(next.MarshalToFunc(writeTime), next.MarshalToFunc(writeNumber))),
)

// writeTime writes a time that is a column. PostgreSQL keeps microseconds: it
// would round what a filter on the same time cuts, and the filter would then
// find nothing. Inside a JSON document a time stays as it is.
func writeTime(e *jsontext.Encoder, t time.Time) error {
	depth := e.StackDepth()
	if depth == 0 {
		return next.SkipFunc // no column of anything
	}
	row := 1
	if first, _ := e.StackIndex(1); first == '[' {
		row = 2 // one of several
	}
	if depth != row {
		return next.SkipFunc
	}
	text, err := filter.Literal(t)
	if err != nil {
		return err
	}
	return e.WriteToken(jsontext.String(text))
}

// writeNumber knows encoding/json's numbers from text.
func writeNumber(e *jsontext.Encoder, n json.Number) error {
	if n == "" {
		n = "0" // as encoding/json does
	}
	if v := jsontext.Value(n); v.Kind() != '0' || !v.IsValid() || strings.TrimSpace(string(n)) != string(n) {
		return fmt.Errorf("%q is not a number", string(n))
	}
	return e.WriteValue(jsontext.Value(n))
}
