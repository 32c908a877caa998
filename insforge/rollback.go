package insforge

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// Rollback asks the server to undo the request when it is done, to try it out.
//
// PostgREST does so only where it is configured to (db-tx-end), carries the
// request out for good elsewhere, and tells which of the two it did by what
// it echoes; Strict does not change that. So before a write the client asks
// with a read of no rows, and returns [ErrNoRollback] instead of sending a
// write that would stay. That takes the right to read the table.
func (q Query) Rollback() Query {
	q.prefer.rollback = true
	return q
}

// undoes makes sure that a write under [Query.Rollback] will be undone.
func (q Query) undoes(ctx context.Context) error {
	if !q.prefer.rollback {
		return nil
	}
	r := &call{
		operation: "select", table: q.name, method: http.MethodGet, path: q.path(), query: "limit=0",
		accept: acceptJSON, schema: q.schema, prefer: "tx=rollback",
	}
	return q.client.send(ctx, r, func(a answer) error {
		if !strings.Contains(strings.Join(a.header.Values("Preference-Applied"), ","), "tx=rollback") {
			return fmt.Errorf("insforge: %s: %w", q.name, ErrNoRollback)
		}
		return nil
	})
}
