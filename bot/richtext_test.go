package bot

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRichTextEscapesEverything(t *testing.T) {
	t.Parallel()
	text := lines(bold("A & <b>"), nil, join(plain("1 < 2 "), code(`"x"`)), copyable("*_`[draft]"))
	require.Equal(t, "<b>A &amp; &lt;b&gt;</b>\n1 &lt; 2 <code>&#34;x&#34;</code>\n<pre>*_`[draft]</pre>", text.html())
	require.Equal(t, "A & <b>\n1 < 2 \"x\"\n*_`[draft]", text.plain())
	require.Equal(t, "a\n\nb", paragraphs(plain("a"), nil, plain("b")).plain())
}

func TestRichTextIsAlwaysSendable(t *testing.T) {
	t.Parallel()
	require.Equal(t, "…", richText(nil).sendable().plain())
	require.Equal(t, "…", plain(" \n").sendable().plain())
	require.Equal(t, "…", plain("\u200b\u2800\u2060 \u3164").sendable().plain(), "what shows nothing is empty to Telegram")
	require.Equal(t, "a\uFFFDb", plain("a\xffb").sendable().plain())

	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.StringMatching(`[a-z<&😀👩‍👩‍👧שלום]{0,90}`), 1, 6).Draw(t, "parts")
		var text richText
		for _, p := range parts {
			text = append(text, span{strings.Repeat(p, 15), "b"})
		}
		sent := text.sendable().plain()
		require.LessOrEqual(t, len(utf16.Encode([]rune(sent))), maxText)
		require.True(t, utf8.ValidString(sent))
		if units(text.plain()) > maxText {
			require.Contains(t, sent, "…")
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text  string
		limit int
		want  string
	}{
		{"short", 5, "short"},
		{"longer", 5, "long…"},
		{"two words", 5, "two…"},
		{"😀😀😀", 5, "😀😀…"}, // an emoji is two units
		{"😀😀😀", 4, "😀…"},
		{"x", 0, ""},
	} {
		require.Equal(t, tc.want, cut(tc.text, tc.limit), "%q to %d", tc.text, tc.limit)
	}
	require.Equal(t, "שלו", cutBytes("שלום", 7))
}

func TestPiecesLoseNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab\n😀é]{0,300}`).Draw(t, "text")
		limit := rapid.IntRange(2, 50).Draw(t, "limit")
		parts := pieces(text, limit)
		require.Equal(t, text, strings.Join(parts, ""))
		for _, part := range parts {
			require.LessOrEqual(t, units(part), limit)
		}
	})
}

func TestKeyboardRefusesDataTelegramWouldRefuse(t *testing.T) {
	t.Parallel()
	_, err := keyboard{{press("ok", "done", strings.Repeat("9", 59))}}.markup()
	require.NoError(t, err)
	_, err = keyboard{{press("no", "done", strings.Repeat("9", 60))}}.markup()
	require.ErrorContains(t, err, "65 bytes")
}
