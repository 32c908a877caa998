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
