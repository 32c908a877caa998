package scheduler_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/scheduler"
)

// machine is one process: its connections to the store, and what works on it.
// A machine that dies does so between any two things it does, and from then on
// does nothing.
type machine struct {
	chaos      *chaos
	ledger     *ledger
	sender     scheduler.Sender
	presses    *scheduler.Store
	scheduler  *scheduler.Scheduler
	dispatcher *scheduler.Dispatcher

	mu     sync.Mutex
	isDead bool
	// Where it dies, counted in what it waits for; 0 leaves that to chance.
	diesAt, waits int
}

// boot starts a process. What the dispatcher and what people ask of the store
// goes by separate ways, so that the ledger can tell them apart.
func (l *life) boot() *machine {
	m := &machine{chaos: l.chaos, ledger: l.ledger}
	m.sender = m
	if l.fault.sender != nil {
		m.sender = l.fault.sender(m)
	}
	store := func(origin origin) *scheduler.Store {
		var way http.RoundTripper = &counter{ledger: l.ledger, machine: m, origin: origin, store: l.db.Transport(embedded.PostgREST)}
		way = &line{machine: m, store: way}
		if l.fault.transport != nil {
			way = l.fault.transport(l, m, way)
		}
		client, err := insforge.New("http://store", insforge.WithHTTPClient(&http.Client{Transport: way}))
		require.NoError(l, err)
		s, err := scheduler.NewStore(client, l.clock)
		require.NoError(l, err)
		return s
	}
	var err error
	m.presses = store(pressed)
	m.scheduler, err = scheduler.New(m.presses, scheduler.WithLogger(newQuiet()))
	require.NoError(l, err)
	m.dispatcher, err = scheduler.NewDispatcher(store(dispatched), m.sender, scheduler.WithDispatchLogger(newQuiet()))
	require.NoError(l, err)
	return m
}

var errDead = errors.New("the process has died")

func (m *machine) dead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.isDead
}

// dies is asked at every await point: before and after whatever the process
// waits for.
func (m *machine) dies() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waits++
	m.isDead = m.isDead || m.waits == m.diesAt || (m.diesAt == 0 && m.chaos.percent() < 2)
	if m.isDead {
		m.ledger.died(m)
	}
	return m.isDead
}

// line is a connection that carries a request out, loses it, or loses the
// answer.
type line struct {
	machine *machine
	store   http.RoundTripper
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	m := l.machine
	if m.dies() {
		return nil, errDead
	}
	switch p := m.chaos.percent(); {
	case p < 3:
		return nil, io.ErrUnexpectedEOF
	case p < 5:
		return answering(r, 500, `{"code":"40P01","message":"deadlock detected","details":null,"hint":null}`), nil
	case p < 7:
		return answering(r, 503, "<html>Service Unavailable</html>"), nil
	}
	response, err := l.store.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch p := m.chaos.percent(); {
	case m.dies():
		_ = response.Body.Close()
		return nil, errDead
	case p < 4:
		_ = response.Body.Close()
		return nil, io.ErrUnexpectedEOF
	case p < 6:
		_ = response.Body.Close()
		return answering(r, 502, "<html>Bad Gateway</html>"), nil
	}
	return response, nil
}

func answering(r *http.Request, status int, body string) *http.Response {
	kind := "application/json"
	if body[0] == '<' {
		kind = "text/html"
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(bytes.NewBufferString(body))}
}

// Send delivers, or does not, and says which, or does not know.
func (m *machine) Send(ctx context.Context, message scheduler.Message) scheduler.Result {
	if ctx.Err() != nil || m.dies() {
		return scheduler.Result{Outcome: scheduler.NotDelivered, Err: errDead}
	}
	m.ledger.attempted(message)
	switch p := m.chaos.percent(); {
	case p < 2:
		return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Duration(1+p) * time.Second, Everyone: true, Err: errors.New("429")}
	case p < 8:
		return scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: time.Duration(p) * time.Second, Err: errors.New("429")}
	case p < 10:
		return scheduler.Result{Outcome: scheduler.Refused, Err: errors.New("blocked")}
	case p < 13:
		m.ledger.receive(message)
		return scheduler.Result{Outcome: scheduler.Ambiguous, Err: errors.New("timed out")}
	case p < 17:
		return scheduler.Result{Outcome: scheduler.Ambiguous, Err: errors.New("timed out")}
	}
	m.ledger.receive(message)
	m.dies() // between send and confirm
	return scheduler.Result{Outcome: scheduler.Delivered, MessageID: 1}
}
