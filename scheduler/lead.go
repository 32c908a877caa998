package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
	"github.com/followthrough-go/followthrough/planparse"
)

// Lead is a row of lead_registry: a person a user wants to win. Zero values
// stand for NULL.
type Lead struct {
	ID         int64  `json:"id"`
	TelegramID int64  `json:"telegram_id"` // the user it belongs to
	Name       string `json:"prospect_name"`
	Title      string `json:"prospect_title"`
	Company    string `json:"prospect_company"`
	Notes      string `json:"notes"`
	Context    string `json:"original_context"` // the message the lead was made from
	Status     string `json:"status"`

	// PlanJSON and ProposalJSON are the columns as stored. They are read
	// leniently, by [Lead.Plan] and [Lead.Proposal], so that a row somebody
	// else wrote badly cannot stop a listing.
	PlanJSON     json.RawMessage `json:"engagement_plan"`
	ProposalJSON json.RawMessage `json:"proposed_plan"`

	NextFollowup  time.Time `json:"next_followup"`
	FollowupCount int       `json:"followup_count"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// UnmarshalJSON implements json.Unmarshaler. It reads whatever dates
// PostgreSQL holds.
func (l *Lead) UnmarshalJSON(data []byte) error {
	type plain Lead
	var row struct {
		*plain
		NextFollowup instant `json:"next_followup"`
		CreatedAt    instant `json:"created_at"`
		UpdatedAt    instant `json:"updated_at"`
	}
	row.plain = (*plain)(l)
	if err := json.Unmarshal(data, &row); err != nil {
		return err
	}
	l.NextFollowup, l.CreatedAt, l.UpdatedAt = time.Time(row.NextFollowup), time.Time(row.CreatedAt), time.Time(row.UpdatedAt)
	return nil
}

const leadColumns = "id,telegram_id,prospect_name,prospect_title,prospect_company,notes,original_context,status," +
	"engagement_plan,proposed_plan,next_followup,followup_count,created_at,updated_at"

// briefLeadColumns are those that tell who a lead is and when it was last
// touched, without what was written about it.
const briefLeadColumns = "id,telegram_id,prospect_name,prospect_title,prospect_company,status,created_at,updated_at"

// Display is the name to show: the lead's, or a stand-in where it has none.
func (l Lead) Display() string {
	if name := strings.TrimSpace(l.Name); name != "" {
		return name
	}
	return fmt.Sprintf("Lead %d", l.ID)
}

// Plan is the engagement plan in force; without one, or with one that cannot
// be read, a plan without steps.
func (l Lead) Plan() planparse.Plan {
	var plan planparse.Plan
	if len(l.PlanJSON) == 0 || string(l.PlanJSON) == "null" || json.Unmarshal(l.PlanJSON, &plan) != nil {
		return planparse.Plan{}
	}
	return plan
}

// Step returns the step of the lead's plan with that number; the zero Step and
// false where there is none.
func (l Lead) Step(id int) (planparse.Step, bool) { return l.Plan().Step(id) }

// Proposal is a plan that waits for its user's approval.
type Proposal struct {
	// At is when it was proposed, to the microsecond. It is the base its
	// dates count from, and its identity: proposing again makes another one.
	At time.Time `json:"proposed_at"`
	// Plan is what was proposed.
	Plan planparse.Plan `json:"steps"`
}

// Proposal returns the plan that waits for approval, if there is one.
func (l Lead) Proposal() (Proposal, bool) {
	var p Proposal
	if len(l.ProposalJSON) == 0 || json.Unmarshal(l.ProposalJSON, &p) != nil || len(p.Plan.Steps) == 0 {
		return Proposal{}, false
	}
	return p, true
}

// NewLead is what a lead is made of.
type NewLead struct {
	TelegramID int64
	Name       string
	Title      string
	Company    string
	Notes      string
	Context    string
	// SourceRef names the message that asked for the lead. Creating a lead
	// twice with one SourceRef makes one lead, so that a message handled again
	// after a crash does no harm. Empty: every call makes another lead.
	SourceRef string
}

type leadRow struct {
	TelegramID int64     `json:"telegram_id"`
	Name       *string   `json:"prospect_name"`
	Title      *string   `json:"prospect_title"`
	Company    *string   `json:"prospect_company"`
	Notes      *string   `json:"notes"`
	Context    *string   `json:"original_context"`
	SourceRef  *string   `json:"source_ref"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// CreateLead stores a lead and returns it as stored.
func (s *Store) CreateLead(ctx context.Context, n NewLead) (Lead, error) {
	now := s.now()
	row := leadRow{
		TelegramID: n.TelegramID, Name: orNull(n.Name), Title: orNull(n.Title), Company: orNull(n.Company),
		Notes: orNull(n.Notes), Context: orNull(n.Context), SourceRef: orNull(n.SourceRef), CreatedAt: now, UpdatedAt: now,
	}
	var options []insforge.WriteOption
	if n.SourceRef != "" {
		options = append(options, insforge.OnConflictIgnore("source_ref"))
	}
	leads, err := insforge.Insert[Lead](ctx, s.client.From(tableLeads).Select(leadColumns), []leadRow{row}, options...)
	if err != nil {
		return Lead{}, fmt.Errorf("create lead: %w", err)
	}
	if len(leads) == 1 {
		return leads[0], nil
	}
	// The message was handled before: its lead is the answer.
	return s.oneLead(ctx, filter.Eq("source_ref", n.SourceRef), filter.Eq("telegram_id", n.TelegramID))
}

// Lead returns a user's lead.
func (s *Store) Lead(ctx context.Context, telegramID, leadID int64) (Lead, error) {
	return s.oneLead(ctx, filter.Eq("id", leadID), filter.Eq("telegram_id", telegramID))
}

func (s *Store) oneLead(ctx context.Context, filters ...filter.Filter) (Lead, error) {
	lead, err := insforge.One[Lead](ctx, s.client.From(tableLeads).Select(leadColumns).Where(filters...))
	if errors.Is(err, insforge.ErrNoRows) {
		return Lead{}, fmt.Errorf("lead: %w", ErrNotFound)
	}
	if err != nil {
		return Lead{}, fmt.Errorf("read lead: %w", err)
	}
	return lead, nil
}

// Leads lists a user's leads, the newest first.
func (s *Store) Leads(ctx context.Context, telegramID int64) ([]Lead, error) {
	leads, err := insforge.All[Lead](ctx, s.client.From(tableLeads).Select(leadColumns).
		Where(filter.Eq("telegram_id", telegramID)).Order("id.desc").Counted())
	if err != nil {
		return nil, fmt.Errorf("list leads: %w", err)
	}
	return leads, nil
}

// leadsByID reads what a message says of the leads with these ids, whoever
// they belong to. What is not in the answer does not exist.
func (s *Store) leadsByID(ctx context.Context, ids []int64) (map[int64]Lead, error) {
	type brief struct { // of a Lead, whose own way to be read takes several times as long
		ID         int64           `json:"id"`
		TelegramID int64           `json:"telegram_id"`
		Name       string          `json:"prospect_name"`
		Title      string          `json:"prospect_title"`
		Company    string          `json:"prospect_company"`
		Notes      string          `json:"notes"`
		Context    string          `json:"original_context"`
		PlanJSON   json.RawMessage `json:"engagement_plan"`
	}
	rows, err := insforge.All[brief](ctx, s.client.From(tableLeads).
		Select("id", "telegram_id", "prospect_name", "prospect_title", "prospect_company", "notes", "original_context", "engagement_plan").Where(filter.In("id", ids)).Limit(len(ids)))
	if err != nil {
		return nil, fmt.Errorf("read leads: %w", err)
	}
	byID := make(map[int64]Lead, len(rows))
	for _, row := range rows {
		byID[row.ID] = Lead{ID: row.ID, TelegramID: row.TelegramID, Name: row.Name, Title: row.Title, Company: row.Company, Notes: row.Notes, Context: row.Context, PlanJSON: row.PlanJSON}
	}
	return byID, nil
}

// Details are who a lead is. Empty ones are stored as NULL.
type Details struct{ Name, Title, Company, Notes string }

// Describe sets who a user's lead is.
func (s *Store) Describe(ctx context.Context, telegramID, leadID int64, d Details) error {
	n, err := s.ownLead(telegramID, leadID).Update(ctx, map[string]any{
		"prospect_name": orNull(d.Name), "prospect_title": orNull(d.Title), "prospect_company": orNull(d.Company), "notes": orNull(d.Notes),
		"updated_at": s.now(),
	}, insforge.Idempotent())
	if err != nil {
		return fmt.Errorf("describe lead: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("lead: %w", ErrNotFound)
	}
	return nil
}

// Propose puts a plan before its user: it is stored with the lead and
// scheduled only when the user says so. It replaces an earlier proposal. The
// answer is what was stored: the plan, less what PostgreSQL cannot keep.
func (s *Store) Propose(ctx context.Context, telegramID, leadID int64, plan planparse.Plan) (Proposal, error) {
	return s.ProposeAt(ctx, telegramID, leadID, plan, s.now())
}

// ProposeAt is Propose at a time of the caller's, to the microsecond: that of
// the message that brought the plan. Proposing a plan again at the same time
// changes nothing, and scheduling it again, too.
func (s *Store) ProposeAt(ctx context.Context, telegramID, leadID int64, plan planparse.Plan, at time.Time) (Proposal, error) {
	plan, err := storable(plan)
	if err != nil {
		return Proposal{}, err
	}
	proposal := Proposal{At: at.UTC().Truncate(time.Microsecond), Plan: plan}
	n, err := s.ownLead(telegramID, leadID).Update(ctx, map[string]any{"proposed_plan": proposal, "updated_at": s.now()}, insforge.Idempotent())
	if err != nil {
		return Proposal{}, fmt.Errorf("store proposal: %w", err)
	}
	if n == 0 {
		return Proposal{}, fmt.Errorf("lead: %w", ErrNotFound)
	}
	return proposal, nil
}

// DeleteLead removes a lead with its reminders and its activity. The reminders
// go first and explicitly, so that a crash in between leaves a lead without
// reminders rather than reminders without a lead. Deleting twice is no error.
func (s *Store) DeleteLead(ctx context.Context, telegramID, leadID int64) error {
	scope := []filter.Filter{filter.Eq("lead_id", leadID), filter.Eq("telegram_id", telegramID)}
	for _, table := range []string{tableReminders, tableActivity} {
		if _, err := s.client.From(table).Where(scope...).Delete(ctx, insforge.Idempotent()); err != nil {
			return fmt.Errorf("delete lead: %w", err)
		}
	}
	if _, err := s.ownLead(telegramID, leadID).Delete(ctx, insforge.Idempotent()); err != nil {
		return fmt.Errorf("delete lead: %w", err)
	}
	return nil
}

func (s *Store) ownLead(telegramID, leadID int64) insforge.Query {
	return s.client.From(tableLeads).Where(filter.Eq("id", leadID), filter.Eq("telegram_id", telegramID))
}

// orNull keeps empty strings out of the database: InsForge strips them from
// bodies, which makes rows of a bulk insert unequal.
func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
