// Client compares the insforge client with what people use in its place:
// reading 50 rows from a server on this machine into structs, building a query
// of ten filters, the connections that bursts of calls open, and the memory that
// a million rows take. It is a module of its own, so that nobody who imports
// Followthrough gets the peers along.
//
//	go run . [-rounds 201] [-time 8ms]
//
// The contestants take turns in short rounds. Their fastest rounds tell what they
// cost where nothing else runs; the medians, each compared with the first
// contestant in the same round, what to expect on a machine that is busy.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	experiment "github.com/go-json-experiment/json"
	"github.com/go-resty/resty/v2"
	goccy "github.com/goccy/go-json"
	segmentio "github.com/segmentio/encoding/json"
	"github.com/supabase-community/postgrest-go"

	"github.com/followthrough-go/followthrough/insforge"
)

// row has what rows have: keys, a time, text, a list and an object.
type row struct {
	ID       int64          `json:"id"`
	LeadID   int64          `json:"lead_id"`
	DueAt    time.Time      `json:"due_at"`
	Status   string         `json:"status"`
	Draft    string         `json:"draft_text"`
	Tags     []string       `json:"tags"`
	Metadata map[string]int `json:"metadata"`
}

const rows = 50

// body is what the server answers: 50 rows, about 12.5 kB.
func body() []byte {
	all := make([]row, rows)
	for i := range all {
		all[i] = row{
			ID: int64(i + 1), LeadID: int64(i * 7), DueAt: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), Status: "pending",
			Draft: strings.Repeat("Hello there. ", 8), Tags: []string{"a", "b"}, Metadata: map[string]int{"n": i},
		}
	}
	encoded, err := json.Marshal(all)
	if err != nil {
		panic(err) // of a literal
	}
	return encoded
}

// contestant reads the rows once.
type contestant struct {
	name string
	read func() ([]row, error)
}

func contestants(ctx context.Context, server string) ([]contestant, error) {
	plain := &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	byHand := func(unmarshal func([]byte, any) error) func() ([]row, error) {
		return func() ([]row, error) {
			response, err := plain.Get(server + "/reminders?limit=50")
			if err != nil {
				return nil, err
			}
			defer response.Body.Close()
			data, err := io.ReadAll(response.Body)
			if err != nil {
				return nil, err
			}
			var got []row
			return got, unmarshal(data, &got)
		}
	}
	ours := func(name string, options ...insforge.Option) (contestant, error) {
		client, err := insforge.New(server, append(options, insforge.WithDialect(insforge.PostgREST))...)
		if err != nil {
			return contestant{}, err
		}
		query := client.From("reminders").Limit(rows)
		return contestant{name, func() ([]row, error) { return insforge.All[row](ctx, query) }}, nil
	}
	list := []contestant{{baseline, byHand(json.Unmarshal)}}
	for _, one := range []struct {
		name    string
		options []insforge.Option
	}{
		{"insforge", nil},
		{"insforge, WithDecoder(encoding/json)", []insforge.Option{insforge.WithDecoder(json.Unmarshal)}},
		{"insforge, WithDecoder(go-json-experiment)", []insforge.Option{insforge.WithDecoder(func(b []byte, v any) error { return experiment.Unmarshal(b, v) })}},
		{"insforge, WithDecoder(segmentio)", []insforge.Option{insforge.WithDecoder(segmentio.Unmarshal)}},
		{"insforge, WithDecoder(goccy)", []insforge.Option{insforge.WithDecoder(func(b []byte, v any) error { return goccy.Unmarshal(b, v) })}},
	} {
		c, err := ours(one.name, one.options...)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	rest := resty.New()
	peer := postgrest.NewClient(server, "", nil)
	return append(list,
		contestant{"net/http, goccy", byHand(func(b []byte, v any) error { return goccy.Unmarshal(b, v) })},
		contestant{"resty SetResult", func() ([]row, error) {
			var got []row
			_, err := rest.R().SetResult(&got).Get(server + "/reminders?limit=50")
			return got, err
		}},
		contestant{"postgrest-go ExecuteTo", func() ([]row, error) {
			var got []row
			_, err := peer.From("reminders").Select("*", "", false).Limit(rows, "").ExecuteTo(&got)
			return got, err
		}},
	), nil
}

const baseline = "net/http, io.ReadAll, encoding/json"

func main() {
	rounds := flag.Int("rounds", 201, "how often each contestant is measured, in turn")
	each := flag.Duration("time", 8*time.Millisecond, "for how long each time")
	flag.Parse()
	if err := run(*rounds, *each); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func run(rounds int, each time.Duration) error {
	answer := body()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Range", fmt.Sprintf("0-%d/*", rows-1))
		_, _ = w.Write(answer)
	}))
	defer server.Close()
	all, err := contestants(context.Background(), server.URL)
	if err != nil {
		return err
	}
	var want []row
	if err := json.Unmarshal(answer, &want); err != nil {
		return err
	}
	for _, c := range all { // whoever reads something else is not compared
		got, err := c.read()
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if !slices.EqualFunc(got, want, same) {
			return fmt.Errorf("%s read other rows than were sent", c.name)
		}
	}
	fmt.Printf("GET %d rows, %.1f kB, into structs: %d rounds\n\n", rows, float64(len(answer))/1000, rounds)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "fastest, µs\tratio\tmedian ratio\tbytes\tallocations\t")
	measured := measure(all, rounds, each)
	for i, m := range measured {
		fmt.Fprintf(table, "%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t  %s\n", m.ns/1000, m.ns/measured[0].ns, m.time, m.bytes, m.allocs, all[i].name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, part := range []func(io.Writer) error{building, bursts, streaming} {
		fmt.Println()
		if err := part(os.Stdout); err != nil {
			return err
		}
	}
	return nil
}

func same(a, b row) bool {
	return a.ID == b.ID && a.LeadID == b.LeadID && a.DueAt.Equal(b.DueAt) && a.Status == b.Status && a.Draft == b.Draft &&
		slices.Equal(a.Tags, b.Tags) && maps.Equal(a.Metadata, b.Metadata)
}

// measurement is what one reading takes: nanoseconds, and of time, bytes and
// allocations what part that is of what the first contestant takes.
type measurement struct{ ns, time, bytes, allocs float64 }

// measure takes the contestants in turn. It returns the fewest nanoseconds and
// the medians of the rest.
func measure(all []contestant, rounds int, each time.Duration) []measurement {
	results := make([][]measurement, len(all))
	for range rounds {
		var base measurement
		for i, c := range all {
			m := once(c, each)
			if i == 0 {
				base = m
			}
			results[i] = append(results[i], measurement{m.ns, m.ns / base.ns, m.bytes / base.bytes, m.allocs / base.allocs})
		}
	}
	medians := make([]measurement, len(all))
	for i, rs := range results {
		sorted := func(of func(measurement) float64) []measurement {
			return slices.SortedFunc(slices.Values(rs), func(a, b measurement) int { return cmp.Compare(of(a), of(b)) })
		}
		median := func(of func(measurement) float64) float64 { return of(sorted(of)[len(rs)/2]) }
		medians[i] = measurement{
			sorted(func(m measurement) float64 { return m.ns })[0].ns,
			median(func(m measurement) float64 { return m.time }),
			median(func(m measurement) float64 { return m.bytes }),
			median(func(m measurement) float64 { return m.allocs }),
		}
	}
	return medians
}

// once reads for a while. What the server allocates for an answer, the same for
// everybody, is counted with it.
func once(c contestant, each time.Duration) measurement {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start, n := time.Now(), 0
	for time.Since(start) < each {
		if _, err := c.read(); err != nil {
			panic(err) // it has read the rows before
		}
		n++
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	count := float64(n)
	return measurement{float64(took) / count, 0, float64(after.TotalAlloc-before.TotalAlloc) / count, float64(after.Mallocs-before.Mallocs) / count}
}
