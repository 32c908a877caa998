package planparse

import (
	"slices"
	"strings"
)

// words is the lexicon the lexer looks words up in: the vocabularies of
// lexicon_english.go and lexicon_languages.go, with phrases filed under their
// first word.
// Nothing changes it after the package is loaded.
var words = newLexicon(merge(english, russian, spanish, german, otherLanguages))

// lexicon is a hash table of words. The lexer computes the hash of a word while
// it reads its letters, and so looking it up costs next to nothing.
type lexicon struct {
	slots   [4096]uint16 // places in entries, 0 for none
	entries []entry
}

// entry is a word together with the phrases that begin with it, longest first.
type entry struct {
	lexeme
	word    string
	phrases []phrase
}

type phrase struct {
	first byte // of rest
	rest  []string
	lexeme
}

func newLexicon(entries map[string]entry) *lexicon {
	l := &lexicon{entries: make([]entry, 1, len(entries)+1)}
	for word, e := range entries {
		e.word = word
		i := hashOf(word).slot()
		for l.slots[i] != 0 {
			i = (i + 1) % len(l.slots)
		}
		l.slots[i] = uint16(len(l.entries))
		l.entries = append(l.entries, e)
	}
	return l
}

// find looks a word up by its letters, in lower case, and their hash.
func (l *lexicon) find(word []byte, h hash) *entry {
	for i := h.slot(); l.slots[i] != 0; i = (i + 1) % len(l.slots) {
		if e := &l.entries[l.slots[i]]; e.word == string(word) {
			return e
		}
	}
	return nil
}

// hash is that of the letters so far: FNV-1a.
type hash uint32

const noLetters hash = 2166136261

func (h hash) and(c byte) hash { return (h ^ hash(c)) * 16777619 }

// slot is where a table of words begins to look.
func (h hash) slot() int { return int(h>>16^h) % len(lexicon{}.slots) }

func hashOf[T string | []byte](word T) hash {
	h := noLetters
	for i := range len(word) {
		h = h.and(word[i])
	}
	return h
}

// vocabulary maps the words and phrases of a language, in lower case, to what
// they mean. Several spellings of one lexeme stand on one line, separated by
// commas; a phrase's words are separated by spaces, and hyphens do as well.
type vocabulary map[string]lexeme

// merge makes one of several vocabularies. The first one to define a word wins,
// so English is never disturbed by another language.
func merge(languages ...vocabulary) map[string]entry {
	lex := make(map[string]entry, 1200)
	for _, language := range languages {
		for spellings, meaning := range language {
			for text := range strings.SplitSeq(spellings, ",") {
				text = strings.TrimSpace(text)
				if strings.Contains(text, " ") {
					continue
				}
				if known, ok := lex[text]; !ok || known.kind == kWord {
					lex[text] = entry{lexeme: meaning, phrases: known.phrases}
				}
			}
		}
		// A phrase whose first word means nothing by itself files it as such.
		for spellings, meaning := range language {
			for text := range strings.SplitSeq(spellings, ",") {
				first, rest, ok := strings.Cut(strings.TrimSpace(text), " ")
				if !ok {
					continue
				}
				e, known := lex[first]
				if !known {
					e.lexeme = lexeme{kind: kWord}
				}
				e.phrases = append(e.phrases, phrase{rest[0], strings.Fields(rest), meaning})
				lex[first] = e
			}
		}
	}
	for _, e := range lex {
		slices.SortStableFunc(e.phrases, func(a, b phrase) int { return len(b.rest) - len(a.rest) })
	}
	return lex
}
