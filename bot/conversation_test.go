package bot_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

const day = 24 * time.Hour

func TestMoreThanThreeAtOnceComeAsADigest(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		ann := newWorld(t, backend).person(7, "Ann")
		ann.converses([]line{
			{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
			{says: "/plan [" + strings.TrimSuffix(strings.Repeat(`{"description":"Call her","delay_days":1},`, 5), ",") + "]", sees: []string{"5 steps"}},
			{presses: "Schedule", sees: []string{"5 reminders"}},
			{passes: day, sees: []string{"2 more steps to look at", "Jane Doe: Call her"}, buttons: []string{"1. Jane Doe", "2. Jane Doe"}},
			{presses: "2. Jane Doe", sees: []string{"Call her"}, buttons: []string{"Done", "Snooze", "Skip"}},
			{presses: "Done", sees: []string{"✅ Done"}},
		})
	})
}

func TestAPlanThatTelegramCutInTwo(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		var steps []string
		for range 20 {
			steps = append(steps, `{"description":"Write to her","suggested_text":"`+strings.Repeat("word ", 60)+`","delay_days":2}`)
		}
		whole := "[" + strings.Join(steps, ",") + "]"
		ann := newWorld(t, backend).person(7, "Ann")
		ann.converses([]line{
			{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
			{says: whole[:4000], sees: []string{"ends before the plan does", "send the rest now"}},
			{says: whole[4000:], sees: []string{"20 steps"}, buttons: []string{"Schedule 20 steps"}},
		})
	})
}

// A plan without its end waits for the rest of it, and a command is no rest.
func TestACommandAfterAPlanWithoutItsEnd(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		half := "[" + strings.Repeat(`{"description":"Write to her","delay_days":2},`, 85)
		ann := newWorld(t, backend).person(7, "Ann")
		ann.converses([]line{
			{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
			{says: half, sees: []string{"ends before the plan does"}},
			{says: "/newlead John Roe, CTO @ Acme", sees: []string{"Plan for John Roe (CTO @ Acme): 7 steps"}},
			{says: half, sees: []string{"ends before the plan does"}},
			{says: "/plan Day 1: call, Day 3: write, Day 5: call", sees: []string{"3 steps"}},
		})
	})
}

func TestButtonsPressedTwiceOrByOthers(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		w := newWorld(t, backend)
		ann, eve := w.person(7, "Ann"), w.person(8, "Eve")
		ann.converses([]line{
			{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
			{says: `/plan [{"description":"Call her","delay_days":0},{"description":"Call again","delay_days":0}]`, sees: []string{"2 steps"}},
			{presses: "Schedule", sees: []string{"Call again", "Time for the next step"}},
		})
		first := ann.sees("Call her", "Time for the next step")
		eve.converses([]line{{says: "/start", sees: []string{"Hello Eve"}}})

		// Eve's client sends the data of Ann's button.
		eve.look()
		greeting, _ := eve.Last()
		done, _ := first.Button("Done")
		id, err := eve.PressData(greeting.ID, done.CallbackData)
		require.NoError(ann, err)
		eve.hears(id, "belongs to somebody else")
		ann.converses([]line{{says: "/today", sees: []string{"Call her"}}})

		// Ann presses twice, like somebody in a hurry.
		once, twice := ann.pressesOn(first, "Done"), ann.pressesOn(first, "Done")
		ann.told(once)
		// The second press says so if it can; a message of its own would be too much.
		require.Contains(t, []string{"✅ Done already.", ""}, ann.told(twice))
		ann.sees("✅ Done", "Undo")
		// Another button of that message leaves what came of it, to be taken back.
		skip, _ := first.Button("Skip")
		id, err = ann.PressData(first.ID, skip.CallbackData)
		require.NoError(ann, err)
		ann.hears(id, "Done already")
		ann.converses([]line{{says: "/settings", sees: []string{"Your settings"}}})
		for _, m := range ann.Messages() {
			if m.ID == first.ID {
				require.Contains(t, m.Labels(), "↩️ Undo")
			}
		}

		// Buttons of a message that is out of date, or of no version at all.
		ann.look()
		for data, says := range map[string]string{
			"snooze:" + done.CallbackData[5:]: "damaged",
			"undo:x":                          "damaged",
			"done:-1":                         "damaged",
			"done:99999":                      "gone",
			"reminder:done:1":                 "earlier version",
			"\fdone|5":                        "earlier version",
		} {
			id, err := ann.PressData(first.ID, data)
			require.NoError(ann, err)
			ann.hears(id, says)
		}
	})
}

// What Telegram shows no more, as the press is too old for it, comes as a
// message.
func TestAPressThatIsTooOldIsExplainedAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded")
	ann := w.person(7, "Ann")
	ann.converses([]line{{says: "/newlead Jane Doe", sees: []string{"7 steps"}}})
	proposal, _ := ann.Last()
	w.telegram.Fault(telegramtest.Fault{Method: "answerCallbackQuery", Status: 400, Description: "Bad Request: query is too old and response timeout expired or query ID is invalid"})
	for data, says := range map[string]string{"reminder:done:1": "earlier version", "done:99999": "reminder is gone", "done:x": "damaged"} {
		ann.look()
		_, err := ann.PressData(proposal.ID, data)
		require.NoError(t, err)
		ann.sees(says)
	}
	ann.converses([]line{{presses: "Schedule", sees: []string{"✅ Scheduled"}}})
}

// A button is about the proposal it stands under, and about no other.
func TestAnAnswerThatComesTooLateIsToldOnce(t *testing.T) {
	t.Parallel()
	ann := newWorld(t, "embedded").person(7, "Ann")
	ann.converses([]line{
		{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
		{says: `/plan [{"description":"Call her","delay_days":0}]`, sees: []string{"1 step"}},
		{presses: "Schedule", sees: []string{"Time for the next step", "Call her"}},
		{says: "/lead", sees: []string{"Jane Doe", "Call her"}},
		{presses: "Tick", sees: []string{"Press a number"}},
		{presses: "Another time", sees: []string{"When should “Call her” come back?"}},
		{presses: "◻️ 1", sees: []string{"✅ 1. Call her"}},
		{says: "friday 14:00", sees: []string{"Done already", "Jane Doe", "Call her"}},
		{says: "friday 15:00", sees: []string{"I did not recognise that"}},
	})
	told := 0
	for _, m := range ann.Messages() {
		if m.FromBot() && strings.Contains(m.Text, "Done already") {
			told++
		}
	}
	require.Equal(t, 1, told)
}

func TestButtonsOfOlderProposals(t *testing.T) {
	t.Parallel()
	ann := newWorld(t, "embedded").person(7, "Ann")
	proposed := func(plan, says string) (message telegramtest.Message, data func(label string) string) {
		ann.look()
		ann.Send(plan)
		m := ann.sees(says)
		return m, func(label string) string {
			button, ok := m.Button(label)
			require.True(t, ok, "%q", m.Labels())
			return button.CallbackData
		}
	}
	pressed := func(m telegramtest.Message, data string) string {
		ann.look()
		id, err := ann.PressData(m.ID, data)
		require.NoError(t, err)
		return id
	}
	ann.converses([]line{{says: "/newlead Jane Doe", sees: []string{"7 steps"}}})
	older, of := proposed(`[{"description":"Call her","delay_days":1,"suggested_text":"Hi"}]`, "Call her")
	discard, drafts := of("Discard"), of("Drafts")
	newer, of := proposed(`[{"description":"Write to her","delay_days":2,"suggested_text":"Hello"}]`, "Write to her")
	ann.hears(pressed(older, drafts), "A newer plan was proposed")
	pressed(older, discard)
	ann.sees("waits still: nothing was discarded")
	ann.converses([]line{{presses: "Show the newer plan", sees: []string{"Write to her", "Schedule 1 step"}}})
	ann.pressesOn(newer, "Schedule")
	ann.sees("✅ Scheduled")
	ann.hears(pressed(newer, of("Discard")), "This proposal was scheduled")
	ann.converses([]line{{says: "/lead", sees: []string{"Write to her", "Tick"}}})

	// A second tap on Schedule leaves what came of the first.
	older, of = proposed(`[{"description":"Send a card","delay_days":1}]`, "Send a card")
	schedule := of("Schedule")
	for range 2 {
		ann.told(pressed(older, schedule))
	}
	ann.converses([]line{{says: "/today", sees: []string{"Nothing is due today"}}})
	for _, m := range ann.Messages() {
		require.NotContains(t, m.Text, "Your press changed nothing")
	}

	// Two taps on Yes, and one on Keep behind them.
	question, _ := proposed(`/plan [{"description":"Call again","delay_days":3}]`, "Call again")
	ann.converses([]line{{says: "/lead", sees: []string{"Show the proposed plan"}}, {presses: "New plan", sees: []string{"Write a new plan for Jane Doe?", "is replaced"}}})
	again, _ := ann.Last()
	yes, _ := again.Button("Yes, write it")
	keep, _ := again.Button("Keep")
	for _, data := range []string{yes.CallbackData, yes.CallbackData, keep.CallbackData} {
		ann.told(pressed(again, data))
	}
	ann.converses([]line{{says: "/today", sees: []string{"Nothing is due today"}}})
	for _, m := range ann.Messages() {
		require.NotContains(t, m.Text, "Another plan was proposed since I asked", "they see it")
		require.NotContains(t, m.Text, "stays as it is")
		if m.ID == again.ID {
			require.Contains(t, m.Text, "Plan for Jane Doe: 7 steps")
		}
	}
	// A question that was left open is about what there was then.
	ann.hears(pressed(question, keep.CallbackData), "Another plan was proposed since I asked")
}

func TestPeopleWhoAreNotAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded", "ALLOWED_USERS=7")
	w.person(7, "Ann").converses([]line{{says: "/start", sees: []string{"Hello Ann"}}})
	eve := w.person(8, "Eve")
	eve.converses([]line{{says: "/start", sees: []string{"This bot is private", "8"}, lacks: []string{"Hello"}}})
	last, _ := eve.Last()
	id, err := eve.PressData(last.ID, "leads:0")
	require.NoError(eve, err)
	eve.hears(id, "private")
	require.Empty(eve, w.backend.Requests(func(r insforgetest.Request) bool {
		return strings.Contains(r.RawQuery+" "+string(r.Body), "eq.8") || strings.Contains(string(r.Body), `"telegram_id":8`)
	}), "the backend hears nothing of them")
}

func TestNamesAndDraftsOfAllKinds(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		ann := newWorld(t, backend).person(7, "<Ann> & *Bob*_")
		draft := strings.Repeat("😀&<b>", 2500)
		ann.converses([]line{
			{says: "/start", sees: []string{"Hello <Ann> & *Bob*_"}},
			{says: "/newlead יעל <b>כהן</b> & Söhne 👩‍👩‍👧, C_T*O @ `Acme` [x](y)", sees: []string{"יעל <b>כהן</b> & Söhne 👩‍👩‍👧", "C_T*O @ `Acme` [x](y)"}},
			{says: `/plan [{"description":"` + strings.Repeat("long ", 200) + `","suggested_text":"` + draft[:3600] + `","delay_days":0}]`, sees: []string{"1 step"}},
			{presses: "Schedule", sees: []string{"Time for the next step", "&<b>"}, buttons: []string{"Whole draft", "Done"}},
			{presses: "Whole draft", sees: []string{draft[:2800]}},
		})
	})
}

func TestARowThatSomebodyElseWrote(t *testing.T) {
	t.Parallel()
	for backend := range backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, backend)
			ann := w.person(7, "Ann")
			ann.converses([]line{{says: "/newlead Jane Doe, CTO @ Acme", sees: []string{"7 steps"}}})
			leads, err := w.service.Store().Leads(t.Context(), 7)
			require.NoError(ann, err)
			ann.look()
			n, err := w.backend.Client().From("scheduled_reminders").Insert(t.Context(), map[string]any{
				"lead_id": leads[0].ID, "telegram_id": 7, "step_id": 4, "due_at": w.clock.Now(), "draft_text": "Send her the slides",
			})
			require.NoError(ann, err)
			require.EqualValues(ann, 1, n)
			ann.sees("Jane Doe (CTO @ Acme)", "Send her the slides\n📅 Planned for today.\n", "Done", "Snooze", "Skip")
			ann.converses([]line{{presses: "Done", sees: []string{"✅ Done", "Send her the slides"}}})
		})
	}
}

// A name that shows nothing is none: Telegram takes no button without a label.
func TestALeadThatSomebodyElseWrote(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		w := newWorld(t, backend)
		ann := w.person(7, "Ann\n\u202e")
		_, err := w.backend.Client().From("lead_registry").Insert(t.Context(), map[string]any{
			"telegram_id": 7, "prospect_name": "\u2800 \u200b", "prospect_title": "C\nTO\u202e", "prospect_company": "Ac me",
		})
		require.NoError(t, err)
		ann.converses([]line{
			{says: "/start", sees: []string{"Hello Ann!"}},
			{says: "/leads", sees: []string{"Your leads (1)", "Lead 1 (C TO @ Ac me) – no plan"}, buttons: []string{"Lead 1"}},
			{presses: "Lead 1", sees: []string{"👤 Lead 1 (C TO @ Ac me)", "No plan is scheduled"}},
			{says: "/export", sees: []string{"Your leads and their steps"}},
		})
	})
}

// Other programs may write more steps than Telegram takes buttons.
func TestMoreRowsThanButtons(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		w := newWorld(t, backend)
		ann := w.person(7, "Ann")
		ann.converses([]line{{says: "/newlead Jane Doe", sees: []string{"7 steps"}}})
		leads, err := w.service.Store().Leads(t.Context(), 7)
		require.NoError(t, err)
		var rows []map[string]any
		for n := range 120 {
			row := map[string]any{"lead_id": leads[0].ID, "telegram_id": 7, "step_id": n + 1, "due_at": w.clock.Now().Add(time.Duration(n+1) * day), "draft_text": "Send the slides", "status": "pending"}
			if n < 60 {
				row["status"] = "completed"
			}
			rows = append(rows, row)
		}
		_, err = w.backend.Client().From("scheduled_reminders").Insert(t.Context(), rows)
		require.NoError(t, err)
		ann.converses([]line{
			{says: "/lead", sees: []string{"61. Send the slides", "110. Send the slides", "… and 70 more"}, lacks: []string{"\n✅ 1. "}},
			{presses: "Tick", sees: []string{"110. Send the slides", "Press a number"}, buttons: []string{"◻️ 61", "◻️ 110"}},
			{presses: "◻️ 61", sees: []string{"… and 70 more", "Press a number"}, buttons: []string{"◻️ 62", "◻️ 111"}},
		})
	})
}

// A note is read in the history, and a long one is, too.
func TestLongNotes(t *testing.T) {
	t.Parallel()
	ann := newWorld(t, "embedded").person(7, "Ann")
	note := strings.Repeat("word ", 600) + "and the end"
	ann.converses([]line{
		{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
		{says: "/note " + note, sees: []string{"Noted"}},
		{says: "/lead", sees: []string{"noted: word"}, lacks: []string{"the end"}},
		{presses: "History", sees: []string{"noted: word", "and the end", "added: Jane Doe"}},
	})
	for range 3 {
		ann.converses([]line{{says: "/note " + note, sees: []string{"Noted"}}})
	}
	ann.converses([]line{{says: "/lead", sees: []string{"noted: word"}}, {presses: "History", sees: []string{"noted: word", "…", "added: Jane Doe"}, buttons: []string{"Open the lead"}}})
}

func TestTheMenuAndTheHelpAreTheCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded")
	ann := w.person(7, "Ann")
	ann.converses([]line{{says: "/help", sees: []string{"What I can do"}}})
	help, _ := ann.Last()
	var menu, listed []string
	for _, c := range w.telegram.Commands() {
		menu = append(menu, c.Command)
	}
	for line := range strings.Lines(help.Text) {
		if command, ok := strings.CutPrefix(line, "/"); ok {
			listed = append(listed, strings.Fields(command)[0])
		}
	}
	require.Equal(t, menu, listed)
	require.Subset(t, menu, strings.Fields("start help newlead plan leads lead today week snoozed timezone quiet sendhour pause resume settings export undo delete"))
	for _, name := range menu {
		ann.converses([]line{{says: "/help " + name, sees: []string{"/" + name}, lacks: []string{"I do not know"}}})
	}
}

func TestTheLocationIsAskedForWithAButton(t *testing.T) {
	t.Parallel()
	ann := newWorld(t, "embedded").person(7, "Ann")
	ann.converses([]line{{says: "/timezone", sees: []string{"share your location"}}})
	keyboard := ann.Keyboard()
	require.NotNil(t, keyboard)
	require.True(t, keyboard.OneTime)
	require.True(t, keyboard.Rows[0][0].RequestLocation)
}

func TestAPlanOfFiftySteps(t *testing.T) {
	t.Parallel()
	onEngines(t, "", func(t *testing.T, backend string) {
		ann := newWorld(t, backend).person(7, "Ann")
		var list []string
		for n := range 51 {
			list = append(list, fmt.Sprintf(`{"step_id":%d,"description":"Step number %[1]d, %s","timing":"Day %[1]d"}`, n+1, strings.Repeat("in many words ", 20)))
		}
		ann.converses([]line{{says: "/newlead Jane Doe", sees: []string{"7 steps"}}})
		var parts []string
		for text := "[" + strings.Join(list, ",") + "]"; text != ""; {
			n := min(len(text), 4000)
			parts = append(parts, text[:n])
			text = text[n:]
		}
		for _, part := range parts {
			ann.look()
			ann.Send(part)
			ann.sees("step")
		}
		m := ann.sees("50. ", "more than 50 steps", "Schedule 50 steps")
		require.Contains(t, m.Text, "“Day 50”")
		ann.pressesOn(m, "Schedule 50")
		ann.sees("50 reminders", "50. ")
		ann.converses([]line{
			{says: "/lead", sees: []string{"50. Step"}},
			{presses: "Tick", sees: []string{"50. Step"}, buttons: []string{"◻️ 50"}},
		})
	})
}

func TestAModelWritesWhilePeopleWatch(t *testing.T) {
	t.Parallel()
	var prompts syncBuffer
	release := make(chan struct{})
	answer := sync.OnceFunc(func() { close(release) })
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(&prompts, r.Body)
		<-release
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"[{\"step_id\":1,\"description\":\"Ask about chess\",\"delay_days\":1}]"}}]}`)
	}))
	t.Cleanup(model.Close)
	t.Cleanup(answer)
	w := newWorld(t, "embedded", "LLM_BASE_URL="+model.URL, "LLM_MODEL=m", "LLM_API_KEY=MODEL-SECRET")
	ann := w.person(7, "Ann")
	ann.look()
	ann.Send("/newlead Jane Doe, CTO @ Acme, likes chess")
	progress := ann.sees("Making a plan for Jane Doe", "Researching")
	ann.sees("Making a plan for Jane Doe", "✔️ Researching", "⏳ Writing")
	require.NotEmpty(t, w.telegram.Calls("sendChatAction"))
	answer()
	proposal := ann.sees("Plan for Jane Doe (CTO @ Acme): 1 step", "Ask about chess", "Another plan")
	require.Equal(t, progress.ID, proposal.ID, "the message becomes the proposal")
	require.Contains(t, prompts.String(), "likes chess")
	ann.converses([]line{
		{says: "/note plays the Sicilian", sees: []string{"Noted"}},
		{presses: "Another plan", sees: []string{"Write a new plan for Jane Doe", "proposal that waits for your OK is replaced"}, buttons: []string{"Yes, write it", "Keep"}},
		{presses: "Keep", sees: []string{"stays as it is"}},
		{presses: "Schedule 1 step", sees: []string{"1 reminder"}},
		{says: "/lead", sees: []string{"Jane Doe", "Ask about chess", "plays the Sicilian"}},
		{presses: "New plan", sees: []string{"Write a new plan", "0 of 1 step closed", "stays until you schedule the new one"}},
	})
	question := ann.sees("Write a new plan")
	yes, _ := question.Button("Yes, write it")
	ann.presses("Yes, write it")
	second, err := ann.PressData(question.ID, yes.CallbackData)
	require.NoError(t, err)
	again := ann.sees("Plan for Jane Doe", "replaces the plan in force")
	require.Equal(t, question.ID, again.ID)
	require.Contains(t, prompts.String(), "plays the Sicilian", "what was noted since reaches the model")
	require.Empty(t, ann.told(second), "they see what came of the first tap")
	require.Equal(t, 2, strings.Count(prompts.String(), `"messages"`), "a second tap costs nothing")
	require.NotContains(t, w.log.String(), "MODEL-SECRET")
}

// A model that fails takes nothing away, and a long plan of one that does not
// begins where its progress was.
func TestAPlanThatCannotBeStoredIsNotBeingMadeForEver(t *testing.T) {
	t.Parallel()
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"[{\"description\":\"Call her\",\"delay_days\":1}]"}}]}`)
	}))
	t.Cleanup(model.Close)
	w := newWorld(t, "embedded", "LLM_BASE_URL="+model.URL, "LLM_MODEL=m", "LLM_API_KEY=MODEL-SECRET")
	ann := w.person(7, "Ann")
	heal := w.backend.Fault(insforgetest.Fault{Method: http.MethodPatch, Table: "lead_registry", Status: http.StatusServiceUnavailable, Body: "<html>Service Unavailable</html>"})
	ann.converses([]line{{says: "/newlead Jane Doe", sees: []string{"The plan for Jane Doe could not be made"}, buttons: []string{"Try again"}}})
	heal()
	ann.converses([]line{{presses: "Try again", sees: []string{"Plan for Jane Doe: 1 step", "Call her"}}})
	for _, m := range ann.Messages() {
		require.NotContains(t, m.Text, "⏳")
	}
}

func TestAModelThatFailsTakesNothingAway(t *testing.T) {
	t.Parallel()
	var fails atomic.Bool
	fails.Store(true)
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fails.Load() {
			http.Error(w, "{}", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		step := `{\"description\":\"` + strings.Repeat("word ", 50) + `\",\"delay_days\":1},`
		_, _ = io.WriteString(w, `{"choices":[{"message":{"role":"assistant","content":"[`+strings.TrimSuffix(strings.Repeat(step, 40), ",")+`]"}}]}`)
	}))
	t.Cleanup(model.Close)
	ann := newWorld(t, "embedded", "LLM_BASE_URL="+model.URL, "LLM_MODEL=m", "LLM_API_KEY=MODEL-SECRET").person(7, "Ann")
	ann.converses([]line{
		{says: "/newlead Jane Doe", sees: []string{"7 steps", "did not deliver a plan, so this one is from the built-in playbook"}, buttons: []string{"Another plan"}},
		{presses: "Another plan", sees: []string{"Write a new plan for Jane Doe?"}},
		{presses: "Yes, write it", sees: []string{"did not deliver a plan, so the proposal for Jane Doe stays as it was"}, buttons: []string{"Show the proposal", "Try again"}},
	})
	fails.Store(false)
	ann.converses([]line{
		{presses: "Try again", sees: []string{"Write a new plan for Jane Doe?"}},
		{presses: "Yes, write it", sees: []string{"40. "}, buttons: []string{"Schedule 40 steps"}},
	})
	first, last := 0, 0
	for _, m := range ann.Messages() {
		if strings.Contains(m.Text, "Plan for Jane Doe: 40 steps") {
			first = m.ID
		}
		if strings.Contains(m.Text, "\n40. ") {
			last = m.ID
		}
	}
	require.NotZero(t, first)
	require.Less(t, first, last)
}
