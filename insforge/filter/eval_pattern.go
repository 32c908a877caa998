package filter

import (
	"encoding/hex"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// like makes LIKE and ILIKE. PostgREST turns every * of the pattern into %. Case
// is Unicode's, but ASCII's in names, which have a collation of their own.
func like(op Op, t Type, pattern string) (func(Value) (Truth, error), error) {
	if err := checkText(pattern); err != nil {
		return nil, err
	}
	pattern = strings.ReplaceAll(pattern, "*", "%")
	fold := op == OpILike
	lower := strings.ToLower
	if t.kind == kindName {
		lower = lowerASCII
	}
	if fold {
		pattern = lower(pattern)
	}
	return func(v Value) (Truth, error) {
		s := v.str
		if fold {
			s = lower(s)
		}
		got, err := likeMatch(s, pattern)
		return truth(got == likeYes), err
	}, nil
}

// likeBytes makes LIKE for bytea, where a character is a byte.
func (c *compiler) likeBytes(pattern string) (func(Value) (Truth, error), error) {
	characters := func(v Value) string {
		raw, _ := hex.DecodeString(strings.TrimPrefix(v.str, `\x`))
		out := make([]rune, len(raw))
		for i, b := range raw {
			out[i] = rune(b)
		}
		return string(out)
	}
	wanted := characters(c.read(Type{kind: kindBytea}, strings.ReplaceAll(pattern, "*", "%")))
	return func(v Value) (Truth, error) {
		got, err := likeMatch(characters(v), wanted)
		return truth(got == likeYes), err
	}, nil
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

type likeResult int8

const (
	likeNo likeResult = iota
	likeYes
	likeAbort // no match even if more of the text were skipped
)

// likeMatch is recursive only at %, and gives up as soon as the text has run
// out, so that it stays quadratic at worst per %.
func likeMatch(s, pattern string) (likeResult, error) {
	for pattern != "" {
		switch pattern[0] {
		case '\\':
			pattern = pattern[1:]
			if pattern == "" {
				if s == "" {
					return likeAbort, nil
				}
				return likeNo, &SQLError{Code: "22025", Message: "LIKE pattern must not end with escape character"}
			}
			if s == "" {
				return likeAbort, nil
			}
			if s[0] != pattern[0] {
				return likeNo, nil
			}
			s, pattern = s[1:], pattern[1:]
		case '%':
			pattern = strings.TrimLeft(pattern, "%")
			for pattern != "" && pattern[0] == '_' { // %_ is _%
				if s == "" {
					return likeAbort, nil
				}
				_, size := utf8.DecodeRuneInString(s)
				s = s[size:]
				pattern = strings.TrimLeft(pattern[1:], "%")
			}
			if pattern == "" {
				return likeYes, nil
			}
			first := pattern[0]
			if first == '\\' {
				if len(pattern) == 1 {
					return likeNo, &SQLError{Code: "22025", Message: "LIKE pattern must not end with escape character"}
				}
				first = pattern[1]
			}
			for {
				i := strings.IndexByte(s, first)
				if i < 0 {
					return likeAbort, nil
				}
				got, err := likeMatch(s[i:], pattern)
				if err != nil || got != likeNo {
					return got, err
				}
				s = s[i+1:]
			}
		case '_':
			if s == "" {
				return likeAbort, nil
			}
			_, size := utf8.DecodeRuneInString(s)
			s, pattern = s[size:], pattern[1:]
		default:
			if s == "" {
				return likeAbort, nil
			}
			if s[0] != pattern[0] {
				return likeNo, nil
			}
			s, pattern = s[1:], pattern[1:]
		}
	}
	if s == "" {
		return likeYes, nil
	}
	return likeNo, nil
}

// match makes ~ and ~*. PostgreSQL's advanced regular expressions are Go's but
// for a few escapes, which are translated; back-references and look-around have
// no counterpart and are refused.
func match(op Op, pattern string) (func(Value) (Truth, error), error) {
	if err := checkText(pattern); err != nil {
		return nil, err
	}
	translated, boundaries, err := translateRegexp(pattern, op == OpIMatch)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile("(?s)" + translated) // a dot matches newlines, ^ and $ only the ends
	if err != nil {
		return nil, &SQLError{Code: "2201B", Message: "invalid regular expression: " + regexpComplaint(err)}
	}
	return func(v Value) (Truth, error) {
		if boundaries && !isASCII(v.str) { // Go's words are made of ASCII
			return Unknown, unsupportedRegexp(`\y, \Y, \m or \M on text beyond ASCII`)
		}
		return truth(re.MatchString(v.str)), nil
	}, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// translateRegexp rewrites what PostgreSQL spells differently, and refuses what
// would mean something else here. Where case does not matter, folded, letters
// stand for both of theirs. Boundaries tells that it asks where words begin or
// end.
func translateRegexp(pattern string, folded bool) (translated string, boundaries bool, err error) {
	var out strings.Builder
	if literal, ok := strings.CutPrefix(pattern, "***="); ok {
		for _, r := range literal {
			if forms := caseForms(r, folded); len(forms) > 1 {
				out.WriteString("[" + string(forms) + "]")
			} else {
				out.WriteString(regexp.QuoteMeta(string(forms)))
			}
		}
		return out.String(), false, nil
	}
	pattern = strings.TrimPrefix(pattern, "***:")
	if rest, ok := strings.CutPrefix(pattern, "(?i)"); ok {
		pattern, folded = rest, true
	}
	inClass, classStart := false, 0
	var cased []rune // letters that no range of this class has brought both forms of; nil: any
	depth := 0       // of parentheses
	atom := false    // what stands before can be repeated
	at := func(i int) byte {
		if i < 0 || i >= len(pattern) {
			return 0
		}
		return pattern[i]
	}
	refuse := func(what string) (string, bool, error) { return "", false, unsupportedRegexp(what) }
	invalid := func(what string) (string, bool, error) {
		return "", false, &SQLError{Code: "2201B", Message: "invalid regular expression: " + what}
	}
	isRange := func(from, next int) bool { // a class as one end of a range
		return at(from-1) == '-' && at(from-2) != '\\' && from-1 > classStart || at(next) == '-' && next+1 < len(pattern) && at(next+1) != ']'
	}
	for i := 0; i < len(pattern); i++ {
		if out.Len() > largestRegexp {
			return refuse("so many classes of letters")
		}
		c := pattern[i]
		repeatable := atom
		atom = !inClass && strings.IndexByte("(|^$", c) < 0
		switch {
		case c == '\\' && i+1 < len(pattern):
			i++
			atom = strings.IndexByte("yYmMAZ", pattern[i]) < 0
			switch e := pattern[i]; {
			case e == 'y' && !inClass:
				boundaries = true
				out.WriteString(`\b`)
			case e == 'Y' && !inClass:
				boundaries = true
				out.WriteString(`\B`)
			case e == 'm' && !inClass: // the start of a word is a boundary before a letter
				if !isWordByte(at(i+1)) || strings.IndexByte("*?{", at(i+2)) >= 0 && at(i+2) != 0 {
					return refuse(`\m before anything but a letter or digit`)
				}
				boundaries = true
				out.WriteString(`\b`)
			case e == 'M' && !inClass: // and its end one behind a letter
				if !isWordByte(at(i-2)) || at(i-3) == '\\' {
					return refuse(`\M behind anything but a letter or digit`)
				}
				boundaries = true
				out.WriteString(`\b`)
			case strings.IndexByte("abBceuUx0", e) >= 0:
				return refuse(`the escape \` + string(e))
			case e == 'Z':
				out.WriteString(`\z`)
			case e >= '1' && e <= '9' && !inClass:
				return refuse("back-references")
			case shorthands[e] != nil:
				class := shorthands[e]()
				switch {
				case inClass && isRange(i-1, i+1):
					return invalid("invalid character range")
				case inClass:
					out.WriteString(class)
				default:
					out.WriteString("[" + class + "]")
				}
			case e == 'A' || strings.IndexByte("nrtfv", e) >= 0:
				out.WriteByte('\\')
				out.WriteByte(e)
			case e >= utf8.RuneSelf: // means itself
				i--
			case unicode.IsLetter(rune(e)):
				return invalid(`invalid escape \ sequence`)
			default:
				out.WriteByte('\\')
				out.WriteByte(e)
			}
		case inClass:
			if c == '[' && i+1 < len(pattern) && strings.IndexByte(":.=", pattern[i+1]) >= 0 {
				kind := pattern[i+1]
				name, _, closed := strings.Cut(pattern[i+2:], string(kind)+"]")
				_, known := classes[name]
				switch {
				case !closed || i+len(name)+4 >= len(pattern):
					return invalid("brackets [] not balanced")
				case kind == ':' && isRange(i, i+len(name)+4):
					return invalid("invalid character range")
				case kind == ':' && (name == "<" || name == ">"):
					return refuse("[[:<:]] and [[:>:]]")
				case kind == ':' && !known:
					return invalid("invalid character class")
				case kind == ':' && folded && (name == "upper" || name == "lower"):
					out.WriteString(classes["alpha"]())
				case kind == ':':
					out.WriteString(classes[name]())
				case utf8.RuneCountInString(name) == 1:
					r, _ := utf8.DecodeRuneInString(name)
					for _, form := range caseForms(r, folded) {
						out.WriteString(regexp.QuoteMeta(string(form)))
					}
				case kind == '.' && strings.Trim(name, "-abcdefghijklmnopqrstuvwxyzNULSOHETX") == "":
					return refuse("names of characters in [..]")
				default:
					return invalid("invalid collating element")
				}
				i += len(name) + 3
				continue
			}
			switch r, size := utf8.DecodeRuneInString(pattern[i:]); {
			case c == ']':
				out.WriteByte(c)
				inClass, atom = false, true
			case c == '[':
				out.WriteString(`\[`)
			case folded && at(i+size) == '-' && at(i+size+1) != 0 && strings.IndexByte(`[]\`, at(i+size+1)) < 0:
				last, length := utf8.DecodeRuneInString(pattern[i+size+1:])
				i += size + length
				out.WriteString(string(r) + "-" + string(last))
				if cased == nil {
					cased = slices.Clone(casedLetters())
				}
				from, _ := slices.BinarySearch(cased, r)
				to, _ := slices.BinarySearch(cased, last+1)
				to = max(from, to) // a range that ends before it starts is refused below
				for _, letter := range cased[from:to] {
					out.WriteString(string(caseForms(letter, true)))
				}
				cased = slices.Delete(cased, from, to)
			default:
				i += size - 1
				out.WriteString(string(caseForms(r, folded)))
			}
		case c == '[':
			inClass, atom, cased = true, false, nil
			out.WriteByte(c)
			if i+1 < len(pattern) && pattern[i+1] == '^' {
				i++
				out.WriteByte('^')
			}
			if i+1 < len(pattern) && pattern[i+1] == ']' {
				i++
				out.WriteString(`\]`)
			}
			classStart = i + 1
		case c == '(' && at(i+1) == '?' && strings.IndexByte("=!<", at(i+2)) >= 0:
			return refuse("look-around")
		case c == '(' && at(i+1) == '?' && at(i+2) != ':':
			return refuse("embedded options")
		case c == '(' && at(i+1) == '?':
			depth++
			out.WriteString("(?:")
			i += 2
		case c == '(':
			depth++
			out.WriteByte(c)
		case c == ')':
			if depth--; depth < 0 {
				return invalid("parentheses () not balanced")
			}
			out.WriteByte(c)
		case strings.IndexByte("*+?", c) >= 0 || c == '{' && isDigit(at(i+1)):
			if !repeatable {
				return invalid("quantifier operand invalid")
			}
			end := i + 1
			if c == '{' {
				size, complaint := repetition(pattern[i:])
				if complaint != "" {
					return invalid(complaint)
				}
				end = i + size
			}
			if at(end) == '?' {
				end++
			}
			out.WriteString(zerosBefore.ReplaceAllString(pattern[i:end], "$1$2"))
			i, atom = end-1, false
		default:
			r, size := utf8.DecodeRuneInString(pattern[i:])
			i += size - 1
			if forms := caseForms(r, folded); len(forms) > 1 {
				out.WriteString("[" + string(forms) + "]")
			} else {
				out.WriteRune(r)
			}
		}
	}
	return out.String(), boundaries, nil
}

// largestRegexp bounds, in bytes, what a pattern may become: a class of two letters
// becomes kilobytes.
const largestRegexp = 4 << 20

// casedLetters are all letters that have a case.
var casedLetters = sync.OnceValue(func() []rune {
	var letters []rune
	for r := range unicode.MaxRune {
		if len(caseForms(r, true)) > 1 {
			letters = append(letters, r)
		}
	}
	return letters
})

// caseForms are the lower and upper case of a letter, where case does not
// matter: no other forms, unlike in Go, where k is also the sign for kelvin.
func caseForms(r rune, folded bool) []rune {
	lower, upper := unicode.ToLower(r), unicode.ToUpper(r)
	switch {
	case !folded:
		return []rune{r}
	case lower == upper:
		return []rune{lower}
	}
	return []rune{lower, upper}
}

// zerosBefore finds the zeros before a number in a bound.
var zerosBefore = regexp.MustCompile(`([{,])0+([0-9])`)

// repetition measures a bound such as {3} or {2,5}, and says what is wrong with it.
func repetition(s string) (size int, complaint string) {
	counts := [2]int{}
	given := 0
	size = 1
	for given < 2 && size < len(s) && isDigit(s[size]) {
		end := size
		for end < len(s) && isDigit(s[end]) {
			end++
		}
		n, err := strconv.Atoi(s[size:end])
		if err != nil || n > 255 {
			return 0, "invalid repetition count(s)"
		}
		counts[given], size = n, end
		if given++; given == 1 && size < len(s) && s[size] == ',' {
			counts[1] = 255
			size++
		} else if given == 1 {
			counts[1] = n
			break
		}
	}
	switch {
	case size >= len(s):
		return 0, "braces {} not balanced"
	case s[size] != '}' || counts[1] < counts[0]:
		return 0, "invalid repetition count(s)"
	}
	return size + 1, ""
}

func unsupportedRegexp(what string) error {
	return &SQLError{Code: "0A000", Message: "regular expressions with " + what + " are not supported here"}
}

func regexpComplaint(err error) string {
	parse, ok := err.(*syntax.Error)
	if !ok {
		return err.Error()
	}
	switch parse.Code {
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		return "parentheses () not balanced"
	case syntax.ErrMissingBracket:
		return "brackets [] not balanced"
	case syntax.ErrMissingRepeatArgument, syntax.ErrInvalidRepeatOp:
		return "quantifier operand invalid"
	case syntax.ErrInvalidRepeatSize:
		return "invalid repetition count(s)"
	case syntax.ErrInvalidCharRange:
		return "invalid character range"
	case syntax.ErrTrailingBackslash, syntax.ErrInvalidEscape:
		return `invalid escape \ sequence`
	default:
		return parse.Code.String()
	}
}
