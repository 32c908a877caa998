package telegramtest_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

func TestSendMessageRefusesWhatTelegramRefuses(t *testing.T) {
	t.Parallel()
	keyboard := func(button args) args { return args{"inline_keyboard": [][]args{{button}}} }

	tests := map[string]struct {
		args args
		want string
	}{
		"no text":               {args{"chat_id": 7}, "Bad Request: message text is empty"},
		"only spaces":           {args{"chat_id": 7, "text": " \n\t "}, "Bad Request: text must be non-empty"},
		"only markup":           {args{"chat_id": 7, "text": "<b></b>", "parse_mode": "HTML"}, "Bad Request: text must be non-empty"},
		"4097 letters":          {args{"chat_id": 7, "text": strings.Repeat("x", 4097)}, "Bad Request: message is too long"},
		"2049 emoji":            {args{"chat_id": 7, "text": strings.Repeat("😀", 2049)}, "Bad Request: message is too long"},
		"no chat":               {args{"text": "hi"}, "Bad Request: chat_id is empty"},
		"unknown chat":          {args{"chat_id": 8, "text": "hi"}, "Bad Request: chat not found"},
		"a name as chat":        {args{"chat_id": "@nobody", "text": "hi"}, "Bad Request: chat not found"},
		"unknown parse mode":    {args{"chat_id": 7, "text": "hi", "parse_mode": "RTF"}, "Bad Request: unsupported parse_mode"},
		"unclosed tag":          {args{"chat_id": 7, "text": "<b>hi", "parse_mode": "HTML"}, `Bad Request: can't parse entities: Can't find end tag corresponding to start tag "b"`},
		"odd underscore":        {args{"chat_id": 7, "text": "jane_doe", "parse_mode": "Markdown"}, "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 4"},
		"bare dot":              {args{"chat_id": 7, "text": "hi.", "parse_mode": "MarkdownV2"}, `Bad Request: can't parse entities: Character '.' is reserved and must be escaped with the preceding '\'`},
		"entity past the end":   {args{"chat_id": 7, "text": "hi", "entities": []args{{"type": "bold", "offset": 0, "length": 3}}}, "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 3"},
		"unknown entity":        {args{"chat_id": 7, "text": "hi", "entities": []args{{"type": "loud", "offset": 0, "length": 2}}}, "Bad Request: can't parse MessageEntity: Unsupported type specified"},
		"markup not an object":  {args{"chat_id": 7, "text": "hi", "reply_markup": []int{1}}, "Bad Request: object expected as reply markup"},
		"markup not JSON":       {args{"chat_id": 7, "text": "hi", "reply_markup": "{"}, "Bad Request: can't parse reply keyboard markup JSON object"},
		"65 bytes of data":      {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "x", "callback_data": strings.Repeat("x", 65)})}, "Bad Request: BUTTON_DATA_INVALID"},
		"33 two-byte letters":   {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "x", "callback_data": strings.Repeat("é", 33)})}, "Bad Request: BUTTON_DATA_INVALID"},
		"button without action": {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "x"})}, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"},
		"button without text":   {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"callback_data": "x"})}, `Bad Request: can't parse inline keyboard button: Can't find field "text"`},
		"button with no label":  {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "", "callback_data": "x"})}, "Bad Request: inline keyboard button text must be non-empty"},
		"button to a word":      {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "x", "url": "not-a-url"})}, "Bad Request: inline keyboard button URL 'not-a-url' is invalid: Wrong HTTP URL"},
		"button to ftp":         {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "x", "url": "ftp://example.com"})}, "Bad Request: inline keyboard button URL 'ftp://example.com' is invalid: Unsupported URL protocol"},
		"copy text as a string": {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "x", "copy_text": "y"})}, `Bad Request: can't parse inline keyboard button: Field "copy_text" must be of type Object`},
		"copy text too long":    {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "x", "copy_text": args{"text": strings.Repeat("x", 257)}})}, "Bad Request: BUTTON_COPY_TEXT_INVALID"},
		"web app over http":     {args{"chat_id": 7, "text": "hi", "reply_markup": keyboard(args{"text": "x", "web_app": args{"url": "http://a.example"}})}, "Bad Request: inline keyboard button Web App URL 'http://a.example' is invalid: Only HTTPS links are allowed"},
		"reply to nothing":      {args{"chat_id": 7, "text": "hi", "reply_parameters": args{"message_id": 99}}, "Bad Request: message to be replied not found"},
	}
	srv, jane := chatting(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := call(t, srv, "sendMessage", tt.args)
			require.Equal(t, tt.want, r.Description)
			require.Equal(t, http.StatusBadRequest, r.Status)
			require.Equal(t, http.StatusBadRequest, r.ErrorCode)
			require.False(t, r.OK)
		})
	}
	t.Cleanup(func() { require.Len(t, jane.Messages(), 1, "a refused message is not delivered") })
}

func TestSendMessageTakesUpToTheLimits(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)

	texts := []string{strings.Repeat("x", 4096), strings.Repeat("😀", 2048)}
	for _, text := range texts {
		require.Equal(t, text, call(t, srv, "sendMessage", args{"chat_id": "7", "text": text}).message(t).Text)
	}
	m := call(t, srv, "sendMessage", args{
		"chat_id": 7, "text": "<b>" + strings.Repeat("x", 4096) + "</b>", "parse_mode": "html",
		"reply_markup": args{"inline_keyboard": [][]args{{
			{"text": "Done", "callback_data": strings.Repeat("x", 64)},
			{"text": "Copy", "copy_text": args{"text": strings.Repeat("x", 256)}},
			{"text": "Open", "url": "example.com/a b"},
		}}},
	})
	require.Equal(t, "Bad Request: inline keyboard button URL 'example.com/a b' is invalid: Wrong HTTP URL", m.Description)
	require.Len(t, jane.Messages(), 3)
}

func TestABodyOfAnyKindCarriesTheSameMessage(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	endpoint := srv.URL + "/bot" + srv.Token() + "/sendMessage"
	markup := `{"inline_keyboard":[[{"text":"Done","callback_data":"d"}]]}`
	form := url.Values{"chat_id": {"7"}, "text": {"hello"}, "reply_markup": {markup}}
	var multi bytes.Buffer
	parts := multipart.NewWriter(&multi)
	for k, v := range form {
		require.NoError(t, parts.WriteField(k, v[0]))
	}
	require.NoError(t, parts.Close())
	asStrings, err := json.Marshal(map[string]string{"chat_id": "7", "text": "hello", "reply_markup": markup})
	require.NoError(t, err)

	for kind, send := range map[string]func() (reply, error){
		"JSON": func() (reply, error) {
			return try(t.Context(), srv, "sendMessage", args{"chat_id": 7, "text": "hello", "reply_markup": json.RawMessage(markup)})
		},
		"JSON strings": func() (reply, error) {
			return post(t.Context(), endpoint, "application/json", bytes.NewReader(asStrings))
		},
		"form": func() (reply, error) {
			return post(t.Context(), endpoint, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
		},
		"multipart": func() (reply, error) { return post(t.Context(), endpoint, parts.FormDataContentType(), &multi) },
		"query":     func() (reply, error) { return post(t.Context(), endpoint+"?"+form.Encode(), "", nil) },
	} {
		r, err := send()
		require.NoError(t, err, kind)
		m := r.message(t)
		require.Equal(t, "hello", m.Text, kind)
		require.Equal(t, []string{"Done"}, m.Labels(), kind)
	}
	require.Len(t, jane.Messages(), 6)
}

func TestAnEditShowsInTheChat(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	srv, jane := chatting(t, telegramtest.WithClock(func() time.Time { return now }))
	done := args{"inline_keyboard": [][]args{{{"text": "✅ Done", "callback_data": "done"}}}}
	sent := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "Call Jane", "reply_markup": done}).message(t)

	same := call(t, srv, "editMessageText", args{"chat_id": 7, "message_id": sent.ID, "text": "Call Jane", "reply_markup": done})
	require.Equal(t, "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message", same.Description)

	edited := call(t, srv, "editMessageText", args{"chat_id": 7, "message_id": sent.ID, "text": "<s>Call Jane</s>", "parse_mode": "HTML"}).message(t)
	require.Equal(t, "Call Jane", edited.Text)
	require.Equal(t, now.Unix(), edited.EditDate)
	shown, ok := jane.Last()
	require.True(t, ok)
	require.Equal(t, edited, shown)
	require.Empty(t, shown.Labels(), "an edit without a keyboard takes it away")

	again := call(t, srv, "editMessageReplyMarkup", args{"chat_id": 7, "message_id": sent.ID, "reply_markup": done}).message(t)
	require.Equal(t, []string{"✅ Done"}, again.Labels())
	require.Equal(t, edited.Entities, again.Entities)
}

func TestChangesToMessagesThatCannotBe(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	clock := now
	srv, jane := chatting(t, telegramtest.WithClock(func() time.Time { return clock }))
	theirs := jane.Messages()[0]
	old := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "old"}).message(t)
	clock = now.Add(49 * time.Hour)

	for _, tt := range []struct {
		method string
		args   args
		want   string
	}{
		{"editMessageText", args{"chat_id": 7, "message_id": 99, "text": "x"}, "Bad Request: message to edit not found"},
		{"editMessageText", args{"chat_id": 7, "text": "x"}, "Bad Request: message identifier is not specified"},
		{"editMessageText", args{"chat_id": 7, "message_id": theirs.ID, "text": "x"}, "Bad Request: message can't be edited"},
		{"editMessageText", args{"chat_id": 7, "message_id": old.ID}, "Bad Request: message text is empty"},
		{"editMessageReplyMarkup", args{"chat_id": 7, "message_id": 99}, "Bad Request: message to edit not found"},
		{"deleteMessage", args{"chat_id": 7, "message_id": 99}, "Bad Request: message to delete not found"},
		{"deleteMessage", args{"chat_id": 7, "message_id": old.ID}, "Bad Request: message can't be deleted for everyone"},
	} {
		require.Equal(t, tt.want, call(t, srv, tt.method, tt.args).Description, tt.method)
	}
	require.Len(t, jane.Messages(), 2)
}

func TestDeletedMessagesLeaveTheChat(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	m := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "oops"}).message(t)
	require.True(t, call(t, srv, "deleteMessage", args{"chat_id": 7, "message_id": m.ID}).OK)
	require.Len(t, jane.Messages(), 1)
}

func TestWhoTheBotMayWriteTo(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	srv.User(telegramtest.Person{ID: 8, FirstName: "Stranger"})
	write := func(id int64) string {
		return call(t, srv, "sendMessage", args{"chat_id": id, "text": "hi"}).Description
	}

	require.Equal(t, "Forbidden: bot can't initiate conversation with a user", write(8))
	jane.Block()
	require.Equal(t, "Forbidden: bot was blocked by the user", write(7))
	jane.Unblock()
	require.Empty(t, write(7))
	jane.Block()
	jane.Send("/start")
	require.Empty(t, write(7), "writing to a blocked bot unblocks it")
	jane.Deactivate()
	r := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "hi"})
	require.Equal(t, "Forbidden: user is deactivated", r.Description)
	require.Equal(t, http.StatusForbidden, r.Status)

	var statuses []string
	for _, u := range updates(t, srv, nil) {
		if change, ok := u["my_chat_member"].(map[string]any); ok {
			statuses = append(statuses, change["new_chat_member"].(map[string]any)["status"].(string))
		}
	}
	require.Equal(t, []string{"kicked", "member", "kicked", "member"}, statuses)
}

func TestDocumentsArriveWithTheirBytes(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	require.NoError(t, parts.WriteField("chat_id", "7"))
	require.NoError(t, parts.WriteField("caption", "Your calendar"))
	file, err := parts.CreateFormFile("document", "plan.ics")
	require.NoError(t, err)
	_, err = file.Write([]byte("BEGIN:VCALENDAR"))
	require.NoError(t, err)
	require.NoError(t, parts.Close())

	r, err := post(t.Context(), srv.URL+"/bot"+srv.Token()+"/sendDocument", parts.FormDataContentType(), &body)
	require.NoError(t, err)
	m := r.message(t)
	require.Equal(t, "plan.ics", m.Document.Name)
	require.Equal(t, "Your calendar", m.Body())
	data, ok := srv.File(m.Document.FileID)
	require.True(t, ok)
	require.Equal(t, "BEGIN:VCALENDAR", string(data))
	last, _ := jane.Last()
	require.Equal(t, m, last)

	require.Equal(t, "Bad Request: there is no document in the request", call(t, srv, "sendDocument", args{"chat_id": 7}).Description)
}

func TestTypingShowsUntilTheMessageComes(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	require.Equal(t, "Bad Request: wrong parameter action in request", call(t, srv, "sendChatAction", args{"chat_id": 7, "action": "dancing"}).Description)
	require.True(t, call(t, srv, "sendChatAction", args{"chat_id": 7, "action": "typing"}).OK)
	action, until := jane.Typing()
	require.Equal(t, "typing", action)
	require.WithinDuration(t, time.Now().Add(5*time.Second), until, 5*time.Second)
	call(t, srv, "sendMessage", args{"chat_id": 7, "text": "there"})
	action, _ = jane.Typing()
	require.Empty(t, action)
}

func TestReplyKeyboards(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	call(t, srv, "sendMessage", args{"chat_id": 7, "text": "Where are you?", "reply_markup": args{
		"keyboard": [][]any{{args{"text": "Share location", "request_location": true}}, {"Skip"}},
	}})
	require.Equal(t, [][]telegramtest.ReplyButton{{{Text: "Share location", RequestLocation: true}}, {{Text: "Skip"}}}, jane.Keyboard().Rows)

	jane.SendLocation(52.5, 13.4)
	us := updates(t, srv, nil)
	require.Equal(t, map[string]any{"latitude": 52.5, "longitude": 13.4}, us[1]["message"].(map[string]any)["location"])

	call(t, srv, "sendMessage", args{"chat_id": 7, "text": "Thanks", "reply_markup": args{"remove_keyboard": true}})
	require.Nil(t, jane.Keyboard())
}
