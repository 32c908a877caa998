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
	made   time.Time  // when; claims in doubt are asked about for a while
	token  time.Time  // in last_reminded_at, unique
	dueAt  time.Time  // what due_at becomes
	count  int        // reminder_count before
	digest bool       // a digest does not count as a nudge
	rows   []Reminder // as listed, ascending by id, so that claims meet in one order and do not deadlock
	part   bool       // other rows may carry the token, too
}

// held is a reminder on its way: as it was listed, and then as its claim left
// it.
type held struct {
	Reminder
	by *claim // nil before it is claimed
}

// before is the reminder as it was listed.
func (h held) before() Reminder {
	at, _ := h.by.find(h.ID)
	return h.by.rows[at]
}

func (c *claim) find(id int64) (at int, found bool) {
	return slices.BinarySearchFunc(c.rows, id, func(r Reminder, id int64) int { return cmp.Compare(r.ID, id) })
}

// filters are the state the rows must still be in.
func (c *claim) filters(now time.Time) []filter.Filter {
	return []filter.Filter{filter.In("id", ids(c.rows)), open(), filter.Eq("reminder_count", c.count), filter.Lte("due_at", now)}
}

func (c *claim) values() map[string]any {
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
func (s *Store) claim(ctx context.Context, c *claim, now time.Time) (rows []held, uncertain bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	answer, err := insforge.Update[storedReminder](ctx, s.reminders(c.filters(now)...).Select(claimedColumns), c.values())
	rows = c.held(answer)
	switch {
	case err == nil && len(rows) == len(c.rows):
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
func (s *Store) claimed(ctx context.Context, c *claim) ([]held, error) {
	answer, err := insforge.All[storedReminder](ctx, s.reminders(
		filter.In("id", ids(c.rows)), filter.Eq("last_reminded_at", c.token), filter.Eq("due_at", c.dueAt), open()).Select(claimedColumns).Counted())
	if err != nil {
		return nil, fmt.Errorf("read claimed reminders: %w", err)
	}
	return c.held(answer), nil
}

// claimedColumns are the columns of a claimed row that are not known already,
// from the listing or because the claim set them.
const claimedColumns = "id,status,snooze_count,planned_at,timing_source,draft_text,telegram_message_id"

// held completes rows that this claim got by what was listed and what it set.
func (c *claim) held(answer []storedReminder) []held {
	rows := make([]held, 0, len(answer))
	for _, row := range answer {
		at, asked := c.find(row.ID)
		if !asked {
			continue // somebody else's answer
		}
		r := row.reminder()
		r.LeadID, r.TelegramID, r.StepID = c.rows[at].LeadID, c.rows[at].TelegramID, c.rows[at].StepID
		r.ClaimToken, r.UpdatedAt, r.DueAt, r.ReminderCount = c.token, c.token, c.dueAt, c.count
		if !c.digest {
			r.ReminderCount++
		}
		rows = append(rows, held{r, c})
	}
	return rows
}

// change is what an outcome sets rows to. Rows that change alike share a
// request.
type change struct {
	outcome Outcome   // Delivered: confirmed; NotDelivered: given back; Refused: parked
	status  Status    // that a delivery leads to
	message int64     // that carries the buttons now; 0 where there is no one such
	count   int       // that a row given back returns to,
	dueAt   time.Time // and when it is due again;
	rested  bool      // it had rested after its last nudge: without a token it would look as if its user had put it off
	reason  string    // for parking
}

func (ch change) values() map[string]any {
	switch ch.outcome {
	case Delivered:
		set := map[string]any{"status": ch.status, "last_error": nil, "telegram_message_id": nil}
		if ch.message != 0 {
			set["telegram_message_id"] = ch.message
		}
		return set
	case NotDelivered:
		set := map[string]any{"reminder_count": ch.count, "due_at": ch.dueAt}
		if !ch.rested {
			set["last_reminded_at"] = nil
		}
		return set
	default:
		return map[string]any{"status": Parked, "last_error": ch.reason}
	}
}

// settle changes rows that are as their claims left them. A row its user has
// acted on since has another due date or another status. Without ids it
// changes all that the claims hold, however many, and without a long request.
func (s *Store) settle(ctx context.Context, claims []*claim, ids []int64, change change) error {
	var tokens, dues []time.Time
	for _, c := range claims {
		tokens, dues = append(tokens, c.token), append(dues, c.dueAt)
	}
	standing := open()
	if change.outcome == NotDelivered {
		standing = actionable() // parked by another refusal of its user meanwhile, it still gets its nudge back
	}
	rows := s.reminders(filter.In("due_at", dues), filter.In("last_reminded_at", tokens), standing)
	if ids != nil {
		rows = rows.Where(filter.In("id", ids))
	}
	set := change.values()
	set["updated_at"] = s.now()
	if _, err := rows.Update(ctx, set, insforge.Idempotent(), insforge.Batched()); err != nil {
		return fmt.Errorf("store what became of reminders (%s): %w", change.outcome, err)
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

// orphaned is last_error of reminders that were skipped because their lead is
// gone.
const orphaned = "the lead no longer exists"

// orphan closes reminders whose lead no longer exists.
func (s *Store) orphan(ctx context.Context, ids []int64) (int64, error) {
	n, err := s.reminders(filter.In("id", ids), open()).
		Update(ctx, map[string]any{"status": Skipped, "last_error": orphaned, "updated_at": s.now()}, insforge.Idempotent(), insforge.Batched())
	if err != nil {
		return 0, fmt.Errorf("skip reminders of missing leads: %w", err)
	}
	return n, nil
}

// claims splits rows into the claims that take them: one for each number of
// nudges, the digest's apart.
func (d *Dispatcher) claims(parcels []parcel, now time.Time) []*claim {
	type kind struct {
		count  int
		digest bool
	}
	byKind := map[kind][]Reminder{}
	for _, p := range parcels {
		for _, r := range p.rows {
			k := kind{r.ReminderCount, p.kind == Digest}
			byKind[k] = append(byKind[k], r.Reminder)
		}
	}
	claims := make([]*claim, 0, len(byKind))
	for k, rows := range byKind {
		slices.SortFunc(rows, func(a, b Reminder) int { return cmp.Compare(a.ID, b.ID) })
		for part := range slices.Chunk(rows, maxBatch) {
			claims = append(claims, &claim{
				made: now, token: d.tokens.next(now), dueAt: now.Add(d.step(k.count, k.digest).gap).UTC().Truncate(time.Microsecond),
				count: k.count, digest: k.digest, rows: part,
			})
		}
	}
	slices.SortFunc(claims, func(a, b *claim) int { return cmp.Compare(a.rows[0].ID, b.rows[0].ID) })
	return claims
}

// of is the same claim of other rows, by another token.
func (c *claim) of(rows []Reminder, token time.Time) *claim {
	other := *c
	other.rows, other.token = rows, token
	return &other
}

// without is a claim of the rows that are not among these.
func (c *claim) without(rows []held) *claim {
	known := map[int64]bool{}
	for _, r := range rows {
		known[r.ID] = true
	}
	rest := c.of(slices.DeleteFunc(slices.Clone(c.rows), func(r Reminder) bool { return known[r.ID] }), c.token)
	rest.part = true
	return rest
}
