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
	signs := false
	s = strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf:
		case r == '½' || r == '¼' || r == '¾' || r == '±':
			signs = true
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
	if signs {
		s = spellSigns(s) // before NFKC, which would make "21⁄2" of "2½"
	}
	if !norm.NFKC.IsNormalString(s) {
		s = norm.NFKC.String(s)
	}
	return strings.Map(foldRune, s)
}

// spellSigns writes fractions and the sign of tolerance as ASCII has them.
func spellSigns(s string) string {
	var b strings.Builder
	prev := ' '
	for _, r := range s {
		fraction := ""
		switch r {
		case '½':
			fraction = ".5"
		case '¼':
			fraction = ".25"
		case '¾':
			fraction = ".75"
		case '±':
			b.WriteString("+/-")
		default:
			b.WriteRune(r)
		}
		if fraction != "" && !unicode.IsDigit(prev) {
			b.WriteByte('0')
		}
		b.WriteString(fraction)
		prev = r
	}
	return b.String()
}

// foldRune maps one rune of an NFKC string to what the lexer knows.
func foldRune(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	case '‐' <= r && r <= '―':
		return '-' // all of them dashes
	case unicode.IsLetter(r):
		if r == 'ё' || r == 'Ё' {
			return 'е' // Russian writes it with or without the dots
		}
		return unicode.ToLower(r)
	case unicode.IsDigit(r):
		return r // of another script: not a number here, and not noise either
	}
	switch r {
	case '−', '﹘', '﹣', '－', '⁃', '→', '➔', '➜', '⇒', '➡':
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
