package embedded

import (
	"net/http"
	"slices"
	"strconv"
)

// response is an answer before a dialect dresses it.
type response struct {
	status      int
	header      headerFields
	contentType string
	body        []byte
	buffer      *[]byte // what body was written into, to be used again once it is sent
	failed      bool
	room        [6]headerField // for header, which mostly needs no more
}

func newResponse(status int) *response {
	res := &response{status: status}
	res.header = res.room[:0]
	return res
}

const (
	jsonType   = "application/json; charset=utf-8"
	singleType = "application/vnd.pgrst.object+json; charset=utf-8"
)

// headerFields are a header. A name may stand there more than once; all are in
// their canonical form.
type headerFields []headerField

type headerField struct{ name, value string }

func (h headerFields) has(name string) bool {
	return slices.ContainsFunc(h, func(f headerField) bool { return f.name == name })
}

// set adds a field in the place of others of its name.
func (h *headerFields) set(name, value string) {
	*h = append(slices.DeleteFunc(*h, func(f headerField) bool { return f.name == name }), headerField{name, value})
}

// putInto puts the fields into a header in the place of others of their names.
func (h headerFields) putInto(header http.Header) {
	values := make([]string, len(h)) // of all of them, in one piece
	for i, f := range h {
		values[i] = f.value
		if h[:i].has(f.name) {
			header[f.name] = append(header[f.name], f.value)
		} else {
			header[f.name] = values[i : i+1 : i+1]
		}
	}
}

func failure(err error) *response {
	api := asAPIError(err)
	res := newResponse(api.status)
	res.contentType, res.failed = jsonType, true
	res.body = api.appendJSON(nil)
	if api.plain != "" {
		res.contentType, res.body = "text/plain; charset=utf-8", []byte(api.plain)
	}
	res.header = append(res.header, api.header...)
	if api.status == http.StatusServiceUnavailable {
		res.header.set("Retry-After", "1")
	}
	return res
}

// send writes a response as PostgREST would.
func (h *handler) send(w http.ResponseWriter, r *http.Request, res *response) {
	if res.contentType != "" && !res.header.has("Content-Type") {
		res.header.set("Content-Type", res.contentType)
	}
	if res.status != http.StatusNoContent && r.Method != http.MethodHead {
		res.header.set("Content-Length", strconv.Itoa(len(res.body)))
	}
	res.header.putInto(w.Header())
	w.WriteHeader(res.status)
	if r.Method != http.MethodHead && len(res.body) > 0 {
		_, _ = w.Write(res.body) // the client may be gone
	}
	if res.buffer != nil {
		h.store.buffers.Put(res.buffer)
	}
}
