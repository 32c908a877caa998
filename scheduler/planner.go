package scheduler

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/planparse"
)

// Errors of approving a plan.
var (
	ErrNoProposal       = errors.New("no plan waits for approval")
	ErrProposalReplaced = errors.New("another plan was proposed since")
	ErrSuperseded       = errors.New("another plan was scheduled at the same time and takes precedence")
	ErrEmptyPlan        = errors.New("the plan has no open steps")
)

// Scheduler turns plans into reminders and carries out what people do with
// them. All its operations are compare-and-swap on rows: they may be repeated,
// run concurrently in any number of processes, and be cut off anywhere. A
// Scheduler is safe for concurrent use.
type Scheduler struct {
	store         *Store
	zone          *time.Location
	log           *slog.Logger
	wake          func()
	onUnparseable func(text string, reason planparse.Reason)
	tokens        tokens
}

// Option sets up a [Scheduler].
type Option func(*Scheduler) error

// WithZone sets the time zone of users who have chosen none; UTC by default.
func WithZone(zone *time.Location) Option {
	return func(s *Scheduler) error {
		if zone == nil {
			return errors.New("scheduler: the time zone is nil")
		}
		s.zone = zone
		return nil
	}
}

// WithWake sets a function that is called when reminders may have become due
// earlier than a dispatcher expects: [Dispatcher.Trigger], usually.
func WithWake(wake func()) Option {
	return func(s *Scheduler) error { s.wake = wake; return nil }
}

// WithLogger sets the logger; slog's default one otherwise.
func WithLogger(log *slog.Logger) Option {
	return func(s *Scheduler) error { s.log = log; return nil }
}

// WithUnparseable sets a function that is told each timing nobody could read,
// so that prompts can be tuned. By default it is logged.
func WithUnparseable(told func(text string, reason planparse.Reason)) Option {
	return func(s *Scheduler) error { s.onUnparseable = told; return nil }
}

// New returns a Scheduler on store.
func New(store *Store, options ...Option) (*Scheduler, error) {
	if store == nil {
		return nil, errors.New("scheduler: the store is nil")
	}
	s := &Scheduler{store: store, zone: time.UTC, log: slog.Default(), wake: func() {}}
	s.onUnparseable = func(text string, reason planparse.Reason) {
		s.log.Warn("timing not understood", "timing", text, "reason", reason)
	}
	for _, option := range options {
		if err := option(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Preview tells when the steps of a plan that was proposed at proposedAt would
// be due for user if it was approved today, without storing anything:
// [Scheduler.Approve] uses the same dates.
func (s *Scheduler) Preview(user User, plan planparse.Plan, proposedAt time.Time) []planparse.Slot {
	base := movedToToday(proposedAt, s.store.clock.Now(), user.Location(s.zone))
	return plan.Schedule(base, s.slotOptions(user)...)
}

func (s *Scheduler) slotOptions(user User) []planparse.ScheduleOption {
	options := []planparse.ScheduleOption{planparse.In(user.Location(s.zone))}
	if user.SendHour != nil {
		options = append(options, planparse.SendHour(*user.SendHour))
	}
	return options
}

// Resume ends a user's pause: what it put off is due at once, or when their
// quiet hours end.
func (s *Scheduler) Resume(ctx context.Context, telegramID int64) error {
	user, err := s.store.User(ctx, telegramID)
	if err != nil {
		return err
	}
	now := s.store.now()
	if !user.PausedUntil.After(now) {
		return s.store.ChangeUser(ctx, telegramID, UserChange{ColumnPausedUntil: nil})
	}
	// The dispatcher moved what was due to the first instant after the pause.
	putOff := user.SendableAt(now, s.zone).UTC().Truncate(time.Microsecond)
	if err := s.store.ChangeUser(ctx, telegramID, UserChange{ColumnPausedUntil: nil}); err != nil {
		return err
	}
	if _, err := s.store.reminders(filter.Eq("telegram_id", telegramID), open(), filter.Eq("due_at", putOff)).
		Update(ctx, map[string]any{"due_at": now, "updated_at": now}, insforge.Idempotent()); err != nil {
		return fmt.Errorf("bring reminders back: %w", err)
	}
	s.wake()
	return nil
}

// Scheduled is what became of a plan.
type Scheduled struct {
	Lead      Lead       // with the plan in force
	Reminders []Reminder // of the plan, by due date
	Cancelled int64      // open reminders of earlier plans that were cancelled
	Already   bool       // the plan had been scheduled before: nothing was added
}

// Approve schedules the plan that was proposed for a lead at proposedAt. Doing
// so twice schedules it once. A plan approved on a later day than it was
// proposed keeps its clock time and counts from the day of approval.
func (s *Scheduler) Approve(ctx context.Context, telegramID, leadID int64, proposedAt time.Time) (Scheduled, error) {
	lead, err := s.store.Lead(ctx, telegramID, leadID)
	if err != nil {
		return Scheduled{}, err
	}
	proposal, ok := lead.Proposal()
	switch {
	case !ok && len(lead.Plan().Steps) > 0:
		// Most likely approved before: a second press, or a message handled
		// again. Show what is in force.
		reminders, err := s.store.Reminders(ctx, telegramID, leadID)
		return Scheduled{Lead: lead, Reminders: reminders, Already: true}, err
	case !ok:
		return Scheduled{}, ErrNoProposal
	case !proposal.At.Equal(proposedAt):
		return Scheduled{}, ErrProposalReplaced
	}
	user, err := s.store.User(ctx, telegramID)
	if err != nil {
		return Scheduled{}, err
	}
	scheduled, err := s.schedule(ctx, lead, user, proposal.Plan, movedToToday(proposal.At, s.store.clock.Now(), user.Location(s.zone)))
	if err != nil {
		return Scheduled{}, err
	}
	// Last, so that until here a repeat does all of it again.
	_, err = s.store.ownLead(telegramID, leadID).
		Where(filter.Eq("proposed_plan->>proposed_at", proposal.At.Format(time.RFC3339Nano))).
		Update(ctx, map[string]any{"proposed_plan": nil}, insforge.Idempotent())
	if err != nil {
		return Scheduled{}, fmt.Errorf("close proposal: %w", err)
	}
	scheduled.Lead.ProposalJSON = nil
	return scheduled, nil
}

// movedToToday is base on the date of now, where that is later: the same
// instant whenever on that day it is asked for.
func movedToToday(base, now time.Time, zone *time.Location) time.Time {
	local := base.In(zone)
	y, m, d := now.In(zone).Date()
	moved := time.Date(y, m, d, local.Hour(), local.Minute(), local.Second(), local.Nanosecond(), zone)
	if moved.After(base) {
		return moved
	}
	return base
}

// Schedule puts a plan into force for a lead: one reminder for each step that
// is not done or skipped, dated from base, and the open reminders of the
// lead's other plans cancelled. Calling it again with the same plan and base
// changes nothing. When two plans are scheduled for one lead at once the one
// inserted last wins and the other call returns [ErrSuperseded].
func (s *Scheduler) Schedule(ctx context.Context, lead Lead, plan planparse.Plan, base time.Time) (Scheduled, error) {
	user, err := s.store.User(ctx, lead.TelegramID)
	if err != nil {
		return Scheduled{}, err
	}
	return s.schedule(ctx, lead, user, plan, base)
}

type reminderRow struct {
	LeadID       int64     `json:"lead_id"`
	TelegramID   int64     `json:"telegram_id"`
	StepID       int       `json:"step_id"`
	PlanVersion  string    `json:"plan_version"`
	DueAt        time.Time `json:"due_at"`
	PlannedAt    time.Time `json:"planned_at"`
	TimingSource string    `json:"timing_source"`
	DraftText    *string   `json:"draft_text"`
}

func (s *Scheduler) schedule(ctx context.Context, lead Lead, user User, plan planparse.Plan, base time.Time) (Scheduled, error) {
	base = base.Truncate(time.Microsecond)
	plan, err := storable(plan)
	if err != nil {
		return Scheduled{}, err
	}
	encoded, err := json.Marshal(plan)
	if err != nil {
		return Scheduled{}, fmt.Errorf("encode plan: %w", err)
	}
	version := planVersion(encoded, base)
	rows := s.rows(lead, user, plan, version, base)
	if len(rows) == 0 {
		return Scheduled{}, ErrEmptyPlan
	}
	// Insert first, cancel second: a crash in between leaves a plan too many,
	// which a repeat mends, never a lead without one.
	inserted, err := s.store.reminders().Insert(ctx, rows, insforge.OnConflictIgnore("lead_id", "plan_version", "step_id"))
	if err != nil {
		return Scheduled{}, fmt.Errorf("store reminders: %w", err)
	}
	cancelled, err := s.cancelOthers(ctx, lead, version)
	if err != nil {
		return Scheduled{}, err
	}
	// The reminders decide what is sent; the plan with the lead is what is
	// shown, and comes second for that reason. Only then is the dispatcher
	// woken: what is due at once should find the plan's words.
	lead, err = s.showPlan(ctx, lead, plan)
	s.wake()
	if err != nil {
		return Scheduled{}, err
	}
	// The log is for people to read; failing to write it does not undo what it is
	// about. A process that died before it did is made up for.
	line := Activity{LeadID: lead.ID, TelegramID: lead.TelegramID, Type: ActivityPlanScheduled,
		Content: scheduledWords(len(rows)), Metadata: map[string]any{"plan_version": version}}
	if err := s.store.LogOnce(ctx, line, "plan_version"); err != nil {
		s.log.Warn("activity not logged", "lead", lead.ID, "type", line.Type, "error", err)
	}
	reminders, err := s.store.Reminders(ctx, lead.TelegramID, lead.ID)
	if err != nil {
		return Scheduled{}, err
	}
	return Scheduled{Lead: lead, Reminders: reminders, Cancelled: cancelled, Already: inserted == 0}, nil
}

// Backfill schedules what a lead's plan shows as open and has no reminder for:
// plans that were stored by another program, or before there were reminders.
// Their dates count from now. Doing so twice, or at once, schedules it once;
// nothing is cancelled.
func (s *Scheduler) Backfill(ctx context.Context, telegramID, leadID int64) (Scheduled, error) {
	lead, rows, err := s.Reconcile(ctx, telegramID, leadID)
	if err != nil {
		return Scheduled{}, err
	}
	user, err := s.store.User(ctx, telegramID)
	if err != nil {
		return Scheduled{}, err
	}
	plan := lead.Plan()
	// The version in force, or one that everybody who backfills this plan
	// arrives at, whenever that is and whichever steps are done by then.
	steps := slices.Clone(plan.Steps)
	for i := range steps {
		steps[i].Status, steps[i].CompletedAt = planparse.StatusPending, ""
	}
	unticked := plan
	unticked.Steps = steps
	encoded, err := json.Marshal(unticked)
	if err != nil {
		return Scheduled{}, fmt.Errorf("encode plan: %w", err)
	}
	version := planVersion(encoded, time.Time{})
	has := map[int]bool{}
	for _, r := range rows {
		has[r.StepID] = true
		if !r.PlannedAt.IsZero() {
			version = r.PlanVersion
		}
	}
	missing := slices.DeleteFunc(s.rows(lead, user, plan, version, s.store.now()), func(row reminderRow) bool { return has[row.StepID] })
	done := Scheduled{Lead: lead, Reminders: rows, Already: true}
	if len(missing) == 0 {
		if len(rows) == 0 {
			return Scheduled{}, ErrEmptyPlan
		}
		return done, nil
	}
	inserted, err := s.store.reminders().Insert(ctx, missing, insforge.OnConflictIgnore("lead_id", "plan_version", "step_id"))
	if err != nil {
		return Scheduled{}, fmt.Errorf("store reminders: %w", err)
	}
	s.wake()
	if done.Already = inserted == 0; !done.Already {
		s.logActivity(ctx, Activity{LeadID: lead.ID, TelegramID: telegramID, Type: ActivityPlanScheduled,
			Content: fmt.Sprintf("Scheduled %d open steps of the plan", inserted), Metadata: map[string]any{"plan_version": version}})
	}
	done.Reminders, err = s.store.Reminders(ctx, telegramID, leadID)
	return done, err
}

// rows makes a reminder for each open step of a plan.
func (s *Scheduler) rows(lead Lead, user User, plan planparse.Plan, version string, base time.Time) []reminderRow {
	slots := plan.Schedule(base, append(s.slotOptions(user), planparse.OnUnparseable(s.onUnparseable))...)
	var rows []reminderRow
	for i, slot := range slots {
		step := plan.Steps[i]
		if step.Status == planparse.StatusDone || step.Status == planparse.StatusSkipped {
			continue
		}
		due := slot.Due.UTC().Truncate(time.Microsecond)
		rows = append(rows, reminderRow{
			LeadID: lead.ID, TelegramID: lead.TelegramID, StepID: step.ID, PlanVersion: version,
			DueAt: due, PlannedAt: due, TimingSource: string(slot.Source), DraftText: orNull(step.SuggestedText),
		})
	}
	return rows
}

// cancelOthers cancels what is open of the lead's other plans. Of plans
// scheduled at the same time the one inserted last stays, which is the one
// with the highest lowest id. Only plans that were seen to lose are cancelled,
// never one that was inserted after the look: its own scheduling sees this one,
// and so two of them cannot cancel each other. Rows that others wrote without a
// plan are cancelled when they are older than this one.
func (s *Scheduler) cancelOthers(ctx context.Context, lead Lead, version string) (int64, error) {
	rows, err := s.store.listReminders(ctx, s.store.reminders(
		filter.Eq("lead_id", lead.ID), filter.Not(filter.IsNull("planned_at")),
	).Select("id", "plan_version", "status").Order("id.asc").Counted())
	if err != nil {
		return 0, err
	}
	lowest := map[string]int64{}
	winner := version
	for _, row := range rows {
		if lowest[row.PlanVersion] == 0 {
			lowest[row.PlanVersion] = row.ID
		}
	}
	for candidate, id := range lowest {
		if id > lowest[winner] {
			winner = candidate
		}
	}
	replaced := filter.And(filter.IsNull("planned_at"), filter.Lt("id", lowest[winner]))
	delete(lowest, winner)
	if len(lowest) > 0 {
		replaced = filter.Or(filter.In("plan_version", slices.Sorted(maps.Keys(lowest))), replaced)
	}
	cancelled, err := s.store.reminders(filter.Eq("lead_id", lead.ID), actionable(), replaced).
		Update(ctx, map[string]any{"status": Cancelled, "updated_at": s.store.now()}, insforge.Idempotent())
	if err != nil {
		return 0, fmt.Errorf("cancel earlier reminders: %w", err)
	}
	if winner != version {
		return cancelled, ErrSuperseded
	}
	return cancelled, nil
}

// planVersion names a plan counted from base: the same for the same plan and
// base, so that inserting it again conflicts with itself. It is a version 8
// UUID (RFC 9562, section 5.8), the column being of type uuid.
func planVersion(plan []byte, base time.Time) string {
	hash := sha256.New()
	hash.Write(plan)
	hash.Write([]byte(base.UTC().Format(time.RFC3339Nano)))
	sum := hash.Sum(nil)
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// logActivity writes a line to the lead's log. The log is for people to read;
// failing to write it does not undo what it is about.
func (s *Scheduler) logActivity(ctx context.Context, a Activity) {
	if err := s.store.LogActivity(ctx, a); err != nil {
		s.log.Warn("activity not logged", "lead", a.LeadID, "type", a.Type, "error", err)
	}
}

// scheduledWords is what the log says of a plan.
func scheduledWords(steps int) string {
	if steps == 1 {
		return "Scheduled a plan of 1 step"
	}
	return fmt.Sprintf("Scheduled a plan of %d steps", steps)
}
