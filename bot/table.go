package bot

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"strings"
	"time"
)

// tableColumns is the head of the exported table.
var tableColumns = []string{"lead_id", "lead", "title", "company", "notes", "step", "action", "what", "draft", "status", "planned", "due", "completed"}

// table is a person's leads and steps as CSV (RFC 4180), with times of day in
// zone. It begins with the mark by which spreadsheets tell UTF-8.
func table(all []holding, zone *time.Location) []byte {
	var file bytes.Buffer
	file.WriteString("\ufeff")
	out := csv.NewWriter(&file) // it writes to memory, which does not fail
	out.UseCRLF = true
	_ = out.Write(tableColumns)
	for _, h := range all {
		step, what, draft := "", "", ""
		if h.status() != "" {
			step = strconv.Itoa(h.number())
			what, draft = h.texts()
		}
		completed := h.step.CompletedAt
		if at, err := time.Parse(time.RFC3339, completed); err == nil {
			completed = cellTime(at, zone)
		}
		row := []string{
			strconv.FormatInt(h.lead.ID, 10), h.lead.Display(), h.lead.Title, h.lead.Company, h.lead.Notes,
			step, h.step.Action, what, draft, h.status(), cellTime(h.reminder.PlannedAt, zone), cellTime(h.reminder.DueAt, zone), completed,
		}
		for i, cell := range row {
			row[i] = inert(cell)
		}
		_ = out.Write(row)
	}
	out.Flush()
	return file.Bytes()
}

// cellTime is an instant as spreadsheets read it; empty for none.
func cellTime(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(zone).Format("2006-01-02 15:04")
}

// inert keeps spreadsheets from taking a text for a formula.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
