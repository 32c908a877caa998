package embedded

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nearestRelation is PostgREST's hint for an embed it finds no relationship for:
// a table it may have been meant to be, or, where the embedding table has no
// relationships at all, another one that does.
func (s *Schema) nearestRelation(t *table, name string) string {
	if ways := t.ways(); len(ways) > 0 {
		targets := make([]string, len(ways))
		for i, r := range ways {
			targets[i] = r.target().name
		}
		if best := nearest(targets, name); best != "" {
			return "Perhaps you meant '" + best + "' instead of '" + name + "'."
		}
		return ""
	}
	var related []string
	for _, other := range slices.Sorted(maps.Keys(s.tables)) {
		if len(s.tables[other].ways()) > 0 {
			related = append(related, other)
		}
	}
	if best := nearest(related, t.name); best != "" {
		return "Perhaps you meant '" + best + "' instead of '" + t.name + "'."
	}
	return ""
}

// nearest finds the name most like another as fuzzysets do, which PostgREST
// uses: it must share three letters in a row, or else two, and a third of its
// length by Levenshtein's distance. There is no nearest to one that is there.
func nearest(names []string, wanted string) string {
	folded := strings.ToLower(wanted)
	for _, name := range names {
		if strings.ToLower(name) == folded {
			return ""
		}
	}
	const least = 0.33
	for _, size := range []int{3, 2} {
		best, bestScore := "", 0.0
		for _, name := range names {
			entry := strings.ToLower(name)
			if !shareGram(entry, folded, size) {
				continue
			}
			longest := max(utf8.RuneCountInString(entry), utf8.RuneCountInString(folded))
			if score := 1 - float64(editDistance(entry, folded))/float64(longest); score >= least && score > bestScore {
				best, bestScore = name, score
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// shareGram reports whether two words have a run of letters in common; a dash
// stands before and after each.
func shareGram(a, b string, size int) bool {
	pad := func(s string) []rune {
		letters := strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == ',' {
				return r
			}
			return -1
		}, s)
		return []rune("-" + letters + "-")
	}
	x, y := pad(a), pad(b)
	for i := 0; i+size <= len(x); i++ {
		for j := 0; j+size <= len(y); j++ {
			if slices.Equal(x[i:i+size], y[j:j+size]) {
				return true
			}
		}
	}
	return false
}
