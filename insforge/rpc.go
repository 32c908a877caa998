package insforge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// Call calls a database function by POST with its arguments by name, a struct
// or map (nil for none), and returns its result: a value for a scalar, a slice
// for a set of rows, struct{} for void. The result of a function that returns
// void or null is T's zero value.
//
// A function may do anything, so that a call whose answer was lost is repeated
// only with [Idempotent]. Functions that only read can also be called by
// [Client.Function], with filters, order and pages.
func Call[T any](ctx context.Context, c *Client, function string, args any, opts ...WriteOption) (T, error) {
	var result T
	w, err := newWrite(opts)
	if err != nil {
		return result, err
	}
	q := c.From(function)
	q.isFunc = true
	if q.err != nil {
		return result, errors.New("insforge: the function has no name")
	}
	body := []byte("{}")
	if args != nil {
		if body, err = encodeArgs(args, c.dialect); err != nil {
			return result, fmt.Errorf("insforge: %s: %w", function, err)
		}
	}
	q.prefer.maxAffected = w.most
	r := q.writeCall("rpc", http.MethodPost, nil, body, w)
	err = c.send(ctx, r, func(a answer) error {
		var fresh T
		result = fresh
		if len(bytes.TrimSpace(a.body)) == 0 || reflect.TypeFor[T]() == reflect.TypeFor[struct{}]() {
			return nil
		}
		if err := c.decodeBody(a.body, &result); err != nil {
			return decodeError(r, a, c.redact(), err)
		}
		return nil
	})
	return result, err
}

// Function starts a query on what a function returns, called by GET with
// arguments by name: PostgREST allows that for functions declared STABLE or
// IMMUTABLE. [All], [Rows], [One], [Count] and the methods of [Query] work as
// on a table, except that filters and order only know columns that are selected.
// Arguments become text as in [filter.Literal]; nil ones are left out.
//
// A GET tells arguments from filters by how they look. An argument that would
// pass for a filter ("in.progress"), or for another parameter (its name is
// limit), is an error before anything is sent, and is for [Call].
func (c *Client) Function(name string, args map[string]any) Query {
	q := c.From(name)
	q.isFunc = true
	if q.err != nil {
		q.err = errors.New("insforge: the function has no name")
	}
	keys := make([]string, 0, len(args))
	for key := range args {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if args[key] == nil {
			continue
		}
		text, err := filter.Literal(args[key])
		if err != nil {
			return q.fail(fmt.Errorf("argument %q: %w", key, err))
		}
		if err := checkArgument(key, text); err != nil {
			return q.fail(fmt.Errorf("argument %q %w: use Call", key, err))
		}
		q.args = append(q.args, filter.Param{Key: key, Value: text})
	}
	return q
}

// checkArgument refuses what PostgREST, or a gateway, would take for something
// else: it reads a value that starts as a filter does as one on the result.
func checkArgument(name, text string) error {
	if filter.Reserved(name) {
		return errors.New("has the name of a parameter")
	}
	if filter.LooksLike(text) {
		return errors.New("would be read as a filter")
	}
	return nil
}

func encodeArgs(args any, d Dialect) ([]byte, error) {
	encoded, err := marshal(args)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(encoded, &object) != nil || object == nil {
		return nil, fmt.Errorf("arguments of type %T do not encode as a JSON object", args)
	}
	if protectNumbers(object, d) {
		return marshal(object)
	}
	return encoded, nil
}
