package telegramtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// reply is what the API answered.
type reply struct {
	Status      int
	OK          bool            `json:"ok"`
	Result      json.RawMessage `json:"result"`
	ErrorCode   int             `json:"error_code"`
	Description string          `json:"description"`
	Parameters  *struct {
		RetryAfter int `json:"retry_after"`
	} `json:"parameters"`
	Header http.Header `json:"-"`
}

// message decodes the result of a method that returns one.
func (r reply) message(t *testing.T) telegramtest.Message {
	t.Helper()
	require.True(t, r.OK, r.Description)
	var m telegramtest.Message
	require.NoError(t, json.Unmarshal(r.Result, &m))
	return m
}

// args are the parameters of a call.
type args map[string]any

// httpClient keeps no idle connections, so that tests leave no goroutines.
var httpClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// try calls a method as JSON; the error is that of the transport.
func try(ctx context.Context, srv *telegramtest.Server, method string, a args) (reply, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return reply{}, err
	}
	return post(ctx, srv.URL+"/bot"+srv.Token()+"/"+method, "application/json", bytes.NewReader(body))
}

func post(ctx context.Context, url, contentType string, body io.Reader) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := httpClient.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return reply{}, err
	}
	r := reply{Status: resp.StatusCode, Header: resp.Header}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		err = json.Unmarshal(raw, &r)
	}
	return r, err
}

// call is try for calls that must be answered.
func call(t *testing.T, srv *telegramtest.Server, method string, a args) reply {
	t.Helper()
	r, err := try(t.Context(), srv, method, a)
	require.NoError(t, err)
	return r
}

// chatting starts a server and a person who has written to the bot.
func chatting(t *testing.T, opts ...telegramtest.Option) (*telegramtest.Server, *telegramtest.User) {
	t.Helper()
	srv := telegramtest.Start(t, opts...)
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane", Username: "jane"})
	jane.Send("/start")
	return srv, jane
}

// updates fetches what waits for the bot without waiting for more.
func updates(t *testing.T, srv *telegramtest.Server, a args) []map[string]any {
	t.Helper()
	r := call(t, srv, "getUpdates", a)
	require.True(t, r.OK, r.Description)
	var us []map[string]any
	require.NoError(t, json.Unmarshal(r.Result, &us))
	return us
}
