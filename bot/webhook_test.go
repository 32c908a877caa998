package bot_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// doorway is what ends TLS in front of a service: Telegram posts to it.
type doorway struct {
	*httptest.Server
	to atomic.Pointer[url.URL] // nil: nobody is there
	// secret is the header of the last request.
	secret atomic.Pointer[string]
}

func newDoorway(t *testing.T) *doorway {
	d := &doorway{}
	transport := &http.Transport{DisableKeepAlives: true}
	proxy := &httputil.ReverseProxy{
		Transport:    transport,
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(d.to.Load()) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secret := r.Header.Get("X-Telegram-Bot-Api-Secret-Token")
		d.secret.Store(&secret)
		if d.to.Load() == nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

// leadTo opens the door to a service.
func (d *doorway) leadTo(w *world) {
	d.to.Store(&url.URL{Scheme: "http", Host: w.service.Addr().String()})
}

func TestUpdatesByWebhook(t *testing.T) {
	t.Parallel()
	door := newDoorway(t)
	w := prepare(t, "embedded")
	w.options = []bot.Option{bot.WithChatRate(1000)}
	settings := []string{"SEND_RATE=1000", "WEBHOOK_URL=" + door.URL}
	w.start(settings...)
	door.leadTo(w)
	w.waitForCalls("setWebhook", 1)
	require.Equal(t, door.URL+"/telegram", w.telegram.Calls("setWebhook")[0].Params["url"], "a bare host gets a path")
	ann := w.person(7, "Ann")
	ann.converses(withReminder)
	ann.converses([]line{
		{passes: day, sees: []string{"Time for the next step", "Call her"}},
		{presses: "Done", sees: []string{"✅ Done"}, buttons: []string{"Undo"}},
	})
	require.Empty(t, w.telegram.Calls("getUpdates"), "nobody polls")
	status, _ := w.get("/readyz")
	require.Equal(t, http.StatusOK, status)

	secret := *door.secret.Load()
	require.Len(t, secret, 64)
	require.NotContains(t, secret, "TELEGRAM-SECRET")

	post := func(secret, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.service.Addr().String()+"/telegram", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
		r.Close = true
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp.StatusCode
	}
	forged := `{"update_id":4711,"message":{"message_id":1,"date":1,"from":{"id":7,"first_name":"Ann"},"chat":{"id":7,"type":"private"},"text":"/leads"}}`
	ann.look()
	require.Equal(t, http.StatusUnauthorized, post("", forged))
	require.Equal(t, http.StatusUnauthorized, post(secret[:63]+"x", forged))
	require.Equal(t, http.StatusOK, post(secret, "{}"), "what is no update is not wanted again")
	require.Equal(t, http.StatusOK, post(secret, "no JSON"))
	require.Equal(t, http.StatusOK, post(secret, `{"update_id":4710,"x":"`+strings.Repeat("x", 5<<20)+`"}`), "nor is what is far too large")
	sent := len(w.telegram.Calls("sendMessage"))
	require.Equal(t, http.StatusOK, post(secret, forged))
	ann.sees("Your leads")
	require.Equal(t, http.StatusOK, post(secret, forged), "posted again, its answer being lost")
	require.Len(t, w.telegram.Calls("sendMessage"), sent+1, "and handled once")

	// What is sent while nobody is there waits, and the way back to polling is
	// to leave the setting out.
	door.to.Store(nil)
	w.stop()
	ann.look()
	ann.Send("/leads")
	w.start(append(settings, "WEBHOOK_URL=")...)
	ann.sees("Your leads (1)")
	require.Len(t, w.telegram.Calls("deleteWebhook"), 1)
	require.NotEmpty(t, w.telegram.Calls("getUpdates"))
}

func TestAWebhookThroughTelegramsTroubles(t *testing.T) {
	t.Parallel()
	door := newDoorway(t)
	w := prepare(t, "embedded")
	w.options = []bot.Option{bot.WithChatRate(1000)}
	w.telegram.Fault(telegramtest.Fault{Method: "setWebhook", Status: 500, Times: 1})
	w.telegram.Fault(telegramtest.Fault{Method: "getWebhookInfo", HTML: true, Times: 2})
	w.start("SEND_RATE=1000", "WEBHOOK_URL="+door.URL+"/some/path")
	door.leadTo(w)
	ann := w.person(7, "Ann")
	ann.look()
	ann.Send("/start")
	ann.sees("Hello Ann")
	require.Eventually(t, func() bool { status, _ := w.get("/readyz"); return status == http.StatusOK }, patience, 10*time.Millisecond)
}
