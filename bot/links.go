package bot

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// webLink is a page on the web.
type webLink struct{ url, host string }

var (
	// linkForm is an address as people write it; LinkedIn's also without https.
	linkForm = regexp.MustCompile(`(?i)\bhttps?://[^\s<>"'“”„«»\\]+|\b(?:[a-z]{2,3}\.)?(?:www\.)?linkedin\.com/[^\s<>"'“”„«»\\]+`)
	// mailForm is a mail address, in the form nearly all have.
	mailForm = regexp.MustCompile(`[\p{L}\d._%+-]+@[\p{L}\d-]+(?:\.[\p{L}\d-]+)*\.\p{L}{2,}`)
)

// notInLink is what stands behind an address, as a rule, and not at its end.
const notInLink = ".,;:!?)]}…"

// maxLink is the longest address a button takes.
const maxLink = 2000

// linksIn are the addresses in a text that a button can open, in order.
func linksIn(text string) []webLink {
	var links []webLink
	for _, found := range linkForm.FindAllString(text, -1) {
		found = strings.TrimRight(found, notInLink)
		if !strings.Contains(found[:min(len(found), 8)], "://") {
			found = "https://" + found
		}
		address, err := url.Parse(found)
		// Telegram refuses the whole message for a button it cannot open.
		if err != nil || !strings.Contains(address.Hostname(), ".") || address.User != nil || len(found) > maxLink {
			continue
		}
		links = append(links, webLink{address.String(), strings.TrimPrefix(strings.ToLower(address.Hostname()), "www.")})
	}
	return links
}

// onLinkedIn reports whether a page is one of LinkedIn's.
func (l webLink) onLinkedIn() bool {
	return l.host == "linkedin.com" || strings.HasSuffix(l.host, ".linkedin.com")
}

// linkFor is where a step is carried out, if that is known: an address the
// step itself names, else one from what is known of the lead. A step on
// LinkedIn opens LinkedIn, and a mail opens nothing.
func linkFor(lead scheduler.Lead, step planparse.Step) (webLink, bool) {
	wanted := func(webLink) bool { return true }
	switch step.Action {
	case planparse.ActionLinkedInLike, planparse.ActionLinkedInComment, planparse.ActionLinkedInConnect, planparse.ActionLinkedInDM:
		wanted = webLink.onLinkedIn
	case planparse.ActionEmailOutreach:
		return webLink{}, false
	}
	for _, text := range []string{step.Description, lead.Notes, lead.Context} {
		for _, link := range linksIn(text) {
			if wanted(link) {
				return link, true
			}
		}
	}
	return webLink{}, false
}

// addressLine is the mail address of a step that is a mail, to be copied at a
// tap.
func addressLine(lead scheduler.Lead, step planparse.Step) richText {
	if step.Action != planparse.ActionEmailOutreach {
		return nil
	}
	for _, text := range []string{step.Description, lead.Notes, lead.Context} {
		if address := mailForm.FindString(text); address != "" {
			return join(plain("📧 To: "), code(cut(address, 254)))
		}
	}
	return nil
}

// unaddressed is a text without its addresses.
func unaddressed(text string) string {
	text = mailForm.ReplaceAllString(linkForm.ReplaceAllString(text, ""), "")
	return strings.Trim(strings.Join(strings.Fields(text), " "), " ,;")
}
