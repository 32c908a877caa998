package embedded

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// media is what the client accepts.
type media struct {
	contentType string
	csv         bool
	single      bool
	stripNulls  bool
}

var defaultMedia = media{contentType: jsonType}

// negotiate picks the best of the Accept header among what is offered; an empty
// one accepts nothing.
func negotiate(header http.Header, offer func(name string) (media, bool)) (media, error) {
	if len(header["Accept"]) == 0 {
		return defaultMedia, nil
	}
	accept := header["Accept"][0]
	if accept == "*/*" || accept == "application/json" {
		return defaultMedia, nil
	}
	names := acceptable(accept)
	for _, name := range names {
		if m, ok := offer(name); ok {
			return m, nil
		}
	}
	for i := range names {
		names[i], _, _ = strings.Cut(names[i], ";")
	}
	return media{}, &apiError{
		status: http.StatusUnsupportedMediaType, code: "PGRST107",
		message: "None of these media types are available: " + strings.Join(names, ", "),
	}
}

// tableMedia are what rows can be sent as. Names are told apart by case, as in
// PostgREST.
func tableMedia(name string) (media, bool) {
	base, parameters, _ := strings.Cut(name, ";")
	stripped := parameters == "nulls=stripped"
	switch base {
	case "*/*", "", "application/json": // nothing between commas is anything
		return defaultMedia, true
	case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array":
		if stripped {
			return media{contentType: "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8", stripNulls: true}, true
		}
		return defaultMedia, true
	case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object":
		m := media{contentType: singleType, single: true, stripNulls: stripped}
		if stripped {
			m.contentType = "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
		}
		return m, true
	case "text/csv":
		return media{contentType: "text/csv; charset=utf-8", csv: true}, true
	}
	return media{}, false
}

// documentMedia are what the root document can be sent as.
func documentMedia(name string) (media, bool) {
	m, ok := tableMedia(name)
	return m, ok && m == defaultMedia || strings.HasPrefix(name, "application/openapi+json")
}

// acceptable takes an Accept header apart: the best quality first, then what is
// more specific. What follows the quality is left out.
func acceptable(accept string) []string {
	type candidate struct {
		name        string
		quality     float64
		specificity int
	}
	var candidates []candidate
	if strings.Trim(accept, " ") == "" {
		return nil
	}
	for part := range strings.SplitSeq(accept, ",") {
		part = strings.ReplaceAll(part, " ", "")
		name, quality, _ := strings.Cut(part, ";q=")
		quality, _, _ = strings.Cut(quality, ";")
		c := candidate{name: name, quality: 1, specificity: strings.Count(name, ";") - strings.Count(name, "*")}
		if q, err := strconv.ParseFloat(quality, 64); err == nil {
			c.quality = q
		}
		candidates = append(candidates, c)
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		switch {
		case a.quality != b.quality:
			if a.quality > b.quality {
				return -1
			}
			return 1
		default:
			return b.specificity - a.specificity
		}
	})
	names := make([]string, len(candidates))
	for i, c := range candidates {
		names[i] = c.name
	}
	return names
}
