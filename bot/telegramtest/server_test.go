package telegramtest_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

func TestOnlyTheRightTokenAndMethodsAreServed(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken("42:right"), telegramtest.WithBot("Remy", "@remy_bot"))
	for path, want := range map[string]int{
		"/bot42:right/getMe":  200,
		"/bot42:right/GETME":  200,
		"/bot42:wrong/getMe":  401,
		"/bot42:right/dance":  404,
		"/botnonsense/getMe":  404,
		"/bot42:right":        404,
		"/":                   404,
		"/bot42:wrong/dance":  401,
		"/bot42:right/getMe/": 404,
	} {
		r, err := post(t.Context(), srv.URL+path, "application/json", strings.NewReader("null"))
		require.NoError(t, err)
		require.Equal(t, want, r.Status, path)
		require.NotContains(t, r.Description, "42:", path)
		if want != 200 {
			require.Equal(t, want, r.ErrorCode, path)
		}
	}
	me := call(t, srv, "getMe", nil)
	require.JSONEq(t, `{"id":42,"is_bot":true,"first_name":"Remy","username":"remy_bot","can_join_groups":true,"can_read_all_group_messages":false,"supports_inline_queries":false}`, string(me.Result))
}

func TestBrokenBodiesAreRefused(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	endpoint := srv.URL + "/bot" + srv.Token() + "/sendMessage"
	for kind, body := range map[string]string{
		"application/json":                  `{"chat_id":7,`,
		"application/x-www-form-urlencoded": "chat_id=7&text=%ff",
		"multipart/form-data; boundary=x":   "--x\r\nnonsense",
	} {
		r, err := post(t.Context(), endpoint, kind, strings.NewReader(body))
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, r.Status, kind)
	}
	require.Len(t, jane.Messages(), 1)
}

func TestCommandsMenu(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t)
	menu := []args{{"command": "start", "description": "Begin"}, {"command": "help", "description": "What I can do"}}
	require.True(t, call(t, srv, "setMyCommands", args{"commands": menu}).OK)
	require.Equal(t, []telegramtest.Command{{Command: "start", Description: "Begin"}, {Command: "help", Description: "What I can do"}}, srv.Commands())
	require.JSONEq(t, `[{"command":"start","description":"Begin"},{"command":"help","description":"What I can do"}]`, string(call(t, srv, "getMyCommands", nil).Result))
	require.Equal(t, "Bad Request: BOT_COMMAND_INVALID", call(t, srv, "setMyCommands", args{"commands": []args{{"command": "New-Lead", "description": "x"}}}).Description)
	require.Equal(t, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID", call(t, srv, "setMyCommands", args{"commands": []args{{"command": "x", "description": ""}}}).Description)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	hello := args{"chat_id": 7, "text": "hello"}
	tests := map[string]struct {
		fault     telegramtest.Fault
		status    int // 0: no answer at all
		delivered bool
	}{
		"status":                {telegramtest.Fault{Status: 500}, 500, false},
		"rate limit":            {telegramtest.Fault{RetryAfter: 2 * time.Second}, 429, false},
		"proxy page":            {telegramtest.Fault{HTML: true}, 502, false},
		"cut before":            {telegramtest.Fault{Reset: true}, 0, false},
		"cut after":             {telegramtest.Fault{Drop: true}, 0, true},
		"cut within":            {telegramtest.Fault{Truncate: true}, 0, true},
		"failure after":         {telegramtest.Fault{Status: 504, Deliver: true}, 504, true},
		"delay":                 {telegramtest.Fault{Delay: time.Millisecond}, 200, true},
		"another method":        {telegramtest.Fault{Method: "editMessageText", Status: 500}, 200, true},
		"another chat":          {telegramtest.Fault{ChatID: 8, Status: 500}, 200, true},
		"later":                 {telegramtest.Fault{Skip: 1, Status: 500}, 200, true},
		"this method, any case": {telegramtest.Fault{Method: "SENDMESSAGE", ChatID: 7, Status: 500}, 500, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, jane := chatting(t)
			tt.fault.Times = 1
			srv.Fault(tt.fault)
			r, err := try(t.Context(), srv, "sendMessage", hello)
			if tt.status == 0 {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, tt.status, r.Status)
			_, delivered := jane.Last()
			require.Equal(t, tt.delivered, delivered)
			if tt.fault.RetryAfter > 0 {
				require.Equal(t, 2, r.Parameters.RetryAfter)
				require.Equal(t, "2", r.Header.Get("Retry-After"))
				require.Equal(t, "Too Many Requests: retry after 2", r.Description)
			}
		})
	}
}

func TestTheCallLogHoldsTheLatest(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithCallLog(10))
	for n := range 35 {
		call(t, srv, "getMe", args{"n": n})
	}
	calls := srv.Calls()
	require.LessOrEqual(t, len(calls), 10)
	require.GreaterOrEqual(t, len(calls), 5)
	require.Equal(t, "34", calls[len(calls)-1].Params["n"])
	_, err := telegramtest.New(telegramtest.WithCallLog(0))
	require.ErrorContains(t, err, "room for one call")
}

func TestAFaultEndsWithItsTimesOrWhenLifted(t *testing.T) {
	t.Parallel()
	srv, _ := chatting(t)
	status := func() int { return call(t, srv, "sendMessage", args{"chat_id": 7, "text": "hello"}).Status }
	srv.Fault(telegramtest.Fault{Status: 500, Times: 2})
	require.Equal(t, []int{500, 500, 200}, []int{status(), status(), status()})
	lift := srv.Fault(telegramtest.Fault{Status: 503})
	require.Equal(t, []int{503, 503}, []int{status(), status()})
	lift()
	require.Equal(t, 200, status())
}

func TestStrictLimitsRefuseAFlood(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t, telegramtest.WithStrictLimits())
	var refused reply
	for range 5 {
		if r := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "hello"}); !r.OK {
			refused = r
		}
	}
	require.Equal(t, http.StatusTooManyRequests, refused.Status)
	require.Equal(t, 1, refused.Parameters.RetryAfter)
	require.Equal(t, "Too Many Requests: retry after 1", refused.Description)
	require.Less(t, len(jane.Messages()), 6)
}

func TestTheJournalSurvivesACrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "chat.journal")
	srv, jane := chatting(t, telegramtest.WithJournal(path))
	sent := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "<b>Call</b>", "parse_mode": "HTML", "reply_markup": args{
		"inline_keyboard": [][]args{{{"text": "Done", "callback_data": "d"}}},
	}}).message(t)
	first := ids(updates(t, srv, nil))[0]
	press, err := jane.Press(sent.ID, "done")
	require.NoError(t, err)
	updates(t, srv, args{"offset": first + 1})
	call(t, srv, "setMyCommands", args{"commands": []args{{"command": "start", "description": "Begin"}}})
	gone := call(t, srv, "sendMessage", args{"chat_id": 7, "text": "gone"}).message(t)
	call(t, srv, "deleteMessage", args{"chat_id": 7, "message_id": gone.ID})
	before := jane.Messages()

	// The crash: the file as it is, with half a line at its end.
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	crashed := filepath.Join(t.TempDir(), "chat.journal")
	require.NoError(t, os.WriteFile(crashed, append(bytes.Clone(data), `[{"message":{"message_id`...), 0o600))

	again := telegramtest.Start(t, telegramtest.WithJournal(crashed))
	jane = again.User(telegramtest.Person{ID: 7, FirstName: "Jane", Username: "jane"})
	require.Equal(t, before, jane.Messages())
	require.Equal(t, []telegramtest.Command{{Command: "start", Description: "Begin"}}, again.Commands())
	waiting := updates(t, again, nil)
	require.Len(t, waiting, 1, "what was confirmed is not delivered again")
	require.Contains(t, waiting[0], "callback_query")
	require.True(t, call(t, again, "answerCallbackQuery", args{"callback_query_id": press}).OK)
	next := call(t, again, "sendMessage", args{"chat_id": 7, "text": "next"}).message(t)
	require.Equal(t, gone.ID+1, next.ID, "ids are not used twice")

	// And once more, now that the torn line has been written over.
	require.NoError(t, again.Close())
	third := telegramtest.Start(t, telegramtest.WithJournal(crashed))
	require.Len(t, third.User(telegramtest.Person{ID: 7, FirstName: "Jane", Username: "jane"}).Messages(), len(before)+1)
}

func TestAnyCutOfTheJournalStarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "chat.journal")
	srv, jane := chatting(t, telegramtest.WithJournal(path))
	call(t, srv, "sendMessage", args{"chat_id": 7, "text": "hello"})
	want := jane.Messages()
	require.NoError(t, srv.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)

	cut := filepath.Join(t.TempDir(), "cut.journal")
	for n := range len(data) + 1 {
		require.NoError(t, os.WriteFile(cut, data[:n], 0o600))
		again, err := telegramtest.New(telegramtest.WithJournal(cut))
		require.NoError(t, err, n)
		got := again.User(telegramtest.Person{ID: 7, FirstName: "Jane", Username: "jane"}).Messages()
		require.Equal(t, want[:len(got)], got, n)
		require.NoError(t, again.Close())
	}
}

func TestForeignAndDamagedJournalsAreLeftAlone(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"foreign": "dear diary",
		"damaged": `{"journal":"telegramtest","version":1}` + "\nnonsense\n",
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := telegramtest.New(telegramtest.WithJournal(path))
		require.Error(t, err)
		if name == "foreign" {
			require.ErrorIs(t, err, telegramtest.ErrForeignFile)
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(data))
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]telegramtest.Option{
		"token":    telegramtest.WithToken("s3cret-nonsense"),
		"bot":      telegramtest.WithBot("", ""),
		"clock":    telegramtest.WithClock(nil),
		"journal":  telegramtest.WithJournal(""),
		"callback": telegramtest.WithCallbackLife(0),
	} {
		_, err := telegramtest.New(opt)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "s3cret", "no token in an error")
	}
}

func TestWaitTellsWhatTheChatHas(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	call(t, srv, "sendMessage", args{"chat_id": 7, "text": "Welcome"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := jane.Wait(ctx, telegramtest.Contains("Goodbye"))
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "Welcome")
}

func TestSubscribersHearOfChanges(t *testing.T) {
	t.Parallel()
	srv, jane := chatting(t)
	changes, stop := srv.Subscribe()
	jane.Send("one")
	jane.Send("two")
	<-changes
	select {
	case <-changes:
		t.Fatal("tokens pile up")
	default:
	}
	stop()
	jane.Send("three")
	require.Empty(t, changes)
}
