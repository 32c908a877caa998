package scheduler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/planparse"
)

// A press on a reminder changes its row and leaves a line in the lead's log.
// These are two requests, and a process may die between them. But the last line
// about a reminder tells how the press before it left the row, so the next press
// sees whether one is missing: it writes that first. There is never more than
// one to write.

// Keys of the metadata of a line about a press.
const (
	lineReminder = "reminder_id"
	lineStep     = "step_id"
	lineSnoozes  = "snooze_count" // after the press
)

// logTime is how long whoever pressed may take to write the line. Later it looks
// first whether somebody has done so in its place; before, nobody does.
const logTime = 2 * time.Second

// logPress writes the line of a press just made. A log that refuses it does not
// undo the press. One that cannot be reached is an error: the press is to be
// repeated, which mends it.
func (s *Scheduler) logPress(ctx context.Context, r Reminder, kind string, step planparse.Step) error {
	line := Activity{LeadID: r.LeadID, TelegramID: r.TelegramID, Type: kind, Content: step.Description,
		Metadata: map[string]any{lineStep: r.StepID, lineReminder: r.ID, lineSnoozes: r.SnoozeCount}}
	look := s.store.now().Sub(r.UpdatedAt) > logTime
	for attempt := 1; ; attempt++ {
		if look {
			last, err := s.store.lastPress(ctx, r)
			if err != nil {
				return err
			}
			if last.missing(r) == "" {
				return nil
			}
			now, err := s.store.Reminder(ctx, r.TelegramID, r.ID)
			if errors.Is(err, ErrNotFound) || (err == nil && !now.standsAs(r)) {
				return nil // whoever pressed since has written it, or whoever presses next will
			}
			if err != nil {
				return err
			}
		}
		err := s.store.LogActivity(ctx, line)
		switch {
		case err == nil:
			return nil
		case refuses(err):
			s.log.Warn("activity not logged", "lead", r.LeadID, "type", kind, "error", err)
			return nil
		case insforge.SafeToRepeat(err) || attempt == 3: // the client has repeated what is safe to repeat
			return err
		}
		look = true // the answer was lost: it may be there
	}
}

// mendLog writes the line of the press that left a reminder as it is, if that is
// missing. It returns the reminder as it stands then.
func (s *Scheduler) mendLog(ctx context.Context, r Reminder) (Reminder, error) {
	for wait := logTime / 64; ; {
		last, err := s.store.lastPress(ctx, r)
		if err != nil && refuses(err) {
			s.log.Warn("log not read", "lead", r.LeadID, "error", err)
			return r, nil
		}
		if err != nil {
			return r, err
		}
		kind := last.missing(r)
		if kind == "" {
			return r, nil
		}
		// The line may be about a press that came after the reminder was read.
		now, err := s.store.Reminder(ctx, r.TelegramID, r.ID)
		if err != nil {
			return r, err
		}
		if !now.standsAs(r) {
			r = now
			continue
		}
		if wait > logTime || s.store.now().Sub(r.UpdatedAt) > 2*logTime {
			lead, err := s.store.Lead(ctx, r.TelegramID, r.LeadID)
			if err != nil && !errors.Is(err, ErrNotFound) {
				return r, err
			}
			step, _ := lead.Step(r.StepID)
			return r, s.logPress(ctx, r, kind, step)
		}
		sleep(ctx, s.store.clock, wait) // whoever pressed may be about to write it
		wait *= 2
	}
}

// standsAs reports whether nobody has pressed on a reminder since it was read.
func (r Reminder) standsAs(read Reminder) bool {
	return r.UpdatedAt.Equal(read.UpdatedAt) && r.Status == read.Status && r.SnoozeCount == read.SnoozeCount
}

// pressLine is the last line of the log about a reminder; zero where there is
// none.
type pressLine struct {
	Type     string         `json:"activity_type"`
	Metadata map[string]any `json:"metadata"`
}

func (s *Store) lastPress(ctx context.Context, r Reminder) (pressLine, error) {
	line, err := insforge.One[pressLine](ctx, s.client.From(tableActivity).Select("activity_type", "metadata").
		Where(filter.Eq("lead_id", r.LeadID), filter.Eq("telegram_id", r.TelegramID), filter.Eq("metadata->>"+lineReminder, r.ID),
			filter.In("activity_type", ActivityStepDone, ActivityStepSkipped, ActivityStepSnoozed, ActivityStepReopened)).
		Order("id.desc").Limit(1))
	if err != nil && !errors.Is(err, insforge.ErrNoRows) {
		return pressLine{}, fmt.Errorf("look for the press in the log: %w", err)
	}
	return line, nil
}

// missing is the type of the line that should have followed this one, as the
// reminder stands; empty where none should.
func (l pressLine) missing(r Reminder) string {
	over := l.Type == ActivityStepDone || l.Type == ActivityStepSkipped
	before := 0
	if l.Type != "" {
		var err error
		if before, err = strconv.Atoi(fmt.Sprint(l.Metadata[lineSnoozes])); err != nil {
			before = r.SnoozeCount // of a time when it was not noted
		}
	}
	switch {
	case r.Status == Completed && l.Type != ActivityStepDone:
		return ActivityStepDone
	case r.Status == Skipped && r.LastError != orphaned && l.Type != ActivityStepSkipped:
		return ActivityStepSkipped
	case !r.Status.Open() && r.Status != Parked:
		return ""
	case over, r.SnoozeCount < before: // only an undo counts a snooze back
		return ActivityStepReopened
	case r.SnoozeCount > before && (l.Type != "" || r.Status == Snoozed || !r.PlannedAt.IsZero()): // others may have counted before
		return ActivityStepSnoozed
	}
	return ""
}

// refuses reports whether the database is there and does not take a request.
func refuses(err error) bool {
	var e *insforge.Error
	return errors.As(err, &e) && e.Status >= 400 && e.Status < 500 && e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}
