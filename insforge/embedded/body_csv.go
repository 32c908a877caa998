package embedded

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// parseCSV reads a header and rows; NULL, quoted or not, is SQL NULL, and a row
// too long or short is cut where header or row end.
func parseCSV(body []byte) (payload, error) {
	r := csvReader{rest: string(body)}
	header, err := r.record()
	switch {
	case err != nil:
		return payload{}, err
	case r.rest == "":
		return payload{}, r.failure("not enough input")
	}
	var p payload
	for r.endOfLine() {
		record, err := r.record()
		if err != nil {
			return payload{}, err
		}
		if len(record) == 1 && record[0] == "" { // a blank line
			continue
		}
		o := make(object, min(len(header), len(record)))
		for i, cell := range record[:len(o)] {
			if !utf8.ValidString(header[i] + cell) {
				return payload{}, errCrash
			}
			o[i] = field{key: header[i], value: []byte("null")}
			if cell != "NULL" {
				o[i].value = filter.AppendJSONString(nil, cell)
			}
		}
		p.rows = append(p.rows, o)
	}
	if r.rest != "" {
		return payload{}, r.failure("Failed reading: satisfy")
	}
	return p, nil
}

// A csvReader takes CSV apart, with the complaints of the library that PostgREST
// reads it with.
type csvReader struct{ rest string }

func (r *csvReader) record() ([]string, error) {
	var fields []string
	for {
		field, err := r.field()
		if err != nil {
			return nil, err
		}
		fields = append(fields, field)
		if !strings.HasPrefix(r.rest, ",") {
			return fields, nil
		}
		r.rest = r.rest[1:]
	}
}

func (r *csvReader) field() (string, error) {
	inside, quoted := strings.CutPrefix(r.rest, `"`)
	if !quoted {
		end := strings.IndexAny(r.rest, "\",\r\n")
		if end < 0 {
			end = len(r.rest)
		}
		field := r.rest[:end]
		r.rest = r.rest[end:]
		return field, nil
	}
	end := 0
	for end < len(inside) && (inside[end] != '"' || strings.HasPrefix(inside[end+1:], `"`)) {
		if inside[end] == '"' {
			end++
		}
		end++
	}
	if end < len(inside) {
		r.rest = inside[end+1:]
		return strings.ReplaceAll(inside[:end], `""`, `"`), nil
	}
	// The quote is not closed: the library takes the last byte for the one that does.
	r.rest = ""
	if inside == "" {
		return "", errCrash
	}
	field := inside[:len(inside)-1]
	if strings.HasSuffix(strings.ReplaceAll(field, `""`, ""), `"`) {
		return "", r.failure("Failed reading: insufficient input")
	}
	return strings.ReplaceAll(field, `""`, `"`), nil
}

func (r *csvReader) endOfLine() bool {
	for _, end := range []string{"\r\n", "\n", "\r"} {
		if rest, ok := strings.CutPrefix(r.rest, end); ok {
			r.rest = rest
			return true
		}
	}
	return false
}

func (r *csvReader) failure(what string) error {
	return badBody("parse error (" + what + ") at " + shown(r.rest))
}

// shown is what the library quotes of its input: all of it as Haskell shows
// bytes, or the first hundred bytes as they are.
func shown(rest string) string {
	if len(rest) > 100 {
		return rest[:100] + " (truncated)"
	}
	var out strings.Builder
	for i := range len(rest) {
		switch c := rest[i]; {
		case c == '"' || c == '\\':
			out.WriteString(`\` + string(c))
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\r':
			out.WriteString(`\r`)
		case c == '\t':
			out.WriteString(`\t`)
		case c < ' ' || c >= 127:
			fmt.Fprintf(&out, `\%d`, c)
		default:
			out.WriteByte(c)
		}
	}
	return `"` + out.String() + `"`
}
