package scheduler

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
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
	// leaseAsk bounds one question to the store, so that a store that hangs is
	// asked again before what it said last is too old.
	leaseAsk = 5 * time.Second
)

// Lease elects one of several processes for a task, by a row of
// service_leases. It keeps work from being done twice at once as long as the
// processes' clocks agree to a few seconds. A holder that was paused may find
// itself replaced; a task asks [Lease.Held] before each thing that must not be
// done twice. It is no fence all the same: a pause between the question and the
// deed is not noticed, so the task must bear that.
type Lease struct {
	store  *Store
	name   string
	holder string
	log    *slog.Logger

	asking sync.Mutex // held while the store is asked
	mu     sync.Mutex
	held   bool      // as the store said last
	asked  time.Time // when the store was last asked, whether it answered or not
	err    error     // why it did not answer
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
			l.begin()
			if err := l.hold(ctx, task); err != nil {
				return err
			}
			elsewhere = ctx.Err() == nil
		}
		sleep(ctx, l.store.clock, leaseLook)
	}
	return nil
}

// begin notes that the task begins, with the store's blessing or without a
// store.
func (l *Lease) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
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

// Held reports whether this process still holds the lease, to a task that Run
// has begun. It asks the store only when that has not been done for so long
// that somebody else may have the lease: after a pause of the process or of the
// machine. A store that cannot be reached takes the lease from nobody.
func (l *Lease) Held(ctx context.Context) bool {
	if held, fresh := l.known(); fresh {
		return held
	}
	if _, err := l.acquire(ctx); err != nil {
		l.log.Warn("lease cannot be asked for", "lease", l.name, "going_on_without", true, "error", err)
	}
	held, _ := l.known()
	return held
}

// Err is why the store could not be asked for the lease when it was last asked.
// It is the news of a store that can be read and not written.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// known is what the store said last, and whether that still counts.
func (l *Lease) known() (held, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Clocks are set back, too.
	age := l.store.now().Sub(l.asked).Abs()
	return l.held, age < leaseTerm-leaseLook
}

// acquire takes or renews the lease, if it is free or this process's. Where the
// store was asked while it waited to ask, that answer is its own.
func (l *Lease) acquire(ctx context.Context) (bool, error) {
	waited := !l.asking.TryLock()
	if waited {
		l.asking.Lock()
	}
	defer l.asking.Unlock()
	if held, fresh := l.known(); waited && fresh {
		return held, nil
	}
	ctx, cancel := context.WithTimeout(ctx, leaseAsk)
	defer cancel()
	now := l.store.now()
	held, err := l.ask(ctx, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked, l.err = now, err
	if err == nil {
		l.held = held
	}
	return held, err
}

func (l *Lease) ask(ctx context.Context, now time.Time) (bool, error) {
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
