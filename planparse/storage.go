package planparse

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MarshalJSON writes the step as an object of the format, with every field it
// was read with. A field whose exported value was not changed is written as it
// was read.
func (s Step) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	written := map[string]bool{}
	put := func(key string, raw []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = appendString(out, key)
		out = append(append(out, ':'), raw...)
		written[key] = true
	}
	for _, f := range s.fields {
		raw := s.current(f)
		if raw != nil {
			put(f.key, raw)
		}
		written[f.key] = true
	}
	fresh := s.fields == nil
	for _, key := range formatKeys {
		if written[key] {
			continue
		}
		raw := s.encode(key)
		unset := raw == nil || !fresh && (string(raw) == "null" || string(raw) == `""` ||
			key == keyStatus && s.Status == StatusPending || key == keyStepID && s.ID == 0)
		if !unset {
			put(key, raw)
		}
	}
	out = append(out, '}')
	if !json.Valid(out) {
		return nil, fmt.Errorf("planparse: step %d: delay_days is not JSON: %.40q", s.ID, s.Delay)
	}
	return out, nil
}

// current is the JSON of a field now: as it was read, unless the exported
// value has been changed since. Nil means the field was removed.
func (s *Step) current(f field) []byte {
	var was Step
	was.fill(f)
	same := false
	switch f.key {
	case keyStepID:
		same = was.ID == s.ID
	case keyAction:
		same = was.Action == s.Action
	case keyDescription:
		same = was.Description == s.Description
	case keySuggestedText:
		same = was.SuggestedText == s.SuggestedText
	case keyTiming:
		same = was.Timing == s.Timing
	case keyDelay:
		if s.Delay == nil {
			return nil
		}
		same = bytes.Equal(was.Delay, s.Delay)
	case keyStatus:
		same = was.Status == s.Status
	case keyCompletedAt:
		same = was.CompletedAt == s.CompletedAt
	default:
		return f.raw
	}
	if same {
		return f.raw
	}
	return s.encode(f.key)
}

// encode writes an exported field as the format wants it.
func (s *Step) encode(key string) []byte {
	text := func(v string) []byte { return appendString(nil, strings.ToValidUTF8(v, "\ufffd")) }
	optional := func(v string) []byte {
		if v == "" {
			return []byte("null")
		}
		return text(v)
	}
	switch key {
	case keyStepID:
		return []byte(strconv.Itoa(s.ID))
	case keyAction:
		return text(s.Action)
	case keyDescription:
		return text(s.Description)
	case keySuggestedText:
		return optional(s.SuggestedText)
	case keyTiming:
		return text(s.Timing)
	case keyDelay:
		return s.Delay
	case keyStatus:
		if s.Status == "" {
			return text(StatusPending)
		}
		return text(s.Status)
	case keyCompletedAt:
		return optional(s.CompletedAt)
	}
	return nil
}

// UnmarshalJSON reads a stored step. It takes whatever stands in the known
// fields, and keeps all of it for MarshalJSON.
func (s *Step) UnmarshalJSON(data []byte) error {
	r := &reader{src: string(data), strict: true, maxDepth: 10000}
	n, ok := r.value(0)
	if !ok || n.kind != nodeObject {
		if ok && n.kind == nodeNull {
			return nil
		}
		return fmt.Errorf("planparse: a step is an object, not %.40q", data)
	}
	*s = newStep(r, &n)
	if s.Status == "" {
		s.Status = StatusPending
	}
	return nil
}

// MarshalJSON writes the plan as the array of its steps, which is how it is
// stored.
func (p Plan) MarshalJSON() ([]byte, error) {
	if len(p.Steps) == 0 {
		if p.kept != nil {
			return p.kept, nil
		}
		return []byte("[]"), nil
	}
	return json.Marshal(p.Steps)
}

// UnmarshalJSON reads a stored plan. It takes what [Parse] takes, without the
// limits, and never fails on valid JSON: where there are no steps in it the
// plan has [OutcomeError], and writes back what was read.
func (p *Plan) UnmarshalJSON(data []byte) error {
	*p = Plan{Outcome: OutcomeOK}
	r := &reader{src: string(data), strict: true, maxDepth: 10000}
	n, ok := r.value(0)
	d := &document{}
	switch {
	case ok && n.kind == nodeNull:
		*p = Plan{}
		return nil
	case ok && n.kind == nodeArray && len(n.items) == 0:
		return nil
	case ok && n.kind == nodeString && d.decode(r, &n):
	case ok && d.collect(r, &n, 0):
	default:
		p.Outcome, p.Warnings = OutcomeError, []Warning{WarnNoSteps}
		p.kept = slices.Clone(data)
		return nil
	}
	p.Steps, p.Warnings = d.steps(nil)
	number(p.Steps)
	return nil
}
