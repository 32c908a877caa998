package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/scheduler"
)

const telegramToken = "4242:END-TO-END-SECRET"

// steps of the plan, all due at once; nudges follow within seconds.
const steps = 4

func pastedPlan() string {
	var list []string
	for n := range steps {
		list = append(list, fmt.Sprintf(`{"step_id":%d,"action_type":"email_outreach","description":"Do thing %[1]d","suggested_text":"Text %[1]d","delay_days":0}`, n+1))
	}
	return "Here you go:\n```json\n[" + strings.Join(list, ",\n") + "]\n```\nGood luck!"
}

// TestKilledBetweenClaimAndSend goes through the dialogue with the program as
// a process, kills it at the worst moments, and finds every nudge delivered at
// most once and no step lost.
func TestKilledBetweenClaimAndSend(t *testing.T) {
	t.Parallel()
	t.Run("on genuine PostgREST", func(t *testing.T) {
		t.Parallel()
		script, err := migrations.Script()
		require.NoError(t, err)
		backend := insforgetest.Genuine(t, script)
		killAndRestart(t, func(*process) *insforge.Client { return backend.Client() },
			"INSFORGE_URL="+backend.URL, "INSFORGE_DIALECT=postgrest", "INSFORGE_API_KEY="+backend.APIKey)
	})
	t.Run("on the embedded file", func(t *testing.T) {
		t.Parallel()
		killAndRestart(t, func(p *process) *insforge.Client {
			schema, err := embedded.ParseTables(migrations.Tables)
			require.NoError(t, err)
			store, err := embedded.Open(filepath.Join(p.dir, "bot.db"), schema)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, store.Close()) })
			client, err := insforge.New("http://embedded", insforge.WithHTTPClient(&http.Client{Transport: store.Transport(embedded.PostgREST)}))
			require.NoError(t, err)
			return client
		}, "DATA_FILE=bot.db")
	})
}

func killAndRestart(t *testing.T, open func(*process) *insforge.Client, environ ...string) {
	telegram := telegramtest.Start(t, telegramtest.WithToken(telegramToken), telegramtest.WithStrictLimits())
	ann := telegram.User(telegramtest.Person{ID: 7, FirstName: "Ann"})
	p := newProcess(t, append(environ, "TELEGRAM_BOT_TOKEN="+telegramToken, "TELEGRAM_API_URL="+telegram.URL,
		"ESCALATION=8s,12s", "MAX_PER_CYCLE=50")...)
	p.start()

	sees(p, ann, "/start", "Hello Ann")
	sees(p, ann, "/newlead Jane Doe, CTO @ Acme, met at the fair", "Plan for Jane Doe (CTO @ Acme): 7 steps")
	proposal := sees(p, ann, pastedPlan(), "Plan for Jane Doe (CTO @ Acme): 4 steps", "Do thing 4")

	// Reminders are claimed and begun to be sent, and do not arrive: then the
	// process dies.
	lift := telegram.Fault(telegramtest.Fault{Method: "sendMessage", Delay: time.Hour, Reset: true})
	before := len(telegram.Calls("sendMessage"))
	_, err := ann.Press(proposal.ID, "Schedule")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(telegram.Calls("sendMessage")) > before }, patience, 10*time.Millisecond)
	p.kill()
	lift()
	require.Zero(t, nudges(ann)[nudge{"Time for the next step", 1}])

	// What is said meanwhile is answered by the next life. It dies as soon as
	// its reminders begin to arrive.
	ann.Send("/today")
	p.start()
	waits(p, ann, "📅 Today", "Do thing 4")
	waits(p, ann, "Time for the next step")
	p.kill()

	p.start()
	require.Eventually(t, func() bool {
		for n := 1; n <= steps; n++ {
			if nudges(ann)[nudge{"Last reminder for now", n}] == 0 {
				return false
			}
		}
		return true
	}, patience, 50*time.Millisecond, "no step is lost; the log:\n%s", p.log())

	last := waits(p, ann, "Last reminder for now", "Do thing 2")
	_, err = ann.Press(last.ID, "Done")
	require.NoError(t, err)
	waits(p, ann, "✅ Done", "Do thing 2", "Undo")
	p.stop()

	for which, times := range nudges(ann) {
		require.Equal(t, 1, times, "%v", which)
	}
	reminders := storedReminders(t, open(p))
	require.Len(t, reminders, steps)
	for _, r := range reminders {
		require.Equal(t, 3, r.ReminderCount, "step %d", r.StepID)
		if r.StepID == 2 {
			require.Equal(t, scheduler.Completed, r.Status)
		} else {
			require.Equal(t, scheduler.Snoozed, r.Status)
		}
	}
	require.NotContains(t, p.log(), "END-TO-END-SECRET")
}

func storedReminders(t *testing.T, client *insforge.Client) []scheduler.Reminder {
	store, err := scheduler.NewStore(client, nil)
	require.NoError(t, err)
	leads, err := store.Leads(t.Context(), 7)
	require.NoError(t, err)
	require.Len(t, leads, 1)
	reminders, err := store.Reminders(t.Context(), 7, leads[0].ID)
	require.NoError(t, err)
	return reminders
}

// nudge is one reminder of one step.
type nudge struct {
	head string
	step int
}

// nudges counts what arrived. A message that was acted on counts by what it
// says now, which is enough: none is acted on before the end.
func nudges(u *telegramtest.User) map[nudge]int {
	found := map[nudge]int{}
	for _, m := range u.Messages() {
		for _, head := range []string{"Time for the next step", "Still open", "Last reminder for now", "Back after a rest"} {
			for n := 1; n <= steps; n++ {
				if m.FromBot() && strings.Contains(m.Text, head) && strings.Contains(m.Text, fmt.Sprintf("Do thing %d", n)) {
					found[nudge{head, n}]++
				}
			}
		}
	}
	return found
}

// sees sends a text and waits for the answer.
func sees(p *process, u *telegramtest.User, text string, parts ...string) telegramtest.Message {
	p.Helper()
	sent := u.Send(text)
	return wait(p, u, sent.ID, parts)
}

// waits waits for a message, whenever it came.
func waits(p *process, u *telegramtest.User, parts ...string) telegramtest.Message {
	p.Helper()
	return wait(p, u, 0, parts)
}

func wait(p *process, u *telegramtest.User, after int, parts []string) telegramtest.Message {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m, err := u.Wait(ctx, func(m telegramtest.Message) bool {
		if !m.FromBot() || m.ID <= after {
			return false
		}
		for _, part := range parts {
			if !strings.Contains(m.Text+strings.Join(m.Labels(), "\n"), part) {
				return false
			}
		}
		return true
	})
	require.NoError(p, err, "waiting for %q; the log:\n%s", parts, p.log())
	return m
}

// TestDemoSurvivesAKill kills the demo in the middle and finds chat, clock and
// reminders as they were.
func TestDemoSurvivesAKill(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "TZ_DEFAULT=Europe/Berlin")
	p.start()
	d := &demoUser{process: p}
	d.post("send", map[string]any{"text": "/newlead Jane Doe, CTO @ Acme, met at the fair"})
	d.waits("Plan for", "7 steps")
	d.press("Schedule")
	d.waits("Scheduled", "7 reminders")
	d.waits("Time for the next step", "Step 1 of 7")
	d.post("advance", map[string]any{"by": "24h"})
	d.waits("Step 2 of 7")
	clock := d.state().Now
	require.Greater(t, time.Until(clock), 23*time.Hour)
	before := len(d.state().Messages)

	p.kill()
	p.start()
	after := d.state()
	require.GreaterOrEqual(t, len(after.Messages), before)
	require.False(t, after.Now.Before(clock), "the clock does not go back")
	require.Len(t, after.Agenda, 7)
	require.Equal(t, "Europe/Berlin", after.Zone)
	d.press("Done")
	d.waits("✅ Done", "Next:")
	d.post("advance", map[string]any{"by": "168h"})
	d.waits("Step 4 of 7")
	p.stop()

	heads := map[string]int{}
	for _, m := range after.Messages {
		heads[m.HTML]++
	}
	for head, n := range heads {
		require.Equal(t, 1, n, head)
	}
}

// demoUser uses the demo's page without a browser.
type demoUser struct{ *process }

func (d *demoUser) state() pageState {
	d.Helper()
	state, err := d.look()
	require.NoError(d, err)
	return state
}

func (d *demoUser) look() (state pageState, err error) {
	_, body, err := d.get("/demo/state")
	if err != nil {
		return state, err
	}
	return state, json.Unmarshal([]byte(body), &state)
}

func (d *demoUser) post(path string, body map[string]any) {
	d.Helper()
	encoded, err := json.Marshal(body)
	require.NoError(d, err)
	resp, err := http.Post("http://"+d.addr+"/demo/"+path, "application/json", strings.NewReader(string(encoded)))
	require.NoError(d, err)
	require.NoError(d, resp.Body.Close())
	require.Equal(d, http.StatusOK, resp.StatusCode, path)
}

func (d *demoUser) press(label string) {
	d.Helper()
	messages := d.state().Messages
	for i := len(messages) - 1; i >= 0; i-- {
		for row, buttons := range messages[i].Rows {
			for column, button := range buttons {
				if strings.Contains(button.Label, label) {
					d.post("press", map[string]any{"message": messages[i].ID, "row": row, "column": column, "label": button.Label})
					return
				}
			}
		}
	}
	d.Fatalf("no button %q", label)
}

func (d *demoUser) waits(parts ...string) {
	d.Helper()
	require.Eventually(d, func() bool {
		state, _ := d.look()
		for _, m := range state.Messages {
			missing := false
			for _, part := range parts {
				missing = missing || !strings.Contains(m.HTML, part)
			}
			if !missing && !m.Mine {
				return true
			}
		}
		return false
	}, patience, 50*time.Millisecond, "waiting for %q; the log:\n%s", parts, d.log())
}

// TestTwoProcessesShareTheWork runs the service twice on one backend: every
// message is answered once, every reminder comes once, and when the one that
// listens to Telegram dies, or is told to stop, the other takes over.
func TestTwoProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	backend := insforgetest.New(t, migrations.Tables)
	telegram := telegramtest.Start(t, telegramtest.WithToken(telegramToken))
	ann := telegram.User(telegramtest.Person{ID: 7, FirstName: "Ann"})
	environ := []string{"TELEGRAM_BOT_TOKEN=" + telegramToken, "TELEGRAM_API_URL=" + telegram.URL,
		"INSFORGE_URL=" + backend.URL, "INSFORGE_DIALECT=postgrest", "ESCALATION=1h", "MAX_PER_CYCLE=50"}
	first, second := newProcess(t, environ...), newProcess(t, environ...)
	first.start()
	sees(first, ann, "/start", "Hello Ann") // it listens before the second one comes
	second.start()

	sees(first, ann, "/newlead Jane Doe", "Plan for Jane Doe: 7 steps")
	proposal := sees(first, ann, pastedPlan(), "4 steps")
	_, err := ann.Press(proposal.ID, "Schedule")
	require.NoError(t, err)
	for n := range steps {
		waits(first, ann, "Time for the next step", fmt.Sprintf("Do thing %d", n+1))
	}

	first.kill()
	sees(second, ann, "/leads", "Your leads (1)")
	first.start()
	second.stop()
	sees(first, ann, "/today", "Today")
	first.stop()

	for which, times := range nudges(ann) {
		require.Equal(t, 1, times, "%v", which)
	}
	answers := map[string]int{}
	for _, m := range ann.Messages() {
		if m.FromBot() {
			answers[m.Text]++
		}
	}
	for text, times := range answers {
		require.Equal(t, 1, times, text)
	}
}
