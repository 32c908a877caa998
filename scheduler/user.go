package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// User is a row of bot_users: one person's settings, and where their dialogue
// stands. Most people have no row, which means all defaults.
type User struct {
	TelegramID  int64     `json:"telegram_id"`
	TimeZone    string    `json:"time_zone"`  // IANA name; empty: the service's default
	QuietFrom   string    `json:"quiet_from"` // "22:00:00"; empty with QuietUntil: no quiet hours
	QuietUntil  string    `json:"quiet_until"`
	SendHour    *int      `json:"send_hour"`    // hour of the day that plans are scheduled for; nil: the plan's own clock time
	PausedUntil time.Time `json:"paused_until"` // nothing is sent before
	BlockedAt   time.Time `json:"blocked_at"`   // when Telegram refused them; zero: reachable
	FocusLead   int64     `json:"focus_lead_id"`
	Awaiting    string    `json:"awaiting"` // what the next plain message is taken for; empty: nothing
}

// UnmarshalJSON implements json.Unmarshaler. It reads whatever dates
// PostgreSQL holds: a pause may well last until "infinity".
func (u *User) UnmarshalJSON(data []byte) error {
	type plain User
	var row struct {
		*plain
		PausedUntil instant `json:"paused_until"`
		BlockedAt   instant `json:"blocked_at"`
	}
	row.plain = (*plain)(u)
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	u.PausedUntil, u.BlockedAt = time.Time(row.PausedUntil), time.Time(row.BlockedAt)
	return nil
}

// Location is the user's time zone, or fallback where none is set or the name
// is unknown to this machine.
func (u User) Location(fallback *time.Location) *time.Location {
	if u.TimeZone != "" {
		if zone, err := time.LoadLocation(u.TimeZone); err == nil {
			return zone
		}
	}
	return fallback
}

// SendableAt is the first instant, not before t, at which the user may be
// sent something: after a pause, and outside quiet hours in zone fallback or
// their own. Quiet hours that end before they begin span midnight.
func (u User) SendableAt(t time.Time, fallback *time.Location) time.Time {
	if t.Before(u.PausedUntil) {
		t = u.PausedUntil
	}
	from, until, ok := u.quiet()
	if !ok {
		return t
	}
	local := t.In(u.Location(fallback))
	wall := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
	var end time.Time
	switch {
	case from <= wall && wall < until:
		end = onDay(local, 0, until)
	case until < from && wall >= from:
		end = onDay(local, 1, until)
	case until < from && wall < until:
		end = onDay(local, 0, until)
	default:
		return t
	}
	// In the hour that the clocks repeat, the end may lie in its first run.
	for !end.After(t) {
		end = end.Add(30 * time.Minute)
	}
	return end.UTC()
}

// quiet are the user's quiet hours, as times of day; false where there are
// none.
func (u User) quiet() (from, until time.Duration, ok bool) {
	if u.QuietFrom == "" || u.QuietUntil == "" {
		return 0, 0, false
	}
	from, okFrom := clockTime(u.QuietFrom)
	until, okUntil := clockTime(u.QuietUntil)
	return from, until, okFrom && okUntil && from != until
}

// quietFrom is when the user's next quiet hours after t begin, for a t outside
// of them; false where they have none.
func (u User) quietFrom(t time.Time, fallback *time.Location) (time.Time, bool) {
	from, _, ok := u.quiet()
	if !ok {
		return time.Time{}, false
	}
	local := t.In(u.Location(fallback))
	begin := onDay(local, 0, from)
	if !begin.After(t) {
		begin = onDay(local, 1, from)
	}
	return begin, true
}

// leavesBy is until when a message that was claimed at now, outside of quiet
// hours, may leave: as long as a claim lives, and not into quiet hours.
func (u User) leavesBy(now time.Time, fallback *time.Location) time.Time {
	until := now.Add(claimLife)
	if quiet, ok := u.quietFrom(now, fallback); ok && quiet.Before(until) {
		return quiet
	}
	return until
}

// onDay is the instant of a wall-clock time on local's date plus day days.
func onDay(local time.Time, day int, wall time.Duration) time.Time {
	y, m, d := local.Date()
	return time.Date(y, m, d+day, int(wall/time.Hour), int(wall/time.Minute)%60, int(wall/time.Second)%60, 0, local.Location())
}

// clockTime reads "22:00" or PostgreSQL's "22:00:00" as a time of day.
func clockTime(text string) (time.Duration, bool) {
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Sub(t.Truncate(24 * time.Hour)), true
		}
	}
	return 0, false
}

// User returns a person's settings; a person without a row has the zero
// settings.
func (s *Store) User(ctx context.Context, telegramID int64) (User, error) {
	user, err := insforge.One[User](ctx, s.client.From(tableUsers).Where(filter.Eq("telegram_id", telegramID)))
	if errors.Is(err, insforge.ErrNoRows) {
		return User{TelegramID: telegramID}, nil
	}
	if err != nil {
		return User{}, fmt.Errorf("read settings: %w", err)
	}
	return user, nil
}

// UserChange sets columns of a person's row, by name; nil values set NULL.
type UserChange map[string]any

// The columns of bot_users that a UserChange may name.
const (
	ColumnTimeZone    = "time_zone"
	ColumnQuietFrom   = "quiet_from"
	ColumnQuietUntil  = "quiet_until"
	ColumnSendHour    = "send_hour"
	ColumnPausedUntil = "paused_until"
	ColumnBlockedAt   = "blocked_at"
	ColumnFocusLead   = "focus_lead_id"
	ColumnAwaiting    = "awaiting"
)

// ChangeUser sets some of a person's settings and leaves the rest as they are.
// Repeating it is harmless.
func (s *Store) ChangeUser(ctx context.Context, telegramID int64, change UserChange) error {
	row := map[string]any{"telegram_id": telegramID, "updated_at": s.now()}
	for column, value := range change {
		row[column] = value
	}
	if _, err := s.client.From(tableUsers).Insert(ctx, row, insforge.OnConflictMerge("telegram_id"), insforge.Idempotent()); err != nil {
		return fmt.Errorf("store settings: %w", err)
	}
	return nil
}

// usersByID reads the settings of these people; those without a row are not in
// the answer, and the zero User serves for them.
func (s *Store) usersByID(ctx context.Context, ids []int64) (map[int64]User, error) {
	users, err := insforge.All[User](ctx, s.client.From(tableUsers).Where(filter.In("telegram_id", ids)))
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	byID := make(map[int64]User, len(users))
	for _, user := range users {
		byID[user.TelegramID] = user
	}
	return byID, nil
}
