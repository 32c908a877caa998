package scheduler

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/planparse"
)

// setPlanSteps writes statuses, by step number, into the plan shown with a
// lead. It is a compare-and-swap on the row's updated_at: a plan that changed
// in between is read again. Nothing is written where nothing differs.
func (s *Scheduler) setPlanSteps(ctx context.Context, telegramID, leadID int64, statuses map[int]string) (Lead, error) {
	for range 4 {
		lead, err := s.store.Lead(ctx, telegramID, leadID)
		if err != nil {
			return Lead{}, err
		}
		plan, differs := withStatuses(lead.Plan(), statuses, s.store.now())
		if !differs {
			return lead, nil
		}
		encoded, err := json.Marshal(plan)
		if err != nil {
			return Lead{}, fmt.Errorf("encode plan: %w", err)
		}
		unchanged := filter.IsNull("updated_at")
		if !lead.UpdatedAt.IsZero() {
			unchanged = filter.Eq("updated_at", lead.UpdatedAt)
		}
		stored, err := insforge.Update[Lead](ctx, s.store.ownLead(telegramID, leadID).Where(unchanged).Select(leadColumns),
			map[string]any{"engagement_plan": json.RawMessage(encoded), "updated_at": s.tokens.next(s.store.clock.Now())}, insforge.Idempotent())
		if err != nil {
			return Lead{}, fmt.Errorf("store plan: %w", err)
		}
		if len(stored) == 1 {
			return stored[0], nil
		}
	}
	return Lead{}, fmt.Errorf("the plan of lead %d keeps changing; try again", leadID)
}

// repairPlan brings the plan shown with a lead in line with one of its
// reminders, where a crash came between the two.
func (s *Scheduler) repairPlan(ctx context.Context, r Reminder) {
	if r.Status == Cancelled {
		return
	}
	if _, err := s.setPlanSteps(ctx, r.TelegramID, r.LeadID, map[int]string{r.StepID: stepStatus(r.Status)}); err != nil {
		s.log.Warn("plan of the lead not repaired", "lead", r.LeadID, "error", err)
	}
}

// Reconcile brings the plan shown with a lead in line with its reminders,
// which are what counts. It returns the lead and the reminders.
func (s *Scheduler) Reconcile(ctx context.Context, telegramID, leadID int64) (Lead, []Reminder, error) {
	reminders, err := s.store.Reminders(ctx, telegramID, leadID)
	if err != nil {
		return Lead{}, nil, err
	}
	statuses := make(map[int]string, len(reminders))
	for _, r := range reminders {
		statuses[r.StepID] = stepStatus(r.Status)
	}
	lead, err := s.setPlanSteps(ctx, telegramID, leadID, statuses)
	return lead, reminders, err
}

// withStatuses is plan with the statuses of some steps set. differs is false
// where that changes nothing.
func withStatuses(plan planparse.Plan, statuses map[int]string, at time.Time) (changed planparse.Plan, differs bool) {
	plan.Steps = slices.Clone(plan.Steps)
	for i := range plan.Steps {
		step := &plan.Steps[i]
		status, ok := statuses[step.ID]
		if !ok || cmp.Or(step.Status, planparse.StatusPending) == status {
			continue
		}
		step.Status, step.CompletedAt = status, ""
		if status == planparse.StatusDone {
			step.CompletedAt = at.Format(time.RFC3339)
		}
		differs = true
	}
	return plan, differs
}
