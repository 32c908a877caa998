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

// LogOnce adds a line to a lead's log unless there is one of its type whose
// metadata has the same text under key: what is done again after a crash is told
// once. Two that look at the same moment may both write.
func (s *Store) LogOnce(ctx context.Context, a Activity, key string) error {
	there := func() (bool, error) {
		lines, err := insforge.All[struct{}](ctx, s.client.From(tableActivity).Select("id").Limit(1).Where(filter.Eq("lead_id", a.LeadID),
			filter.Eq("telegram_id", a.TelegramID), filter.Eq("activity_type", a.Type), filter.Eq("metadata->>"+key, a.Metadata[key])))
		if err != nil {
			return false, fmt.Errorf("look into the log: %w", err)
		}
		return len(lines) > 0, nil
	}
	if logged, err := there(); logged || err != nil {
		return err
	}
	err := s.LogActivity(ctx, a)
	if err != nil && !insforge.SafeToRepeat(err) {
		if logged, readErr := there(); logged && readErr == nil {
			return nil // only the answer was lost
		}
	}
	return err
}

// Activities lists a lead's log, the newest first, at most limit lines.
func (s *Store) Activities(ctx context.Context, telegramID, leadID int64, limit int) ([]Activity, error) {
	lines, err := insforge.All[Activity](ctx, s.client.From(tableActivity).
		Select("lead_id,telegram_id,activity_type,content,metadata,created_at").
		Where(filter.Eq("lead_id", leadID), filter.Eq("telegram_id", telegramID)).
		Order("created_at.desc", "id.desc").Limit(limit).Counted())
	if err != nil {
		return nil, fmt.Errorf("list activity: %w", err)
	}
	return lines, nil
}
