package embedded

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A payload is the rows of a request body, their values still JSON.
type payload struct {
	rows []object
	keys []string // that its rows have, sorted, unless the parameter columns says which count
	// failure is what PostgreSQL says to the body. PostgREST does not read JSON
	// itself where columns is given.
	failure error
	isJSON  bool // though failure says that it is not what it should be
}

// object is a JSON object in source order.
type object []field

type field struct {
	key   string
	value json.RawMessage
}

// get returns the value of a key, the last one where keys repeat.
func (o object) get(key string) (json.RawMessage, bool) {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].key == key {
			return o[i].value, true
		}
	}
	return nil, false
}

// keys returns the distinct keys, sorted as PostgREST sorts columns.
func (o object) keys() []string {
	keys := make([]string, len(o))
	for i, f := range o {
		keys[i] = f.key
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func badBody(message string) error {
	return &apiError{status: http.StatusBadRequest, code: "PGRST102", message: message}
}

// readPayload reads a body by its content type. Objects must have the same
// keys, unless the parameter columns says which of them count: then PostgREST
// leaves JSON to PostgreSQL. CSV and forms have their own columns.
func readPayload(contentType string, body []byte, columns []string, hasColumns, missingDefault bool) (p payload, err error) {
	media := "application/json"
	if contentType != "" {
		media, _, _ = strings.Cut(contentType, ";")
	}
	switch media {
	case "application/json":
		if hasColumns {
			return recordset(body, columns, missingDefault), nil
		}
		if p, err = parseBody(body); err == nil && !p.uniform() {
			err = badBody("All object keys must match")
		}
	case "text/csv":
		if p, err = parseCSV(body); err == nil && !p.uniform() {
			err = badBody("All lines must have same number of fields")
		}
	case "application/x-www-form-urlencoded":
		p, err = parseForm(body)
	default:
		err = badBody("Content-Type not acceptable: " + media)
	}
	if err == nil && len(p.rows) > 0 {
		p.keys = p.rows[0].keys()
	}
	return p, err
}

// recordset reads a body as json_to_recordset does.
func recordset(body []byte, columns []string, missingDefault bool) payload {
	p := payload{keys: slices.Clone(columns)}
	slices.Sort(p.keys)
	p.keys = slices.Compact(p.keys)
	for _, t := range []filter.Type{jsonInput, jsonbInput} { // the second looks at escapes as well
		if _, p.failure = t.Parse(string(body), filter.Session{}); p.failure != nil {
			return p
		}
	}
	read, err := parseBody(body)
	p.rows = read.rows
	isScalar := len(read.rows) == 0 && !strings.HasPrefix(strings.TrimLeft(string(body), " \t\r\n"), "[")
	if p.isJSON = true; err != nil || isScalar {
		function := "json_to_recordset"
		if missingDefault {
			function = "jsonb_to_recordset"
		}
		p.failure = &apiError{status: http.StatusBadRequest, code: "22023", message: "argument of " + function + " must be an array of objects"}
	}
	return p
}

func (p payload) uniform() bool {
	if len(p.rows) < 2 {
		return true
	}
	keys := p.rows[0].keys()
	for _, row := range p.rows[1:] {
		if !slices.Equal(keys, row.keys()) {
			return false
		}
	}
	return true
}

func parseBody(body []byte) (payload, error) {
	if !utf8.Valid(body) || !json.Valid(body) || hasLoneSurrogate(body) {
		return payload{}, badBody("Empty or invalid json")
	}
	s := scanner{s: body}
	s.space()
	switch s.s[s.pos] {
	case '{':
		return payload{rows: []object{s.object()}}, nil
	case '[':
		s.pos++
	default:
		return payload{}, nil // PostgREST inserts nothing
	}
	var p payload
	for {
		s.space()
		switch s.s[s.pos] {
		case ']':
			return p, nil
		case ',':
			s.pos++
		case '{':
			p.rows = append(p.rows, s.object())
		default:
			return p, badBody("All object keys must match")
		}
	}
}

// hasLoneSurrogate finds the one thing that Go accepts in JSON and PostgREST
// does not. The body is otherwise valid.
func hasLoneSurrogate(body []byte) bool {
	isLow := func(at int) bool {
		return at+6 <= len(body) && body[at] == '\\' && body[at+1] == 'u' && body[at+2]|0x20 == 'd' && strings.IndexByte("cdefCDEF", body[at+3]) >= 0
	}
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		if body[i] != 'u' || body[i+1]|0x20 != 'd' || body[i+2] < '8' {
			continue
		}
		if isLow(i-1) || !isLow(i+5) {
			return true
		}
		i += 10
	}
	return false
}

// A scanner cuts JSON that is known to be valid into pieces.
type scanner struct {
	s   []byte
	pos int
}

func (s *scanner) space() {
	for s.s[s.pos] == ' ' || s.s[s.pos] == '\t' || s.s[s.pos] == '\n' || s.s[s.pos] == '\r' {
		s.pos++
	}
}

func (s *scanner) object() object {
	var o object
	s.pos++
	for {
		s.space()
		switch s.s[s.pos] {
		case '}':
			s.pos++
			return o
		case ',':
			s.pos++
			continue
		}
		key := s.value()
		s.space()
		s.pos++ // the colon
		s.space()
		o = append(o, field{key: unquote(key), value: s.value()})
	}
}

// value takes one value of any kind.
func (s *scanner) value() json.RawMessage {
	start, depth := s.pos, 0
	for {
		switch c := s.s[s.pos]; c {
		case '"':
			s.pos++
			for s.s[s.pos] != '"' {
				if s.s[s.pos] == '\\' {
					s.pos++
				}
				s.pos++
			}
			s.pos++
		case '{', '[':
			depth++
			s.pos++
			continue
		case '}', ']':
			depth--
			s.pos++
		default:
			if depth > 0 {
				s.pos++
				continue
			}
			for s.pos < len(s.s) && strings.IndexByte(",}] \t\r\n", s.s[s.pos]) < 0 {
				s.pos++
			}
		}
		if depth == 0 {
			return s.s[start:s.pos]
		}
	}
}

func unquote(raw []byte) string {
	plain := raw[1 : len(raw)-1]
	if !slices.Contains(plain, '\\') {
		return string(plain)
	}
	var s string
	_ = json.Unmarshal(raw, &s) // known to be a valid string
	return s
}

// parseCSV reads a header and rows; NULL, unquoted in PostgREST's eyes or not,
// is SQL NULL.
func parseCSV(body []byte) (payload, error) {
	reader := csv.NewReader(strings.NewReader(string(body)))
	reader.FieldsPerRecord = -1
	records, err := reader.ReadAll()
	if err != nil {
		return payload{}, badBody(err.Error())
	}
	if len(records) < 2 { // a header alone is refused as well
		return payload{}, badBody(`parse error (not enough input) at ""`)
	}
	header := records[0]
	var p payload
	for _, record := range records[1:] {
		o := make(object, min(len(header), len(record)))
		for i, cell := range record[:len(o)] {
			o[i] = field{key: header[i], value: json.RawMessage("null")}
			if cell != "NULL" {
				o[i].value = filter.AppendJSONString(nil, cell)
			}
		}
		p.rows = append(p.rows, o)
	}
	return p, nil
}

func parseForm(body []byte) (payload, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return payload{}, badBody(err.Error())
	}
	var o object
	for key, list := range values {
		o = append(o, field{key: key, value: filter.AppendJSONString(nil, list[len(list)-1])})
	}
	return payload{rows: []object{o}}, nil
}
