package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// The pace of a clean-up: small batches, so that no request holds many locks
// or takes long, and a look every few hours.
const (
	retentionBatch = 200
	retentionLook  = 6 * time.Hour
)

// Retention removes reminders that are over (completed, skipped, cancelled)
// and have not changed for a long time. What is open or parked stays, whatever
// its age, and so does what the lead's plan and log say of the removed ones.
type Retention struct {
	store *Store
	keep  time.Duration
	log   *slog.Logger
}

// NewRetention returns a Retention that keeps what is over for that long.
func NewRetention(store *Store, keep time.Duration, log *slog.Logger) (*Retention, error) {
	if store == nil || log == nil {
		return nil, errors.New("scheduler: retention needs a store and a logger")
	}
	if keep <= 0 {
		return nil, fmt.Errorf("scheduler: reminders cannot be kept for %s", keep)
	}
	return &Retention{store: store, keep: keep, log: log}, nil
}

// Run cleans up every few hours until ctx ends.
func (r *Retention) Run(ctx context.Context) error {
	for failures := 0; ctx.Err() == nil; {
		wait := retentionLook
		removed, err := r.Clean(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			failures++
			wait = min(time.Minute<<min(failures-1, 10), retentionLook)
			r.log.Warn("old reminders not removed", "error", err, "next_try_in", wait)
		case err == nil:
			failures = 0
		}
		if removed > 0 {
			r.log.Info("old reminders removed", "reminders", removed)
		}
		sleep(ctx, r.store.clock, wait)
	}
	return nil
}

// Clean removes what is over and old enough, batch by batch from the oldest on,
// and returns how many reminders that were, in case of an error those removed
// before it. Several processes may clean at once: one of them goes on where
// another was faster.
func (r *Retention) Clean(ctx context.Context) (removed int64, err error) {
	// Asked for again in the DELETE: an Undo may come in between. Whoever completes a row without the service cannot
	// write updated_at, only completed_at.
	before := r.store.now().Add(-r.keep)
	old := filter.And(filter.In("status", Completed, Skipped, Cancelled), filter.Lt("updated_at", before),
		filter.Or(filter.IsNull("completed_at"), filter.Lt("completed_at", before)))
	for ctx.Err() == nil {
		batch, err := r.store.listReminders(ctx, r.store.reminders(old).Select("id").Order("updated_at.asc", "id.asc").Limit(retentionBatch))
		if err != nil || len(batch) == 0 {
			return removed, err
		}
		n, err := r.store.reminders(old, filter.In("id", ids(batch))).Delete(ctx, insforge.Idempotent())
		if err != nil {
			return removed, fmt.Errorf("remove old reminders: %w", err)
		}
		removed += n
		if n == 0 {
			return removed, nil // somebody else was faster, or it is not allowed: the next look tells
		}
	}
	return removed, ctx.Err()
}
