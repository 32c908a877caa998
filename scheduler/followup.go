package scheduler

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

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
// step, not closed, whose next_followup has passed. What nobody has touched for
// a week and nothing is planned for comes as one digest a day.
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

// followupPage is how many leads are looked at together, and followupsAtOnce to
// how many people messages are on their way at a time.
const (
	followupPage    = 500
	followupsAtOnce = 16
)

// Cycle sends the follow-ups that are due, once, and to each user the digest of
// their stale leads, at most once a day. It returns the first error; whom that
// is not about is served all the same.
func (f *Followups) Cycle(ctx context.Context) error {
	var failed error
	for after := int64(0); ctx.Err() == nil; {
		leads, err := insforge.All[Lead](ctx, f.store.client.From(tableLeads).Select(leadColumns).Where(
			filter.Gt("id", after), filter.Gte("next_followup", epoch), filter.Lte("next_followup", f.store.now()), unclosed(),
		).Order("id.asc").Limit(followupPage))
		if err != nil {
			return fmt.Errorf("list follow-ups: %w", err)
		}
		if len(leads) == 0 {
			break
		}
		after = leads[len(leads)-1].ID
		if err := f.sendPage(ctx, leads); err != nil {
			failed = cmp.Or(failed, err)
			if stopsEveryone(err) {
				return failed
			}
		}
	}
	if ctx.Err() != nil {
		return failed
	}
	return cmp.Or(failed, f.sendStale(ctx))
}

// unclosed keeps leads that are neither won nor lost.
func unclosed() filter.Filter {
	return filter.Or(filter.IsNull("status"), filter.Not(filter.In("status", "closed_won", "closed_lost")))
}

// sendPage sends the follow-ups of some leads, each user's one after another
// and users side by side.
func (f *Followups) sendPage(ctx context.Context, leads []Lead) error {
	now := f.store.now()
	users, err := f.reachable(ctx, leads, now)
	if err != nil {
		return err
	}
	busy, err := f.busy(ctx, leads)
	if err != nil {
		return err
	}
	byUser := map[int64][]Lead{}
	for _, lead := range leads {
		if _, ok := users[lead.TelegramID]; ok && !busy[lead.ID] {
			byUser[lead.TelegramID] = append(byUser[lead.TelegramID], lead)
		}
	}
	return f.eachUser(ctx, slices.Sorted(maps.Keys(byUser)), func(ctx context.Context, user int64) error {
		for _, lead := range byUser[user] {
			if ctx.Err() != nil {
				return nil
			}
			if !lead.CreatedAt.IsZero() && now.Sub(lead.CreatedAt) > followupEnd {
				if _, err := f.swap(ctx, lead, map[string]any{"next_followup": nil}); err != nil {
					return err
				}
				continue
			}
			if reached, err := f.send(ctx, lead, users[user], now); err != nil || !reached {
				return err
			}
		}
		return nil
	})
}

// eachUser does something for each user, for several at a time, until it fails
// in a way that nobody would be spared. It returns that error, or else the
// first.
func (f *Followups) eachUser(ctx context.Context, users []int64, do func(ctx context.Context, user int64) error) error {
	working, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var group errgroup.Group
	group.SetLimit(followupsAtOnce)
	for _, user := range users {
		group.Go(func() error {
			if working.Err() != nil {
				return nil
			}
			err := do(working, user)
			if stopsEveryone(err) {
				stop(err)
			}
			return err
		})
	}
	first := group.Wait()
	if cause := context.Cause(working); stopsEveryone(cause) && ctx.Err() == nil {
		return cause
	}
	return first
}

// stopsEveryone reports whether what failed would fail for any user: the store,
// or a far side that takes no messages at all. One user's failure holds up
// nobody else.
func stopsEveryone(err error) bool {
	if err == nil {
		return false
	}
	unsent := (*notDeliveredError)(nil)
	return !errors.As(err, &unsent) || unsent.everyone
}

// reachable returns the settings of the leads' users who may be sent something
// now.
func (f *Followups) reachable(ctx context.Context, leads []Lead, now time.Time) (map[int64]User, error) {
	ids := make([]int64, len(leads))
	for i, lead := range leads {
		ids[i] = lead.TelegramID
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	known, err := f.store.usersByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	users := map[int64]User{}
	for _, id := range ids {
		user := known[id]
		if user.BlockedAt.IsZero() && !user.SendableAt(now, f.zone).After(now) {
			users[id] = user
		}
	}
	return users, nil
}

// busy tells which of the leads have an open step.
func (f *Followups) busy(ctx context.Context, leads []Lead) (map[int64]bool, error) {
	ids := make([]int64, len(leads))
	for i, lead := range leads {
		ids[i] = lead.ID
	}
	open, err := f.store.listReminders(ctx, f.store.reminders(filter.In("lead_id", ids), open()).Select("id", "lead_id").Counted())
	if err != nil {
		return nil, err
	}
	busy := map[int64]bool{}
	for _, r := range open {
		busy[r.LeadID] = true
	}
	return busy, nil
}

// send claims a lead's follow-up, like a nudge, before it sends it. reached is
// false where its user cannot be sent anything.
func (f *Followups) send(ctx context.Context, lead Lead, user User, now time.Time) (reached bool, err error) {
	claimed := lead
	claimed.NextFollowup = f.tokens.next(now.Add(followupGap)) // unique, so that it tells whose claim it is
	ok, err := f.swap(ctx, lead, map[string]any{"next_followup": claimed.NextFollowup, "followup_count": lead.FollowupCount + 1})
	if err != nil || !ok {
		return true, err
	}
	result := f.sender.Send(ctx, Message{Kind: Followup, TelegramID: lead.TelegramID, User: user, Now: now, Until: user.leavesBy(now, f.zone), Items: []Item{{Lead: lead, Next: claimed.NextFollowup}}})
	log := f.log.With("telegram_id", lead.TelegramID, "lead", lead.ID)
	switch result.Outcome {
	case Delivered:
		log.Info("follow-up delivered")
		return true, f.store.LogActivity(ctx, Activity{LeadID: lead.ID, TelegramID: lead.TelegramID, Type: ActivityFollowupSent})
	case NotDelivered:
		log.Warn("follow-up not delivered, will be tried again", "error", result.Err)
		if _, err := f.swap(ctx, claimed, map[string]any{"next_followup": now, "followup_count": lead.FollowupCount}); err != nil {
			return true, err
		}
		return true, &notDeliveredError{retryAfter: result.RetryAfter, everyone: result.Everyone, cause: result.Err}
	case Refused:
		log.Warn("follow-up refused", "error", result.Err)
		if !result.ThisOnly {
			_, err := f.store.block(ctx, lead.TelegramID, fmt.Sprint(result.Err))
			return false, err
		}
	default:
		log.Warn("follow-up may or may not have been delivered", "error", result.Err)
	}
	return true, nil
}

// notDeliveredError says that a message certainly did not leave, and whether
// any other would have met the same.
type notDeliveredError struct {
	retryAfter time.Duration
	everyone   bool
	cause      error
}

func (e *notDeliveredError) Error() string {
	return fmt.Sprintf("follow-up not delivered: %v", e.cause)
}
func (e *notDeliveredError) Unwrap() error { return e.cause }

// swap changes a lead whose follow-up date is still as it was read. Where the
// answer is lost the new date tells whether it was this change. Like a claim it
// finishes, within its time, what ctx would cut off.
func (f *Followups) swap(ctx context.Context, lead Lead, set map[string]any) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
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
