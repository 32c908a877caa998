package insforge_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
)

// recorded is what a running InsForge 2.3.1 answered to a request.
type recorded struct {
	Name, Method, Path string
	Status             int
	Header             map[string]string
	Body               json.RawMessage
}

// TestRecordedAnswers gives the client every recorded answer of InsForge: each
// refusal becomes an error that says what InsForge said, sent once; each success
// its rows.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/insforge-2.3.1.json")
	require.NoError(t, err)
	var recordings []recorded
	require.NoError(t, json.Unmarshal(text, &recordings))
	require.Greater(t, len(recordings), 150)
	for i, r := range recordings {
		t.Run(fmt.Sprint(i, " ", r.Name), func(t *testing.T) {
			t.Parallel()
			body := string(r.Body)
			if strings.HasPrefix(body, `"`) { // what is no JSON stands there as a string
				require.NoError(t, json.Unmarshal(r.Body, &body))
			}
			var header []string
			for name, value := range r.Header {
				header = append(header, name, value)
			}
			sent := 0
			c, err := insforge.New("http://insforge.example", insforge.WithDialect(insforge.InsForge), insforge.WithAPIKey("ik_KEY"),
				insforge.WithHTTPClient(&http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
					sent++
					return reply(req, r.Status, body, header...), nil
				})}))
			require.NoError(t, err)
			path, query, _ := strings.Cut(r.Path, "?")
			values, _ := url.ParseQuery(query)
			got, err := c.Do(t.Context(), insforge.Request{Method: r.Method, Path: path, Query: values})
			require.Equal(t, 1, sent)
			if r.Status <= 299 {
				require.NoError(t, err)
				require.Equal(t, r.Status, got.Status)
				require.Equal(t, body, string(got.Body))
				if strings.HasPrefix(body, "[{") {
					rows, err := insforge.All[map[string]any](t.Context(), c.From("rows").Limit(1))
					require.NoError(t, err)
					require.Len(t, rows, 1)
				}
				return
			}
			var refusal *insforge.Error
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, r.Status, refusal.Status)
			require.True(t, insforge.SafeToRepeat(err))
			var said struct{ Code, Error, Message string }
			if json.Unmarshal(r.Body, &said) == nil {
				require.Equal(t, said.Code+said.Error, refusal.Code)
				require.Equal(t, said.Message, refusal.Message)
			}
			require.Equal(t, r.Status == 401 || r.Status == 403, insforge.IsPermission(err))
			require.Equal(t, r.Status == 404 || strings.Contains(body, "contains 0 rows"), insforge.IsNotFound(err))
			require.Equal(t, said.Code == "23505", insforge.IsUniqueViolation(err))
			require.Equal(t, said.Code == "23503", insforge.IsForeignKeyViolation(err))
			require.Equal(t, said.Code == "23514", insforge.IsCheckViolation(err))
		})
	}
}
