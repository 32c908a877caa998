package scheduler_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/scheduler"
)

// What a press left undone when its process died is done by the next press.
func TestAPressIsLoggedOnce(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		r := w.schedule(t, lead, plan(0)).Reminders[0]
		logged := func() (types []string) {
			lines, err := w.store.Activities(t.Context(), ann, lead.ID, 20)
			require.NoError(t, err)
			for _, line := range lines {
				if line.Metadata["reminder_id"] != nil {
					types = append(types, line.Type)
				}
			}
			slices.Reverse(types)
			return types
		}
		complete := func() error { _, err := w.scheduler.Complete(t.Context(), ann, r.ID); return err }

		gone := w.server.Fault(insforgetest.Fault{Method: "POST", Table: "lead_activity_log", Status: 503, Body: "<html>Service Unavailable</html>"})
		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := w.scheduler.Complete(short, ann, r.ID)
		require.Error(t, err, "the press stands and is not logged: it is to be repeated")
		require.Equal(t, scheduler.Completed, w.reminder(t, r).Status)
		gone()
		require.Empty(t, logged())
		w.clock.Advance(10 * time.Second) // as long as a successor takes to have it delivered again
		var handled *scheduler.AlreadyHandledError
		require.ErrorAs(t, complete(), &handled)
		require.Equal(t, []string{scheduler.ActivityStepDone}, logged())
		require.ErrorAs(t, complete(), &handled)

		w.server.Fault(insforgetest.Fault{Method: "POST", Table: "lead_activity_log", DropResponse: true, Times: 1})
		reopened, err := w.scheduler.Reopen(t.Context(), ann, r.ID)
		require.NoError(t, err)
		_, err = w.scheduler.Undo(t.Context(), ann, reopened.Mark)
		require.NoError(t, err)
		require.False(t, w.reminder(t, r).CompletedAt.IsZero())
		_, err = w.scheduler.Reopen(t.Context(), ann, r.ID)
		require.NoError(t, err)
		want := []string{scheduler.ActivityStepDone, scheduler.ActivityStepReopened, scheduler.ActivityStepDone, scheduler.ActivityStepReopened}
		require.Equal(t, want, logged())

		var presses sync.WaitGroup
		for range 8 { // in as many windows
			presses.Go(func() { _ = complete() })
		}
		presses.Wait()
		require.Equal(t, append(want, scheduler.ActivityStepDone), logged())

		// A log that does not take the line is no reason to refuse the press.
		defer w.server.Fault(insforgetest.Fault{Table: "lead_activity_log", Status: 403, Body: `{"code":"42501","message":"permission denied"}`})()
		_, err = w.scheduler.Reopen(t.Context(), ann, r.ID)
		require.NoError(t, err)
	})
}

// A process is paused between a press and its line for so long that another one
// has the press delivered again, and may have opened the step again by then.
func TestAPausedPressIsLoggedOnce(t *testing.T) {
	t.Parallel()
	for _, reopened := range []bool{false, true} {
		var pause func()
		w := inMemory(t, func(r *http.Request) {
			if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/lead_registry") && pause != nil {
				meanwhile := pause
				pause = nil
				meanwhile()
			}
		})
		var err error
		w.scheduler, err = scheduler.New(w.store, scheduler.WithLogger(w.log))
		require.NoError(t, err)
		lead := w.lead(t, ann, "Jane Doe")
		r := w.schedule(t, lead, plan(0)).Reminders[0]
		want := []string{scheduler.ActivityStepDone, scheduler.ActivityPlanScheduled} // the newest first
		pause = func() {
			w.clock.Advance(10 * time.Second)
			_, err := w.scheduler.Complete(t.Context(), ann, r.ID)
			handled := (*scheduler.AlreadyHandledError)(nil)
			require.ErrorAs(t, err, &handled)
			if reopened {
				_, err := w.scheduler.Reopen(t.Context(), ann, r.ID)
				require.NoError(t, err)
				want = slices.Insert(want, 0, scheduler.ActivityStepReopened)
			}
		}
		_, err = w.scheduler.Complete(t.Context(), ann, r.ID)
		require.NoError(t, err)
		require.Nil(t, pause)
		require.Equal(t, want, w.logged(t, lead))
	}
}

// logged is what a lead's log tells of, the newest first.
func (w *world) logged(t *testing.T, lead scheduler.Lead) (types []string) {
	t.Helper()
	lines, err := w.store.Activities(t.Context(), ann, lead.ID, 20)
	require.NoError(t, err)
	for _, line := range lines {
		types = append(types, line.Type)
	}
	return types
}

// Between two reads of a process, the reminder and the log, another one presses
// and writes its line: that line is about a reminder that the first has not seen.
func TestALineAboutALaterPressIsNoSignOfAMissingOne(t *testing.T) {
	everyEngine(t, func(t *testing.T, w *world) {
		lead := w.lead(t, ann, "Jane Doe")
		r := w.schedule(t, lead, plan(0)).Reminders[0]
		w.clock.Advance(time.Hour)
		var once sync.Once
		late := w.between(t, func(req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodGet && strings.HasSuffix(req.URL.Path, "/lead_activity_log") {
				once.Do(func() {
					_, err := w.scheduler.Complete(t.Context(), ann, r.ID)
					require.NoError(t, err)
				})
			}
			return http.DefaultTransport.RoundTrip(req)
		})
		_, err := late.scheduler.Skip(t.Context(), ann, r.ID)
		var handled *scheduler.AlreadyHandledError
		require.ErrorAs(t, err, &handled)
		require.Equal(t, scheduler.Completed, handled.Reminder.Status)
		require.Equal(t, []string{scheduler.ActivityStepDone, scheduler.ActivityPlanScheduled}, w.logged(t, lead))
	})
}
