package telegramtest

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// parseMarkdown reads legacy Markdown: *bold*, _italic_, `code`, ```pre``` and
// [text](link), which cannot nest.
func parseMarkdown(text string) (string, []Entity, error) {
	var out output
	var entities []Entity
	for i := 0; i < len(text); {
		c := text[i]
		if c == '\\' && strings.IndexByte("_*`[", byteAt(text, i+1)) >= 0 && i+1 < len(text) {
			out.rune(rune(text[i+1]))
			i += 2
			continue
		}
		if strings.IndexByte("_*`[", c) < 0 {
			r, size := utf8.DecodeRuneInString(text[i:])
			out.rune(r)
			i += size
			continue
		}

		begin, closing, language := i, string(c), ""
		i++
		if c == '[' {
			closing = "]"
		}
		if c == '`' && strings.HasPrefix(text[i:], "``") {
			closing = "```"
			language, i = preHeader(text, i+2)
		}
		length := strings.Index(text[i:], closing)
		if length < 0 {
			return "", nil, fmt.Errorf("Can't find end of the entity starting at byte offset %d", begin)
		}
		inner := text[i : i+length]
		e := Entity{Offset: out.units}
		for _, r := range inner {
			out.rune(r)
		}
		e.Length = out.units - e.Offset
		i += length + len(closing)

		switch c {
		case '_':
			e.Type = "italic"
		case '*':
			e.Type = "bold"
		case '`':
			e.Type = "code"
			if closing == "```" {
				e.Type, e.Language = "pre", language
			}
		case '[':
			target := inner
			if byteAt(text, i) == '(' {
				target, i = untilParen(text, i+1)
			}
			link, ok := linkEntity(target)
			if !ok {
				continue
			}
			e.Type, e.URL, e.User = link.Type, link.URL, link.User
		}
		if e.Length > 0 {
			entities = append(entities, e)
		}
	}
	return out.text.String(), entities, nil
}

// preHeader reads what may follow ```: a language on the same line, and one
// line break that is not part of the text.
func preHeader(text string, i int) (language string, next int) {
	stop := i
	for !isSpace(byteAt(text, stop)) && byteAt(text, stop) != '`' {
		stop++
	}
	if stop > i && stop < len(text) && text[stop] != '`' {
		language, i = text[i:stop], stop
	}
	switch {
	case strings.HasPrefix(text[i:], "\r\n"), strings.HasPrefix(text[i:], "\n\r"):
		i += 2
	case byteAt(text, i) == '\n', byteAt(text, i) == '\r':
		i++
	}
	return language, i
}

// untilParen reads a legacy link target; one that is never closed takes the
// rest of the text.
func untilParen(text string, i int) (target string, next int) {
	before, _, closed := strings.Cut(text[i:], ")")
	if !closed {
		return before, len(text)
	}
	return before, i + len(before) + 1
}

// markdownV2 reads MarkdownV2, where entities nest and every reserved
// character that is not markup must be escaped.
type markdownV2 struct {
	in       string
	pos      int
	out      output
	open     []openMark
	entities []Entity
}

// openMark is an entity whose closing mark has not come yet.
type openMark struct {
	kind     string // the entity's type
	language string
	offset   int // in UTF-16 units of the output
	start    int // in bytes of the output
	at       int // in bytes of the input
}

// The marks of the paired entities; longer ones are tried first.
var v2Marks = []struct{ mark, kind string }{
	{"```", "pre"}, {"__", "underline"}, {"||", "spoiler"},
	{"`", "code"}, {"_", "italic"}, {"*", "bold"}, {"~", "strikethrough"}, {"[", "text_link"}, {"![", "custom_emoji"},
}

// v2Names are the names Telegram's errors have for the entities.
var v2Names = map[string]string{
	"pre": "Pre", "underline": "Underline", "spoiler": "Spoiler", "code": "Code", "italic": "Italic", "bold": "Bold",
	"strikethrough": "Strikethrough", "text_link": "TextUrl", "custom_emoji": "CustomEmoji", "blockquote": "BlockQuote",
}

func parseMarkdownV2(text string) (string, []Entity, error) {
	p := &markdownV2{in: text}
	for p.pos < len(p.in) {
		if err := p.step(); err != nil {
			return "", nil, err
		}
	}
	if p.top() == "blockquote" {
		p.closeQuote()
	}
	if n := len(p.open); n > 0 {
		return "", nil, p.unclosed(p.open[n-1])
	}
	return p.out.text.String(), p.entities, nil
}

func (p *markdownV2) top() string {
	if len(p.open) == 0 {
		return ""
	}
	return p.open[len(p.open)-1].kind
}

func (p *markdownV2) inQuote() bool {
	return len(p.open) > 0 && p.open[0].kind == "blockquote"
}

func (p *markdownV2) unclosed(m openMark) error {
	name := v2Names[m.kind]
	if m.kind == "pre" && m.language != "" {
		name = "PreCode"
	}
	return fmt.Errorf("Can't find end of %s entity at byte offset %d", name, m.at)
}

func reserved(c byte) error {
	return fmt.Errorf("Character '%c' is reserved and must be escaped with the preceding '\\'", c)
}

// step reads one character or mark.
func (p *markdownV2) step() error {
	c := p.in[p.pos]
	if next := byteAt(p.in, p.pos+1); c == '\\' && next > 0 && next <= 126 {
		p.out.rune(rune(next))
		p.pos += 2
		return nil
	}
	special := "_*[]()~`>#+-=|{}.!\n"
	if p.top() == "code" || p.top() == "pre" {
		special = "`"
	}
	if strings.IndexByte(special, c) < 0 {
		r, size := utf8.DecodeRuneInString(p.in[p.pos:])
		p.out.rune(r)
		p.pos += size
		return nil
	}
	if c == '\n' {
		return p.newLine()
	}
	if closed, err := p.closing(); closed || err != nil {
		return err
	}
	return p.opening()
}

// newLine ends a block quote unless the next line carries it on.
func (p *markdownV2) newLine() error {
	quoted := byteAt(p.in, p.pos+1) == '>'
	if p.inQuote() && !quoted {
		if p.top() != "blockquote" {
			return p.unclosed(p.open[len(p.open)-1])
		}
		p.closeQuote()
	}
	p.out.rune('\n')
	p.pos++
	if quoted {
		p.pos++
		if !p.inQuote() {
			p.push("blockquote", "")
		}
	}
	return nil
}

func (p *markdownV2) push(kind, language string) {
	p.open = append(p.open, openMark{kind: kind, language: language, offset: p.out.units, start: p.out.text.Len(), at: p.pos})
}

func (p *markdownV2) pop() openMark {
	m := p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	return m
}

func (p *markdownV2) add(m openMark, e Entity) {
	e.Offset, e.Length = m.offset, p.out.units-m.offset
	if e.Length > 0 {
		p.entities = append(p.entities, e)
	}
}

func (p *markdownV2) closeQuote() { p.add(p.pop(), Entity{Type: "blockquote"}) }

// closing ends the innermost entity if its mark stands here.
func (p *markdownV2) closing() (bool, error) {
	rest := p.in[p.pos:]
	switch kind := p.top(); kind {
	case "", "blockquote":
		return false, nil
	case "italic":
		if strings.HasPrefix(rest, "__") || rest[0] != '_' {
			return false, nil
		}
		p.pos++
		p.add(p.pop(), Entity{Type: kind})
		return true, nil
	case "text_link":
		if rest[0] != ']' {
			return false, nil
		}
		return true, p.closeLink()
	case "custom_emoji":
		if rest[0] != ']' {
			return false, nil
		}
		return true, p.closeEmoji()
	default:
		for _, m := range v2Marks {
			if m.kind == kind && strings.HasPrefix(rest, m.mark) {
				p.pos += len(m.mark)
				open := p.pop()
				p.add(open, Entity{Type: kind, Language: open.language})
				return true, nil
			}
		}
		return false, nil
	}
}

func (p *markdownV2) closeLink() error {
	m := p.pop()
	p.pos++
	target := p.out.text.String()[m.start:]
	if byteAt(p.in, p.pos) == '(' {
		var err error
		if target, err = p.target("URL"); err != nil {
			return err
		}
	}
	if link, ok := linkEntity(target); ok {
		p.add(m, link)
	}
	return nil
}

func (p *markdownV2) closeEmoji() error {
	p.pop()
	p.pos++
	if byteAt(p.in, p.pos) != '(' {
		return errors.New("Custom emoji entity must contain a tg://emoji URL")
	}
	target, err := p.target("custom emoji URL")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(target, "tg://emoji?id=") {
		return errors.New("Custom emoji entity must contain a tg://emoji URL")
	}
	return nil
}

// target reads a link target at an opening parenthesis.
func (p *markdownV2) target(what string) (string, error) {
	p.pos++
	begin := p.pos
	var b strings.Builder
	for p.pos < len(p.in) && p.in[p.pos] != ')' {
		if next := byteAt(p.in, p.pos+1); p.in[p.pos] == '\\' && next > 0 && next <= 126 {
			p.pos++
		}
		b.WriteByte(p.in[p.pos])
		p.pos++
	}
	if p.pos >= len(p.in) {
		return "", fmt.Errorf("Can't find end of a %s at byte offset %d", what, begin)
	}
	p.pos++
	return b.String(), nil
}

// opening starts the entity whose mark stands here; a reserved character that
// starts none is an error.
func (p *markdownV2) opening() error {
	rest := p.in[p.pos:]
	if p.pos == 0 && rest[0] == '>' {
		p.push("blockquote", "")
		p.pos++
		return nil
	}
	for _, m := range v2Marks {
		if !strings.HasPrefix(rest, m.mark) {
			continue
		}
		p.push(m.kind, "")
		p.pos += len(m.mark)
		if m.kind == "pre" {
			p.open[len(p.open)-1].language, p.pos = preHeader(p.in, p.pos)
		}
		return nil
	}
	return reserved(rest[0])
}
