package scheduler

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A lead is stale when nothing has changed about it for staleAfter and nothing
// is to come: no open step, no follow-up. A user hears of their stale leads
// every staleEvery at most, and of the same ones again after staleAgain. Like a
// follow-up, that ends when a lead is followupEnd old.
const (
	staleAfter = 7 * 24 * time.Hour
	staleEvery = 24 * time.Hour
	staleAgain = 7 * 24 * time.Hour
)

// sendStale sends each user the digest of their stale leads.
func (f *Followups) sendStale(ctx context.Context) error {
	now := f.store.now()
	leads, err := f.stale(ctx, now)
	if err != nil || len(leads) == 0 {
		return err
	}
	users, err := f.reachable(ctx, leads, now)
	if err != nil {
		return err
	}
	byUser := map[int64][]Lead{}
	for _, lead := range leads {
		if _, ok := users[lead.TelegramID]; ok {
			byUser[lead.TelegramID] = append(byUser[lead.TelegramID], lead)
		}
	}
	told, err := f.told(ctx, slices.Sorted(maps.Keys(byUser)))
	if err != nil {
		return err
	}
	return f.eachUser(ctx, slices.Sorted(maps.Keys(byUser)), func(ctx context.Context, user int64) error {
		return f.tellStale(ctx, users[user], byUser[user], told[user], now)
	})
}

// stale lists stale leads, the longest untouched first: who they are, without
// their plans and notes.
func (f *Followups) stale(ctx context.Context, now time.Time) ([]Lead, error) {
	var stale []Lead
	for after := int64(0); ; {
		page, err := insforge.All[Lead](ctx, f.store.client.From(tableLeads).Select(briefLeadColumns).Where(
			filter.Gt("id", after), filter.Lt("updated_at", now.Add(-staleAfter)), filter.Gt("created_at", now.Add(-followupEnd)),
			filter.IsNull("next_followup"), unclosed(),
		).Order("id.asc").Limit(followupPage))
		if err != nil {
			return nil, fmt.Errorf("list stale leads: %w", err)
		}
		if len(page) == 0 {
			slices.SortStableFunc(stale, func(a, b Lead) int { return a.UpdatedAt.Compare(b.UpdatedAt) })
			return stale, nil
		}
		after = page[len(page)-1].ID
		busy, err := f.busy(ctx, page)
		if err != nil {
			return nil, err
		}
		stale = append(stale, slices.DeleteFunc(page, func(lead Lead) bool { return busy[lead.ID] })...)
	}
}

// toldOf is a row of service_leases that keeps a user from hearing of their
// stale leads again: which those were, and until when.
type toldOf struct {
	Name  string  `json:"name"`
	Which string  `json:"holder"`
	Until instant `json:"expires_at"`
}

func staleLease(user int64) string { return "stale-leads-" + strconv.FormatInt(user, 10) }

func (f *Followups) told(ctx context.Context, users []int64) (map[int64]toldOf, error) {
	names := make([]string, len(users))
	byName := map[string]int64{}
	for i, user := range users {
		names[i] = staleLease(user)
		byName[names[i]] = user
	}
	rows, err := insforge.All[toldOf](ctx, f.store.client.From(tableLeases).Where(filter.In("name", names)).Counted())
	if err != nil {
		return nil, fmt.Errorf("read when stale leads were told: %w", err)
	}
	told := map[int64]toldOf{}
	for _, row := range rows {
		told[byName[row.Name]] = row
	}
	return told, nil
}

// tellStale sends a user the digest of their stale leads, unless they had it
// today, or the same within a week. Like a nudge it is claimed before it is
// sent, so that of several processes one sends it.
func (f *Followups) tellStale(ctx context.Context, user User, leads []Lead, last toldOf, now time.Time) error {
	telegramID := leads[0].TelegramID
	which := fingerprint(leads)
	until := time.Time(last.Until)
	if until.After(now) || (which == last.Which && until.After(now.Add(staleEvery-staleAgain))) {
		return nil
	}
	token := f.tokens.next(now.Add(staleEvery))
	claimed, err := f.claimStale(ctx, telegramID, last, which, token)
	if err != nil || !claimed {
		return err
	}
	message := Message{Kind: Stale, TelegramID: telegramID, User: user, Now: now, Until: user.leavesBy(now, f.zone)}
	for _, lead := range leads {
		message.Items = append(message.Items, Item{Lead: lead, Overdue: now.Sub(lead.UpdatedAt)})
	}
	result := f.sender.Send(ctx, message)
	log := f.log.With("telegram_id", telegramID, "leads", len(leads))
	switch result.Outcome {
	case Delivered:
		log.Info("digest of stale leads delivered")
	case NotDelivered:
		log.Warn("digest of stale leads not delivered, will be tried again", "error", result.Err)
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), wrapUpTime)
		defer cancel()
		if _, err := f.store.client.From(tableLeases).Where(filter.Eq("name", staleLease(telegramID)), filter.Eq("expires_at", token)).
			Update(stop, map[string]any{"holder": last.Which, "expires_at": until}, insforge.Idempotent()); err != nil {
			return fmt.Errorf("give the digest of stale leads back: %w", err)
		}
		return &notDeliveredError{retryAfter: result.RetryAfter, everyone: result.Everyone, cause: result.Err}
	case Refused:
		log.Warn("digest of stale leads refused", "error", result.Err)
		if !result.ThisOnly {
			_, err := f.store.block(ctx, telegramID, fmt.Sprint(result.Err))
			return err
		}
	default:
		log.Warn("digest of stale leads may or may not have been delivered", "error", result.Err)
	}
	return nil
}

// claimStale is a compare-and-swap on the row that says when a user was told
// last. token, which is until when they are not told again, tells whose it is
// where an answer was lost. Like a claim it finishes, within its time, what ctx
// would cut off.
func (f *Followups) claimStale(ctx context.Context, user int64, last toldOf, which string, token time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	leases := f.store.client.From(tableLeases)
	row := map[string]any{"name": staleLease(user), "holder": which, "expires_at": token}
	var n int64
	var err error
	if last.Name == "" {
		n, err = leases.Insert(ctx, row, insforge.OnConflictIgnore("name"))
	} else {
		n, err = leases.Where(filter.Eq("name", last.Name), filter.Eq("expires_at", time.Time(last.Until))).Update(ctx, row)
	}
	if n == 0 && (err == nil || !insforge.SafeToRepeat(err)) {
		back, readErr := insforge.Count(ctx, leases.Where(filter.Eq("name", staleLease(user)), filter.Eq("expires_at", token)))
		if readErr == nil {
			n, err = back, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("claim the digest of stale leads: %w", err)
	}
	return n > 0, nil
}

// fingerprint names a set of leads.
func fingerprint(leads []Lead) string {
	ids := make([]int64, len(leads))
	for i, lead := range leads {
		ids[i] = lead.ID
	}
	slices.Sort(ids)
	hash := sha256.Sum256(fmt.Append(nil, ids))
	return hex.EncodeToString(hash[:8])
}
