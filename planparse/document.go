package planparse

import (
	"errors"
	"slices"
	"strings"
	"unicode"
)

// ErrTooLarge is the cause of a [ParseError] for a text over [MaxInput].
var ErrTooLarge = errors.New("the text is over 256 KiB")

// Parse reads a plan from what a language model answered: JSON, usually, with
// anything around it and anything wrong with it. Whatever had to be done to
// get at the steps is reported in the plan's and the steps' warnings.
//
// The error is a [*ParseError], and non-nil only where there is no plan at
// all; the Plan then has [OutcomeError] and says so in its warnings as well.
// Nothing is invented: a step the text was cut off in is dropped, and a value
// that cannot be read is left for [Plan.Schedule] to do without.
func Parse(text string) (Plan, error) {
	if len(text) > MaxInput {
		return Plan{Outcome: OutcomeError}, &ParseError{Err: ErrTooLarge}
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.TrimPrefix(text, "\ufeff")

	found := search(text, afterThinking(text))
	plan := Plan{Outcome: OutcomeError}
	if found.best == nil {
		for _, w := range found.warnings() {
			plan.Warnings = addWarning(plan.Warnings, w)
		}
		code := WarnNoJSON
		switch {
		case found.empty:
			code = WarnEmptyPlan
		case found.json:
			code = WarnNoSteps
		}
		plan.Warnings = inOrder(addWarning(plan.Warnings, code))
		return plan, &ParseError{Code: code}
	}
	plan.Warnings = found.warnings()
	plan.Steps, plan.Warnings = found.best.steps(plan.Warnings)
	if len(plan.Steps) > MaxSteps {
		plan.Steps = slices.Clip(plan.Steps[:MaxSteps])
		plan.Warnings = addWarning(plan.Warnings, WarnTooManySteps)
		found.best.lost = true
	}
	switch d := found.best; {
	case d.lost:
		plan.Outcome = OutcomePartial
	case d.mended || d.truncated:
		plan.Outcome = OutcomeRepaired
	default:
		plan.Outcome = OutcomeOK
	}
	plan.Warnings = inOrder(plan.Warnings)
	number(plan.Steps)
	for i := range plan.Steps {
		plan.Steps[i].settle()
	}
	return plan, nil
}

// document is a plan found in a text: where it stands and what it is made of.
type document struct {
	start, end int
	r          *reader
	elements   []element

	wrapped, doubled, mended, truncated, dropped, several bool
	// lost is true when a step is known to be missing.
	lost bool
	// loose is true for objects that stand side by side, in no array.
	loose bool
}

// element is a member of the array of steps, with the reader that holds it.
type element struct {
	r *reader
	n node
}

// score ranks documents: complete steps first.
func (d *document) score() int {
	n := 0
	for i := range d.elements {
		if d.elements[i].n.whole {
			n += stepness(d.elements[i].r, &d.elements[i].n)
		}
	}
	return n
}

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
	for i := from; i < len(f.text); {
		c := f.text[i]
		encoded := c == '"' && i == f.bodyStart(from)
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
		d := &document{start: i, end: r.pos, r: r, mended: r.mended, truncated: r.truncated, dropped: r.dropped || r.broken, lost: r.broken}
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

// bodyStart is where the text begins once a fence's first line is skipped.
func (f *findings) bodyStart(from int) int {
	i := from
	for i < len(f.text) && unicode.IsSpace(rune(f.text[i])) {
		i++
	}
	if rest := f.text[i:]; strings.HasPrefix(rest, "```") || strings.HasPrefix(rest, "~~~") {
		nl := strings.IndexByte(rest, '\n')
		if nl < 0 {
			return -1
		}
		i += nl
		for i < len(f.text) && unicode.IsSpace(rune(f.text[i])) {
			i++
		}
	}
	return i
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
	if ok && !r.truncated {
		return r, n, true
	}
	if all, whole, also := readAt(f.text, i, strictLeft); !ok || also && !all.mended && !all.truncated {
		return all, whole, also
	}
	return r, n, ok
}

// fenceAfter finds the end of the code fence a position is in, or -1. It is
// asked with growing positions.
func (f *findings) fenceAfter(i int) int {
	for f.fenceTo < i || f.fenceTo == 0 {
		open := nextFence(f.text, f.fenceTo)
		if open < 0 {
			f.fenceFrom, f.fenceTo = len(f.text), len(f.text)
			break
		}
		line := strings.IndexByte(f.text[open:], '\n')
		if line < 0 {
			f.fenceFrom, f.fenceTo = len(f.text), len(f.text)
			break
		}
		f.fenceFrom = open
		f.fenceTo = nextFence(f.text, open+line)
		if f.fenceTo < 0 {
			f.fenceFrom, f.fenceTo = len(f.text), len(f.text)
			break
		}
		f.fenceTo++ // behind its first mark, from where the next one is looked for
	}
	if f.fenceFrom < i && i < f.fenceTo {
		return f.fenceTo - 1
	}
	return -1
}

// nextFence finds the next line that begins with a fence, or -1.
func nextFence(text string, from int) int {
	for i := from; i < len(text); {
		line := text[i:]
		if j := strings.IndexByte(line, '\n'); j >= 0 {
			line = line[:j+1]
		}
		if i == 0 || text[i-1] == '\n' {
			if body := strings.TrimLeft(line, " \t"); strings.HasPrefix(body, "```") || strings.HasPrefix(body, "~~~") {
				return i + len(line) - len(body)
			}
		}
		i += len(line)
	}
	return -1
}

// isCheckbox reports whether a bracket opens the box of a task list.
func isCheckbox(text string, i int) bool {
	return strings.HasPrefix(text[i:], "[ ]") && i >= 2 && text[i-1] == ' ' && strings.IndexByte("-*+", text[i-2]) >= 0
}

// readAt reads the value at a position: as JSON if it is that, else mending.
func readAt(text string, i int, strictLeft *int) (*reader, node, bool) {
	if *strictLeft > 0 {
		r := &reader{src: text, pos: i, strict: true, maxDepth: 64}
		n, ok := r.value(0)
		*strictLeft -= r.pos - i
		if ok && !r.mended && !r.truncated {
			return r, n, true
		}
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

func hasObject(n *node) bool {
	for i := range n.items {
		if k := n.items[i].kind; k == nodeObject {
			return true
		}
	}
	return false
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
			e := element{r, *item}
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
					keyed.elements = append(keyed.elements, element{r, *v})
					continue
				}
				inner := d.candidates(r, v, depth+1, true)
				if inner == nil && !v.whole {
					keyed.elements = append(keyed.elements, element{r, *v})
				}
				offer(inner)
			case nodeArray:
				offer(d.candidates(r, v, depth+1, true))
			case nodeString:
				inner := &document{}
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
			return &document{elements: []element{{r, *n}}, loose: !wrapped, wrapped: true}
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

// joined puts a plan together that was written in parts, such as weeks or
// phases. It is one where a single numbering runs through all of them; drafts
// and alternatives begin anew.
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
			if e.n.whole && id <= last {
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

// looksEncoded reports whether a JSON string may itself hold JSON.
func looksEncoded(raw []byte) bool {
	s := strings.TrimLeft(string(raw[1:min(len(raw), 64)]), " \\nrt`jso\t")
	return strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{") || strings.HasPrefix(s, `"`)
}

// decode reads the JSON inside a JSON string.
func (d *document) decode(r *reader, n *node) bool {
	text := r.text(n)
	if len(text) > MaxInput {
		return false
	}
	inner := findings{text: text, first: -1}
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
	return element{ir, in}, true
}

// warnings lists what concerns the search rather than the steps.
func (f *findings) warnings() []Warning {
	var ws []Warning
	add := func(is bool, w Warning) {
		if is {
			ws = addWarning(ws, w)
		}
	}
	leading, trailing, fenced := f.around()
	d := f.best
	if d == nil {
		add(fenced, WarnFenced)
		add(f.wrapped && f.empty, WarnWrapped)
		add(f.truncated, WarnTruncated)
		return ws
	}
	add(fenced, WarnFenced)
	add(d.wrapped, WarnWrapped)
	add(leading, WarnLeadingText)
	add(trailing, WarnTrailingText)
	add(d.mended, WarnRepaired)
	add(d.truncated, WarnTruncated)
	add(f.documents > 1 || d.several, WarnMultipleDocuments)
	add(d.doubled, WarnDoubleEncoded)
	add(d.dropped, WarnElementDropped)
	return ws
}

// around says what stands before the first document and behind the last,
// fences aside.
func (f *findings) around() (leading, trailing, fenced bool) {
	if f.first < 0 {
		return false, false, false
	}
	before := strings.TrimSpace(f.text[:f.first])
	after := strings.TrimSpace(f.text[min(max(f.last, f.first), len(f.text)):])
	if i := strings.LastIndexByte(before, '\n'); isFence(before[i+1:]) {
		fenced = true
		before = strings.TrimSpace(before[:i+1])
	} else if j := fenceOpening(before); j >= 0 {
		fenced = true
		before = strings.TrimSpace(before[:j])
	}
	if f.best != nil && f.best.loose {
		after = strings.TrimSpace(strings.TrimPrefix(after, ",")) // of the objects' list
	}
	if rest, ok := cutFence(after); ok {
		after = strings.TrimSpace(rest)
		fenced = fenced || strings.Contains(before, "```")
	}
	return before != "", after != "", fenced
}

// isFence reports whether a line opens a code fence.
func isFence(line string) bool {
	line = strings.TrimSpace(line)
	rest := strings.TrimLeft(line, "`")
	if len(line)-len(rest) < 3 {
		rest = strings.TrimLeft(line, "~")
	}
	if len(line)-len(rest) < 3 {
		return false
	}
	return !strings.ContainsAny(strings.TrimSpace(rest), "[{\"'") && len(rest) <= 20
}

// fenceOpening finds a fence that opens at the end of a line of text:
// "Here it is: ```json".
func fenceOpening(before string) int {
	i := strings.LastIndex(before, "```")
	if i < 0 {
		return -1
	}
	switch strings.ToLower(strings.TrimSpace(before[i+3:])) {
	case "", "json", "javascript", "js", "jsonc", "json5":
		return i
	}
	return -1
}

// cutFence removes a closing fence.
func cutFence(after string) (string, bool) {
	for _, mark := range []string{"```", "~~~"} {
		if strings.HasPrefix(after, mark) {
			return strings.TrimLeft(after, mark[:1]), true
		}
	}
	return after, false
}

// afterThinking is where the answer begins behind a model's reasoning. The
// opening tag may be missing, it is often not part of what is returned.
func afterThinking(text string) int {
	for i := strings.LastIndex(text, "</"); i >= 0; i = strings.LastIndex(text[:i], "</") {
		for _, tag := range [...]string{"</think>", "</thinking>", "</thought>", "</reasoning>", "</analysis>", "</scratchpad>", "</reflection>"} {
			if end := i + len(tag); end <= len(text) && strings.EqualFold(text[i:end], tag) {
				return end
			}
		}
	}
	return 0
}

// inOrder sorts warnings into the order of their constants.
func inOrder(ws []Warning) []Warning {
	slices.SortStableFunc(ws, func(a, b Warning) int {
		return slices.Index(warningOrder[:], a) - slices.Index(warningOrder[:], b)
	})
	return ws
}

// warningOrder lists all codes in the order in which lists give them.
var warningOrder = [...]Warning{
	WarnFenced, WarnWrapped, WarnLeadingText, WarnTrailingText, WarnRepaired, WarnTruncated,
	WarnMultipleDocuments, WarnDoubleEncoded, WarnKeyAlias, WarnElementDropped, WarnTooManySteps,
	WarnEmptyPlan, WarnNoSteps, WarnNoJSON,
	WarnStepIDMissing, WarnStepIDCoerced, WarnStepIDDuplicate, WarnStepIDInvalid,
	WarnDelayInvalid, WarnDelayString, WarnDelayFractional, WarnDelayNegative, WarnDelayOutOfRange,
	WarnTimingInvalid, WarnTimingUnparseable, WarnTimingConflict,
	WarnReferenceMissing, WarnReferenceCycle, WarnClamped, WarnNonMonotonic,
	WarnStatusNormalised, WarnActionUnknown,
}
