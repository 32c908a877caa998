package telegramtest

import (
	"maps"
	"strconv"
	"strings"
	"time"
)

// Call is a request of the bot, as it came, whatever became of it.
type Call struct {
	Method string            // as the bot spelt it
	Params map[string]string // strings as they are, other values as JSON
	ChatID int64             // 0 where the call names no chat by number
	At     time.Time         // real time
}

// record remembers a call, and forgets the older half of what it remembers when
// there are too many.
func (s *Server) record(method string, p params) Call {
	c := Call{Method: method, Params: p.values, At: time.Now()}
	c.ChatID, _ = strconv.ParseInt(p.values["chat_id"], 10, 64)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.calls) >= s.cfg.calls {
		s.calls = append(s.calls[:0:0], s.calls[(len(s.calls)+1)/2:]...)
	}
	s.calls = append(s.calls, c)
	return c
}

// Calls are the bot's calls so far, oldest first; only those of the given
// methods, in any case, if there are any.
func (s *Server) Calls(only ...string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var calls []Call
	for _, c := range s.calls {
		if len(only) > 0 && !containsName(only, c.Method) {
			continue
		}
		c.Params = maps.Clone(c.Params)
		calls = append(calls, c)
	}
	return calls
}

func containsName(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}
