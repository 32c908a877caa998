package bot_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/scheduler"
)

// withReminder is a conversation up to a step that falls due tomorrow.
var withReminder = []line{
	{says: "/start", sees: []string{"Hello"}},
	{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
	{says: `/plan [{"description":"Call her","delay_days":1}]`, sees: []string{"1 step"}},
	{presses: "Schedule", sees: []string{"1 reminder"}},
}

// reminders counts the messages about a step.
func (p *person) reminders(text string) int {
	n := 0
	for _, m := range p.Messages() {
		if _, ok := m.Button("Done"); ok && m.FromBot() && strings.Contains(m.Text, text) {
			n++
		}
	}
	return n
}

// waitForCalls waits until the bot has called a method so often.
func (w *world) waitForCalls(method string, n int) {
	w.Helper()
	require.Eventually(w, func() bool { return len(w.telegram.Calls(method)) >= n }, patience, 5*time.Millisecond)
}

func TestRemindersThroughTelegramsTroubles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault telegramtest.Fault
		// wants is how many reminders of the step there are before its next
		// nudge: one where the first certainly did not arrive, or did.
		wants int
		// after is how many there are once the next nudge came.
		after int
	}{
		{"rate limited", telegramtest.Fault{RetryAfter: time.Second, Times: 2}, 1, 2},
		{"internal error", telegramtest.Fault{Status: 500, Times: 1}, 1, 2},
		{"token refused for a while", telegramtest.Fault{Status: 401, Times: 1}, 1, 2},
		{"markup refused", telegramtest.Fault{Status: 400, Description: "Bad Request: can't parse entities: unclosed tag", Times: 1}, 1, 2},
		{"cut after delivery", telegramtest.Fault{Drop: true, Times: 1}, 1, 2},
		{"cut within the answer", telegramtest.Fault{Truncate: true, Times: 1}, 1, 2},
		{"cut before delivery", telegramtest.Fault{Reset: true, Times: 1}, 0, 1},
		{"gateway's page after delivery", telegramtest.Fault{HTML: true, Deliver: true, Times: 1}, 1, 2},
		{"gateway's page", telegramtest.Fault{HTML: true, Times: 1}, 0, 1},
	} {
		onEngines(t, tc.name, func(t *testing.T, backend string) {
			w := newWorld(t, backend)
			ann := w.person(7, "Ann")
			ann.converses(withReminder)
			sent := len(w.telegram.Calls("sendMessage"))
			fault := tc.fault
			fault.Method = "sendMessage"
			w.telegram.Fault(fault)
			w.clock.Advance(day)
			w.waitForCalls("sendMessage", sent+1)
			if tc.wants > 0 {
				require.Eventually(t, func() bool { return ann.reminders("Call her") == tc.wants }, patience, 10*time.Millisecond)
			}
			_, err := w.service.Dispatcher().Cycle(t.Context())
			require.NoError(t, err)
			require.Equal(t, tc.wants, ann.reminders("Call her"))
			w.clock.Advance(day + time.Minute)
			require.Eventually(t, func() bool { return ann.reminders("Call her") == tc.after }, patience, 10*time.Millisecond,
				"the next nudge comes, and comes once")
			_, err = w.service.Dispatcher().Cycle(t.Context())
			require.NoError(t, err)
			require.Equal(t, tc.after, ann.reminders("Call her"))
		})
	}
}

func TestADialogueThroughTelegramsTroubles(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]telegramtest.Fault{
		"rate limited":               {RetryAfter: time.Second, Times: 1},
		"internal error":             {Status: 500, Times: 2},
		"edit cut after it was made": {Method: "editMessageText", Drop: true, Times: 1},
		"edit cut before":            {Method: "editMessageText", Reset: true, Times: 1},
		"gateway's page for an edit": {Method: "editMessageText", HTML: true, Times: 1},
		"edit that changes nothing":  {Method: "editMessageText", Status: 400, Description: "Bad Request: message is not modified: specified new message content and reply markup are exactly the same", Deliver: true, Times: 1},
		"message deleted since":      {Method: "editMessageText", Status: 400, Description: "Bad Request: message to edit not found"},
		"message too old":            {Method: "editMessageText", Status: 400, Description: "Bad Request: message can't be edited"},
		"press too old":              {Method: "answerCallbackQuery", Status: 400, Description: "Bad Request: query is too old and response timeout expired or query ID is invalid"},
		"press not to be answered":   {Method: "answerCallbackQuery", Reset: true},
	} {
		onEngines(t, name, func(t *testing.T, backend string) {
			w := newWorld(t, backend)
			ann := w.person(7, "Ann")
			ann.converses([]line{
				{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
				{says: `/plan [{"description":"Call her","delay_days":1}]`, sees: []string{"1 step"}},
			})
			w.telegram.Fault(fault)
			ann.converses([]line{
				{presses: "Schedule", sees: []string{"Scheduled for Jane Doe"}},
				{says: "/lead", sees: []string{"Call her", "tomorrow"}},
				{presses: "Tick", sees: []string{"Press a number"}},
				{presses: "1", sees: []string{"✅ 1. Call her"}},
			})
		})
	}
}

func TestSomebodyWhoBlocksTheBotAndComesBack(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		w := newWorld(t, backend)
		ann := w.person(7, "Ann")
		ann.converses(withReminder)
		sent := len(w.telegram.Calls("sendMessage"))
		ann.Block()
		w.clock.Advance(day)
		w.waitForCalls("sendMessage", sent+1)
		for range 2 { // the first waits until the refusal is stored
			_, err := w.service.Dispatcher().Cycle(t.Context())
			require.NoError(t, err)
			w.clock.Advance(15 * day)
		}
		_, err := w.service.Dispatcher().Cycle(t.Context())
		require.NoError(t, err)
		require.Len(t, w.telegram.Calls("sendMessage"), sent+1, "nobody who blocked the bot is tried again")
		ann.Unblock()
		ann.converses([]line{{says: "/start", sees: []string{"Time for the next step", "Call her", "(overdue by "}}})
	})
}

func TestBackendThatIsDownAtStart(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		w := newWorld(t, backend)
		w.stop()
		heal := w.backend.Fault(insforgetest.BadGateway())
		w.start("SEND_RATE=1000")
		ann := w.person(7, "Ann")
		ann.converses([]line{
			{says: "/help", sees: []string{"What I can do"}},
			{says: "/newlead Jane Doe", sees: []string{"cannot reach my database", "Nothing was lost", "try this again"}},
		})
		status, body := w.get("/readyz")
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, body, `"ready":false`)
		require.Contains(t, body, "502")
		require.Contains(t, body, "(the database is in trouble; look at its log)")
		status, _ = w.get("/healthz")
		require.Equal(t, http.StatusOK, status)

		heal()
		ann.converses([]line{{says: "/newlead Jane Doe", sees: []string{"7 steps"}}})
		require.Eventually(t, func() bool { status, _ := w.get("/readyz"); return status == http.StatusOK }, patience, 100*time.Millisecond)
	})
}

func TestBackendThatGoesDownAndComesBack(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		w := newWorld(t, backend)
		ann := w.person(7, "Ann")
		ann.converses(withReminder)
		heal := w.backend.Fault(insforgetest.Fault{CutConnection: true})
		ann.converses([]line{
			{says: "/leads", sees: []string{"cannot reach my database"}},
		})
		w.clock.Advance(day)
		heal()
		ann.look()
		ann.sees("Time for the next step", "Call her")
		heal = w.backend.Fault(insforgetest.NoConnection())
		id := ann.presses("Done")
		require.Empty(t, ann.told(id), "the press is answered though the backend is not there")
		ann.sees("cannot reach my database", "Nothing was lost")
		heal()
		ann.converses([]line{{presses: "Done", sees: []string{"✅ Done", "Call her"}}})
		require.Equal(t, 0, ann.reminders("Call her"), "the message is the outcome now")
	})
}

// A press changes the reminder and is not in the lead's history, since its
// process dies in between or the database is gone: pressing again makes it whole.
func TestAPressThatWasCutOffIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		w := newWorld(t, backend)
		ann := w.person(7, "Ann")
		ann.converses(withReminder)
		w.clock.Advance(day)
		ann.look()
		ann.sees("Time for the next step", "Call her")
		heal := w.backend.Fault(insforgetest.Fault{Method: http.MethodPost, Table: "lead_activity_log", Status: http.StatusServiceUnavailable, Body: "<html>Service Unavailable</html>"})
		ann.presses("Done")
		ann.sees("cannot reach my database", "try this again")
		heal()
		w.clock.Advance(10 * time.Second)
		ann.converses([]line{{presses: "Done", sees: []string{"✅ Done", "Call her"}}})
		require.Equal(t, 0, ann.reminders("Call her"), "the message is the outcome now")
		leads, err := w.service.Store().Leads(t.Context(), 7)
		require.NoError(t, err)
		lines, err := w.service.Store().Activities(t.Context(), 7, leads[0].ID, 1)
		require.NoError(t, err)
		require.Equal(t, scheduler.ActivityStepDone, lines[0].Type)
	})
}

func TestAPlanWaitsForItsLeadThroughAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded")
	ann := w.person(7, "Ann")
	ann.converses([]line{{says: `[{"step_id":1,"description":"Call her"}]`, sees: []string{"Who is this plan of 1 step for?"}}})
	heal := w.backend.Fault(insforgetest.Fault{Method: http.MethodPatch, Table: "lead_registry", Status: http.StatusServiceUnavailable, Body: "<html>Service Unavailable</html>"})
	ann.converses([]line{{says: "Jane Doe", sees: []string{"Nothing was lost"}}})
	heal()
	ann.converses([]line{{says: "/lead", sees: []string{"Plan for Jane Doe: 1 step", "Call her"}}})
}

func TestAQuestionStaysThroughAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded")
	ann := w.person(7, "Ann")
	ann.converses(withReminder)
	w.clock.Advance(day)
	ann.look()
	ann.sees("Time for the next step", "Call her")
	ann.converses([]line{{presses: "Another time", sees: []string{"When should “Call her” come back?"}}})
	heal := w.backend.Fault(insforgetest.Fault{Method: http.MethodPatch, Table: "scheduled_reminders", Status: http.StatusServiceUnavailable, Body: "<html>Service Unavailable</html>"})
	ann.converses([]line{{says: "in 2 weeks", sees: []string{"Nothing was lost"}}})
	heal()
	ann.converses([]line{
		{says: "in 2 weeks", sees: []string{"Snoozed until", "Call her"}},
		{says: "in 3 weeks", sees: []string{"I did not recognise that"}},
	})
}

func TestALostAnswerOfTheBackendDoesNoHarm(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"lead_registry", "scheduled_reminders", "bot_users"} {
		for _, method := range []string{http.MethodPost, http.MethodPatch} {
			onEngines(t, method+" "+table, func(t *testing.T, backend string) {
				w := newWorld(t, backend)
				ann := w.person(7, "Ann")
				// Whatever is cut off, repeating it leads to one lead with one plan.
				w.backend.Fault(insforgetest.Fault{Method: method, Table: table, DropResponse: true, Times: 1})
				ann.look()
				ann.Send("/newlead Jane Doe")
				m := ann.sees("Jane Doe", "7 steps")
				ann.pressesOn(m, "Schedule")
				ann.sees("Scheduled for Jane Doe", "7 reminders")
				leads, err := w.service.Store().Leads(t.Context(), 7)
				require.NoError(t, err)
				require.Len(t, leads, 1)
				reminders, err := w.service.Store().Reminders(t.Context(), 7, leads[0].ID)
				require.NoError(t, err)
				require.Len(t, reminders, 7)
			})
		}
	}
}

func TestMessagesSentWhileTheBotWasAway(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		w := newWorld(t, backend)
		ann := w.person(7, "Ann")
		ann.converses([]line{{says: "/start", sees: []string{"Hello"}}})
		w.stop()
		ann.look()
		ann.Send("/newlead Jane Doe")
		w.start()
		ann.sees("Jane Doe", "7 steps")
		w.stop()
		w.start()
		ann.converses([]line{{says: "/leads", sees: []string{"Your leads (1)"}}})
		n := 0
		for _, m := range ann.Messages() {
			if strings.Contains(m.Text, "Plan for Jane Doe") {
				n++
			}
		}
		require.Equal(t, 1, n, "what was handled before a stop is not handled again")
	})
}

func TestMetricsHaveNoNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded")
	ann := w.person(7007007007007, "Ann") // no measurement has these digits by chance
	ann.converses(withReminder)
	ann.converses([]line{{passes: day, sees: []string{"Call her"}}})
	// Handlers and cycles are counted when they end, a little after the message.
	body := ""
	for _, name := range []string{
		"followthrough_telegram_calls_total{method=\"sendMessage\",outcome=\"ok\"}", "followthrough_reminders_total{outcome=\"delivered\"} 1",
		"followthrough_reminders_total{outcome=\"due\"} 1", "followthrough_dispatch_cycle_seconds_count 1",
		"followthrough_polling 1", "followthrough_insforge_attempts_total", "followthrough_update_seconds_count{kind=\"message\"} 3",
		"followthrough_dispatch_lag_seconds", "go_goroutines",
	} {
		require.Eventually(t, func() bool { _, body = w.get("/metrics"); return strings.Contains(body, name) }, patience, 10*time.Millisecond, name)
	}
	require.NotContains(t, body, "7007007007007")
	require.NotContains(t, body, "Jane")
}

// Timings that name no date are counted by reason and logged with their words,
// which is what a prompt is tuned by; the step comes three days on.
func TestTimingsNobodyReadsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded")
	ann := w.person(7011, "Ann")
	ann.converses([]line{
		{says: "/start", sees: []string{"Hello"}},
		{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
		{says: `/plan [{"description":"Call her","timing":"once she accepts"},{"description":"Write","delay_days":"soon"},{"description":"Ask","timing":"Day 9"}]`, sees: []string{"3 steps", "names no date"}},
	})
	_, body := w.get("/metrics")
	require.NotContains(t, body, "followthrough_timings_not_understood_total{", "only what is scheduled counts")
	ann.converses([]line{{presses: "Schedule", sees: []string{"3 reminders"}}})
	_, body = w.get("/metrics")
	require.Contains(t, body, `followthrough_timings_not_understood_total{reason="event"} 1`)
	require.Contains(t, body, `followthrough_timings_not_understood_total{reason="no_timing"} 1`)
	require.Contains(t, w.log.String(), `msg="timing not understood" timing="once she accepts" reason=event`)
	require.Contains(t, w.log.String(), `msg="timing not understood" timing=soon reason=no_timing`)
}
