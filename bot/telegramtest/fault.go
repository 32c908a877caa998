package telegramtest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Fault is trouble for the calls it matches. Exactly what happens follows from
// the fields set: a call first waits for Delay; then Reset cuts the connection
// with nothing done; Drop carries the call out and cuts the connection, so
// that the bot cannot know; Truncate carries it out too, and cuts the connection
// in the middle of the answer; Status answers with a failure instead of carrying
// the call out, or, with Deliver, after it. A Fault with none of these only
// delays.
type Fault struct {
	Method string // of the calls it applies to, in any case; empty means every one but getUpdates
	ChatID int64  // 0 means any chat
	Skip   int    // lets so many matching calls pass first
	Times  int    // how many calls it applies to; 0 means all until it is removed

	Delay       time.Duration
	Reset       bool
	Drop        bool
	Truncate    bool
	Deliver     bool
	Status      int
	Description string        // of the failure; a plausible one for the status if empty
	RetryAfter  time.Duration // implies Status 429 unless one is set
	HTML        bool          // the failure is a proxy's web page, 502 unless Status is set
}

// fault is a Fault in force.
type fault struct {
	Fault
	seen, used int
}

// Fault puts a fault in force; the function returned lifts it. When several
// match a call, the oldest that has calls left applies.
func (s *Server) Fault(f Fault) (remove func()) {
	switch {
	case f.HTML && f.Status == 0:
		f.Status = http.StatusBadGateway
	case f.RetryAfter > 0 && f.Status == 0:
		f.Status = http.StatusTooManyRequests
	}
	active := &fault{Fault: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, active)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, g := range s.faults {
			if g == active {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
				return
			}
		}
	}
}

// fault is the trouble the call is in for, nil if none, and counts it.
func (s *Server) fault(c Call) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if !f.matches(c) || (f.Times > 0 && f.used >= f.Times) {
			continue
		}
		f.seen++
		if f.seen <= f.Skip {
			continue
		}
		f.used++
		return f
	}
	return nil
}

func (f *fault) matches(c Call) bool {
	if f.Method == "" {
		if strings.EqualFold(c.Method, "getUpdates") {
			return false
		}
	} else if !strings.EqualFold(f.Method, c.Method) {
		return false
	}
	return f.ChatID == 0 || f.ChatID == c.ChatID
}

// serve answers a call the way the fault says.
func (f *fault) serve(w http.ResponseWriter, ctx context.Context, done <-chan struct{}, carryOut func() (any, error)) {
	if f.Delay > 0 {
		sleep(ctx, done, f.Delay)
	}
	if f.Reset {
		panic(http.ErrAbortHandler)
	}
	if f.Status == 0 || f.Drop || f.Truncate || f.Deliver {
		result, err := carryOut()
		switch {
		case f.Drop:
			panic(http.ErrAbortHandler)
		case f.Truncate:
			answer(&halfWriter{w}, result, err)
			_ = http.NewResponseController(w).Flush() // so that the half arrives
			panic(http.ErrAbortHandler)
		case f.Status == 0:
			answer(w, result, err)
			return
		}
	}
	if f.HTML {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, "<html><head><title>%d %[2]s</title></head><body><h1>%[2]s</h1></body></html>\n", f.Status, http.StatusText(f.Status))
		return
	}
	answer(w, nil, f.refusal())
}

func (f *fault) refusal() *apiError {
	if f.RetryAfter > 0 && f.Description == "" && f.Status == http.StatusTooManyRequests {
		return tooManyRequests(f.RetryAfter)
	}
	description := f.Description
	if description == "" {
		description = http.StatusText(f.Status)
	}
	return &apiError{code: f.Status, description: description, retryAfter: f.RetryAfter}
}

// halfWriter passes on the first half of what is written at once.
type halfWriter struct{ http.ResponseWriter }

func (w *halfWriter) Write(p []byte) (int, error) {
	_, err := w.ResponseWriter.Write(p[:len(p)/2])
	return len(p), err
}
