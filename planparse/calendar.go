package planparse

import "time"

// calendar answers questions about days counted from the base's date, day 0,
// in the zone of the plan. Most timings ask it nothing, and so it works out
// nothing ahead.
type calendar struct {
	base time.Time // in the plan's zone
}

func (c *calendar) year() int { return c.base.Year() }

func (c *calendar) weekday() time.Weekday { return c.base.Weekday() }

// index is the weekday counted from Monday.
func index(w time.Weekday) int { return (int(w) + 6) % 7 }

// weekdayIndex is the weekday of a day, counted from Monday.
func (c *calendar) weekdayIndex(days int) int { return (index(c.weekday()) + days%7 + 7) % 7 }

// monday is the Monday so many calendar weeks ahead; 0 gives this week's,
// which may be past.
func (c *calendar) monday(ahead int) int { return 7*ahead - index(c.weekday()) }

// nextWeekday is the next day of that name strictly after the base.
func (c *calendar) nextWeekday(w time.Weekday) int {
	return (index(w)-index(c.weekday())+6)%7 + 1
}

// onOrAfter is the first day of that name on or after a day.
func (c *calendar) onOrAfter(days int, w time.Weekday) int {
	return days + (index(w)-c.weekdayIndex(days)+7)%7
}

// endOfWeek is the Friday of this week, on a weekend of the next.
func (c *calendar) endOfWeek(ahead int) int {
	d := c.monday(ahead) + 4
	if d < 0 {
		d += 7
	}
	return d
}

// weekend is the coming Saturday, on a Sunday the base itself.
func (c *calendar) weekend(ahead int) int {
	if c.weekday() == time.Sunday && ahead == 0 {
		return 0
	}
	return c.monday(ahead) + 5
}

// until is the number of days from the base to a date of the calendar. Dates
// are compared as such, not as instants, so no zone's clock can shift them.
func (c *calendar) until(year int, month time.Month, day int) int {
	to := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	y, m, d := c.base.Date()
	from := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return int((to.Unix() - from.Unix()) / 86400)
}

func (c *calendar) firstOfMonth(ahead int) int {
	y, m, _ := c.base.Date()
	return c.until(y, m+time.Month(ahead), 1)
}

func (c *calendar) endOfMonth(ahead int) int { return c.firstOfMonth(ahead+1) - 1 }

func (c *calendar) newYear() int { return c.until(c.year()+1, time.January, 1) }

func (c *calendar) endOfYear() int { return c.newYear() - 1 }

// monthEdge is a part of this or the next month; negative when over.
func (c *calendar) monthEdge(e edge, ahead int) int {
	switch e {
	case edgeMiddle:
		return c.firstOfMonth(ahead) + 14
	case edgeLate, edgeLater:
		return c.firstOfMonth(ahead) + 24
	case edgeEnd:
		return c.endOfMonth(ahead)
	}
	return c.firstOfMonth(ahead)
}

// namedMonth is a part of the next such month, or of that of a given year;
// negative when it has begun already.
func (c *calendar) namedMonth(e edge, month time.Month, year int) int {
	y := year
	if y == 0 {
		y = c.year()
	}
	for {
		var d int
		switch e {
		case edgeMiddle:
			d = c.until(y, month, 15)
		case edgeLate, edgeLater:
			d = c.until(y, month, 25)
		case edgeEnd:
			d = c.until(y, month+1, 0)
		default:
			d = c.until(y, month, 1)
		}
		// A month that is over means next year's; one that has begun is the
		// caller's trouble.
		if d >= 0 || year != 0 || c.until(y, month+1, 1) > 0 {
			return d
		}
		y++
	}
}

// nextDayOfMonth is the next day of that number, today included.
func (c *calendar) nextDayOfMonth(day int) (int, bool) {
	for ahead := range 3 {
		d := c.firstOfMonth(ahead) + day - 1
		if d >= 0 && day >= 1 && d < c.firstOfMonth(ahead+1) {
			return d, true
		}
	}
	return 0, false
}

// date is the distance of a date, and why it may not be used. Without a year
// it is the next such date.
func (c *calendar) date(year, month, day int) (int, verdict) {
	bare := year == 0
	if bare {
		year = c.year()
	}
	if month < 1 || month > 12 || day < 1 {
		return 0, verdictBadDate
	}
	if bare && (day > daysIn(year, month) || c.until(year, time.Month(month), day) < 0) {
		year++
	}
	if day > daysIn(year, month) {
		return 0, verdictBadDate
	}
	d := c.until(year, time.Month(month), day)
	switch {
	case d < 0:
		return 0, verdictPast
	case d > MaxDays:
		return 0, verdictOutOfRange
	}
	return d, understood
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// wall is a clock time on a day. Where the clock skips it, it is moved forward
// by as much; where the clock shows it twice, it is the first.
func wall(year int, month time.Month, day, hour, minute, second, nanosecond int, loc *time.Location) time.Time {
	t := time.Date(year, month, day, hour, minute, second, nanosecond, loc)
	// In a gap Go answers with the offset after it, an earlier clock time than
	// asked for.
	h, m, s := t.Clock()
	if h == hour && m == minute && s == second {
		return t
	}
	asked := time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	y, mo, d := t.Date()
	if gap := asked.Sub(time.Date(y, mo, d, h, m, s, 0, time.UTC)); gap > 0 {
		t = t.Add(gap)
	}
	return t
}

// addDays moves an instant by calendar days, keeping its clock time.
func addDays(t time.Time, days int) time.Time {
	if days == 0 {
		return t
	}
	if t.Location() == time.UTC {
		return t.Round(0).Add(time.Duration(days) * 24 * time.Hour) // its clock never changes
	}
	y, mo, d := t.Date()
	h, m, s := t.Clock()
	return wall(y, mo, d+days, h, m, s, t.Nanosecond(), t.Location())
}

// businessDays is the number of calendar days in which n business days pass,
// beginning the day after start.
func businessDays(start time.Time, n int, holiday func(time.Time) bool) int {
	if n <= 0 {
		return 0
	}
	if holiday == nil {
		// Every five take a week, wherever they begin; the rest is stepped.
		weeks := (n - 1) / 5
		return 7*weeks + businessDays(start, n-5*weeks, func(time.Time) bool { return false })
	}
	days := 0
	for n > 0 && days <= 2*MaxDays {
		days++
		day := addDays(start, days)
		if index(day.Weekday()) < 5 && !holiday(day) {
			n--
		}
	}
	return days
}

// zoneOffset is a clock zone's offset in minutes on a date. The American
// zones that are named without saying which half of the year are resolved by
// the rule in force since 2007: second Sunday of March to first of November.
func zoneOffset(zone int32, year int, month time.Month, day int) int32 {
	standard := map[int32]int32{zoneEastern: -300, zoneCentral: -360, zoneMountain: -420, zonePacific: -480}
	offset, generic := standard[zone]
	if !generic {
		return zone
	}
	sunday := func(m time.Month, n int) int {
		first := time.Date(year, m, 1, 0, 0, 0, 0, time.UTC).Weekday()
		return 1 + (7-int(first))%7 + 7*(n-1)
	}
	ordinal := int(month)*100 + day
	if ordinal >= 300+sunday(time.March, 2) && ordinal < 1100+sunday(time.November, 1) {
		offset += 60
	}
	return offset
}
