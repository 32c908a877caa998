package insforge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// ErrDialect says that only InsForge has what was asked for.
var ErrDialect = errors.New("only InsForge has this")

// SQLResult is what a statement of [Client.RawSQL] returned.
type SQLResult struct {
	Rows     []json.RawMessage `json:"rows"` // JSON objects, for [json.Unmarshal]
	RowCount int64             `json:"rowCount"`
}

// RawSQL runs one SQL statement with parameters $1, $2, … through InsForge's
// admin endpoint, as the role project_admin. It needs an ik_ key. It is never
// repeated when its answer was lost, whatever the statement. InsForge refuses
// transaction control and role management, and stops after 30 seconds.
//
// Rows pass through JavaScript: cast integers beyond 2^53 to text.
func (c *Client) RawSQL(ctx context.Context, query string, params ...any) (SQLResult, error) {
	body := struct {
		Query  string `json:"query"`
		Params []any  `json:"params,omitempty"`
	}{query, params}
	var result SQLResult
	err := c.admin(ctx, "sql", http.MethodPost, "/api/database/advance/rawsql", body, &result)
	return result, err
}

// admin sends a request to InsForge's own API and decodes the answer.
func (c *Client) admin(ctx context.Context, operation, method, path string, body, into any) error {
	if c.dialect != InsForge {
		return fmt.Errorf("insforge: %s: %w", operation, ErrDialect)
	}
	r := &call{operation: operation, table: path, method: method, path: path, accept: acceptJSON}
	if body != nil {
		encoded, err := marshal(body)
		if err != nil {
			return fmt.Errorf("insforge: %s: %w", operation, err)
		}
		r.body = encoded
	}
	return c.send(ctx, r, func(a answer) error {
		if into == nil || len(a.body) == 0 {
			return nil
		}
		if err := c.decodeBody(a.body, into); err != nil {
			return decodeError(r, a, c.redact(), err)
		}
		return nil
	})
}
