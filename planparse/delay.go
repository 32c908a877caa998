package planparse

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// readDelay reads the value of delay_days. It answers whether the value can
// be used and what is to be said of it; an unusable one never means zero.
func readDelay(raw []byte, base time.Time, r *rules) (t Timing, ok bool, ws []Warning) {
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		return Timing{}, false, nil
	}
	if isNumber(text) {
		return delayNumber(text, base, r, nil)
	}
	inner, isText := unquote([]byte(text))
	if !isText {
		return Timing{}, false, []Warning{WarnDelayInvalid}
	}
	inner = strings.TrimSpace(inner)
	if plain := strings.TrimPrefix(inner, "+"); isDecimal(plain) {
		return delayNumber(plain, base, r, []Warning{WarnDelayString})
	}
	t, err := parseTiming(inner, base, r)
	if err == nil {
		return t, true, []Warning{WarnDelayString}
	}
	r.unread(err)
	w := WarnDelayInvalid
	switch err.(*TimingError).Reason {
	case ReasonOutOfRange:
		w = WarnDelayOutOfRange
	case ReasonPast:
		w = WarnDelayNegative
	}
	return Timing{}, false, []Warning{w}
}

// isDecimal reports whether a text is digits with at most one point.
func isDecimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, frac, point := strings.Cut(s, ".")
	return whole != "" && onlyDigits(whole) && (!point || frac != "" && onlyDigits(frac))
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// delayNumber reads a number of days. The limits are checked on the number,
// which may be anything up to 1e400 and beyond.
func delayNumber(text string, base time.Time, r *rules, ws []Warning) (Timing, bool, []Warning) {
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case n < 0:
		return Timing{}, false, []Warning{WarnDelayNegative}
	case err != nil || n > MaxDays || math.IsNaN(n):
		return Timing{}, false, []Warning{WarnDelayOutOfRange}
	}
	m := blank()
	m.days = int(n)
	if n != math.Trunc(n) {
		ws = append(ws, WarnDelayFractional)
		m.days, m.exact = 0, time.Duration(n*float64(24*time.Hour))
	}
	t := Timing{Matched: text, meaning: m}
	t.Due, t.OffsetDays = m.from(base, r)
	if m.exact != 0 {
		t.OffsetDays = n
	}
	return t, true, ws
}
