package bot

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

func settings(ctx context.Context, t *turn, _ string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	zone := zoneLabel(now.Location().String())
	if user.TimeZone == "" {
		zone += " (the default here)"
	}
	hour := "at the time of day the plan was made"
	if user.SendHour != nil {
		hour = fmt.Sprintf("%d:00", *user.SendHour)
	}
	quietHours := "none"
	if user.QuietFrom != "" && user.QuietUntil != "" {
		quietHours = clock(user.QuietFrom) + "–" + clock(user.QuietUntil)
	}
	paused := "no"
	if user.PausedUntil.After(now) {
		paused = "until " + moment(user.PausedUntil.In(now.Location()), now)
	}
	return t.say(ctx, paragraphs(bold("⚙️ Your settings"), lines(
		plain("Time zone: "+zone+", where it is "+now.Format("15:04")+" · /timezone"),
		plain("Reminders planned for: "+hour+" · /sendhour"),
		plain("Quiet hours: "+quietHours+" · /quiet"),
		plain("Paused: "+paused+" · /pause, /resume"),
	)))
}

// clock shortens PostgreSQL's "22:00:00".
func clock(text string) string {
	if len(text) > 5 {
		return text[:5]
	}
	return text
}

// isOff reports whether a setting is to be taken away.
func isOff(text string) bool {
	return slices.Contains([]string{"off", "none", "no", "never", "-", "0", "aus", "clear", "default"}, strings.ToLower(text))
}

// clockForm is a time of day: "21", "21:30", "9.30", "10pm".
const clockForm = `(\d{1,2})(?:[:.h]([0-5]\d))?\s*(am|pm)?(?:\s*(?:h|uhr|o'clock))?`

var (
	// hoursForm is "21-7", "from 21:30 to 07:00" or "10pm – 7am".
	hoursForm = regexp.MustCompile(`(?i)^(?:from\s+|between\s+)?` + clockForm + `\s*(?:-|–|—|to|until|till|and|bis|\s)\s*` + clockForm + `$`)
	// hourForm is a full hour: "9", "9:00", "9am".
	hourForm = regexp.MustCompile(`(?i)^(?:at\s+)?` + clockForm + `$`)
)

var (
	// namedHours are the times of day that have names.
	namedHours = strings.NewReplacer("midnight", "0:00", "noon", "12:00", "midday", "12:00")
	// bareTime is a time of day without anything between hour and minute: "2130".
	bareTime = regexp.MustCompile(`\b(\d{2})([0-5]\d)\b`)
)

// clockWords is a text about times of day as the forms have it.
func clockWords(text string) string {
	return namedHours.Replace(bareTime.ReplaceAllString(strings.ToLower(strings.TrimSpace(text)), "$1:$2"))
}

func quiet(ctx context.Context, t *turn, args string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	if args == "" {
		now := "You have no quiet hours."
		if user.QuietFrom != "" && user.QuietUntil != "" {
			now = "You have no reminders from " + clock(user.QuietFrom) + " to " + clock(user.QuietUntil) + "; /quiet off ends that."
		}
		return t.say(ctx, plain("🌙 "+now+" Set them like this: /quiet 21-7 or /quiet 21:30-07:00."))
	}
	if isOff(args) {
		if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnQuietFrom: nil, scheduler.ColumnQuietUntil: nil}); err != nil {
			return err
		}
		return t.say(ctx, plain("🔔 No quiet hours any more."))
	}
	from, until, ok := readHours(args)
	if !ok {
		return t.say(ctx, plain("I cannot read these hours. Send when they begin and end, such as /quiet 21-7 or /quiet 21:30-07:00, or /quiet off."))
	}
	if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnQuietFrom: from, scheduler.ColumnQuietUntil: until}); err != nil {
		return err
	}
	return t.say(ctx, plain("🌙 Quiet from "+clock(from)+" to "+clock(until)+". What falls due in between comes after."))
}

func readHours(text string) (from, until string, ok bool) {
	found := hoursForm.FindStringSubmatch(clockWords(text))
	if found == nil {
		return "", "", false
	}
	from, until = clockTime(found[1:4]), clockTime(found[4:7])
	return from, until, from != "" && until != "" && from != until
}

// clockTime is a time of day as the database has it, made of what stands in
// the three groups of clockForm; empty where there is no such time.
func clockTime(groups []string) string {
	hour, _ := strconv.Atoi(groups[0]) // at most two digits
	minute := groups[1]
	if minute == "" {
		minute = "00"
	}
	if half := strings.ToLower(groups[2]); half != "" {
		if hour < 1 || hour > 12 {
			return ""
		}
		hour %= 12
		if half == "pm" {
			hour += 12
		}
	}
	if hour == 24 && minute == "00" {
		hour = 0
	}
	if hour > 23 {
		return ""
	}
	return fmt.Sprintf("%02d:%s:00", hour, minute)
}

// quietNote says how many of the times at which steps are due lie in a person's
// quiet hours; empty for none.
func quietNote(due []time.Time, user scheduler.User, zone *time.Location) string {
	user.PausedUntil = time.Time{}
	due = slices.DeleteFunc(slices.Clone(due), func(at time.Time) bool { return !user.SendableAt(at, zone).After(at) })
	hours := " in your quiet hours (" + clock(user.QuietFrom) + "–" + clock(user.QuietUntil) + ")"
	switch len(due) {
	case 0:
		return ""
	case 1:
		return "1 step falls" + hours + " and comes after them."
	}
	return count(len(due), "step") + " fall" + hours + " and come after them."
}

func sendHour(ctx context.Context, t *turn, args string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	if args == "" {
		now := "Steps are due at the time of day their plan was made."
		if user.SendHour != nil {
			now = fmt.Sprintf("Plans remind you at %d:00; /sendhour off ends that.", *user.SendHour)
		}
		return t.say(ctx, plain("🕘 "+now+" Set an hour from 0 to 23 like this: /sendhour 9."))
	}
	if isOff(args) && args != "0" {
		if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnSendHour: nil}); err != nil {
			return err
		}
		return t.say(ctx, plain("🕘 From now on a step is due at the time of day its plan was made."))
	}
	found := hourForm.FindStringSubmatch(clockWords(args))
	at := ""
	if found != nil {
		at = clockTime(found[1:4])
	}
	if !strings.HasSuffix(at, ":00:00") {
		return t.say(ctx, plain("Send a full hour from 0 to 23, such as /sendhour 9, or /sendhour off."))
	}
	hour, _ := strconv.Atoi(at[:2]) // it was written from a number
	if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnSendHour: hour}); err != nil {
		return err
	}
	text := fmt.Sprintf("🕘 Plans scheduled from now on remind you at %d:00.", hour)
	user.SendHour = &hour
	day := atHour(t.now(user), 1, hour)
	if sendable := user.SendableAt(day, t.zone); user.QuietFrom != "" && sendable.After(day) && !day.Before(user.PausedUntil) {
		text += " That is in your quiet hours, so they come at " + sendable.In(day.Location()).Format("15:04") + "; /quiet changes those."
	}
	return t.say(ctx, plain(text))
}

// maxPause is the longest pause, in days.
const maxPause = 365

func pauseReminders(ctx context.Context, t *turn, args string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	if isOff(args) {
		return resume(ctx, t, "")
	}
	now := t.now(user)
	until := now.AddDate(0, 0, 7)
	if days, err := strconv.Atoi(args); err == nil && days > 0 {
		until = now.AddDate(0, 0, min(days, maxPause+1))
	} else if args != "" {
		var ok bool
		if until, ok = readLater(args, now, dayHour(user.SendHour)); !ok {
			return t.say(ctx, plain("I cannot read for how long. Send days, such as /pause 3, or an end: /pause until monday, /pause 2 weeks."))
		}
	}
	if until.After(now.AddDate(0, 0, maxPause)) {
		return t.say(ctx, plain("That is more than a year. Send up to 365 days, such as /pause 3."))
	}
	until = until.Truncate(time.Minute)
	if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnPausedUntil: until.UTC()}); err != nil {
		return err
	}
	return t.say(ctx, plain("⏸ No reminders until "+moment(until, now)+". What falls due in between comes after. /resume ends the pause."))
}

func resume(ctx context.Context, t *turn, _ string) error {
	if err := t.sched.Resume(ctx, t.from.ID); err != nil {
		return err
	}
	return t.say(ctx, plain("▶️ Reminders come again."))
}
