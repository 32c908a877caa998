package telegramtest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

func TestInAGroupTheBotSeesOnlyWhatConcernsIt(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithBot("Remy", "remy_bot"))
	group := srv.Group(100, "Sales")
	require.Equal(t, telegramtest.Chat{ID: -100, Type: "group", Title: "Sales"}, group)
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"}).In(group)

	jane.Send("lunch?")
	jane.Send("/today@remy_bot")
	jane.Send("what does @remy_bot say?")
	said := call(t, srv, "sendMessage", args{"chat_id": group.ID, "text": "Nothing is due."}).message(t)
	jane.Reply(said.ID, "good")

	var seen []string
	for _, u := range updates(t, srv, nil) {
		m := u["message"].(map[string]any)
		require.Equal(t, -100.0, m["chat"].(map[string]any)["id"])
		require.Equal(t, 7.0, m["from"].(map[string]any)["id"])
		seen = append(seen, m["text"].(string))
	}
	require.Equal(t, []string{"/today@remy_bot", "what does @remy_bot say?", "good"}, seen)
	require.Len(t, jane.Messages(), 5)
	r := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "hi"})
	require.Equal(t, http.StatusForbidden, r.Status, "writing in a group opens no chat of one's own")
}

func TestAnyoneInAGroupCanPress(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t)
	group := srv.Group(100, "Sales")
	bob := srv.User(telegramtest.Person{ID: 8, FirstName: "Bob"}).In(group)
	m := call(t, srv, "sendMessage", args{"chat_id": group.ID, "text": "For Jane", "reply_markup": args{
		"inline_keyboard": [][]args{{{"text": "Done", "callback_data": "d"}}},
	}}).message(t)
	press, err := bob.Press(m.ID, "done")
	require.NoError(t, err)
	query := updates(t, srv, nil)[0]["callback_query"].(map[string]any)
	require.Equal(t, 8.0, query["from"].(map[string]any)["id"])
	require.Contains(t, bob.Pending(), press)
}
