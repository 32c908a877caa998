package planparse

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A spelling that stands twice in a vocabulary would mean whatever the
// iteration order of a map made of it.
func TestVocabulariesDefineEverySpellingOnce(t *testing.T) {
	t.Parallel()
	for name, language := range map[string]vocabulary{
		"english": english, "russian": russian, "spanish": spanish, "german": german, "other": otherLanguages,
	} {
		seen := map[string]lexeme{}
		for spellings, meaning := range language {
			for text := range strings.SplitSeq(spellings, ",") {
				text = strings.TrimSpace(text)
				_, twice := seen[text]
				require.False(t, twice, "%s: %q", name, text)
				require.LessOrEqual(t, len(strings.ReplaceAll(strings.Fields(text)[0], " ", "")), longestWord)
				seen[text] = meaning
			}
		}
	}
}

// A spelling the lexer cuts in two, or that another language has taken, would
// stand in its vocabulary for nothing.
func TestEverySpellingIsRead(t *testing.T) {
	t.Parallel()
	for _, language := range []vocabulary{english, russian, spanish, german, otherLanguages} {
		for spellings, meaning := range language {
			for text := range strings.SplitSeq(spellings, ",") {
				text = strings.TrimSpace(text)
				if text == "y" {
					continue // years behind a number, "and" elsewhere
				}
				lex := lexer{src: normalise(text)}
				lex.run()
				require.Equal(t, 1, lex.n, "%q", text)
				require.Equal(t, meaning.kind, lex.room[0].kind, "%q", text)
			}
		}
	}
}
