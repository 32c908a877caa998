package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A claim is one compare-and-swap PATCH over reminders with the same number of
// nudges behind them. It moves their due_at past the next gap, counts the
// nudge, and leaves its token in last_reminded_at. PostgreSQL checks every
// filter again on the row it is about to change, so of any number of processes
// that want a row exactly one gets it. A claim never carries a limit: on
// PostgREST 12 the filters of a limited PATCH are not checked again, and from
// 13 on the limit is ignored.
type claim struct {
	made   time.Time // when; claims in doubt are asked about for a while
	token  time.Time // in last_reminded_at, unique
	dueAt  time.Time // what due_at becomes
	count  int       // reminder_count before
	digest bool      // a digest does not count as a nudge
	ids    []int64   // ascending, so that claims meet in one order and do not deadlock
}

// filters are the state the rows must still be in.
func (c claim) filters(now time.Time) []filter.Filter {
	return []filter.Filter{filter.In("id", c.ids), open(), filter.Eq("reminder_count", c.count), filter.Lte("due_at", now)}
}

func (c claim) values() map[string]any {
	set := map[string]any{"last_reminded_at": c.token, "due_at": c.dueAt, "updated_at": c.token}
	if !c.digest {
		set["reminder_count"] = c.count + 1
	}
	return set
}

// claim carries a claim out and returns the rows it got. Where the answer was
// lost, or names fewer rows than were asked for (a gateway may have carried the
// request out twice and answered with what was left the second time), it reads
// its token back. uncertain reports that rows not returned may be claimed all
// the same, now or in a moment: only this token can tell.
//
// It finishes, within its time, what ctx would cut off: a claim that nobody
// knows of is a nudge put off.
func (s *Store) claim(ctx context.Context, c claim, now time.Time) (rows []Reminder, uncertain bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	got, err := insforge.Update[storedReminder](ctx, s.reminders(c.filters(now)...).Select(claimedColumns), c.values())
	rows = c.rows(got)
	switch {
	case err == nil && len(rows) == len(c.ids):
		return rows, false, nil
	case err != nil && insforge.SafeToRepeat(err):
		return nil, false, fmt.Errorf("claim reminders: %w", err)
	}
	back, readErr := s.claimed(ctx, c)
	if readErr != nil {
		return rows, true, fmt.Errorf("claim reminders: %w", cmp.Or(err, readErr))
	}
	return back, err != nil, nil
}

// claimed reads back which rows carry a claim's token, and still stand as it
// left them.
func (s *Store) claimed(ctx context.Context, c claim) ([]Reminder, error) {
	got, err := insforge.All[storedReminder](ctx, s.reminders(
		filter.In("id", c.ids), filter.Eq("last_reminded_at", c.token), filter.Eq("due_at", c.dueAt), open()).Select(claimedColumns))
	if err != nil {
		return nil, fmt.Errorf("read claimed reminders: %w", err)
	}
	return c.rows(got), nil
}

// claimedColumns are the columns of a claimed row that its claim does not
// know: it set the others.
const claimedColumns = "id,lead_id,telegram_id,step_id,plan_version,status,planned_at,timing_source,snooze_count,draft_text,telegram_message_id,last_error"

// rows completes rows that this claim got by what it set.
func (c claim) rows(got []storedReminder) []Reminder {
	rows := make([]Reminder, 0, len(got))
	for _, row := range got {
		r := row.reminder()
		if _, asked := slices.BinarySearch(c.ids, r.ID); !asked {
			continue // somebody else's answer
		}
		r.ClaimToken, r.UpdatedAt, r.DueAt, r.ReminderCount = c.token, c.token, c.dueAt, c.count
		if !c.digest {
			r.ReminderCount++
		}
		rows = append(rows, r)
	}
	return rows
}

// claimKey is what rows must share to be confirmed or released together.
type claimKey struct {
	token time.Time
	dueAt time.Time
}

func keyOf(r Reminder) claimKey { return claimKey{r.ClaimToken.UTC(), r.DueAt.UTC()} }

// held selects rows that are as their claim left them. A row its user has
// acted on since has another due date or another status.
func (s *Store) held(key claimKey, ids []int64) insforge.Query {
	return s.reminders(filter.In("id", ids), filter.Eq("last_reminded_at", key.token), filter.Eq("due_at", key.dueAt), open())
}

// confirm sets the status that a delivery leads to on rows of one claim. A
// messageID of 0 is not stored: rows confirmed together have several.
func (s *Store) confirm(ctx context.Context, key claimKey, ids []int64, status Status, messageID int64) error {
	set := map[string]any{"status": status, "last_error": nil, "updated_at": s.now()}
	if messageID != 0 {
		set["telegram_message_id"] = messageID
	}
	if _, err := s.held(key, ids).Update(ctx, set, insforge.Idempotent()); err != nil {
		return fmt.Errorf("confirm reminders: %w", err)
	}
	return nil
}

// release gives rows of one claim back: the nudge was certainly not delivered
// and comes again at dueAt.
func (s *Store) release(ctx context.Context, key claimKey, ids []int64, count int, dueAt time.Time) error {
	set := map[string]any{"reminder_count": count, "due_at": dueAt, "last_reminded_at": nil, "updated_at": s.now()}
	if _, err := s.held(key, ids).Update(ctx, set, insforge.Idempotent()); err != nil {
		return fmt.Errorf("release reminders: %w", err)
	}
	return nil
}

// park stops sending rows of one claim, and says why.
func (s *Store) park(ctx context.Context, key claimKey, ids []int64, reason string) error {
	set := map[string]any{"status": Parked, "last_error": reason, "updated_at": s.now()}
	if _, err := s.held(key, ids).Update(ctx, set, insforge.Idempotent()); err != nil {
		return fmt.Errorf("park reminders: %w", err)
	}
	return nil
}

// postpone moves what is due for some users to when it may be sent.
func (s *Store) postpone(ctx context.Context, users []int64, now, until time.Time) (int64, error) {
	slices.Sort(users)
	n, err := s.reminders(filter.In("telegram_id", users), open(), filter.Lte("due_at", now)).
		Update(ctx, map[string]any{"due_at": until.UTC().Truncate(time.Microsecond), "updated_at": s.now()}, insforge.Idempotent(), insforge.Batched())
	if err != nil {
		return 0, fmt.Errorf("hold back reminders: %w", err)
	}
	return n, nil
}

// orphan closes reminders whose lead no longer exists.
func (s *Store) orphan(ctx context.Context, ids []int64) (int64, error) {
	n, err := s.reminders(filter.In("id", ids), open()).
		Update(ctx, map[string]any{"status": Skipped, "last_error": "the lead no longer exists", "updated_at": s.now()}, insforge.Idempotent(), insforge.Batched())
	if err != nil {
		return 0, fmt.Errorf("skip reminders of missing leads: %w", err)
	}
	return n, nil
}

// claims splits rows into the claims that take them: one for each number of
// nudges, the digest's apart.
func (d *Dispatcher) claims(parcels []parcel, now time.Time) []claim {
	type kind struct {
		count  int
		digest bool
	}
	byKind := map[kind][]int64{}
	for _, p := range parcels {
		for _, r := range p.rows {
			k := kind{r.ReminderCount, p.kind == Digest}
			byKind[k] = append(byKind[k], r.ID)
		}
	}
	claims := make([]claim, 0, len(byKind))
	for k, ids := range byKind {
		slices.Sort(ids)
		for part := range slices.Chunk(ids, maxBatch) {
			claims = append(claims, claim{
				made: now, token: d.tokens.next(now), dueAt: now.Add(d.step(k.count, k.digest).gap).UTC().Truncate(time.Microsecond),
				count: k.count, digest: k.digest, ids: part,
			})
		}
	}
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Compare(a.ids[0], b.ids[0]) })
	return claims
}
