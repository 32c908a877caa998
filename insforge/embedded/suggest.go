package embedded

import (
	"maps"
	"math"
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
	best := nearest(related, t.name)
	if i := slices.IndexFunc(related, func(other string) bool { return strings.EqualFold(other, t.name) }); i >= 0 {
		best = related[i]
	}
	if best != "" {
		return "Perhaps you meant '" + best + "' instead of '" + t.name + "'."
	}
	return ""
}

// nearestFunction is PostgREST's hint where no function takes what is given: one
// of nearly the name, or, if the name is right, with nearly the arguments.
func (h *handler) nearestFunction(name string, keys []string) string {
	list := func(names []string) string {
		return "(" + strings.Join(slices.Sorted(slices.Values(names)), ", ") + ")"
	}
	var names []string
	given := name
	if overloaded := h.functions[name]; len(overloaded) > 0 {
		given = list(keys)
		for _, f := range overloaded {
			names = append(names, list(f.parameterNames()))
		}
	} else {
		names = slices.Sorted(maps.Keys(h.functions))
	}
	best := nearest(names, given)
	if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, given) }); i >= 0 {
		best = names[i]
	}
	switch {
	case best == "":
		return ""
	case len(h.functions[name]) > 0:
		best = name + best
	}
	return "Perhaps you meant to call the function public." + best
}

// nearest finds the name most like another as fuzzysets do, which PostgREST
// uses: it must share three letters in a row, or else two, and a third of its
// length by Levenshtein's distance; of equals the one that shares more, and of
// those the first. There is no nearest to one that is there.
func nearest(names []string, wanted string) string {
	folded := strings.ToLower(wanted)
	for _, name := range names {
		if strings.ToLower(name) == folded {
			return ""
		}
	}
	const least = 0.33
	for _, size := range []int{3, 2} {
		best, bestScore, bestShared := "", 0.0, 0.0
		for _, name := range names {
			entry := strings.ToLower(name)
			shared := sharedGrams(entry, folded, size)
			if shared == 0 {
				continue
			}
			longest := max(utf8.RuneCountInString(entry), utf8.RuneCountInString(folded))
			score := 1 - float64(editDistance(entry, folded))/float64(longest)
			if score >= least && (score > bestScore || score == bestScore && shared > bestShared) {
				best, bestScore, bestShared = name, score, shared
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// sharedGrams is the cosine of the angle between two words as vectors of their
// runs of letters; a dash stands before and after each.
func sharedGrams(a, b string, size int) float64 {
	x, y := grams(a, size), grams(b, size)
	var product, squareX, squareY int
	for gram, n := range x {
		product += n * y[gram]
		squareX += n * n
	}
	for _, n := range y {
		squareY += n * n
	}
	if product == 0 {
		return 0
	}
	return float64(product) / (math.Sqrt(float64(squareX)) * math.Sqrt(float64(squareY)))
}

func grams(word string, size int) map[string]int {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == ',' {
			return r
		}
		return -1
	}, word)
	padded := []rune("-" + letters + "-")
	counts := map[string]int{}
	for i := 0; i+size <= len(padded); i++ {
		counts[string(padded[i:i+size])]++
	}
	return counts
}
