package insforge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Request is any request to the server, for what the rest of the package does
// not cover. It goes through the same credentials, retries, errors and
// observers.
type Request struct {
	Method string
	// Path below the base URL, escaped, with a leading slash: for InsForge
	// "/api/database/records/leads", for PostgREST "/leads".
	Path   string
	Query  url.Values
	Header http.Header // in addition to those of the client
	Body   []byte      // JSON, unless the Content-Type header says otherwise
	// Idempotent allows repeating the request when its answer was lost. GET
	// and HEAD always are.
	Idempotent bool
}

// Response is the answer to a [Request]. Its status is within 2xx: any other
// is an [*Error].
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) {
	if req.Method == "" || strings.ContainsAny(req.Method, " \r\n\t") {
		return nil, fmt.Errorf("insforge: the method %q", req.Method)
	}
	if err := checkPath(req.Path); err != nil {
		return nil, fmt.Errorf("insforge: %w", err)
	}
	r := &call{
		operation: "raw", table: req.Path, method: req.Method, path: req.Path, query: req.Query.Encode(),
		accept: acceptJSON, schema: c.schema, body: req.Body, header: req.Header, harmless: req.Idempotent,
	}
	var out *Response
	err := c.send(ctx, r, func(a answer) error {
		out = &Response{Status: a.status, Header: a.header, Body: slices.Clone(a.body)}
		return nil
	})
	return out, err
}

// checkPath refuses what would lead a request, and the key, somewhere else.
func checkPath(path string) error {
	u, err := url.ParseRequestURI(path)
	switch {
	case err != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || u.Host != "" || u.Scheme != "":
		return errors.New("the path must start with a slash and be escaped")
	case u.RawQuery != "" || strings.ContainsAny(path, "?#"):
		return errors.New("the path must not have a query")
	}
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == "." || segment == ".." {
			return errors.New("the path must not have dot segments")
		}
	}
	return nil
}

// Explain returns the plan PostgreSQL makes for a read, as JSON. The server
// must allow it (db-plan-enabled); with analyze the query is also carried out.
func Explain(ctx context.Context, q Query, analyze bool) ([]byte, error) {
	ps, err := q.readParams()
	if err != nil {
		return nil, err
	}
	if err := q.checkURL(ps); err != nil {
		return nil, err
	}
	r := q.readCall("select", http.MethodGet, ps)
	r.accept = `application/vnd.pgrst.plan+json; for="application/json"`
	if analyze {
		r.accept += "; options=analyze"
	}
	var plan []byte
	err = q.client.send(ctx, r, func(a answer) error {
		plan = slices.Clone(a.body)
		return nil
	})
	return plan, err
}
