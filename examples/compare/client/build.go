package main

import (
	"fmt"
	"io"
	"net/url"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// building compares making the parameters of a query of ten filters with doing
// it by hand, without any of the quoting that a filter's value may need but with
// the escaping, which the client does when it sends the query.
func building(w io.Writer) error {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	fmt.Fprint(w, "building a query of ten filters: the fastest of 400 rounds\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "µs\tallocations\t")
	for _, one := range []struct {
		name  string
		build func() int
	}{
		{"insforge/filter", func() int {
			params, err := filter.Params(
				filter.Eq("a", 12345), filter.Neq("b", "text"), filter.Gt("c", 1.5), filter.Gte("d", at), filter.Lt("e", 7),
				filter.Lte("f", "z"), filter.IsNull("g"), filter.Like("h", "A*"), filter.Eq("i", true), filter.Match("j", "^x"),
			)
			if err != nil {
				panic(err) // of literals
			}
			return len(params)
		}},
		{"url.Values, fmt, Encode", func() int {
			v := url.Values{}
			v.Add("a", fmt.Sprintf("eq.%d", 12345))
			v.Add("b", fmt.Sprintf("neq.%s", "text"))
			v.Add("c", fmt.Sprintf("gt.%g", 1.5))
			v.Add("d", "gte."+at.UTC().Format(time.RFC3339Nano))
			v.Add("e", fmt.Sprintf("lt.%d", 7))
			v.Add("f", fmt.Sprintf("lte.%s", "z"))
			v.Add("g", "is.null")
			v.Add("h", fmt.Sprintf("like.%s", "A*"))
			v.Add("i", fmt.Sprintf("eq.%t", true))
			v.Add("j", fmt.Sprintf("match.%s", "^x"))
			return len(v.Encode())
		}},
	} {
		var best testing.BenchmarkResult
		for range 400 {
			result := timed(func() { one.build() })
			if best.N == 0 || result.NsPerOp() < best.NsPerOp() {
				best = result
			}
		}
		fmt.Fprintf(table, "%.1f\t%d\t  %s\n", float64(best.NsPerOp())/1000, best.AllocsPerOp(), one.name)
	}
	return table.Flush()
}

// timed is a short benchmark.
func timed(do func()) testing.BenchmarkResult {
	const n = 100
	allocs := testing.AllocsPerRun(n, do)
	start := time.Now()
	for range n {
		do()
	}
	return testing.BenchmarkResult{N: n, T: time.Since(start), MemAllocs: uint64(allocs * n)}
}
