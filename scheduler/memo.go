package scheduler

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// Memo is the text that was left under a name with [Store.SetMemo]; empty where
// there is none, or its time is over.
func (s *Store) Memo(ctx context.Context, name string) (string, error) {
	row, err := insforge.One[struct {
		Text string `json:"holder"`
	}](ctx, s.client.From(tableLeases).Select("holder").Where(filter.Eq("name", name), filter.Gt("expires_at", s.now())))
	if errors.Is(err, insforge.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read memo: %w", err)
	}
	return row.Text, nil
}

// SetMemo leaves a short text for the process that comes after this one, in
// service_leases, in place of the one that was there. Names are shared with
// leases, and must not meet theirs.
func (s *Store) SetMemo(ctx context.Context, name, text string, keep time.Duration) error {
	row := map[string]any{"name": name, "holder": text, "expires_at": s.now().Add(keep)}
	if _, err := s.client.From(tableLeases).Insert(ctx, row, insforge.OnConflictMerge("name"), insforge.Idempotent()); err != nil {
		return fmt.Errorf("store memo: %w", err)
	}
	return nil
}
