package embedded

import (
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"strings"
)

// HandlerOption changes a handler that is about to be made.
type HandlerOption func(*handler)

// WithAPIKey makes the handler refuse requests that do not carry this key as
// "Authorization: Bearer KEY" or, in the InsForge dialect, "x-api-key: KEY".
// Without it every request is accepted. JSON Web Tokens are not understood:
// there are no roles and no row security.
func WithAPIKey(key string) HandlerOption { return func(h *handler) { h.key = key } }

// Handler serves the store over HTTP in a dialect.
func (s *Store) Handler(d Dialect, opts ...HandlerOption) http.Handler {
	h := &handler{store: s, dialect: d}
	for _, opt := range opts {
		opt(h)
	}
	return h
}

type handler struct {
	store   *Store
	dialect Dialect
	key     string

	functions map[string][]*function
}

// maxBody bounds what a request may send, as InsForge does.
const maxBody = 100 << 20

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); origin != "" {
		h.allowOrigin(w, r, origin)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.WriteHeader(http.StatusOK)
			return
		}
	}
	if h.dialect == InsForge {
		h.serveInsForge(w, r)
		return
	}
	if h.key != "" && !sameKey(bearer(r), h.key) {
		h.send(w, r, unauthorized())
		return
	}
	body, err := readBody(w, r)
	if err != nil {
		h.send(w, r, failure(err))
		return
	}
	h.send(w, r, h.answer(r, r.URL.Path, r.URL.RawQuery, body))
}

func (h *handler) allowOrigin(w http.ResponseWriter, r *http.Request, origin string) {
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	if h.dialect == InsForge {
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Allow-Credentials", "true")
		header.Add("Vary", "Origin")
	}
	header.Set("Access-Control-Expose-Headers", "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, Transfer-Encoding, Range-Unit, Preference-Applied")
	if r.Method == http.MethodOptions {
		header.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD")
		header.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		header.Set("Access-Control-Max-Age", "86400")
	}
}

func bearer(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

func sameKey(got, want string) bool {
	return subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

func unauthorized() *response {
	res := failure(&apiError{status: http.StatusUnauthorized, code: "PGRST301", message: "JWSError JWSInvalidSignature"})
	res.header.set("WWW-Authenticate", `Bearer error="invalid_token", error_description="JWSError JWSInvalidSignature"`)
	return res
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, &apiError{status: http.StatusRequestEntityTooLarge, code: "PGRST102", message: "The request body is too large"}
	}
	if err != nil {
		return nil, badBody("The request body could not be read: " + err.Error())
	}
	return body, nil
}

// answer carries out a request for path, which is relative to the dialect's
// root: /table or /rpc/function.
func (h *handler) answer(r *http.Request, path, rawQuery string, body []byte) *response {
	res, err := h.route(r, path, rawQuery, body)
	if err != nil {
		return failure(err)
	}
	return res
}

var notFound = &apiError{status: http.StatusNotFound, empty: true}

func (h *handler) route(r *http.Request, path, rawQuery string, body []byte) (*response, error) {
	name, rest, nested := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case name == "" && !nested:
		return h.store.describe(r, rawQuery)
	case name == "rpc" && nested && !strings.Contains(rest, "/"):
		return h.rpc(r, rest, rawQuery, body)
	case nested:
		return nil, notFound
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete, http.MethodOptions:
	default:
		return nil, &apiError{status: http.StatusMethodNotAllowed, code: "PGRST117", message: "Unsupported HTTP method: " + r.Method}
	}
	query, err := parseQuery(rawQuery)
	if err != nil {
		return nil, err
	}
	call, err := h.store.newCall(r, name, query, body)
	if err != nil {
		return nil, err
	}
	switch r.Method {
	case http.MethodOptions:
		return call.options()
	case http.MethodPost:
		return call.post()
	case http.MethodPatch:
		return call.patch()
	case http.MethodPut:
		return call.put()
	case http.MethodDelete:
		return call.delete()
	default:
		return call.get()
	}
}
