package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
)

// planJSON is what -json prints.
type planJSON struct {
	Outcome  planparse.Outcome   `json:"outcome"`
	Warnings []planparse.Warning `json:"warnings"`
	Steps    []stepJSON          `json:"steps"`
}

type stepJSON struct {
	StepID     int                 `json:"step_id"`
	DueAt      time.Time           `json:"due_at"`
	OffsetDays float64             `json:"offset_days"`
	Source     planparse.Source    `json:"source"`
	Warnings   []planparse.Warning `json:"warnings"`
}

func writeJSON(out io.Writer, plan planparse.Plan, base time.Time) error {
	doc := planJSON{plan.Outcome, list(plan.Warnings), []stepJSON{}}
	for _, slot := range plan.Schedule(base) {
		doc.Steps = append(doc.Steps, stepJSON{slot.StepID, slot.Due, slot.OffsetDays, slot.Source, list(slot.Warnings)})
	}
	return encode(out, doc)
}

// list makes an empty list of none, which JSON tells apart from null.
func list(ws []planparse.Warning) []planparse.Warning {
	return append([]planparse.Warning{}, ws...)
}

func encode(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// timingJSON is what -timing prints for a line.
type timingJSON struct {
	Text        string           `json:"text"`
	OffsetDays  *float64         `json:"offset_days,omitempty"`
	RelativeTo  string           `json:"relative_to,omitempty"`
	Unparseable planparse.Reason `json:"unparseable,omitempty"`
}

// writeTimings answers every line with one object. A line may be of any
// length; what is beyond the parser's limit is refused by it, not cut.
func writeTimings(in io.Reader, out *bufio.Writer, base time.Time) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(line) > 0 {
			text := string(bytes.TrimSuffix(line, []byte("\n")))
			if werr := encode(out, readTiming(text, base)); werr != nil {
				return werr
			}
		}
		// Someone may be typing: answer before waiting for more.
		if lines.Buffered() == 0 {
			if ferr := out.Flush(); ferr != nil {
				return ferr
			}
		}
		if err != nil {
			return nil
		}
	}
}

func readTiming(text string, base time.Time) timingJSON {
	answer := timingJSON{Text: text}
	t, err := planparse.ParseTiming(strings.ToValidUTF8(text, "\ufffd"), base)
	var refused *planparse.TimingError
	if errors.As(err, &refused) {
		answer.Unparseable = refused.Reason
		return answer
	}
	answer.OffsetDays, answer.RelativeTo = &t.OffsetDays, t.RelativeTo.String()
	return answer
}
