package telegramtest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

func ids(us []map[string]any) []int {
	var ids []int
	for _, u := range us {
		ids = append(ids, int(u["update_id"].(float64)))
	}
	return ids
}

func TestGetUpdatesConfirmsByOffset(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	jane.Send("one")
	jane.Send("two")

	first := ids(updates(t, srv, nil))
	require.Len(t, first, 3)
	require.Equal(t, first, ids(updates(t, srv, nil)), "nothing is confirmed without an offset")
	require.Equal(t, first[:2], ids(updates(t, srv, args{"limit": 2})))
	require.Equal(t, first[1:], ids(updates(t, srv, args{"offset": first[1]})))
	require.Equal(t, first[1:], ids(updates(t, srv, args{"offset": first[0]})), "what was confirmed stays so")
	require.Equal(t, first[2:], ids(updates(t, srv, args{"offset": -1})), "a negative offset keeps the latest")
	require.Empty(t, updates(t, srv, args{"offset": first[2] + 1}))
}

func TestGetUpdatesWaitsForAnUpdate(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	next := ids(updates(t, srv, nil))[0] + 1
	answered := make(chan reply, 1)
	go func() {
		r, _ := try(t.Context(), srv, "getUpdates", args{"offset": next, "timeout": 50})
		answered <- r
	}()
	select {
	case r := <-answered:
		t.Fatalf("answered before there was an update: %+v", r)
	case <-time.After(50 * time.Millisecond):
	}
	jane.Send("hello")
	require.Contains(t, string((<-answered).Result), `"hello"`)
}

func TestASecondGetUpdatesEndsTheFirst(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	next := ids(updates(t, srv, nil))[0] + 1
	first := make(chan reply, 1)
	go func() {
		r, _ := try(t.Context(), srv, "getUpdates", args{"offset": next, "timeout": 50})
		first <- r
	}()
	require.Eventually(t, srv.Polling, 10*time.Second, time.Millisecond)
	second := make(chan reply, 1)
	go func() {
		r, _ := try(t.Context(), srv, "getUpdates", args{"offset": next, "timeout": 50})
		second <- r
	}()
	told := <-first
	require.Equal(t, http.StatusConflict, told.Status)
	require.Equal(t, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running", told.Description)
	jane.Send("hello")
	require.Contains(t, string((<-second).Result), `"hello"`)
}

func TestAllowedUpdatesApplyFromThenOn(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	require.Len(t, updates(t, srv, args{"allowed_updates": []string{"callback_query"}}), 1, "older updates stay")
	jane.Send("unseen")
	require.Len(t, updates(t, srv, nil), 1, "a call without the parameter keeps the setting")
	updates(t, srv, args{"allowed_updates": []string{}})
	jane.Send("seen")
	require.Len(t, updates(t, srv, nil), 2)
}

func TestPersonsEditsReachTheBot(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	m := jane.Send("teh plan")
	require.NoError(t, jane.Edit(m.ID, "the plan"))
	us := updates(t, srv, nil)
	require.Equal(t, "the plan", us[2]["edited_message"].(map[string]any)["text"])
	require.ErrorIs(t, jane.Edit(99, "x"), telegramtest.ErrNoMessage)
}

func TestAPressIsAnsweredOnceAndInTime(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	srv, jane := chatting(t, telegramtest.WithClock(func() time.Time { return clock }))
	m := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "Call Jane", "reply_markup": args{
		"inline_keyboard": [][]args{{{"text": "✅ Done", "callback_data": "done:5"}, {"text": "Open", "url": "https://a.example"}}},
	}}).message(t)

	_, err := jane.Press(m.ID, "skip")
	require.ErrorIs(t, err, telegramtest.ErrNoButton)
	_, err = jane.Press(m.ID, "open")
	require.ErrorIs(t, err, telegramtest.ErrNoButton, "a link is not for the bot")
	_, err = jane.Press(99, "done")
	require.ErrorIs(t, err, telegramtest.ErrNoMessage)

	press, err := jane.Press(m.ID, "DONE")
	require.NoError(t, err)
	query := updates(t, srv, nil)[1]["callback_query"].(map[string]any)
	require.Equal(t, press, query["id"])
	require.Equal(t, "done:5", query["data"])
	require.Equal(t, 7.0, query["from"].(map[string]any)["id"])
	require.Equal(t, float64(m.ID), query["message"].(map[string]any)["message_id"])
	require.Contains(t, jane.Pending(), press)

	tooLong := make([]rune, 201)
	for i := range tooLong {
		tooLong[i] = 'x'
	}
	require.Equal(t, "Bad Request: MESSAGE_TOO_LONG", call(t, srv, "answerCallbackQuery", args{"callback_query_id": press, "text": string(tooLong)}).Description)
	require.True(t, call(t, srv, "answerCallbackQuery", args{"callback_query_id": press, "text": "Well done", "show_alert": true}).OK)
	answer, err := jane.Answer(t.Context(), press)
	require.NoError(t, err)
	require.Equal(t, telegramtest.Answer{Text: "Well done", Alert: true}, answer)
	require.Empty(t, jane.Pending())

	const tooOld = "Bad Request: query is too old and response timeout expired or query ID is invalid"
	require.Equal(t, tooOld, call(t, srv, "answerCallbackQuery", args{"callback_query_id": press}).Description, "answered already")
	require.Equal(t, tooOld, call(t, srv, "answerCallbackQuery", args{"callback_query_id": "99"}).Description, "never asked")
	late, err := jane.PressData(m.ID, "anything\x00")
	require.NoError(t, err)
	clock = clock.Add(time.Minute)
	require.Equal(t, tooOld, call(t, srv, "answerCallbackQuery", args{"callback_query_id": late}).Description, "too late")
}

func TestWebhookGetsUpdatesInOrderWithItsSecret(t *testing.T) {
	t.Parallel()
	type hit struct {
		secret string
		update map[string]any
	}
	hits := make(chan hit, 10)
	fail := make(chan struct{}, 1)
	fail <- struct{}{}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-fail:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		default:
		}
		body, _ := io.ReadAll(r.Body)
		var u map[string]any
		_ = json.Unmarshal(body, &u)
		hits <- hit{r.Header.Get("X-Telegram-Bot-Api-Secret-Token"), u}
	}))
	t.Cleanup(hook.Close)
	srv, jane := chatting(t)

	polling := make(chan reply, 1)
	go func() {
		r, _ := try(t.Context(), srv, "getUpdates", args{"offset": 100, "timeout": 50})
		polling <- r
	}()
	require.Eventually(t, srv.Polling, 10*time.Second, time.Millisecond)
	r := call(t, srv, "setWebhook", args{"url": hook.URL, "secret_token": "s3cret"})
	require.Equal(t, "Webhook was set", r.Description)
	require.Equal(t, "Webhook is already set", call(t, srv, "setWebhook", args{"url": hook.URL, "secret_token": "s3cret"}).Description)
	require.Equal(t, "Conflict: terminated by setWebhook request", (<-polling).Description)
	require.Equal(t, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first", call(t, srv, "getUpdates", nil).Description)

	jane.Send("one")
	jane.Send("two")
	for _, want := range []string{"one", "two"} {
		got := <-hits
		require.Equal(t, "s3cret", got.secret)
		require.Equal(t, want, got.update["message"].(map[string]any)["text"])
	}
	require.Eventually(t, func() bool {
		return strings.Contains(string(call(t, srv, "getWebhookInfo", nil).Result), `"pending_update_count":0`)
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, "Webhook was deleted", call(t, srv, "deleteWebhook", nil).Description)
	require.Equal(t, "Webhook is already deleted", call(t, srv, "deleteWebhook", nil).Description)
	require.JSONEq(t, `{"url":"","has_custom_certificate":false,"pending_update_count":0}`, string(call(t, srv, "getWebhookInfo", nil).Result))

	for _, bad := range []args{{"url": "nonsense"}, {"url": "https://a.example", "secret_token": "a b"}} {
		require.Equal(t, http.StatusBadRequest, call(t, srv, "setWebhook", bad).Status)
	}
}

func TestUpdatesOfAnyKind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "chat")
	srv := telegramtest.Start(t, telegramtest.WithJournal(path))
	ann := srv.User(telegramtest.Person{ID: 7, FirstName: "Ann"})
	ann.SendContact(telegramtest.Contact{PhoneNumber: "+49 123", FirstName: "Max"})
	id, err := srv.Update("poll", map[string]any{"id": "5", "question": "Tea?"})
	require.NoError(t, err)
	require.EqualValues(t, 2, id)
	_, err = srv.Update("message", map[string]any{"message_id": 9, "sticker": map[string]any{"file_id": "x"}})
	require.NoError(t, err)
	_, err = srv.Update("message", func() {})
	require.Error(t, err)
	require.NoError(t, srv.Close())

	again := telegramtest.Start(t, telegramtest.WithJournal(path))
	result := string(call(t, again, "getUpdates", args{"allowed_updates": []string{"message"}}).Result)
	require.Contains(t, result, `"contact":{"phone_number":"+49 123","first_name":"Max"}`)
	require.Contains(t, result, `{"poll":{"id":"5","question":"Tea?"},"update_id":2}`)
	id, err = again.Update("poll", 1)
	require.NoError(t, err)
	require.Zero(t, id, "the bot has not asked for polls")
}

func TestAConditionMayUseTheServer(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t)
	ann := srv.User(telegramtest.Person{ID: 7, FirstName: "Ann"})
	ann.Send("hello")
	_, err := ann.Wait(t.Context(), func(m telegramtest.Message) bool {
		_, found := srv.File("none")
		return !found && len(ann.Messages()) == 1
	})
	require.NoError(t, err)
}
