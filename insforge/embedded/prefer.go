package embedded

import (
	"net/http"
	"strings"
	"time"
)

// preferences are what the Prefer headers ask for, as written; empty: nothing.
type preferences struct {
	resolution string
	missing    string
	returns    string
	count      string
	handling   string
	parameters string
	tx         string
	zone       *time.Location
	unknown    []string
}

// preferenceValues are the ones PostgREST 12.0 knows.
var preferenceValues = map[string]map[string]bool{
	"resolution": {"merge-duplicates": true, "ignore-duplicates": true},
	"missing":    {"default": true, "null": true},
	"return":     {"representation": true, "headers-only": true, "minimal": true},
	"count":      {"exact": true, "planned": true, "estimated": true},
	"handling":   {"strict": true, "lenient": true},
	"params":     {"single-object": true},
	"tx":         {"commit": true, "rollback": true},
}

// parsePreferences reads every Prefer header; of repeated preferences the
// first counts.
func parsePreferences(header http.Header) preferences {
	var p preferences
	values := header["Prefer"]
	if len(values) == 0 {
		return p
	}
	zones := 0
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			item = strings.TrimSpace(item)
			name, setting, _ := strings.Cut(item, "=")
			if name == "timezone" {
				if zones++; zones == 1 && setting != "" && setting != "Local" {
					if zone, err := time.LoadLocation(setting); err == nil {
						p.zone = zone
					}
				}
				p.unknown = append(p.unknown, item)
				continue
			}
			if !preferenceValues[name][setting] {
				p.unknown = append(p.unknown, item)
				continue
			}
			p.set(name, setting)
		}
	}
	if p.zone != nil { // to PostgREST everything is known then
		p.unknown = nil
	}
	return p
}

// refusal is the answer to unknown preferences where handling=strict.
func (p preferences) refusal() error {
	if p.handling != "strict" || len(p.unknown) == 0 {
		return nil
	}
	return &apiError{
		status: http.StatusBadRequest, code: "PGRST122", message: "Invalid preferences given with handling=strict",
		details: "Invalid preferences: " + strings.Join(p.unknown, ", "),
	}
}

// place is where the setting of a preference is kept.
func (p *preferences) place(name string) *string {
	switch name {
	case "resolution":
		return &p.resolution
	case "missing":
		return &p.missing
	case "return":
		return &p.returns
	case "count":
		return &p.count
	case "handling":
		return &p.handling
	case "params":
		return &p.parameters
	default:
		return &p.tx
	}
}

func (p *preferences) set(name, setting string) {
	if place := p.place(name); *place == "" {
		*place = setting
	}
}

// applied is the Preference-Applied header; a GET applies nothing about
// writing, and a preference that only one method has is left to its caller.
func (p *preferences) applied(names ...string) string {
	var parts []string
	for _, name := range names {
		if setting := *p.place(name); setting != "" {
			parts = append(parts, name+"="+setting)
		}
	}
	return strings.Join(parts, ", ")
}
