package bot_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// patience is how long a test waits for what should come within a second. Many
// tests run at once, perhaps on a machine that has other things to do.
const patience = time.Minute

// The secrets of every test, to be found in no output.
const (
	token  = "4242:TELEGRAM-SECRET"
	apiKey = "BACKEND-SECRET"
)

// world is a running service with a Telegram and a backend of its own.
type world struct {
	*testing.T
	telegram *telegramtest.Server
	backend  *insforgetest.Server
	clock    *schedulertest.Clock
	service  *bot.Service
	options  []bot.Option
	log      *syncBuffer
	stop     func()

	transport *http.Transport // to Telegram; nil for the service's own
	nameless  atomic.Bool     // Telegram's name has no address at the moment

	mu     sync.Mutex
	people map[int64]*person
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// backends are what every conversation is held on.
var backends = map[string]func(t *testing.T, clock *schedulertest.Clock) *insforgetest.Server{
	"embedded": func(t *testing.T, clock *schedulertest.Clock) *insforgetest.Server {
		return insforgetest.New(t, migrations.Tables, insforgetest.WithClock(clock.Now), insforgetest.WithAPIKey(apiKey))
	},
	"embedded as InsForge": func(t *testing.T, clock *schedulertest.Clock) *insforgetest.Server {
		return insforgetest.New(t, migrations.Tables, insforgetest.WithClock(clock.Now), insforgetest.WithAPIKey(apiKey), insforgetest.WithDialect(embedded.InsForge))
	},
	"genuine": func(t *testing.T, _ *schedulertest.Clock) *insforgetest.Server {
		script, err := migrations.Script()
		require.NoError(t, err)
		return insforgetest.Genuine(t, script)
	},
}

// onEngines holds a test on the embedded server and, where it is, the genuine
// one.
func onEngines(t *testing.T, name string, test func(t *testing.T, backend string)) {
	t.Helper()
	for _, backend := range []string{"embedded", "genuine"} {
		t.Run(strings.TrimSpace(name+" on "+backend), func(t *testing.T) {
			t.Parallel()
			test(t, backend)
		})
	}
}

// newWorld starts a service at ten on a Monday morning.
func newWorld(t *testing.T, backend string, environ ...string) *world {
	t.Helper()
	w := prepare(t, backend)
	w.options = []bot.Option{bot.WithChatRate(1000)}
	w.start(append([]string{"SEND_RATE=1000"}, environ...)...)
	return w
}

func prepare(t *testing.T, backend string, options ...telegramtest.Option) *world {
	t.Helper()
	monday := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	clock := schedulertest.NewClock(time.Until(monday))
	return &world{
		T: t, clock: clock, log: &syncBuffer{}, people: map[int64]*person{},
		backend:  backends[backend](t, clock),
		telegram: telegramtest.Start(t, append(options, telegramtest.WithToken(token), telegramtest.WithClock(clock.Now))...),
	}
}

// start runs the service until stop is called, or the test ends.
func (w *world) start(environ ...string) {
	w.Helper()
	config, err := bot.LoadConfig(append([]string{
		"TELEGRAM_BOT_TOKEN=" + token, "TELEGRAM_API_URL=" + w.telegram.URL, "HTTP_ADDR=127.0.0.1:0",
		"INSFORGE_URL=" + w.backend.URL, "INSFORGE_API_KEY=" + apiKey, "INSFORGE_DIALECT=postgrest",
	}, environ...), "")
	require.NoError(w, err)
	retry := insforge.DefaultRetryPolicy()
	retry.Attempts, retry.Base, retry.Max = 2, 10*time.Millisecond, 20*time.Millisecond
	w.service, err = bot.New(config, func(options ...insforge.Option) (*insforge.Client, error) {
		return w.backend.Client(append(options, insforge.WithRetry(retry))...), nil
	}, append(w.options, bot.WithClock(w.clock), bot.WithHolder(w.Name()),
		bot.WithLogger(slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))))...)
	require.NoError(w, err)
	if w.transport != nil {
		w.service.TravelBy(w.transport)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.service.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		w.requireNoSecrets()
		cancel()
		select {
		case err := <-done:
			require.NoError(w, err)
		case <-time.After(patience):
			w.Error("the service does not stop")
		}
		requireNone(w, "the log", w.log.String())
	})
	w.Cleanup(w.stop)
	// From then on the bot knows its own name.
	require.Eventually(w, func() bool { return len(w.telegram.Commands()) > 0 }, patience, 5*time.Millisecond)
}

// person is somebody with the chat open.
type person struct {
	*world
	*telegramtest.User
	before map[int]string // what each message showed before the last thing they did
}

func (w *world) person(id int64, name string) *person {
	p := &person{world: w, User: w.telegram.User(telegramtest.Person{ID: id, FirstName: name})}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people[id] = p
	return p
}

// get reads one of the service's endpoints.
func (w *world) get(path string) (int, string) {
	w.Helper()
	resp, err := http.Get("http://" + w.service.Addr().String() + path)
	require.NoError(w, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(w, err)
	http.DefaultClient.CloseIdleConnections()
	return resp.StatusCode, string(body)
}

// requireNoSecrets searches everything that came out of the service: the log,
// the endpoints, and what everybody was sent. Each world does so when it stops,
// whatever was done to it until then.
func (w *world) requireNoSecrets() {
	w.Helper()
	requireNone(w, "the log", w.log.String())
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		_, body := w.get(path)
		requireNone(w, path, body)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.people {
		for _, m := range p.Messages() {
			requireNone(w, "a message", showing(m))
		}
	}
}

// requireNone looks for secrets in a text, and for the part of the token that
// is one.
func requireNone(t require.TestingT, where, text string) {
	for _, secret := range []string{token, "TELEGRAM-SECRET", apiKey, "MODEL-SECRET", bot.HookSecret(token)} {
		if strings.Contains(text, secret) {
			require.Fail(t, "a secret came out", "%q is in %s:\n%s", secret, where, text)
		}
	}
}

// look remembers the chat as it is.
func (p *person) look() {
	p.before = map[int]string{}
	for _, m := range p.Messages() {
		p.before[m.ID] = showing(m)
	}
}

func showing(m telegramtest.Message) string {
	return m.Body() + "\x00" + strings.Join(m.Labels(), "\x00")
}

// sees waits for a message that came or changed since the last thing the
// person did, and contains all of parts, in any case.
func (p *person) sees(parts ...string) telegramtest.Message {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m, err := p.Wait(ctx, func(m telegramtest.Message) bool {
		if !m.FromBot() || p.before[m.ID] == showing(m) {
			return false
		}
		text := strings.ToLower(showing(m))
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, strings.ToLower(part)) })
	})
	require.NoError(p, err, "waiting for %q; the log has:\n%s", parts, p.log)
	return m
}

// presses the button with that label under the latest message that has one.
func (p *person) presses(label string) (pressID string) {
	p.Helper()
	for _, m := range slices.Backward(p.Messages()) {
		if _, ok := m.Button(label); ok {
			return p.pressesOn(m, label)
		}
	}
	p.Fatalf("no message has a button %q", label)
	return ""
}

func (p *person) pressesOn(m telegramtest.Message, label string) (pressID string) {
	p.Helper()
	p.look()
	pressID, err := p.Press(m.ID, label)
	require.NoError(p, err)
	return pressID
}

// told is what the answer to a press says.
func (p *person) told(pressID string) string {
	p.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := p.Answer(ctx, pressID)
	require.NoError(p, err)
	return answer.Text
}

// hears waits for a press to be answered with a text, or, where the bot took
// longer than Telegram shows those, for a message with it.
func (p *person) hears(pressID, text string) {
	p.Helper()
	if !strings.Contains(strings.ToLower(p.told(pressID)), strings.ToLower(text)) {
		p.sees(text)
	}
}

// line is one line of a conversation: what happens, and what comes of it.
type line struct {
	says    string        // the person writes
	shares  [2]float64    // the person shares a place, latitude and longitude
	presses string        // the person presses the button with this in its label
	passes  time.Duration // time passes

	sees    []string // a message comes, or changes, that has all of these
	buttons []string // and these buttons
	lacks   []string // and none of these, in text or buttons

	document string // and a file with this in it
}

// holds a conversation.
func (p *person) converses(conversation []line) {
	p.Helper()
	for i, l := range conversation {
		switch {
		case l.says != "":
			p.look()
			p.Send(l.says)
		case l.shares != [2]float64{}:
			p.look()
			p.SendLocation(l.shares[0], l.shares[1])
		case l.presses != "":
			p.presses(l.presses)
		case l.passes > 0:
			p.look()
			p.clock.Advance(l.passes)
			p.service.Dispatcher().Trigger()
		}
		if len(l.sees) == 0 {
			continue
		}
		m := p.sees(l.sees...)
		// A cycle that is still storing what it delivered comes first. Where
		// the backend is down there is none to wait for.
		_, _ = p.service.Dispatcher().Cycle(context.Background())
		for _, label := range l.buttons {
			_, ok := m.Button(label)
			require.True(p, ok, "line %d: %q has no button %q, but %q", i+1, m.Text, label, m.Labels())
		}
		if l.document != "" {
			require.NotNil(p, m.Document, "line %d", i+1)
			data, ok := p.telegram.File(m.Document.FileID)
			require.True(p, ok)
			require.Contains(p, string(data), l.document, "line %d", i+1)
		}
		for _, part := range l.lacks {
			require.NotContains(p, strings.ToLower(showing(m)), strings.ToLower(part), "line %d", i+1)
		}
	}
}
