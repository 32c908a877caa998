package bot

import (
	"html"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

// maxText is the longest message Telegram takes, in UTF-16 code units after
// the markup was taken out.
const maxText = 4096

// maxCaption is the longest text under a document, counted likewise.
const maxCaption = 1024

// richText is a formatted message before it becomes markup. It is made of
// stretches of plain text, so that whatever people and models write into it
// can be cut and escaped, and can be shown without any markup where Telegram
// refuses ours.
type richText []span

// span is a stretch of text in one HTML element; no element stands for none.
type span struct{ text, element string }

func plain(text string) richText  { return styled(text, "") }
func bold(text string) richText   { return styled(text, "b") }
func italic(text string) richText { return styled(text, "i") }
func code(text string) richText   { return styled(text, "code") }

// copyable is a block that Telegram's apps copy at a tap.
func copyable(text string) richText { return styled(text, "pre") }

// styled is one stretch of text, and nothing at all for an empty one.
func styled(text, element string) richText {
	if text == "" {
		return nil
	}
	return richText{{text, element}}
}

// join puts parts one after the other.
func join(parts ...richText) richText { return slices.Concat(parts...) }

// lines puts parts under each other; empty parts take no line.
func lines(parts ...richText) richText { return between("\n", parts) }

// paragraphs puts parts under each other with a blank line between.
func paragraphs(parts ...richText) richText { return between("\n\n", parts) }

func between(separator string, parts []richText) richText {
	var out richText
	for _, part := range parts {
		if len(part) == 0 {
			continue
		}
		if len(out) > 0 {
			out = append(out, span{text: separator})
		}
		out = append(out, part...)
	}
	return out
}

// html is the text in Telegram's HTML, everything escaped.
func (t richText) html() string {
	var b strings.Builder
	for _, s := range t {
		text := html.EscapeString(s.text)
		if s.element == "" || strings.TrimSpace(s.text) == "" {
			b.WriteString(text)
			continue
		}
		b.WriteString("<" + s.element + ">" + text + "</" + s.element + ">")
	}
	return b.String()
}

// plain is the text without formatting.
func (t richText) plain() string {
	var b strings.Builder
	for _, s := range t {
		b.WriteString(s.text)
	}
	return b.String()
}

// sendable is the text as Telegram will take it: valid UTF-8, not empty, and
// cut to its limit.
func (t richText) sendable() richText {
	out := make(richText, 0, len(t))
	left := maxText
	for _, s := range t {
		s.text = strings.Map(visible, strings.ToValidUTF8(s.text, "\uFFFD"))
		n := units(s.text)
		if n > left {
			s.text = cut(s.text, left)
			n = left
		}
		left -= n
		if s.text != "" {
			out = append(out, s)
		}
	}
	if unseen(out.plain()) {
		return plain("…")
	}
	return out
}

// unseen reports whether a text shows nothing: Telegram takes it for empty.
func unseen(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && !blank(r) })
}

// visible drops control characters, which Telegram drops too.
func visible(r rune) rune {
	if r < ' ' && r != '\n' && r != '\t' {
		return -1
	}
	return r
}

// units counts UTF-16 code units, which is how Telegram counts characters.
func units(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// cut shortens text to at most limit UTF-16 code units, at the border of a
// rune, and shows with an ellipsis that something is missing.
func cut(text string, limit int) string {
	if units(text) <= limit {
		return text
	}
	if limit < 1 {
		return ""
	}
	left := limit - 1 // for the ellipsis
	for i, r := range text {
		if left -= max(utf16.RuneLen(r), 1); left < 0 {
			return strings.TrimRight(text[:i], " \n\u200d") + "…"
		}
	}
	return text
}

// isolated is a text as it stands in a line of the bot's: one that is written from
// right to left is between marks, or it would turn the line around.
func isolated(text string) string {
	if strings.ContainsFunc(text, rightToLeft) {
		return firstStrongIsolate + text + popIsolate
	}
	return text
}

// The marks that Unicode has for a text with a direction of its own.
const firstStrongIsolate, popIsolate = "\u2068", "\u2069"

func rightToLeft(r rune) bool {
	of, _ := bidi.LookupRune(r)
	return of.Class() == bidi.R || of.Class() == bidi.AL
}

// cutBytes shortens text to at most limit bytes, at the border of a rune.
func cutBytes(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// pieces splits a long text into parts of at most limit UTF-16 code units,
// where possible at the end of a line.
func pieces(text string, limit int) []string {
	var parts []string
	for units(text) > limit {
		end, left := 0, limit
		for i, r := range text {
			if left -= max(utf16.RuneLen(r), 1); left < 0 {
				end = i
				break
			}
		}
		if line := strings.LastIndexByte(text[:end], '\n'); line > end/2 {
			end = line + 1
		}
		parts = append(parts, text[:end])
		text = text[end:]
	}
	return append(parts, text)
}
