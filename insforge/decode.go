package insforge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"sync"

	next "github.com/go-json-experiment/json"
	faster "github.com/go-json-experiment/json/v1"
)

// decodeBody decodes a successful answer's body.
//
// The decoder is that of go-json-experiment with the semantics of encoding/json,
// of which it is to be the next implementation: half the time of today's, no
// unsafe tricks, the same results (FuzzDecode compares them). Today's decodes what
// the other does not know: encoding/json's Number, and with it values of any
// type, where numbers become json.Number, since as float64 a bigint key beyond
// 2^53 would silently be another key.
func (c *Client) decodeBody(body []byte, into any) error {
	if c.decode != nil {
		return c.decode(body, into)
	}
	return decodeJSON(body, into)
}

// sameValues are the options of encoding/json without those about errors.
var sameValues = next.JoinOptions(faster.DefaultOptionsV1(), faster.ReportErrorsWithLegacySemantics(false))

func decodeJSON(body []byte, into any) error {
	if !holdsNumbers(reflect.TypeOf(into)) {
		// To find the errors of encoding/json the decoder reads everything twice. So it does where there are any: in the
		// body, or in the tags of a type.
		if next.Unmarshal(body, into, sameValues) == nil {
			return nil
		}
		reflect.ValueOf(into).Elem().SetZero()
		return faster.Unmarshal(body, into)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more than one JSON value")
	}
	return nil
}

// decodeError is an answer whose status says success and whose body is
// something else: a login page, a maintenance notice, another schema.
func decodeError(r *call, a answer, clean redactor, err error) error {
	e := &Error{
		Status: a.status, Method: r.method, Table: r.table,
		RequestID: clean.clean(requestID(a.header)),
		Message:   fmt.Sprintf("the answer cannot be decoded: %s", clean.clean(err.Error())),
	}
	if trimmed := bytes.TrimSpace(a.body); len(trimmed) > 0 && trimmed[0] == '<' {
		e.Message += ": " + clean.clean(plainText(trimmed))
	}
	return e
}

// numberHolders remembers the answer of holdsNumbers by type.
var numberHolders sync.Map

// holdsNumbers reports whether decoding into a type may create a json.Number:
// in a place for one, or for values of a type that the decoder chooses.
func holdsNumbers(t reflect.Type) bool {
	if known, ok := numberHolders.Load(t); ok {
		return known.(bool)
	}
	holds := findNumber(t, map[reflect.Type]bool{})
	numberHolders.Store(t, holds)
	return holds
}

func findNumber(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == nil || seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.String:
		return t == reflect.TypeFor[json.Number]()
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return findNumber(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); (f.IsExported() || f.Anonymous) && findNumber(f.Type, seen) {
				return true
			}
		}
	}
	return false
}
