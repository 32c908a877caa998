package scheduler

import (
	"context"
	"errors"

	"github.com/followthrough-go/followthrough/insforge"
)

// claimer claims in batches that grow, and has sent what it got.
type claimer struct {
	*cycle
	size     int          // of the next batch
	begun    int          // messages that claims were made for
	claiming *ahead[load] // the claim under way
}

// work claims and sends a stretch of messages. It returns while a claim is
// under way, and without more where nothing more is to be claimed: what is
// unclaimed stays due.
func (c *claimer) work(ctx context.Context, ready load) (more bool, err error) {
	for parcels := ready.parcels; len(parcels) > 0; {
		// Where sending takes no time, one claim is ahead of it: if all that was
		// claimed before has left by the time a claim is answered, the next is
		// under way. Not at the beginning: the first claim shows whether anything
		// leaves, and a process that keeps dying should put little off.
		if c.claiming != nil && c.begun > aheadAfter {
			_ = c.waitFor(ctx, 0, 0, c.claiming.done)
		}
		if c.claiming != nil && (c.begun <= aheadAfter || c.claiming.over()) {
			if err := c.sendClaimed(ctx); err != nil {
				return false, err
			}
		}
		// Otherwise claim only when most of what was claimed before has left,
		// however slow single recipients are. Where all are slow, as in a queue
		// for the pace that Telegram allows, wait for them after all: what a
		// process has claimed and not sent is put off when it dies.
		if err := c.waitFor(ctx, c.size/4, maxBatch, nil); err != nil || c.paused() {
			return false, nil
		}
		var batch []parcel
		batch, parcels = cut(parcels, c.size)
		c.size, c.begun = min(c.size*batchGrowth, maxBatch), c.begun+len(batch)
		following := start(func() (load, error) {
			taken, err := c.take(ctx, batch)
			return load{taken, ready.subject}, err
		})
		err := c.sendClaimed(ctx)
		if c.claiming = following; err != nil {
			return false, err
		}
	}
	return true, nil
}

// sendClaimed waits for the claim under way, if there is one, and begins to
// send what it got.
func (c *claimer) sendClaimed(ctx context.Context) error {
	if c.claiming == nil {
		return nil
	}
	claimed, err := c.claiming.wait()
	c.claiming = nil
	c.send(ctx, claimed)
	return err
}

// ahead is something that is done while something else is.
type ahead[T any] struct {
	done   chan struct{} // closed when it is over
	result T
	err    error
}

func start[T any](do func() (T, error)) *ahead[T] {
	a := &ahead[T]{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.result, a.err = do()
	}()
	return a
}

func (a *ahead[T]) wait() (T, error) {
	<-a.done
	return a.result, a.err
}

func (a *ahead[T]) over() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// take claims a batch, and returns what it got of it.
func (c *cycle) take(ctx context.Context, batch []parcel) ([]parcel, error) {
	got := map[int64]held{}
	var failed error
	for _, claim := range c.claims(batch, c.store.now()) {
		if ctx.Err() != nil {
			break // a claim is finished once it has begun, but no more is begun
		}
		rows, err := c.claim(ctx, claim)
		for _, r := range rows {
			got[r.ID] = r
		}
		if err != nil {
			failed = err
			break
		}
	}
	taken := make([]parcel, 0, len(batch))
	for _, p := range batch {
		mine := parcel{user: p.user, kind: p.kind, rows: make([]held, 0, len(p.rows))}
		for _, r := range p.rows {
			if claimed, ok := got[r.ID]; ok {
				mine.rows = append(mine.rows, claimed)
			}
		}
		if len(mine.rows) > 0 {
			taken = append(taken, mine)
		}
	}
	return taken, failed
}

// claim carries a claim out. Where the database takes offence at a row (a
// constraint, a trigger, a number that overflows), the claim is split until
// only that row stays behind: it must not hold up all the others.
func (c *cycle) claim(ctx context.Context, claim *claim) ([]held, error) {
	rows, uncertain, err := c.store.claim(ctx, claim, c.now)
	if uncertain {
		c.lose(claim.without(rows))
	}
	if err == nil || !aboutARow(err) {
		return rows, err
	}
	if len(claim.rows) == 1 {
		c.log.Error("reminder cannot be claimed; it stays due", "reminder", claim.rows[0].ID, "error", err, "next_try_in", c.interval)
		c.leave(claim.rows[0].ID, c.now.Add(c.interval))
		return nil, nil
	}
	half := len(claim.rows) / 2
	rows, err = c.claim(ctx, claim.of(claim.rows[:half], c.tokens.next(c.store.now())))
	if err != nil {
		return rows, err
	}
	more, err := c.claim(ctx, claim.of(claim.rows[half:], c.tokens.next(c.store.now())))
	return append(rows, more...), err
}

// aboutARow reports whether PostgreSQL refused a statement for what a row
// holds: a data exception (class 22), an integrity violation (23), or what a
// trigger raised (P0).
func aboutARow(err error) bool {
	var refused *insforge.Error
	if !errors.As(err, &refused) || len(refused.Code) != 5 {
		return false
	}
	class := refused.Code[:2]
	return class == "22" || class == "23" || class == "P0"
}
