package filter

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Intervals are held as PostgreSQL prints them: 1 year 2 mons -3 days 04:05:06.7.
// They are read as it reads them, from right to left, a number taking the unit
// that stands behind it.

const (
	microsPerMinute = 60 * microsPerSecond
	microsPerHour   = 60 * microsPerMinute
	monthsPerYear   = 12
	daysPerMonth    = 30
)

type interval struct {
	months, days, micros int64
}

// intervalUnit is what a number of an interval counts.
type intervalUnit int

const (
	noUnit intervalUnit = iota
	unitMicrosecond
	unitMillisecond
	unitSecond
	unitMinute
	unitHour
	unitDay
	unitWeek
	unitMonth
	unitYear
	unitDecade
	unitCentury
	unitMillennium
)

// intervalUnits are the words for units; PostgreSQL looks at ten letters.
var intervalUnits = map[string]intervalUnit{
	"us": unitMicrosecond, "usec": unitMicrosecond, "usecs": unitMicrosecond, "usecond": unitMicrosecond, "useconds": unitMicrosecond, "microsecon": unitMicrosecond,
	"ms": unitMillisecond, "msec": unitMillisecond, "msecs": unitMillisecond, "msecond": unitMillisecond, "mseconds": unitMillisecond, "millisecon": unitMillisecond,
	"s": unitSecond, "sec": unitSecond, "secs": unitSecond, "second": unitSecond, "seconds": unitSecond,
	"m": unitMinute, "min": unitMinute, "mins": unitMinute, "minute": unitMinute, "minutes": unitMinute,
	"h": unitHour, "hr": unitHour, "hrs": unitHour, "hour": unitHour, "hours": unitHour,
	"d": unitDay, "day": unitDay, "days": unitDay, "w": unitWeek, "week": unitWeek, "weeks": unitWeek,
	"mon": unitMonth, "mons": unitMonth, "month": unitMonth, "months": unitMonth,
	"y": unitYear, "yr": unitYear, "yrs": unitYear, "year": unitYear, "years": unitYear,
	"dec": unitDecade, "decs": unitDecade, "decade": unitDecade, "decades": unitDecade,
	"c": unitCentury, "cent": unitCentury, "century": unitCentury, "centuries": unitCentury,
	"mil": unitMillennium, "mils": unitMillennium, "millennia": unitMillennium, "millennium": unitMillennium,
}

// intervalFault is why a literal is no interval.
type intervalFault int

const (
	sound intervalFault = iota
	malformed
	overflown
)

func parseInterval(t Type, literal string) (Value, error) {
	v, fault := readInterval(literal)
	if fault == malformed {
		v, fault = readISOInterval(literal)
	}
	switch {
	case fault == malformed:
		return Value{}, timeSyntax(t, literal)
	case fault == sound && int64(int32(v.months)) != v.months && v.months/monthsPerYear <= math.MaxInt32:
		return Value{}, &SQLError{Code: "22008", Message: "interval out of range"}
	case fault == overflown || int64(int32(v.months)) != v.months || int64(int32(v.days)) != v.days:
		return Value{}, &SQLError{Code: "22015", Message: `interval field value out of range: "` + literal + `"`}
	}
	v.micros = t.roundMicros(v.micros)
	return text(string(appendInterval(nil, v))), nil
}

// roundMicros rounds to the type's number of fractional digits, half away from zero.
func (t Type) roundMicros(n int64) int64 {
	if !t.hasPrecision {
		return n
	}
	unit := int64(1)
	for range 6 - t.precision {
		unit *= 10
	}
	half := unit / 2
	if n < 0 {
		return (n - half) / unit * unit
	}
	return (n + half) / unit * unit
}

// add counts value.fraction units; parts of years and longer become months,
// parts of months and weeks days and microseconds. ok is false on overflow.
func (v *interval) add(unit intervalUnit, value int64, fraction float64) bool {
	switch unit {
	case unitMicrosecond, unitMillisecond, unitSecond, unitMinute, unitHour:
		scale := [...]int64{unitMicrosecond: 1, unitMillisecond: 1000, unitSecond: microsPerSecond, unitMinute: microsPerMinute, unitHour: microsPerHour}[unit]
		return addProduct(&v.micros, value, scale, math.MaxInt64) && v.addMicros(fraction, scale)
	case unitDay:
		return addProduct(&v.days, value, 1, math.MaxInt32) && v.addMicros(fraction, microsPerDay)
	case unitWeek:
		return addProduct(&v.days, value, 7, math.MaxInt32) && v.addDays(fraction, 7)
	case unitMonth:
		return addProduct(&v.months, value, 1, math.MaxInt32) && v.addDays(fraction, daysPerMonth)
	default:
		years := [...]int64{unitYear: 1, unitDecade: 10, unitCentury: 100, unitMillennium: 1000}[unit]
		return addProduct(&v.months, value, years*monthsPerYear, math.MaxInt64) &&
			addProduct(&v.months, int64(math.RoundToEven(fraction*float64(years)*monthsPerYear)), 1, math.MaxInt64)
	}
}

// addProduct adds value·scale unless the sum's magnitude passes limit.
func addProduct(to *int64, value, scale, limit int64) bool {
	high, low := bits.Mul64(uint64(max(value, -value)), uint64(scale))
	if value == math.MinInt64 || high != 0 || low > math.MaxInt64 {
		return false
	}
	product := int64(low)
	if value < 0 {
		product = -product
	}
	sum := *to + product
	if (product > 0) != (sum > *to) && product != 0 || sum > limit || sum < -limit-1 {
		return false
	}
	*to = sum
	return true
}

func (v *interval) addMicros(fraction float64, scale int64) bool {
	fraction *= float64(scale)
	whole := int64(fraction)
	switch rest := fraction - float64(whole); {
	case rest > 0.5:
		whole++
	case rest < -0.5:
		whole--
	}
	return addProduct(&v.micros, whole, 1, math.MaxInt64)
}

func (v *interval) addDays(fraction float64, scale float64) bool {
	fraction *= scale
	whole := int64(fraction)
	return addProduct(&v.days, whole, 1, math.MaxInt32) && v.addMicros(fraction-float64(whole), microsPerDay)
}

// readInterval reads the fields that a date is cut into as well, from the last to
// the first.
func readInterval(literal string) (v interval, fault intervalFault) {
	fields, ok := timeFields(literal)
	if !ok {
		return v, malformed
	}
	var seen [unitMillennium + 1]bool
	take := func(units ...intervalUnit) bool {
		for _, u := range units {
			if seen[u] {
				return false
			}
			seen[u], seen[noUnit] = true, true
		}
		return true
	}
	const afterAgo = -1 // what a number before it counts is unknown
	unit, ago := noUnit, false
	for i := len(fields) - 1; i >= 0; i-- {
		field := fields[i]
		switch field.kind {
		case fieldString, fieldSpecial:
			if field.text == "ago" {
				ago, unit = true, afterAgo
				continue
			}
			if unit, ok = intervalUnits[timeWord(field.text)]; !ok {
				return v, malformed
			}
			continue
		case fieldTime, fieldZone:
			signed := field.kind == fieldZone
			if signed && !strings.Contains(field.text, ":") {
				break
			}
			micros, fault := readIntervalTime(field.text)
			if signed && fault != sound {
				break // it may be a number
			}
			if fault != sound {
				return v, fault
			}
			v.micros, unit = micros, unitDay
			if !take(unitHour, unitMinute, unitSecond, unitMillisecond, unitMicrosecond) {
				return v, malformed
			}
			continue
		}
		if unit == noUnit {
			unit = unitSecond
		}
		value, fraction, isYears, fault := readIntervalNumber(field.text)
		switch {
		case fault != sound:
			return v, fault
		case isYears:
			unit = unitMonth
		case unit == afterAgo:
			return v, malformed
		}
		if !v.add(unit, value, fraction) {
			return v, overflown
		}
		units := []intervalUnit{unit}
		if unit == unitSecond && fraction != 0 {
			units = append(units, unitMillisecond, unitMicrosecond)
		}
		if !take(units...) {
			return v, malformed
		}
		if unit == unitHour {
			unit = unitDay
		}
	}
	if !seen[noUnit] {
		return v, malformed
	}
	if ago {
		v = interval{-v.months, -v.days, -v.micros}
	}
	return v, sound
}

// readIntervalNumber reads 1, -1.5, or 1-2, which is years and months.
func readIntervalNumber(s string) (value int64, fraction float64, isYears bool, fault intervalFault) {
	value, rest, fault := readWhole(s)
	if fault != sound {
		return 0, 0, false, fault
	}
	negative := s[0] == '-'
	switch {
	case rest == "":
		return value, 0, false, sound
	case rest[0] == '.':
		if strings.Trim(rest[1:], "0123456789") != "" {
			return 0, 0, false, malformed
		}
		fraction, _ = strconv.ParseFloat("0"+rest, 64)
		if negative {
			fraction = -fraction
		}
		return value, fraction, false, sound
	case rest[0] != '-':
		return 0, 0, false, malformed
	}
	months, rest, fault := readWhole(rest[1:])
	switch {
	case fault != sound || months < 0 || months >= monthsPerYear || value > math.MaxInt64/monthsPerYear-1 || value < math.MinInt64/monthsPerYear+1:
		return 0, 0, false, overflown
	case rest != "":
		return 0, 0, false, malformed
	case negative:
		months = -months
	}
	return value*monthsPerYear + months, 0, true, sound
}

// readWhole reads what C's strtol reads at the start: nothing is 0.
func readWhole(s string) (n int64, rest string, fault intervalFault) {
	end := 0
	if s != "" && (s[0] == '+' || s[0] == '-') {
		end++
	}
	digits := end
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	if end == digits {
		return 0, s, sound
	}
	n, err := strconv.ParseInt(s[:end], 10, 64)
	if err != nil {
		return 0, s, overflown
	}
	return n, s[end:], sound
}

// readIntervalTime reads h:mm, h:mm:ss and, with a fraction, m:ss, behind a sign or
// none.
func readIntervalTime(s string) (micros int64, fault intervalFault) {
	negative := s[0] == '-'
	if negative || s[0] == '+' {
		s = s[1:]
	}
	hour, rest, fault := readWhole(s)
	if fault != sound || rest == "" || rest[0] != ':' {
		return 0, max(fault, malformed)
	}
	minute, rest, fault := readWhole(rest[1:])
	second := int64(0)
	switch {
	case fault != sound:
		return 0, fault
	case rest == "":
	case rest[0] == '.':
		hour, minute, second = 0, hour, minute
	case rest[0] == ':':
		if second, rest, fault = readWhole(rest[1:]); fault != sound {
			return 0, fault
		}
	}
	if rest != "" && rest[0] != '.' {
		return 0, malformed
	}
	if rest != "" {
		var wrong timeFault
		if micros, wrong = readFraction(rest); wrong != timeSound {
			return 0, malformed
		}
	}
	if hour < 0 || minute < 0 || minute > 59 || second < 0 || second > 60 || hour > math.MaxInt64/microsPerHour-1 {
		return 0, overflown
	}
	micros += hour*microsPerHour + minute*microsPerMinute + second*microsPerSecond
	if negative {
		micros = -micros
	}
	return micros, sound
}

// readISOInterval reads ISO 8601's P1Y2M3DT4H5M6S, P0001-02-03T04:05:06 and
// P00010203T040506.
func readISOInterval(s string) (v interval, fault intervalFault) {
	if len(s) < 2 || s[0] != 'P' {
		return v, malformed
	}
	s = s[1:]
	inDate, seen := true, false
	for s != "" {
		if s[0] == 'T' {
			inDate, seen, s = false, false, s[1:]
			continue
		}
		width := len(s) - len(strings.TrimLeft(s, "-0123456789"))
		value, fraction, rest, fault := readISONumber(s)
		if fault != sound {
			return v, fault
		}
		unit := byte(0)
		if s = rest; s != "" {
			unit, s = s[0], s[1:]
		}
		ok := true
		switch {
		case inDate && unit == 'Y':
			ok = v.add(unitYear, value, fraction)
		case inDate && unit == 'M':
			ok = v.add(unitMonth, value, fraction)
		case inDate && unit == 'W':
			ok = v.add(unitWeek, value, fraction)
		case inDate && unit == 'D':
			ok = v.add(unitDay, value, fraction)
		case inDate && (unit == 0 || unit == 'T') && width == 8 && !seen:
			ok = v.add(unitYear, value/10000, 0) && v.add(unitMonth, value/100%100, 0) && v.add(unitDay, value%100, fraction)
			inDate = false
		case inDate && (unit == 0 || unit == 'T' || unit == '-'):
			if seen {
				return v, malformed
			}
			ok = v.add(unitYear, value, fraction)
			if unit == '-' {
				return v.readISOParts(s, '-', unitMonth, unitDay)
			}
			inDate = false
		case !inDate && unit == 'H':
			ok = v.add(unitHour, value, fraction)
		case !inDate && unit == 'M':
			ok = v.add(unitMinute, value, fraction)
		case !inDate && unit == 'S':
			ok = v.add(unitSecond, value, fraction)
		case !inDate && unit == 0 && width == 6 && !seen:
			ok = v.add(unitHour, value/10000, 0) && v.add(unitMinute, value/100%100, 0) && v.add(unitSecond, value%100, fraction)
		case !inDate && (unit == 0 || unit == ':'):
			if seen {
				return v, malformed
			}
			ok = v.add(unitHour, value, fraction)
			if unit == ':' {
				return v.readISOParts(s, ':', unitMinute, unitSecond)
			}
		default:
			return v, malformed
		}
		if !ok {
			return v, overflown
		}
		seen = unit != 'T' && unit != 0
	}
	return v, sound
}

// readISOParts reads the two numbers behind the first of a date or time; behind
// a date there may be a time.
func (v *interval) readISOParts(s string, separator byte, units ...intervalUnit) (interval, intervalFault) {
	for i, unit := range units {
		value, fraction, rest, fault := readISONumber(s)
		if fault != sound {
			return *v, fault
		}
		if !v.add(unit, value, fraction) {
			return *v, overflown
		}
		s = rest
		switch {
		case s == "":
			return *v, sound
		case s[0] == 'T' && separator == '-':
			time, fault := readISOInterval("P" + s)
			if !v.add(unitMicrosecond, time.micros, 0) {
				return *v, overflown
			}
			return *v, fault
		case s[0] != separator || i == len(units)-1:
			return *v, malformed
		}
		s = s[1:]
	}
	return *v, malformed
}

func readISONumber(s string) (value int64, fraction float64, rest string, fault intervalFault) {
	end := 0
	if s != "" && s[0] == '-' {
		end++
	}
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
		end++
	}
	number, err := strconv.ParseFloat(s[:end], 64)
	switch {
	case err != nil:
		return 0, 0, s, malformed
	case math.Abs(number) > 1e15:
		return 0, 0, s, overflown
	}
	value = int64(number)
	return value, number - float64(value), s[end:], sound
}

// appendInterval prints an interval; a positive part behind a negative one has
// a plus.
func appendInterval(dst []byte, v interval) []byte {
	empty, negative := true, false
	for _, part := range [...]struct {
		n    int64
		unit string
	}{{v.months / monthsPerYear, "year"}, {v.months % monthsPerYear, "mon"}, {v.days, "day"}} {
		if part.n == 0 {
			continue
		}
		if !empty {
			dst = append(dst, ' ')
		}
		if negative && part.n > 0 {
			dst = append(dst, '+')
		}
		dst = append(append(strconv.AppendInt(dst, part.n, 10), ' '), part.unit...)
		if part.n != 1 {
			dst = append(dst, 's')
		}
		empty, negative = false, part.n < 0
	}
	if v.micros == 0 && !empty {
		return dst
	}
	if !empty {
		dst = append(dst, ' ')
	}
	n := uint64(v.micros)
	switch {
	case v.micros < 0:
		dst = append(dst, '-')
		n = -n
	case negative:
		dst = append(dst, '+')
	}
	if hours := n / microsPerHour; hours > 99 {
		dst = strconv.AppendUint(dst, hours, 10)
		return append(dst, appendTimeOfDay(nil, int64(n%microsPerHour))[2:]...)
	}
	return appendTimeOfDay(dst, int64(n))
}

// compareIntervals takes a month for 30 days and a day for 24 hours.
func compareIntervals(a, b string) int {
	x, _ := readInterval(a)
	y, _ := readInterval(b)
	dayX, microsX := x.normal()
	dayY, microsY := y.normal()
	if c := compareInts(dayX, dayY); c != 0 {
		return c
	}
	return compareInts(microsX, microsY)
}

func (v interval) normal() (days, micros int64) {
	return v.months*daysPerMonth + v.days + floorDiv(v.micros, microsPerDay), floorMod(v.micros, microsPerDay)
}
