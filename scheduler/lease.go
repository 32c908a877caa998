package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// The times of a lease: a holder that dies is replaced after leaseTerm and one
// look of a successor, one that stops within a look.
const (
	leaseTerm  = 10 * time.Second
	leaseRenew = 3 * time.Second
	leaseLook  = time.Second
)

// Lease elects one of several processes for a task, by a row of
// service_leases. It keeps work from being done twice at once as long as the
// processes' clocks agree to a few seconds; it is no fence: a holder that was
// paused may overlap with its successor for a moment, so the task must bear
// that.
type Lease struct {
	store  *Store
	name   string
	holder string
	log    *slog.Logger
}

// NewLease returns the lease of that name for the process that calls itself
// holder. The name of a holder must be its own: a process that comes back
// under the name of a dead one has its lease at once.
func NewLease(store *Store, name, holder string, log *slog.Logger) *Lease {
	return &Lease{store: store, name: name, holder: holder, log: log}
}

// Run waits for the lease, and runs task while it is held, again and again,
// until ctx ends. The task's context ends when another process has the lease.
// A store that cannot be reached does not end it, and does not keep it from
// beginning unless another process was seen to hold the lease: as a rule nobody
// reaches the store then, and the task may be of use without it. The lease is
// given back on return.
func (l *Lease) Run(ctx context.Context, task func(ctx context.Context) error) error {
	elsewhere := false // another process was seen to hold it
	for ctx.Err() == nil {
		held, err := l.acquire(ctx)
		if err == nil {
			elsewhere = !held
		} else {
			l.log.Warn("lease cannot be asked for", "lease", l.name, "going_on_without", !elsewhere, "error", err)
		}
		if !elsewhere {
			if err := l.hold(ctx, task); err != nil {
				return err
			}
			elsewhere = ctx.Err() == nil
		}
		sleep(ctx, l.store.clock, leaseLook)
	}
	return nil
}

// hold runs task and renews the lease beside it.
func (l *Lease) hold(ctx context.Context, task func(ctx context.Context) error) error {
	l.log.Info("lease obtained", "lease", l.name, "holder", l.holder)
	working, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- task(working) }()
	for {
		timer := l.store.clock.NewTimer(leaseRenew)
		select {
		case err := <-done:
			timer.Stop()
			l.release(ctx)
			return err
		case <-timer.C():
		}
		held, err := l.acquire(ctx)
		if err != nil || held || ctx.Err() != nil {
			continue
		}
		l.log.Warn("lease lost", "lease", l.name)
		cancel()
		return <-done
	}
}

// acquire takes or renews the lease, if it is free or this process's.
func (l *Lease) acquire(ctx context.Context) (bool, error) {
	now := l.store.now()
	row := map[string]any{"name": l.name, "holder": l.holder, "expires_at": now.Add(leaseTerm)}
	free := filter.Or(filter.Eq("holder", l.holder), filter.IsNull("expires_at"), filter.Lt("expires_at", now))
	n, err := l.store.client.From(tableLeases).Where(filter.Eq("name", l.name), free).Update(ctx, row, insforge.Idempotent())
	if err != nil {
		return false, fmt.Errorf("renew lease: %w", err)
	}
	if n > 0 {
		return true, nil
	}
	n, err = l.store.client.From(tableLeases).Insert(ctx, row, insforge.OnConflictIgnore("name"))
	if err != nil {
		return false, fmt.Errorf("take lease: %w", err)
	}
	return n > 0, nil
}

// release lets a successor in at once, also while ctx is ending.
func (l *Lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_, err := l.store.client.From(tableLeases).Where(filter.Eq("name", l.name), filter.Eq("holder", l.holder)).
		Update(ctx, map[string]any{"expires_at": epoch}, insforge.Idempotent())
	if err != nil {
		l.log.Warn("lease not given back; it expires by itself", "lease", l.name, "error", err)
	}
}
