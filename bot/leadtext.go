package bot

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// leadText is a lead as a person types it: "Jane Doe, CTO @ Acme, met at the
// fair".
type leadText struct{ name, title, company, notes string }

// maxField keeps a pasted novel out of a name.
const maxField = 200

var (
	// commas divide a lead, in the forms scripts have for them; where there is
	// none, a dash or a stroke between spaces does, as in headlines.
	commas = regexp.MustCompile(`\s*[,،，、;；]\s*`)
	dashes = regexp.MustCompile(`\s+[-–—|·]\s+`)
	// atSign and atWord stand between a title and a company.
	atSign = regexp.MustCompile(`\s*[@＠]\s*`)
	atWord = regexp.MustCompile(`(?i)\s+(?:at|bei|chez|presso|hos)\s+`)
	// employed leads to a company without a title.
	employed = regexp.MustCompile(`(?i)^(?:(?:works|working|employed)\s+(?:at|for|with)|from)\s+(.+)$`)
	// suffix is what belongs to a name though a comma stands before it.
	suffix = regexp.MustCompile(`(?i)^(?:jr|sr|ii|iii|iv|ph\.?\s?d|m\.?d|mba|esq|cpa|cfa|m\.?sc|b\.?sc|ll\.?m)\.?$`)
	// remark is how a note begins that is no title: "met at the fair".
	remark = regexp.MustCompile(`(?i)^(?:i|we|he|she|they|met|saw|spoke|talked|chatted|introduced|referred|recommended|found|knows?|likes?|loves?|wants?|needs?|interested|prefers?|called|wrote|has|is|was)\s`)
	// someplace is where somebody was met: no company, as it has an article in
	// lower case.
	someplace = regexp.MustCompile(`^(?:the|a|an|our|my|his|her|their)\s`)
)

// readLead reads the name up to the first comma, title and company up to the
// next, and takes the rest for notes. Lines after the first are notes, too,
// but for a title and company that stand alone in the second. Addresses are
// notes wherever they stand. Nothing typed is lost: what is too long for its
// place goes to the notes.
func readLead(text string) leadText {
	var lead leadText
	first, more, _ := strings.Cut(strings.TrimSpace(text), "\n")
	more = strings.TrimSpace(more)
	divider := commas
	if !commas.MatchString(first) {
		divider = dashes
	}
	name, rest := divide(first, divider)
	if next, after := divide(rest, divider); suffix.MatchString(next) && name != "" {
		name, rest = name+", "+next, after
	}
	if rest == "" {
		if next, after, _ := strings.Cut(more, "\n"); hasCompany(next) {
			rest, more, divider = next, strings.TrimSpace(after), commas
		}
	}
	var found []string
	if lead.name, found = takeAddresses(name); found != nil {
		lead.name = unquoted(lead.name) // "Jane Doe" <jane@acme.com>
	}
	if person, company, ok := splitName(lead.name); ok {
		// "Jane Doe @ Acme": no title, and what follows are notes.
		lead.name, lead.company = person, company
	} else {
		for rest != "" {
			role, after := divide(rest, divider)
			role, addresses := takeAddresses(role)
			found = append(found, addresses...)
			var ok bool
			if lead.title, lead.company, ok = readRole(role); !ok {
				break
			}
			if rest = after; role != "" {
				break
			}
		}
	}
	if !spoken(lead.name) && len(found) > 0 {
		lead.name = nameIn(found[0])
	}
	lead.notes = strings.Join(slices.DeleteFunc([]string{strings.Join(found, ", "), rest, more}, func(s string) bool { return s == "" }), "\n")
	for _, field := range []*string{&lead.name, &lead.title, &lead.company} {
		*field = unquoted(strings.TrimSpace(strings.Map(dropControl, *field)))
		if units(*field) > maxField {
			lead.notes = strings.TrimSpace(*field + "\n" + lead.notes)
			*field = cut(*field, maxField)
		}
	}
	if !spoken(lead.name) {
		lead.name = ""
	}
	return lead
}

// divide is a text up to a divider, and what stands after it. Between quotation
// marks nothing divides, if each of them has its other one.
func divide(text string, divider *regexp.Regexp) (before, after string) {
	paired := strings.Count(text, `"`)%2 == 0
	for _, at := range divider.FindAllStringIndex(text, -1) {
		if !paired || strings.Count(text[:at[0]], `"`)%2 == 0 {
			return strings.TrimSpace(text[:at[0]]), strings.TrimSpace(text[at[1]:])
		}
	}
	return strings.TrimSpace(text), ""
}

// takeAddresses takes mail addresses and links out of a text.
func takeAddresses(text string) (rest string, addresses []string) {
	for _, form := range []*regexp.Regexp{linkForm, mailForm} {
		text = form.ReplaceAllStringFunc(text, func(address string) string {
			addresses = append(addresses, strings.TrimRight(address, notInLink))
			return " "
		})
	}
	if addresses == nil {
		return text, nil
	}
	return strings.Trim(strings.Join(strings.Fields(text), " "), " <>()"), addresses
}

// splitName splits "Jane Doe @ Acme". A sign in the midst of a word is part of
// a name, and one in front of it makes it a handle.
func splitName(text string) (person, company string, ok bool) {
	if at := atSign.FindStringIndex(text); at != nil {
		tight := at[1]-at[0] == len(strings.TrimSpace(text[at[0]:at[1]]))
		person, company = text[:at[0]], text[at[1]:]
		return person, company, spoken(person) && company != "" && (!tight || strings.Contains(person, " "))
	}
	if at := atWord.FindStringIndex(text); at != nil && !someplace.MatchString(text[at[1]:]) {
		return text[:at[0]], text[at[1]:], true
	}
	return text, "", false
}

// readRole reads "CTO @ Acme", "CTO at Acme" or "CTO"; ok is false where it is
// a remark.
func readRole(text string) (title, company string, ok bool) {
	if found := employed.FindStringSubmatch(text); found != nil {
		return "", found[1], true
	}
	if remark.MatchString(text + " ") {
		return "", "", false
	}
	for _, form := range []*regexp.Regexp{atSign, atWord} {
		at := form.FindStringIndex(text)
		if at == nil || at[1] == len(text) || (form == atWord && someplace.MatchString(text[at[1]:])) {
			continue
		}
		return text[:at[0]], text[at[1]:], true
	}
	return text, "", true
}

// hasCompany reports whether a line is a title with a company, as it stands
// under a name that was copied from a page.
func hasCompany(line string) bool {
	line, _ = takeAddresses(line)
	_, company, ok := readRole(line)
	return ok && company != ""
}

// nameIn makes a name of an address: "jane.doe@acme.com" is Jane Doe.
func nameIn(address string) string {
	name, _, isMail := strings.Cut(address, "@")
	if !isMail {
		parsed, err := url.Parse(address)
		if err != nil {
			return address
		}
		parts := strings.Split(strings.Trim(parsed.Path, "/"), "/")
		if name = parts[len(parts)-1]; name == "" {
			name = strings.TrimPrefix(parsed.Hostname(), "www.")
		}
	}
	name = strings.ToValidUTF8(name, "") // a link may spell any bytes
	words := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("._-+", r) || unicode.IsDigit(r) })
	if len(words) == 0 {
		return address
	}
	for i, word := range words {
		words[i] = upperFirst(word)
	}
	return strings.Join(words, " ")
}

// spoken reports whether there is anything in a text to call somebody by.
func spoken(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.So) && !blank(r) })
}

// blank reports whether a letter shows nothing.
func blank(r rune) bool {
	return r == 0x115F || r == 0x1160 || r == 0x3164 || r == 0xFFA0 || r == 0x2800
}

// dropControl takes characters out that would break a line or reorder text.
func dropControl(r rune) rune {
	if unicode.IsControl(r) || r == 0x200E || r == 0x200F || (r >= 0x202A && r <= 0x202E) || (r >= 0x2066 && r <= 0x2069) {
		return -1
	}
	return r
}
