package filter

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Timestamps are microseconds since 2000-01-01 (UTC for timestamptz), dates are
// days since then, times are microseconds since midnight: PostgreSQL's own
// representation, so that its whole range fits.
const (
	microsPerSecond = 1_000_000
	microsPerDay    = 24 * 60 * 60 * microsPerSecond
	epochUnix       = 946684800 // 2000-01-01T00:00:00Z
	infinity        = math.MaxInt64
	minusInfinity   = math.MinInt64
	infinityDay     = math.MaxInt32
	minusInfDay     = math.MinInt32

	lowestYear  = -4713 // 4714 BC
	highestYear = 294276
	highestDate = 5874897
)

// Time makes a timestamptz of an instant, rounded to microseconds.
func Time(t time.Time) Value { return number(micros(t.Round(time.Microsecond))) }

// TimeOf returns the instant of a timestamptz; ok is false for NULL and the
// infinities.
func TimeOf(v Value) (t time.Time, ok bool) {
	if !v.set || v.num == infinity || v.num == minusInfinity {
		return time.Time{}, false
	}
	return instant(v.num), true
}

// NowFor is the value of now() for a date or time type.
func (t Type) NowFor(session Session) Value {
	at := session.Now.Round(time.Microsecond).In(session.zone())
	switch t.kind {
	case kindTimestamptz:
		return number(t.roundMicros(micros(at)))
	case kindTimestamp:
		return number(t.roundMicros(wall(at)))
	case kindDate:
		return number(floorDiv(wall(at), microsPerDay))
	case kindTime:
		return number(t.roundMicros(floorMod(wall(at), microsPerDay)))
	default:
		return text(string(appendTimeOfDay(nil, t.roundMicros(floorMod(wall(at), microsPerDay)))) + offsetOf(at))
	}
}

func micros(t time.Time) int64 {
	return (t.Unix()-epochUnix)*microsPerSecond + int64(t.Nanosecond()/1000)
}

func instant(n int64) time.Time {
	return time.Unix(floorDiv(n, microsPerSecond)+epochUnix, floorMod(n, microsPerSecond)*1000).UTC()
}

// wall is what a clock at t's place shows, as if it were UTC.
func wall(t time.Time) int64 {
	_, offset := t.Zone()
	return micros(t) + int64(offset)*microsPerSecond
}

func offsetOf(t time.Time) string {
	_, offset := t.Zone()
	return string(appendOffset(nil, offset))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func floorMod(a, b int64) int64 { return a - floorDiv(a, b)*b }

// inZone turns a wall-clock reading into an instant: in a gap the clock has
// jumped over, and in an hour that comes twice, standard time counts, as in
// PostgreSQL.
func inZone(wallMicros int64, zone *time.Location) int64 {
	if zone == time.UTC {
		return wallMicros
	}
	seconds := floorDiv(wallMicros, microsPerSecond) + epochUnix
	_, before := time.Unix(seconds-86400, 0).In(zone).Zone()
	_, after := time.Unix(seconds+86400, 0).In(zone).Zone()
	best := int64(math.MinInt64)
	for _, offset := range [...]int{before, after} {
		candidate := wallMicros - int64(offset)*microsPerSecond
		_, actual := instant(candidate).In(zone).Zone()
		if actual == offset {
			best = max(best, candidate)
		}
	}
	if best == math.MinInt64 { // the gap
		return wallMicros - int64(before)*microsPerSecond
	}
	return best
}

// civil is a reading of a date and time literal.
type civil struct {
	year, month, day int
	micros           int64 // of the day
	offset           int   // seconds east of UTC
	zone             *time.Location
	hasDate, hasTime bool
	hasOffset        bool
	bc               bool
	special          string // infinity, now, …
}

func timeSyntax(t Type, literal string) error {
	name, _, _ := strings.Cut(t.String(), " without") // as PostgreSQL shortens them here
	return &SQLError{Code: "22007", Message: "invalid input syntax for type " + name + `: "` + literal + `"`}
}

func timeRange(literal string, hint bool) error {
	err := &SQLError{Code: "22008", Message: `date/time field value out of range: "` + literal + `"`}
	if hint {
		err.Hint = `Perhaps you need a different "datestyle" setting.`
	}
	return err
}

func parseTime(t Type, literal string, session Session) (Value, error) {
	c, err := readCivil(t, literal)
	if err != nil {
		return Value{}, err
	}
	if c.special != "" {
		return specialTime(t, c, literal, session)
	}
	if t.kind == kindTime || t.kind == kindTimetz {
		return timeOfDay(t, c, literal, session)
	}
	if !c.hasDate {
		return Value{}, timeSyntax(t, literal)
	}
	days := daysFrom2000(c.year, c.month, c.day)
	if t.kind == kindDate {
		if c.year > highestDate || c.year < lowestYear {
			return Value{}, &SQLError{Code: "22008", Message: `date out of range: "` + literal + `"`}
		}
		return number(days), nil
	}
	if c.year > highestYear || c.year < lowestYear {
		return Value{}, &SQLError{Code: "22008", Message: `timestamp out of range: "` + literal + `"`}
	}
	n := days*microsPerDay + c.micros
	switch {
	case t.kind == kindTimestamp:
	case c.hasOffset:
		n -= int64(c.offset) * microsPerSecond
	case c.zone != nil:
		n = inZone(n, c.zone)
	default:
		n = inZone(n, session.zone())
	}
	return number(t.roundMicros(n)), nil
}

func timeOfDay(t Type, c civil, literal string, session Session) (Value, error) {
	if !c.hasTime {
		return Value{}, timeSyntax(t, literal)
	}
	if t.kind == kindTime {
		return number(t.roundMicros(c.micros)), nil
	}
	offset := c.offset
	if !c.hasOffset {
		switch {
		case c.zone == nil:
			_, offset = session.Now.In(session.zone()).Zone()
		case !c.hasDate: // who knows which offset the zone has?
			return Value{}, timeSyntax(t, literal)
		default:
			at := inZone(daysFrom2000(c.year, c.month, c.day)*microsPerDay+c.micros, c.zone)
			_, offset = instant(at).In(c.zone).Zone()
		}
	}
	return text(string(appendOffset(appendTimeOfDay(nil, t.roundMicros(c.micros)), offset))), nil
}

// compareTimetz orders by the instant within a day and then, the zone further
// east first, by zone.
func compareTimetz(a, b string) int {
	at, eastA := splitTimetz(a)
	bt, eastB := splitTimetz(b)
	if c := compareInts(at-eastA*microsPerSecond, bt-eastB*microsPerSecond); c != 0 {
		return c
	}
	return compareInts(eastB, eastA)
}

// splitTimetz takes a time with a zone apart as it is printed.
func splitTimetz(s string) (micros, east int64) {
	at := strings.LastIndexAny(s, "+-")
	if at < 0 {
		return 0, 0
	}
	micros, _ = readIntervalTime(s[:at])
	scale := int64(3600)
	for part := range strings.SplitSeq(s[at+1:], ":") {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil {
			return micros, 0
		}
		east += n * scale
		scale /= 60
	}
	if s[at] == '-' {
		east = -east
	}
	return micros, east
}

func specialTime(t Type, c civil, literal string, session Session) (Value, error) {
	isTime := t.kind == kindTime || t.kind == kindTimetz
	switch c.special {
	case "infinity", "-infinity":
		if isTime {
			return Value{}, timeSyntax(t, literal)
		}
		switch {
		case t.kind == kindDate && c.special == "infinity":
			return number(infinityDay), nil
		case t.kind == kindDate:
			return number(minusInfDay), nil
		case c.special == "infinity":
			return number(infinity), nil
		default:
			return number(minusInfinity), nil
		}
	case "now":
		return t.NowFor(session), nil
	case "epoch":
		if isTime {
			return Value{}, timeSyntax(t, literal)
		}
		if t.kind == kindDate {
			return number(-epochUnix / 86400), nil
		}
		return number(-epochUnix * microsPerSecond), nil
	}
	if isTime {
		return Value{}, timeSyntax(t, literal)
	}
	day := floorDiv(wall(session.Now.In(session.zone())), microsPerDay)
	switch c.special {
	case "tomorrow":
		day++
	case "yesterday":
		day--
	}
	switch t.kind {
	case kindDate:
		return number(day), nil
	case kindTimestamp:
		return number(day*microsPerDay + c.micros), nil
	default:
		return number(inZone(day*microsPerDay+c.micros, session.zone())), nil
	}
}

var months = map[string]int{
	"jan": 1, "january": 1, "feb": 2, "february": 2, "mar": 3, "march": 3, "apr": 4, "april": 4, "may": 5,
	"jun": 6, "june": 6, "jul": 7, "july": 7, "aug": 8, "august": 8, "sep": 9, "sept": 9, "september": 9,
	"oct": 10, "october": 10, "nov": 11, "november": 11, "dec": 12, "december": 12,
}

var weekdays = map[string]bool{
	"mon": true, "monday": true, "tue": true, "tues": true, "tuesday": true, "wed": true, "weds": true,
	"wednesday": true, "thu": true, "thur": true, "thurs": true, "thursday": true, "fri": true, "friday": true,
	"sat": true, "saturday": true, "sun": true, "sunday": true,
}

// zoneAbbreviations are the common fixed ones of PostgreSQL's default set.
var zoneAbbreviations = map[string]int{
	"z": 0, "zulu": 0, "utc": 0, "gmt": 0, "ut": 0, "wet": 0, "west": 3600, "bst": 3600, "cet": 3600, "met": 3600, "cest": 7200,
	"mest": 7200, "eet": 7200, "eest": 10800, "msk": 10800, "est": -18000, "edt": -14400, "cst": -21600, "cdt": -18000,
	"mst": -25200, "mdt": -21600, "pst": -28800, "pdt": -25200, "akst": -32400, "akdt": -28800, "hst": -36000, "jst": 32400,
	"kst": 32400, "nzst": 43200, "nzdt": 46800, "sast": 7200,
}

// readCivil reads ISO 8601 and PostgreSQL's usual other forms: month names,
// month/day/year, named zones, am and pm, BC, and the special words.
func readCivil(t Type, literal string) (civil, error) {
	var c civil
	s := strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune("!\"#$%&'()*;<=>?@[\\]^`{|}~", r) {
			return ' ' // so does PostgreSQL read punctuation that has no meaning
		}
		return r
	}, literal), pgSpace)
	if s == "" {
		return c, timeSyntax(t, literal)
	}
	var numbers []string // of a date written in words
	monthByName := 0
	for s != "" {
		token, rest := cutTimeToken(s, c.hasDate)
		s = strings.TrimLeft(rest, pgSpace+",")
		lower := strings.ToLower(token)
		switch {
		case token[0] >= '0' && token[0] <= '9' && strings.Contains(token, ":"):
			if c.hasTime {
				return c, timeSyntax(t, literal)
			}
			if err := c.readTimeToken(t, token, literal); err != nil {
				return c, err
			}
		case token[0] >= '0' && token[0] <= '9':
			if strings.Trim(token, "0123456789") == "" && (len(token) < 6 || c.hasDate) {
				if c.hasDate && !c.hasTime && (len(token) == 6 || len(token) == 4) {
					if err := c.readCompactTime(t, token, literal); err != nil {
						return c, err
					}
					continue
				}
				numbers = append(numbers, token)
				continue
			}
			if (t.kind == kindTime || t.kind == kindTimetz) && len(token) == 6 && strings.Trim(token, "0123456789") == "" {
				if err := c.readCompactTime(t, token, literal); err != nil {
					return c, err
				}
				continue
			}
			if c.hasDate {
				return c, timeSyntax(t, literal)
			}
			if parts := numericParts(token); len(parts) == 2 && len(parts[1]) < 3 || len(parts) > 0 && len(numbers) > 0 {
				if numbers = append(numbers, parts...); len(numbers) != 3 {
					return c, timeSyntax(t, literal)
				}
				continue
			}
			if err := c.readDate(t, token, literal); err != nil {
				return c, err
			}
		case token[0] == '+' || token[0] == '-' && c.hasTime:
			if strings.TrimLeft(lower, "+-") == "infinity" || c.hasOffset || !c.hasTime && !c.hasDate {
				if lower == "+infinity" || lower == "-infinity" {
					c.special = strings.TrimPrefix(lower, "+")
					continue
				}
				return c, timeSyntax(t, literal)
			}
			if err := c.readOffset(t, token, literal); err != nil {
				return c, err
			}
		case lower == "-infinity" || lower == "infinity" || lower == "now" || lower == "today" || lower == "tomorrow" ||
			lower == "yesterday" || lower == "epoch" || lower == "allballs":
			if c.special != "" || c.hasDate {
				return c, timeSyntax(t, literal)
			}
			if lower == "allballs" {
				c.hasTime, c.hasOffset = true, true
				continue
			}
			c.special = lower
		case lower == "t" && c.hasDate && !c.hasTime && s != "":
		case lower == "am" || lower == "pm":
			if !c.hasTime {
				return c, timeSyntax(t, literal)
			}
			hour := c.micros / (3600 * microsPerSecond)
			if hour > 12 {
				return c, timeRange(literal, false)
			}
			if hour == 12 {
				c.micros -= 12 * 3600 * microsPerSecond
			}
			if lower == "pm" {
				c.micros += 12 * 3600 * microsPerSecond
			}
		case lower == "bc":
			c.bc = true
		case lower == "ad" || weekdays[lower]:
		case months[lower] != 0:
			if monthByName != 0 {
				return c, timeSyntax(t, literal)
			}
			monthByName = months[lower]
		default:
			if err := c.readZone(t, token, literal); err != nil {
				return c, err
			}
		}
	}
	if monthByName != 0 {
		if err := c.namedDate(t, monthByName, numbers, literal); err != nil {
			return c, err
		}
	} else if len(numbers) > 0 {
		if err := c.numberedDate(t, numbers, literal); err != nil {
			return c, err
		}
	}
	if c.special != "" && c.special != "now" && c.hasTime && (c.special == "today" || c.special == "tomorrow" || c.special == "yesterday") {
		return c, nil
	}
	if c.special != "" && (c.hasDate || c.hasTime) {
		return c, timeSyntax(t, literal)
	}
	if c.bc {
		if !c.hasDate {
			return c, timeSyntax(t, literal)
		}
		c.year = 1 - c.year
	}
	return c, nil
}

// cutTimeToken takes the next word, number group or offset. Once there is a
// date, a dash starts an offset.
func cutTimeToken(s string, hasDate bool) (token, rest string) {
	isLetter := func(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	i := 1
	switch {
	case isLetter(s[0]):
		for i < len(s) && (isLetter(s[i]) || (s[i] == '/' || s[i] == '_') || (s[i] == '-' || s[i] == '+') && strings.Contains(s[:i], "/")) {
			i++
		}
	case isDigit(s[0]):
		hasColon := false
		for i < len(s) && (isDigit(s[i]) || s[i] == ':' || s[i] == '.' || !hasColon && !hasDate && (s[i] == '-' || s[i] == '/' || s[i] == '.') ||
			!hasColon && isLetter(s[i]) && s[i-1] == '-') {
			hasColon = hasColon || s[i] == ':'
			if isLetter(s[i]) { // 8-Jan-1999
				for i+1 < len(s) && isLetter(s[i+1]) {
					i++
				}
			}
			i++
		}
	case s[0] == '-' || s[0] == '+':
		for i < len(s) && (isDigit(s[i]) || s[i] == ':' || isLetter(s[i])) {
			i++
		}
	}
	return s[:i], s[i:]
}

func (c *civil) readTimeToken(t Type, token, literal string) error {
	// 2026-01-02T10:00 arrives as two tokens; 10:00:00.5 as one.
	parts := strings.Split(token, ":")
	if len(parts) > 3 || len(parts) < 2 {
		return timeSyntax(t, literal)
	}
	var hour, minute, second, fraction int64
	var err error
	if hour, err = strconv.ParseInt(parts[0], 10, 32); err != nil {
		return timeSyntax(t, literal)
	}
	minutes, minuteFraction, _ := strings.Cut(parts[1], ".")
	if minute, err = strconv.ParseInt(minutes, 10, 32); err != nil && minutes != "" {
		return timeSyntax(t, literal)
	}
	if minuteFraction != "" {
		return timeSyntax(t, literal)
	}
	if len(parts) == 3 {
		whole, frac, _ := strings.Cut(parts[2], ".")
		if second, err = strconv.ParseInt(whole, 10, 32); err != nil && whole != "" {
			return timeSyntax(t, literal)
		}
		if fraction, err = readFraction(frac); err != nil {
			return timeSyntax(t, literal)
		}
	}
	return c.setTime(hour, minute, second, fraction, literal)
}

func (c *civil) readCompactTime(t Type, token, literal string) error {
	for len(token) < 6 {
		token += "0"
	}
	n, err := strconv.ParseInt(token, 10, 32)
	if err != nil {
		return timeSyntax(t, literal)
	}
	return c.setTime(n/10000, n/100%100, n%100, 0, literal)
}

func (c *civil) setTime(hour, minute, second, fraction int64, literal string) error {
	if minute > 59 || second > 60 || hour > 24 || hour == 24 && (minute > 0 || second > 0 || fraction > 0) {
		return timeRange(literal, false)
	}
	c.hasTime = true
	c.micros = ((hour*60+minute)*60+second)*microsPerSecond + fraction
	return nil
}

// readFraction reads digits after the point as microseconds, rounded.
func readFraction(digits string) (int64, error) {
	if digits == "" {
		return 0, nil
	}
	f, err := strconv.ParseFloat("0."+digits, 64)
	if err != nil {
		return 0, err
	}
	return int64(math.RoundToEven(f * microsPerSecond)), nil
}

func (c *civil) readDate(t Type, token, literal string) error {
	if strings.Trim(token, "0123456789") == "" {
		if len(token) == 8 {
			return c.setDate(token[:4], token[4:6], token[6:], literal)
		}
		if len(token) == 6 {
			return c.setDate(token[:2], token[2:4], token[4:], literal)
		}
		return timeSyntax(t, literal)
	}
	parts := strings.FieldsFunc(token, func(r rune) bool { return r == '-' || r == '/' || r == '.' })
	if len(parts) == 2 && strings.Count(token, "-")+strings.Count(token, ".") == 1 && len(parts[1]) == 3 && len(parts[0]) == 4 {
		year, err := strconv.Atoi(parts[0])
		day, err2 := strconv.Atoi(parts[1])
		if err != nil || err2 != nil || day < 1 || day > 366 {
			return timeSyntax(t, literal)
		}
		at := time.Date(year, 1, day, 0, 0, 0, 0, time.UTC)
		c.year, c.month, c.day, c.hasDate = at.Year(), int(at.Month()), at.Day(), true
		return nil
	}
	if len(parts) != 3 {
		return timeSyntax(t, literal)
	}
	for i, part := range parts {
		if m := months[strings.ToLower(part)]; m != 0 {
			rest := append(append([]string(nil), parts[:i]...), parts[i+1:]...)
			return c.namedDate(t, m, rest, literal)
		}
		if strings.Trim(part, "0123456789") != "" {
			return timeSyntax(t, literal)
		}
	}
	if len(parts[0]) >= 3 { // year first
		return c.setDate(parts[0], parts[1], parts[2], literal)
	}
	return c.setDate(parts[2], parts[0], parts[1], literal) // month/day/year
}

// numericParts are the numbers of a date in digits; none: it is not one.
func numericParts(token string) []string {
	at := strings.IndexAny(token, "-/")
	if at < 0 || strings.Trim(token, "0123456789"+token[at:at+1]) != "" {
		return nil
	}
	parts := strings.Split(token, token[at:at+1])
	if slices.Contains(parts, "") {
		return nil
	}
	return parts
}

// numberedDate reads a date whose numbers do not stand in one word: the year
// first if it has three digits or more, otherwise last. PostgreSQL looks at the
// numbers before it misses any.
func (c *civil) numberedDate(t Type, numbers []string, literal string) error {
	if len(numbers) > 3 || c.hasDate || t.kind == kindTime || t.kind == kindTimetz {
		return timeSyntax(t, literal)
	}
	month, day := 0, 1 // where they stand
	if len(numbers[0]) >= 3 {
		month, day = 1, 2
	}
	for i, highest := range map[int]int{month: 12, day: 31} {
		if i >= len(numbers) {
			continue
		}
		if n, err := strconv.Atoi(numbers[i]); err != nil || n < 1 || n > highest {
			return timeRange(literal, true)
		}
	}
	switch {
	case len(numbers) == 3:
		return c.setDate(numbers[(day+1)%3], numbers[month], numbers[day], literal)
	case c.special != "":
		return nil
	}
	return timeSyntax(t, literal)
}

func (c *civil) namedDate(t Type, month int, numbers []string, literal string) error {
	if len(numbers) != 2 {
		return timeSyntax(t, literal)
	}
	day, year := numbers[0], numbers[1]
	if len(day) > 2 {
		day, year = year, day
	}
	return c.setDate(year, strconv.Itoa(month), day, literal)
}

func (c *civil) setDate(year, month, day, literal string) error {
	y, err1 := strconv.Atoi(year)
	m, err2 := strconv.Atoi(month)
	d, err3 := strconv.Atoi(day)
	if err1 != nil || err2 != nil || err3 != nil {
		return timeRange(literal, true)
	}
	if len(year) <= 2 { // two digits: 1970 to 2069
		if y < 70 {
			y += 2000
		} else {
			y += 1900
		}
	}
	if m < 1 || m > 12 || d < 1 || d > 31 {
		return timeRange(literal, true)
	}
	if y == 0 && len(year) > 2 || d > daysIn(y, m) {
		return timeRange(literal, false)
	}
	c.year, c.month, c.day, c.hasDate = y, m, d, true
	return nil
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

func (c *civil) readOffset(t Type, token, literal string) error {
	sign := 1
	if token[0] == '-' {
		sign = -1
	}
	body := token[1:]
	var h, m, s int
	var err error
	switch parts := strings.Split(body, ":"); {
	case len(parts) > 1:
		if len(parts) > 3 {
			return timeSyntax(t, literal)
		}
		h, err = strconv.Atoi(parts[0])
		if err == nil {
			m, err = strconv.Atoi(parts[1])
		}
		if err == nil && len(parts) == 3 {
			s, err = strconv.Atoi(parts[2])
		}
	case len(body) <= 2:
		h, err = strconv.Atoi(body)
	case len(body) <= 4:
		h, err = strconv.Atoi(body[:len(body)-2])
		if err == nil {
			m, err = strconv.Atoi(body[len(body)-2:])
		}
	case len(body) == 6:
		h, err = strconv.Atoi(body[:2])
		if err == nil {
			m, err = strconv.Atoi(body[2:4])
		}
		if err == nil {
			s, err = strconv.Atoi(body[4:])
		}
	default:
		return timeSyntax(t, literal)
	}
	if err != nil {
		return timeSyntax(t, literal)
	}
	if h > 15 || m > 59 || s > 59 {
		return &SQLError{Code: "22009", Message: `time zone displacement out of range: "` + literal + `"`}
	}
	c.hasOffset, c.offset = true, sign*(h*3600+m*60+s)
	return nil
}

func (c *civil) readZone(t Type, token, literal string) error {
	lower := strings.ToLower(token)
	if !c.hasDate && !c.hasTime || c.hasOffset || c.zone != nil {
		return timeSyntax(t, literal)
	}
	if offset, ok := zoneAbbreviations[lower]; ok {
		c.hasOffset, c.offset = true, offset
		return nil
	}
	if !strings.Contains(token, "/") {
		return timeSyntax(t, literal)
	}
	zone, err := time.LoadLocation(token)
	if err != nil {
		return &SQLError{Code: "22023", Message: `time zone "` + lower + `" not recognized`}
	}
	c.zone = zone
	return nil
}

// daysFrom2000 counts days in the proleptic Gregorian calendar; year 0 is 1 BC.
func daysFrom2000(year, month, day int) int64 {
	y, m := int64(year), int64(month)
	if m <= 2 {
		y--
		m += 12
	}
	era := floorDiv(y, 400)
	ofEra := floorMod(y, 400)
	ofYear := (153*(m-3)+2)/5 + int64(day) - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 730425
}

func dateFromDays(days int64) (year, month, day int) {
	z := days + 730425
	era := floorDiv(z, 146097)
	doe := floorMod(z, 146097)
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	y := yoe + era*400
	if month > 12 {
		month -= 12
		y++
	}
	return int(y), month, day
}

// appendTime prints dates and times in ISO style; separator stands between the
// date and the time.
func appendTime(dst []byte, t Type, n int64, separator byte, session Session) []byte {
	switch {
	case t.kind == kindTime:
		return appendTimeOfDay(dst, n)
	case t.kind == kindDate && n == infinityDay, t.kind != kindDate && n == infinity:
		return append(dst, "infinity"...)
	case t.kind == kindDate && n == minusInfDay, t.kind != kindDate && n == minusInfinity:
		return append(dst, "-infinity"...)
	case t.kind == kindDate:
		dst, bc := appendDate(dst, n)
		return appendEra(dst, bc)
	}
	offset := 0
	if t.kind == kindTimestamptz && session.zone() != time.UTC {
		_, offset = instant(n).In(session.zone()).Zone()
		n += int64(offset) * microsPerSecond
	}
	dst, bc := appendDate(dst, floorDiv(n, microsPerDay))
	dst = appendTimeOfDay(append(dst, separator), floorMod(n, microsPerDay))
	if t.kind == kindTimestamptz {
		if separator == 'T' {
			dst = appendFullOffset(dst, offset)
		} else {
			dst = appendOffset(dst, offset)
		}
	}
	return appendEra(dst, bc)
}

func appendEra(dst []byte, bc bool) []byte {
	if bc {
		return append(dst, " BC"...)
	}
	return dst
}

func appendDate(dst []byte, days int64) (out []byte, bc bool) {
	year, month, day := dateFromDays(days)
	if year <= 0 {
		year, bc = 1-year, true
	}
	for limit := 1000; year < limit && limit > 1; limit /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, int64(year), 10)
	dst = appendTwo(append(dst, '-'), int64(month))
	return appendTwo(append(dst, '-'), int64(day)), bc
}

func appendTwo(dst []byte, n int64) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func appendTimeOfDay(dst []byte, n int64) []byte {
	seconds, fraction := n/microsPerSecond, n%microsPerSecond
	dst = appendTwo(dst, seconds/3600)
	dst = appendTwo(append(dst, ':'), seconds/60%60)
	dst = appendTwo(append(dst, ':'), seconds%60)
	if fraction == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(microsPerSecond / 10); fraction > 0; unit /= 10 {
		dst = append(dst, byte('0'+fraction/unit))
		fraction %= unit
	}
	return dst
}

// appendOffset prints +00, +05:30 or +00:53:28, as in text.
func appendOffset(dst []byte, offset int) []byte {
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	dst = appendTwo(append(dst, sign), int64(offset/3600))
	if offset%3600 != 0 {
		dst = appendTwo(append(dst, ':'), int64(offset/60%60))
	}
	if offset%60 != 0 {
		dst = appendTwo(append(dst, ':'), int64(offset%60))
	}
	return dst
}

// appendFullOffset prints +00:00, as in JSON.
func appendFullOffset(dst []byte, offset int) []byte {
	if offset%3600 != 0 {
		return appendOffset(dst, offset)
	}
	return append(appendOffset(dst, offset), ":00"...)
}
