package planparse

import (
	"strings"
	"time"
)

// collect finds the steps in a value: the array with the most of them, or the
// value itself.
func (d *document) collect(r *reader, n *node, depth int) bool {
	best := d.candidates(r, n, depth, depth > 0)
	if best == nil {
		return false
	}
	d.elements = best.elements
	d.wrapped = best.wrapped
	d.doubled = d.doubled || best.doubled
	d.several = best.several
	d.loose = best.loose
	d.mended = d.mended || best.mended
	d.dropped = d.dropped || best.dropped
	d.truncated = d.truncated || best.truncated
	d.lost = d.lost || best.lost
	// A last element that the end of the text cut off is dropped.
	if d.truncated && len(d.elements) > 0 {
		if last := &d.elements[len(d.elements)-1]; !last.n.whole {
			if last.n.kind == nodeObject {
				d.lost = true
			}
			d.elements = d.elements[:len(d.elements)-1]
		}
	}
	if len(d.elements) == 0 || d.score() == 0 {
		return false
	}
	return true
}

// candidates returns the best set of steps at or below a value.
func (d *document) candidates(r *reader, n *node, depth int, wrapped bool) *document {
	if depth > 64 {
		return nil
	}
	var best *document
	var parts []*document
	several := 0
	offer := func(c *document) {
		if c == nil {
			return
		}
		if c.score() >= clearStep {
			parts = append(parts, c)
		}
		// Objects that merely have a description are no second plan.
		if c.score() >= clearStep || best == nil {
			several++
		}
		if c.several {
			several++
		}
		if best == nil || c.score() > best.score() {
			if best != nil && best.score() < clearStep {
				several--
			}
			best = c
		}
	}
	switch n.kind {
	case nodeArray:
		own := &document{wrapped: wrapped}
		steps := 0
		for i := range n.items {
			item := &n.items[i]
			e := element{r: r, n: *item}
			if item.kind == nodeString {
				if inner, ok := decodeObject(r, item); ok {
					own.doubled = true
					e = inner
				}
			}
			if stepness(e.r, &e.n) > 0 || !e.n.whole && e.n.kind == nodeObject {
				steps++
			}
			own.elements = append(own.elements, e)
		}
		if steps > 0 {
			return own
		}
		for i := range n.items {
			if k := n.items[i].kind; k == nodeArray || k == nodeObject {
				offer(d.candidates(r, &n.items[i], depth+1, true))
			}
		}
	case nodeObject:
		keyed := &document{wrapped: true}
		objects := 0
		for i := range n.members {
			v := &n.members[i].value
			switch v.kind {
			case nodeObject:
				if stepness(r, v) > 0 {
					objects++
					keyed.elements = append(keyed.elements, element{r, *v, timeIn(n.members[i].key)})
					continue
				}
				inner := d.candidates(r, v, depth+1, true)
				if inner == nil && !v.whole {
					keyed.elements = append(keyed.elements, element{r: r, n: *v})
				}
				offer(inner)
			case nodeArray:
				inner := d.candidates(r, v, depth+1, true)
				if inner != nil {
					inner.file(timeIn(n.members[i].key))
				}
				offer(inner)
			case nodeString:
				inner := &document{encoded: d.encoded}
				if looksEncoded(r.raw(v)) && inner.decode(r, v) {
					inner.wrapped = true
					offer(inner)
				}
			}
		}
		self := stepness(r, n)
		if len(parts) > 1 && self == 0 && objects == 0 {
			break
		}
		if best != nil && best.score() >= self && objects == 0 {
			break
		}
		if objects > 1 || objects == 1 && self == 0 {
			offer(keyed)
			break
		}
		if self > 0 && (best == nil || best.score() <= self) {
			// A step that stands alone.
			return &document{elements: []element{{r: r, n: *n}}, loose: !wrapped, wrapped: true}
		}
	}
	if whole := joined(parts); whole != nil {
		return whole
	}
	if best != nil && several > 1 {
		best.several = true
	}
	return best
}

// timeIn gives the key of an object where it is a time, and no mere number.
func timeIn(key string) string {
	var m meaning
	switch _, v := readTiming(key, time.Unix(0, 0).UTC(), &m); v {
	case understood, verdictPast, verdictOutOfRange:
	default:
		return ""
	}
	lex := lexer{src: key}
	lex.run()
	for _, t := range lex.room[:lex.n] {
		if t.kind != kNum {
			return key
		}
	}
	return ""
}

// file notes the time that the elements stand under.
func (d *document) file(under string) {
	for i := range d.elements {
		if e := &d.elements[i]; e.under == "" {
			e.under = under
		}
	}
}

// joined puts a plan together that was written in parts, such as weeks or
// phases. It is one where a single numbering runs through all of them, or each
// stands under a time of its own; drafts and alternatives begin anew.
func joined(parts []*document) *document {
	if len(parts) < 2 {
		return nil
	}
	all := &document{wrapped: true}
	last := -1
	for _, part := range parts {
		if part.several || part.doubled {
			return nil
		}
		for i := range part.elements {
			e := &part.elements[i]
			id := e.id()
			if e.n.whole && id <= last && e.under == "" {
				return nil
			}
			last = max(last, id)
			all.elements = append(all.elements, *e)
		}
	}
	return all
}

// id is the number an element gives itself, or -1.
func (e *element) id() int {
	for i := range e.n.members {
		if key, _, ok := canonical(e.n.members[i].key); ok && key == keyStepID {
			raw := e.r.raw(&e.n.members[i].value)
			if id := readID(raw); id > 0 || isZeroID(raw) {
				return id
			}
		}
	}
	return -1
}

// maxEncoded bounds how often JSON may have been encoded as a string of JSON.
// Models do so once, or twice behind an API that does so too; what goes on is
// broken, and each turn reads all that is left.
const maxEncoded = 3

// decode reads the JSON inside a JSON string.
func (d *document) decode(r *reader, n *node) bool {
	text := r.text(n)
	if len(text) > MaxInput || d.encoded == maxEncoded {
		return false
	}
	inner := findings{text: text, first: -1, encoded: d.encoded + 1}
	inner.scan(0, false)
	if inner.best == nil {
		return false
	}
	in := inner.best
	d.elements, d.wrapped, d.doubled = in.elements, in.wrapped, true
	d.mended = d.mended || in.mended
	d.truncated, d.lost, d.dropped = in.truncated, in.lost, in.dropped
	if in.loose && len(in.elements) > 1 {
		d.mended = true
	}
	return true
}

// decodeObject reads an element that is a step written as a JSON string.
func decodeObject(r *reader, n *node) (element, bool) {
	text := strings.TrimSpace(r.text(n))
	if !strings.HasPrefix(text, "{") {
		return element{}, false
	}
	budget := len(text)
	ir, in, ok := readAt(text, 0, &budget)
	if !ok || in.kind != nodeObject || !in.whole {
		return element{}, false
	}
	return element{r: ir, n: in}, true
}

// looksEncoded reports whether a JSON string may itself hold JSON.
func looksEncoded(raw []byte) bool {
	s := strings.TrimLeft(string(raw[1:min(len(raw), 64)]), " \\nrt`jso\t")
	return strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{") || strings.HasPrefix(s, `"`)
}

// emptyUnder reports whether an object holds an empty array where the steps
// should be.
func emptyUnder(r *reader, n *node) bool {
	for i := range n.members {
		v := &n.members[i].value
		if v.kind == nodeArray && len(v.items) == 0 && v.whole && isWrapper(n.members[i].key) {
			return true
		}
		if v.kind == nodeObject && emptyUnder(r, v) {
			return true
		}
	}
	return false
}

// isWrapper reports whether a key is one that holds the steps.
func isWrapper(key string) bool {
	switch squeeze(key) {
	case "steps", "plan", "engagementplan", "engagementsteps", "sequence", "actions", "data", "result", "results",
		"output", "response", "items", "tasks", "schedule", "cadence", "outreachplan", "planstep", "plansteps", "engagement":
		return true
	}
	return false
}

func hasObject(n *node) bool {
	for i := range n.items {
		if k := n.items[i].kind; k == nodeObject {
			return true
		}
	}
	return false
}
