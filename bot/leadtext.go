package bot

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// leadText is a lead as a person types it: "Jane Doe, CTO @ Acme, met at the
// fair".
type leadText struct{ name, title, company, notes string }

// maxField keeps a pasted novel out of a name.
const maxField = 200

// atCompany stands between a title and a company.
var atCompany = regexp.MustCompile(`(?i)\s+at\s+|\s*@\s*`)

// readLead reads the name up to the first comma, title and company up to the
// next, and takes the rest for notes. Lines after the first are notes, too.
// Nothing typed is lost: what is too long for its place goes to the notes.
func readLead(text string) leadText {
	first, more, _ := strings.Cut(strings.TrimSpace(text), "\n")
	name, rest, _ := cutComma(first)
	role, notes, _ := cutComma(rest)
	var lead leadText
	if person, company, ok := splitAt(name); ok {
		// "Jane Doe @ Acme": no title, and what follows are notes.
		lead.name, lead.company, notes = person, company, rest
	} else {
		lead.name = name
		if title, company, ok := splitAt(role); ok {
			lead.title, lead.company = title, company
		} else {
			lead.title = role
		}
	}
	lead.notes = strings.TrimSpace(notes + "\n" + strings.TrimSpace(more))
	for _, field := range []*string{&lead.name, &lead.title, &lead.company} {
		*field = strings.TrimSpace(strings.Map(dropControl, *field))
		if units(*field) > maxField {
			lead.notes = strings.TrimSpace(*field + "\n" + lead.notes)
			*field = cut(*field, maxField)
		}
	}
	return lead
}

// cutComma splits at the first comma of any script.
func cutComma(text string) (before, after string, found bool) {
	i := strings.IndexAny(text, ",،，、;")
	if i < 0 {
		return strings.TrimSpace(text), "", false
	}
	_, size := utf8.DecodeRuneInString(text[i:])
	return strings.TrimSpace(text[:i]), strings.TrimSpace(text[i+size:]), true
}

// splitAt splits "CTO @ Acme" or "CTO at Acme".
func splitAt(text string) (before, company string, ok bool) {
	found := atCompany.FindStringIndex(text)
	if found == nil || found[1] == len(text) {
		return text, "", false
	}
	return text[:found[0]], text[found[1]:], true
}

// dropControl takes characters out that would break a line or reorder text.
func dropControl(r rune) rune {
	if unicode.IsControl(r) || (r >= 0x202A && r <= 0x202E) || (r >= 0x2066 && r <= 0x2069) {
		return -1
	}
	return r
}
