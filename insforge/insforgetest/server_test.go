package insforgetest_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/insforge/insforgetest"
)

const leadTables = `{"leads":{"columns":[{"name":"id","type":"bigint","primary_key":true,"generated":"identity"},
	{"name":"name","type":"text","not_null":true}],"unique":[["name"]]}}`

type lead struct {
	ID   int64  `json:"id,omitempty"`
	Name string `json:"name"`
}

func post(t *testing.T, srv *insforgetest.Server, name string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/leads", strings.NewReader(`{"name":"`+name+`"}`))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	return http.DefaultTransport.RoundTrip(req)
}

// names are what the table holds, whatever the faults.
func names(t *testing.T, srv *insforgetest.Server) []string {
	t.Helper()
	srv.Heal()
	rows, err := insforge.All[lead](t.Context(), srv.Client().From("leads").Order("id.asc"))
	require.NoError(t, err)
	var out []string
	for _, r := range rows {
		out = append(out, r.Name)
	}
	return out
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		fault     insforgetest.Fault
		status    int // 0: the connection broke
		committed bool
	}{
		{"a response lost after the commit", insforgetest.Fault{DropResponse: true}, 0, true},
		{"a connection cut before the request is read", insforgetest.Fault{CutConnection: true}, 0, false},
		{"a gateway's page", insforgetest.BadGateway(), http.StatusBadGateway, false},
		{"a gateway that gave up too early", insforgetest.Fault{Status: http.StatusGatewayTimeout, AfterCommit: true}, http.StatusGatewayTimeout, true},
		{"a rate limit", insforgetest.TooManyRequests(1500 * time.Millisecond), http.StatusTooManyRequests, false},
		{"a deadlock", insforgetest.Deadlock(), http.StatusInternalServerError, false},
		{"a database that is away", insforgetest.NoConnection(), http.StatusServiceUnavailable, false},
		{"only a delay", insforgetest.Fault{Delay: time.Millisecond}, http.StatusCreated, true},
		{"somebody else's", insforgetest.Fault{Method: http.MethodPatch, CutConnection: true}, http.StatusCreated, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := insforgetest.New(t, []byte(leadTables))
			srv.Fault(tt.fault)
			res, err := post(t, srv, "Ann")
			if tt.status == 0 {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				require.Equal(t, tt.status, res.StatusCode)
				require.NoError(t, res.Body.Close())
			}
			require.Equal(t, tt.committed, len(names(t, srv)) == 1)
		})
	}
}

func TestTruncatedBody(t *testing.T) {
	t.Parallel()
	srv := insforgetest.New(t, []byte(leadTables), insforgetest.WithRows("leads", []lead{{Name: "Ann"}, {Name: "Bob"}}))
	srv.Fault(insforgetest.Fault{Method: http.MethodGet, TruncateBody: true, Times: 1})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/leads", nil)
	require.NoError(t, err)
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	_, err = io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, res.Body.Close())
	require.Equal(t, []string{"Ann", "Bob"}, names(t, srv))
}

func TestFaultsEndAfterTheirTimes(t *testing.T) {
	t.Parallel()
	srv := insforgetest.New(t, []byte(leadTables))
	first := insforgetest.BadGateway()
	first.Times = 1
	srv.Fault(first)
	remove := srv.Fault(insforgetest.NoConnection())
	status := func(name string) int {
		res, err := post(t, srv, name)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	require.Equal(t, http.StatusBadGateway, status("a"), "the oldest fault applies")
	require.Equal(t, http.StatusServiceUnavailable, status("b"))
	require.Equal(t, http.StatusServiceUnavailable, status("c"), "no limit")
	remove()
	require.Equal(t, http.StatusCreated, status("d"))
	log := srv.Requests(insforgetest.Method(http.MethodPost), insforgetest.Table("leads"))
	require.Len(t, log, 4)
	require.Equal(t, []bool{true, true, true, false}, []bool{log[0].Faulted, log[1].Faulted, log[2].Faulted, log[3].Faulted})
	require.Equal(t, `{"name":"d"}`, string(log[3].Body))
	require.Equal(t, http.StatusCreated, log[3].Status)
	srv.ForgetRequests()
	require.Empty(t, srv.Requests())
}

func TestDelayEndsWithTheClient(t *testing.T) {
	t.Parallel()
	srv := insforgetest.New(t, []byte(leadTables))
	srv.Fault(insforgetest.Fault{Delay: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/leads", nil)
	require.NoError(t, err)
	_, err = http.DefaultTransport.RoundTrip(req)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestClientOfEitherDialect(t *testing.T) {
	t.Parallel()
	for _, dialect := range []embedded.Dialect{embedded.PostgREST, embedded.InsForge} {
		srv := insforgetest.New(t, []byte(leadTables), insforgetest.WithDialect(dialect), insforgetest.WithAPIKey("ik_secret"),
			insforgetest.WithRows("leads", []lead{{Name: "Ann"}}))
		leads := srv.Client().From("leads")
		added, err := insforge.Insert[lead](t.Context(), leads, lead{Name: "Bob"})
		require.NoError(t, err, dialect)
		require.Equal(t, []lead{{ID: 2, Name: "Bob"}}, added)
		_, err = leads.Insert(t.Context(), lead{Name: "Ann"})
		require.True(t, insforge.IsUniqueViolation(err), "%v", err)
		n, err := insforge.Count(t.Context(), leads)
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		_, err = insforge.Count(t.Context(), srv.Client(insforge.WithAPIKey("ik_wrong")).From("leads"))
		require.Error(t, err, "another key is refused")
		require.NotEmpty(t, srv.Requests(insforgetest.Table("leads"), insforgetest.Method(http.MethodPost)))
	}
}
