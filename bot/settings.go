package bot

import (
	"context"
	"fmt"
	"regexp"
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
	zone := now.Location().String()
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

// hoursForm is "21-7", "21:30 - 07:00" or "21:30 to 7".
var hoursForm = regexp.MustCompile(`(?i)^(\d{1,2})(?::([0-5]\d))?\s*(?:-|–|to|until)\s*(\d{1,2})(?::([0-5]\d))?$`)

func quiet(ctx context.Context, t *turn, args string) error {
	if strings.EqualFold(args, "off") {
		if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnQuietFrom: nil, scheduler.ColumnQuietUntil: nil}); err != nil {
			return err
		}
		return t.say(ctx, plain("🔔 No quiet hours any more."))
	}
	from, until, ok := readHours(args)
	if !ok {
		return t.say(ctx, plain("Send the hours without reminders, such as /quiet 21-7 or /quiet 21:30-07:00, or /quiet off."))
	}
	if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnQuietFrom: from, scheduler.ColumnQuietUntil: until}); err != nil {
		return err
	}
	return t.say(ctx, plain("🌙 Quiet from "+clock(from)+" to "+clock(until)+". What falls due in between comes after."))
}

func readHours(text string) (from, until string, ok bool) {
	found := hoursForm.FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		return "", "", false
	}
	write := func(hour, minute string) string {
		h, _ := strconv.Atoi(hour) // at most two digits
		if h == 24 && strings.Trim(minute, "0") == "" {
			h = 0
		}
		if h > 23 {
			return ""
		}
		if minute == "" {
			minute = "00"
		}
		return fmt.Sprintf("%02d:%s:00", h, minute)
	}
	from, until = write(found[1], found[2]), write(found[3], found[4])
	return from, until, from != "" && until != "" && from != until
}

func sendHour(ctx context.Context, t *turn, args string) error {
	if strings.EqualFold(args, "off") {
		if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnSendHour: nil}); err != nil {
			return err
		}
		return t.say(ctx, plain("🕘 From now on a step is due at the time of day its plan was made."))
	}
	hour, err := strconv.Atoi(strings.TrimSuffix(args, ":00"))
	if err != nil || hour < 0 || hour > 23 {
		return t.say(ctx, plain("Send an hour from 0 to 23, such as /sendhour 9, or /sendhour off."))
	}
	if err := t.change(ctx, scheduler.UserChange{scheduler.ColumnSendHour: hour}); err != nil {
		return err
	}
	return t.say(ctx, plain(fmt.Sprintf("🕘 Plans scheduled from now on remind you at %d:00.", hour)))
}

// maxPause is the longest pause, in days.
const maxPause = 365

func pauseReminders(ctx context.Context, t *turn, args string) error {
	days := 7
	if args != "" {
		n, err := strconv.Atoi(strings.Fields(args)[0])
		if err != nil || n < 1 || n > maxPause {
			return t.say(ctx, plain("Send for how many days, such as /pause 3."))
		}
		days = n
	}
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	now := t.now(user)
	until := now.AddDate(0, 0, days).Truncate(time.Minute)
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
