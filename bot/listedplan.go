package bot

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/followthrough-go/followthrough/planparse"
)

var (
	// bullet is what stands before an item of a list.
	bullet = regexp.MustCompile(`^(?:[-*•–>#]+|\d{1,2}[.)])\s+`)
	// entryForm is an item that begins with its time: "Day 3: connect", "In two
	// weeks – call", "Day 5-7 | write".
	entryForm = regexp.MustCompile(`^(.{1,40}?)\s*(?::|\s[-–—|]|[–—|])\s*(\S.*)$`)
	// draftForm is a line that holds the draft for the item above it.
	draftForm = regexp.MustCompile(`(?i)^(?:draft|message|text|suggested text|dm|note|subject)\s*:\s*(.*)$`)
	// nextEntry is where another item begins in the same line.
	nextEntry = regexp.MustCompile(`(?i)[,;.]\s+(?:and\s+|then\s+)?((?:day|week)\s+\d)`)
)

// listedPlan reads a plan that is no JSON but a list of times and what to do
// then, as people write them down and models answer without being asked for a
// format: "Day 1: like their posts, Day 3: connect". It has at least two items,
// or a text about something else would be taken for a plan. Lines that are no
// items belong to the item above them.
func listedPlan(text string) (planparse.Plan, bool) {
	type entry struct {
		ID     int     `json:"step_id"`
		What   string  `json:"description"`
		Draft  *string `json:"suggested_text"`
		Timing string  `json:"timing"`
	}
	var entries []entry
	inDraft := false
	for line := range strings.Lines(nextEntry.ReplaceAllString(text, "\n$1")) {
		line = strings.TrimSpace(strings.NewReplacer("**", "", "__", "", "`", "").Replace(line))
		line = strings.TrimSpace(bullet.ReplaceAllString(line, ""))
		last := len(entries) - 1
		found := entryForm.FindStringSubmatch(line)
		draft := draftForm.FindStringSubmatch(line)
		switch {
		case found != nil && isTiming(found[1]):
			entries = append(entries, entry{ID: last + 2, What: strings.TrimRight(found[2], " ,;"), Timing: found[1]})
			inDraft = false
		case last < 0 || line == "":
		case draft != nil:
			text := unquoted(draft[1])
			if strings.HasPrefix(strings.ToLower(line), "subject") {
				text = line
			}
			entries[last].Draft, inDraft = &text, true
		case inDraft:
			text := strings.TrimSpace(*entries[last].Draft + "\n" + unquoted(line))
			entries[last].Draft = &text
		default:
			entries[last].What += " " + line
		}
	}
	if len(entries) < 2 {
		return planparse.Plan{}, false
	}
	encoded, err := json.Marshal(entries)
	if err != nil {
		return planparse.Plan{}, false
	}
	plan, err := planparse.Parse(string(encoded))
	return plan, err == nil
}

// isTiming reports whether a text is a time and nothing else; a bare number is
// none, as it begins a time of day. Any base will do: whether a text can be read
// hardly depends on it.
func isTiming(text string) bool {
	if !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || r == '-' || r == '/' }) {
		return false
	}
	_, err := planparse.ParseTiming(text, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC))
	return err == nil && !strings.ContainsAny(text, ".!?")
}

// unquoted is a text without the quotation marks around it.
func unquoted(text string) string {
	text = strings.TrimSpace(text)
	for _, marks := range []string{`""`, "“”", "«»", "''", "„“"} {
		if inner, ok := strings.CutPrefix(text, string([]rune(marks)[0])); ok {
			if inner, ok = strings.CutSuffix(inner, string([]rune(marks)[1])); ok && !strings.Contains(inner, string([]rune(marks)[0])) {
				return strings.TrimSpace(inner)
			}
		}
	}
	return text
}
