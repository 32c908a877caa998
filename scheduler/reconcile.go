package scheduler

import (
	"bytes"
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

// showPlan makes plan the one shown with a lead, with what its reminders say
// of its steps. A plan that is shown already stays as it is, the statuses of
// its steps included.
func (s *Scheduler) showPlan(ctx context.Context, lead Lead, plan planparse.Plan) (Lead, error) {
	rows, err := s.store.leadReminders(ctx, lead.TelegramID, lead.ID)
	if err != nil {
		return Lead{}, err
	}
	plan, _ = withStatuses(plan, statuses(rows), s.store.now())
	encoded, err := json.Marshal(plan)
	if err != nil {
		return Lead{}, fmt.Errorf("encode plan: %w", err)
	}
	shown, err := json.Marshal(lead.Plan())
	if err != nil {
		return Lead{}, fmt.Errorf("encode plan: %w", err)
	}
	if bytes.Equal(encoded, shown) {
		return lead, nil
	}
	if _, err := s.store.ownLead(lead.TelegramID, lead.ID).Update(ctx,
		map[string]any{"engagement_plan": json.RawMessage(encoded), "updated_at": s.tokens.next(s.store.clock.Now())}, insforge.Idempotent()); err != nil {
		return Lead{}, fmt.Errorf("store plan: %w", err)
	}
	lead.PlanJSON = encoded
	return lead, nil
}

// inForce picks the reminders that speak for the steps of a lead's plan: those
// of the plan inserted last, and those written without one. The steps of an
// earlier plan have numbers of their own.
func inForce(rows []Reminder) []Reminder {
	lowest := map[string]int64{}
	current := ""
	for _, r := range rows {
		if r.PlannedAt.IsZero() {
			continue
		}
		if first, seen := lowest[r.PlanVersion]; !seen || r.ID < first {
			lowest[r.PlanVersion] = r.ID
		}
	}
	for version, id := range lowest {
		if current == "" || id > lowest[current] {
			current = version
		}
	}
	var kept []Reminder
	for _, r := range rows {
		if r.Status != Cancelled && (r.PlannedAt.IsZero() || r.PlanVersion == current) {
			kept = append(kept, r)
		}
	}
	return kept
}

// statuses is what a lead's reminders say of the steps of its plan. Where the
// plan has a reminder for a step, one written without a plan does not count.
func statuses(rows []Reminder) map[int]string {
	said := map[int]string{}
	planned := map[int]bool{}
	for _, r := range inForce(rows) {
		if own := !r.PlannedAt.IsZero(); own || !planned[r.StepID] {
			said[r.StepID] = stepStatus(r.Status)
			planned[r.StepID] = planned[r.StepID] || own
		}
	}
	return said
}

// Reconcile brings the plan shown with a lead in line with its reminders,
// which are what counts. It returns the lead and the reminders that speak for
// the steps of its plan, by due date.
func (s *Scheduler) Reconcile(ctx context.Context, telegramID, leadID int64) (Lead, []Reminder, error) {
	rows, err := s.store.leadReminders(ctx, telegramID, leadID)
	if err != nil {
		return Lead{}, nil, err
	}
	lead, err := s.setPlanSteps(ctx, telegramID, leadID, statuses(rows))
	return lead, inForce(rows), err
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
