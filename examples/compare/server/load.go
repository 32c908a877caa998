//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A measurement is what one load has shown.
type measurement struct {
	rate     float64 // requests a second
	p50, p99 time.Duration
	busy     time.Duration // of the server's processors, for a request
	asking   time.Duration // of ours, for a request
}

// A question is one request, and how the body of its answer begins.
type question struct{ request, answer []byte }

// load asks over some connections for a while, each as soon as it has its
// answer. The servers share their processors with it, so it must cost little
// beside them: one thread waits for all connections at once and speaks no more
// HTTP than it takes to tell that an answer is whole and the right one.
func load(ctx context.Context, s *server, ask func(q *question, n uint64), connections int, length time.Duration) (_ measurement, err error) {
	runtime.LockOSThread() // whose processor time is counted
	defer runtime.UnlockOSThread()
	g := &generator{ask: ask, number: uint64(time.Now().UnixNano() % 1_000_000)}
	if g.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return measurement{}, fmt.Errorf("epoll_create: %w", err)
	}
	defer func() { err = errors.Join(err, g.close()) }()
	for range connections {
		if err := g.connect(s.address); err != nil {
			return measurement{}, fmt.Errorf("connecting to %s: %w", s.address, err)
		}
	}
	busy, asking := s.busy(), threadTime()
	begun := time.Now()
	if err := g.run(ctx, begun.Add(length)); err != nil {
		return measurement{}, err
	}
	took := time.Since(begun)
	busy, asking = s.busy()-busy, threadTime()-asking
	if len(g.times) == 0 {
		return measurement{}, errors.New("no request was answered")
	}
	slices.Sort(g.times)
	n := time.Duration(len(g.times))
	return measurement{
		rate: float64(n) / took.Seconds(),
		p50:  g.times[n/2].Round(10 * time.Microsecond), p99: g.times[n*99/100].Round(10 * time.Microsecond),
		busy: (busy / n).Round(time.Microsecond), asking: (asking / n).Round(time.Microsecond),
	}, nil
}

// threadTime is the processor time that this thread has used.
func threadTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &usage); err != nil {
		return 0 // nobody knows
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// A generator is the load on one server.
type generator struct {
	poll   int
	conns  []*connection
	ask    func(q *question, n uint64)
	number uint64 // of the request before
	times  []time.Duration
}

// A connection waits for one answer at a time.
type connection struct {
	socket int
	asked  question
	sent   time.Time
	in     []byte // what has come of the answer
}

func (g *generator) connect(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c := &connection{socket: socket, in: make([]byte, 0, 64<<10)}
	g.conns = append(g.conns, c)
	return errors.Join(
		unix.Connect(socket, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}),
		unix.SetsockoptInt(socket, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetNonblock(socket, true),
		unix.EpollCtl(g.poll, unix.EPOLL_CTL_ADD, socket, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(len(g.conns) - 1)}),
	)
}

func (g *generator) close() error {
	err := unix.Close(g.poll)
	for _, c := range g.conns {
		err = errors.Join(err, unix.Close(c.socket))
	}
	return err
}

// run asks until the end, and waits for the last answers.
func (g *generator) run(ctx context.Context, end time.Time) error {
	const patience, glance = 30 * time.Second, 500 * time.Millisecond
	for _, c := range g.conns {
		if err := g.send(c, time.Now()); err != nil {
			return err
		}
	}
	events := make([]unix.EpollEvent, len(g.conns))
	for waiting := len(g.conns); waiting > 0; {
		n, err := unix.EpollWait(g.poll, events, int(glance.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		now := time.Now()
		if err := ctx.Err(); err != nil {
			return err
		}
		if now.After(end.Add(patience)) {
			return errors.New("some answers never came")
		}
		for _, event := range events[:max(n, 0)] {
			c := g.conns[event.Fd]
			whole, err := c.receive()
			if err != nil {
				return fmt.Errorf("%.200q: %w", c.asked.request, err)
			}
			if !whole {
				continue
			}
			now = time.Now()
			g.times = append(g.times, now.Sub(c.sent))
			if now.After(end) {
				waiting--
			} else if err := g.send(c, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// send asks the next question. It fits into the socket's buffer.
func (g *generator) send(c *connection, now time.Time) error {
	g.number++
	g.ask(&c.asked, g.number)
	c.sent, c.in = now, c.in[:0]
	n, err := unix.Write(c.socket, c.asked.request)
	if err == nil && n < len(c.asked.request) {
		err = errors.New("the request was not taken at once")
	}
	return err
}

// receive takes what has arrived and reports whether that makes the answer whole.
func (c *connection) receive() (whole bool, err error) {
	if len(c.in) == cap(c.in) {
		c.in = slices.Grow(c.in, cap(c.in))
	}
	n, err := unix.Read(c.socket, c.in[len(c.in):cap(c.in)])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, errors.New("the connection was closed before the answer was whole")
	}
	c.in = c.in[:len(c.in)+n]
	status, body, whole, err := readAnswer(c.in)
	if err != nil || !whole {
		return false, err
	}
	if status/100 != 2 || !bytes.HasPrefix(body, c.asked.answer) || len(c.asked.answer) == 0 && len(body) > 0 {
		return false, fmt.Errorf("status %d, %.200q", status, body)
	}
	return true, nil
}

// readAnswer takes apart what has come of an answer. Of a body in chunks, whose
// size nobody has told, it returns the first.
func readAnswer(in []byte) (status int, body []byte, whole bool, err error) {
	head, rest, found := bytes.Cut(in, []byte("\r\n\r\n"))
	if !found {
		return 0, nil, false, nil
	}
	const statusAt, statusEnd = len("HTTP/1.1 "), len("HTTP/1.1 200")
	if len(head) < statusEnd {
		return 0, nil, false, fmt.Errorf("not HTTP: %.100q", head)
	}
	if status, err = strconv.Atoi(string(head[statusAt:statusEnd])); err != nil {
		return 0, nil, false, err
	}
	length, chunked := 0, false
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		switch name, value, _ := bytes.Cut(line, []byte(": ")); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return 0, nil, false, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if !chunked {
		if len(rest) > length {
			return 0, nil, false, fmt.Errorf("%d bytes in a body of %d", len(rest), length)
		}
		return status, rest, len(rest) == length, nil
	}
	for {
		line, after, found := bytes.Cut(rest, []byte("\r\n"))
		if !found {
			return 0, nil, false, nil
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return 0, nil, false, err
		}
		if uint64(len(after)) < size+uint64(len("\r\n")) {
			return 0, nil, false, nil
		}
		if body == nil {
			body = after[:size]
		}
		rest = after[size+uint64(len("\r\n")):]
		if size == 0 {
			return status, body, true, nil
		}
	}
}
