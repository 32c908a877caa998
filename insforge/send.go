package insforge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// call is one request, ready to be sent any number of times.
type call struct {
	operation string // as in Attempt
	table     string // as in Attempt
	method    string
	path      string // below the base URL, escaped
	query     string // encoded
	accept    string
	prefer    string
	schema    string
	body      []byte      // JSON; nil for none
	header    http.Header // further headers, of raw requests
	secrets   []string    // in the body
	harmless  bool        // sending it twice has the effect of sending it once
}

func (c *call) reads() bool { return c.method == http.MethodGet || c.method == http.MethodHead }

// answer is a successful response. Its body is valid until the handler
// that got it returns.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send sends a request as often as the policy allows and hands a successful
// answer to handle, once. The error it returns is the last one the server or
// the network gave, whatever ended the attempts.
func (c *Client) send(ctx context.Context, r *call, handle func(answer) error) error {
	if err := ctx.Err(); err != nil {
		return &TransportError{Method: r.method, Table: r.table, Err: err, unsent: true}
	}
	s := sending{client: c, call: r, handle: handle}
	if c.retry.Budget > 0 {
		s.end = time.Now().Add(c.retry.Budget)
	}
	waits := c.retry.waits(ctx, s.end)
	err := backoff.RetryNotify(func() error {
		err := s.attempt(ctx)
		if err == nil {
			return nil
		}
		waits.asked = 0
		var refusal *Error
		if errors.As(err, &refusal) {
			waits.asked = refusal.RetryAfter
		}
		if s.over(ctx) != nil || !s.again(err) {
			return backoff.Permanent(err)
		}
		return err
	}, waits, s.report)
	if err == nil {
		return nil
	}
	s.report(s.last, 0)
	return s.conclude(ctx)
}

// sending is the state of one request over its attempts.
type sending struct {
	client    *Client
	call      *call
	handle    func(answer) error
	end       time.Time // of the time for all attempts; zero for none but the context's
	number    int
	renewed   bool // the token has been refreshed
	uncertain bool // some attempt may have been carried out
	last      error
	real      error // the last one that is not just the end of the time for all attempts
	unended   *ended
}

// over is why there is no time for another attempt; nil if there is.
func (s *sending) over(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.end.IsZero() && !time.Now().Before(s.end) {
		return context.DeadlineExceeded
	}
	return nil
}

// ended is a failed attempt that the observers have yet to hear about.
type ended struct {
	attempt  Attempt
	contexts []context.Context
}

// attempt sends the request once.
func (s *sending) attempt(ctx context.Context) error {
	s.number++
	c := s.client
	a := Attempt{Operation: s.call.operation, Method: s.call.method, Table: s.call.table, Number: s.number}
	contexts := make([]context.Context, len(c.observers))
	for i, o := range c.observers {
		contexts[i] = o.Start(ctx, a)
		ctx = contexts[i]
	}
	start := time.Now()
	status, err := s.exchange(ctx)
	a.Status, a.Duration, a.Err = status, time.Since(start), err
	if s.last = err; err != nil {
		if s.over(ctx) == nil || s.real == nil {
			s.real = err
		}
		s.unended = &ended{a, contexts}
		return err
	}
	for i, o := range c.observers {
		o.End(contexts[i], a)
	}
	return nil
}

// report tells the observers how the last attempt failed and how long the
// next one has to wait.
func (s *sending) report(_ error, wait time.Duration) {
	if s.unended == nil {
		return
	}
	e := s.unended
	s.unended = nil
	e.attempt.Wait = wait
	for i, o := range s.client.observers {
		o.End(e.contexts[i], e.attempt)
	}
}

// again reports whether the request may be sent again after err.
func (s *sending) again(err error) bool {
	var refusal *Error
	var transport *TransportError
	v := final
	switch {
	case errors.As(err, &refusal):
		v = refusal.judge()
		s.uncertain = s.uncertain || refusal.mayBeCarriedOut() && !s.call.reads()
	case errors.As(err, &transport):
		v = uncertain
		if transport.unsent {
			v = notCarried
		}
		if permanent(transport.Err) {
			v = final
		}
		s.uncertain = s.uncertain || !transport.unsent && !s.call.reads()
	}
	return v == notCarried || v == uncertain && (s.call.reads() || s.call.harmless)
}

// conclude dresses the last error for the caller.
func (s *sending) conclude(ctx context.Context) error {
	err := s.real
	var refusal *Error
	var transport *TransportError
	switch {
	case errors.As(err, &refusal):
		refusal.Attempts, refusal.uncertain = s.number, s.uncertain
	case errors.As(err, &transport):
		transport.Attempts, transport.uncertain = s.number, s.uncertain
	}
	if cause := s.over(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w; gave up: %w", err, cause)
	}
	return err
}

// exchange sends the request and reads the answer, within the time limit of
// one attempt. A refused token is refreshed once.
func (s *sending) exchange(ctx context.Context) (status int, err error) {
	until := time.Now().Add(s.client.timeout)
	if !s.end.IsZero() && s.end.Before(until) {
		until = s.end
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	status, token, err := s.roundTrip(ctx)
	var refusal *Error
	refresh := s.client.creds.refresh
	if refresh == nil || s.renewed || !errors.As(err, &refusal) ||
		refusal.Status != http.StatusUnauthorized || refusal.Code == "42501" {
		return status, err
	}
	s.renewed = true
	if renewErr := refresh.renew(ctx, token); renewErr != nil {
		return status, fmt.Errorf("%w; refreshing the token: %s", err, s.clean(token).clean(withoutURL(renewErr).Error()))
	}
	status, _, err = s.roundTrip(ctx)
	return status, err
}

func (s *sending) roundTrip(ctx context.Context) (status int, token string, err error) {
	c, r := s.client, s.call
	req := c.http.R()
	if token, err = c.creds.apply(ctx, req.Header); err != nil {
		return 0, token, s.transportError(ctx, token, err, true)
	}
	s.setHeaders(req.Header)
	var stage stage
	if !r.reads() {
		ctx = httptrace.WithClientTrace(ctx, stage.trace())
	}
	if r.body != nil {
		req.SetBody(r.body)
	}
	target := c.base + r.path
	if r.query != "" {
		target += "?" + r.query
	}
	resp, err := req.SetContext(ctx).SetDoNotParseResponse(true).Execute(r.method, target)
	if err != nil {
		return 0, token, s.transportError(ctx, token, err, stage.unsent() || unsent(err))
	}
	raw := resp.RawResponse
	defer raw.Body.Close()
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	defer recycle(buf)
	if n := raw.ContentLength; n > 0 && n <= c.maxBody {
		buf.Grow(int(n) + bytes.MinRead)
	}
	_, err = buf.ReadFrom(io.LimitReader(raw.Body, c.maxBody+1))
	switch ok := raw.StatusCode >= 200 && raw.StatusCode <= 299; {
	case !ok: // what there is of a refusal's body is enough
		e := newError(raw.StatusCode, raw.Header, buf.Bytes(), s.clean(token), c.now())
		e.Method, e.Table = r.method, r.table
		return raw.StatusCode, token, e
	case err != nil:
		return raw.StatusCode, token, s.transportError(ctx, token, fmt.Errorf("reading the answer: %w", err), false)
	case int64(buf.Len()) > c.maxBody:
		return raw.StatusCode, token, s.transportError(ctx, token, errBodyTooLarge, false)
	}
	if err := s.handle(answer{raw.StatusCode, raw.Header, buf.Bytes()}); err != nil {
		return raw.StatusCode, token, err
	}
	return raw.StatusCode, token, nil
}

func (s *sending) setHeaders(h http.Header) {
	r := s.call
	h["User-Agent"] = userAgent
	h["Accept"] = []string{r.accept}
	if r.prefer != "" {
		h["Prefer"] = []string{r.prefer}
	}
	if r.body != nil {
		h["Content-Type"] = contentTypeJSON
	}
	if r.schema != "" {
		name := "Content-Profile"
		if r.reads() {
			name = "Accept-Profile"
		}
		h[name] = []string{r.schema}
	}
	if s.number > 1 {
		h["X-Retry-Count"] = []string{strconv.Itoa(s.number - 1)}
	}
	for name, values := range r.header {
		h[http.CanonicalHeaderKey(name)] = values
	}
}

// Header values that never change are shared; net/http does not modify them.
var (
	userAgent       = []string{"followthrough-insforge/1"}
	contentTypeJSON = []string{"application/json"}
)

var errBodyTooLarge = errors.New("the answer is larger than allowed (see WithMaxResponse)")

// transportError strips net/http's wrapping, which holds the whole URL.
func (s *sending) transportError(ctx context.Context, token string, err error, unsent bool) error {
	err = withoutURL(err)
	if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w (%w)", ctx.Err(), err)
	}
	if text := s.clean(token).clean(err.Error()); text != err.Error() {
		err = redactedError{err, text}
	}
	return &TransportError{Method: s.call.method, Table: s.call.table, Err: err, unsent: unsent}
}

// clean removes what must not be seen from the text of others.
func (s *sending) clean(token string) redactor {
	return s.client.redact().with(token).with(s.call.secrets...)
}

func withoutURL(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

// redactedError shows other text than an error whose own must not be seen. That
// can be recognised, but not got at.
type redactedError struct {
	err  error
	text string
}

func (e redactedError) Error() string        { return e.text }
func (e redactedError) Is(target error) bool { return errors.Is(e.err, target) }

// Timeout is that of net.Error.
func (e redactedError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.err, &t) && t.Timeout()
}

// GoString keeps %#v from the error inside.
func (e redactedError) GoString() string { return e.text }

// permanent reports whether a transport failure would only come again: a
// certificate that does not fit, a body that is too large.
func permanent(err error) bool {
	return errors.Is(err, errBodyTooLarge) || isCertificateError(err) || errors.Is(err, context.Canceled)
}

// stage follows a request through net/http's transport. It knows more than
// the error does: without a connection nothing was sent. It knows nothing of
// other transports, and then says nothing.
type stage struct {
	mu           sync.Mutex
	asked, given bool
}

func (s *stage) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked = true
		},
		GotConn: func(httptrace.GotConnInfo) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.given = true
		},
	}
}

func (s *stage) unsent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked && !s.given
}

// unsent reports whether the error itself says that there was no connection.
func unsent(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &op) && op.Op == "dial" || errors.As(err, &dns) || isCertificateError(err)
}

// buffers holds response bodies while they are decoded.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// recycle keeps a buffer for later, unless one huge answer made it huge.
func recycle(b *bytes.Buffer) {
	if b.Cap() <= 1<<20 {
		buffers.Put(b)
	}
}

// total reads the number behind the slash of Content-Range, which counts all
// rows that were found or affected.
func total(h http.Header) (int64, bool) {
	_, count, ok := strings.Cut(h.Get("Content-Range"), "/")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(count, 10, 64)
	return n, err == nil && n >= 0
}
