package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
)

// score counts the answers of a category: the ones that are the label itself,
// the ones that are that or another accepted one, and all.
type score struct{ first, accepted, all int }

func (s *score) count(first, accepted bool) {
	s.all++
	if first {
		s.first++
	}
	if accepted {
		s.accepted++
	}
}

// report prints how planparse does on every category, other languages
// included, and lists each answer that is not the label itself. Here a
// relative timing has to name what it is relative to, and a refusal its
// reason.
func report(out io.Writer, labels []label) error {
	categories := map[string]*score{}
	var english, foreign score
	var misses []string
	for _, l := range labels {
		t, err := planparse.ParseTiming(l.Text, base)
		first := l.is(l.Expected, t, err)
		accepted := first
		for _, alt := range l.Alt {
			accepted = accepted || l.is(alt, t, err)
		}
		name, group := l.Category, &english
		if l.Lang != "" {
			name, group = name+" "+l.Lang, &foreign
		}
		if categories[name] == nil {
			categories[name] = &score{}
		}
		categories[name].count(first, accepted)
		group.count(first, accepted)
		if !first {
			misses = append(misses, l.miss(t, err, accepted))
		}
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "category\tright\taccepted\tof")
	for _, name := range slices.Sorted(maps.Keys(categories)) {
		c := categories[name]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\n", name, c.first, c.accepted, c.all)
	}
	fmt.Fprintf(table, "English\t%d\t%d\t%d\n", english.first, english.accepted, english.all)
	fmt.Fprintf(table, "other languages\t%d\t%d\t%d\n", foreign.first, foreign.accepted, foreign.all)
	if err := table.Flush(); err != nil {
		return err
	}
	for _, miss := range misses {
		fmt.Fprintln(out, miss)
	}
	return nil
}

// is reports whether an answer is the one wanted.
func (l label) is(want []byte, t planparse.Timing, err error) bool {
	var refused *planparse.TimingError
	switch {
	case errors.As(err, &refused):
		return string(want) == `"unparseable"` && (l.Reason == "" || l.Reason == string(refused.Reason))
	case string(want) == `"relative-to-previous"`:
		return t.RelativeTo.String() == l.RelTo && math.Abs(t.OffsetDays-l.RelDays) <= 1./24
	}
	days, perr := strconv.ParseFloat(string(want), 64)
	if perr != nil || t.RelativeTo.Kind != planparse.ToBase {
		return false
	}
	expected := base.Add(time.Duration(days * 24 * float64(time.Hour)))
	if l.Grain == "hour" {
		return math.Abs(t.Due.Sub(expected).Hours()) <= 1
	}
	return t.Due.UTC().Format(time.DateOnly) == expected.Format(time.DateOnly)
}

// miss tells of an answer that is not the label.
func (l label) miss(t planparse.Timing, err error, accepted bool) string {
	verdict := "WRONG"
	if accepted {
		verdict = "accepted"
	}
	got := fmt.Sprintf("%v %v", t.OffsetDays, t.RelativeTo)
	var refused *planparse.TimingError
	if errors.As(err, &refused) {
		got = string(refused.Reason)
	}
	want := string(l.Expected) + " " + l.Reason + l.RelTo
	return fmt.Sprintf("%s %s %q: %s, want %s", l.ID, verdict, l.Text, got, want)
}
