package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
	"github.com/followthrough-go/followthrough/scheduler"
)

// serve runs the service until ctx ends. Demo and production differ in what
// stands behind the two addresses, and in the clock: the demo has one of its
// own.
func serve(ctx context.Context, environ []string, stderr io.Writer, clock scheduler.Clock) int {
	config, err := bot.LoadConfig(environ, ".env")
	if err != nil {
		if isTerminal(stderr) {
			return failed(stderr, err) // a list, and people read it
		}
		newLogger(stderr, false).Error("the service cannot run", "error", err)
		return exitError
	}
	log := newLogger(bot.Redact(stderr, config.Secrets()...), isTerminal(stderr))
	for _, note := range config.Notes() {
		log.Warn(note)
	}
	host := &host{config: config, log: log, clock: clock}
	err = host.run(ctx)
	if closeErr := host.close(); closeErr != nil {
		log.Error("closing", "error", closeErr)
	}
	if err != nil {
		log.Error("the service cannot run", "error", err)
		return exitError
	}
	return exitFine
}

// host is what the service runs on: the store and the Bot API server, where
// those are not somebody else's.
type host struct {
	config bot.Config
	log    *slog.Logger
	clock  scheduler.Clock
	closes []func() error // in the order of opening
}

// close gives back what was opened, last opened first.
func (h *host) close() error {
	var errs []error
	for i := len(h.closes) - 1; i >= 0; i-- {
		errs = append(errs, h.closes[i]())
	}
	return errors.Join(errs...)
}

func (h *host) run(ctx context.Context) error {
	clock := h.clock
	var moving *movingClock
	if h.config.Demo() {
		var err error
		if moving, err = openClock(clockFile(h.config.DataFile), h.config.Zone.Location); err != nil {
			return err
		}
		clock = moving
	}
	options := []bot.Option{bot.WithLogger(h.log), bot.WithClock(clock)}
	connect, err := h.connect(clock)
	if err != nil {
		return err
	}
	if h.config.Embedded() {
		// The file has one user at a time, so whoever opens it is the holder.
		options = append(options, bot.WithHolder("embedded"))
	}
	if !h.config.Demo() {
		service, err := bot.New(h.config, connect, options...)
		if err != nil {
			return err
		}
		h.log.Info("running", "http", pageAddress(service.Addr()), "store", h.storeName())
		return service.Run(ctx)
	}
	return h.runDemo(ctx, moving, connect, options)
}

// demoRate is how many messages a second the demo's chat takes: nobody should
// have to wait for a week to pass at Telegram's pace.
const demoRate = 20

// runDemo runs the service with a Bot API server of its own, and a chat page.
func (h *host) runDemo(ctx context.Context, clock *movingClock, connect connector, options []bot.Option) error {
	settings := []telegramtest.Option{telegramtest.WithBot("Followthrough", "followthrough_demo_bot"), telegramtest.WithClock(clock.Now), telegramtest.WithCallLog(100)}
	if journal := journalFile(h.config.DataFile); journal != "" {
		settings = append(settings, telegramtest.WithJournal(journal))
	}
	telegram, err := telegramtest.Listen(settings...)
	if err != nil {
		return fmt.Errorf("the demo's chat cannot be read; move its file away to begin with an empty one: %w", err)
	}
	h.closes = append(h.closes, telegram.Close)
	config := h.config
	config.TelegramToken, config.TelegramURL = bot.Secret(telegram.Token()), bot.BaseURL(telegram.URL)

	// Page and service know each other: the page shows the service's agenda,
	// and the service serves the page.
	var journey *travel
	page := newDemo(telegram, clock,
		func(ctx context.Context) ([]agendaItem, error) { return journey.agenda(ctx) },
		func(ctx context.Context, by time.Duration) error { return journey.advance(ctx, by) })
	service, err := bot.New(config, connect, append(options, bot.WithPage(page.Handler(), page.Close), bot.WithChatRate(demoRate))...)
	if err != nil {
		return err
	}
	journey = newTravel(clock, service)
	h.log.Info(fmt.Sprintf("demo: open %s in a browser and say /start", pageAddress(service.Addr())), "store", h.storeName(), "clock", clock.Now().Format(time.RFC1123))
	return service.Run(ctx)
}

// pageAddress is where a browser on this machine finds what listens at addr.
func pageAddress(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://localhost:%d", tcp.Port)
	}
	return "http://" + addr.String()
}

// connector makes the service's client; see [bot.New].
type connector = func(...insforge.Option) (*insforge.Client, error)

// connect tells how to reach the store: the configured backend, or a file of
// this process's own, which it opens.
func (h *host) connect(clock scheduler.Clock) (connector, error) {
	if !h.config.Embedded() {
		return func(options ...insforge.Option) (*insforge.Client, error) { return bot.Connect(h.config, options...) }, nil
	}
	schema, err := embedded.ParseTables(migrations.Tables)
	if err != nil {
		return nil, err
	}
	store, err := openFileStore(h.log, func() (*embedded.Store, error) {
		return embedded.Open(h.config.DataFile, schema, embedded.WithClock(clock.Now), embedded.WithLogger(h.log))
	})
	switch {
	case errors.Is(err, embedded.ErrLocked):
		return nil, fmt.Errorf("DATA_FILE %s: %w; stop that, or set DATA_FILE to another file", h.config.DataFile, err)
	case errors.Is(err, embedded.ErrForeignFile):
		return nil, fmt.Errorf("DATA_FILE %s cannot be used; it was left as it is: %w", h.config.DataFile, err)
	case err != nil:
		return nil, fmt.Errorf("DATA_FILE %s: %w", h.config.DataFile, err)
	}
	h.closes = append(h.closes, store.Close)
	config := h.config
	config.BackendURL, config.BackendDialect = "http://embedded", bot.PostgREST
	inside := insforge.WithHTTPClient(&http.Client{Transport: store})
	return func(options ...insforge.Option) (*insforge.Client, error) {
		return bot.Connect(config, append(options, inside)...)
	}, nil
}

func (h *host) storeName() string {
	if h.config.Embedded() {
		return h.config.DataFile
	}
	return string(h.config.BackendURL)
}
