package telegramtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server is a Telegram with one bot. It is safe for concurrent use.
type Server struct {
	// URL is where the server listens, without a path; empty unless it came
	// from [Start] or [Listen].
	URL string

	cfg    config
	limits *limits

	mu           sync.Mutex
	state        *state
	journal      *journal // nil: nothing is kept
	failure      error    // of the last write of the journal
	broken       bool     // and nobody knows what the journal holds
	changed      chan struct{}
	watch        map[chan struct{}]struct{}
	poll         *longPoll
	lastConflict time.Time
	typing       map[int64]chatAction
	faults       []*fault
	calls        []Call

	done    chan struct{} // closed by Close
	closing sync.Once
	running sync.WaitGroup
	stop    func() error // of the listener, if there is one
	hook    *delivery    // the running webhook delivery, if any
}

// New makes a server that is not listening yet: it is an [http.Handler]. With
// a journal it starts where the last one stopped.
func New(opts ...Option) (*Server, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:     cfg,
		state:   newState(),
		changed: make(chan struct{}),
		watch:   map[chan struct{}]struct{}{},
		typing:  map[int64]chatAction{},
		done:    make(chan struct{}),
	}
	if cfg.strict {
		s.limits = newLimits()
	}
	if cfg.journal != "" {
		if s.journal, err = openJournal(cfg.journal, s.state); err != nil {
			return nil, fmt.Errorf("telegramtest: %w", err)
		}
	}
	s.mu.Lock()
	s.restartDelivery()
	s.mu.Unlock()
	return s, nil
}

// Listen makes a server and serves it on a loopback port until Close.
func Listen(opts ...Option) (*Server, error) {
	s, err := New(opts...)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	web := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.URL = "http://" + ln.Addr().String()
	s.stop = web.Close
	s.running.Go(func() { _ = web.Serve(ln) })
	return s, nil
}

// TB is what [Start] needs of a *testing.T.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Start is [Listen] for a test: it fails the test if it cannot, and closes the
// server when the test ends.
func Start(t TB, opts ...Option) *Server {
	t.Helper()
	s, err := Listen(opts...)
	if err != nil {
		t.Fatalf("starting a Telegram server: %v", err)
		return nil
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Fatalf("closing the Telegram server: %v", err)
		}
	})
	return s
}

// Close ends long polls and webhook deliveries, stops listening and closes the
// journal. It may be called more than once.
func (s *Server) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.done)
		s.mu.Lock()
		s.stopDelivery()
		s.mu.Unlock()
		if s.stop != nil {
			err = s.stop()
		}
		s.running.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.journal != nil {
			err = errors.Join(err, s.journal.close())
			s.failure, s.broken = errors.Join(s.failure, net.ErrClosed), true
		}
	})
	return err
}

// Token is the bot's token.
func (s *Server) Token() string { return s.cfg.token }

// Bot is the bot's own account.
func (s *Server) Bot() Person { return s.cfg.bot }

// Err is why the last change could not be written to the journal, nil if it
// could. Changes that cannot be written are not made, and answered with 500:
// for ever if the journal may be damaged, otherwise until there is room again.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// commit makes the records durable, applies them and wakes everyone who waits.
// The caller holds s.mu.
func (s *Server) commit(records ...record) error {
	if s.broken {
		return errInternal
	}
	if s.journal != nil {
		var err error
		if s.broken, err = s.journal.append(records); err != nil {
			s.failure = fmt.Errorf("telegramtest: writing the journal: %w", err)
			return errInternal
		}
		s.failure = nil
	}
	for _, r := range records {
		s.state.apply(r)
	}
	s.notify()
	return nil
}

// notify wakes long polls, Wait and subscribers. The caller holds s.mu.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
	for c := range s.watch {
		select {
		case c <- struct{}{}:
		default: // a token is waiting there already
		}
	}
}

// Subscribe returns a channel that gets a token after any change a person
// could see: messages, edits, answers, commands, typing. Tokens do not pile
// up. The caller stops the subscription with the function returned.
func (s *Server) Subscribe() (changes <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch[c] = struct{}{}
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watch, c)
	}
}

// Commands is the command menu the bot has set.
func (s *Server) Commands() []Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Command(nil), s.state.commands...)
}

// File is the content of a document.
func (s *Server) File(id string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.state.files[id]
	return data, ok
}

// handler carries out one method.
type handler func(*Server, context.Context, params) (any, error)

// methods are the Bot API methods the server has, in lower case: method names
// are not case sensitive.
var methods = map[string]handler{
	"getme":                  (*Server).getMe,
	"getupdates":             (*Server).getUpdates,
	"setwebhook":             (*Server).setWebhook,
	"deletewebhook":          (*Server).deleteWebhook,
	"getwebhookinfo":         (*Server).getWebhookInfo,
	"setmycommands":          (*Server).setMyCommands,
	"getmycommands":          (*Server).getMyCommands,
	"deletemycommands":       (*Server).deleteMyCommands,
	"sendmessage":            (*Server).sendMessage,
	"senddocument":           (*Server).sendDocument,
	"sendchataction":         (*Server).sendChatAction,
	"editmessagetext":        (*Server).editMessageText,
	"editmessagereplymarkup": (*Server).editMessageReplyMarkup,
	"deletemessage":          (*Server).deleteMessage,
	"answercallbackquery":    (*Server).answerCallbackQuery,
	"getchat":                (*Server).getChat,
}

// ServeHTTP answers /bot<token>/METHOD.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method, err := s.route(r.URL.Path)
	if err != nil {
		answer(w, nil, err)
		return
	}
	p, err := readParams(r)
	call := s.record(method, p)
	if err != nil {
		answer(w, nil, err)
		return
	}
	carryOut := func() (any, error) {
		handle, ok := methods[strings.ToLower(method)]
		if !ok {
			return nil, errNotFound
		}
		return handle(s, r.Context(), p)
	}
	if f := s.fault(call); f != nil {
		f.serve(w, r.Context(), s.done, carryOut)
		return
	}
	result, err := carryOut()
	answer(w, result, err)
}

// route takes the method out of the path; no error names the token.
func (s *Server) route(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "/bot")
	if !ok {
		return "", errNotFound
	}
	token, method, ok := strings.Cut(rest, "/")
	switch {
	case !ok || !tokenShape.MatchString(token):
		return "", errNotFound
	case token != s.cfg.token:
		return "", errUnauthorized
	}
	return method, nil
}

// envelope is the shape of every answer.
type envelope struct {
	OK          bool        `json:"ok"`
	Result      any         `json:"result,omitempty"`
	ErrorCode   int         `json:"error_code,omitempty"`
	Description string      `json:"description,omitempty"`
	Parameters  *parameters `json:"parameters,omitempty"`
}

type parameters struct {
	RetryAfter int `json:"retry_after,omitempty"`
}

// described is a result with a note beside it, as the webhook methods answer.
type described struct {
	result any
	note   string
}

func answer(w http.ResponseWriter, result any, err error) {
	e := envelope{OK: true, Result: result}
	if d, ok := result.(described); ok {
		e.Result, e.Description = d.result, d.note
	}
	status := http.StatusOK
	if err != nil {
		var refusal *apiError
		if !errors.As(err, &refusal) {
			refusal = errInternal
		}
		status = refusal.code
		e = envelope{ErrorCode: refusal.code, Description: refusal.description}
		if refusal.retryAfter > 0 {
			seconds := int(refusal.retryAfter.Seconds())
			e.Parameters = &parameters{RetryAfter: seconds}
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
		}
	}
	body, err := json.Marshal(e)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"ok":false,"error_code":500,"description":"Internal Server Error"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the bot may be gone
}
