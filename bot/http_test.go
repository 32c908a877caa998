package bot

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
)

// A connection is not held by who promises a body and sends none, whether it is
// asked for or not.
func TestABodyThatDoesNotComeEndsTheRequest(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(bodiesWithin(50*time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/read" {
			if _, err := io.ReadAll(r.Body); err != nil {
				w.WriteHeader(http.StatusBadRequest)
			}
		}
	})))
	t.Cleanup(srv.Close)
	for path, status := range map[string]string{"/read": "400", "/leave": "200"} {
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
		require.NoError(t, err)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
		answer, err := io.ReadAll(conn)
		require.NoError(t, err, "the server ends it")
		require.Contains(t, string(answer), "HTTP/1.1 "+status)
		require.NoError(t, conn.Close())
	}
}

func TestARequestWhoseBodyCameMayTakeItsTime(t *testing.T) {
	t.Parallel()
	const limit = 50 * time.Millisecond
	srv := httptest.NewServer(bodiesWithin(limit, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if pause(r.Context(), 4*limit) == nil && err == nil {
			_, _ = w.Write(body)
		}
	})))
	t.Cleanup(srv.Close)
	for range 2 { // the second on the same connection
		resp, err := http.Post(srv.URL, "text/plain", strings.NewReader("body"))
		require.NoError(t, err)
		answer, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "body", string(answer))
		require.NoError(t, resp.Body.Close())
	}
}

func TestAnUnreadyBackendComesWithAdvice(t *testing.T) {
	t.Parallel()
	remote := Config{BackendURL: "https://p.example"}
	for _, tc := range []struct {
		config Config
		err    error
		says   string
	}{
		{Config{}, errors.New("closed"), "look at DATA_FILE"},
		{remote, errors.New("connection refused"), "check INSFORGE_URL"},
		{remote, &insforge.Error{Status: 401, Code: "PGRST301"}, "refuses INSFORGE_API_KEY"},
		{remote, &insforge.Error{Status: 404, Code: "42P01"}, "run reminderbot check"},
		{remote, &insforge.Error{Status: 503}, "look at its log"},
	} {
		require.Contains(t, tc.config.backendAdvice(fmt.Errorf("reach reminders: %w", tc.err)), tc.says)
	}
}
