package scheduler_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/scheduler"
)

// seed stores users with a lead each and a reminder for it that is due.
func seed(t *testing.T, w *world, users int) {
	t.Helper()
	leads := make([]map[string]any, users)
	for i := range leads {
		leads[i] = map[string]any{"telegram_id": ann + int64(i), "prospect_name": fmt.Sprint("Lead ", i)}
	}
	stored, err := insforge.Insert[scheduler.Lead](t.Context(), w.client.From("lead_registry"), leads)
	require.NoError(t, err)
	rows := make([]map[string]any, users)
	for i, lead := range stored {
		rows[i] = w.row(lead, 1, w.clock.Now().Add(-time.Minute))
	}
	w.insert(t, rows...)
}

func TestAThousandRemindersTakeFewRequests(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		seed(t, w, 1000)
		w.server.ForgetRequests()
		report, _ := w.cycle(t, w.dispatcher(t))
		require.Equal(t, 1000, report.Delivered)
		requests := w.server.Requests()
		kinds := map[string]int{}
		for _, r := range requests {
			kinds[r.Method+" "+r.Table]++
		}
		require.LessOrEqual(t, len(requests), 25, "%v", kinds)
		t.Logf("%d requests: %v", len(requests), kinds)
	})
}
