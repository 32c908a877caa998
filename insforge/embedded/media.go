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

// negotiate picks the best of the Accept header that PostgREST offers; an empty
// one accepts nothing. Names are told apart by case, as there.
func negotiate(header http.Header) (media, error) {
	if len(header["Accept"]) == 0 {
		return defaultMedia, nil
	}
	accept := header["Accept"][0]
	if accept == "*/*" || accept == "application/json" {
		return defaultMedia, nil
	}
	names := acceptable(accept)
	for _, name := range names {
		base, parameters, _ := strings.Cut(name, ";")
		stripped := parameters == "nulls=stripped"
		switch base {
		case "*/*", "", "application/json": // nothing between commas is anything
			return defaultMedia, nil
		case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array":
			if stripped {
				return media{contentType: "application/vnd.pgrst.array+json;nulls=stripped; charset=utf-8", stripNulls: true}, nil
			}
			return defaultMedia, nil
		case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object":
			m := media{contentType: singleType, single: true, stripNulls: stripped}
			if stripped {
				m.contentType = "application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8"
			}
			return m, nil
		case "text/csv":
			return media{contentType: "text/csv; charset=utf-8", csv: true}, nil
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
