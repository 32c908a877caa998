package bot_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A hundred people, at Telegram's own limits: nobody waits for the others to
// have their press answered, though the messages it leads to take their turn.
// How long the answers took is in the log (go test -v).
func TestAHundredPressesAtOnce(t *testing.T) {
	t.Parallel()
	w := newStrictWorld(t)
	const people = 100
	crowd := make([]*person, people)
	for i := range crowd {
		crowd[i] = w.person(int64(1000+i), fmt.Sprintf("P%d", i))
		crowd[i].look()
		crowd[i].Send(fmt.Sprintf("/newlead Lead %d", i))
	}
	for i, p := range crowd {
		p.sees(fmt.Sprintf("Plan for Lead %d", i), "Schedule")
	}
	took := make([]time.Duration, people)
	var everybody sync.WaitGroup
	for i, p := range crowd {
		everybody.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			began := time.Now()
			_, err := p.Answer(ctx, p.presses("Schedule"))
			took[i] = time.Since(began)
			if err != nil {
				t.Errorf("press of person %d: %v", i, err)
			}
		})
	}
	everybody.Wait()
	for i, p := range crowd {
		p.sees(fmt.Sprintf("Scheduled for Lead %d", i), "7 reminders")
	}
	_, body := w.get("/metrics")
	require.NotContains(t, body, `outcome="429"`, "Telegram's limits are kept, not run into")
	require.Equal(t, people, strings.Count(w.allText(crowd), "✅ Scheduled for"), "each plan is scheduled once")
	slices.Sort(took)
	t.Logf("presses answered after: median %v, p99 %v, longest %v", took[people/2], took[people*99/100-1], took[people-1])
}

// allText is what the people's chats show.
func (w *world) allText(people []*person) string {
	var out strings.Builder
	for _, p := range people {
		for _, m := range p.Messages() {
			out.WriteString(showing(m))
		}
	}
	return out.String()
}
