package telegramtest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request; Telegram takes documents up to 50 MB.
const maxBody = 50 << 20

// params are a call's parameters. The Bot API takes every value either as
// itself or as a string holding its JSON, so each is kept as text.
type params struct {
	values map[string]string
	files  map[string]upload
}

// upload is a file sent with multipart/form-data.
type upload struct {
	name, mime string
	data       []byte
}

// readParams gathers the query string and the body of any of the three types
// the Bot API takes.
func readParams(r *http.Request) (params, error) {
	p := params{values: map[string]string{}, files: map[string]upload{}}
	for k, vs := range r.URL.Query() {
		p.values[k] = vs[0]
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return p, &apiError{code: http.StatusRequestEntityTooLarge, description: "Request Entity Too Large"}
	}
	kind, attrs, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		err = p.readJSON(body)
	case "application/x-www-form-urlencoded":
		err = p.readForm(body)
	case "multipart/form-data":
		err = p.readMultipart(multipart.NewReader(bytes.NewReader(body), attrs["boundary"]))
	default:
		// Like Telegram, ignore a body of a type that carries no parameters.
	}
	if err != nil {
		return p, err
	}
	for k, v := range p.values {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return p, badRequest("strings must be encoded in UTF-8")
		}
	}
	return p, nil
}

func (p params) readJSON(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return badRequest("can't parse JSON object")
	}
	for k, raw := range fields {
		var s string
		switch {
		case bytes.Equal(raw, []byte("null")):
		case json.Unmarshal(raw, &s) == nil:
			p.values[k] = s
		default:
			p.values[k] = string(raw)
		}
	}
	return nil
}

func (p params) readForm(body []byte) error {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return badRequest("can't parse parameters")
	}
	for k, vs := range form {
		p.values[k] = vs[0]
	}
	return nil
}

func (p params) readMultipart(parts *multipart.Reader) error {
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return badRequest("can't parse multipart/form-data")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return badRequest("can't parse multipart/form-data")
		}
		if part.FileName() == "" {
			p.values[part.FormName()] = string(data)
			continue
		}
		p.files[part.FormName()] = upload{name: part.FileName(), mime: part.Header.Get("Content-Type"), data: data}
	}
}

func (p params) has(name string) bool { return p.values[name] != "" }

func (p params) str(name string) string { return p.values[name] }

// integer is the parameter as a number, 0 if it is missing or none.
func (p params) integer(name string) int {
	n, _ := strconv.Atoi(strings.TrimSpace(p.values[name]))
	return n
}

// flag is the parameter as a boolean; the Bot API takes true, yes and 1 in any
// case, and everything else is false.
func (p params) flag(name string) bool {
	switch strings.ToLower(strings.TrimSpace(p.values[name])) {
	case "true", "yes", "1":
		return true
	}
	return false
}

// decode reads the parameter's JSON into v and reports whether there was any.
func (p params) decode(name string, v any) (bool, error) {
	if !p.has(name) {
		return false, nil
	}
	return true, json.Unmarshal([]byte(p.values[name]), v)
}
