package planparse

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// bare reads a number, a constant, or text that was left unquoted.
func (r *reader) bare(c byte) (node, bool) {
	start := r.pos
	for r.pos < len(r.src) && !strings.ContainsRune("\n\r,]}{[\"", rune(r.src[r.pos])) {
		if r.src[r.pos] == '#' || strings.HasPrefix(r.src[r.pos:], "//") || strings.HasPrefix(r.src[r.pos:], "/*") {
			break
		}
		r.pos++
	}
	word := strings.TrimRight(r.src[start:r.pos], " \t")
	if r.pos < len(r.src) && r.src[r.pos] == '"' && word != "" && r.closes(r.pos+1, false) && !r.strict {
		r.pos++ // only the opening quote is missing
		r.mended = true
	}
	atEnd := r.pos >= len(r.src)
	n := node{start: len(r.out), whole: true}
	switch word {
	case "":
		r.pos = start
		return n, false
	case "null":
		n.kind = nodeNull
		r.out = append(r.out, word...)
	case "true", "false":
		n.kind = nodeBool
		r.out = append(r.out, word...)
	case "None", "undefined", "nil", "NULL", "Null":
		r.mended = true
		r.out = append(r.out, "null"...)
	case "True", "False", "TRUE", "FALSE":
		r.mended = true
		n.kind = nodeBool
		r.out = append(r.out, strings.ToLower(word)...)
	default:
		n.kind = nodeNumber
		if isNumber(word) {
			r.out = append(r.out, word...)
			break
		}
		r.mended = true
		if number, ok := mendNumber(word); ok {
			r.out = append(r.out, number...)
			break
		}
		// Text without quotes, or NaN and its like: text is what it becomes,
		// and what is made of it is for others to say. Prose is not a value.
		if len(word) > 200 || strings.Count(word, " ") > 12 {
			r.pos = start + len(word)
			return n, false
		}
		n.kind, n.bare = nodeString, true
		r.out = appendString(r.out, word)
	}
	if atEnd {
		r.truncated = true
		n.whole = false
	}
	n.end = len(r.out)
	return n, true
}

// isNumber reports whether a word is a number by JSON's grammar.
func isNumber(s string) bool {
	i := 0
	digits := func() bool {
		start := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		return i > start
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(s)
}

// mendNumber turns the numbers of other notations into JSON's: +3, 03, .5, 5.
// and 0x5.
func mendNumber(s string) (string, bool) {
	sign := ""
	switch s[0] {
	case '+':
		s = s[1:]
	case '-':
		sign, s = "-", s[1:]
	}
	if s == "" || !isDigit(s[0]) && s[0] != '.' {
		return "", false
	}
	if hex := strings.ToLower(s); strings.HasPrefix(hex, "0x") {
		n, err := strconv.ParseUint(hex[2:], 16, 53)
		return sign + strconv.FormatUint(n, 10), err == nil
	}
	s = strings.TrimLeft(s, "0")
	if s == "" || s[0] == '.' {
		s = "0" + s
	}
	s = sign + strings.TrimSuffix(s, ".")
	return s, isNumber(s)
}

// appendString writes a string as JSON.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			out = append(out, '\\', c)
		default:
			out = appendStringByte(out, c)
		}
	}
	return append(out, '"')
}

// appendStringByte writes a byte that stands for itself inside a string,
// escaping what may not stand there raw.
func appendStringByte(out []byte, c byte) []byte {
	switch {
	case c == '\n':
		return append(out, '\\', 'n')
	case c == '\t':
		return append(out, '\\', 't')
	case c == '\r':
		return append(out, '\\', 'r')
	case c == '"':
		return append(out, '\\', '"')
	case c < ' ':
		const hex = "0123456789abcdef"
		return append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(out, c)
}

// unquote gives the text of a JSON string.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	body := raw[1 : len(raw)-1]
	plain := true
	for _, c := range body {
		if c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return strings.ToValidUTF8(string(body), "\ufffd"), true
	}
	return unescape(body), true
}

// unescape decodes the escapes of a string this package has written or checked.
func unescape(body []byte) string {
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); i++ {
		c := body[i]
		if c != '\\' || i+1 >= len(body) {
			out = append(out, c)
			continue
		}
		i++
		switch body[i] {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			ru := hexRune(body, i+1)
			i += 4
			if 0xd800 <= ru && ru < 0xdc00 && i+6 < len(body) && body[i+1] == '\\' && body[i+2] == 'u' {
				if low := hexRune(body, i+3); 0xdc00 <= low && low < 0xe000 {
					ru = (ru-0xd800)<<10 + (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			out = utf8.AppendRune(out, ru)
		default:
			out = append(out, body[i])
		}
	}
	return strings.ToValidUTF8(string(out), "\ufffd")
}

func hexRune(b []byte, i int) rune {
	if i+4 > len(b) {
		return utf8.RuneError
	}
	n, err := strconv.ParseUint(string(b[i:i+4]), 16, 32)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
