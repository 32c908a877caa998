package bot

import (
	"fmt"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// budget bounds what a model may be asked in a day, in tokens: prices differ,
// and every endpoint counts these. It is kept in memory. One process at a time
// talks to people, so among replicas it holds for all of them, but a process
// that starts begins anew. It is safe for concurrent use.
type budget struct {
	limit int
	clock scheduler.Clock
	// spent is told of tokens that were used, for metrics.
	spent func(tokens int)

	mu    sync.Mutex
	since time.Time // when the day that is counted began
	used  int       // since then, with what is reserved
}

// budgetDay is how long a budget lasts.
const budgetDay = 24 * time.Hour

// leastBudget is what one plan may take: its longest answer, and what the
// model is told.
const leastBudget = modelAnswer + 8000

// spentError says that the budget is used up.
type spentError struct {
	limit int
	again time.Duration // until there is a new one
}

func (e *spentError) Error() string {
	return fmt.Sprintf("the %d tokens a day of LLM_DAILY_TOKENS are used up; there are new ones in %s", e.limit, e.again.Round(time.Minute))
}

// reserve sets tokens aside for one request and returns what settles them: it
// takes how many were used. Until then, and for ever if it is not called, all
// of them count. The error is a *spentError.
func (b *budget) reserve(tokens int) (settle func(used int), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clock.Now()
	if now.Sub(b.since) >= budgetDay || now.Before(b.since) {
		b.since, b.used = now, 0
	}
	if b.used+tokens > b.limit {
		return nil, &spentError{b.limit, b.since.Add(budgetDay).Sub(now)}
	}
	b.used += tokens
	day := b.since
	return func(used int) {
		b.spent(used)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.since.Equal(day) {
			b.used += used - tokens
		}
	}, nil
}

// estimate is about how many tokens a text has, on the high side: three bytes
// to a token, where English has four.
func estimate(text string) int { return len(text)/3 + 1 }
