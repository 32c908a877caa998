package filter

import (
	"strconv"
	"sync"
	"unicode"
)

// Classes of characters are what the C library says, which PostgreSQL asks; Go's
// regular expressions know them for ASCII, and Unicode's categories, which are
// cut differently: an Arabic digit is a letter to C, © is punctuation, a space
// that does not break a line is not a space. What is written between brackets
// for a class is found when one is used first.

// classes are the names inside brackets.
var classes = map[string]func() string{
	"alpha":  inBrackets(isAlphabetic),
	"digit":  inBrackets(isASCIIDigit),
	"alnum":  alnum,
	"upper":  inBrackets(isUpper),
	"lower":  inBrackets(isLower),
	"space":  space,
	"punct":  inBrackets(func(r rune) bool { return isGraph(r) && !isAlphabetic(r) && !isASCIIDigit(r) }),
	"graph":  inBrackets(isGraph),
	"print":  inBrackets(func(r rune) bool { return isGraph(r) || unicode.Is(unicode.Zs, r) }),
	"cntrl":  inBrackets(unicode.IsControl),
	"blank":  func() string { return `[:blank:]` },
	"xdigit": func() string { return `[:xdigit:]` },
	"ascii":  func() string { return `[:ascii:]` },
	"word":   wordClass,
}

// shorthands are the escapes for some of them and, as capital letters, for
// everything else.
var shorthands = map[byte]func() string{
	'd': classes["digit"], 'w': wordClass, 's': space,
	'D': inBrackets(func(r rune) bool { return !isASCIIDigit(r) }),
	'W': inBrackets(func(r rune) bool { return !isAlphabetic(r) && !isASCIIDigit(r) && r != '_' }),
	'S': inBrackets(func(r rune) bool { return !isSpace(r) }),
}

var (
	alnum = inBrackets(func(r rune) bool { return isAlphabetic(r) || isASCIIDigit(r) })
	space = inBrackets(isSpace)
)

func wordClass() string { return alnum() + "_" }

func isASCIIDigit(r rune) bool { return r >= '0' && r <= '9' }

func isAlphabetic(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Other_Alphabetic) || unicode.Is(unicode.Nd, r) && !isASCIIDigit(r)
}

func isUpper(r rune) bool {
	return unicode.ToLower(r) != r || unicode.In(r, unicode.Lu, unicode.Other_Uppercase)
}

func isLower(r rune) bool {
	return unicode.ToUpper(r) != r || unicode.In(r, unicode.Ll, unicode.Other_Lowercase)
}

func isSpace(r rune) bool {
	switch r {
	case '\u00a0', '\u2007', '\u202f':
		return false
	}
	return r >= '\t' && r <= '\r' || unicode.Is(unicode.Z, r)
}

func isGraph(r rune) bool {
	return (unicode.IsGraphic(r) || unicode.In(r, unicode.Cf, unicode.Co)) && !isSpace(r)
}

// inBrackets writes the characters of a class as ranges.
func inBrackets(is func(rune) bool) func() string {
	return sync.OnceValue(func() string {
		var out []byte
		first := rune(-1)
		for r := rune(0); r <= unicode.MaxRune+1; r++ {
			switch in := r <= unicode.MaxRune && is(r); {
			case in && first < 0:
				first = r
			case !in && first >= 0:
				out = appendHex(append(appendHex(out, first), '-'), r-1)
				first = -1
			}
		}
		return string(out)
	})
}

func appendHex(dst []byte, r rune) []byte {
	return append(strconv.AppendInt(append(dst, `\x{`...), int64(r), 16), '}')
}
