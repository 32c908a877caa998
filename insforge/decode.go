package insforge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"sync"
)

// decodeBody decodes a successful answer's body. Where the target has places
// for values of any type, numbers become json.Number: as float64 a bigint key
// beyond 2^53 would silently be another key.
func (c *Client) decodeBody(body []byte, into any) error {
	if c.decode != nil {
		return c.decode(body, into)
	}
	if !holdsAny(reflect.TypeOf(into)) {
		return json.Unmarshal(body, into)
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

// anyHolders remembers the answer of holdsAny by type.
var anyHolders sync.Map

// holdsAny reports whether decoding into a type may create values of a type
// that the decoder chooses.
func holdsAny(t reflect.Type) bool {
	if known, ok := anyHolders.Load(t); ok {
		return known.(bool)
	}
	holds := findAny(t, map[reflect.Type]bool{})
	anyHolders.Store(t, holds)
	return holds
}

func findAny(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == nil || seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return findAny(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); (f.IsExported() || f.Anonymous) && findAny(f.Type, seen) {
				return true
			}
		}
	}
	return false
}
