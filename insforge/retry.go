package insforge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// RetryPolicy says how often and how patiently a request is repeated. Which
// requests may be repeated at all is not up to it: see the package comment.
type RetryPolicy struct {
	// Attempts is how often a request is sent at most; 1 means never again.
	Attempts int
	// Base is the longest wait before the first repetition. Every further one
	// waits up to twice as long, but never longer than Max. The waits are
	// chosen at random below these limits, so that clients that failed
	// together do not come back together.
	Base, Max time.Duration
	// Budget is how long a request may take with all its repetitions. A wait
	// that would exceed it is not begun, and an attempt ends with it; the error
	// is still the last real one. 0 means no limit but the context's.
	Budget time.Duration
	// MaxRetryAfter is the longest wait that a server's Retry-After can ask
	// for. A longer one is not waited for: the error carries it.
	MaxRetryAfter time.Duration
}

// DefaultRetryPolicy sends a request at most 4 times within 30 seconds.
func DefaultRetryPolicy() RetryPolicy {
	return RetryPolicy{
		Attempts:      4,
		Base:          200 * time.Millisecond,
		Max:           5 * time.Second,
		Budget:        30 * time.Second,
		MaxRetryAfter: 10 * time.Second,
	}
}

// NoRetry sends every request once.
func NoRetry() RetryPolicy { return RetryPolicy{Attempts: 1} }

func (p RetryPolicy) validate() error {
	switch {
	case p.Attempts < 1:
		return fmt.Errorf("a retry policy of %d attempts", p.Attempts)
	case p.Attempts > 1 && (p.Base <= 0 || p.Max < p.Base):
		return fmt.Errorf("a retry policy that waits from %s to %s", p.Base, p.Max)
	case p.Budget < 0 || p.MaxRetryAfter < 0:
		return errors.New("a retry policy with negative durations")
	}
	return nil
}

// verdict is what one failed attempt means for the next.
type verdict int

const (
	final      verdict = iota // repeating is pointless: the answer would be the same
	notCarried                // certainly not carried out: any request may be repeated
	uncertain                 // may have been carried out: repeat only what is harmless twice
)

// judge classifies a refusal by status and code.
func (e *Error) judge() verdict {
	switch {
	case e.Status == http.StatusTooManyRequests:
		return notCarried
	case e.Code == "PGRST000", e.Code == "PGRST002", e.Code == "PGRST003":
		// No connection, no schema cache, no free connection in time: no
		// statement was started.
		return notCarried
	case e.Code == "40001", e.Code == "40P01":
		return notCarried // serialisation failure, deadlock: rolled back
	case e.Status == http.StatusRequestTimeout:
		return uncertain
	case e.Status < 500, e.Status == http.StatusNotImplemented, e.Status == http.StatusHTTPVersionNotSupported:
		return final
	case e.Status == http.StatusServiceUnavailable:
		return uncertain
	case e.sqlState():
		return final // a statement that failed by itself will fail again
	default:
		return uncertain // InsForge's own timeout, a gateway
	}
}

// sqlState reports whether the code is PostgreSQL's: five capitals or digits.
func (e *Error) sqlState() bool {
	if len(e.Code) != 5 {
		return false
	}
	for i := range len(e.Code) {
		if c := e.Code[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// mayBeCarriedOut reports whether the refusal leaves open whether the request
// was carried out. An unreadable answer of success means that it was.
func (e *Error) mayBeCarriedOut() bool {
	return e.Status < 300 || e.judge() == uncertain
}

// waits is the backoff of one request: exponential with full jitter, at least
// what the server asked for, and none that would outlive the deadline.
type waits struct {
	backoff.BackOff
	ctx   context.Context
	end   time.Time     // of the budget; zero for none
	asked time.Duration // by the last answer's Retry-After
	most  time.Duration // what may be asked for
}

func (p RetryPolicy) waits(ctx context.Context, end time.Time) *waits {
	exponential := backoff.NewExponentialBackOff(
		// Half of the limits and a factor of 1 spread the waits over
		// everything from nothing to the limits.
		backoff.WithInitialInterval(p.Base/2),
		backoff.WithMaxInterval(p.Max/2),
		backoff.WithMultiplier(2),
		backoff.WithRandomizationFactor(1),
		backoff.WithMaxElapsedTime(0), // see NextBackOff
	)
	limited := backoff.WithMaxRetries(exponential, uint64(p.Attempts-1))
	return &waits{BackOff: limited, ctx: ctx, end: end, most: p.MaxRetryAfter}
}

// NextBackOff implements backoff.BackOff.
func (w *waits) NextBackOff() time.Duration {
	next := w.BackOff.NextBackOff()
	if next == backoff.Stop || w.asked > w.most {
		return backoff.Stop
	}
	next = max(next, w.asked)
	if deadline, ok := w.ctx.Deadline(); ok && time.Until(deadline) <= next || !w.end.IsZero() && time.Until(w.end) <= next {
		return backoff.Stop
	}
	return next
}

// Context makes backoff stop waiting when the caller gives up.
func (w *waits) Context() context.Context { return w.ctx }
