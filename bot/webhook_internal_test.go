package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	tele "gopkg.in/telebot.v3"
)

// roundTripper is a function as a transport.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAWebhookIsSetWithinSecondsOfTelegramsReturn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config, err := LoadConfig([]string{"TELEGRAM_BOT_TOKEN=" + testToken, "WEBHOOK_URL=https://bot.example"}, "")
		require.NoError(t, err)
		const outage = time.Hour + 10*time.Second
		began, asked := time.Now(), 0
		var set time.Duration
		api := &telegram{base: "http://telegram.invalid", token: testToken, observe: func(string, string) {}, transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			asked++
			if time.Since(began) < outage {
				return nil, errors.New("network is unreachable")
			}
			body := `{"ok":true,"result":{"url":""}}`
			if strings.HasSuffix(r.URL.Path, "/setWebhook") {
				set, body = time.Since(began), `{"ok":true,"result":true}`
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})}
		var health pollHealth
		h := newWebhook(config, api, handledBy(ignored), &health, silence())
		ctx, cancel := context.WithTimeout(t.Context(), outage+30*time.Second)
		defer cancel()
		require.NoError(t, h.run(ctx))
		require.Less(t, set-outage, 10*time.Second)
		require.Positive(t, set)
		require.Less(t, asked, 3600/2)
	})
}

func TestAWebhooksUpdateThatIsCutOffIsPostedAgain(t *testing.T) {
	t.Parallel()
	config, err := LoadConfig([]string{"TELEGRAM_BOT_TOKEN=" + testToken, "WEBHOOK_URL=https://bot.example"}, "")
	require.NoError(t, err)
	began := make(chan struct{})
	h := newWebhook(config, nil, handledBy(func(ctx context.Context, _ tele.Update) { close(began); <-ctx.Done() }), nil, silence())
	posted := httptest.NewRequest(http.MethodPost, "/telegram", strings.NewReader(`{"update_id":1,"message":{"message_id":1,"chat":{"id":7}}}`))
	posted.Header.Set(secretHeader, h.secret.Reveal())
	answer := httptest.NewRecorder()
	done := make(chan struct{})
	go func() { h.ServeHTTP(answer, posted); close(done) }()
	<-began
	h.cancel() // it had all the time that a stop gives
	h.inbox.close()
	<-done
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
}

// Telegram tells of the last failure for ever.
func TestAWebhookThatFailedOnceIsInOrder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		pending int
		ago     time.Duration
		fails   bool
	}{
		"and delivers since":      {0, time.Minute, false},
		"long before what waits":  {1, 24 * time.Hour, false},
		"and updates wait for it": {1, 10 * time.Minute, true},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/getMe") {
				_, _ = io.WriteString(w, `{"ok":true,"result":{"id":1,"is_bot":true,"username":"some_bot"}}`)
				return
			}
			_, _ = fmt.Fprintf(w, `{"ok":true,"result":{"url":"https://bot.example/telegram","pending_update_count":%d,"last_error_date":%d,"last_error_message":"Connection refused"}}`,
				tt.pending, time.Now().Add(-tt.ago).Unix())
		}))
		t.Cleanup(srv.Close)
		config, err := LoadConfig([]string{"TELEGRAM_BOT_TOKEN=" + testToken, "WEBHOOK_URL=https://bot.example", "TELEGRAM_API_URL=" + srv.URL}, "")
		require.NoError(t, err)
		_, err = InspectTelegram(t.Context(), config)
		require.Equal(t, tt.fails, err != nil, "%s: %v", name, err)
	}
}
