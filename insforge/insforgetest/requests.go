package insforgetest

import (
	"net/http"
	"net/url"
	"slices"
)

// A Request is one line of a server's request log.
type Request struct {
	Method   string
	Path     string
	Table    string // the path without the dialect's prefix
	RawQuery string
	Query    url.Values
	Header   http.Header
	Body     []byte
	Status   int  // what was answered; 0 while unanswered or when the connection was cut
	Faulted  bool // a fault interfered
}

// A Match selects requests.
type Match func(Request) bool

// Method matches requests with one of these methods.
func Method(methods ...string) Match {
	return func(r Request) bool { return slices.Contains(methods, r.Method) }
}

// Table matches requests for a table (or "rpc/function").
func Table(name string) Match {
	return func(r Request) bool { return r.Table == name }
}

// Param matches requests that have this query parameter with this value.
func Param(key, value string) Match {
	return func(r Request) bool { return slices.Contains(r.Query[key], value) }
}

// Header matches requests that have this header with this value.
func Header(name, value string) Match {
	return func(r Request) bool { return slices.Contains(r.Header.Values(name), value) }
}

// Requests returns the requests received so far, in order of arrival, that
// satisfy every match.
func (s *Server) Requests(matches ...Match) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.requests {
		if all(matches, r) {
			out = append(out, r)
		}
	}
	return out
}

// ForgetRequests empties the request log.
func (s *Server) ForgetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func all(matches []Match, r Request) bool {
	for _, m := range matches {
		if !m(r) {
			return false
		}
	}
	return true
}
