//go:build linux

// Server compares the embedded server with the genuine PostgREST on the same
// machine, with a million reminders in each: how long they take to start, how
// many requests they answer a second over 16 connections, how much memory the
// embedded one needs. Both keep what they acknowledge: PostgreSQL runs with its
// own defaults, fsync on, the embedded server with a file.
//
//	POSTGREST_BIN=/path/to/postgrest go run ./examples/compare/server [-rows 1000000] [-rounds 3] [-time 2s]
//
// Without PostgREST and PostgreSQL it measures the embedded server alone. The
// load comes from the same machine, so it takes its share of the processors; the
// table says which ("load each"), beside the processor time a request takes the
// servers ("CPU each"). On a machine that is busy otherwise, those say more than
// the requests per second.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	// The servers end with the thread that started them, so it must be ours to the end.
	runtime.LockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

type settings struct {
	rows, due, connections, rounds int
	time                           time.Duration
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var set settings
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&set.rows, "rows", 1_000_000, "reminders in the table")
	flags.IntVar(&set.due, "due", 1000, "how many of them are due")
	flags.IntVar(&set.connections, "connections", 16, "connections that ask at the same time")
	flags.IntVar(&set.rounds, "rounds", 3, "how often each measurement is repeated; the median counts")
	flags.DurationVar(&set.time, "time", 2*time.Second, "how long one measurement lasts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if set.due < 1 || set.rows < set.due || set.connections < 1 || set.rounds < 1 || set.time <= 0 {
		return errors.New("all settings must be positive, and no more rows due than there are")
	}
	dir, err := os.MkdirTemp("/tmp", "compare-server-") // PostgreSQL's user must get there
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of no use to anybody
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	b := &bench{settings: set, dir: dir, stdout: stdout, stderr: stderr}
	defer b.stopAll()
	return b.run(ctx)
}

// A bench owns the servers it compares.
type bench struct {
	settings
	dir            string
	stdout, stderr io.Writer
	started        []*exec.Cmd
}

func (b *bench) progress(format string, args ...any) { fmt.Fprintf(b.stderr, format+"\n", args...) }

func (b *bench) run(ctx context.Context) error {
	facts, err := b.embeddedAlone(ctx)
	if err != nil {
		return err
	}
	embedded, err := b.startEmbedded(ctx, filepath.Join(b.dir, "bench.db"))
	if err != nil {
		return err
	}
	facts = append(facts, fact{fmt.Sprintf("start, %d rows in the file", b.rows), embedded.took.Round(time.Millisecond).String(), ""})
	servers := []*server{embedded}
	genuine, missing, err := b.startGenuine(ctx)
	if err != nil {
		return err
	}
	if genuine != nil {
		servers = append(servers, genuine)
	}
	results, err := b.measureAll(ctx, servers)
	if err != nil {
		return err
	}
	facts = append(facts, fact{"memory with a file, after the load", embedded.memory(), "at most 1 GB"})
	b.print(results, facts, missing)
	return nil
}

// fact is one figure of the embedded server.
type fact struct{ what, value, wanted string }

// embeddedAlone measures what PostgREST has no counterpart for, and leaves a
// file with all rows.
func (b *bench) embeddedAlone(ctx context.Context) ([]fact, error) {
	b.progress("building mockpostgrest")
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(b.dir, "mockpostgrest"), "github.com/followthrough-go/followthrough/examples/mockpostgrest")
	build.Stderr = b.stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building mockpostgrest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "tables.json"), []byte(tables), 0o600); err != nil {
		return nil, err
	}
	var starts []time.Duration
	for range 5 {
		s, err := b.startEmbedded(ctx, "")
		if err != nil {
			return nil, err
		}
		starts = append(starts, s.took)
		if err := s.stop(); err != nil {
			return nil, err
		}
	}
	facts := []fact{{"start, empty", median(starts).Round(100 * time.Microsecond).String(), "under 50ms"}}
	for _, path := range []string{"", filepath.Join(b.dir, "bench.db")} {
		where := "in memory"
		if path != "" {
			where = "in a file"
		}
		b.progress("writing %d rows %s", b.rows, where)
		s, err := b.startEmbedded(ctx, path)
		if err != nil {
			return nil, err
		}
		begun := time.Now()
		if err := b.fill(ctx, s); err != nil {
			return nil, err
		}
		facts = append(facts,
			fact{fmt.Sprintf("writing %d rows %s, 5000 at a time", b.rows, where), time.Since(begun).Round(100 * time.Millisecond).String(), ""},
			fact{"memory after that", s.memory(), "at most 1 GB"})
		if err := s.stop(); err != nil {
			return nil, err
		}
	}
	perRow, allocations := evaluate()
	return append(facts, fact{"a filter of two conditions", fmt.Sprintf("%.0f ns a row, %d allocations", perRow, allocations), "at most 200 ns, 0"}), nil
}

// An operation is one kind of request.
type operation struct {
	name   string
	wanted float64 // times what PostgREST does
	ask    func(q *question, n uint64)
}

func (b *bench) operations() []operation {
	const (
		host    = " HTTP/1.1\r\nHost: localhost\r\n"
		listing = "GET /reminders?due_at=lte.2027-01-01T00:00:00Z&status=in.(pending,sent,snoozed)&order=due_at.asc,id.asc&limit=50" + host + "\r\n"
	)
	key := func(n uint64) uint64 { return 1 + n*2654435761%uint64(b.rows) }
	return []operation{
		{"GET by key", 10, func(q *question, n uint64) {
			q.request = append(strconv.AppendUint(append(q.request[:0], "GET /reminders?id=eq."...), key(n), 10), host+"\r\n"...)
			q.answer = append(strconv.AppendUint(append(q.answer[:0], `[{"id":`...), key(n), 10), ',')
		}},
		{fmt.Sprintf("GET 50 of %d due", b.due), 10, func(q *question, _ uint64) {
			q.request, q.answer = append(q.request[:0], listing...), append(q.answer[:0], `[{"id":1,`...)
		}},
		{"PATCH by key, durable", 2, func(q *question, n uint64) {
			q.request = append(strconv.AppendUint(append(q.request[:0], "PATCH /reminders?id=eq."...), key(n), 10), host+"Content-Type: application/json\r\nContent-Length: 20\r\n\r\n"...)
			q.request = append(append(q.request, `{"reminder_count":`...), '0'+byte(n%5), '}')
			q.answer = q.answer[:0]
		}},
	}
}

type result struct {
	operation
	by [2][]measurement // embedded, genuine
}

// measureAll interleaves the servers, so that what else happens on the machine
// concerns both.
func (b *bench) measureAll(ctx context.Context, servers []*server) ([]result, error) {
	var results []result
	for _, op := range b.operations() {
		r := result{operation: op}
		for round := range b.rounds {
			for i, s := range servers {
				b.progress("%s, %s, round %d", op.name, s.name, round+1)
				m, err := load(ctx, s, op.ask, b.connections, b.time)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", op.name, s.name, err)
				}
				r.by[i] = append(r.by[i], m)
			}
		}
		results = append(results, r)
	}
	return results, nil
}

func (b *bench) print(results []result, facts []fact, missing string) {
	w := tabwriter.NewWriter(b.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d rows, %d connections, %d processors\tembedded\tp50\tp99\tCPU each\tload each\tPostgREST\tp50\tp99\tCPU each\tload each\ttimes\twanted\n", b.rows, b.connections, runtime.NumCPU())
	for _, r := range results {
		ours := middle(r.by[0])
		fmt.Fprintf(w, "%s\t%.0f/s\t%v\t%v\t%v\t%v", r.name, ours.rate, ours.p50, ours.p99, ours.busy, ours.asking)
		if len(r.by[1]) == 0 {
			fmt.Fprintf(w, "\t-\t-\t-\t-\t-\t-\t%.0f\n", r.wanted)
			continue
		}
		theirs := middle(r.by[1])
		fmt.Fprintf(w, "\t%.0f/s\t%v\t%v\t%v\t%v\t%.1f\t%.0f\n", theirs.rate, theirs.p50, theirs.p99, theirs.busy, theirs.asking, ours.rate/theirs.rate, r.wanted)
	}
	_ = w.Flush() // as good as it goes
	fmt.Fprintln(b.stdout)
	w = tabwriter.NewWriter(b.stdout, 0, 0, 2, ' ', 0)
	for _, f := range facts {
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.what, f.value, f.wanted)
	}
	_ = w.Flush()
	if missing != "" {
		fmt.Fprintln(b.stdout, "\nPostgREST was not measured:", missing)
	}
}

// middle is the measurement with the median rate.
func middle(all []measurement) measurement {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b measurement) int { return cmp.Compare(a.rate, b.rate) })
	return sorted[len(sorted)/2]
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
