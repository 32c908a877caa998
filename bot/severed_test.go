package bot

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// severing is a way to a server on which connections can be made to go dead
// without a word, as a router that restarts does; new ones are fine.
type severing struct {
	net.Listener
	dead atomic.Int32 // connections up to this number lead nowhere
	made atomic.Int32
}

func newSevering(t *testing.T, target string) *severing {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &severing{Listener: listener}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			number := s.made.Add(1)
			go s.pass(number, far, near)
			go s.pass(number, near, far)
		}
	}()
	return s
}

func (s *severing) pass(number int32, to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if number > s.dead.Load() {
			_, _ = to.Write(buffer[:n])
		}
	}
}

func (s *severing) sever() { s.dead.Store(s.made.Load()) }

// Over HTTP/2 all calls share a connection, and one that is dead would be used
// for as long as the kernel believes in it.
func TestAConnectionThatDiedSilentlyIsNotUsedOnAndOn(t *testing.T) {
	t.Parallel()
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, 2, r.ProtoMajor)
		_, _ = io.WriteString(w, `{"ok":true,"result":[]}`)
	}))
	api.EnableHTTP2 = true
	api.StartTLS()
	t.Cleanup(api.Close)
	way := newSevering(t, api.Listener.Addr().String())
	transport := newTransport()
	t.Cleanup(transport.CloseIdleConnections)
	transport.TLSClientConfig = api.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.TLSClientConfig.NextProtos = nil
	telegram := &telegram{base: "https://" + way.Addr().String(), token: "1:x", transport: transport, observe: func(string, string) {}}

	require.Eventually(t, func() bool { // a machine that is busy may not get through in time
		_, err := telegram.updates(t.Context(), 0, 0)
		return err == nil
	}, time.Minute, time.Millisecond)
	way.sever()
	_, err := telegram.updates(t.Context(), 0, 0)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Eventually(t, func() bool {
		_, err := telegram.updates(t.Context(), 0, 0)
		return err == nil
	}, time.Minute, 100*time.Millisecond)
	require.Greater(t, way.made.Load(), int32(1), "over another connection")
}
