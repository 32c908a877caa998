package planparse

import (
	"os"
	"strings"
	"testing"
)

func TestV2(t *testing.T) {
	b, _ := os.ReadFile("/tmp/v2.txt")
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		i := strings.LastIndex(line, "-> ")
		if i < 0 {
			continue
		}
		v := variant{"x", strings.TrimSuffix(line[:i], " "), line[i+3:]}
		got, err := ParseTiming(v.text, labelBase)
		if p := v.check(got, err); p != nil {
			t.Error(p)
		}
	}
}
