package bot

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tele "gopkg.in/telebot.v3"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/scheduler"
)

func TestAPanicIsCaughtLoggedAndTold(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	ann := srv.User(telegramtest.Person{ID: 7, FirstName: "Ann"})
	ann.Send("/boom")
	var log bytes.Buffer
	d := &dialogue{
		courier: newTestCourier(srv.URL), clock: scheduler.SystemClock(), log: slog.New(slog.NewTextHandler(&log, nil)),
		username: func() string { return "" }, handled: func(string, time.Duration) {},
		commands: []command{{name: "help", run: func(context.Context, *turn, string) error { panic("boom") }}},
	}
	d.update(t.Context(), tele.Update{Message: &tele.Message{Text: "/help", Sender: &tele.User{ID: 7}, Chat: &tele.Chat{ID: 7, Type: tele.ChatPrivate}}})
	last, ok := ann.Last()
	require.True(t, ok)
	require.Contains(t, last.Text, "Something went wrong on my side")
	require.Contains(t, log.String(), "boom")
	require.Contains(t, log.String(), "dialogue_test.go", "the stack")
}

func TestParseCommand(t *testing.T) {
	t.Parallel()
	d := &dialogue{username: func() string { return "somebot" }}
	for _, tc := range []struct {
		text, name, args string
		ok               bool
	}{
		{"/plan", "plan", "", true},
		{" /Plan@SomeBot\n[1,\n2] ", "plan", "[1,\n2]", true},
		{"/plan@otherbot x", "", "", false},
		{"plan /x", "", "", false},
		{"/", "help", "", true},
		{"/no-such thing", "no-such", "thing", true},
		{"/newlead: Jane Doe", "newlead", "Jane Doe", true},
		{"/newlead,Jane Doe", "newlead", "Jane Doe", true},
		{"/ leads", "leads", "", true},
		{"/leads!", "leads", "", true},
		{"/PLAN@somebot: [1]", "plan", "[1]", true},
		{"//", "", "", false},
		{"/etc/passwd", "", "", false},
	} {
		name, args, ok := d.parseCommand(tc.text)
		require.Equal(t, []any{tc.name, tc.args, tc.ok}, []any{name, args, ok}, "%q", tc.text)
	}
}

func TestWhatComesNearest(t *testing.T) {
	t.Parallel()
	d := &dialogue{}
	d.register()
	for typed, meant := range map[string]string{
		"leeds": "leads", "newleed": "newlead", "new-lead": "newlead", "settimezone": "timezone", "tz": "timezone", "stop": "pause", "snooze": "snoozed",
		"list": "leads", "add": "newlead", "remove": "delete", "todya": "today", "hlep": "help", "expotr": "export", "undoo": "undo", "notes": "note", "edit": "lead", "done": "today", "tomorrow": "week", "backup": "export",
	} {
		require.Equal(t, meant, d.nearest(typed).name, typed)
	}
	require.NotEmpty(t, d.nearest(strings.Repeat("ж", 100_000)).name)
}

func TestEditDistance(t *testing.T) {
	t.Parallel()
	require.Equal(t, 1, editDistance("leeds", "leads"))
	require.Equal(t, 1, editDistance("haed", "head"))
	require.Equal(t, 3, editDistance("", "abc"))
	require.Equal(t, 0, editDistance("plan", "plan"))
}

func TestButtonsFitTelegramsLimit(t *testing.T) {
	t.Parallel()
	mark := scheduler.Mark{ReminderID: 1<<62 - 1, Status: scheduler.Completed, At: time.Date(2999, 1, 1, 0, 0, 0, 1000, time.UTC), DueAt: time.Date(2999, 1, 1, 0, 0, 0, 1000, time.UTC), Count: 99}
	_, err := keyboard{{press("Undo", "undo", mark), press("step", "step", int64(1<<62), 50, 1)}}.markup()
	require.NoError(t, err)
}

func TestGroupsAreToldToWriteInPrivate(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	ann := srv.User(telegramtest.Person{ID: 7, FirstName: "Ann"})
	ann.Send("hello")
	d := &dialogue{
		courier: newTestCourier(srv.URL), clock: scheduler.SystemClock(), log: slog.New(slog.DiscardHandler),
		username: func() string { return "somebot" }, handled: func(string, time.Duration) {},
	}
	// The fake has no group here; the answer goes where the chat's id says.
	for _, text := range []string{"hello everybody", "/leads@otherbot", "/leads"} {
		d.update(t.Context(), tele.Update{Message: &tele.Message{Text: text, Sender: &tele.User{ID: 7}, Chat: &tele.Chat{ID: 7, Type: tele.ChatGroup}}})
	}
	require.Len(t, srv.Calls("sendMessage"), 1)
	last, _ := ann.Last()
	require.Contains(t, last.Text, "open @somebot")
}
