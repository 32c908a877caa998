package schedulertest

import (
	"context"
	"slices"
	"sync"

	"github.com/followthrough-go/followthrough/scheduler"
)

// Sender records the messages it is told to send. It is safe for concurrent
// use; the zero Sender delivers everything.
type Sender struct {
	// Answer decides what becomes of a message; nil delivers it. It is called
	// before the message is recorded.
	Answer func(ctx context.Context, m scheduler.Message) scheduler.Result

	mu       sync.Mutex
	messages []scheduler.Message
	last     int64
}

// Send implements [scheduler.Sender]. A message counts as received when the
// answer is Delivered or Ambiguous: the worse case for whoever promises not to
// send twice.
func (s *Sender) Send(ctx context.Context, m scheduler.Message) scheduler.Result {
	result := scheduler.Result{Outcome: scheduler.Delivered}
	if s.Answer != nil {
		result = s.Answer(ctx, m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if result.Outcome == scheduler.Delivered || result.Outcome == scheduler.Ambiguous {
		s.messages = append(s.messages, m)
	}
	if result.Outcome == scheduler.Delivered && result.MessageID == 0 {
		s.last++
		result.MessageID = s.last
	}
	return result
}

// Messages returns what was received so far, in order.
func (s *Sender) Messages() []scheduler.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Take returns what was received since the last Take.
func (s *Sender) Take() []scheduler.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.messages
	s.messages = nil
	return taken
}
