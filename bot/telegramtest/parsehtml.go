package telegramtest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// htmlTags are the tags Telegram knows and the entity each stands for; the
// ones mapped to "" need a look at their attributes.
var htmlTags = map[string]string{
	"b": "bold", "strong": "bold",
	"i": "italic", "em": "italic",
	"u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
	"tg-spoiler": "spoiler", "span": "spoiler",
	"code": "code", "pre": "pre",
	"blockquote": "blockquote",
	"a":          "", "tg-emoji": "",
}

// openTag is a start tag whose end has not come yet.
type openTag struct {
	name     string
	argument string // the one attribute that matters to the tag
	offset   int    // in UTF-16 units of the output
	start    int    // in bytes of the output
}

// htmlParser reads Telegram's HTML: a short list of tags, four named character
// references, numeric ones, and nothing else.
type htmlParser struct {
	in       string
	pos      int
	out      output
	open     []openTag
	entities []Entity
}

func parseHTML(text string) (string, []Entity, error) {
	p := &htmlParser{in: text}
	for p.pos < len(p.in) {
		switch c := p.in[p.pos]; {
		case c == '&':
			p.out.rune(p.reference())
		case c != '<':
			r, size := utf8.DecodeRuneInString(p.in[p.pos:])
			p.out.rune(r)
			p.pos += size
		case byteAt(p.in, p.pos+1) == '/':
			if err := p.endTag(); err != nil {
				return "", nil, err
			}
		default:
			if err := p.startTag(); err != nil {
				return "", nil, err
			}
		}
	}
	if n := len(p.open); n > 0 {
		return "", nil, fmt.Errorf("Can't find end tag corresponding to start tag %q", p.open[n-1].name)
	}
	return p.out.text.String(), p.entities, nil
}

// reference reads the character reference at the current &; an & that starts
// none stands for itself.
func (p *htmlParser) reference() rune {
	r, next, ok := decodeReference(p.in, p.pos)
	p.pos = next
	if !ok {
		return '&'
	}
	return r
}

// decodeReference reads a character reference at s[i] == '&' and returns what
// it stands for and where it ends. The closing semicolon may be missing.
func decodeReference(s string, i int) (r rune, next int, ok bool) {
	j := i + 1
	if byteAt(s, j) == '#' {
		base, digits := 10, "0123456789"
		j++
		if byteAt(s, j) == 'x' {
			base, digits = 16, "0123456789abcdefABCDEF"
			j++
		}
		start := j
		for j < len(s) && strings.IndexByte(digits, s[j]) >= 0 {
			j++
		}
		n, err := strconv.ParseInt(s[start:j], base, 32)
		if err != nil || n == 0 || n >= 0x10ffff || j-i > 10 || !utf8.ValidRune(rune(n)) {
			return 0, i + 1, false
		}
		r = rune(n)
	} else {
		for j < len(s) && (s[j]|0x20) >= 'a' && (s[j]|0x20) <= 'z' {
			j++
		}
		switch s[i+1 : j] {
		case "lt":
			r = '<'
		case "gt":
			r = '>'
		case "amp":
			r = '&'
		case "quot":
			r = '"'
		default:
			return 0, i + 1, false
		}
	}
	if byteAt(s, j) == ';' {
		j++
	}
	return r, j, true
}

func (p *htmlParser) startTag() error {
	begin := p.pos
	p.pos++
	nameStart := p.pos
	for !isSpace(byteAt(p.in, p.pos)) && byteAt(p.in, p.pos) != '>' {
		p.pos++
	}
	if p.pos >= len(p.in) {
		return fmt.Errorf("Unclosed start tag at byte offset %d", begin)
	}
	tag := openTag{name: strings.ToLower(p.in[nameStart:p.pos]), offset: p.out.units, start: p.out.text.Len()}
	if _, known := htmlTags[tag.name]; !known {
		return fmt.Errorf("Unsupported start tag \"%s\" at byte offset %d", tag.name, begin)
	}
	for {
		p.skipSpace()
		if byteAt(p.in, p.pos) == '>' {
			p.pos++
			break
		}
		if p.pos >= len(p.in) {
			return fmt.Errorf("Unclosed start tag \"%s\" at byte offset %d", tag.name, begin)
		}
		if err := p.attribute(&tag, begin); err != nil {
			return err
		}
	}
	if tag.name == "span" && tag.argument != "spoiler" {
		return fmt.Errorf("Tag \"span\" must have class \"tg-spoiler\" at byte offset %d", begin)
	}
	p.open = append(p.open, tag)
	return nil
}

// attribute reads one attribute of the start tag that began at begin and keeps
// its value if it means something there.
func (p *htmlParser) attribute(tag *openTag, begin int) error {
	nameStart := p.pos
	for c := byteAt(p.in, p.pos); !isSpace(c) && c != '=' && c != '>'; c = byteAt(p.in, p.pos) {
		p.pos++
	}
	name := strings.ToLower(p.in[nameStart:p.pos])
	if name == "" {
		return fmt.Errorf("Empty attribute name in the tag \"%s\" at byte offset %d", tag.name, begin)
	}
	p.skipSpace()
	if byteAt(p.in, p.pos) != '=' {
		if tag.name == "blockquote" && name == "expandable" {
			tag.argument = name
			return nil
		}
		return fmt.Errorf("Expected equal sign in declaration of an attribute of the tag \"%s\" at byte offset %d", tag.name, begin)
	}
	p.pos++
	p.skipSpace()
	if p.pos >= len(p.in) {
		return fmt.Errorf("Unclosed start tag \"%s\" at byte offset %d", tag.name, begin)
	}
	value, err := p.attributeValue(begin)
	if err != nil {
		return err
	}
	switch {
	case tag.name == "a" && name == "href", tag.name == "tg-emoji" && name == "emoji-id":
		tag.argument = value
	case tag.name == "code" && name == "class" && strings.HasPrefix(value, "language-"):
		tag.argument = strings.TrimPrefix(value, "language-")
	case tag.name == "span" && name == "class" && strings.HasPrefix(value, "tg-"):
		tag.argument = strings.TrimPrefix(value, "tg-")
	case tag.name == "blockquote" && name == "expandable":
		tag.argument = name
	}
	return nil
}

// attributeValue reads a quoted string, or a bare token of letters, digits,
// periods and hyphens.
func (p *htmlParser) attributeValue(begin int) (string, error) {
	quote := p.in[p.pos]
	if quote != '\'' && quote != '"' {
		start := p.pos
		for isTokenByte(byteAt(p.in, p.pos)) {
			p.pos++
		}
		if c := byteAt(p.in, p.pos); !isSpace(c) && c != '>' {
			return "", fmt.Errorf("Unexpected end of name token at byte offset %d", start)
		}
		if p.pos >= len(p.in) {
			return "", fmt.Errorf("Unclosed start tag at byte offset %d", begin)
		}
		return strings.ToLower(p.in[start:p.pos]), nil
	}
	p.pos++
	var value strings.Builder
	for p.pos < len(p.in) && p.in[p.pos] != quote {
		if p.in[p.pos] == '&' {
			value.WriteRune(p.reference())
			continue
		}
		value.WriteByte(p.in[p.pos])
		p.pos++
	}
	p.pos++
	if p.pos >= len(p.in) {
		return "", fmt.Errorf("Unclosed start tag at byte offset %d", begin)
	}
	return value.String(), nil
}

func (p *htmlParser) endTag() error {
	begin := p.pos
	if len(p.open) == 0 {
		return fmt.Errorf("Unexpected end tag at byte offset %d", begin)
	}
	p.pos += 2
	nameStart := p.pos
	for !isSpace(byteAt(p.in, p.pos)) && byteAt(p.in, p.pos) != '>' {
		p.pos++
	}
	name := strings.ToLower(p.in[nameStart:min(p.pos, len(p.in))])
	p.skipSpace()
	if byteAt(p.in, p.pos) != '>' {
		return fmt.Errorf("Unclosed end tag at byte offset %d", begin)
	}
	p.pos++
	tag := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	if name != "" && name != tag.name {
		return fmt.Errorf("Unmatched end tag at byte offset %d, expected \"</%s>\", found \"</%s>\"", begin, tag.name, name)
	}
	return p.close(tag)
}

// close turns a finished tag into an entity; empty ones leave no trace.
func (p *htmlParser) close(tag openTag) error {
	length := p.out.units - tag.offset
	if length == 0 {
		return nil
	}
	e := Entity{Type: htmlTags[tag.name], Offset: tag.offset, Length: length}
	switch tag.name {
	case "a":
		target := tag.argument
		if target == "" {
			target = p.out.text.String()[tag.start:]
		}
		link, ok := linkEntity(target)
		if !ok {
			return nil
		}
		e.Type, e.URL, e.User = link.Type, link.URL, link.User
	case "tg-emoji":
		if id, err := strconv.ParseInt(tag.argument, 10, 64); err != nil || id == 0 {
			return fmt.Errorf("Invalid custom emoji identifier specified")
		}
		// A custom emoji falls back to the plain one it wraps.
		return nil
	case "blockquote":
		if tag.argument != "" {
			e.Type = "expandable_blockquote"
		}
	case "code":
		e.Language = tag.argument
	}
	if merged := p.mergePreCode(e); !merged {
		p.entities = append(p.entities, e)
	}
	return nil
}

// mergePreCode folds <pre><code class="language-x"> around the same text, in
// either order, into one pre with a language.
func (p *htmlParser) mergePreCode(e Entity) bool {
	if len(p.entities) == 0 {
		return false
	}
	last := &p.entities[len(p.entities)-1]
	if last.Offset != e.Offset || last.Length != e.Length {
		return false
	}
	if e.Type == "pre" && last.Type == "code" && last.Language != "" || e.Type == "code" && last.Type == "pre" && e.Language != "" {
		last.Type, last.Language = "pre", last.Language+e.Language
		return true
	}
	return false
}

func (p *htmlParser) skipSpace() {
	for p.pos < len(p.in) && isSpace(p.in[p.pos]) {
		p.pos++
	}
}

func isTokenByte(c byte) bool {
	return c >= '0' && c <= '9' || (c|0x20) >= 'a' && (c|0x20) <= 'z' || c == '.' || c == '-'
}
