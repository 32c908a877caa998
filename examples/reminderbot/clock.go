package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/bot"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
	"github.com/followthrough-go/followthrough/scheduler/schedulertest"
)

// movingClock is the demo's clock. It can be moved forward, and remembers in a
// file how far, since a service whose clock jumped back would wait for
// yesterday again.
type movingClock struct {
	*schedulertest.Clock
	zone *time.Location
	file string // empty: nothing is remembered
}

// clockState is the content of the clock's file.
type clockState struct {
	OffsetSeconds float64 `json:"offset_seconds"` // ahead of the system's clock
}

// clockFile is where the clock of a data file is remembered.
func clockFile(dataFile string) string { return beside(dataFile, ".clock.json") }

// journalFile is where the chat that belongs to a data file is kept.
func journalFile(dataFile string) string { return beside(dataFile, ".chat.jsonl") }

func beside(dataFile, suffix string) string {
	if dataFile == embedded.Memory {
		return ""
	}
	return dataFile + suffix
}

// openClock reads how far the clock was moved before. A file that cannot be
// read is an error: guessing would repeat or skip days.
func openClock(file string, zone *time.Location) (*movingClock, error) {
	var state clockState
	if file != "" {
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &state)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the demo's clock in %s cannot be read; delete the file to begin at the present time: %w", file, err)
		}
	}
	offset := time.Duration(state.OffsetSeconds * float64(time.Second))
	return &movingClock{schedulertest.NewClock(max(offset, 0)), zone, file}, nil
}

// Now is the service's time, in the demo's zone.
func (c *movingClock) Now() time.Time { return c.Clock.Now().In(c.zone) }

// advance moves the clock, after it has noted where to: a crash in between
// finds the later time, and what fell due is sent then.
func (c *movingClock) advance(d time.Duration) error {
	if err := c.save(c.Offset() + d); err != nil {
		return err
	}
	c.Advance(d)
	return nil
}

// save writes the file so that a crash leaves the old content or the new.
func (c *movingClock) save(offset time.Duration) error {
	if c.file == "" {
		return nil
	}
	data, err := json.Marshal(clockState{OffsetSeconds: offset.Seconds()})
	if err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(c.file), filepath.Base(c.file)+".*")
	if err != nil {
		return fmt.Errorf("the demo's clock: %w", err)
	}
	_, err = temporary.Write(data)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), c.file)
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
		return fmt.Errorf("the demo's clock: %w", err)
	}
	return nil
}

// travel takes the demo's service through time.
type travel struct {
	clock      *movingClock
	store      *scheduler.Store
	dispatcher *scheduler.Dispatcher
}

func newTravel(clock *movingClock, service *bot.Service) *travel {
	return &travel{clock, service.Store(), service.Dispatcher()}
}

// The most stops on one journey, and how long one of them may take.
const (
	maxHops = 500
	hopTime = 20 * time.Second
)

// advance moves the clock forward by d, stopping wherever a reminder falls due
// until it was sent, so that a week passes as a week does: nudge after nudge,
// each at its time.
func (t *travel) advance(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return fmt.Errorf("the clock moves forward only")
	}
	target := t.clock.Now().Add(d)
	for range maxHops {
		next, err := t.store.Upcoming(ctx, 1)
		if err != nil {
			return err
		}
		if len(next) == 0 || next[0].DueAt.After(target) {
			break
		}
		if wait := next[0].DueAt.Sub(t.clock.Now()); wait > 0 {
			if err := t.clock.advance(wait); err != nil {
				return err
			}
		}
		if err := t.settle(ctx); err != nil {
			return err
		}
	}
	if left := target.Sub(t.clock.Now()); left > 0 {
		if err := t.clock.advance(left); err != nil {
			return err
		}
	}
	return t.settle(ctx)
}

// settle sends what is due by now, and returns when nothing is.
func (t *travel) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, hopTime)
	defer cancel()
	for {
		// Cycles exclude each other, so this also waits for one that the
		// service itself has begun.
		if _, err := t.dispatcher.Cycle(ctx); err != nil {
			return err
		}
		next, err := t.store.Upcoming(ctx, 1)
		if err != nil {
			return err
		}
		if len(next) == 0 || next[0].DueAt.After(t.clock.Now()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("reminders that are due do not leave: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// agendaSize is how many reminders the page's time line shows. First among them
// are the last few that were done or skipped within a week.
const (
	agendaSize   = 30
	finishedSize = 3
	finishedTime = 7 * 24 * time.Hour
)

// agenda lists what was just finished and what comes next, for the page's time
// line, and one more where there are more.
func (t *travel) agenda(ctx context.Context) ([]agendaItem, error) {
	upcoming, err := t.store.Upcoming(ctx, agendaSize+1)
	if err != nil {
		return nil, err
	}
	finished, err := t.store.Finished(ctx, t.clock.Now().Add(-finishedTime), finishedSize)
	if err != nil {
		return nil, err
	}
	leads := map[int64]scheduler.Lead{}
	items := make([]agendaItem, 0, len(finished)+len(upcoming))
	for _, r := range append(finished, upcoming...) {
		lead, known := leads[r.LeadID]
		if !known {
			lead, err = t.store.Lead(ctx, r.TelegramID, r.LeadID)
			if err != nil && !errors.Is(err, scheduler.ErrNotFound) {
				return nil, err
			}
			leads[r.LeadID] = lead
		}
		step, _ := lead.Step(r.StepID)
		what := step.Description
		if what == "" {
			what = r.DraftText
		}
		at := r.DueAt
		if !r.Status.Open() {
			at = r.UpdatedAt
		}
		items = append(items, agendaItem{
			ID: r.ID, Due: at.In(t.clock.zone), Lead: lead.Display(), Step: what, Status: string(r.Status), Found: found(r, step),
		})
	}
	return items, nil
}

// found says how a reminder's date came about.
func found(r scheduler.Reminder, step planparse.Step) string {
	switch {
	case !r.Status.Open():
		return ""
	case r.Status == scheduler.Snoozed:
		return "put off until then"
	case r.Status == scheduler.Sent:
		return "asks again then"
	case r.TimingSource == "timing" && step.Timing != "":
		return "from “" + step.Timing + "”"
	case r.TimingSource == "delay_days" && len(step.Delay) > 0:
		delay := strings.Trim(string(step.Delay), `"`)
		if _, err := strconv.ParseFloat(delay, 64); err != nil {
			return "from “" + delay + "”" // models write "3 days" there, too
		}
		return "day " + delay + " of the plan"
	case r.TimingSource == "default":
		return "spaced by 3 days"
	}
	return ""
}
