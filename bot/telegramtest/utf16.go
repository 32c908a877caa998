package telegramtest

import (
	"strings"
	"unicode/utf16"
)

// units is the length of s in UTF-16 code units, which is how Telegram counts.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += utf16.RuneLen(r)
	}
	return n
}

// byteOffset is where the given UTF-16 offset lies in s; len(s) when it is at
// or past the end. An offset inside a surrogate pair counts as after it.
func byteOffset(s string, offset int) int {
	n := 0
	for i, r := range s {
		if n >= offset {
			return i
		}
		n += utf16.RuneLen(r)
	}
	return len(s)
}

// clean does to a text what Telegram does before it stores one: carriage
// returns go, other control characters become spaces, and white space at both
// ends goes. Entities move along; those left empty vanish.
func clean(text string, entities []Entity) (string, []Entity) {
	var b strings.Builder
	removed := make([]int, 0, 8) // offsets, in units of the original, of removed carriage returns
	at := 0
	for _, r := range text {
		switch {
		case r == '\r':
			removed = append(removed, at)
		case r < ' ' && r != '\n':
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
		at += utf16.RuneLen(r)
	}
	whole := b.String()
	trimmed := strings.TrimLeft(whole, " \n")
	cut := units(whole) - units(trimmed)
	trimmed = strings.TrimRight(trimmed, " \n")
	end := units(trimmed)

	shift := func(offset int) int {
		before := 0
		for _, r := range removed {
			if r < offset {
				before++
			}
		}
		return min(max(offset-before-cut, 0), end)
	}
	var kept []Entity
	for _, e := range entities {
		from, to := shift(e.Offset), shift(e.Offset+e.Length)
		if from < to {
			e.Offset, e.Length = from, to-from
			kept = append(kept, e)
		}
	}
	return trimmed, kept
}
