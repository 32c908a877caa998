// Planpreview shows when the steps of an engagement plan come due. It reads
// whatever a language model answered, from a file or from standard input, and
// prints a calendar, JSON, or an iCalendar file.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // -tz works on machines that have no zone files

	"github.com/followthrough-go/followthrough/planparse"
)

const usage = `Planpreview shows when the steps of an engagement plan come due.

Usage:

	planpreview [flags] [FILE]

It reads a plan as a language model wrote it, prose, code fences and all, from
FILE or from standard input, and prints its calendar: when each step is due,
which field says so, and what had to be mended or left out. On a terminal,
paste the answer and end it with Ctrl-D.

	planpreview answer.txt
	planpreview -base 2026-03-04T10:00:00Z -tz Europe/Berlin answer.txt
	planpreview -json answer.txt | jq -r '.steps[].due_at'
	planpreview -ics answer.txt > plan.ics
	echo "3 days after step 2" | planpreview -timing

A step is due delay_days after the start where that can be used, else when its
timing says, else three days for every step so far. "Day N" is N days after the
start, weeks begin on Monday, months have 30 days, and of a range the lower
bound counts. What names no date is never taken for "now".

The outcome of a plan is ok, repaired (it was not valid JSON, and nothing is
missing), partial (steps are missing) or error (there is no plan). With -timing
a line that names no date is answered with the reason: no_timing, event, past,
recurring, placeholder, calendar_quarter, out_of_range, bad_date, empty or
part_of_day_only.

The exit status is 0 when a schedule or any JSON was printed, 1 when there was
nothing to show or to read, 2 for flags that make no sense. NO_COLOR turns the
colours of the table off.

Flags:

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A read from a terminal cannot be interrupted, so the work is left behind
	// when the signal comes: nothing is half written, output is buffered.
	done := make(chan int, 1)
	go func() { done <- run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr) }()
	status := 0
	select {
	case status = <-done:
	case <-ctx.Done():
	}
	stop()
	os.Exit(status)
}

// settings are the flags of one run.
type settings struct {
	base   time.Time
	json   bool
	timing bool
	ics    bool
	file   string
}

// run is the program without its process. The status is 0 whenever it could
// do what was asked, an answer of "no plan here" included; 1 where the input
// could not be read; 2 for flags it does not understand.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s, err := parseFlags(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "planpreview: %v\nRun planpreview -help for its flags.\n", err)
		return 2
	}
	in := stdin
	if s.file != "" {
		f, err := os.Open(s.file)
		if err != nil {
			fmt.Fprintf(stderr, "planpreview: %v\n", err)
			return 1
		}
		defer f.Close()
		in = f
	}
	if s.file == "" && isTerminal(stdin) {
		fmt.Fprintln(stderr, "Paste the text, then press Ctrl-D on a line of its own.")
	}
	out := bufio.NewWriter(stdout)
	status, err := s.write(in, out, stderr, isTerminal(stdout) && wantsColour())
	if ferr := out.Flush(); err == nil {
		err = ferr
	}
	if err != nil && !errors.Is(err, syscall.EPIPE) {
		fmt.Fprintf(stderr, "planpreview: %v\n", err)
		return 1
	}
	return status
}

func parseFlags(args []string, help io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("planpreview", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	base := flags.String("base", "", "the moment the plan starts, as `RFC3339` (default now)")
	zone := flags.String("tz", "UTC", "the time `zone` the plan is in, such as Europe/Berlin")
	flags.BoolVar(&s.json, "json", false, "print the schedule as JSON")
	flags.BoolVar(&s.timing, "timing", false, "read one timing string a line, print one JSON object a line")
	flags.BoolVar(&s.ics, "ics", false, "print an iCalendar file")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(help, usage)
			flags.SetOutput(help)
			flags.PrintDefaults()
		}
		return s, err
	}
	if flags.NArg() > 1 {
		return s, fmt.Errorf("one FILE at most, not %q", flags.Args())
	}
	s.file = flags.Arg(0)
	if s.file == "-" {
		s.file = ""
	}
	if n := count(s.json, s.timing, s.ics); n > 1 && !(n == 2 && s.json && s.timing) {
		return s, errors.New("-json, -timing and -ics exclude each other")
	}
	loc, err := time.LoadLocation(*zone)
	if err != nil || *zone == "" || *zone == "Local" {
		return s, fmt.Errorf("-tz: %q is no time zone; give a name such as UTC or America/New_York", *zone)
	}
	s.base = time.Now().In(loc).Truncate(time.Second)
	if *base != "" {
		at, err := time.Parse(time.RFC3339, *base)
		if err != nil {
			return s, fmt.Errorf("-base: %q is not RFC 3339, such as 2026-03-04T10:00:00Z", *base)
		}
		s.base = at.In(loc)
	}
	return s, nil
}

func count(flags ...bool) int {
	n := 0
	for _, set := range flags {
		if set {
			n++
		}
	}
	return n
}

// write does the work for settings that make sense.
func (s settings) write(in io.Reader, out *bufio.Writer, stderr io.Writer, terminal bool) (int, error) {
	if s.timing {
		return 0, writeTimings(in, out, s.base)
	}
	// One byte over the limit is enough to know.
	text, err := io.ReadAll(io.LimitReader(in, planparse.MaxInput+1))
	if err != nil {
		return 1, err
	}
	plan, perr := planparse.Parse(string(text))
	if s.json {
		if perr != nil {
			fmt.Fprintln(stderr, perr)
		}
		return 0, writeJSON(out, plan, s.base)
	}
	if perr != nil {
		return 1, perr
	}
	if s.ics {
		return 0, writeCalendar(out, plan, s.base)
	}
	return 0, writeTable(out, plan, s.base, terminal)
}

// wantsColour reports whether the user minds colours, or the terminal does.
func wantsColour() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// isTerminal reports whether a person sits at an end of the program.
func isTerminal(end any) bool {
	f, ok := end.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	null, nerr := os.Stat(os.DevNull)
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && (nerr != nil || !os.SameFile(info, null))
}
