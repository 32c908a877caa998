package embedded

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// Transport serves requests of an http.Client without a socket; any base URL
// will do.
func (s *Store) Transport(d Dialect, opts ...HandlerOption) http.RoundTripper {
	return transport{s.Handler(d, opts...)}
}

type transport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	inner := r.Clone(r.Context())
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	defer func() { _ = inner.Body.Close() }() // a RoundTripper must; its error is the caller's own
	w := &memoryWriter{header: http.Header{}}
	t.handler.ServeHTTP(w, inner)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	length := int64(w.body.Len())
	if declared, err := strconv.ParseInt(w.header.Get("Content-Length"), 10, 64); err == nil {
		length = declared
	}
	return &http.Response{
		Status:        strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(&w.body),
		ContentLength: length,
		Request:       r,
	}, nil
}

type memoryWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *memoryWriter) Header() http.Header { return w.header }

func (w *memoryWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
