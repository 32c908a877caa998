package bot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/followthrough-go/followthrough/insforge"
)

// endpoints serves health, metrics and the webhook, and the page at / where
// there is one.
func (s *Service) endpoints() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		// The process runs; whether it gets anywhere is readiness.
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	if s.webhook != nil {
		address, _ := url.Parse(s.webhook.address) // it was checked when it was read
		mux.Handle("POST "+address.EscapedPath(), s.webhook)
	}
	if s.page != nil {
		mux.Handle("/", s.page)
	}
	return bodiesWithin(bodyTime, mux)
}

// bodyTime is how long the body of a request may take to arrive.
const bodyTime = 5 * time.Second

// bodiesWithin has requests end whose body does not arrive in time, whether it is
// wanted or not. A time limit of the server's own would end the long answers, too.
func bodiesWithin(limit time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			conn := http.NewResponseController(w)
			_ = conn.SetReadDeadline(time.Now().Add(limit)) // not in tests without a connection
			r.Body = &boundBody{r.Body, conn}
		}
		next.ServeHTTP(w, r)
	})
}

// boundBody is a body with a time limit, which ends with it.
type boundBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

func (b *boundBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// readiness is the body of /readyz: "ok" or what is wrong, by part, and how the
// reminders stand.
type readiness struct {
	Ready     bool              `json:"ready"`
	Checks    map[string]string `json:"checks"`
	LastCycle time.Time         `json:"last_cycle,omitzero"` // when the reminders were last looked at with success
	Lag       float64           `json:"lag_seconds"`         // how long the earliest unsent reminder is overdue
}

// ready answers 200 when reminders can be sent and messages are received, and
// 503 with the reasons otherwise.
func (s *Service) ready(w http.ResponseWriter, r *http.Request) {
	state := readiness{Ready: true, Checks: map[string]string{}}
	note := func(part string, err error, fine string) {
		state.Checks[part] = fine
		if err != nil {
			state.Ready = false
			state.Checks[part] = err.Error()
		}
	}
	backend := cmp.Or(s.backend.check(r.Context()), s.lease.Err())
	if backend != nil {
		backend = fmt.Errorf("%w (%s)", backend, s.config.backendAdvice(backend))
	}
	note("backend", backend, "ok")
	dispatch := s.dispatcher.Status()
	state.LastCycle, state.Lag = dispatch.LastCycle, dispatch.Lag.Seconds()
	note("dispatcher", dispatch.LastError, "ok")
	polling, _, err := s.poller.health.state()
	fine := "ok"
	if !polling {
		fine = "ok: another process receives the updates, or none does yet"
	}
	note("telegram", err, fine)
	state.Checks["clock"] = "ok"
	if _, err := s.telegram.clock.deviation(); err != nil {
		state.Checks["clock"] = err.Error() // it still works, at the wrong time
	}

	var body bytes.Buffer
	encoder := json.NewEncoder(Redact(&body, s.config.Secrets()...))
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(state); err != nil {
		http.Error(w, "readiness cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !state.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = body.WriteTo(w)
}

// backendAdvice is what an operator can do about a backend that does not do what
// it is asked.
func (c Config) backendAdvice(err error) string {
	var refused *insforge.Error
	switch {
	case c.Embedded():
		return "the store cannot be used; look at DATA_FILE, and for room on its disk"
	case !errors.As(err, &refused):
		return "the database cannot be reached; check INSFORGE_URL, and whether the server is up"
	case insforge.IsPermission(err):
		return "the database refuses INSFORGE_API_KEY; it must be the service's key"
	case refused.Status < 500:
		return "the database is there, and not as it should be; run reminderbot check"
	}
	return "the database is in trouble; look at its log"
}

// probe asks the backend whether it is there, at most once a second however
// often it is asked.
type probe struct {
	ping func(ctx context.Context) error

	mu  sync.Mutex
	at  time.Time
	err error
}

func (p *probe) check(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) < time.Second {
		return p.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	p.err = p.ping(ctx)
	p.at = time.Now()
	return p.err
}
