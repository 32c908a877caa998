package insforge_test

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
)

// TestRowsInConstantMemory streams far more than it may keep. It is not
// parallel, since it looks at the memory of the whole process.
func TestRowsInConstantMemory(t *testing.T) {
	rows, limit := 1_000_000, 32<<20
	if testing.Short() {
		rows = 100_000
	}
	name := `,"name":"` + strings.Repeat("x", 40) + `"}`
	server := roundTrip(func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		size, _ := strconv.Atoi(q.Get("limit"))
		offset, _ := strconv.Atoi(q.Get("offset"))
		from, _ := strconv.Atoi(lowestID(q))
		var b strings.Builder
		b.WriteByte('[')
		for id := from + offset; id < min(from+offset+size, rows) && q.Get("id") != "is.null"; id++ {
			if b.Len() > 1 {
				b.WriteByte(',')
			}
			b.WriteString(`{"id":` + strconv.Itoa(id) + name)
		}
		b.WriteByte(']')
		return reply(r, 200, b.String()), nil
	})
	c, err := insforge.New("http://db.example", insforge.WithHTTPClient(&http.Client{Transport: server}))
	require.NoError(t, err)
	var seen int64
	var most uint64
	for row, err := range insforge.Rows[lead](t.Context(), c.From("leads").Order("id")) {
		require.NoError(t, err)
		if row.ID != seen { // not require: a million times
			t.Fatalf("row %d has the id %d", seen, row.ID)
		}
		if seen++; seen%20_000 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
	require.EqualValues(t, rows, seen)
	require.Less(t, most, uint64(limit))
}
