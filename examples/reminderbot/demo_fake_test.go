package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// script is a service in a few lines: enough of a bot to show the page.
type script struct {
	telegram *telegramtest.Server

	mu     sync.Mutex
	now    time.Time // at the moment of since: the clock runs, as the page expects
	since  time.Time
	agenda []agendaItem
	sent   map[int]int64 // message → reminder
}

// startDemo serves the page over a scripted service.
func startDemo(t *testing.T) (*script, *demo, *httptest.Server) {
	t.Helper()
	s := &script{now: time.Date(2026, 11, 23, 9, 41, 0, 0, time.UTC), since: time.Now(), sent: map[int]int64{}}
	s.telegram = telegramtest.Start(t, telegramtest.WithClock(s.Now))
	d := newDemo(s.telegram, s, s.list, s.advance)
	page := httptest.NewServer(d.Handler())
	t.Cleanup(page.Close)
	t.Cleanup(d.Close)

	var commands []map[string]string
	for _, c := range [][2]string{{"newlead", "Add a lead and get a plan"}, {"leads", "Everyone you follow up with"}, {"today", "What is due today"}, {"week", "The next seven days"}, {"timezone", "Set your time zone"}, {"help", "What I can do"}} {
		commands = append(commands, map[string]string{"command": c[0], "description": c[1]})
	}
	s.call("setMyCommands", map[string]any{"commands": commands})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.Cleanup(func() { cancel(); <-done })
	go func() { defer close(done); s.run(ctx) }()
	return s, d, page
}

func (s *script) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.Add(time.Since(s.since))
}

func (s *script) list(context.Context) ([]agendaItem, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.agenda), nil
}

func (s *script) set(id int64, status string, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.agenda {
		if s.agenda[i].ID == id {
			s.agenda[i].Status, s.agenda[i].Due = status, due
		}
	}
}

// advance goes to each due time on the way and reminds.
func (s *script) advance(ctx context.Context, by time.Duration) error {
	target := s.Now().Add(by)
	for {
		items, _ := s.list(ctx)
		next := agendaItem{Due: target}
		for _, item := range items {
			if item.Status == "pending" && item.Due.Before(next.Due) {
				next = item
			}
		}
		s.mu.Lock()
		s.now, s.since = next.Due, time.Now()
		s.mu.Unlock()
		if next.ID == 0 {
			return ctx.Err()
		}
		s.remind(next)
	}
}

func (s *script) remind(item agendaItem) {
	m := s.say(fmt.Sprintf("🔔 <b>%s</b> · step %d\n%s\n\n<i>%s, as planned</i>\n<pre>Hi Jane, great talking at the fair! Here is the write-up on cutting review time that I mentioned. Happy to walk you through it.</pre>", item.Lead, item.ID, item.Step, item.Found),
		[][2]string{{"✅ Done", "done"}, {"⏭ Skip", "skip"}}, [][2]string{{"⏰ 1 h", "snooze"}, {"Tomorrow 9:00", "snooze"}, {"Mon 9:00", "snooze"}})
	s.mu.Lock()
	s.sent[m] = item.ID
	s.mu.Unlock()
	s.set(item.ID, "sent", item.Due.Add(24*time.Hour))
}

func (s *script) run(ctx context.Context) {
	offset := 0
	for ctx.Err() == nil {
		var updates []struct {
			ID       int                   `json:"update_id"`
			Message  *telegramtest.Message `json:"message"`
			Callback *struct {
				ID, Data string
				Message  telegramtest.Message
			} `json:"callback_query"`
		}
		raw := s.callCtx(ctx, "getUpdates", map[string]any{"timeout": 30, "offset": offset})
		_ = json.Unmarshal(raw, &updates)
		for _, u := range updates {
			offset = u.ID + 1
			if u.Message != nil {
				s.hear(*u.Message)
			}
			if u.Callback != nil {
				s.pressed(u.Callback.ID, u.Callback.Data, u.Callback.Message)
			}
		}
	}
}

func (s *script) hear(m telegramtest.Message) {
	switch {
	case strings.HasPrefix(m.Text, "/start"):
		s.say("👋 <b>Welcome!</b> I turn follow-up plans into reminders that arrive here when they are due.\n\nAdd somebody with /newlead, for example:\n<code>/newlead Jane Doe, CTO @ Acme, met at the fair</code>")
	case strings.HasPrefix(m.Text, "/newlead"), strings.Contains(m.Text, "{"):
		s.call("sendChatAction", map[string]any{"chat_id": demoPerson.ID, "action": "typing"})
		s.say("📋 <b>Plan for Jane Doe</b>\nCTO · Acme\n\n1. <b>Today 10:00</b> — Like and comment on a recent post\n2. <b>Wed 25 Nov 10:00</b> — Send a connection request\n3. <b>Sun 29 Nov 10:00</b> — Send the first message\n\n<i>Dates: “Day 1”, “Day 3”, “Day 7”.</i>", [][2]string{{"📅 Schedule 3 steps", "schedule"}}, [][2]string{{"✏️ Change", "change"}, {"🗑 Discard", "discard"}})
	case strings.HasPrefix(m.Text, "/help"):
		s.say("Here is <tg-spoiler>everything</tg-spoiler> you can do:\n<blockquote>Paste a plan in any shape: JSON, with or without a fence, with prose around it.</blockquote>Read more at https://followthrough.example/docs", nil)
	default:
		s.say("I do not know <b>" + strings.NewReplacer("<", "&lt;", "&", "&amp;").Replace(m.Text) + "</b>. Try /help.")
	}
}

func (s *script) pressed(query, data string, m telegramtest.Message) {
	answer := map[string]any{"callback_query_id": query}
	if data == "change" {
		answer["text"], answer["show_alert"] = "Send the plan you want instead.", true
	}
	s.call("answerCallbackQuery", answer)
	now := s.Now()
	s.mu.Lock()
	id := s.sent[m.ID]
	s.mu.Unlock()
	edit := func(html string, rows ...[][2]string) {
		s.call("editMessageText", s.message(map[string]any{"message_id": m.ID}, html, rows))
	}
	switch data {
	case "schedule":
		s.mu.Lock()
		s.agenda = []agendaItem{
			{1, at(23, 10), "Jane Doe", "Like and comment on a recent post", "pending", "“Day 1”"},
			{2, at(25, 10), "Jane Doe", "Send a connection request", "pending", "“Day 3”"},
			{3, at(29, 10), "Jane Doe", "Send the first message", "pending", "“Day 7”"},
		}
		s.mu.Unlock()
		edit("📅 <b>Scheduled for Jane Doe</b>\n3 reminders; the first one <b>today 10:00</b>.")
	case "done":
		s.set(id, "completed", now)
		edit("✅ <s>Like and comment on a recent post</s>\n<b>Jane Doe</b> · done. Next: <b>Wed 25 Nov 10:00</b>, send a connection request.", [][2]string{{"↩ Undo", "undo"}})
	case "skip":
		s.set(id, "skipped", now)
		edit("⏭ Skipped.", [][2]string{{"↩ Undo", "undo"}})
	case "snooze":
		s.set(id, "snoozed", now.Add(time.Hour))
		edit("⏰ Snoozed for an hour.", [][2]string{{"↩ Undo", "undo"}})
	}
}

func at(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }

func (s *script) message(fields map[string]any, html string, rows [][][2]string) map[string]any {
	keyboard := [][]map[string]string{}
	for _, row := range rows {
		var buttons []map[string]string
		for _, b := range row {
			buttons = append(buttons, map[string]string{"text": b[0], "callback_data": b[1]})
		}
		if buttons != nil {
			keyboard = append(keyboard, buttons)
		}
	}
	fields["chat_id"], fields["text"], fields["parse_mode"] = demoPerson.ID, html, "HTML"
	fields["reply_markup"] = map[string]any{"inline_keyboard": keyboard}
	return fields
}

func (s *script) say(html string, rows ...[][2]string) int {
	var m telegramtest.Message
	_ = json.Unmarshal(s.call("sendMessage", s.message(map[string]any{}, html, rows)), &m)
	return m.ID
}

func (s *script) call(method string, params map[string]any) json.RawMessage {
	return s.callCtx(context.Background(), method, params)
}

func (s *script) callCtx(ctx context.Context, method string, params map[string]any) json.RawMessage {
	body, _ := json.Marshal(params)
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/bot"+s.telegram.Token()+"/"+method, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.telegram.ServeHTTP(w, r)
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	return answer.Result
}

// ask sends a request to the page's server as the page would.
func ask(t *testing.T, page *httptest.Server, path, body string, header map[string]string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	for k, v := range header {
		if k == "Host" {
			r.Host = v
			continue
		}
		r.Header.Set(k, v)
	}
	resp, err := page.Client().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	var out bytes.Buffer
	_, err = out.ReadFrom(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, out.String()
}
