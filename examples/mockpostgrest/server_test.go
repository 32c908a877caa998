package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// serveAt runs a server until the test ends, and checks that it leaves nothing
// running.
func serveAt(t *testing.T, handler http.Handler) (address string, s *server) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s = newServer(listener, handler, slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)
	go func() { ended <- s.serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.stop(ctx); !errors.Is(err, net.ErrClosed) { // the test may have stopped it
			require.NoError(t, err)
		}
		require.ErrorIs(t, <-ended, http.ErrServerClosed)
		require.Empty(t, s.open)
	})
	return listener.Addr().String(), s
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	t.Cleanup(func() { _ = c.Close() }) // the test may have done so
	return c
}

// ask sends bytes and takes down all that comes back until the server closes or,
// where it waits for more, the client does. Of a refusal by the server itself the
// words do not matter.
func ask(t *testing.T, address, sent string) string {
	t.Helper()
	c := dial(t, address)
	_, err := io.WriteString(c, sent)
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	var out strings.Builder
	in := bufio.NewReader(c)
	method, _, _ := strings.Cut(sent, " ")
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return out.String()
		}
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		fmt.Fprintf(&out, "%s %d, closes %t\n", res.Proto, res.StatusCode, res.Close)
		if res.StatusCode >= http.StatusBadRequest && !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
			continue
		}
		if res.StatusCode >= http.StatusOK {
			require.NotEmpty(t, res.Header.Get("Date"))
			res.Header.Set("Date", "now")
		}
		require.NoError(t, res.Header.Write(&out))
		fmt.Fprintf(&out, "%s\n", body)
	}
}

func leads(t *testing.T) http.Handler {
	t.Helper()
	schema, err := embedded.ParseTables([]byte(tables))
	require.NoError(t, err)
	store, err := embedded.Open(embedded.Memory, schema)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store.Handler(embedded.PostgREST)
}

// Whatever arrives is answered as net/http's server would.
func TestAnswersLikeNetHTTP(t *testing.T) {
	t.Parallel()
	const host = " HTTP/1.1\r\nHost: x\r\n"
	for name, sent := range map[string]string{
		"a row":                           "GET /leads?id=eq.1" + host + "\r\n",
		"many rows":                       "POST /leads" + host + "Content-Length: " + "11\r\n\r\n" + `{"name":""}` + "GET /leads" + host + "\r\n",
		"head":                            "HEAD /leads" + host + "\r\n",
		"no such table":                   "GET /nothing" + host + "\r\n",
		"two types of content":            "GET /leads?id=eq.9" + host + "Accept: application/vnd.pgrst.object+json\r\n\r\n",
		"nothing to say":                  "PATCH /leads?id=eq.1" + host + "Content-Length: 14\r\n\r\n{\"name\":\"Bob\"}",
		"deleted":                         "DELETE /leads?id=eq.1" + host + "Prefer: return=representation\r\n\r\n",
		"options":                         "OPTIONS /leads" + host + "\r\n",
		"preflight":                       "OPTIONS /leads" + host + "Origin: http://y\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
		"pipelined":                       "GET /leads?id=eq.1" + host + "\r\nGET /leads?id=eq.2" + host + "\r\n",
		"the connection is to be closed":  "GET /leads" + host + "Connection: close\r\n\r\nGET /leads" + host + "\r\n",
		"http 1.0":                        "GET /leads HTTP/1.0\r\n\r\nGET /leads HTTP/1.0\r\n\r\n",
		"http 1.0 that stays":             "GET /leads HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /leads HTTP/1.0\r\n\r\n",
		"chunks":                          "POST /leads" + host + "Transfer-Encoding: chunked\r\n\r\n8\r\n{\"name\":\r\n6\r\n\"Ann\"}\r\n0\r\n\r\nGET /leads" + host + "\r\n",
		"chunks that are none":            "POST /leads" + host + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"another coding":                  "POST /leads" + host + "Transfer-Encoding: gzip\r\n\r\n",
		"length and chunks":               "POST /leads" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":                     "POST /leads" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"a length that is none":           "POST /leads" + host + "Content-Length: -1\r\n\r\n",
		"a body that is cut":              "POST /leads" + host + "Content-Length: 300\r\n\r\n{",
		"a body that nobody reads":        "GET /leads?id=eq.1" + host + "Content-Length: 5\r\n\r\nhelloGET /leads?id=eq.1" + host + "\r\n",
		"continue":                        "POST /leads" + host + "Expect: 100-continue\r\nContent-Length: 14\r\n\r\n{\"name\":\"Bob\"}",
		"other expectations":              "GET /leads" + host + "Expect: wonders\r\n\r\n",
		"no host":                         "GET /leads HTTP/1.1\r\n\r\n",
		"no host that could be":           "GET /leads HTTP/1.1\r\nHost: a b/{}\r\n\r\n",
		"a blank line behind a body":      "POST /leads" + host + "Content-Length: 11\r\n\r\n" + `{"name":""}` + "\r\nGET /leads" + host + "\r\n",
		"not a request":                   "hello\r\n\r\n",
		"not a path":                      "GET leads" + host + "\r\n",
		"a path with bad escapes":         "GET /leads%zz" + host + "\r\n",
		"a query that is not ascii":       "GET /leads?name=eq.\xc3\xa4" + host + "\r\n",
		"not a header":                    "GET /leads" + host + "no colon\r\n\r\n",
		"a space before the colon":        "GET /leads" + host + "A : b\r\n\r\n",
		"a head without end":              "GET /leads" + host,
		"a head that is too large":        "GET /leads" + host + "A: " + strings.Repeat("a", 2<<20) + "\r\n\r\n",
		"http 3":                          "GET /leads HTTP/3.0\r\nHost: x\r\n\r\n",
		"a method of their own":           "BREW /leads" + host + "\r\n",
		"an absolute address":             "GET http://x/leads" + host + "\r\n",
		"nothing":                         "",
		"a blank line":                    "\r\n",
		"repeated headers":                "GET /leads" + host + "Prefer: count=exact\r\nPrefer: handling=strict\r\n\r\n",
		"a type of content that is empty": "POST /leads" + host + "Content-Type:\r\nContent-Length: 2\r\n\r\n{}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := leads(t)
			theirs := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				// There a request may end with the half of the connection that ask closes.
				handler.ServeHTTP(w, r.WithContext(context.WithoutCancel(r.Context())))
			}))
			theirs.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			theirs.Start()
			t.Cleanup(theirs.Close)
			ours, _ := serveAt(t, leads(t))
			require.Equal(t, ask(t, theirs.Listener.Addr().String(), sent), ask(t, ours, sent))
		})
	}
}

// An answer is whole however large it is, and whether its length is told or not.
func TestAnswersAreWhole(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 4 << 10, 32 << 10, 32<<10 + 1, 5 << 20} {
		for _, told := range []bool{true, false} {
			content := strings.Repeat("followthrough ", size/14+1)[:size]
			address, _ := serveAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if told {
					w.Header()["Content-Length"] = []string{strconv.Itoa(size)}
				}
				if size > 0 {
					_, _ = io.WriteString(w, content[:size/2])
					_, _ = io.WriteString(w, content[size/2:])
				}
			}))
			for range 2 {
				status, body := fetch(t, http.MethodGet, "http://"+address, "", "")
				require.Equal(t, http.StatusOK, status)
				require.True(t, content == body, "%d bytes of %d", len(body), size)
			}
		}
	}
}

// What comes behind an answer is never taken for a part of it, nor the other way
// round, also where a handler errs in the length.
func TestALengthThatIsWrongEndsTheConnection(t *testing.T) {
	t.Parallel()
	address, _ := serveAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "4")
		_, err := io.WriteString(w, r.URL.Path[1:])
		if len(r.URL.Path) > 5 {
			require.ErrorIs(t, err, http.ErrContentLength)
		}
	}))
	const host = " HTTP/1.1\r\nHost: x\r\n\r\n"
	for sent, want := range map[string][]string{
		"GET /four" + host + "GET /also" + host:   {"four", "also"},
		"GET /longer" + host + "GET /four" + host: {"long", "four"},
		"GET /two" + host + "GET /four" + host:    {"two"},
	} {
		c := dial(t, address)
		_, err := io.WriteString(c, sent)
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).CloseWrite())
		in := bufio.NewReader(c)
		for _, text := range want {
			res, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.Equal(t, len(text) < 4, errors.Is(err, io.ErrUnexpectedEOF))
			require.Equal(t, text, string(body))
		}
		_, err = in.ReadByte()
		require.ErrorIs(t, err, io.EOF)
	}
}

// A client that sends more than anybody reads still gets its answer.
func TestAnswersWhoeverIsStillSending(t *testing.T) {
	t.Parallel()
	address, _ := serveAt(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	status, _ := fetch(t, http.MethodPost, "http://"+address, "", strings.Repeat("x", 3<<20))
	require.Equal(t, http.StatusUnauthorized, status)
}

// Who promises a body and sends none, or stops in the middle, does not hold a
// connection for ever; who sends it late is answered, and may go on.
func TestABodyThatDoesNotComeEndsTheConnection(t *testing.T) {
	t.Parallel()
	for _, rest := range []string{"", "late"} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			s := newServer(nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err != nil {
					w.WriteHeader(http.StatusBadRequest)
				}
			}), slog.New(slog.DiscardHandler))
			s.start(far)
			began := time.Now()
			go func() {
				_, _ = io.WriteString(near, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{")
				time.Sleep(bodyTime / 2)
				_, _ = io.WriteString(near, rest)
			}()
			in := bufio.NewReader(near)
			resp, err := http.ReadResponse(in, nil)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			if rest == "" {
				require.Equal(t, http.StatusBadRequest, resp.StatusCode)
				require.Equal(t, bodyTime, time.Since(began))
				_, err = in.ReadByte()
				require.ErrorIs(t, err, io.EOF)
			} else {
				require.Equal(t, http.StatusOK, resp.StatusCode)
				time.Sleep(bodyTime) // a connection that is at rest may be
				_, err = io.WriteString(near, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
				require.NoError(t, err)
				_, err = http.ReadResponse(in, nil)
				require.NoError(t, err)
			}
			require.NoError(t, near.Close())
			s.serving.Wait()
		})
	}
}

func TestGoesOnAfterAPanic(t *testing.T) {
	t.Parallel()
	address, _ := serveAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("oh")
		}
	}))
	require.Empty(t, ask(t, address, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n"))
	status, _ := fetch(t, http.MethodGet, "http://"+address+"/", "", "")
	require.Equal(t, http.StatusOK, status)
}

func TestStopLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	begun, goOn := make(chan struct{}), make(chan struct{})
	address, s := serveAt(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-goOn
		_, _ = io.WriteString(w, "done")
	}))
	waiting, working := dial(t, address), dial(t, address)
	_, err := io.WriteString(working, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop(context.WithoutCancel(t.Context())) }()
	_, err = waiting.Read(make([]byte, 1))
	require.Error(t, err, "nothing was asked there")
	_, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.Error(t, err, "nobody else is let in")
	close(goOn)
	answer, err := io.ReadAll(working)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(answer), "done"), "%s", answer)
	require.NoError(t, <-stopped)
}

func TestStopCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	begun, goOn := make(chan struct{}), make(chan struct{})
	address, s := serveAt(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-goOn
	}))
	working := dial(t, address)
	_, err := io.WriteString(working, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.stop(ctx), context.Canceled)
	_, err = working.Read(make([]byte, 1))
	require.Error(t, err)
	close(goOn)
}

// A script is a client that says what it has to say and leaves.
type script struct {
	net.Conn
	io.Reader
}

func (s script) Read(p []byte) (int, error)      { return s.Reader.Read(p) }
func (script) Write(p []byte) (int, error)       { return len(p), nil }
func (script) Close() error                      { return nil }
func (script) RemoteAddr() net.Addr              { return &net.TCPAddr{} }
func (script) SetReadDeadline(_ time.Time) error { return nil }

// Whatever is sent, the connection ends with it.
func FuzzConnection(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}")
	f.Add("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n")
	f.Add("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 300\r\n\r\n")
	f.Fuzz(func(t *testing.T, sent string) {
		s := newServer(nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(w, r.Body, 100)
		}), slog.New(slog.DiscardHandler))
		s.start(script{Reader: strings.NewReader(sent)})
		s.serving.Wait()
		require.Empty(t, s.open)
	})
}
