package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	tele "gopkg.in/telebot.v3"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
)

// newDialogue is the dialogue of a service that is not running, so that a test
// can hand it any update at all.
func newDialogue(t *testing.T) (*dialogue, *telegramtest.Server, *telegramtest.User) {
	t.Helper()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	backend := insforgetest.New(t, migrations.Tables)
	config, err := LoadConfig([]string{"TELEGRAM_BOT_TOKEN=" + testToken, "TELEGRAM_API_URL=" + srv.URL, "HTTP_ADDR=127.0.0.1:0", "INSFORGE_URL=" + backend.URL, "SEND_RATE=1000"}, "")
	require.NoError(t, err)
	s, err := New(config, func(options ...insforge.Option) (*insforge.Client, error) { return backend.Client(options...), nil },
		WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))), WithChatRate(1000))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.listener.Close())
		s.telegram.transport.(*http.Transport).CloseIdleConnections()
	})
	ann := srv.User(telegramtest.Person{ID: 7, FirstName: "Ann"})
	ann.Send("hello") // opens the chat
	return s.dialogue, srv, ann
}

// said hands the dialogue an update and returns what the bot answered.
func said(t *testing.T, d *dialogue, srv *telegramtest.Server, update string) string {
	t.Helper()
	before := len(srv.Calls())
	read, ok := readUpdate([]byte(update))
	require.True(t, ok, update)
	d.update(t.Context(), read)
	var out strings.Builder
	for _, call := range srv.Calls()[before:] {
		text := call.Params["text"]
		fmt.Fprintf(&out, "%s %s\n", call.Method, text)
	}
	return out.String()
}

// fromAnn is an update with a message of Ann's.
func fromAnn(content string) string {
	return `{"update_id":1,"message":{"message_id":1,"from":{"id":7,"first_name":"Ann"},"chat":{"id":7,"type":"private"},` + content + `}}`
}

func TestMessagesThatAreNoText(t *testing.T) {
	t.Parallel()
	d, srv, _ := newDialogue(t)
	for name, tc := range map[string]struct{ update, says string }{
		"sticker":             {fromAnn(`"sticker":{"file_id":"x"}`), "I read text only"},
		"voice":               {fromAnn(`"voice":{"file_id":"x"}`), "I read text only"},
		"picture":             {fromAnn(`"photo":[{"file_id":"x"}]`), "I read text only"},
		"kind yet unknown":    {fromAnn(`"checklist":{"title":"x"}`), "I read text only"},
		"picture with a text": {fromAnn(`"photo":[{"file_id":"x"}],"caption":"/today"`), "Nothing is due today"},
		"pinned message":      {fromAnn(`"pinned_message":{"message_id":1,"date":1,"chat":{"id":7,"type":"private"},"text":"x"}`), ""},
		"another bot":         {`{"update_id":1,"message":{"message_id":1,"from":{"id":9,"is_bot":true,"first_name":"B"},"chat":{"id":9,"type":"private"},"text":"/start"}}`, ""},
		"edit":                {strings.Replace(fromAnn(`"text":"/leads"`), `"message"`, `"edited_message"`, 1), ""},
		"channel":             {`{"update_id":1,"channel_post":{"message_id":1,"chat":{"id":-5,"type":"channel"},"text":"/leads"}}`, ""},
		"nobody's":            {`{"update_id":1,"message":{"message_id":1,"chat":{"id":-5,"type":"group"},"text":"/leads"}}`, ""},
	} {
		got := said(t, d, srv, tc.update)
		require.Contains(t, got, tc.says, name)
		require.Equal(t, tc.says == "", got == "", "%s: %q", name, got)
	}
	require.Contains(t, said(t, d, srv, fromAnn(`"contact":{"phone_number":"+49123","first_name":"Max, Dr.","last_name":"Muster"}`)), "Plan for <b>Max Dr. Muster</b>")
	require.Contains(t, said(t, d, srv, fromAnn(`"document":{"file_id":"x"},"caption":"[{\"description\":\"Call\",\"delay_days\":1}]"`)), "Plan for <b>Max Dr. Muster</b>: 1 step")
	require.Contains(t, said(t, d, srv, fromAnn(`"text":"/lead"`)), "+49123")
	// Characters that a database does not keep.
	require.Contains(t, said(t, d, srv, strings.Replace(fromAnn(`"text":"/newlead Jo\u0000hn\u0001 Roe, CTO\u0000 @ Ac\u0000me, no\u0000tes"`), `"message_id":1`, `"message_id":2`, 1)), "Plan for <b>John Roe</b> (CTO @ Acme)")
	require.Contains(t, said(t, d, srv, fromAnn(`"text":"/note nul \u0000 and bell \u0007"`)), "Noted with <b>John Roe</b>")
	require.Contains(t, said(t, d, srv, fromAnn(`"text":"[{\"description\":\"nul \\u0000\",\"delay_days\":1}]"`)), "Plan for <b>John Roe</b>")
}

// An album comes as a message for each of its pictures.
func TestAnAlbumIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	d, srv, _ := newDialogue(t)
	picture := func(album, caption string) string {
		return said(t, d, srv, fromAnn(`"photo":[{"file_id":"x"}],"media_group_id":"`+album+`"`+caption))
	}
	require.Contains(t, picture("1", ""), "I read text only")
	require.Empty(t, picture("1", ""))
	require.Contains(t, picture("2", `,"caption":"/today"`), "Nothing is due today")
	require.Empty(t, picture("2", ""))
	require.Contains(t, picture("1", `,"caption":"/today"`), "Nothing is due today")
	require.Contains(t, picture("3", ""), "I read text only")
}

func TestPressesThatAreNotThePersonsOwn(t *testing.T) {
	t.Parallel()
	d, srv, _ := newDialogue(t)
	said(t, d, srv, fromAnn(`"text":"/newlead Jane Doe"`))
	press := func(id int, from int64, data, message string) string {
		encoded, err := json.Marshal(data)
		require.NoError(t, err)
		return said(t, d, srv, fmt.Sprintf(`{"update_id":1,"callback_query":{"id":"%d","from":{"id":%d,"first_name":"X"},"data":%s%s}}`, id, from, encoded, message))
	}
	own := `,"message":{"message_id":2,"chat":{"id":7,"type":"private"}}`
	for i, tc := range []struct {
		from                int64
		data, message, says string
	}{
		{8, "lead:1", own, "This button is not yours"},
		{8, "leads:0", own, "This button is not yours"},
		{7, "leads:0", `,"message":{"message_id":2,"chat":{"id":-5,"type":"group"}}`, "This button is not yours"},
		{7, "leads:0", `,"inline_message_id":"x"`, "earlier version"},
		{7, "leads:99999999999999999999", own, "damaged"},
		{7, "list:week:-1", own, "damaged"},
		{7, "list:bogus:0", own, "damaged"},
		{7, "snooze:1:never", own, "damaged"},
		{7, "zone:../../etc/passwd", own, "damaged"},
		{7, "go:1", own, "damaged"},
		{7, "", own, "earlier version"},
		{7, ":::", own, "earlier version"},
		{7, strings.Repeat("x", 64), own, "earlier version"},
		{7, "lead:9223372036854775807", own, "damaged"},
		{7, "done:9223372036854775807", own, "damaged"},
		{7, "drop:1", own, "damaged"},
		{7, "drop:1:?", own, "damaged"},
		{7, "drop:1:zzzz", own, "A newer plan was proposed"},
		{7, "drafts:1", own, "damaged"},
		{7, "regenyes:1", own, "Another plan was proposed"},
		{7, "keeplead", own, "I no longer have that text"},
		{7, "go:1:zzzz", own, "A newer plan was proposed"},
		{7, "leads:9223372036854775807", own, "Your leads (1)"},
		{7, "log:1:9223372036854775807", own, "History of <b>Jane Doe</b>"},
		{7, "step:1:99:1", own, "Press a number"},
		{7, "lead:1", own, "Jane Doe"},
	} {
		got := press(i, tc.from, tc.data, tc.message)
		require.Contains(t, got, tc.says, tc.data)
		// First, unless that took so long that the answer went out meanwhile.
		_, answer, _ := strings.Cut(got, "answerCallbackQuery")
		require.Equal(t, 1, strings.Count(got, "answerCallbackQuery"), "a press is answered once: %q: %s", tc.data, got)
		answer, _, _ = strings.Cut(answer, "\n")
		require.NotContains(t, answer, "Jane", tc.data)
	}
}

// Presses whose turn never comes, since another process took over, make those of
// later times no crowd.
func TestPressesOfAnotherProcessAreForgotten(t *testing.T) {
	t.Parallel()
	d, _, _ := newDialogue(t)
	open := func() int {
		d.toasts.mu.Lock()
		defer d.toasts.mu.Unlock()
		require.Len(t, d.toasts.waiting, d.toasts.open)
		return d.toasts.open
	}
	polling, end := context.WithCancel(t.Context())
	for i := range 2 * unhurried {
		d.received(polling, tele.Update{Callback: &tele.Callback{ID: strconv.Itoa(i), Sender: &tele.User{ID: 7}}})
	}
	require.Equal(t, 2*unhurried, open())
	end()
	require.Eventually(t, func() bool { return open() == 0 }, 10*time.Second, time.Millisecond)
}
