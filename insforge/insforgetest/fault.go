package insforgetest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"time"
)

// A Fault is something that goes wrong with the requests it matches. The zero
// Fault matches everything and harms nothing. The fields under "what happens"
// combine: the delay comes first; then the connection is cut, or the request is
// carried out if nothing forbids it; then the response is dropped, replaced or sent.
type Fault struct {
	// Method and Table narrow the requests; empty: any. Match narrows further.
	Method, Table string
	Match         Match
	// Times is how many requests suffer; 0: all until removed.
	Times int

	// What happens.

	// Delay is waited before anything else, or until the client gives up.
	Delay time.Duration
	// CutConnection closes the connection before the request is carried out.
	CutConnection bool
	// DropResponse carries the request out, then closes the connection.
	DropResponse bool
	// Status, Header and Body are answered instead of the real response. The
	// request is not carried out unless AfterCommit is set.
	Status int
	Header http.Header
	Body   string
	// AfterCommit carries the request out before Status is answered, as when a
	// gateway gives up on a server that was only slow.
	AfterCommit bool
	// TruncateBody sends the real headers and half of the real body, then
	// closes the connection.
	TruncateBody bool
}

// TooManyRequests is a 429 that asks to wait; without a wait, it has no Retry-After.
func TooManyRequests(wait time.Duration) Fault {
	h := http.Header{"Content-Type": {"application/json"}}
	if wait > 0 {
		h.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	return Fault{Status: http.StatusTooManyRequests, Header: h, Body: `{"error":"TOO_MANY_REQUESTS","message":"Too many requests","statusCode":429}`}
}

// BadGateway is the HTML page of a proxy whose upstream is gone.
func BadGateway() Fault {
	return Fault{
		Status: http.StatusBadGateway,
		Header: http.Header{"Content-Type": {"text/html"}},
		Body:   "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
	}
}

// Deadlock is a statement that PostgreSQL rolled back to resolve a deadlock.
func Deadlock() Fault {
	return Fault{
		Status: http.StatusInternalServerError,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
		Body:   `{"code":"40P01","details":null,"hint":"See server log for query details.","message":"deadlock detected"}`,
	}
}

// NoConnection is PostgREST that cannot reach its database.
func NoConnection() Fault {
	return Fault{
		Status: http.StatusServiceUnavailable,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}, "Retry-After": {"1"}},
		Body:   `{"code":"PGRST000","details":"connection refused","hint":null,"message":"Database connection error. Retrying the connection."}`,
	}
}

// Fault makes requests fail as f says, from now on, until f.Times requests did
// or remove is called. Of several matching faults the oldest applies.
func (s *Server) Fault(f Fault) (remove func()) {
	active := &activeFault{Fault: f, left: f.Times}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, active)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = slices.DeleteFunc(s.faults, func(a *activeFault) bool { return a == active })
	}
}

// Heal removes every fault.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

type activeFault struct {
	Fault
	left int // 0: no limit
}

func (f *activeFault) matches(r Request) bool {
	return (f.Method == "" || f.Method == r.Method) &&
		(f.Table == "" || f.Table == r.Table) &&
		(f.Match == nil || f.Match(r))
}

// interfere answers r under the fault; answered receives the status sent.
func (f *Fault) interfere(w http.ResponseWriter, r *http.Request, upstream http.Handler, answered func(int)) {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			cut()
		}
	}
	if f.CutConnection {
		cut()
	}
	replaced := f.Status != 0
	if !replaced || f.AfterCommit || f.DropResponse {
		real := httptest.NewRecorder()
		upstream.ServeHTTP(real, r)
		switch {
		case f.DropResponse:
			cut()
		case !replaced:
			f.relay(w, real, answered)
			return
		}
	}
	for key, values := range f.Header {
		w.Header()[key] = values
	}
	answered(f.Status)
	w.WriteHeader(f.Status)
	_, _ = io.WriteString(w, f.Body) // the client may be gone
}

func (f *Fault) relay(w http.ResponseWriter, real *httptest.ResponseRecorder, answered func(int)) {
	for key, values := range real.Header() {
		w.Header()[key] = values
	}
	body := real.Body.Bytes()
	if !f.TruncateBody {
		answered(real.Code)
		w.WriteHeader(real.Code)
		_, _ = w.Write(body)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(real.Code)
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	cut()
}

// cut closes the connection without (the rest of) a response.
func cut() { panic(http.ErrAbortHandler) }
