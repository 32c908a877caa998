package planparse

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// variant is a line of testdata/variants.txt.
type variant struct {
	category, text, want string
}

func readVariants(t testing.TB) []variant {
	t.Helper()
	file, err := os.ReadFile("testdata/variants.txt")
	require.NoError(t, err)
	var out []variant
	category := ""
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "= "); ok {
			category = name
			continue
		}
		i := strings.LastIndex(line, "-> ")
		if i < 0 || category == "" {
			continue
		}
		out = append(out, variant{category, strings.TrimSuffix(line[:i], " "), line[i+3:]})
	}
	return out
}

// check compares an answer with what a variant says.
func (v variant) check(got Timing, err error) error {
	var refused *TimingError
	if errors.As(err, &refused) {
		if v.want != "!"+string(refused.Reason) {
			return fmt.Errorf("%q: %s, want %s", v.text, refused.Reason, v.want)
		}
		return nil
	}
	ref, number, relative := strings.Cut(v.want, " ")
	if !relative {
		ref, number = "", v.want
	}
	if ref == "prev" {
		ref = "previous"
	}
	days, perr := strconv.ParseFloat(number, 64)
	if perr != nil || got.RelativeTo.String() != ref {
		return fmt.Errorf("%q: %v %v, want %s", v.text, got.OffsetDays, got.RelativeTo, v.want)
	}
	if days != math.Trunc(days) || relative {
		if math.Abs(got.OffsetDays-days) > 1./24 {
			return fmt.Errorf("%q: %v, want %s", v.text, got.OffsetDays, v.want)
		}
		return nil
	}
	date := func(d float64) string {
		return labelBase.Add(time.Duration(d * 24 * float64(time.Hour))).Format(time.DateOnly)
	}
	if date(got.OffsetDays) != date(days) {
		return fmt.Errorf("%q: %v, want %s", v.text, got.OffsetDays, v.want)
	}
	return nil
}

func TestParseTimingVariants(t *testing.T) {
	t.Parallel()
	for _, v := range readVariants(t) {
		got, err := ParseTiming(v.text, labelBase)
		if problem := v.check(got, err); problem != nil {
			t.Errorf("%s: %v", v.category, problem)
		}
	}
}
