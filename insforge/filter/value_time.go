package filter

import (
	"math"
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

	lowestDay  = -2451545 // 4714-11-24 BC, on which Julian days begin
	endOfDates = 2145031949
	lowestTime = lowestDay * microsPerDay
	endOfTimes = 106751983 * microsPerDay
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
	if t.kind == kindTimestamptz || t.kind == kindTimestamp {
		if n, ok := quickTimestamp(literal); ok {
			return number(t.roundMicros(n)), nil
		}
	}
	timeOnly := t.kind == kindTime || t.kind == kindTimetz
	c, fault := readCivil(literal, timeOnly, session)
	switch fault {
	case timeSound:
	case timeOverflow, timeMonthOrDay:
		return Value{}, timeRange(literal, fault == timeMonthOrDay)
	case timeZoneFar:
		return Value{}, &SQLError{Code: "22009", Message: `time zone displacement out of range: "` + literal + `"`}
	case timeZoneNoName:
		return Value{}, &SQLError{Code: "22023", Message: `time zone "` + c.unknownZone + `" not recognized`}
	default:
		return Value{}, timeSyntax(t, literal)
	}
	switch {
	case timeOnly:
		return timeOfDay(t, c, literal, session)
	case c.special != "":
		return t.specialTime(c.special), nil
	}
	days := daysFrom2000(c.year, c.month, c.day)
	if t.kind == kindDate {
		if !isDate(days) {
			return Value{}, &SQLError{Code: "22008", Message: `date out of range: "` + literal + `"`}
		}
		return number(days), nil
	}
	outOfRange := &SQLError{Code: "22008", Message: `timestamp out of range: "` + literal + `"`}
	if days < lowestDay-1 || days > endOfTimes/microsPerDay { // a zone may take a day away
		return Value{}, outOfRange
	}
	n := days*microsPerDay + c.ofDay()
	switch {
	case t.kind == kindTimestamp:
	case c.zone != nil:
		n = inZone(n, c.zone)
	case c.have&partZone != 0:
		n -= int64(c.offset) * microsPerSecond
	default:
		n = inZone(n, session.zone())
	}
	if n < lowestTime || n >= endOfTimes {
		return Value{}, outOfRange
	}
	return number(t.roundMicros(n)), nil
}

// isDate reports whether a number of days is a date's, and not infinite.
func isDate(days int64) bool { return days >= lowestDay && days < endOfDates }

// quickTimestamp reads what nearly all programs write, 2026-01-02T03:04:05.678Z
// or with +00:00, without what it takes to read anything else. What it does not
// take, ok false, goes to readCivil; what it takes means the same there.
func quickTimestamp(s string) (micros int64, ok bool) {
	const shape = "0000-00-00T00:00:00"
	if len(s) <= len(shape) {
		return 0, false
	}
	for i := range len(shape) {
		if isDigit(s[i]) != (shape[i] == '0') || shape[i] != '0' && s[i] != shape[i] {
			return 0, false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	rest := s[len(shape):]
	if rest[0] == '.' {
		i := 1
		for unit := microsPerSecond / 10; i < len(rest) && isDigit(rest[i]) && unit > 0; unit /= 10 {
			micros += int64(rest[i]-'0') * int64(unit)
			i++
		}
		rest = rest[i:]
		if i == 1 {
			return 0, false
		}
	}
	if rest != "Z" && rest != "+00:00" {
		return 0, false
	}
	seconds := daysFrom2000(year, month, day)*86400 + int64((hour*60+minute)*60+second)
	return seconds*microsPerSecond + micros, true
}

func timeOfDay(t Type, c civil, literal string, session Session) (Value, error) {
	if t.kind == kindTime {
		if c.zone != nil && c.have&partDate != partDate && !isFixed(c.zone) {
			return Value{}, timeSyntax(t, literal)
		}
		return number(t.roundMicros(c.ofDay())), nil
	}
	offset := c.offset
	zone := c.zone
	if zone == nil && c.have&partZone == 0 {
		zone = session.zone()
	}
	switch {
	case zone == nil:
	case c.have&partDate == partDate:
		at := inZone(daysFrom2000(c.year, c.month, c.day)*microsPerDay+c.ofDay(), zone)
		_, offset = instant(at).In(zone).Zone()
	case c.zone != nil && !isFixed(zone): // who knows which offset the zone has?
		return Value{}, timeSyntax(t, literal)
	default:
		_, offset = session.Now.In(zone).Zone()
	}
	return text(string(appendOffset(appendTimeOfDay(nil, t.roundMicros(c.ofDay())), offset))), nil
}

// isFixed tells whether a zone never changes its offset, as far as two looks tell.
func isFixed(zone *time.Location) bool {
	_, winter := time.Date(2000, 1, 1, 0, 0, 0, 0, zone).Zone()
	_, summer := time.Date(2000, 7, 1, 0, 0, 0, 0, zone).Zone()
	return winter == summer
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

// specialTime is infinity, -infinity or epoch.
func (t Type) specialTime(name string) Value {
	isDate := t.kind == kindDate
	switch {
	case name == "epoch" && isDate:
		return number(-epochUnix / 86400)
	case name == "epoch":
		return number(-epochUnix * microsPerSecond)
	case name == "infinity" && isDate:
		return number(infinityDay)
	case name == "infinity":
		return number(infinity)
	case isDate:
		return number(minusInfDay)
	default:
		return number(minusInfinity)
	}
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
	const before = 20 // times 400 years: no date is earlier
	z := uint64(days + 730425 + before*146097)
	era, doe := z/146097, z%146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = int(doy - (153*mp+2)/5 + 1)
	month = int(mp + 3)
	year = int(yoe+era*400) - before*400
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
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
	if year <= 9999 {
		high, low := twoDigits(year/100), twoDigits(year%100)
		dst = append(dst, high[0], high[1], low[0], low[1])
	} else {
		dst = strconv.AppendInt(dst, int64(year), 10)
	}
	m, d := twoDigits(month), twoDigits(day)
	return append(dst, '-', m[0], m[1], '-', d[0], d[1]), bc
}

const digitPairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

// twoDigits are those of a number below 100.
func twoDigits(n int) string { return digitPairs[2*n : 2*n+2] }

func appendTimeOfDay(dst []byte, n int64) []byte {
	seconds, fraction := int(n/microsPerSecond), n%microsPerSecond
	h, m, s := twoDigits(seconds/3600), twoDigits(seconds/60%60), twoDigits(seconds%60)
	dst = append(dst, h[0], h[1], ':', m[0], m[1], ':', s[0], s[1])
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
	dst = append(append(dst, sign), twoDigits(offset/3600)...)
	if offset%3600 != 0 {
		dst = append(append(dst, ':'), twoDigits(offset/60%60)...)
	}
	if offset%60 != 0 {
		dst = append(append(dst, ':'), twoDigits(offset%60)...)
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
