package planparse

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// isASCII reports whether the lexer can read s as it stands. Most timings are,
// and nothing is copied for them.
func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// normalise folds the many ways of typesetting the same words into one:
// compatibility forms, dashes, spaces and case; invisible runes, emoji and
// other ornaments become spaces or vanish. The result may still hold letters
// of any script.
func normalise(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	// Fractions come before NFKC, which would make "21⁄2" of "2½".
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	prev := ' '
	for _, r := range s {
		switch r {
		case '½', '¼', '¾':
			if !unicode.IsDigit(prev) {
				b.WriteByte('0')
			}
			b.WriteString(map[rune]string{'½': ".5", '¼': ".25", '¾': ".75"}[r])
		case '±':
			b.WriteString("+/-")
		default:
			b.WriteRune(r)
		}
		prev = r
	}
	s = b.String()
	if !norm.NFKC.IsNormalString(s) {
		s = norm.NFKC.String(s)
	}
	return strings.Map(foldRune, s)
}

// foldRune maps one rune of an NFKC string to what the lexer knows.
func foldRune(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	case unicode.IsLetter(r):
		if r == 'ё' || r == 'Ё' {
			return 'е' // Russian writes it with or without the dots
		}
		return unicode.ToLower(r)
	case unicode.IsDigit(r):
		return r // of another script: not a number here, and not noise either
	}
	switch r {
	case '‐', '‑', '‒', '–', '—', '―', '−', '﹘', '﹣', '－', '⁃', '→', '➔', '➜', '⇒', '➡':
		return '-'
	case '‘', '’', '‛', 'ʼ', '′', '´':
		return '\''
	case '“', '”', '„', '‟', '«', '»', '″':
		return '"'
	case '•', '·', '●', '▪', '◦', '∙', '‣', '│', '¦':
		return '|'
	case '⁓', '∼', '〜', '≈', '≃', '≅':
		return '~'
	case '…':
		return '.'
	case '⁄', '∕':
		return '/'
	case '「', '【', '〔':
		return '['
	case '」', '】', '〕':
		return ']'
	case '。':
		return '.'
	case '、':
		return ','
	case '€', '£', '¥', '₽', '₹':
		return '$'
	case '°':
		return 'o' // "N° 3"; degrees are nothing here
	}
	if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
		return -1 // variation selectors and keycaps
	}
	return ' '
}
