package embedded

import (
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
	rest int      // elements from the first on that is no object
	keys []string // that its rows have, sorted, unless the parameter columns says which count
	// unreadable is what PostgreSQL says to the body when it receives it, and
	// failure what it says, behind the rows, when it takes it apart. PostgREST does
	// not read JSON itself where columns is given.
	unreadable, failure error
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

// all are the values of a key, as a list.
func (o object) all(key string) json.RawMessage {
	list := []byte{'['}
	for _, f := range o {
		if f.key == key {
			if len(list) > 1 {
				list = append(list, ',')
			}
			list = append(list, f.value...)
		}
	}
	return append(list, ']')
}

// appendJSON writes the object, of keys that repeat the last.
func (o object) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, key := range o.keys() {
		if i > 0 {
			dst = append(dst, ',')
		}
		value, _ := o.get(key)
		dst = append(append(filter.AppendJSONString(dst, key), ':'), value...)
	}
	return append(dst, '}')
}

// repeated are the keys that stand there more than once.
func (o object) repeated() []string {
	var twice []string
	for i, f := range o {
		if slices.ContainsFunc(o[:i], func(before field) bool { return before.key == f.key }) {
			twice = append(twice, f.key)
		}
	}
	return twice
}

// first is the value of the first key, to tell an object by.
func (o object) first() string {
	if len(o) == 0 {
		return "{}"
	}
	return o[0].key + " " + string(o[0].value)
}

func badBody(message string) error {
	return &apiError{status: http.StatusBadRequest, code: "PGRST102", message: message}
}

// contentType is what PostgREST makes of the header: without one a body is JSON.
func contentType(header http.Header) string {
	if len(header["Content-Type"]) == 0 {
		return "application/json"
	}
	media, parameters, _ := strings.Cut(header["Content-Type"][0], ";")
	parameters, _, _ = strings.Cut(parameters, ";")
	switch stripped := strings.TrimSpace(parameters) == "nulls=stripped"; {
	case media == "":
		return "*/*"
	case strings.HasPrefix(media, "application/vnd.pgrst.") && stripped:
		return media + ";nulls=stripped"
	case media == "application/vnd.pgrst.array+json" || media == "application/vnd.pgrst.array":
		return "application/json"
	}
	return media
}

// readPayload reads a body by its content type. Objects must have the same
// keys, unless the parameter columns says which of them count: then PostgREST
// leaves JSON to PostgreSQL. CSV and forms have their own columns.
func readPayload(media string, body []byte, columns []string, hasColumns, missingDefault bool) (p payload, err error) {
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
	if missingDefault {
		p.unreadable = p.asJSONB()
	}
	return p, err
}

// asJSONB gives all values the form jsonb has for them: with
// missing=default PostgREST sends the body as such.
func (p payload) asJSONB() error {
	for _, o := range p.rows {
		for i, f := range o {
			var err error
			if o[i].value, err = throughJSONB(f.value); err != nil {
				return err
			}
		}
	}
	return nil
}

// throughJSONB is the form jsonb gives a JSON value.
func throughJSONB(cell []byte) ([]byte, error) {
	if string(cell) == "null" {
		return cell, nil
	}
	v, err := jsonbInput.ParseJSON(cell, filter.Session{})
	return jsonbInput.AppendJSON(nil, v, filter.Session{}), err
}

// recordset reads a body as json_to_recordset or, with missing=default,
// jsonb_to_recordset does.
func recordset(body []byte, columns []string, missingDefault bool) payload {
	p := payload{keys: slices.Clone(columns)}
	slices.Sort(p.keys)
	p.keys = slices.Compact(p.keys)
	input, function := jsonInput, "json_to_recordset"
	if missingDefault {
		input, function = jsonbInput, "jsonb_to_recordset"
	}
	if _, p.unreadable = input.Parse(string(body), filter.Session{}); p.unreadable != nil {
		return p
	}
	p.rows, p.rest = elements(body)
	switch {
	case missingDefault:
		p.unreadable = p.asJSONB()
	case p.rest == 0: // json looks at escapes only now
		if _, err := jsonbInput.Parse(string(body), filter.Session{}); err != nil && asAPIError(err).code != "22003" {
			p.failure = err
		}
	}
	if p.rest > 0 {
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
	rows, rest := elements(body)
	if rest > 0 && strings.HasPrefix(strings.TrimLeft(string(body), " \t\r\n"), "[") {
		return payload{}, badBody("All object keys must match")
	}
	return payload{rows: rows}, nil // of a scalar PostgREST inserts nothing
}

// elements are the objects of a body that is known to be JSON, or the one it is,
// and how many elements there are from the first on that is something else.
func elements(body []byte) (rows []object, rest int) {
	s := scanner{s: body}
	s.space()
	switch s.s[s.pos] {
	case '{':
		return []object{s.object()}, 0
	case '[':
		s.pos++
	default:
		return nil, 1
	}
	for {
		s.space()
		switch c := s.s[s.pos]; {
		case c == ']':
			return rows, rest
		case c == ',':
			s.pos++
		case c == '{' && rest == 0:
			rows = append(rows, s.object())
		default:
			s.value()
			rest++
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

func parseForm(body []byte) (payload, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return payload{}, badBody(err.Error())
	}
	var o object
	for key, list := range values {
		for _, value := range list { // of which the last counts, but where a function takes any number
			o = append(o, field{key: key, value: filter.AppendJSONString(nil, value)})
		}
	}
	return payload{rows: []object{o}}, nil
}
