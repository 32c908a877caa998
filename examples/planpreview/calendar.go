package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/followthrough-go/followthrough/planparse"
)

const stamp = "20060102T150405Z"

// writeCalendar prints the plan as an iCalendar file (RFC 5545). The same plan
// gives the same events, so that importing it again, with another start perhaps,
// moves them instead of doubling them.
func writeCalendar(out *bufio.Writer, plan planparse.Plan, base time.Time) error {
	id := planID(plan)
	put := func(name, value string) { writeFolded(out, name+":"+value) }
	put("BEGIN", "VCALENDAR")
	put("VERSION", "2.0")
	put("PRODID", "-//Followthrough//planpreview//EN")
	for i, slot := range plan.Schedule(base) {
		step := plan.Steps[i]
		put("BEGIN", "VEVENT")
		put("UID", fmt.Sprintf("%s-%d@followthrough", id, slot.StepID))
		put("DTSTAMP", base.UTC().Format(stamp))
		put("DTSTART", slot.Due.Format(stamp))
		put("DURATION", "PT15M")
		put("SUMMARY", escapeText(title(step)))
		if step.SuggestedText != "" {
			put("DESCRIPTION", escapeText(step.SuggestedText))
		}
		if step.Status == planparse.StatusDone {
			put("STATUS", "CONFIRMED")
		} else if step.Status == planparse.StatusSkipped {
			put("STATUS", "CANCELLED")
		}
		put("END", "VEVENT")
	}
	put("END", "VCALENDAR")
	return nil
}

func title(step planparse.Step) string {
	if step.Description != "" {
		return step.Description
	}
	return fmt.Sprintf("Step %d %s", step.ID, strings.ReplaceAll(step.Action, "_", " "))
}

// planID is the same for the same plan, whenever it starts. The drafts are part
// of it: they name the lead, and the steps of two leads may read alike.
func planID(plan planparse.Plan) string {
	h := sha256.New()
	for _, step := range plan.Steps {
		fmt.Fprintf(h, "%d %q %q %q\n", step.ID, step.Action, step.Description, step.SuggestedText)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// escapeText escapes a TEXT value, leaving out the control characters that
// none may hold.
func escapeText(s string) string {
	s = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`).Replace(s)
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return -1
		}
		return r
	}, s)
}

// writeFolded writes a content line in pieces of at most 75 octets, as the
// format wants it, without cutting a rune.
func writeFolded(out *bufio.Writer, line string) {
	limit := 75
	for len(line) > limit {
		cut := limit
		for cut > 0 && !utf8.RuneStart(line[cut]) {
			cut--
		}
		out.WriteString(line[:cut] + "\r\n ")
		line = line[cut:]
		limit = 74 // the space counts
	}
	out.WriteString(line + "\r\n")
}
