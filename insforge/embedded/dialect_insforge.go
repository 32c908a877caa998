package embedded

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// What InsForge's proxy does to a request before PostgREST sees it, and to the
// response after.

const (
	recordsPrefix = "/api/database/records/"
	rpcPrefix     = "/api/database/rpc/"
)

// proxyError is the body of what the proxy answers itself.
type proxyError struct {
	Error       string `json:"error"`
	Message     string `json:"message"`
	StatusCode  int    `json:"statusCode"`
	NextActions string `json:"nextActions,omitempty"`
}

func (e proxyError) response() *response {
	res := newResponse(e.StatusCode)
	res.contentType, res.failed = jsonType, true
	res.body, _ = json.Marshal(e) // strings and a number always encode
	return res
}

func (h *handler) serveInsForge(w http.ResponseWriter, r *http.Request) {
	res := h.insforge(w, r)
	if res.failed { // the proxy drops PostgREST's headers from errors
		res.header = nil
	}
	// The proxy's framework writes parameters in another order.
	res.contentType = strings.Replace(res.contentType, ";nulls=stripped; charset=utf-8", "; charset=utf-8; nulls=stripped", 1)
	if len(res.body) == 0 && res.status != http.StatusNoContent && r.Method != http.MethodHead && r.Method != http.MethodOptions {
		res.body, res.contentType = []byte("[]"), jsonType
		if strings.HasPrefix(r.URL.Path, rpcPrefix) {
			res.body = []byte("null")
		}
	}
	if r.Method == http.MethodGet && strings.HasPrefix(res.contentType, "text/csv") && !res.failed {
		res.body = filter.AppendJSONString(nil, string(res.body))
	}
	h.send(w, r, res)
}

func (h *handler) insforge(w http.ResponseWriter, r *http.Request) *response {
	if r.URL.Path == "/api/health" && r.Method == http.MethodGet {
		res := newResponse(http.StatusOK)
		res.contentType = jsonType
		res.body = []byte(`{"status":"ok","version":"2.3.1","service":"Insforge OSS Backend","timestamp":"` +
			h.store.now().UTC().Format("2006-01-02T15:04:05.000Z") + `"}`)
		return res
	}
	if r.Method == http.MethodOptions {
		res := newResponse(http.StatusNoContent)
		res.header.set("Access-Control-Allow-Methods", "GET,HEAD,PUT,PATCH,POST,DELETE")
		return res
	}
	path, ok := strings.CutPrefix(r.URL.Path, recordsPrefix)
	if function, isRPC := strings.CutPrefix(r.URL.Path, rpcPrefix); isRPC {
		path, ok = "rpc/"+function, true
	}
	if !ok || path == "" {
		return proxyError{
			Error: "NOT_FOUND", Message: fmt.Sprintf("Endpoint %s not found", r.URL.Path), StatusCode: http.StatusNotFound,
			NextActions: "Please check the API documentation for available endpoints",
		}.response()
	}
	if refusal := h.refuse(r); refusal != nil {
		return refusal.response()
	}
	body, err := readBody(w, r)
	if err != nil {
		return failure(err)
	}
	body, refusal := h.rewriteBody(r, path, body)
	if refusal != nil {
		return refusal.response()
	}
	return h.answer(r, "/"+path, rewriteQuery(r.URL.RawQuery), body)
}

// refuse checks the credentials; x-api-key counts unless a Bearer carries a key.
func (h *handler) refuse(r *http.Request) *proxyError {
	if h.key == "" {
		return nil
	}
	given := bearer(r)
	if !strings.HasPrefix(given, "ik_") {
		if key := r.Header.Get("X-Api-Key"); key != "" {
			given = key
			if !sameKey(given, h.key) {
				return &proxyError{
					Error: "AUTH_INVALID_API_KEY", Message: "Invalid API key", StatusCode: http.StatusUnauthorized,
					NextActions: "Check the API key is valid or generate a new API key.",
				}
			}
		}
	}
	switch {
	case sameKey(given, h.key):
		return nil
	case given == "":
		return &proxyError{
			Error: "AUTH_INVALID_CREDENTIALS", Message: "No token provided", StatusCode: http.StatusUnauthorized,
			NextActions: "Check the token is valid or login to get a new token.",
		}
	case strings.HasPrefix(given, "ik_"):
		return &proxyError{
			Error: "AUTH_INVALID_API_KEY", Message: "Invalid API key", StatusCode: http.StatusUnauthorized,
			NextActions: "Check the API key is valid or generate a new API key.",
		}
	case strings.HasPrefix(given, "anon_"):
		return &proxyError{
			Error: "AUTH_INVALID_CREDENTIALS", Message: "Invalid anon key", StatusCode: http.StatusUnauthorized,
			NextActions: "Check the token is valid or login to get a new token.",
		}
	}
	return &proxyError{Error: "AUTH_UNAUTHORIZED", Message: "Invalid token", StatusCode: http.StatusUnauthorized}
}

// rewriteBody reads the body as the proxy does: JSON only, and without the
// empty strings that are meant for columns which are not text.
func (h *handler) rewriteBody(r *http.Request, path string, body []byte) ([]byte, *proxyError) {
	if r.Method != http.MethodPost && r.Method != http.MethodPatch && r.Method != http.MethodPut {
		return nil, nil
	}
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media != "" && strings.TrimSpace(media) != "application/json" {
		return []byte("{}"), nil
	}
	if len(body) == 0 {
		return []byte("{}"), nil
	}
	payload, err := parseBody(body)
	if err != nil && asAPIError(err).message == "All object keys must match" {
		return body, nil
	}
	first := strings.TrimLeft(string(body[:min(len(body), 64)]), " \t\r\n")
	if err != nil || first == "" || first[0] != '{' && first[0] != '[' {
		return nil, &proxyError{
			Error: "INVALID_INPUT", Message: "Unexpected end of JSON input", StatusCode: http.StatusBadRequest,
			NextActions: "Please ensure your request body contains valid JSON",
		}
	}
	t := h.store.schema.tables[path]
	if t == nil || !payload.hasEmptyString() {
		return body, nil
	}
	var out []byte
	for i, row := range payload.rows {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		start := len(out)
		for _, f := range row {
			typ, known := t.typeOf(f.key)
			if string(f.value) == `""` && !(known && typ.IsText()) {
				continue
			}
			if len(out) > start {
				out = append(out, ',')
			}
			out = append(filter.AppendJSONString(out, f.key), ':')
			out = append(out, f.value...)
		}
		out = append(out, '}')
	}
	if first[0] == '[' {
		out = append(append([]byte{'['}, out...), ']')
	}
	return out, nil
}

func (p payload) hasEmptyString() bool {
	for _, row := range p.rows {
		for _, f := range row {
			if string(f.value) == `""` {
				return true
			}
		}
	}
	return false
}

// rewriteQuery is what parsing and writing the query again in JavaScript does:
// a repeated key becomes key[], a key that objects have anyway disappears.
func rewriteQuery(raw string) string {
	count := map[string]int{}
	parts := strings.Split(raw, "&")
	repeated := false
	for _, part := range parts {
		key, _, _ := strings.Cut(part, "=")
		key = unescape(key)
		count[key]++
		repeated = repeated || count[key] > 1 || key == "__proto__" || key == "constructor" || key == "schema"
	}
	if !repeated {
		return raw
	}
	var out []string
	for _, part := range parts {
		key, value, _ := strings.Cut(part, "=")
		switch name := unescape(key); {
		case name == "__proto__", name == "constructor", name == "schema":
			continue
		case count[name] > 1:
			key += "%5B%5D"
		}
		out = append(out, key+"="+value)
	}
	return strings.Join(out, "&")
}
