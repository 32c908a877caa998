package planparse

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// A first version behind the lasting signatures; replaced piece by piece.

var ErrTooLarge = errors.New("input over 256 KiB")

func Parse(text string) (Plan, error) {
	i, j := strings.IndexByte(text, '['), strings.LastIndexByte(text, ']')
	if i < 0 || j < i {
		return Plan{Outcome: OutcomeError, Warnings: []Warning{WarnNoJSON}}, &ParseError{Code: WarnNoJSON}
	}
	p := Plan{Outcome: OutcomeOK}
	if err := json.Unmarshal([]byte(text[i:j+1]), &p.Steps); err != nil {
		return Plan{Outcome: OutcomeError, Warnings: []Warning{WarnNoJSON}}, &ParseError{Code: WarnNoJSON, Err: err}
	}
	return p, nil
}

func (p Plan) MarshalJSON() ([]byte, error) {
	if p.Steps == nil {
		return []byte("[]"), nil
	}
	return json.Marshal(p.Steps)
}

func (p *Plan) UnmarshalJSON(b []byte) error {
	*p = Plan{Outcome: OutcomeOK}
	return json.Unmarshal(b, &p.Steps)
}

type wireStep struct {
	ID            int             `json:"step_id"`
	Action        string          `json:"action_type"`
	Description   string          `json:"description"`
	SuggestedText *string         `json:"suggested_text"`
	Timing        string          `json:"timing"`
	Delay         json.RawMessage `json:"delay_days,omitempty"`
	Status        string          `json:"status"`
	CompletedAt   *string         `json:"completed_at"`
}

func (s Step) MarshalJSON() ([]byte, error) {
	w := wireStep{ID: s.ID, Action: s.Action, Description: s.Description, Timing: s.Timing, Delay: s.Delay, Status: s.Status}
	if s.SuggestedText != "" {
		w.SuggestedText = &s.SuggestedText
	}
	if s.CompletedAt != "" {
		w.CompletedAt = &s.CompletedAt
	}
	return json.Marshal(w)
}

func (s *Step) UnmarshalJSON(b []byte) error {
	var w wireStep
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*s = Step{ID: w.ID, Action: w.Action, Description: w.Description, Timing: w.Timing, Delay: w.Delay, Status: w.Status}
	if w.SuggestedText != nil {
		s.SuggestedText = *w.SuggestedText
	}
	if w.CompletedAt != nil {
		s.CompletedAt = *w.CompletedAt
	}
	return nil
}

type Source string

const (
	SourceDelay   Source = "delay_days"
	SourceTiming  Source = "timing"
	SourceDefault Source = "default"
)

type Slot struct {
	StepID     int
	Due        time.Time
	OffsetDays float64
	RelativeTo Reference
	Source     Source
	Matched    string
	Warnings   []Warning
}

func Due(step Step, index int, base time.Time, opts ...ScheduleOption) Slot {
	var days int
	if err := json.Unmarshal(step.Delay, &days); err == nil && days >= 0 && len(step.Delay) > 0 {
		return Slot{StepID: step.ID, Due: base.AddDate(0, 0, days).UTC(), OffsetDays: float64(days), Source: SourceDelay}
	}
	if t, err := ParseTiming(step.Timing, base, opts...); err == nil {
		return Slot{StepID: step.ID, Due: t.Due.UTC(), OffsetDays: t.OffsetDays, Source: SourceTiming, Matched: t.Matched}
	}
	d := (index + 1) * 3
	return Slot{StepID: step.ID, Due: base.AddDate(0, 0, d).UTC(), OffsetDays: float64(d), Source: SourceDefault}
}

func (p Plan) Schedule(base time.Time, opts ...ScheduleOption) []Slot {
	slots := make([]Slot, len(p.Steps))
	for i, s := range p.Steps {
		slots[i] = Due(s, i, base, opts...)
	}
	return slots
}

type Brief struct {
	Name, Title, Company, Notes, Research string
}

func Prompt(b Brief) string   { return "" }
func Schema() json.RawMessage { return nil }
