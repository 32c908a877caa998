package planparse

// respell replaces the unknown words of a text by the one of a short list each
// is a misspelling of. It is tried only when the text as written means
// nothing, and only for long words, where a slip cannot make another word.
func respell(src string, toks []token) bool {
	changed := false
	for i := range toks {
		t := &toks[i]
		if t.kind != kWord || t.end-t.start < 5 || t.end-t.start > 14 {
			continue
		}
		var buf [16]byte
		word := buf[:t.end-t.start]
		for j := range word {
			word[j] = lower(src[int(t.start)+j])
		}
		for _, right := range correctable {
			if word[0] != right[0] || !sameEnd(word, right) {
				continue
			}
			allowed := 1
			if len(right) >= 8 {
				allowed = 2
			}
			if distance(word, right) <= allowed {
				entry := words.find([]byte(right), hashOf(right))
				t.kind, t.val, t.num = entry.kind, entry.val, entry.num
				changed = true
				break
			}
		}
	}
	return changed
}

// correctable lists the words long enough to be recognised when misspelt.
var correctable = [...]string{
	"tomorrow", "immediately", "immediate",
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
	"january", "february", "september", "october", "november", "december",
	"business", "working", "minutes", "months", "previous", "following", "within",
}

// sameEnd reports whether two words end alike, a swap of the last letters
// aside: names such as "Frida" are not misspelt weekdays.
func sameEnd(a []byte, b string) bool {
	i, j := len(a)-1, len(b)-1
	return a[i] == b[j] || a[i] == b[j-1] && a[i-1] == b[j]
}

// distance is the number of slips between two words: letters left out, added,
// replaced, or swapped with their neighbour.
func distance(a []byte, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return 3
	}
	var rows [3][20]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur, last, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(cur[j-1]+1, last[j]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
