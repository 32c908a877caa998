package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// stopTime is how long the parts of the service have to finish once it is told
// to stop.
const stopTime = 9 * time.Second

// chatRate is how many messages a second go to one chat. Telegram bears one;
// a little less allows for messages that travel at different speeds.
const chatRate = 0.9

// Service is the bot: the dialogue, the dispatch of reminders and the HTTP
// endpoints, over a store and a Bot API server.
type Service struct {
	config  Config
	log     *slog.Logger
	clock   scheduler.Clock
	page    http.Handler
	holder  string
	perChat float64 // messages a second to one chat

	store      *scheduler.Store
	dispatcher *scheduler.Dispatcher
	followups  *scheduler.Followups
	retention  *scheduler.Retention
	lease      *scheduler.Lease
	poller     *poller
	webhook    *webhook // nil where updates are polled
	dialogue   *dialogue
	telegram   *telegram
	metrics    *metrics
	backend    *probe
	username   atomic.Pointer[string]
	listener   net.Listener
	onStop     []func()
}

// Option sets up a [Service].
type Option func(*Service) error

// WithClock makes the service live on another clock than the system's. The
// store's now() should follow the same one.
func WithClock(clock scheduler.Clock) Option {
	return func(s *Service) error {
		if clock == nil {
			return errors.New("bot: the clock is nil")
		}
		s.clock = clock
		return nil
	}
}

// WithLogger sets the logger; slog's default one otherwise.
func WithLogger(log *slog.Logger) Option {
	return func(s *Service) error {
		if log == nil {
			return errors.New("bot: the logger is nil")
		}
		s.log = log
		return nil
	}
}

// WithPage serves a page at / beside the service's endpoints. stop is called
// when the service stops, before its HTTP server waits for open requests.
func WithPage(page http.Handler, stop func()) Option {
	return func(s *Service) error {
		if page == nil || stop == nil {
			return errors.New("bot: a page needs a handler and a way to stop it")
		}
		s.page = page
		s.onStop = append(s.onStop, stop)
		return nil
	}
}

// WithHolder sets the name this process goes by when processes agree on who
// polls Telegram. The default is made from the machine and the HTTP address,
// so that a process that is started again after a crash takes over at once.
func WithHolder(name string) Option {
	return func(s *Service) error {
		if name == "" {
			return errors.New("bot: the holder's name is empty")
		}
		s.holder = name
		return nil
	}
}

// WithChatRate sets how many messages a second go to one chat; by default what
// Telegram bears for long. It is for Bot API servers that bear more.
func WithChatRate(perSecond float64) Option {
	return func(s *Service) error {
		if !(perSecond > 0) {
			return fmt.Errorf("bot: %v messages a second to a chat", perSecond)
		}
		s.perChat = perSecond
		return nil
	}
}

// Connect returns a client for the configured backend. Its options come after
// those from the configuration.
func Connect(config Config, options ...insforge.Option) (*insforge.Client, error) {
	dialect := insforge.InsForge
	if config.BackendDialect == PostgREST {
		dialect = insforge.PostgREST
	}
	settings := []insforge.Option{insforge.WithDialect(dialect), insforge.WithTimeout(5 * time.Second), insforge.WithRetry(backendRetry())}
	if config.BackendKey != "" {
		settings = append(settings, insforge.WithAPIKey(config.BackendKey.Reveal()))
	}
	return insforge.New(string(config.BackendURL), append(settings, options...)...)
}

// backendRetry is less patient than the client's own policy: somebody may be
// waiting for an answer, and what nobody waits for is repeated by the
// dispatcher.
func backendRetry() insforge.RetryPolicy {
	policy := insforge.DefaultRetryPolicy()
	policy.Attempts, policy.Budget = 3, 10*time.Second
	policy.Max, policy.MaxRetryAfter = 2*time.Second, 5*time.Second
	return policy
}

// New puts a service together and listens on the configured HTTP address. It
// talks to nobody yet: neither the backend nor Telegram need be there. The
// caller runs the service with [Service.Run], which also stops listening.
//
// connect makes the client for the store from options of the service's own,
// which it must pass on: usually [Connect].
func New(config Config, connect func(...insforge.Option) (*insforge.Client, error), options ...Option) (*Service, error) {
	metrics, err := newMetrics()
	if err != nil {
		return nil, err
	}
	s := &Service{config: config, log: slog.Default(), clock: scheduler.SystemClock(), perChat: chatRate, metrics: metrics}
	for _, option := range options {
		if err := option(s); err != nil {
			return nil, err
		}
	}
	client, err := connect(insforge.WithObserver(metrics.requests))
	if err != nil {
		return nil, err
	}
	if err := s.assemble(client); err != nil {
		return nil, err
	}
	if s.listener, err = config.HTTPAddr.Listen(); err != nil {
		return nil, err
	}
	s.lease = scheduler.NewLease(s.store, "telegram-poller", cmp.Or(s.holder, holderName(s.listener.Addr())), s.log)
	return s, nil
}

// assemble makes the parts and connects them.
func (s *Service) assemble(client *insforge.Client) (err error) {
	zone := s.config.Zone.Location
	if s.store, err = scheduler.NewStore(client, s.clock); err != nil {
		return err
	}
	s.backend = &probe{ping: s.store.Ping}
	s.telegram = &telegram{
		base: string(s.config.TelegramURL), token: s.config.TelegramToken, transport: newTransport(),
		observe: func(method, outcome string) { s.metrics.calls.WithLabelValues(method, outcome).Inc() },
	}
	messages := &courier{api: s.telegram, limiter: scheduler.NewLimiter(float64(s.config.SendRate), s.perChat), complete: withSteps(s.store), words: wording(zone)}

	escalation := scheduler.DefaultEscalation()
	escalation.Gaps = s.config.Escalation
	s.dispatcher, err = scheduler.NewDispatcher(s.store, messages,
		scheduler.WithInterval(s.config.PollInterval.Duration()), scheduler.WithMaxPerCycle(int(s.config.MaxPerCycle)),
		scheduler.WithEscalation(escalation), scheduler.WithDispatchZone(zone),
		scheduler.WithDispatchLogger(s.log), scheduler.WithReport(s.metrics.report))
	if err != nil {
		return err
	}
	if s.followups, err = scheduler.NewFollowups(s.store, messages, s.config.FollowupInterval.Duration(), zone, s.log); err != nil {
		return err
	}
	if s.retention, err = scheduler.NewRetention(s.store, s.config.Retention.Duration(), s.log); err != nil {
		return err
	}
	plans, err := scheduler.New(s.store, scheduler.WithZone(zone), scheduler.WithWake(s.dispatcher.Trigger), scheduler.WithLogger(s.log),
		scheduler.WithUnparseable(func(text string, reason planparse.Reason) {
			s.metrics.unread.WithLabelValues(string(reason)).Inc()
			s.log.Warn("timing not understood", "timing", cut(oneLine(text), 100), "reason", reason)
		}))
	if err != nil {
		return err
	}

	s.dialogue = &dialogue{
		store: s.store, sched: plans, courier: messages, model: s.model(), clock: s.clock, zone: zone, atlas: newAtlas(),
		allowed: s.config.AllowedUsers, log: s.log,
		username: func() string {
			if name := s.username.Load(); name != nil {
				return *name
			}
			return ""
		},
		handled: func(kind string, took time.Duration) { s.metrics.updates.WithLabelValues(kind).Observe(took.Seconds()) },
	}
	s.dialogue.register()
	held := func(ctx context.Context) bool { return s.lease.Held(ctx) }
	s.poller = &poller{fetch: s.telegram.updates, unhook: s.telegram.deleteWebhook, handlers: s.dialogue.handlers(), held: held, ledger: newLedger(s.store, s.log), log: s.log}
	if s.config.WebhookURL == "" {
		messages.held = held
	} else {
		s.webhook = newWebhook(s.config, s.telegram, s.dialogue.handlers(), &s.poller.health, s.log)
	}
	s.metrics.watch(&s.poller.health, s.dispatcher, &s.telegram.clock)
	return nil
}

// model is what writes plans; nil where none is configured.
func (s *Service) model() *model {
	if s.config.LLMURL == "" {
		return nil
	}
	spend := &budget{limit: int(s.config.LLMDailyTokens), clock: s.clock, spent: func(tokens int) { s.metrics.tokens.Add(float64(tokens)) }}
	return newModel(s.config, newTransport(), spend, s.log)
}

// newTransport is a connection pool of its own, so that one far side's
// connections do not crowd out another's.
func newTransport() *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce
	transport.ResponseHeaderTimeout = modelTime
	// A far side that closes a connection in the moment a message is sent on it
	// leaves that in doubt, and it is not sent again: this side closes first.
	transport.IdleConnTimeout = 4 * time.Second
	// A connection of HTTP/2 that died without a word is used on and on until the
	// kernel gives it up, a quarter of an hour later; a ping tells sooner.
	transport.HTTP2 = &http.HTTP2Config{SendPingTimeout: 3 * time.Second, PingTimeout: 2 * time.Second}
	return transport
}

// holderName names this process to its peers. On Linux the boot and the
// address it listens on tell it from every other process alive, and it has the
// same name again after a crash; elsewhere chance makes the name.
func holderName(addr net.Addr) string {
	host, _ := os.Hostname() // the rest of the name does without
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return fmt.Sprintf("%s/%d/%x", host, os.Getpid(), rand.Uint64())
	}
	return fmt.Sprintf("%s/%s/%s", host, strings.TrimSpace(string(boot)), addr)
}

// Addr is where the service listens.
func (s *Service) Addr() net.Addr { return s.listener.Addr() }

// Store is the service's repository.
func (s *Service) Store() *scheduler.Store { return s.store }

// Dispatcher is what sends the service's reminders.
func (s *Service) Dispatcher() *scheduler.Dispatcher { return s.dispatcher }

// Run runs the service until ctx ends; it then finishes what is under way and
// returns nil within ten seconds. A backend or a Telegram that is down does
// not end it.
func (s *Service) Run(ctx context.Context) error {
	server := &http.Server{
		Handler: s.endpoints(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	tasks := scheduler.NewSupervisor(s.log, s.clock)
	tasks.Go(ctx, "http", func(ctx context.Context) error {
		if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	tasks.Go(ctx, "introduction", s.introduce)
	tasks.Go(ctx, "dispatcher", s.dispatcher.Run)
	tasks.Go(ctx, "follow-ups", s.followups.Run)
	tasks.Go(ctx, "retention", s.retention.Run)
	if s.webhook != nil {
		tasks.Go(ctx, "webhook", s.webhook.run)
	} else {
		tasks.Go(ctx, "poller", func(ctx context.Context) error { return s.lease.Run(ctx, s.poller.run) })
	}

	<-ctx.Done()
	s.log.Info("stopping")
	for _, stop := range s.onStop {
		stop()
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		_ = server.Close()
	}
	done := make(chan struct{})
	go func() {
		tasks.Wait()
		close(done)
	}()
	select {
	case <-done:
		s.log.Info("stopped")
	case <-closing.Done():
		s.log.Warn("stopped before everything was finished; what is open comes again")
	}
	s.telegram.transport.(*http.Transport).CloseIdleConnections()
	return nil
}

// introduce learns the bot's name and sets its menu, trying until Telegram
// takes both. The poller tells of its failures; here they are no news.
func (s *Service) introduce(ctx context.Context) error {
	for ctx.Err() == nil {
		me, err := s.telegram.me(ctx)
		if err == nil {
			s.username.Store(&me.Username)
			err = s.telegram.menu(ctx, s.dialogue.menu())
		}
		if err == nil {
			s.log.Info("Telegram knows the bot", "username", me.Username)
			return nil
		}
		s.log.Debug("bot not introduced to Telegram yet", "error", err)
		_ = pause(ctx, pollMaxBackoff)
	}
	return nil
}
