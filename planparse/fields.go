package planparse

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// The fields of the format.
const (
	keyStepID        = "step_id"
	keyAction        = "action_type"
	keyDescription   = "description"
	keySuggestedText = "suggested_text"
	keyTiming        = "timing"
	keyDelay         = "delay_days"
	keyStatus        = "status"
	keyCompletedAt   = "completed_at"
)

// formatIndex is where a field of the format stands in formatKeys.
func formatIndex(key string) int { return slices.Index(formatKeys[:], key) }

// formatKeys lists the fields in the order in which a new step is written.
var formatKeys = [...]string{keyStepID, keyAction, keyDescription, keySuggestedText, keyTiming, keyDelay, keyStatus, keyCompletedAt}

// keyText is the text of a key. Nearly all of them are the format's, which need
// no memory of their own.
func keyText(raw []byte) string {
	if len(raw) > 2 {
		for _, key := range formatKeys {
			if string(raw[1:len(raw)-1]) == key {
				return key
			}
		}
	}
	text, _ := unquote(raw)
	return text
}

// aliases maps what models call the fields, squeezed to letters and digits, to
// the fields.
var aliases = map[string]string{
	"stepid": keyStepID, "step": keyStepID, "stepnumber": keyStepID, "stepno": keyStepID, "stepnum": keyStepID,
	"id": keyStepID, "number": keyStepID, "order": keyStepID, "index": keyStepID, "position": keyStepID, "seq": keyStepID,
	"actiontype": keyAction, "action": keyAction, "type": keyAction, "channel": keyAction, "steptype": keyAction, "activity": keyAction,
	"desc": keyDescription, "details": keyDescription, "task": keyDescription, "instruction": keyDescription, "instructions": keyDescription,
	"suggestedtext": keySuggestedText, "text": keySuggestedText, "message": keySuggestedText, "draft": keySuggestedText,
	"drafttext": keySuggestedText, "suggestedmessage": keySuggestedText, "template": keySuggestedText, "content": keySuggestedText,
	"body": keySuggestedText, "script": keySuggestedText, "messagetext": keySuggestedText, "draftmessage": keySuggestedText,
	"when": keyTiming, "schedule": keyTiming, "time": keyTiming, "timeframe": keyTiming, "date": keyTiming, "duedate": keyTiming, "due": keyTiming,
	"delaydays": keyDelay, "delay": keyDelay, "days": keyDelay, "dayoffset": keyDelay, "offset": keyDelay, "offsetdays": keyDelay,
	"waitdays": keyDelay, "delayindays": keyDelay, "daysdelay": keyDelay, "day": keyDelay, "daynumber": keyDelay, "daysfromstart": keyDelay, "daysoffset": keyDelay,
	"state": keyStatus, "stepstatus": keyStatus,
	"completedat": keyCompletedAt, "completedon": keyCompletedAt, "doneat": keyCompletedAt,
}

// squeeze leaves the letters and digits of a key, in lower case.
func squeeze(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r >= 0x80:
			return r
		}
		return -1
	}, key)
}

// canonical names the field a key means, and whether the key is another name
// for it. Upper case is not: JSON decoders commonly overlook it.
func canonical(key string) (field string, alias, ok bool) {
	switch key {
	case keyStepID, keyAction, keyDescription, keySuggestedText, keyTiming, keyDelay, keyStatus, keyCompletedAt:
		return key, false, true
	}
	for _, k := range formatKeys {
		if strings.EqualFold(key, k) {
			return k, false, true
		}
	}
	field, ok = aliases[squeeze(key)]
	return field, true, ok
}

// clearStep is the stepness of an object with a field that only steps have. It
// outweighs any number of objects that merely have a description.
const clearStep = 10_000

// stepness says how much an object looks like a step: 0 not at all, clearStep
// for a field that only steps have, 1 for text that others have, too.
func stepness(r *reader, n *node) int {
	if n.kind != nodeObject {
		return 0
	}
	score := 0
	for i := range n.members {
		field, alias, ok := canonical(n.members[i].key)
		if !ok {
			continue
		}
		switch field {
		case keyStepID, keyAction, keyTiming, keyDelay:
			if !alias {
				return clearStep
			}
			switch squeeze(n.members[i].key) {
			case "id", "number", "order", "index", "position", "type", "date", "time", "offset", "channel":
				// Many things have these.
			default:
				if k := n.members[i].value.kind; k != nodeArray && k != nodeObject {
					return clearStep
				}
			}
		case keyDescription, keySuggestedText:
			if !alias {
				score = 1
			}
		}
	}
	return score
}

// steps turns the elements into steps, dropping what is none.
func (d *document) steps(warnings []Warning) ([]Step, []Warning) {
	steps := make([]Step, 0, min(len(d.elements), MaxSteps+1))
	for i := range d.elements {
		e := &d.elements[i]
		if stepness(e.r, &e.n) == 0 {
			warnings = addWarning(warnings, WarnElementDropped)
			continue
		}
		step := newStep(e.r, &e.n)
		step.file(e.under)
		steps = append(steps, step)
	}
	return steps, warnings
}

// newStep reads an object. Its id, where it has none, is left to number.
func newStep(r *reader, n *node) Step {
	s := Step{fields: make([]field, 0, len(n.members))}
	// Where the fields of the format stand: one more than their index, or named
	// where they are still to come under their own name.
	const named = -1
	var at [len(formatKeys)]int
	size := 0
	for i := range n.members {
		if key, alias, ok := canonical(n.members[i].key); ok && !alias {
			at[formatIndex(key)] = named
		}
		size += len(r.raw(&n.members[i].value))
	}
	values := make([]byte, 0, size) // one copy for all, so that a step does not hold on to its document
	for i := range n.members {
		m := &n.members[i]
		values = append(values, r.raw(&m.value)...)
		raw := values[len(values)-len(r.raw(&m.value)) : len(values) : len(values)]
		key, alias, ok := canonical(m.key)
		if ok && alias {
			// An id that is no number is some other id.
			otherID := key == keyStepID && readID(raw) == 0 && !isZeroID(raw)
			ok = at[formatIndex(key)] == 0 && !otherID && !wrongForAlias(key, m.value.kind)
		}
		if !ok {
			s.fields = append(s.fields, field{m.key, raw})
			continue
		}
		if alias {
			s.Warnings = addWarning(s.Warnings, WarnKeyAlias)
		}
		if known := &at[formatIndex(key)]; *known > 0 {
			s.fields[*known-1].raw = raw // of a key given twice the last counts
		} else {
			s.fields = append(s.fields, field{key, raw})
			*known = len(s.fields)
		}
	}
	for i := range s.fields {
		s.fill(s.fields[i])
	}
	return s
}

// file gives a step without a time of its own the one it stands under.
func (s *Step) file(under string) {
	if under == "" {
		return
	}
	timing := len(s.fields)
	for i, f := range s.fields {
		if (f.key == keyTiming || f.key == keyDelay) && string(f.raw) != "null" {
			return
		}
		if f.key == keyTiming {
			timing = i
		}
	}
	if timing == len(s.fields) {
		s.fields = append(s.fields, field{key: keyTiming})
	}
	s.fields[timing].raw = appendString(nil, under)
	s.fill(s.fields[timing])
	s.Warnings = addWarning(s.Warnings, WarnKeyAlias)
}

// wrongForAlias reports whether a value cannot be meant for the field, so that
// the alias is some other field's name after all.
func wrongForAlias(key string, k nodeKind) bool {
	switch key {
	case keyDescription, keySuggestedText, keyStatus, keyAction, keyCompletedAt:
		return k != nodeString && k != nodeNull
	case keyTiming:
		return k == nodeArray || k == nodeObject || k == nodeBool
	case keyDelay:
		return k == nodeArray || k == nodeObject
	}
	return false
}

// fill sets the exported field that a stored one stands for.
func (s *Step) fill(f field) {
	switch f.key {
	case keyStepID:
		s.ID = readID(f.raw)
	case keyAction:
		s.Action = readText(f.raw)
	case keyDescription:
		s.Description = readText(f.raw)
	case keySuggestedText:
		s.SuggestedText = readText(f.raw)
	case keyTiming:
		s.Timing = readText(f.raw)
	case keyDelay:
		s.Delay = f.raw
	case keyStatus:
		s.Status = readStatus(f.raw)
	case keyCompletedAt:
		s.CompletedAt = readText(f.raw)
	}
}

// readText gives the text of a value: of a string its own, of a number the way
// it is written, and nothing of anything else.
func readText(raw []byte) string {
	if s, ok := unquote(raw); ok {
		return s
	}
	if len(raw) > 0 && (raw[0] == '-' || isDigit(raw[0])) {
		return string(raw)
	}
	return ""
}

// readStatus folds what models and people write into the three states.
func readStatus(raw []byte) string {
	switch squeeze(readText(raw)) {
	case "done", "completed", "complete", "finished", "executed", "sent":
		return StatusDone
	case "skipped", "skip", "cancelled", "canceled", "ignored":
		return StatusSkipped
	}
	return StatusPending
}

// readID gives the id in a value, or 0: a whole number, or the one in a text
// such as "3" or "step_3".
func readID(raw []byte) int {
	text := readText(raw)
	if _, isText := unquote(raw); isText {
		text = strings.TrimSpace(text)
		for _, prefix := range []string{"step", "#"} {
			if len(text) > len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
				text = strings.TrimLeft(text[len(prefix):], " _-#")
			}
		}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return 0
	}
	return int(f)
}

// number gives every step an id of its own. Ids that are there and good stay;
// the others take their position, or the next number nobody has.
func number(steps []Step) {
	taken := make(map[int]bool, len(steps))
	open := make([]bool, len(steps))
	highest := 0
	for i := range steps {
		s := &steps[i]
		raw, present := s.stored(keyStepID)
		zero := readID(raw) == 0 && !isZeroID(raw)
		switch _, isText := unquote(raw); {
		case !present || string(raw) == "null":
			s.Warnings = addWarning(s.Warnings, WarnStepIDMissing)
			open[i] = true
		case zero:
			s.Warnings = addWarning(s.Warnings, WarnStepIDInvalid)
			open[i] = true
		case taken[s.ID]:
			s.Warnings = addWarning(s.Warnings, WarnStepIDDuplicate)
			open[i] = true
		default:
			if isText {
				s.Warnings = addWarning(s.Warnings, WarnStepIDCoerced)
			}
			taken[s.ID] = true
			highest = max(highest, s.ID)
		}
	}
	for i := range steps {
		if id := i + 1; open[i] && !taken[id] {
			steps[i].ID = id
			taken[id], open[i] = true, false
			highest = max(highest, id)
		}
	}
	for i := range steps {
		if open[i] {
			highest++
			steps[i].ID = highest
		}
	}
}

// isZeroID reports whether a value is the number 0, which is an id.
func isZeroID(raw []byte) bool {
	text := readText(raw)
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return err == nil && f == 0
}

// settle makes a step that was read from a model's output what will be
// stored: its id and status in the format's own spelling. What could be told
// from the step alone is told here; dates are left to Schedule.
func (s *Step) settle() {
	s.replace(keyStepID, []byte(strconv.Itoa(s.ID)))
	if raw, ok := s.stored(keyStatus); ok {
		text := readText(raw)
		if string(raw) != "null" && text != s.Status {
			s.Warnings = addWarning(s.Warnings, WarnStatusNormalised)
			s.replace(keyStatus, appendString(nil, s.Status))
		}
	} else {
		s.Status = StatusPending
		s.fields = append(s.fields, field{keyStatus, appendString(nil, StatusPending)})
	}
	if s.Action != "" && !slices.Contains(Actions(), s.Action) {
		folded := strings.Trim(strings.ToLower(strings.NewReplacer(" ", "_", "-", "_").Replace(s.Action)), "_")
		if slices.Contains(Actions(), folded) {
			s.Action = folded
			s.replace(keyAction, appendString(nil, folded))
		} else {
			s.Warnings = addWarning(s.Warnings, WarnActionUnknown)
		}
	}
	s.Warnings = inOrder(s.Warnings)
}

// stored is the JSON a field was read from.
func (s *Step) stored(key string) ([]byte, bool) {
	for i := range s.fields {
		if s.fields[i].key == key {
			return s.fields[i].raw, true
		}
	}
	return nil, false
}

// replace changes the JSON of a field that is there.
func (s *Step) replace(key string, raw []byte) {
	for i := range s.fields {
		if s.fields[i].key == key {
			s.fields[i].raw = raw
		}
	}
}
