package main

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/followthrough-go/followthrough/planparse"
)

// The colours, by what they mean.
const (
	plain  = "\x1b[0m"
	strong = "\x1b[1m"
	faint  = "\x1b[2m"
	alarm  = "\x1b[33m"
)

// writeTable prints the plan for people.
func writeTable(out *bufio.Writer, plan planparse.Plan, base time.Time, colour bool) error {
	paint := func(style, text string) string {
		if !colour || text == "" {
			return text
		}
		return style + text + plain
	}
	fmt.Fprintf(out, "Plan of %s from %s: %s\n", steps(len(plan.Steps)), base.Format("Mon 2006-01-02 15:04 MST"), plan.Outcome)
	if len(plan.Warnings) > 0 {
		fmt.Fprintln(out, paint(alarm, "Document: "+join(plan.Warnings)))
	}
	fmt.Fprintln(out)

	rows := [][]string{{"STEP", "DAY", "DATE", "TIME", "OFFSET", "SOURCE", "ACTION", "WARNINGS"}}
	var unread []string
	note := planparse.OnUnparseable(func(text string, reason planparse.Reason) {
		unread = append(unread, fmt.Sprintf("No date in %q: %s", shortened(text), reason))
	})
	for i, slot := range plan.Schedule(base, note) {
		due := slot.Due.In(base.Location())
		rows = append(rows, []string{
			strconv.Itoa(slot.StepID), due.Format("Mon"), due.Format(time.DateOnly), due.Format("15:04"),
			offset(slot), source(slot), printable(plan.Steps[i].Action), join(slot.Warnings),
		})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			style := ""
			switch {
			case n == 0:
				style = strong
			case i == len(row)-1:
				style = alarm
			case i == 5:
				style = faint
			}
			if style != "" {
				line.WriteString(paint(style, cell))
			} else {
				line.WriteString(cell)
			}
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
	if len(unread) > 0 {
		fmt.Fprintln(out)
	}
	for _, line := range unread {
		fmt.Fprintln(out, paint(alarm, line))
	}
	return nil
}

func steps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return strconv.Itoa(n) + " steps"
}

// offset shows what a step says, and from where.
func offset(slot planparse.Slot) string {
	text := "+" + strconv.FormatFloat(round(slot.OffsetDays), 'f', -1, 64) + "d"
	if to := slot.RelativeTo.String(); to != "" {
		text += " " + to
	}
	return text
}

// round cuts a fraction of days to what a table has room for.
func round(days float64) float64 { return float64(int(days*100+0.5)) / 100 }

// source shows the field a date came from, with the words that gave it.
func source(slot planparse.Slot) string {
	if slot.Matched == "" {
		return string(slot.Source)
	}
	return fmt.Sprintf("%s %q", slot.Source, shortened(slot.Matched))
}

// shortened is what a line has room for of somebody's words.
func shortened(text string) string {
	words := []rune(printable(text))
	if len(words) > 32 {
		words = append(words[:31], '…')
	}
	return string(words)
}

// printable leaves out what would move a terminal's cursor.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return -1
		}
		return r
	}, s)
}

func join(ws []planparse.Warning) string {
	texts := make([]string, len(ws))
	for i, w := range ws {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}
