package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

// Activity is a row of lead_activity_log: something that happened with a lead.
type Activity struct {
	LeadID     int64          `json:"lead_id"`
	TelegramID int64          `json:"telegram_id"`
	Type       string         `json:"activity_type"`
	Content    string         `json:"content"`
	Metadata   map[string]any `json:"metadata"`
	CreatedAt  time.Time      `json:"created_at"`
}

// The types of activity this module writes.
const (
	ActivityStepDone      = "step_execution"
	ActivityStepSnoozed   = "step_snooze"
	ActivityStepSkipped   = "step_skip"
	ActivityStepReopened  = "step_reopen"
	ActivityPlanScheduled = "plan_scheduled"
	ActivityLeadCreated   = "lead_created"
	ActivityFollowupSent  = "followup_sent"
)

// LogActivity adds a line to a lead's log.
func (s *Store) LogActivity(ctx context.Context, a Activity) error {
	a.CreatedAt = s.now()
	if _, err := s.client.From(tableActivity).Insert(ctx, a); err != nil {
		return fmt.Errorf("log activity: %w", err)
	}
	return nil
}

// Activities lists a lead's log, the newest first, at most limit lines.
func (s *Store) Activities(ctx context.Context, telegramID, leadID int64, limit int) ([]Activity, error) {
	lines, err := insforge.All[Activity](ctx, s.client.From(tableActivity).
		Select("lead_id,telegram_id,activity_type,content,metadata,created_at").
		Where(filter.Eq("lead_id", leadID), filter.Eq("telegram_id", telegramID)).
		Order("created_at.desc", "id.desc").Limit(limit))
	if err != nil {
		return nil, fmt.Errorf("list activity: %w", err)
	}
	return lines, nil
}
