package main

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A server answers HTTP/1.1 with a handler that is quick and says how long its
// answers are, at less than net/http's own server costs: it starts no goroutine
// to notice that a client leaves while it is answered, and an answer is one
// write where the other needs two for more than 4 KB. net/http reads the
// requests all the same. What a program depends on is as there; the context of a
// request does not end with its client.
type server struct {
	listener net.Listener
	handler  http.Handler
	log      *slog.Logger

	stopping atomic.Bool
	mu       sync.Mutex
	open     map[*connection]struct{} // under mu
	serving  sync.WaitGroup

	writers sync.Pool // of *bufio.Writer
}

func newServer(listener net.Listener, handler http.Handler, log *slog.Logger) *server {
	return &server{listener: listener, handler: handler, log: log, open: map[*connection]struct{}{}}
}

// serve answers what comes in through the listener, until stop is called.
func (s *server) serve() error {
	for {
		socket, err := s.listener.Accept()
		switch {
		case err == nil:
			s.start(socket)
		case s.stopping.Load():
			return http.ErrServerClosed
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			s.log.Error("a connection could not be accepted", "error", err)
			time.Sleep(100 * time.Millisecond) // others may end meanwhile
		}
	}
}

func (s *server) start(socket net.Conn) {
	c := newConnection(s, socket)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		_ = socket.Close() // nothing was asked
		return
	}
	s.open[c] = struct{}{}
	s.serving.Go(func() {
		c.serve()
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
	})
}

// roomForAnswer is the size up to which an answer is one write.
const roomForAnswer = 32 << 10

// writer gives a connection something to write with, until it is released.
func (s *server) writer(socket net.Conn) *bufio.Writer {
	w, _ := s.writers.Get().(*bufio.Writer)
	if w == nil {
		return bufio.NewWriterSize(socket, roomForAnswer)
	}
	w.Reset(socket)
	return w
}

func (s *server) release(w *bufio.Writer) {
	w.Reset(nil)
	s.writers.Put(w)
}

// stop accepts nothing more, ends connections that wait for a request, and lets
// the others answer theirs; those that have not when ctx ends are cut.
func (s *server) stop(ctx context.Context) error {
	s.stopping.Store(true)
	s.mu.Lock()
	err := s.listener.Close()
	for c := range s.open {
		c.endIfIdle()
	}
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() { s.serving.Wait(); close(ended) }()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.open {
		_ = c.socket.Close() // which ends what it waits for
	}
	s.mu.Unlock()
	return errors.Join(err, ctx.Err())
}
