package planparse

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParseTiming reads every labelled string in turn; its time is the
// mean of one.
func BenchmarkParseTiming(b *testing.B) {
	lines := readLines[labelledTiming](b, "timing.jsonl")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _ = ParseTiming(lines[i%len(lines)].Text, labelBase)
	}
}

func BenchmarkParseTimingDayN(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = ParseTiming("Day 3", labelBase)
	}
}

func BenchmarkParse50Steps(b *testing.B) {
	text := fencedPlan(50)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseHostile reads what a careless parser takes quadratic time for.
func BenchmarkParseHostile(b *testing.B) {
	for name, text := range map[string]string{
		"brackets":  strings.Repeat("[", 50_000),
		"braces":    strings.Repeat("{", 50_000),
		"quotes":    strings.Repeat(`["`, 50_000),
		"objects":   strings.Repeat(`{"a":`, 40_000),
		"arrays":    strings.Repeat(`[{"a":`, 40_000),
		"one line":  "```;" + strings.Repeat(`"[`, 60_000),
		"encoded":   strings.Repeat(`{"a":"`, 40_000),
		"entities":  strings.Repeat(`&#34;{&#34;a&#34;:`, 14_000),
		"backticks": strings.Repeat("```[", 50_000),
		"fences":    strings.Repeat("```\n[\n```\n", 25_000),
		"broken":    strings.Repeat(`[{"step_id":1},{"step_id":2,@},`, 8_000),
		"digits":    `[{"timing": "` + strings.Repeat("1", 16_000) + `"}]`,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = Parse(text)
			}
		})
	}
}

// fencedPlan is a plan of n steps in a code fence with prose around it.
func fencedPlan(n int) string {
	var s strings.Builder
	s.WriteString("Sure, here is the plan:\n\n```json\n[\n")
	for i := range n {
		if i > 0 {
			s.WriteString(",\n")
		}
		fmt.Fprintf(&s, `  {"step_id": %d, "action_type": "linkedin_dm", "description": "Write to them about \"the pilot\"", "suggested_text": "Hello, it is day %d.", "timing": "Day %d", "delay_days": %d, "status": "pending", "completed_at": null}`, i+1, i, i, i)
	}
	s.WriteString("\n]\n```\nGood luck!")
	return s.String()
}
