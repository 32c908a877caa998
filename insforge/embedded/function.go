package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A Function stands in for a function of the database, under /rpc. Its arguments
// are those of the request by name: the values of a JSON object, or the
// parameters of a GET as JSON strings. What it returns is encoded as JSON, nil is
// answered as a function that returns void; select, filters and order of the
// request do not apply to it. An error is answered as one raised in the
// database: with its own code if it is a [*filter.SQLError], else as P0001, which
// is RAISE EXCEPTION. Functions run concurrently and outside transactions; one
// that needs the tables can ask through [Store.Transport].
type Function func(ctx context.Context, args map[string]json.RawMessage) (any, error)

// WithFunction makes a function known; of two of one name the later counts.
func WithFunction(name string, f Function) HandlerOption {
	return func(h *handler) {
		if h.functions == nil {
			h.functions = map[string]Function{}
		}
		h.functions[name] = f
	}
}

// rpc calls a function.
func (h *handler) rpc(r *http.Request, name, rawQuery string, body []byte) (*response, error) {
	args, err := arguments(r, rawQuery, body)
	if err != nil {
		return nil, err
	}
	function, ok := h.functions[name]
	switch {
	case !ok:
		return nil, noFunction(r, name, args)
	case r.Method == http.MethodOptions:
		res := newResponse(http.StatusOK)
		res.header.set("Allow", "OPTIONS,GET,HEAD,POST")
		return res, nil
	}
	given := make(map[string]json.RawMessage, len(args))
	for _, arg := range args {
		given[arg.key] = arg.value
	}
	result, err := function(r.Context(), given)
	var sql *filter.SQLError
	switch {
	case errors.As(err, &sql):
		return nil, err
	case err != nil:
		return nil, &apiError{status: http.StatusBadRequest, code: "P0001", message: err.Error()}
	case result == nil:
		return newResponse(http.StatusNoContent), nil
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		return nil, fmt.Errorf("the result of function %s: %w", name, err)
	}
	res := newResponse(http.StatusOK)
	res.contentType, res.body = jsonType, encoded
	rows := 1
	if value := reflect.ValueOf(result); value.Kind() == reflect.Slice && encoded[0] == '[' {
		rows = value.Len()
	}
	res.header.set("Content-Range", contentRange(0, rows, false, 0))
	return res, nil
}

// arguments are what a request gives a function, sorted by name; those in a
// query string are JSON strings.
func arguments(r *http.Request, rawQuery string, body []byte) (object, error) {
	switch r.Method {
	case http.MethodOptions:
		_, err := parseQuery(rawQuery)
		return nil, err
	case http.MethodGet, http.MethodHead:
		return parseParams(rawQuery), nil
	case http.MethodPost:
		if len(bytes.TrimSpace(body)) == 0 {
			return nil, nil
		}
		p, err := readPayload(contentType(r.Header), body, nil, false, false)
		if err != nil || len(p.rows) == 0 {
			return nil, err
		}
		args := make(object, len(p.keys))
		for i, key := range p.keys {
			value, _ := p.rows[0].get(key)
			args[i] = field{key: key, value: value}
		}
		return args, nil
	default:
		return nil, &apiError{
			status: http.StatusMethodNotAllowed, code: "PGRST101", message: "Cannot use the " + r.Method + " method on RPC",
		}
	}
}

func noFunction(r *http.Request, name string, args object) error {
	names := make([]string, len(args))
	for i, arg := range args {
		names[i] = arg.key
	}
	signature, searched := "("+strings.Join(names, ", ")+")", "with parameters "+strings.Join(names, ", ")
	switch len(names) {
	case 0:
		signature, searched = " without parameters", "without parameters"
	case 1:
		searched = "with parameter " + names[0]
	}
	if r.Method == http.MethodPost {
		searched += " or with a single unnamed json/jsonb parameter"
	}
	return &apiError{
		status: http.StatusNotFound, code: "PGRST202",
		message: "Could not find the function public." + name + signature + " in the schema cache",
		details: "Searched for the function public." + name + " " + searched + ", but no matches were found in the schema cache.",
	}
}

// parseParams reads a query string without giving the keys a meaning.
func parseParams(raw string) object {
	var out object
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		key = unescape(key)
		if key == "select" || key == "order" || key == "limit" || key == "offset" {
			continue
		}
		out = append(out, field{key: key, value: filter.AppendJSONString(nil, unescape(value))})
	}
	slices.SortStableFunc(out, func(a, b field) int { return strings.Compare(a.key, b.key) })
	return out
}
