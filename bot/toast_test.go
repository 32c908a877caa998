package bot

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// The work on a crowd's presses begins when the crowd is answered, or should have
// been; the work on a few waits for nothing.
func TestACrowdIsAnsweredBeforeItsPressesAreWorkedOn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		presses int
		answer  time.Duration // how long Telegram takes for one
		worked  time.Duration // when the work on the last begins
	}{
		"a few":                 {unhurried, time.Second, 0},
		"a crowd":               {3 * unhurried, 30 * time.Millisecond, 30 * time.Millisecond},
		"a Telegram that hangs": {3 * unhurried, time.Minute, crowdAnswered},
	} {
		synctest.Test(t, func(t *testing.T) {
			api := &telegram{base: "http://telegram.invalid", token: testToken, observe: func(string, string) {}, transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				if err := pause(r.Context(), tt.answer); err != nil {
					return nil, err
				}
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"ok":true,"result":true}`)), Request: r}, nil
			})}
			var presses toasts
			for i := range tt.presses {
				presses.expect(t.Context(), api, silence(), strconv.Itoa(i))
			}
			began := time.Now()
			var last *toast
			for i := range tt.presses {
				one := presses.take(t.Context(), api, silence(), strconv.Itoa(i))
				defer one.close(t.Context())
				last = one
			}
			last.lead(t.Context())
			require.Equal(t, tt.worked, time.Since(began), name)
		})
	}
}
