package bot_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// phoneLine is a way to a server that can be cut, and mended.
type phoneLine struct {
	*testing.T
	addr, target string

	mu       sync.Mutex
	listener net.Listener
	silent   bool // connections are taken, and nothing comes of them
	open     map[net.Conn]struct{}
}

func newPhoneLine(t *testing.T, url string) *phoneLine {
	l := &phoneLine{T: t, addr: "127.0.0.1:0", target: strings.TrimPrefix(url, "http://"), open: map[net.Conn]struct{}{}}
	l.mend()
	t.Cleanup(l.cut)
	return l
}

// mend takes connections again, and passes on what comes over them.
func (l *phoneLine) mend() {
	l.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = false
	if l.listener != nil {
		return
	}
	var err error
	require.Eventually(l, func() bool {
		l.listener, err = net.Listen("tcp", l.addr)
		return err == nil
	}, patience, 10*time.Millisecond)
	l.addr = l.listener.Addr().String()
	go l.serve(l.listener)
}

func (l *phoneLine) serve(listener net.Listener) {
	for {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		l.open[near] = struct{}{}
		silent := l.silent
		l.mu.Unlock()
		if silent {
			continue
		}
		far, err := net.Dial("tcp", l.target)
		if err != nil {
			_ = near.Close()
			continue
		}
		go l.pass(far, near)
		go l.pass(near, far)
	}
}

func (l *phoneLine) pass(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		l.mu.Lock()
		silent := l.silent
		l.mu.Unlock()
		if silent {
			_, _ = io.Copy(io.Discard, from) // this connection is lost for good
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// cut closes everything: connections are refused.
func (l *phoneLine) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		_ = l.listener.Close()
		l.listener = nil
	}
	for conn := range l.open {
		_ = conn.Close()
		delete(l.open, conn)
	}
}

// hush lets nothing through any more, and closes nothing.
func (l *phoneLine) hush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent = true
}

// Whatever keeps updates from coming: it is said, nothing spins, and the bot
// listens again within seconds of its end. How long that took is in the log
// (go test -v).
func TestPollingThroughTelegramsTroubles(t *testing.T) {
	t.Parallel()
	fault := func(f telegramtest.Fault) func(*world, *phoneLine) func() {
		f.Method = "getUpdates"
		return func(w *world, _ *phoneLine) func() { return w.telegram.Fault(f) }
	}
	for _, tc := range []struct {
		name  string
		begin func(*world, *phoneLine) (end func())
		says  string // in /readyz
	}{
		{"token revoked", fault(telegramtest.Fault{Status: 401, Description: "Unauthorized"}), "check TELEGRAM_BOT_TOKEN"},
		{"another poller", fault(telegramtest.Fault{Status: 409, Description: "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"}), "another process with its token"},
		{"internal error", fault(telegramtest.Fault{Status: 500}), "nothing to do but wait"},
		{"gateway's page", fault(telegramtest.Fault{HTML: true}), "nothing to do but wait"},
		{"gateway in JSON", fault(telegramtest.Fault{Status: 502, Description: "Bad Gateway"}), "502 Bad Gateway"},
		{"rate limited", fault(telegramtest.Fault{RetryAfter: time.Second}), "429"},
		{"connection cut", fault(telegramtest.Fault{Reset: true}), "check the network"},
		{"answer cut off", fault(telegramtest.Fault{Truncate: true}), "unexpected EOF"},
		{"another page", fault(telegramtest.Fault{HTML: true, Status: 200}), "not the Bot API"},
		{"refused connections", func(_ *world, l *phoneLine) func() { l.cut(); return l.mend }, "connection refused"},
		{"no name server", func(w *world, l *phoneLine) func() {
			w.nameless.Store(true)
			l.cut() // or the connection that is there goes on
			l.mend()
			return func() { w.nameless.Store(false) }
		}, "lookup telegram.test"},
		{"a line gone silent", func(_ *world, l *phoneLine) func() { l.hush(); return l.mend }, "deadline exceeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := prepare(t, "embedded")
			w.options = []bot.Option{bot.WithChatRate(1000)}
			way := newPhoneLine(t, w.telegram.URL)
			w.transport = bot.Unnamed(way.addr, func() bool { return !w.nameless.Load() })
			w.start("SEND_RATE=1000", "TELEGRAM_API_URL=http://telegram.test")
			ann := w.person(7, "Ann")
			ann.converses([]line{{says: "/start", sees: []string{"Hello"}}})

			end := tc.begin(w, way)
			began, before := time.Now(), len(w.telegram.Calls("getUpdates"))
			body := ""
			require.Eventually(t, func() bool {
				var status int
				status, body = w.get("/readyz")
				return status == http.StatusServiceUnavailable && strings.Contains(body, "no updates for ") && strings.Contains(body, tc.says)
			}, patience, 20*time.Millisecond)
			time.Sleep(2 * time.Second)
			_, metrics := w.get("/metrics")
			require.NotContains(t, metrics, "\nfollowthrough_poll_failures 0\n")
			calls := len(w.telegram.Calls("getUpdates")) - before
			require.LessOrEqual(t, calls, 3+int(2*time.Since(began)/time.Second), "it does not spin")

			end()
			back := time.Now()
			ann.converses([]line{{says: "/help", sees: []string{"What I can do"}}})
			t.Logf("%d requests in %v; listening again after %v", calls, back.Sub(began).Round(time.Millisecond), time.Since(back).Round(time.Millisecond))
			require.Eventually(t, func() bool { status, _ := w.get("/readyz"); return status == http.StatusOK }, patience, 20*time.Millisecond)
		})
	}
}
