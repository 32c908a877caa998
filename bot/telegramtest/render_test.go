package telegramtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMessageHTMLIsSafeAndFormatted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text     string
		entities []Entity
		want     string
	}{
		"escapes":       {"<script>&", nil, "&lt;script&gt;&amp;"},
		"nests":         {"abc", []Entity{{Type: "bold", Length: 3}, {Type: "italic", Offset: 1, Length: 1}}, "<b>a<i>b</i>c</b>"},
		"crosses":       {"abc", []Entity{{Type: "bold", Length: 2}, {Type: "italic", Offset: 1, Length: 2}}, "<b>a<i>b</i></b><i>c</i>"},
		"ends together": {"ab", []Entity{{Type: "bold", Length: 2}, {Type: "underline", Length: 2}}, "<b><u>ab</u></b>"},
		"astral":        {"😀b", []Entity{{Type: "code", Offset: 2, Length: 1}}, "😀<code>b</code>"},
		"script link":   {"x", []Entity{{Type: "text_link", Length: 1, URL: "javascript:alert(1)"}}, "x"},
		"bare address": {
			"see https://a.example/?a&b.", []Entity{{Type: "url", Offset: 4, Length: 22}},
			`see <a href="https://a.example/?a&amp;b" target="_blank" rel="noopener noreferrer">https://a.example/?a&amp;b</a>.`,
		},
		"command": {"/help me", []Entity{{Type: "bot_command", Length: 5}}, `<span class="command">/help</span> me`},
		"spoiler": {"x", []Entity{{Type: "spoiler", Length: 1}}, `<span class="tg-spoiler">x</span>`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, Message{Text: tt.text, Entities: tt.entities}.HTML())
		})
	}
}

func TestAutomaticEntities(t *testing.T) {
	t.Parallel()
	text := "/start see https://a.example/x. (@jane_doe) mail@b.example /a/b /c"
	entities := withAutomatic(text, []Entity{{Type: "code", Offset: 7, Length: 3}})
	var got []string
	for _, e := range entities {
		got = append(got, e.Type+" "+text[byteOffset(text, e.Offset):byteOffset(text, e.Offset+e.Length)])
	}
	require.Equal(t, []string{"bot_command /start", "code see", "url https://a.example/x", "mention @jane_doe", "bot_command /c"}, got)
}
