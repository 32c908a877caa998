package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A lead without open steps is followed up every followupGap, until it is
// followupEnd old.
const (
	followupGap = 3 * 24 * time.Hour
	followupEnd = 60 * 24 * time.Hour
)

// Followups reminds users of leads whose plan has run out: those with no open
// step, not closed, whose next_followup has passed.
type Followups struct {
	tokens   tokens
	store    *Store
	sender   Sender
	zone     *time.Location
	interval time.Duration
	log      *slog.Logger
}

// NewFollowups returns Followups that look every interval. zone is the time
// zone of users who have chosen none.
func NewFollowups(store *Store, sender Sender, interval time.Duration, zone *time.Location, log *slog.Logger) (*Followups, error) {
	if store == nil || sender == nil || zone == nil || log == nil {
		return nil, errors.New("scheduler: follow-ups need a store, a sender, a time zone and a logger")
	}
	if interval <= 0 {
		return nil, fmt.Errorf("scheduler: the interval must be positive, not %s", interval)
	}
	return &Followups{store: store, sender: sender, interval: interval, zone: zone, log: log}, nil
}

// Run looks at once and then every interval, until ctx ends.
func (f *Followups) Run(ctx context.Context) error {
	for failures := 0; ctx.Err() == nil; {
		wait := f.interval
		if err := f.Cycle(ctx); err != nil && ctx.Err() == nil {
			failures++
			wait = backoff(failures)
			if asked := (*notDeliveredError)(nil); errors.As(err, &asked) {
				wait = max(wait, asked.retryAfter)
			}
			f.log.Error("follow-ups cannot be sent for now", "error", err, "next_try_in", wait)
		} else {
			failures = 0
		}
		sleep(ctx, f.store.clock, wait)
	}
	return nil
}

// Cycle sends the follow-ups that are due, once.
func (f *Followups) Cycle(ctx context.Context) error {
	now := f.store.now()
	leads, err := insforge.All[Lead](ctx, f.store.client.From(tableLeads).Select(leadColumns).Where(
		filter.Gte("next_followup", epoch), filter.Lte("next_followup", now),
		filter.Or(filter.IsNull("status"), filter.Not(filter.In("status", "closed_won", "closed_lost"))),
	).Order("next_followup.asc", "id.asc").Limit(maxPerCycle))
	if err != nil {
		return fmt.Errorf("list follow-ups: %w", err)
	}
	if len(leads) == 0 {
		return nil
	}
	var leadIDs, userIDs []int64
	for _, lead := range leads {
		leadIDs = append(leadIDs, lead.ID)
		userIDs = append(userIDs, lead.TelegramID)
	}
	active, err := f.store.listReminders(ctx, f.store.reminders(filter.In("lead_id", leadIDs), open()).Select("id", "lead_id"))
	if err != nil {
		return err
	}
	busy := map[int64]bool{}
	for _, r := range active {
		busy[r.LeadID] = true
	}
	users, err := f.store.usersByID(ctx, userIDs)
	if err != nil {
		return err
	}
	for _, lead := range leads {
		user := users[lead.TelegramID]
		switch {
		case ctx.Err() != nil:
			return nil
		case busy[lead.ID], !user.BlockedAt.IsZero(), user.SendableAt(now, f.zone).After(now):
			continue
		case !lead.CreatedAt.IsZero() && now.Sub(lead.CreatedAt) > followupEnd:
			if _, err := f.swap(ctx, lead, map[string]any{"next_followup": nil}); err != nil {
				return err
			}
		default:
			if err := f.send(ctx, lead, user, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// send claims a lead's follow-up, like a nudge, before it sends it.
func (f *Followups) send(ctx context.Context, lead Lead, user User, now time.Time) error {
	claimed := lead
	claimed.NextFollowup = f.tokens.next(now.Add(followupGap)) // unique, so that it tells whose claim it is
	ok, err := f.swap(ctx, lead, map[string]any{"next_followup": claimed.NextFollowup, "followup_count": lead.FollowupCount + 1})
	if err != nil || !ok {
		return err
	}
	result := f.sender.Send(ctx, Message{Kind: Followup, TelegramID: lead.TelegramID, User: user, Now: now, Items: []Item{{Lead: lead, Next: claimed.NextFollowup}}})
	log := f.log.With("telegram_id", lead.TelegramID, "lead", lead.ID)
	switch result.Outcome {
	case Delivered:
		log.Info("follow-up delivered")
		return f.store.LogActivity(ctx, Activity{LeadID: lead.ID, TelegramID: lead.TelegramID, Type: ActivityFollowupSent})
	case NotDelivered:
		log.Warn("follow-up not delivered, will be tried again", "error", result.Err)
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), wrapUpTime)
		defer cancel()
		if _, err := f.swap(stop, claimed, map[string]any{"next_followup": now, "followup_count": lead.FollowupCount}); err != nil {
			return err
		}
		return &notDeliveredError{retryAfter: result.RetryAfter, cause: result.Err}
	case Refused:
		log.Warn("follow-up refused", "error", result.Err)
		if !result.ThisOnly {
			_, err := f.store.block(ctx, lead.TelegramID, fmt.Sprint(result.Err))
			return err
		}
	default:
		log.Warn("follow-up may or may not have been delivered", "error", result.Err)
	}
	return nil
}

// notDeliveredError ends a cycle early: what keeps one follow-up from leaving
// keeps the others, too.
type notDeliveredError struct {
	retryAfter time.Duration
	cause      error
}

func (e *notDeliveredError) Error() string {
	return fmt.Sprintf("follow-up not delivered: %v", e.cause)
}
func (e *notDeliveredError) Unwrap() error { return e.cause }

// swap changes a lead whose follow-up date is still as it was read. Where the
// answer is lost the new date tells whether it was this change.
func (f *Followups) swap(ctx context.Context, lead Lead, set map[string]any) (bool, error) {
	row := f.store.client.From(tableLeads).Where(filter.Eq("id", lead.ID))
	n, err := row.Where(filter.Eq("next_followup", lead.NextFollowup)).Update(ctx, set)
	if err != nil && !insforge.SafeToRepeat(err) && set["next_followup"] != nil {
		if back, readErr := insforge.Count(ctx, row.Where(filter.Eq("next_followup", set["next_followup"]))); readErr == nil {
			n, err = back, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("change follow-up: %w", err)
	}
	return n > 0, nil
}

// planFollowups dates the first follow-up of leads that have none. As long as
// steps of theirs are open it is passed over.
func (s *Store) planFollowups(ctx context.Context, leads []int64) error {
	_, err := s.client.From(tableLeads).Where(filter.In("id", leads), filter.IsNull("next_followup")).
		Update(ctx, map[string]any{"next_followup": s.now().Add(followupGap)}, insforge.Idempotent())
	if err != nil {
		return fmt.Errorf("plan follow-ups: %w", err)
	}
	return nil
}

// planFollowup dates the first follow-up of a lead whose last step was closed.
func (s *Scheduler) planFollowup(ctx context.Context, lead Lead) {
	if lead.ID == 0 {
		return
	}
	if err := s.store.planFollowups(ctx, []int64{lead.ID}); err != nil {
		s.log.Warn("follow-up not planned", "lead", lead.ID, "error", err)
	}
}
