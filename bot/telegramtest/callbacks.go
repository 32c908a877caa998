package telegramtest

import (
	"context"
	"time"
)

// maxAnswer bounds the text of a callback answer, in UTF-16 units.
const maxAnswer = 200

// Answer is what the bot showed the person who pressed a button.
type Answer struct {
	Text  string `json:"text,omitempty"` // empty: the button just stops spinning
	Alert bool   `json:"show_alert,omitempty"`
	URL   string `json:"url,omitempty"`
}

// answerCallbackQuery stops a button's spinner, once and in time.
func (s *Server) answerCallbackQuery(_ context.Context, p params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, ok := s.state.queries[p.str("callback_query_id")]
	if !ok || q.Answer != nil || s.cfg.now().Sub(q.At) > s.cfg.callbackLife {
		return nil, errQueryTooOld
	}
	if units(p.str("text")) > maxAnswer {
		return nil, badRequest("MESSAGE_TOO_LONG")
	}
	a := Answer{Text: p.str("text"), Alert: p.flag("show_alert"), URL: p.str("url")}
	return true, s.commit(record{Answered: &queryAnswered{ID: q.ID, Answer: a}})
}

// Answer waits for the bot's answer to a button press and returns it.
func (u *User) Answer(ctx context.Context, pressID string) (Answer, error) {
	var found Answer
	err := u.server.await(ctx, func(st *state) bool {
		q, ok := st.queries[pressID]
		if ok && q.Answer != nil {
			found = *q.Answer
			return true
		}
		return false
	})
	return found, err
}

// Pending tells which presses of this person the bot has still to answer,
// with the time each was made.
func (u *User) Pending() map[string]time.Time {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := map[string]time.Time{}
	for id, q := range s.state.queries {
		if q.From == u.id && q.Answer == nil {
			pending[id] = q.At
		}
	}
	return pending
}
