package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	headTime    = 10 * time.Second // in which the head of a request must arrive once it has begun
	bodyTime    = 2 * time.Minute  // and its body
	largestHead = 1 << 20
	mostIgnored = 256 << 10 // of a body that the handler has left unread
	lingering   = 500 * time.Millisecond
)

// A connection answers one request after the other.
type connection struct {
	server *server
	socket net.Conn
	remote string
	limit  limitedReader
	in     *bufio.Reader
	state  atomic.Int32
}

func newConnection(s *server, socket net.Conn) *connection {
	c := &connection{server: s, socket: socket, remote: socket.RemoteAddr().String(), limit: limitedReader{socket, largestHead}}
	c.in = bufio.NewReader(&c.limit)
	return c
}

// The states of a connection.
const (
	idle int32 = iota
	busy
	ended
)

// endIfIdle closes a connection that waits for a request.
func (c *connection) endIfIdle() {
	if c.state.CompareAndSwap(idle, ended) {
		_ = c.socket.Close()
	}
}

func (c *connection) serve() {
	defer func() {
		if failure := recover(); failure != nil && failure != http.ErrAbortHandler {
			c.server.log.Error("a request was not answered", "error", failure, "stack", string(debug.Stack()))
		}
		_ = c.socket.Close()
	}()
	for {
		if _, err := c.in.Peek(1); err != nil || !c.state.CompareAndSwap(idle, busy) {
			return
		}
		if !c.answer() {
			return
		}
		c.state.Store(idle)
		if c.server.stopping.Load() {
			return
		}
	}
}

// answer reads a request and answers it. It reports whether another may follow.
func (c *connection) answer() (again bool) {
	r, err := c.readRequest()
	switch {
	case err != nil:
		var broken *net.OpError
		switch {
		case c.limit.left <= 0:
			return c.refuse(http.StatusRequestHeaderFieldsTooLarge)
		case errors.As(err, &broken):
			return false // there is nobody to tell
		case strings.HasPrefix(err.Error(), "unsupported transfer encoding"):
			return c.refuse(http.StatusNotImplemented)
		}
		return c.refuse(http.StatusBadRequest)
	case r.ProtoMajor != 1:
		return c.refuse(http.StatusHTTPVersionNotSupported)
	case r.ProtoAtLeast(1, 1) && r.Host == "", !httpguts.ValidHostHeader(r.Host), !wellFormed(r.Header):
		return c.refuse(http.StatusBadRequest)
	}
	if expected := r.Header.Get("Expect"); expected != "" && r.ProtoAtLeast(1, 1) {
		if !strings.EqualFold(expected, "100-continue") {
			return c.refuse(http.StatusExpectationFailed)
		}
		if _, err := io.WriteString(c.socket, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return false
		}
	}
	if r.Body != http.NoBody && (r.ContentLength < 0 || r.ContentLength > int64(c.in.Buffered())) { // else it is there
		if err := c.socket.SetReadDeadline(time.Now().Add(bodyTime)); err != nil {
			return false
		}
		defer func() { _ = c.socket.SetReadDeadline(time.Time{}) }()
	}
	w := &answer{request: r, header: http.Header{}, out: c.server.writer(c.socket)}
	defer c.server.release(w.out)
	c.server.handler.ServeHTTP(w, r)
	if w.finish() != nil {
		return false
	}
	if w.unread {
		c.linger()
	}
	return !w.last
}

// wellFormed tells whether a header is what it may be: http.ReadRequest leaves
// that to its caller.
func wellFormed(header http.Header) bool {
	for name, values := range header {
		if !httpguts.ValidHeaderFieldName(name) || slices.ContainsFunc(values, func(v string) bool { return !httpguts.ValidHeaderFieldValue(v) }) {
			return false
		}
	}
	return true
}

// readRequest waits for the head of a request. The size of what follows is the
// handler's to bound.
func (c *connection) readRequest() (*http.Request, error) {
	c.limit.left = largestHead
	arrived, _ := c.in.Peek(c.in.Buffered())
	if !bytes.Contains(arrived, []byte("\r\n\r\n")) { // else there is no need to look at the clock
		if err := c.socket.SetReadDeadline(time.Now().Add(headTime)); err != nil {
			return nil, err
		}
		defer func() { _ = c.socket.SetReadDeadline(time.Time{}) }()
	}
	if blank, _ := c.in.Peek(2); string(blank) == "\r\n" { // some clients end a body with it: RFC 9112, section 2.2
		_, _ = c.in.Discard(len(blank))
	}
	r, err := http.ReadRequest(c.in)
	if err != nil {
		return nil, err
	}
	c.limit.left = math.MaxInt64
	r.RemoteAddr = c.remote
	return r, nil
}

// refuse answers what is no request.
func (c *connection) refuse(status int) (again bool) {
	text := strconv.Itoa(status) + " " + http.StatusText(status)
	if _, err := io.WriteString(c.socket, "HTTP/1.1 "+text+"\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"+text); err == nil {
		c.linger()
	}
	return false
}

// linger lets a client that is still sending read its answer: closing would
// take it away.
func (c *connection) linger() {
	if half, ok := c.socket.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = c.socket.SetReadDeadline(time.Now().Add(lingering))
		_, _ = io.Copy(io.Discard, c.socket)
	}
}

// limitedReader reads no more than is left.
type limitedReader struct {
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	n, err := l.from.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// An answer is what a handler writes to.
type answer struct {
	request *http.Request
	header  http.Header
	out     *bufio.Writer
	status  int
	begun   bool // the head is written
	last    bool // the connection ends with it
	left    int  // of the body, by the length that was told; negative: none was
	unread  bool // something of the request is still on its way
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	if err := a.begin(-1); err != nil {
		return 0, err
	}
	if a.bodyless() {
		return 0, http.ErrBodyNotAllowed
	}
	if a.left < 0 {
		return a.out.Write(p)
	}
	n, err := a.out.Write(p[:min(len(p), a.left)])
	a.left -= n
	if err == nil && n < len(p) {
		err = http.ErrContentLength
	}
	return n, err
}

// finish sends what is written. It fails if that is less than was told: what the
// client reads next must not be taken for the rest.
func (a *answer) finish() error {
	err := a.begin(0)
	if err == nil && a.left > 0 && !a.bodyless() {
		err = io.ErrShortWrite
	}
	return cmp.Or(err, a.out.Flush())
}

func (a *answer) bodyless() bool {
	return a.request.Method == http.MethodHead || a.status == http.StatusNoContent || a.status == http.StatusNotModified
}

// begin writes the head of an answer with a body of some length; -1: it is not
// known, and the body ends with the connection unless the handler has told.
func (a *answer) begin(length int) error {
	if a.begun {
		return nil
	}
	a.begun = true
	a.WriteHeader(http.StatusOK) // unless the handler has
	a.skipBody()
	a.left = -1
	switch told := a.header["Content-Length"]; {
	case len(told) == 1:
		var err error
		if a.left, err = strconv.Atoi(told[0]); err != nil {
			return err
		}
	case a.bodyless():
	case length >= 0:
		a.header["Content-Length"] = []string{strconv.Itoa(length)}
	default:
		a.last = true
	}
	a.last = a.last || a.request.Close
	version, ends, stays := "HTTP/1.1 ", "Connection: close\r\n", ""
	if a.request.ProtoMinor == 0 {
		version, ends, stays = "HTTP/1.0 ", "", "Connection: keep-alive\r\n"
	}
	head := append(a.out.AvailableBuffer(), version...)
	head = append(strconv.AppendInt(head, int64(a.status), 10), ' ')
	head = append(append(head, http.StatusText(a.status)...), "\r\nDate: "...)
	head = append(time.Now().UTC().AppendFormat(head, http.TimeFormat), "\r\n"...)
	if a.last {
		head = append(head, ends...)
	} else {
		head = append(head, stays...)
	}
	if _, err := a.out.Write(head); err != nil {
		return err
	}
	if err := a.header.Write(a.out); err != nil {
		return err
	}
	_, err := a.out.WriteString("\r\n")
	return err
}

// skipBody reads what the handler has left of the body, unless that is much: then
// no other request follows.
func (a *answer) skipBody() {
	if a.request.Body == http.NoBody {
		return
	}
	if _, err := io.CopyN(io.Discard, a.request.Body, mostIgnored+1); !errors.Is(err, io.EOF) {
		a.last, a.unread = true, true
	}
}
