package planparse

import (
	"strings"
	"unicode"
)

// fenceAfter finds the end of the code fence a position is in, or -1. It is
// asked with growing positions.
func (f *findings) fenceAfter(i int) int {
	for f.fenceTo < i || f.fenceTo == 0 {
		f.fenceFrom, f.fenceTo = nextFence(f.text, f.fenceTo)
	}
	if f.fenceFrom < i && i < f.fenceTo {
		return f.fenceTo - 1
	}
	return -1
}

// nextFence finds the next code fence that is closed: where it opens, and one
// behind where it closes, from where the one after it can be looked for. If
// there is none both are the end of the text.
func nextFence(text string, from int) (open, end int) {
	if open = fenceLine(text, from); open >= 0 {
		if line := strings.IndexByte(text[open:], '\n'); line >= 0 {
			if end = fenceLine(text, open+line); end >= 0 {
				return open, end + 1
			}
		}
	}
	return len(text), len(text)
}

// fenceLine finds the next line that begins with a fence, or -1.
func fenceLine(text string, from int) int {
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

// isCheckbox reports whether a bracket opens the box of a task list.
func isCheckbox(text string, i int) bool {
	return strings.HasPrefix(text[i:], "[ ]") && i >= 2 && text[i-1] == ' ' && strings.IndexByte("-*+", text[i-2]) >= 0
}
