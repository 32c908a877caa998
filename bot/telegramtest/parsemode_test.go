package telegramtest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParseText(t *testing.T) {
	t.Parallel()
	type es = []Entity
	tests := map[string]struct {
		mode, in, text string
		entities       es
	}{
		"plain":                     {"", "<b>*x*</b>", "<b>*x*</b>", nil},
		"HTML, nested":              {"HTML", "<b>a<i>b</i></b>c", "abc", es{{Type: "bold", Length: 2}, {Type: "italic", Offset: 1, Length: 1}}},
		"HTML, synonyms":            {"HTML", "<strong>a</strong><em>b</em><ins>c</ins><del>d</del><STRIKE>e</STRIKE>", "abcde", es{{Type: "bold", Length: 1}, {Type: "italic", Offset: 1, Length: 1}, {Type: "underline", Offset: 2, Length: 1}, {Type: "strikethrough", Offset: 3, Length: 1}, {Type: "strikethrough", Offset: 4, Length: 1}}},
		"HTML, references":          {"HTML", "&lt;b&gt; &amp;amp; &quot;&#65;&#x1F600;&nbsp;& &lt", "<b> &amp; \"A😀&nbsp;& <", nil},
		"HTML, astral offsets":      {"HTML", "😀<b>x</b>", "😀x", es{{Type: "bold", Offset: 2, Length: 1}}},
		"HTML, links":               {"HTML", `<a href="https://a.example/?x=1&amp;y=2">a</a><a href='nowhere'>b</a><a>c.example</a>`, "abc.example", es{{Type: "text_link", Length: 1, URL: "https://a.example/?x=1&y=2"}, {Type: "text_link", Offset: 2, Length: 9, URL: "http://c.example"}}},
		"HTML, spoilers":            {"HTML", `<tg-spoiler>a</tg-spoiler><span class="tg-spoiler">b</span>`, "ab", es{{Type: "spoiler", Length: 1}, {Type: "spoiler", Offset: 1, Length: 1}}},
		"HTML, quotes":              {"HTML", `<blockquote>a</blockquote><blockquote expandable>b</blockquote>`, "ab", es{{Type: "blockquote", Length: 1}, {Type: "expandable_blockquote", Offset: 1, Length: 1}}},
		"HTML, code with language":  {"HTML", `<pre><code class="language-go">x := 1</code></pre>`, "x := 1", es{{Type: "pre", Length: 6, Language: "go"}}},
		"HTML, nothing inside code": {"HTML", `<code>a<b>b</b></code>`, "ab", es{{Type: "code", Length: 2}}},
		"HTML, empty tags":          {"HTML", `<b></b>x`, "x", nil},
		"HTML, mention":             {"HTML", `<a href="tg://user?id=7">Jane</a>`, "Jane", es{{Type: "text_mention", Length: 4, User: &Person{ID: 7}}}},
		"Markdown":                  {"Markdown", "*a* _b_ `c` [d](https://d.example) \\*e", "a b c d *e", es{{Type: "bold", Length: 1}, {Type: "italic", Offset: 2, Length: 1}, {Type: "code", Offset: 4, Length: 1}, {Type: "text_link", Offset: 6, Length: 1, URL: "https://d.example"}}},
		"Markdown, pre":             {"Markdown", "```go\nx\n```", "x\n", es{{Type: "pre", Length: 2, Language: "go"}}},
		"Markdown does not nest":    {"Markdown", "*a _b_*", "a _b_", es{{Type: "bold", Length: 5}}},
		"MarkdownV2, nested":        {"MarkdownV2", "*a _b __c___*", "a b c", es{{Type: "bold", Length: 5}, {Type: "italic", Offset: 2, Length: 3}, {Type: "underline", Offset: 4, Length: 1}}},
		"MarkdownV2, everything":    {"MarkdownV2", "~a~ ||b|| `c` ```py\nd``` [e](https://e.example/\\)) 1\\.", "a b c d e 1.", es{{Type: "strikethrough", Length: 1}, {Type: "spoiler", Offset: 2, Length: 1}, {Type: "code", Offset: 4, Length: 1}, {Type: "pre", Offset: 6, Length: 1, Language: "py"}, {Type: "text_link", Offset: 8, Length: 1, URL: "https://e.example/)"}}},
		"MarkdownV2, quote":         {"MarkdownV2", ">a\n>b\nc", "a\nb\nc", es{{Type: "blockquote", Length: 3}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, entities, err := parseText(tt.in, tt.mode)
			require.NoError(t, err)
			require.Equal(t, tt.text, text)
			require.Equal(t, tt.entities, entities)
		})
	}
}

func TestParseTextErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ mode, in, want string }{
		{"HTML", "1 < 2", `Unsupported start tag "" at byte offset 2`},
		{"HTML", "a <b", `Unclosed start tag at byte offset 2`},
		{"HTML", "<script>", `Unsupported start tag "script" at byte offset 0`},
		{"HTML", "<b><i>x</b></i>", `Unmatched end tag at byte offset 7, expected "</i>", found "</b>"`},
		{"HTML", "x</b>", `Unexpected end tag at byte offset 1`},
		{"HTML", "<b>x</b", `Unclosed end tag at byte offset 4`},
		{"HTML", "<b>x", `Can't find end tag corresponding to start tag "b"`},
		{"HTML", "<a href>x</a>", `Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0`},
		{"HTML", "<a =x>x</a>", `Empty attribute name in the tag "a" at byte offset 0`},
		{"HTML", "<a href=x/y>x</a>", `Unexpected end of name token at byte offset 8`},
		{"HTML", `<a href="x`, `Unclosed start tag at byte offset 0`},
		{"HTML", `<a href=`, `Unclosed start tag "a" at byte offset 0`},
		{"HTML", "<span>x</span>", `Tag "span" must have class "tg-spoiler" at byte offset 0`},
		{"HTML", "<tg-emoji>x</tg-emoji>", `Invalid custom emoji identifier specified`},
		{"Markdown", "a *b", `Can't find end of the entity starting at byte offset 2`},
		{"Markdown", "```a``", "Can't find end of the entity starting at byte offset 0"},
		{"Markdown", "[a", "Can't find end of the entity starting at byte offset 0"},
		{"MarkdownV2", "*a", "Can't find end of Bold entity at byte offset 0"},
		{"MarkdownV2", "a _b*", "Can't find end of Bold entity at byte offset 4"},
		{"MarkdownV2", "hello!", `Character '!' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "a|b", `Character '|' is reserved and must be escaped with the preceding '\'`},
		{"MarkdownV2", "[a](b", "Can't find end of a URL at byte offset 4"},
		{"MarkdownV2", "![a](b)", "Custom emoji entity must contain a tg://emoji URL"},
		{"MarkdownV2", ">*a\nb*", "Can't find end of Bold entity at byte offset 1"},
	}
	for _, tt := range tests {
		t.Run(tt.mode+" "+tt.in, func(t *testing.T) {
			t.Parallel()
			_, _, err := parseText(tt.in, tt.mode)
			require.EqualError(t, err, "400 Bad Request: can't parse entities: "+tt.want)
		})
	}
}

func TestCleanTrimsAndMovesEntities(t *testing.T) {
	t.Parallel()
	text, entities := clean(" \n\ra\r\tb \n", []Entity{{Type: "bold", Offset: 0, Length: 4}, {Type: "code", Offset: 6, Length: 1}, {Type: "italic", Offset: 7, Length: 2}})
	require.Equal(t, "a b", text)
	require.Equal(t, []Entity{{Type: "bold", Offset: 0, Length: 1}, {Type: "code", Offset: 2, Length: 1}}, entities)
}

func FuzzParseText(f *testing.F) {
	for _, s := range []string{"<b>a</b>", "<a href=\"x.example\">a</a>", "&#x41;&lt", "*a _b_*", "```go\nx```", ">q\n||s||", "[a](b\\))", "![a](tg://emoji?id=1)", "<blockquote expandable>a", "\\", "`", "<", "</"} {
		for mode := range 3 {
			f.Add(s, mode)
		}
	}
	modes := []string{"HTML", "Markdown", "MarkdownV2"}
	f.Fuzz(func(t *testing.T, s string, mode int) {
		if !utf8.ValidString(s) || units(s) > maxText {
			t.Skip("texts are UTF-8 by the time they are parsed, and most that are longer are refused")
		}
		text, entities, err := parseText(s, modes[uint(mode)%3])
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "400 Bad Request: can't parse entities: "), err)
			return
		}
		require.True(t, utf8.ValidString(text))
		text, entities = clean(text, entities)
		for _, e := range entities {
			require.Positive(t, e.Length)
			require.GreaterOrEqual(t, e.Offset, 0)
			require.LessOrEqual(t, e.Offset+e.Length, units(text))
			require.NotEmpty(t, e.Type)
		}
		_ = renderHTML(text, withAutomatic(text, entities))
	})
}
