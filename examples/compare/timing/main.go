// Timing compares planparse with the date parsers people use in its place, on
// the labelled timing strings, in accuracy and in speed. It is a module of its
// own, so that nobody who imports Followthrough gets the peers along.
//
//	go run .            # the peers side by side
//	go run . -report    # planparse alone, category by category, misses listed
//
// Both take other labelled strings with -cases.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	dateparser "github.com/markusmobius/go-dateparser"
	"github.com/olebedev/when"
	"github.com/olebedev/when/rules/common"
	"github.com/olebedev/when/rules/en"
	naturaldate "github.com/tj/go-naturaldate"
)

// base is what the labels are counted from.
var base = time.Date(2026, time.March, 4, 10, 0, 0, 0, time.UTC)

// contestant answers with a date, or with false where it sees none.
type contestant struct {
	name  string
	parse func(text string) (time.Time, bool)
}

func contestants() []contestant {
	english := when.New(nil)
	english.Add(en.All...)
	english.Add(common.All...)
	future := &dateparser.Configuration{CurrentTime: base, PreferredDateSource: dateparser.Future}
	return []contestant{
		{"planparse", func(text string) (time.Time, bool) {
			t, err := planparse.ParseTiming(text, base)
			return t.Due, err == nil
		}},
		{"the original's regular expressions", regexes},
		{"olebedev/when", func(text string) (time.Time, bool) {
			r, err := english.Parse(text, base)
			if err != nil || r == nil {
				return time.Time{}, false
			}
			return r.Time, true
		}},
		{"tj/go-naturaldate", func(text string) (time.Time, bool) {
			t, err := naturaldate.Parse(text, base, naturaldate.WithDirection(naturaldate.Future))
			// It answers with the reference itself where it finds nothing.
			return t, err == nil && !t.Equal(base)
		}},
		{"markusmobius/go-dateparser", func(text string) (time.Time, bool) {
			d, err := dateparser.Parse(future, text)
			return d.Time, err == nil
		}},
	}
}

var (
	nowPattern   = regexp.MustCompile(`immediately|right away|now|day 0`)
	dayPattern   = regexp.MustCompile(`day\s*(\d+)(?:\s*-\s*\d+)?`)
	unitPatterns = []struct {
		pattern *regexp.Regexp
		days    int
	}{
		{regexp.MustCompile(`(\d+)\s*(?:days?|d)`), 1},
		{regexp.MustCompile(`(\d+)\s*(?:weeks?|w)`), 7},
		{regexp.MustCompile(`(\d+)\s*(?:months?|mo)`), 30},
	}
)

// regexes searches as the design before this one did: for a few words and
// numbers, anywhere, in this order.
func regexes(text string) (time.Time, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	if nowPattern.MatchString(text) {
		return base, true
	}
	if m := dayPattern.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		return base.AddDate(0, 0, n), err == nil
	}
	for _, u := range unitPatterns {
		if m := u.pattern.FindStringSubmatch(text); m != nil {
			n, err := strconv.Atoi(m[1])
			return base.AddDate(0, 0, n*u.days), err == nil
		}
	}
	return time.Time{}, false
}

// label is a labelled string.
type label struct {
	Text     string
	Expected json.RawMessage
	Alt      []json.RawMessage
	Grain    string
	RelDays  float64 `json:"rel_days"`
	Lang     string

	// What only the report looks at.
	ID, Category, Reason string
	RelTo                string `json:"rel_to"`
}

// right reports whether an answer is the expected one or an accepted other.
// Nobody is asked to say what a relative timing is counted from: the distance
// will do, counted from the base.
func (l label) right(due time.Time, found bool) bool {
	for _, want := range append([]json.RawMessage{l.Expected}, l.Alt...) {
		days, err := strconv.ParseFloat(string(want), 64)
		switch {
		case string(want) == `"unparseable"`:
			if !found {
				return true
			}
			continue
		case string(want) == `"relative-to-previous"`:
			days = l.RelDays
		case err != nil:
			continue
		}
		if !found {
			continue
		}
		expected := base.Add(time.Duration(days * 24 * float64(time.Hour)))
		if l.Grain == "hour" && math.Abs(due.Sub(expected).Hours()) <= 1 {
			return true
		}
		if l.Grain != "hour" && due.UTC().Format(time.DateOnly) == expected.Format(time.DateOnly) {
			return true
		}
	}
	return false
}

func main() {
	cases := flag.String("cases", "../../../planparse/testdata/timing.jsonl", "the labelled strings, one JSON object a line")
	alone := flag.Bool("report", false, "print how planparse does by category, with what it gets wrong")
	flag.Parse()
	if err := run(*cases, *alone); err != nil {
		fmt.Fprintln(os.Stderr, "timing:", err)
		os.Exit(1)
	}
}

func run(cases string, alone bool) error {
	labels, err := read(cases)
	if err != nil {
		return err
	}
	if alone {
		return report(os.Stdout, labels)
	}
	// The peers know other languages each in its own way, or none.
	labels = slices.DeleteFunc(labels, func(l label) bool { return l.Lang != "" })
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\tright\tof no date, given one\ttaken for now wrongly\tmean time\t")
	for _, c := range contestants() {
		var right, none, given, now int
		for _, l := range labels {
			due, found := c.parse(l.Text)
			ok := l.right(due, found)
			if ok {
				right++
			} else if found && due.Sub(base).Abs() < time.Hour {
				now++
			}
			if string(l.Expected) == `"unparseable"` {
				none++
				if found && !ok {
					given++
				}
			}
		}
		fmt.Fprintf(out, "%s\t%.1f %%\t%.1f %%\t%d\t%v\t\n", c.name,
			percent(right, len(labels)), percent(given, none), now, speed(c, labels))
	}
	return out.Flush()
}

// read takes the labels from a file.
func read(file string) ([]label, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var labels []label
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var l label
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, err
		}
		labels = append(labels, l)
	}
	if len(labels) == 0 {
		return nil, errors.New("no cases")
	}
	return labels, lines.Err()
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(of) }

// speed is the mean time of a string in the fastest of the passes that half a
// second has room for: what else the machine does slows down most of them, but
// hardly all.
func speed(c contestant, labels []label) time.Duration {
	best := time.Duration(math.MaxInt64)
	for start := time.Now(); time.Since(start) < 500*time.Millisecond; {
		pass := time.Now()
		for _, l := range labels {
			c.parse(l.Text)
		}
		best = min(best, time.Since(pass))
	}
	return (best / time.Duration(len(labels))).Round(time.Nanosecond)
}
