package bot

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// eventLength is how long a step lasts in a calendar.
const eventLength = 15 * time.Minute

// calendar is open steps in iCalendar (RFC 5545), an event each. An event's
// UID is its reminder's, so that a later export replaces it where it was
// imported.
func calendar(open []holding, now time.Time) []byte {
	var file strings.Builder
	line := func(name, value string) { file.WriteString(folded(name + ":" + value)) }
	line("BEGIN", "VCALENDAR")
	line("VERSION", "2.0")
	line("PRODID", "-//Followthrough//reminders//EN")
	line("CALSCALE", "GREGORIAN")
	line("METHOD", "PUBLISH")
	line("X-WR-CALNAME", "Followthrough")
	for _, h := range open {
		what, draft := h.texts()
		about := called(h.lead)
		if role := roleOf(h.lead); role != "" {
			about += " (" + role + ")"
		}
		if draft != "" {
			about += "\n\n" + draft
		}
		line("BEGIN", "VEVENT")
		line("UID", fmt.Sprintf("reminder-%d@followthrough", h.reminder.ID))
		line("DTSTAMP", stamp(now))
		line("DTSTART", stamp(h.reminder.DueAt))
		line("DTEND", stamp(h.reminder.DueAt.Add(eventLength)))
		line("SUMMARY", calendarText(called(h.lead)+": "+cut(oneLine(what), 200)))
		line("DESCRIPTION", calendarText(cut(about, maxText)))
		line("TRANSP", "TRANSPARENT") // a step does not make its person busy
		line("END", "VEVENT")
	}
	line("END", "VCALENDAR")
	return []byte(file.String())
}

// stamp is an instant as calendars write it, in UTC.
func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

// calendarText escapes a text value.
func calendarText(text string) string {
	text = strings.Map(visible, strings.ToValidUTF8(strings.ReplaceAll(text, "\r\n", "\n"), "\uFFFD"))
	// Readers take other ends of a line for one, too.
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`, "\u0085", `\n`, "\u2028", `\n`, "\u2029", `\n`, "\x7f", "").Replace(text)
}

// lineOctets is the longest line that RFC 5545 recommends, in bytes.
const lineOctets = 75

// folded is a line with its end, continued on further lines where it is too
// long for one. No rune is torn.
func folded(text string) string {
	var out strings.Builder
	room := lineOctets
	for len(text) > room {
		end := room
		for !utf8.RuneStart(text[end]) {
			end--
		}
		out.WriteString(text[:end] + "\r\n ")
		text, room = text[end:], lineOctets-1
	}
	return out.String() + text + "\r\n"
}
