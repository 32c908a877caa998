// Scheduler measures the scheduler over a genuine PostgREST, beside River on
// the same PostgreSQL. River is a job queue that talks SQL; of it, jobs that do
// nothing are asked, of ours reminders whose sender does nothing. It is a
// module of its own, so that nobody who imports Followthrough gets the peer
// along.
//
//	POSTGREST_BIN=/path/to/postgrest go run . [-due 20000] [-rounds 5] [-stored 1000000]
//
// It needs PostgreSQL's programs besides, and Linux for the service's memory.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	due := flag.Int("due", 20_000, "reminders and jobs to work off")
	rounds := flag.Int("rounds", 5, "how often, in turn")
	stored := flag.Int("stored", 1_000_000, "reminders among which a cycle finds 1,000 that are due")
	lateness := flag.Duration("lateness", 20*time.Second, "for how long lateness is measured")
	idle := flag.Duration("idle", 10*time.Second, "how long the service is idle before its memory is looked at")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *due, *rounds, *stored, *lateness, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "scheduler:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, due, rounds, stored int, span, idle time.Duration) (err error) {
	e := &engine{}
	defer e.close()
	defer func() {
		if cause := recover(); cause != nil {
			failed, ok := cause.(failure)
			if !ok {
				panic(cause)
			}
			err = errors.Join(failed.error, ctx.Err())
		}
	}()
	e.start(ctx)
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	defer table.Flush()
	row := func(what, value, note string) {
		fmt.Fprintf(table, "%s\t%s\t%s\n", what, value, note)
		_ = table.Flush()
	}

	requests, claims := e.requestsOf(1000)
	row("PostgREST requests for 1,000 due reminders", fmt.Sprint(requests), fmt.Sprintf("claims of %v rows", claims))

	e.migrateRiver()
	var ours, tuned, standard, toTuned, toStandard []float64
	var ourEffort, tunedEffort effort
	for range rounds {
		a, ourOne := e.drain(due)
		b, tunedOne := e.river(riverTuned(), due)
		c, _ := e.river(riverDefault(), min(due, 5000))
		ours, tuned, standard = append(ours, a), append(tuned, b), append(standard, c)
		toTuned, toStandard = append(toTuned, a/b), append(toStandard, a/c)
		ourEffort, tunedEffort = least(ourEffort, ourOne), least(tunedEffort, tunedOne)
	}
	row("processor time of a reminder", us(ourEffort.total()), fmt.Sprintf("scheduler %s, PostgREST %s, PostgreSQL %s; of the round that took least", us(ourEffort.program), us(ourEffort.postgrest), us(ourEffort.postgres)))
	row("processor time of a job of River, as its own benchmark sets it", us(tunedEffort.total()), fmt.Sprintf("River %s, PostgreSQL %s; ours is %.2f times that", us(tunedEffort.program), us(tunedEffort.postgres), float64(ourEffort.total())/float64(tunedEffort.total())))
	row("reminders a second, over HTTP", fmt.Sprintf("%.0f", median(ours)), fmt.Sprintf("median of %d rounds, in turn with the next two", rounds))
	row("River, as its own benchmark sets it", fmt.Sprintf("%.0f jobs/s", median(tuned)), fmt.Sprintf("ours is %.2f times as fast (%.2f to %.2f)", median(toTuned), slices.Min(toTuned), slices.Max(toTuned)))
	row("River, with its default settings", fmt.Sprintf("%.0f jobs/s", median(standard)), fmt.Sprintf("ours is %.1f times as fast (%.1f to %.1f)", median(toStandard), slices.Min(toStandard), slices.Max(toStandard)))

	other := &engine{} // a database of its own, so that the two take turns
	defer other.close()
	other.start(ctx)
	few, many := e.crowd(0), other.crowd(stored-1000)
	var longer []float64
	for range 4 * rounds {
		longer = append(longer, few.cycle().Seconds())
		longer[len(longer)-1] = many.cycle().Seconds() / longer[len(longer)-1]
	}
	for _, c := range []*crowd{few, many} {
		row(fmt.Sprintf("a cycle of 1,000 due among %d", c.stored), median(c.took).Round(time.Millisecond).String(),
			fmt.Sprintf("median of %d, in turn; %s of processor time; %s", len(c.took), c.effort().Round(time.Millisecond), c.access))
	}
	row("the second beside the first", fmt.Sprintf("%.2f", median(longer)), fmt.Sprintf("median of each with the one before it; in processor time %.2f", float64(many.effort())/float64(few.effort())))

	ahead, behind := e.lateness(200, span)
	for _, one := range []struct {
		what string
		late []time.Duration
	}{{"lateness of what was planned", ahead}, {"lateness of rows that others insert when due", behind}} {
		row(one.what, percentile(one.late, 99).Round(time.Millisecond).String(),
			fmt.Sprintf("99th percentile; median %s, worst %s", percentile(one.late, 50).Round(time.Millisecond), one.late[len(one.late)-1].Round(time.Millisecond)))
	}
	row("memory of the idle service", fmt.Sprintf("%.1f MB", e.idleMemory(idle)), "resident")
	return nil
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// least is the smaller of two efforts; there is none at first.
func least(a, b effort) effort {
	if a.total() == 0 || b.total() < a.total() {
		return b
	}
	return a
}

func us(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }
