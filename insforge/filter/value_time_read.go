package filter

import (
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file reads dates and times as PostgreSQL 15 does (datetime.c): the text is
// cut into fields by how they look, and each field then says what it can be,
// given those before it. What it accepts, and how it complains, follows from that.

// fieldKind is what a field looks like.
type fieldKind int

const (
	fieldNumber  fieldKind = iota
	fieldDate              // digits and words with punctuation between
	fieldTime              // with colons
	fieldZone              // a sign and digits
	fieldString            // a word
	fieldSpecial           // a sign and a word
)

type timeField struct {
	kind fieldKind
	text string // lower case
}

// parts of a date and time, of which each may be given once.
type timeParts uint

const (
	partYear timeParts = 1 << iota
	partMonth
	partDay
	partDayOfYear
	partHour
	partMinute
	partSecond
	partZone
	partDST
	partMeridian
	partEra
	partWeekday
	partSpecial

	partDate = partYear | partMonth | partDay
	partTime = partHour | partMinute | partSecond
)

// timeFault is why a literal is refused.
type timeFault int

const (
	timeSound      timeFault = iota
	timeMalformed            // 22007
	timeOverflow             // 22008
	timeMonthOrDay           // 22008 with a hint at the date style
	timeZoneFar              // 22009
	timeZoneNoName           // 22023
)

// civil is a reading of a date and time literal.
type civil struct {
	year, month, day     int
	dayOfYear            int
	hour, minute, second int
	micros               int64 // beyond the second
	offset               int   // seconds east of UTC
	zone                 *time.Location
	special              string // infinity, -infinity or epoch
	have                 timeParts

	textMonth, shortYear, julian, bc bool
	meridian                         string
	unknownZone                      string
}

// isAlpha, isDigit and isAlnum are C's.
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool { return isAlpha(c) || isDigit(c) }

// timeFields cuts a literal into fields.
func timeFields(s string) ([]timeField, bool) {
	var fields []timeField
	at := func(i int) byte {
		if i < len(s) {
			return s[i]
		}
		return 0
	}
	for i := 0; i < len(s); {
		start, kind := i, fieldNumber
		run := func(more func(c byte) bool) {
			for i < len(s) && more(s[i]) {
				i++
			}
		}
		switch c := s[i]; {
		case strings.IndexByte(pgSpace, c) >= 0:
			i++
			continue
		case isDigit(c):
			run(isDigit)
			switch delimiter := at(i); delimiter {
			case ':':
				kind = fieldTime
				run(func(c byte) bool { return isDigit(c) || c == ':' || c == '.' })
			case '-', '/', '.':
				i++
				if !isDigit(at(i)) {
					kind = fieldDate
					run(func(c byte) bool { return isAlnum(c) || c == delimiter })
					break
				}
				if delimiter != '.' {
					kind = fieldDate
				}
				run(isDigit)
				if at(i) == delimiter { // a third number must be set off alike
					kind = fieldDate
					run(func(c byte) bool { return isDigit(c) || c == delimiter })
				}
			}
		case c == '.':
			i++
			run(isDigit)
		case isAlpha(c):
			kind = fieldString
			run(isAlpha)
			next := at(i)
			_, known := timeWords[timeWord(s[start:i])]
			if next == '-' || next == '/' || next == '.' || (next == '+' || isDigit(next)) && !known {
				kind = fieldDate // or the name of a time zone
				i++
				run(func(c byte) bool { return isAlnum(c) || strings.IndexByte("+-/_.:", c) >= 0 })
			}
		case c == '+' || c == '-':
			i++
			sign := s[start:i]
			run(func(c byte) bool { return strings.IndexByte(pgSpace, c) >= 0 })
			word := i
			switch {
			case isDigit(at(i)):
				kind = fieldZone
				run(func(c byte) bool { return isDigit(c) || strings.IndexByte(":.-", c) >= 0 })
			case isAlpha(at(i)):
				kind = fieldSpecial
				run(isAlpha)
			default:
				return nil, false
			}
			fields = append(fields, timeField{kind, sign + strings.ToLower(s[word:i])})
			continue
		case c > ' ' && c < 127: // other punctuation means nothing
			i++
			continue
		default:
			return nil, false
		}
		fields = append(fields, timeField{kind, strings.ToLower(s[start:i])})
	}
	const mostFields = 25
	return fields, len(fields) <= mostFields
}

// timeWord is as much of a word as PostgreSQL compares.
func timeWord(s string) string {
	s = strings.ToLower(s)
	return s[:min(len(s), 10)]
}

// timeWords are what words may say; the value of a month or of a word that
// labels the next field stands behind.
var timeWords = map[string]struct {
	kind  string
	value int
}{
	"-infinity": {"special", 0}, "infinity": {"special", 0}, "+infinity": {"special", 0}, "epoch": {"special", 0}, "now": {"now", 0},
	"today": {"day", 0}, "tomorrow": {"day", 1}, "yesterday": {"day", -1}, "allballs": {"midnight", 0}, "ad": {"era", 0}, "bc": {"era", 1},
	"am": {"meridian", 0}, "pm": {"meridian", 0}, "at": {"ignored", 0}, "on": {"ignored", 0}, "t": {"time", 0}, "dst": {"dst", 0},
	"j": {"julian", 0}, "jd": {"julian", 0}, "julian": {"julian", 0},
	"y": {"year", 0}, "m": {"month number", 0}, "d": {"day number", 0}, "h": {"hour", 0}, "mm": {"minute", 0}, "s": {"second", 0},
	"dow": {"unit", 0}, "doy": {"unit", 0}, "isodow": {"unit", 0}, "isoyear": {"unit", 0},
	"jan": {"month", 1}, "january": {"month", 1}, "feb": {"month", 2}, "february": {"month", 2}, "mar": {"month", 3}, "march": {"month", 3},
	"apr": {"month", 4}, "april": {"month", 4}, "may": {"month", 5}, "jun": {"month", 6}, "june": {"month", 6}, "jul": {"month", 7}, "july": {"month", 7},
	"aug": {"month", 8}, "august": {"month", 8}, "sep": {"month", 9}, "sept": {"month", 9}, "september": {"month", 9}, "oct": {"month", 10},
	"october": {"month", 10}, "nov": {"month", 11}, "november": {"month", 11}, "dec": {"month", 12}, "december": {"month", 12},
	"mon": {"weekday", 0}, "monday": {"weekday", 0}, "tue": {"weekday", 0}, "tues": {"weekday", 0}, "tuesday": {"weekday", 0}, "wed": {"weekday", 0},
	"weds": {"weekday", 0}, "wednesday": {"weekday", 0}, "thu": {"weekday", 0}, "thur": {"weekday", 0}, "thurs": {"weekday", 0}, "thursday": {"weekday", 0},
	"fri": {"weekday", 0}, "friday": {"weekday", 0}, "sat": {"weekday", 0}, "saturday": {"weekday", 0}, "sun": {"weekday", 0}, "sunday": {"weekday", 0},
}

// readCivil reads a date and time; timeOnly for the types that have no date, which
// accept one only where it cannot be mistaken.
func readCivil(literal string, timeOnly bool, session Session) (civil, timeFault) {
	var c civil
	fields, ok := timeFields(literal)
	if !ok {
		return c, timeMalformed
	}
	label := "" // what the field before says of the next
	for i, f := range fields {
		var parts timeParts
		fault := timeSound
		switch f.kind {
		case fieldDate:
			parts, fault = c.dateField(f.text, &label, timeOnly, i == 0 && len(fields) >= 2 && (fields[len(fields)-1].kind == fieldDate || fields[1].kind == fieldTime))
		case fieldTime:
			if !timeOnly {
				if label != "" && label != "time" {
					return c, timeMalformed
				}
				label = ""
			}
			parts, fault = c.readTime(f.text)
			if fault == timeSound && !timeOnly && c.timeOverflows() {
				fault = timeOverflow
			}
		case fieldZone:
			parts = partZone
			c.offset, fault = readOffset(f.text)
		case fieldNumber:
			parts, fault = c.numberField(f.text, &label, timeOnly, i == 0 && len(fields) >= 2 && fields[len(fields)-1].kind == fieldDate)
		default:
			var ignored bool
			parts, ignored, fault = c.word(f.text, &label, fields[i+1:], timeOnly, session)
			if ignored && fault == timeSound {
				continue
			}
		}
		if fault != timeSound {
			return c, fault
		}
		if parts&c.have != 0 {
			return c, timeMalformed
		}
		c.have |= parts
	}
	return c, c.complete(timeOnly)
}

// dateField reads what looks like a date: one, a time zone's name, or a time
// with a zone run together.
func (c *civil) dateField(s string, label *string, timeOnly, dateAllowed bool) (timeParts, timeFault) {
	before := *label
	if timeOnly {
		if dateAllowed {
			return c.readDate(s)
		}
	} else {
		switch {
		case before == "julian":
			*label = ""
			n, rest, fault := readInt(s)
			if fault != timeSound {
				return 0, fault
			}
			c.setJulian(n)
			c.offset, fault = readOffset(rest)
			return partDate | partTime | partZone, fault
		case before == "" && c.have&(partMonth|partDay) != partMonth|partDay:
			return c.readDate(s)
		}
	}
	if !isDigit(s[0]) && (before == "" || timeOnly) {
		return c.namedZone(s, true)
	}
	if before != "" && !timeOnly {
		if before != "time" {
			return 0, timeMalformed
		}
		*label = ""
	}
	dash := strings.IndexByte(s, '-')
	if c.have&partTime == partTime || dash < 0 {
		return 0, timeMalformed
	}
	var fault timeFault
	if c.offset, fault = readOffset(s[dash:]); fault != timeSound {
		return 0, fault
	}
	have := c.have
	if timeOnly {
		have |= partDate
	}
	parts, fault := c.runTogether(s[:dash], have)
	return parts | partZone, fault
}

// namedZone looks a time zone up by name; an unknown one is an error of its own
// where nothing else could be meant.
func (c *civil) namedZone(name string, only bool) (timeParts, timeFault) {
	zone := loadZone(name)
	switch {
	case zone != nil:
		c.zone = zone
		return partZone, timeSound
	case only:
		c.unknownZone = name
		return 0, timeZoneNoName
	}
	return 0, timeMalformed
}

// loadZone finds a zone whatever the case of its name.
func loadZone(name string) *time.Location {
	if name == "local" {
		return nil
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '_' || r == '-' })
	title := name
	for _, w := range words {
		title = strings.Replace(title, w, strings.ToUpper(w[:1])+w[1:], 1)
	}
	for _, spelling := range []string{title, name, strings.ToUpper(name)} {
		if zone, err := time.LoadLocation(spelling); err == nil {
			return zone
		}
	}
	m := posixZone.FindStringSubmatch(name)
	if m == nil {
		return nil
	}
	offset, ok := posixOffset(m[1], m[2])
	switch {
	case !ok:
		return nil
	case m[3] == "":
		return time.FixedZone(name, offset)
	}
	summer := offset + 3600
	if m[5] != "" {
		if summer, ok = posixOffset(m[4], m[5]); !ok {
			return nil
		}
	}
	return summerZone(name, offset, summer)
}

// posixZone is a zone that says its own offset, as in est5, and perhaps that it has
// summer time, as in est5edt, with an offset of its own or an hour more.
var posixZone = regexp.MustCompile(`^[^0-9,+-]+([+-]?)(\d+(?::\d+){0,2})(?:([^0-9,+:-][^0-9,+-]*)(?:([+-]?)(\d+(?::\d+){0,2}))?)?$`)

// posixOffset is how many seconds east of UTC a zone is that counts what lies west.
func posixOffset(sign, clock string) (offset int, ok bool) {
	unit := 3600
	for i, part := range strings.Split(clock, ":") {
		n, err := strconv.Atoi(part)
		if err != nil || n > [...]int{167, 59, 60}[i] {
			return 0, false
		}
		offset, unit = offset+n*unit, unit/60
	}
	if sign != "-" {
		offset = -offset
	}
	return offset, true
}

// summerZone is a zone that has summer time when the United States have it, which is
// what holds for one that does not say when. The rule is written as the last line of
// a zone's file.
func summerZone(name string, offset, summer int) *time.Location {
	clock := func(east int) string {
		sign := "-"
		if east < 0 {
			sign, east = "", -east
		}
		return fmt.Sprintf("%s%d:%d:%d", sign, east/3600, east/60%60, east%60)
	}
	header := func(types byte) string {
		return "TZif2" + strings.Repeat("\x00", 15+4*4+3) + string([]byte{types, 0, 0, 0, types})
	}
	first := binary.BigEndian.AppendUint32(nil, uint32(offset))
	file := header(0) + header(1) + string(first) + "\x00\x00\x00" + "\n<std>" + clock(offset) + "<dst>" + clock(summer) + ",M3.2.0,M11.1.0\n"
	zone, err := time.LoadLocationFromTZData(name, []byte(file))
	if err != nil {
		return nil
	}
	return zone
}

// numberField reads digits, perhaps with a point.
func (c *civil) numberField(s string, label *string, timeOnly, dateAllowed bool) (timeParts, timeFault) {
	have := c.have
	if timeOnly {
		have |= partDate
	}
	if before := *label; before != "" {
		*label = ""
		return c.labelled(before, s)
	}
	point := strings.IndexByte(s, '.')
	switch {
	case timeOnly && point >= 0 && dateAllowed, !timeOnly && point >= 0 && c.have&partDate == 0:
		return c.readDate(s)
	case point > 2:
		return c.runTogether(s, have)
	case timeOnly && point >= 0:
		return 0, timeMalformed
	case timeOnly && len(s) > 4, !timeOnly && len(s) >= 6 && (c.have&partDate == 0 || c.have&partTime == 0):
		return c.runTogether(s, have)
	}
	return c.readNumber(s, have)
}

// labelled reads the number behind a word that says what it is, as in y2026m02d03
// or j2451187.
func (c *civil) labelled(label, s string) (timeParts, timeFault) {
	n, rest, fault := readInt(s)
	fraction := rest != "" && (label == "julian" || label == "time" || label == "second")
	switch {
	case fault != timeSound:
		return 0, fault
	case rest != "" && (rest[0] != '.' || !fraction):
		return 0, timeMalformed
	}
	switch label {
	case "year":
		c.year = n
		return partYear, timeSound
	case "month number":
		if c.have&partMonth != 0 && c.have&partHour != 0 {
			c.minute = n
			return partMinute, timeSound
		}
		c.month = n
		return partMonth, timeSound
	case "day number":
		c.day = n
		return partDay, timeSound
	case "hour":
		c.hour = n
		return partHour, timeSound
	case "minute":
		c.minute = n
		return partMinute, timeSound
	case "second":
		if c.second = n; fraction {
			c.micros, fault = readFraction(rest)
		}
		return partSecond, fault
	case "julian":
		c.setJulian(n)
		if !fraction {
			return partDate, timeSound
		}
		part, err := strconv.ParseFloat("0"+rest, 64)
		if err != nil {
			return 0, timeMalformed
		}
		micros := int64(part * microsPerDay)
		seconds := int(micros / microsPerSecond)
		c.hour, c.minute, c.second, c.micros = seconds/3600, seconds/60%60, seconds%60, micros%microsPerSecond
		return partDate | partTime, timeSound
	case "time":
		parts, fault := c.runTogether(s, c.have|partDate)
		if fault == timeSound && parts != partTime {
			fault = timeMalformed
		}
		return parts, fault
	}
	return 0, timeMalformed
}

// word reads a word: a special date, a month, a zone and so on.
func (c *civil) word(s string, label *string, rest []timeField, timeOnly bool, session Session) (parts timeParts, ignored bool, fault timeFault) {
	if offset, ok := zoneAbbreviations[timeWord(s)]; ok {
		c.offset = offset
		return partZone, false, timeSound
	}
	if name, ok := movedAbbreviations[timeWord(s)]; ok {
		if zone, err := time.LoadLocation(name); err == nil {
			c.zone = zone
			return partZone, false, timeSound
		}
	}
	w, ok := timeWords[timeWord(s)]
	if !ok {
		parts, fault = c.namedZone(s, false)
		return parts, false, fault
	}
	now := session.Now.Round(time.Microsecond).In(session.zone())
	setDay := func(day int) {
		at := now.AddDate(0, 0, day)
		c.year, c.month, c.day = at.Year(), int(at.Month()), at.Day()
	}
	switch w.kind {
	case "ignored":
		return 0, true, timeSound
	case "now":
		c.hour, c.minute, c.second, c.micros = now.Hour(), now.Minute(), now.Second(), int64(now.Nanosecond()/1000)
		if timeOnly {
			return partTime, false, timeSound
		}
		setDay(0)
		_, c.offset = now.Zone()
		return partDate | partTime | partZone, false, timeSound
	case "midnight":
		c.hour, c.minute, c.second, c.offset = 0, 0, 0, 0
		return partTime | partZone, false, timeSound
	case "meridian":
		c.meridian = s
		return partMeridian, false, timeSound
	case "era":
		c.bc = w.value == 1
		return partEra, false, timeSound
	case "unit", "julian", "year", "month number", "day number", "hour", "minute", "second":
		*label = w.kind
		return 0, false, timeSound
	case "dst":
		c.offset += 3600
		return partDST, false, timeSound
	case "time":
		if !timeOnly && c.have&partDate != partDate || len(rest) == 0 ||
			!slices.Contains([]fieldKind{fieldNumber, fieldTime, fieldDate}, rest[0].kind) {
			return 0, false, timeMalformed
		}
		*label = "time"
		return 0, false, timeSound
	}
	if timeOnly {
		return 0, false, timeMalformed
	}
	switch w.kind {
	case "special":
		c.special = strings.TrimPrefix(s, "+")
		return partSpecial, false, timeSound
	case "day":
		setDay(w.value)
		return partDate, false, timeSound
	case "month":
		parts = partMonth
		if c.have&partMonth != 0 && !c.textMonth && c.have&partDay == 0 && c.month >= 1 && c.month <= 31 {
			c.day, parts = c.month, partDay // the number before was the day
		}
		c.textMonth, c.month = true, w.value
		return parts, false, timeSound
	default:
		return partWeekday, false, timeSound
	}
}

// readDate reads a date in one field.
func (c *civil) readDate(s string) (parts timeParts, fault timeFault) {
	var numbers, words []string
	for s != "" {
		s = strings.TrimLeftFunc(s, func(r rune) bool { return r >= 128 || !isAlnum(byte(r)) })
		if s == "" {
			return 0, timeMalformed
		}
		same, end := isDigit, 0
		if isAlpha(s[0]) {
			same = isAlpha
		}
		for end < len(s) && same(s[end]) {
			end++
		}
		if isAlpha(s[0]) {
			words = append(words, s[:end])
		} else {
			numbers = append(numbers, s[:end])
		}
		s = s[min(end+1, len(s)):] // whatever separates is gone
	}
	textMonth := false
	have := c.have
	take := func(part timeParts) bool {
		ok := have&part == 0
		have, parts = have|part, parts|part
		return ok
	}
	for _, s := range words {
		w := timeWords[timeWord(s)]
		switch {
		case w.kind == "ignored":
			continue
		case w.kind != "month" || !take(partMonth):
			return 0, timeMalformed
		}
		c.month, textMonth = w.value, true
	}
	outer := c.textMonth
	c.textMonth = textMonth
	defer func() { c.textMonth = outer }()
	for _, s := range numbers {
		part, fault := c.readNumber(s, have)
		if fault != timeSound {
			return 0, fault
		}
		if !take(part) {
			return 0, timeMalformed
		}
	}
	if have&(partDate|partTime|partMeridian|partEra|partWeekday) != partDate {
		return 0, timeMalformed
	}
	return parts, timeSound
}

// readNumber reads a number by what is there already: a year if it has three
// digits or more, else month, day and year in this order.
func (c *civil) readNumber(s string, have timeParts) (timeParts, timeFault) {
	n, rest, fault := readInt(s)
	switch {
	case fault != timeSound:
		return 0, fault
	case rest == s || rest != "" && rest[0] != '.':
		return 0, timeMalformed
	case rest != "" && len(s)-len(rest) > 2:
		return c.runTogether(s, have|partDate)
	case rest != "":
		if c.micros, fault = readFraction(rest); fault != timeSound {
			return 0, fault
		}
	}
	if len(s) == 3 && have&partDate == partYear && n >= 1 && n <= 366 {
		c.dayOfYear = n
		return partDayOfYear | partMonth | partDay, timeSound
	}
	part := partDay
	switch have & partDate {
	case 0:
		part = partMonth
		if len(s) >= 3 {
			part = partYear
		}
	case partYear, partDay:
		part = partMonth
	case partMonth:
		if c.textMonth && len(s) >= 3 {
			part = partYear
		}
	case partYear | partMonth:
		if c.textMonth && len(s) >= 3 && c.shortYear {
			c.day, c.year, c.shortYear = c.year, n, false // the number before was the day
			return partDay, timeSound
		}
	case partMonth | partDay:
		part = partYear
	case partDate:
		return c.runTogether(s, have)
	default:
		return 0, timeMalformed
	}
	switch part {
	case partYear:
		c.year, c.shortYear = n, len(s) <= 2
	case partMonth:
		c.month = n
	default:
		c.day = n
	}
	return part, timeSound
}

// runTogether reads 20260102, 040506 or 0405, the latter two with a fraction.
func (c *civil) runTogether(s string, have timeParts) (timeParts, timeFault) {
	atoi := func(s string) int { n, _ := strconv.Atoi(s); return n }
	if whole, fraction, pointed := strings.Cut(s, "."); pointed {
		digits := fraction
		if i := strings.IndexFunc(fraction, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			digits = fraction[:i]
		}
		c.micros, _ = readFraction("." + digits)
		s = whole
	} else if have&partDate != partDate && len(s) >= 6 {
		c.day, c.month, c.year = atoi(s[len(s)-2:]), atoi(s[len(s)-4:len(s)-2]), atoi(s[:len(s)-4])
		c.shortYear = c.shortYear || len(s) == 6
		return partDate, timeSound
	}
	if have&partTime != partTime && (len(s) == 6 || len(s) == 4) {
		c.hour, c.minute, c.second = atoi(s[:2]), atoi(s[2:4]), 0
		if len(s) == 6 {
			c.second = atoi(s[4:])
		}
		return partTime, timeSound
	}
	return 0, timeMalformed
}

func (c *civil) readTime(s string) (timeParts, timeFault) {
	hour, rest, fault := readInt(s)
	if fault != timeSound || rest == "" || rest[0] != ':' {
		return 0, max(fault, timeMalformed)
	}
	minute, rest, fault := readInt(rest[1:])
	if fault != timeSound {
		return 0, fault
	}
	c.hour, c.minute, c.second, c.micros = hour, minute, 0, 0
	switch {
	case rest == "":
	case rest[0] == '.': // minutes and seconds
		c.hour, c.minute, c.second = 0, hour, minute
		c.micros, fault = readFraction(rest)
	case rest[0] == ':':
		if c.second, rest, fault = readInt(rest[1:]); fault == timeSound && rest != "" {
			c.micros, fault = readFraction(rest)
		}
	default:
		fault = timeMalformed
	}
	if fault == timeSound && (c.minute > 59 || c.second > 60) {
		fault = timeOverflow
	}
	return partTime, fault
}

func (c *civil) timeOverflows() bool {
	return c.hour > 24 || c.minute > 59 || c.second > 60 || c.ofDay() > microsPerDay
}

// ofDay is the time as microseconds since midnight.
func (c *civil) ofDay() int64 {
	return ((int64(c.hour)*60+int64(c.minute))*60+int64(c.second))*microsPerSecond + c.micros
}

// readInt reads digits at the start.
func readInt(s string) (n int, rest string, fault timeFault) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	if end == 0 {
		return 0, s, timeSound
	}
	wide, err := strconv.ParseInt(s[:end], 10, 32)
	if err != nil {
		return 0, s, timeOverflow
	}
	return int(wide), s[end:], timeSound
}

// readSigned is readInt with a sign before the digits, if there is one.
func readSigned(s string) (n int, rest string, fault timeFault) {
	if len(s) < 2 || s[0] != '-' && s[0] != '+' || !isDigit(s[1]) {
		return readInt(s)
	}
	if n, rest, fault = readInt(s[1:]); s[0] == '-' {
		n = -n
	}
	return n, rest, fault
}

// readFraction reads a point and the digits behind it as microseconds, rounded.
func readFraction(s string) (int64, timeFault) {
	if s == "." {
		return 0, timeSound
	}
	f, err := strconv.ParseFloat("0"+s, 64)
	if err != nil || s[0] != '.' {
		return 0, timeMalformed
	}
	return int64(math.RoundToEven(f * microsPerSecond)), timeSound
}

// readOffset reads +h, +hhmm, +h:m or +h:m:s.
func readOffset(s string) (int, timeFault) {
	if s == "" || s[0] != '+' && s[0] != '-' {
		return 0, timeMalformed
	}
	digits := s[1:]
	if len(digits) > 1 && (digits[0] == '+' || digits[0] == '-') && isDigit(digits[1]) { // a sign of its own
		if digits = digits[1:]; s[1] == '-' && strings.Trim(digits, "0:") != "" {
			return 0, timeZoneFar
		}
	}
	hour, rest, fault := readInt(digits)
	minute, second := 0, 0
	switch {
	case fault != timeSound:
		return 0, timeZoneFar
	case strings.HasPrefix(rest, ":"):
		if minute, rest, fault = readSigned(rest[1:]); fault == timeSound && strings.HasPrefix(rest, ":") {
			second, rest, fault = readSigned(rest[1:])
		}
	case rest == "" && len(s) > 3:
		hour, minute = hour/100, hour%100
	}
	switch {
	case fault != timeSound || hour > 15 || minute < 0 || minute > 59 || second < 0 || second > 59:
		return 0, timeZoneFar
	case rest != "":
		return 0, timeMalformed
	}
	offset := (hour*60+minute)*60 + second
	if s[0] == '-' {
		offset = -offset
	}
	return offset, timeSound
}

func (c *civil) setJulian(day int) {
	c.year, c.month, c.day = dateFromDays(int64(day) - 2451545)
	c.julian = true
}

// complete checks what can only be known once all is read.
func (c *civil) complete(timeOnly bool) timeFault {
	if c.have&partYear != 0 && !c.julian {
		switch {
		case c.bc && c.year <= 0:
			return timeOverflow
		case c.bc:
			c.year = 1 - c.year
		case c.shortYear && c.year < 70:
			c.year += 2000
		case c.shortYear && c.year < 100:
			c.year += 1900
		case !c.shortYear && c.year <= 0:
			return timeOverflow
		}
	}
	if c.have&partDayOfYear != 0 {
		c.year, c.month, c.day = dateFromDays(daysFrom2000(c.year, 1, 1) + int64(c.dayOfYear) - 1)
	}
	switch {
	case c.have&partMonth != 0 && (c.month < 1 || c.month > 12), c.have&partDay != 0 && (c.day < 1 || c.day > 31):
		return timeMonthOrDay
	case c.have&partDate == partDate && c.day > daysIn(c.year, c.month):
		return timeOverflow
	}
	switch {
	case c.meridian != "" && c.hour > 12:
		return timeOverflow
	case c.meridian == "am" && c.hour == 12:
		c.hour = 0
	case c.meridian == "pm" && c.hour != 12:
		c.hour += 12
	}
	switch {
	case c.special != "":
	case timeOnly && c.timeOverflows():
		return timeOverflow
	case timeOnly && c.have&partTime != partTime, !timeOnly && c.have&partDate != partDate, c.zone != nil && c.have&partDST != 0:
		return timeMalformed
	case c.have&partDST != 0 && c.have&partZone == 0, timeOnly && c.have&partZone == 0 && c.have&partDate != 0 && c.have&partDate != partDate:
		return timeMalformed
	}
	return timeSound
}
