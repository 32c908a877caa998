package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// How often a stream looks at what nobody announces: the agenda, which other
// programs may change too, and the clock on a journey.
const (
	restlessly = 150 * time.Millisecond // while the clock is on a journey
	leisurely  = 2 * time.Second
	gathering  = 20 * time.Millisecond // several changes at once make one event
)

// event is what a stream sends: the whole state first, then what changed.
type event struct {
	pageState
	Whole   bool  `json:"whole"`             // forget what was before
	Removed []int `json:"removed,omitempty"` // messages that are gone
}

// serveEvents streams the page's state as Server-Sent Events until the page
// goes or the demo closes. A page that reconnects gets the whole state again.
func (d *demo) serveEvents(w http.ResponseWriter, r *http.Request) {
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{}) // a stream outlives any deadline for answers
	w.Header().Set("Content-Type", "text/event-stream")
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(d.closing, cancel)()

	chat, stopChat := d.telegram.Subscribe()
	defer stopChat()
	own, stopOwn := d.subscribe()
	defer stopOwn()

	if _, err := fmt.Fprint(w, "retry: 1000\n\n"); err != nil {
		return
	}
	var last snapshot
	for {
		state := d.state(ctx)
		if ctx.Err() != nil {
			return
		}
		if changed, data := last.next(state); changed {
			if _, err := fmt.Fprintf(w, "data: %s\n\n", data); err != nil {
				return
			}
		} else if _, err := fmt.Fprint(w, ":\n\n"); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		pause := leisurely
		if state.Journey != nil || state.Doing != "" {
			pause = restlessly
		}
		select {
		case <-chat:
		case <-own:
		case <-time.After(pause):
			continue
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(gathering):
		case <-ctx.Done():
			return
		}
	}
}

// snapshot is what a stream has sent so far.
type snapshot struct {
	messages map[int][]byte
	rest     []byte
	ahead    time.Duration // of the clock before the system's
}

// astray is how far the page's clock, which ticks by itself, may be from the
// service's before it is told.
const astray = 500 * time.Millisecond

// next is the event that takes the page from the snapshot to the state;
// nothing changed if it would say no more than the time as the page has it.
func (s *snapshot) next(state pageState) (changed bool, data []byte) {
	e := event{pageState: state, Whole: s.messages == nil}
	now := make(map[int][]byte, len(state.Messages))
	e.Messages = []pageMessage{}
	for _, m := range state.Messages {
		encoded := mustJSON(m)
		now[m.ID] = encoded
		if !bytes.Equal(encoded, s.messages[m.ID]) {
			e.Messages = append(e.Messages, m)
		}
	}
	for id := range s.messages {
		if _, still := now[id]; !still {
			e.Removed = append(e.Removed, id)
		}
	}
	rest := state
	rest.Messages, rest.Now = nil, time.Time{}
	encodedRest := mustJSON(rest)
	ahead := time.Until(state.Now)
	changed = e.Whole || len(e.Messages) > 0 || len(e.Removed) > 0 || !bytes.Equal(encodedRest, s.rest) || (ahead-s.ahead).Abs() > astray
	s.messages, s.rest = now, encodedRest
	if changed {
		s.ahead = ahead
	}
	return changed, mustJSON(e)
}

// mustJSON encodes the page's own types, which always can be.
func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
