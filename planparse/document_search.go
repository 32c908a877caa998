package planparse

import "strings"

// findings is what a search brought up.
type findings struct {
	text        string
	first, last int // the text from the first document to the last
	best        *document
	documents   int
	empty       bool // an empty array where the steps should be
	json        bool // any JSON at all
	wrapped     bool // for the empty array
	truncated   bool
	deep        bool // something nested too deep to be looked into
	encoded     int  // how many JSON strings the text stands in

	// The code fence looked at last: where it begins, and one behind its end.
	fenceFrom, fenceTo int
}

// search finds the documents in a text, from a position on.
func search(text string, from int) findings {
	f := findings{text: text, first: -1}
	f.scan(from, false)
	if f.best == nil && from > 0 {
		f.scan(0, false)
	}
	if f.best == nil && !f.deep {
		// Prose with a stray bracket can swallow what follows it. Look again,
		// only where an object visibly begins.
		again := findings{text: text, first: -1}
		again.scan(from, true)
		if again.best != nil {
			return again
		}
	}
	if f.best == nil && !f.json {
		f.scalar()
	}
	return f
}

// scan goes through the text once, reading a document wherever one may begin.
func (f *findings) scan(from int, careful bool) {
	var loose *document
	strictLeft := 2*len(f.text) + 1024
	budget := 2*len(f.text) + 1024
	unbalanced, broken := false, false
	body := f.bodyStart(from)
	for i := from; i < len(f.text); {
		c := f.text[i]
		encoded := c == '"' && i == body
		if c != '[' && c != '{' && !encoded {
			i++
			continue
		}
		if careful && !objectAhead(f.text[i:]) {
			i++
			continue
		}
		r, n, ok := f.read(i, &strictLeft)
		if !ok {
			if c == '{' && stepness(r, &n) >= clearStep {
				f.json, broken = true, true
			}
			next := max(r.pos, i+1)
			if r.tooDeep && !unbalanced {
				// Nothing that is nested so deep is a plan.
				if end := balanced(f.text[i:]); end > 0 {
					f.json, f.deep = true, true
					next = i + end
				} else {
					unbalanced = true
				}
			}
			if careful {
				if budget -= next - i; budget > 0 {
					next = i + 1
				}
			}
			if encoded {
				next = i + 1
			}
			i = next
			continue
		}
		d := &document{start: i, end: r.pos, r: r, encoded: f.encoded, mended: r.mended, truncated: r.truncated, dropped: r.dropped || r.broken, lost: r.broken}
		i = r.pos
		if encoded && n.kind == nodeString {
			// A string that is cut off may be no more than a stray quote.
			if !n.whole && !looksEncoded(r.raw(&n)) {
				i = d.start + 1
				continue
			}
			if !d.decode(r, &n) {
				i = d.start + 1
				if rest := strings.TrimSpace(f.text[d.end:]); rest == "" || strings.Trim(rest, "`~ \n") == "" {
					f.json = true
				}
				continue
			}
		} else if !d.collect(r, &n, 0) {
			if d.truncated && d.lost && strings.Trim(f.text[d.start:], "[{ \t\r\n") != "" {
				f.truncated = true
				f.json = true
			}
			if n.kind == nodeArray && len(n.items) == 0 && n.whole && !isCheckbox(f.text, d.start) {
				f.empty, f.json = true, true
				f.spanEmpty(d)
			}
			if n.kind == nodeObject && len(n.members) > 0 {
				f.json = true
				if emptyUnder(r, &n) {
					f.empty, f.wrapped = true, true
					f.spanEmpty(d)
				}
				f.truncated = f.truncated || r.truncated
			}
			if n.kind == nodeObject && len(n.members) == 0 && n.whole || n.kind == nodeArray && n.whole && (!r.mended || hasObject(&n)) && !isCheckbox(f.text, d.start) {
				f.json = true
			}
			if r.truncated && loose != nil && n.kind == nodeObject {
				// The last of the objects side by side was cut off.
				loose.truncated, loose.lost, loose.end = true, true, d.end
				loose.mended, loose.wrapped = true, false
				f.last = max(f.last, d.end)
			}
			continue
		}
		f.json = true
		f.span(d)
		if d.loose {
			if loose != nil {
				loose.elements = append(loose.elements, d.elements...)
				loose.end = d.end
				loose.mended = true
				loose.truncated = loose.truncated || d.truncated
				loose.wrapped = false
				continue
			}
			loose = d
		} else {
			loose = nil
		}
		f.documents++
		f.offer(d)
	}
	if loose != nil {
		if broken {
			loose.mended, loose.dropped, loose.lost = true, true, true
		}
		f.offer(loose)
	}
	if f.best != nil && f.best.score() == 0 {
		f.best = nil
	}
}

// offer keeps the document with the most steps, of equals the last.
func (f *findings) offer(d *document) {
	if f.best == nil || d.score() >= f.best.score() {
		f.best = d
	}
}

func (f *findings) span(d *document) {
	if f.documents == 0 {
		f.first, f.last = -1, 0 // an empty array before it is none
	}
	if f.first < 0 {
		f.first = d.start
	}
	f.last = max(f.last, d.end)
}

// spanEmpty is span for an empty array, which is only of interest where there
// is nothing better.
func (f *findings) spanEmpty(d *document) {
	if f.documents == 0 {
		f.span(d)
	}
}

// scalar notes a text that is nothing but one JSON scalar.
func (f *findings) scalar() {
	body := strings.TrimSpace(f.text)
	switch body {
	case "null", "true", "false":
		f.json = true
		return
	}
	if body != "" && isNumber(body) {
		f.json = true
	}
}

// read reads the value at a position. A document in a code fence does not go
// beyond it: what is cut off in there is truncated, whatever the fence is
// followed by. Only where the whole is strictly JSON a fence is part of a text
// in it.
func (f *findings) read(i int, strictLeft *int) (*reader, node, bool) {
	end := f.fenceAfter(i)
	if end < 0 {
		return readAt(f.text, i, strictLeft)
	}
	r, n, ok := readAt(strings.TrimRight(f.text[:end], " \t\r\n"), i, strictLeft)
	switch {
	case !ok:
		return readAt(f.text, i, strictLeft)
	case r.truncated:
		if all, whole, also := readStrict(f.text, i, strictLeft); also {
			return all, whole, true
		}
	}
	return r, n, ok
}

// readStrict reads the value at a position if it is JSON. All such attempts
// together may look at so much text and no more, or they would take quadratic
// time.
func readStrict(text string, i int, left *int) (*reader, node, bool) {
	if *left <= 0 {
		return nil, node{}, false
	}
	r := &reader{src: text, pos: i, strict: true, maxDepth: 64}
	n, ok := r.value(0)
	*left -= r.pos - i
	return r, n, ok && !r.mended && !r.truncated
}

// readAt reads the value at a position: as JSON if it is that, else mending.
func readAt(text string, i int, strictLeft *int) (*reader, node, bool) {
	if r, n, ok := readStrict(text, i, strictLeft); ok {
		return r, n, true
	}
	r := &reader{src: text, pos: i, maxDepth: 64}
	n, ok := r.value(0)
	return r, n, ok
}

// balanced finds where the brackets that open at the start of a text are
// closed, or 0.
func balanced(s string) int {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// objectAhead reports whether an object with a quoted key begins here.
func objectAhead(s string) bool {
	s = strings.TrimLeft(s[:min(len(s), 64)], "[ \n\t\r")
	if !strings.HasPrefix(s, "{") {
		return false
	}
	s = strings.TrimLeft(s[1:], " \n\t\r")
	return strings.HasPrefix(s, `"`) || strings.HasPrefix(s, "'") || strings.HasPrefix(s, "“")
}
