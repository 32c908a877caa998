package telegramtest

import (
	"context"
	"slices"
	"time"
)

// Telegram's bounds on getUpdates.
const (
	maxPollSeconds = 50
	maxPollUpdates = 100
	conflictPause  = 3 * time.Second // between answers to repeated conflicts
)

// longPoll is the getUpdates call that is waiting; ended carries the reason it
// must stop.
type longPoll struct {
	ended chan *apiError
}

// Polling reports whether a getUpdates call is waiting for updates.
func (s *Server) Polling() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.poll != nil
}

// endPoll stops the waiting call, if there is one. The caller holds s.mu.
func (s *Server) endPoll(reason *apiError) {
	if s.poll != nil {
		s.poll.ended <- reason // buffered, and each poll is ended once
		s.poll = nil
	}
}

func (s *Server) getUpdates(ctx context.Context, p params) (any, error) {
	timeout := time.Duration(min(max(p.integer("timeout"), 0), maxPollSeconds)) * time.Second
	limit := p.integer("limit")
	if limit <= 0 || limit > maxPollUpdates {
		limit = maxPollUpdates
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.webhook != nil {
		return nil, errWebhookActive
	}
	s.endPoll(errOtherPoll)
	if err := s.confirm(p); err != nil {
		return nil, err
	}
	if err := s.setAllowed(p); err != nil {
		return nil, err
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	poll := &longPoll{ended: make(chan *apiError, 1)}
	s.poll = poll
	defer func() {
		if s.poll == poll {
			s.poll = nil
		}
	}()
	for len(s.state.updates) == 0 && timeout > 0 {
		changed := s.changed
		s.mu.Unlock()
		var over bool
		var ended *apiError
		select {
		case <-changed:
		case ended = <-poll.ended:
		case <-deadline.C:
			over = true
		case <-ctx.Done():
			over = true
		case <-s.done:
			over = true
		}
		if ended != nil {
			s.pauseConflict(ctx)
		}
		s.mu.Lock()
		if ended != nil {
			return nil, ended
		}
		if over {
			break
		}
	}
	return append([]update{}, s.state.updates[:min(limit, len(s.state.updates))]...), nil
}

// confirm forgets the updates below the call's offset; a negative offset keeps
// only that many of the latest. The caller holds s.mu.
func (s *Server) confirm(p params) error {
	offset := int64(p.integer("offset"))
	if offset < 0 {
		keep := min(int(-offset), len(s.state.updates))
		if keep == len(s.state.updates) {
			return nil
		}
		offset = s.state.updates[len(s.state.updates)-keep].ID
	}
	if len(s.state.updates) == 0 || offset <= s.state.updates[0].ID {
		return nil
	}
	return s.commit(record{Confirmed: offset})
}

// setAllowed keeps the kinds of update the bot wants from now on. The caller
// holds s.mu.
func (s *Server) setAllowed(p params) error {
	var kinds []string
	given, err := p.decode("allowed_updates", &kinds)
	if err != nil {
		return badRequest("can't parse allowed_updates: array of strings expected")
	}
	if !given || slices.Equal(kinds, s.state.allowed) {
		return nil
	}
	return s.commit(record{Allowed: &kinds})
}

// pauseConflict holds back the answer to a conflict that follows another too
// soon, so that two pollers do not spin; only under strict limits.
func (s *Server) pauseConflict(ctx context.Context) {
	s.mu.Lock()
	wait := conflictPause - time.Since(s.lastConflict)
	s.lastConflict = time.Now()
	s.mu.Unlock()
	if s.limits != nil && wait > 0 {
		sleep(ctx, s.done, wait)
	}
}

// enqueue adds an update to the records of one commit, unless the bot does not
// want its kind. The caller holds s.mu.
func (s *Server) enqueue(records []record, u update) []record {
	if len(s.state.allowed) > 0 && !slices.Contains(s.state.allowed, u.kind()) {
		return records
	}
	u.ID = s.state.lastUpdate + 1
	for _, r := range records {
		if r.Update != nil {
			u.ID = r.Update.ID + 1
		}
	}
	return append(records, record{Update: &u})
}

// sleep waits for d, or until ctx or done ends.
func sleep(ctx context.Context, done <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-done:
	}
}
