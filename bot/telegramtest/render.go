package telegramtest

import (
	"html"
	"strings"
)

// HTML is the message's body as HTML that is safe to put into a page: the
// formatting of Telegram's chats and nothing else, links limited to the
// schemes Telegram accepts. Spoilers are span.tg-spoiler, commands
// span.command.
func (m Message) HTML() string {
	if m.Document != nil {
		return renderHTML(m.Caption, m.CaptionEntities)
	}
	return renderHTML(m.Text, m.Entities)
}

// element is an entity on its way to HTML.
type element struct {
	open, close string // its tags
	until       int    // in UTF-16 units
}

// renderHTML writes a text with its entities, which are sorted, as HTML.
// Entities that overlap without nesting are closed and opened again where they
// cross.
func renderHTML(text string, entities []Entity) string {
	r := renderer{text: text}
	for _, e := range entities {
		r.closeUpTo(e.Offset)
		r.write(e.Offset)
		el := elementOf(e, text)
		r.out.WriteString(el.open)
		r.open = append(r.open, el)
	}
	end := units(text)
	r.closeUpTo(end)
	r.write(end)
	return r.out.String()
}

type renderer struct {
	text    string
	written int // bytes of text
	out     strings.Builder
	open    []element // innermost last
}

// write copies text up to the UTF-16 offset.
func (r *renderer) write(offset int) {
	if to := byteOffset(r.text, offset); to > r.written {
		r.out.WriteString(html.EscapeString(r.text[r.written:to]))
		r.written = to
	}
}

// closeUpTo ends what ends at or before the offset, the earliest first and of
// several the innermost.
func (r *renderer) closeUpTo(offset int) {
	for {
		next := -1
		for i, el := range r.open {
			if el.until <= offset && (next < 0 || el.until <= r.open[next].until) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		r.write(r.open[next].until)
		for i := len(r.open) - 1; i >= next; i-- {
			r.out.WriteString(r.open[i].close)
		}
		r.open = append(r.open[:next], r.open[next+1:]...)
		for _, el := range r.open[next:] {
			r.out.WriteString(el.open)
		}
	}
}

func elementOf(e Entity, text string) element {
	el := element{until: e.Offset + e.Length}
	tag := func(name, attributes string) element {
		el.open, el.close = "<"+name+attributes+">", "</"+name+">"
		return el
	}
	switch e.Type {
	case "bold":
		return tag("b", "")
	case "italic":
		return tag("i", "")
	case "underline":
		return tag("u", "")
	case "strikethrough":
		return tag("s", "")
	case "code":
		return tag("code", "")
	case "pre":
		return tag("pre", "")
	case "blockquote":
		return tag("blockquote", "")
	case "expandable_blockquote":
		return tag("blockquote", ` class="expandable"`)
	case "spoiler":
		return tag("span", ` class="tg-spoiler"`)
	case "bot_command":
		return tag("span", ` class="command"`)
	case "text_link", "url":
		target := e.URL
		if e.Type == "url" {
			target = text[byteOffset(text, e.Offset):byteOffset(text, el.until)]
		}
		if link, err := checkLink(target); err == nil {
			return tag("a", ` href="`+html.EscapeString(link)+`" target="_blank" rel="noopener noreferrer"`)
		}
	}
	return el
}
