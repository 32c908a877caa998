package telegramtest

import (
	"cmp"
	"slices"
	"strings"
)

// maxEntities is how many entities of a message Telegram keeps.
const maxEntities = 100

// parseText turns text in the given parse mode into plain text and entities.
// Errors are worded as Telegram words them.
func parseText(text, mode string) (string, []Entity, error) {
	var parse func(string) (string, []Entity, error)
	switch strings.ToLower(mode) {
	case "", "none":
		return text, nil, nil
	case "html":
		parse = parseHTML
	case "markdown":
		parse = parseMarkdown
	case "markdownv2":
		parse = parseMarkdownV2
	default:
		return "", nil, badRequest("unsupported parse_mode")
	}
	plain, entities, err := parse(text)
	if err != nil {
		return "", nil, badRequest("can't parse entities: %v", err)
	}
	sortEntities(entities)
	entities = withoutNestedInCode(entities)
	return plain, entities[:min(len(entities), maxEntities)], nil
}

// sortEntities puts outer entities before the inner ones that start with them.
func sortEntities(entities []Entity) {
	slices.SortStableFunc(entities, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length))
	})
}

// withoutNestedInCode drops entities inside code and pre, which Telegram shows
// without further formatting.
func withoutNestedInCode(entities []Entity) []Entity {
	var kept []Entity
	codeEnd := 0
	for _, e := range entities {
		if e.Offset < codeEnd && e.Type != "blockquote" && e.Type != "expandable_blockquote" {
			continue
		}
		kept = append(kept, e)
		if e.Type == "code" || e.Type == "pre" {
			codeEnd = max(codeEnd, e.Offset+e.Length)
		}
	}
	return kept
}

// output collects the plain text a parser produces and its length in UTF-16.
type output struct {
	text  strings.Builder
	units int
}

func (o *output) rune(r rune) {
	o.text.WriteRune(r)
	o.units++
	if r > 0xffff {
		o.units++
	}
}

// isSpace is Telegram's notion of white space inside markup.
func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == end
}

// end stands for the character after the last one.
const end = 0

// byteAt is the byte at i, or end past the text, so that parsers need not
// guard every look-ahead.
func byteAt(s string, i int) byte {
	if i < 0 || i >= len(s) {
		return end
	}
	return s[i]
}
