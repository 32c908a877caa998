package bot_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

const day = 24 * time.Hour

// threeSteps is what a language model answers, prose and fence included.
const threeSteps = "Sure! Here is the plan:\n```json\n" + `[
  {"step_id": 1, "action_type": "linkedin_like", "description": "Like her posts", "suggested_text": null, "timing": "Day 1", "delay_days": 1},
  {"step_id": 2, "action_type": "linkedin_connect", "description": "Connect with <Jane> & Co", "suggested_text": "Hi Jane, *loved* your _talk_ & the <b>demo</b>!", "timing": "Day 3"},
  {"step_id": 3, "action_type": "linkedin_dm", "description": "Send the message", "suggested_text": "Hi again", "timing": "when the moon is full"}
]` + "\n```\nGood luck!"

// conversations read like a chat.
var conversations = map[string][]line{
	"a plan becomes reminders": {
		{says: "/start", sees: []string{"Hello Ann", "/newlead", "/help"}},
		{says: "/newlead Jane Doe, CTO @ Acme, met at the fair",
			sees:    []string{"Plan for Jane Doe (CTO @ Acme): 7 steps", "Mon 23 Nov 10:0", "(today)", "from delay_days 1", "Mon 7 Dec"},
			buttons: []string{"Schedule"}},
		{says: threeSteps,
			sees: []string{"Plan for Jane Doe", "3 steps", "Tue 24 Nov 10:0", "(tomorrow)", "from delay_days 1",
				"from “Day 3”", "Connect with <Jane> & Co", "“when the moon is full” names no date: spaced by 3 days"},
			buttons: []string{"Schedule 3 steps"}, lacks: []string{"mended"}},
		{presses: "Schedule", sees: []string{"✅ Scheduled for Jane Doe", "3 reminders", "Like her posts"}, lacks: []string{"Schedule 3"}},
		{passes: day, sees: []string{"Time for the next step", "Jane Doe (CTO @ Acme)", "Step 1 of 3", "Like her posts", "I ask again tomorrow 10:0"},
			buttons: []string{"Done", "Snooze 1 h", "Snooze to tomorrow 9:00", "Snooze to Mon 9:00", "Skip"}, lacks: []string{"draft"}},
		{presses: "Done", sees: []string{"✅ Done", "Jane Doe", "Next: 2. Connect", "Thu 26 Nov"}, buttons: []string{"Undo"}, lacks: []string{"Skip", "Snooze"}},
		{presses: "Undo", sees: []string{"Open again", "Like her posts"}, buttons: []string{"Done", "Skip"}},
		{presses: "Snooze 1 h", sees: []string{"Snoozed until today 11:0"}},
		{says: "/undo", sees: []string{"Open again", "Like her posts"}, buttons: []string{"Done"}},
		{says: "/undo", sees: []string{"nothing to take back"}},
		{presses: "Skip", sees: []string{"⏭ Skipped", "Like her posts"}, buttons: []string{"Undo"}},
		{passes: 2 * day, sees: []string{"Step 2 of 3", "Hi Jane, *loved* your _talk_ & the <b>demo</b>!"}, buttons: []string{"Copy draft"}},
		{presses: "Snooze to tomorrow", sees: []string{"Snoozed until tomorrow 09:00", "Connect"}, buttons: []string{"Undo"}},
		{passes: day, sees: []string{"Step 2 of 3", "Time for the next step"}},
		{presses: "Done", sees: []string{"✅ Done", "Next: 3."}},
		{passes: 7 * day, sees: []string{"Step 3 of 3", "Hi again"}},
		{presses: "Done", sees: []string{"✅ Done", "last open step"}},
		{says: "/leads", sees: []string{"Your leads (1)", "all steps closed"}, buttons: []string{"Jane Doe"}},
	},
	"what nobody answers": {
		{says: "/newlead Jane Doe"},
		{sees: []string{"Plan for Jane Doe"}},
		{says: `/plan [{"step_id":1,"description":"Call her","delay_days":0}]`, sees: []string{"1 step", "Call her"}},
		{presses: "Schedule", sees: []string{"Time for the next step", "Call her", "I ask again tomorrow"}},
		{says: "/today", sees: []string{"Today", "Waiting for you", "Call her"}},
		{passes: day, sees: []string{"Still open", "Otherwise I ask again Thu 26 Nov"}},
		{passes: 2 * day, sees: []string{"Last reminder for now", "bring it back once, Thu 3 Dec"}},
		{says: "/snoozed", sees: []string{"Call her", "snoozed until Thu 3 Dec"}},
		{passes: 7 * day, sees: []string{"Back after a rest", "last time I bring it up"}, buttons: []string{"Done"}},
		{says: "/lead", sees: []string{"Call her", "no longer reminded of"}},
		{presses: "Done", sees: []string{"✅ Done", "Call her"}},
	},
	"plans in bad shape": {
		{says: "[{\"step_id\": 1, \"description\": \"Call\"}]", sees: []string{"Which lead is this for?"}},
		{says: "/newlead Jane Doe", sees: []string{"Plan for Jane Doe", "7 steps"}},
		{says: "/plan", sees: []string{"Paste the plan for Jane Doe as your next message"}},
		{says: "not a plan at all", sees: []string{"no plan in this", "no JSON", "Nothing was changed"}},
		{says: "[]", sees: []string{"no plan in this", "empty"}},
		{says: `[{"step_id":1,"description":"Call her","delay_days":2},{"step_id":2,"description":"Wri`, sees: []string{"1 step", "ends before the plan does"}},
		{says: `[{"step_id":1,"description":"Call her","delay_days":-4}]`, sees: []string{"Step 1: delay_days lies in the past"}, buttons: []string{"Schedule 1 step"}},
		{says: "how are you?", sees: []string{"did not recognise that as a plan", "/help"}},
	},
	"commands": {
		{says: "/leeds", sees: []string{"Did you mean /leads"}},
		{says: "/NEWLEED Jane", sees: []string{"Did you mean /newlead"}},
		{says: "/leads@telegramtest_other_bot", sees: []string{"did not recognise"}},
		{says: "/help", sees: []string{"/newlead NAME", "/quiet", "/timezone", "/delete"}},
		{says: "/help newlead", sees: []string{"For example: /newlead Jane Doe, CTO @ Acme, met at the fair"}},
		{says: "/leads", sees: []string{"No leads yet"}},
		{says: "/newlead", sees: []string{"Who is it?"}},
		{says: "Joe Roe, CFO at Initech", sees: []string{"Plan for Joe Roe (CFO @ Initech)"}},
		{says: "/lead jo", sees: []string{"Joe Roe (CFO @ Initech)", "No plan is scheduled"}, buttons: []string{"Show the proposed plan", "Delete"}},
		{says: "/lead Nobody", sees: []string{"No lead is called “Nobody”"}},
		{says: "/today", sees: []string{"Nothing is due today"}},
		{says: "/week", sees: []string{"Nothing is due in the next seven days"}},
		{says: "/note prefers mail", sees: []string{"Noted with Joe Roe"}},
		{presses: "Open the lead", sees: []string{"Joe Roe"}, buttons: []string{"History"}},
		{presses: "History", sees: []string{"History of Joe Roe", "noted: prefers mail", "added"}},
	},
	"settings": {
		{says: "/timezone new york", sees: []string{"America/New_York", "05:0"}},
		{says: "/timezone utc+2", sees: []string{"Etc/GMT-2", "12:0"}},
		{says: "/timezone Europe/Berlin", sees: []string{"Europe/Berlin", "11:0"}},
		{says: "/timezone Atlantis", sees: []string{"I know no time zone"}},
		{says: "/timezone Calcutta", sees: []string{"Asia/Calcutta"}},
		{says: "/timezone münchen", sees: []string{"Europe/Berlin now, as Munich has it"}},
		{says: "/timezone Portland", sees: []string{"which one?"}, buttons: []string{"02:0", "05:0", "None of these"}},
		{presses: "Portland, Maine", sees: []string{"America/New_York"}, lacks: []string{"None of these"}},
		{says: "/timezone", sees: []string{"Your time zone is America/New_York, where it is 05:0"}},
		{shares: [2]float64{38.88, -6.97}, sees: []string{"nearest city I know is Badajoz", "I do not keep the place"}, buttons: []string{"11:0", "10:0", "None of these"}},
		{presses: "None of these", sees: []string{"send a big city near you"}},
		{shares: [2]float64{48.2, 11.6}, sees: []string{"nearest city I know is Munich"}, buttons: []string{"Munich (Europe/Berlin)"}},
		{presses: "Munich", sees: []string{"Europe/Berlin now, where it is 11:0"}},
		{shares: [2]float64{-48.9, -123.4}, sees: []string{"far from every city"}},
		{says: "/timezone ../../etc/passwd", sees: []string{"I know no time zone"}},
		{says: "/sendhour 9", sees: []string{"9:00"}},
		{says: "/sendhour 25", sees: []string{"from 0 to 23"}},
		{says: "/quiet 21:30-7", sees: []string{"Quiet from 21:30 to 07:00"}},
		{says: "/quiet whenever", sees: []string{"/quiet 21-7"}},
		{says: "/pause 2", sees: []string{"No reminders until Wed 25 Nov 11:0"}},
		{says: "/settings", sees: []string{"Europe/Berlin", "9:00", "21:30–07:00", "until Wed 25 Nov"}},
		{says: "/resume", sees: []string{"come again"}},
		{says: "/quiet off", sees: []string{"No quiet hours"}},
		{says: "/newlead Jane Doe", sees: []string{"Tue 24 Nov 09:00"}},
	},
	"what is known where a step is carried out": {
		{says: "/newlead Jane Doe, CTO @ Acme, jane@acme.example, https://linkedin.com/in/janedoe", sees: []string{"7 steps"}},
		{presses: "Schedule", sees: []string{"Time for the next step", "Planned for today"}, buttons: []string{"Open linkedin.com", "Open lead"}},
		{presses: "Done", sees: []string{"✅ Done"}},
		{says: "/week"},
		{passes: 8 * day, sees: []string{"short mail to jane@acme.example", "📧 To: jane@acme.example"}, buttons: []string{"Draft alone"}},
		{presses: "Draft alone", sees: []string{"Subject: One question"}, lacks: []string{"Planned for"}},
		{says: `/plan [{"step_id":1,"description":"Ask","timing":"Day 2"}]`, sees: []string{"1 step"}},
		{presses: "Schedule", sees: []string{"✅ Scheduled"}},
		{passes: 2 * day, sees: []string{"Ask", "Planned for today: the plan says “Day 2”"}},
	},
	"taking it along": {
		{says: "/export", sees: []string{"nothing to export yet"}},
		{says: "/newlead Jane Doe, CTO @ Acme", sees: []string{"7 steps"}},
		{presses: "Schedule", sees: []string{"✅ Scheduled"}},
		{says: "/export pdf", sees: []string{"/export ics", "/export csv"}},
		{says: "/export ics", sees: []string{"7 open steps as a calendar"}, document: `SUMMARY:Jane Doe: Read the LinkedIn profile`},
		{says: "/export CSV", sees: []string{"as a table, with times of UTC"}, document: "Jane Doe,CTO,Acme,,7,meeting_request"},
	},
	"ticking off and deleting": {
		{says: "/newlead Jane Doe, CTO @ Acme", sees: []string{"7 steps"}},
		{presses: "Drafts", sees: []string{"Drafts for Jane Doe", "Hi Jane"}},
		{presses: "Schedule", sees: []string{"✅ Scheduled"}},
		{says: "/lead", sees: []string{"◻️ 7.", "Jane Doe"}, buttons: []string{"Tick steps off"}},
		{presses: "Tick", sees: []string{"Press a number"}, buttons: []string{"◻️ 7"}},
		{presses: "◻️ 7", sees: []string{"✅ 7.", "done today"}, buttons: []string{"✅ 7", "◻️ 6"}},
		{presses: "✅ 7", sees: []string{"◻️ 7."}, buttons: []string{"◻️ 7"}},
		{says: "/delete", sees: []string{"Delete Jane Doe", "7 open reminders", "cannot be taken back"}},
		{presses: "Keep", sees: []string{"Jane Doe (CTO @ Acme) stays"}},
		{says: "/delete jane", sees: []string{"Delete Jane Doe"}},
		{presses: "Yes, delete", sees: []string{"is deleted"}, lacks: []string{"Keep"}},
		{says: "/leads", sees: []string{"No leads yet"}},
		{says: "/lead", sees: []string{"was deleted"}},
		{presses: "Back to the lead", sees: []string{"cannot find that any more"}},
	},
}

func TestConversations(t *testing.T) {
	t.Parallel()
	for backend := range backends {
		for name, conversation := range conversations {
			t.Run(name+" on "+backend, func(t *testing.T) {
				t.Parallel()
				newWorld(t, backend).person(7, "Ann").holds(conversation)
			})
		}
	}
}

func TestMoreThanThreeAtOnceComeAsADigest(t *testing.T) {
	t.Parallel()
	ann := newWorld(t, "embedded").person(7, "Ann")
	ann.holds([]line{
		{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
		{says: "/plan [" + strings.TrimSuffix(strings.Repeat(`{"description":"Call her","delay_days":1},`, 5), ",") + "]", sees: []string{"5 steps"}},
		{presses: "Schedule", sees: []string{"5 reminders"}},
		{passes: day, sees: []string{"2 more steps to look at", "Jane Doe: Call her"}, buttons: []string{"1. Jane Doe", "2. Jane Doe"}},
		{presses: "2. Jane Doe", sees: []string{"Call her"}, buttons: []string{"Done", "Snooze", "Skip"}},
		{presses: "Done", sees: []string{"✅ Done"}},
	})
}

func TestAPlanThatTelegramCutInTwo(t *testing.T) {
	t.Parallel()
	var steps []string
	for range 20 {
		steps = append(steps, `{"description":"Write to her","suggested_text":"`+strings.Repeat("word ", 60)+`","delay_days":2}`)
	}
	whole := "[" + strings.Join(steps, ",") + "]"
	ann := newWorld(t, "embedded").person(7, "Ann")
	ann.holds([]line{
		{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
		{says: whole[:4000], sees: []string{"ends before the plan does", "send the rest now"}},
		{says: whole[4000:], sees: []string{"20 steps"}, buttons: []string{"Schedule 20 steps"}},
	})
}

func TestButtonsPressedTwiceOrByOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded")
	ann, eve := w.person(7, "Ann"), w.person(8, "Eve")
	ann.holds([]line{
		{says: "/newlead Jane Doe", sees: []string{"7 steps"}},
		{says: `/plan [{"description":"Call her","delay_days":0},{"description":"Call again","delay_days":0}]`, sees: []string{"2 steps"}},
		{presses: "Schedule", sees: []string{"Call again", "Time for the next step"}},
	})
	first := ann.sees("Call her", "Time for the next step")
	eve.holds([]line{{says: "/start", sees: []string{"Hello Eve"}}})

	// Eve's client sends the data of Ann's button.
	eve.look()
	greeting, _ := eve.Last()
	done, _ := first.Button("Done")
	id, err := eve.PressData(greeting.ID, done.CallbackData)
	require.NoError(ann, err)
	require.Contains(ann, eve.told(id), "belongs to somebody else")
	ann.holds([]line{{says: "/today", sees: []string{"Call her"}}})

	// Ann presses twice, like somebody in a hurry.
	once, twice := ann.pressesOn(first, "Done"), ann.pressesOn(first, "Done")
	ann.told(once)
	ann.hears(twice, "already")
	ann.sees("✅ Done", "Undo")

	// Buttons of a message that is out of date, or of no version at all.
	ann.look()
	for data, says := range map[string]string{
		done.CallbackData:                 "already",
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
}

func TestPeopleWhoAreNotAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded", "ALLOWED_USERS=7")
	w.person(7, "Ann").holds([]line{{says: "/start", sees: []string{"Hello Ann"}}})
	eve := w.person(8, "Eve")
	eve.holds([]line{{says: "/start", sees: []string{"This bot is private", "8"}, lacks: []string{"Hello"}}})
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
	ann := newWorld(t, "embedded").person(7, "<Ann> & *Bob*_")
	draft := strings.Repeat("😀&<b>", 2500)
	ann.holds([]line{
		{says: "/start", sees: []string{"Hello <Ann> & *Bob*_"}},
		{says: "/newlead יעל <b>כהן</b> & Söhne 👩‍👩‍👧, C_T*O @ `Acme` [x](y)", sees: []string{"יעל <b>כהן</b> & Söhne 👩‍👩‍👧", "C_T*O @ `Acme` [x](y)"}},
		{says: `/plan [{"description":"` + strings.Repeat("long ", 200) + `","suggested_text":"` + draft[:3600] + `","delay_days":0}]`, sees: []string{"1 step"}},
		{presses: "Schedule", sees: []string{"Time for the next step", "&<b>"}, buttons: []string{"Whole draft", "Done"}},
		{presses: "Whole draft", sees: []string{draft[:2800]}},
	})
}

func TestARowThatSomebodyElseWrote(t *testing.T) {
	t.Parallel()
	for backend := range backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, backend)
			ann := w.person(7, "Ann")
			ann.holds([]line{{says: "/newlead Jane Doe, CTO @ Acme", sees: []string{"7 steps"}}})
			leads, err := w.service.Store().Leads(t.Context(), 7)
			require.NoError(ann, err)
			ann.look()
			n, err := w.backend.Client().From("scheduled_reminders").Insert(t.Context(), map[string]any{
				"lead_id": leads[0].ID, "telegram_id": 7, "step_id": 4, "due_at": w.clock.Now(), "draft_text": "Send her the slides",
			})
			require.NoError(ann, err)
			require.EqualValues(ann, 1, n)
			ann.sees("Jane Doe (CTO @ Acme)", "Send her the slides", "Done", "Snooze", "Skip")
			ann.holds([]line{{presses: "Done", sees: []string{"✅ Done", "Send her the slides"}}})
		})
	}
}

func TestTheMenuIsTheCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "embedded")
	w.person(7, "Ann").holds([]line{{says: "/start", sees: []string{"Hello"}}})
	var names []string
	for _, c := range w.telegram.Commands() {
		names = append(names, c.Command)
	}
	require.Contains(w, names, "newlead")
}

func TestTheLocationIsAskedForWithAButton(t *testing.T) {
	t.Parallel()
	ann := newWorld(t, "embedded").person(7, "Ann")
	ann.holds([]line{{says: "/timezone", sees: []string{"share your location"}}})
	keyboard := ann.Keyboard()
	require.NotNil(t, keyboard)
	require.True(t, keyboard.OneTime)
	require.True(t, keyboard.Rows[0][0].RequestLocation)
}

func TestAPlanOfFiftySteps(t *testing.T) {
	t.Parallel()
	ann := newWorld(t, "embedded").person(7, "Ann")
	var list []string
	for n := range 51 {
		list = append(list, fmt.Sprintf(`{"step_id":%d,"description":"Step number %[1]d, %s","timing":"Day %[1]d"}`, n+1, strings.Repeat("in many words ", 20)))
	}
	ann.holds([]line{{says: "/newlead Jane Doe", sees: []string{"7 steps"}}})
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
	require.Contains(t, m.Text, "from “Day 50”")
	ann.pressesOn(m, "Schedule 50")
	ann.sees("50 reminders", "50. ")
	ann.holds([]line{
		{says: "/lead", sees: []string{"50. Step"}},
		{presses: "Tick", sees: []string{"50. Step"}, buttons: []string{"◻️ 50"}},
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
	ann.holds([]line{
		{says: "/note plays the Sicilian", sees: []string{"Noted"}},
		{presses: "Another plan", sees: []string{"Write a new plan for Jane Doe", "proposal that waits for your OK is replaced"}, buttons: []string{"Yes, write it", "Keep"}},
		{presses: "Keep", sees: []string{"stays as it is"}},
		{presses: "Schedule 1 step", sees: []string{"1 reminder"}},
		{says: "/lead", sees: []string{"Jane Doe", "Ask about chess", "plays the Sicilian"}},
		{presses: "New plan", sees: []string{"Write a new plan", "0 of 1 step closed", "stays until you schedule the new one"}},
	})
	question := ann.sees("Write a new plan")
	ann.presses("Yes, write it")
	again := ann.sees("Plan for Jane Doe", "replaces the plan in force")
	require.Equal(t, question.ID, again.ID)
	require.Contains(t, prompts.String(), "plays the Sicilian", "what was noted since reaches the model")
	require.NotContains(t, w.log.String(), "MODEL-SECRET")
}
