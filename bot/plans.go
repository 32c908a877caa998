package bot

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// focus makes a lead the one that plans and notes are for.
func (t *turn) focus(ctx context.Context, leadID int64) error {
	return t.change(ctx, scheduler.UserChange{scheduler.ColumnFocusLead: leadID, scheduler.ColumnAwaiting: nil})
}

// inFocus is the lead in focus: the one added or opened last, or the only one.
// Without one, or where it was deleted, ok is false, and others is how many
// there are.
func (t *turn) inFocus(ctx context.Context) (lead scheduler.Lead, ok bool, others int, err error) {
	user, err := t.user(ctx)
	if err != nil {
		return scheduler.Lead{}, false, 0, err
	}
	if user.FocusLead != 0 {
		lead, err = t.store.Lead(ctx, t.from.ID, user.FocusLead)
		if !errors.Is(err, scheduler.ErrNotFound) {
			return lead, err == nil, 0, err
		}
	}
	all, err := t.store.Leads(ctx, t.from.ID)
	if err == nil && user.FocusLead == 0 && len(all) == 1 {
		return all[0], true, 0, nil
	}
	return scheduler.Lead{}, false, len(all), err
}

// focused is the lead in focus. Without one the person is told, and ok is false.
func (t *turn) focused(ctx context.Context) (lead scheduler.Lead, ok bool, err error) {
	lead, ok, others, err := t.inFocus(ctx)
	if ok || err != nil {
		return lead, ok, err
	}
	var rows [][]button
	if others > 0 {
		rows = append(rows, yourLeads())
	}
	text := "Which lead is this for? Add one with /newlead, or open one from /leads, and then send it again."
	if user, err := t.user(ctx); err == nil && user.FocusLead != 0 {
		text = "The lead you had open was deleted. " + text
	}
	return scheduler.Lead{}, false, t.say(ctx, plain(text), rows...)
}

// looksLikePlan reports whether the person may have meant to paste a plan, and
// mustBePlan whether nobody would write so otherwise. "[urgent] call her" is a
// text.
func looksLikePlan(text string) bool {
	text = strings.TrimSpace(text)
	begins := strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{")
	return begins && (strings.Contains(text, `"`) || strings.Trim(text, "[]{} \n") == "") || strings.Contains(text, "```") || mustBePlan(text)
}

func mustBePlan(text string) bool {
	return strings.Contains(text, `"step_id"`) || strings.Contains(text, `"delay_days"`)
}

// unusable says what is wrong with a text that should be a plan.
func unusable(err error) richText {
	var problem *planparse.ParseError
	reason := "I could not read it."
	if errors.As(err, &problem) {
		switch {
		case problem.Code == planparse.WarnNoJSON:
			reason = "There is no JSON in it."
		case problem.Code == planparse.WarnNoSteps:
			reason = "There is JSON in it, but no steps."
		case problem.Code == planparse.WarnEmptyPlan:
			reason = "Its list of steps is empty."
		case errors.Is(err, planparse.ErrTooLarge):
			reason = "It is too long for me."
		}
	}
	return paragraphs(
		plain("I found no plan in this. "+reason+" Nothing was changed."),
		plain("A plan is a list of steps with their times, a line each:"),
		copyable("Day 1: Like her posts\nDay 3: Connect\nDraft: Hi Jane, …\nDay 7: Send a message"),
		join(plain("or the same as JSON, such as "), code(`[{"step_id":1,"description":"Connect","suggested_text":"Hi Jane, …","delay_days":3}]`),
			plain(". Fences and prose around it do no harm. Paste it again, or send any other command.")),
	)
}

// plan is the command of that name.
func plan(ctx context.Context, t *turn, args string) error {
	if args != "" {
		parsed, err := t.fragments.parse(t.from.ID, args, t.clock.Now())
		if err != nil {
			listed, ok := t.fragments.listed(t.from.ID, args, t.clock.Now())
			if !ok {
				return t.say(ctx, unusable(err))
			}
			parsed = listed
		}
		return t.pasted(ctx, parsed)
	}
	lead, ok, err := t.focused(ctx)
	if err != nil || !ok {
		return err
	}
	if err := t.await(ctx, awaitingPlan); err != nil {
		return err
	}
	text := join(plain("Paste the plan for "), describe(lead), plain(" as your next message: raw output of a language model, or a line for each step, such as “Day 3: connect”."))
	if _, waiting := lead.Proposal(); waiting {
		return t.say(ctx, text, []button{press("📋 Show the proposal", "showplan", lead.ID)}, []button{press("✨ Write one for me", "regen", lead.ID)})
	}
	return t.say(ctx, text, []button{press("✨ Write one for me", "regen", lead.ID)})
}

// pasted makes a plan the proposal for the lead in focus. Without one it becomes
// that of the lead which the person adds or opens next.
func (t *turn) pasted(ctx context.Context, parsed planparse.Plan) error {
	lead, ok, others, err := t.inFocus(ctx)
	switch {
	case err != nil:
		return err
	case ok:
		return t.propose(ctx, lead, parsed, "")
	}
	t.unplaced.put(t.from.ID, parsed, t.clock.Now())
	if others > 0 {
		return t.say(ctx, plain("Which lead is this plan of "+count(len(parsed.Steps), "step")+" for? Open one from /leads, or add one with /newlead: the plan becomes its proposal."), yourLeads())
	}
	if err := t.await(ctx, awaitingLead); err != nil {
		return err
	}
	return t.say(ctx, join(plain("Who is this plan of "+count(len(parsed.Steps), "step")+" for? Send the name, and what you know, like this: "), code("Jane Doe, CTO @ Acme, met at the fair")), []button{press("Never mind", "cancel")})
}

// unplaced are plans that were pasted before it was clear for which lead. They
// are kept in memory: should one be lost, the person sends it again.
type unplaced struct {
	mu    sync.Mutex
	plans map[int64]unplacedPlan
}

type unplacedPlan struct {
	plan planparse.Plan
	at   time.Time
}

// unplacedFor is how long a plan waits for its lead.
const unplacedFor = 10 * time.Minute

func (u *unplaced) put(person int64, plan planparse.Plan, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.plans == nil {
		u.plans = map[int64]unplacedPlan{}
	}
	maps.DeleteFunc(u.plans, func(_ int64, old unplacedPlan) bool { return now.Sub(old.at) >= unplacedFor })
	u.plans[person] = unplacedPlan{plan, now}
}

// of is the plan that waits for a person's lead, if any does.
func (u *unplaced) of(person int64, now time.Time) (planparse.Plan, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	waiting, ok := u.plans[person]
	return waiting.plan, ok && now.Sub(waiting.at) < unplacedFor
}

// forget ends the wait: the plan has its lead, or it is not wanted any more.
func (u *unplaced) forget(person int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.plans, person)
}

// propose stores a plan as a lead's proposal and shows it. A remark stands
// under it.
func (t *turn) propose(ctx context.Context, lead scheduler.Lead, parsed planparse.Plan, remark string) error {
	proposal, err := t.store.ProposeAt(ctx, t.from.ID, lead.ID, parsed, t.saidAt())
	if err != nil {
		return err
	}
	t.unplaced.forget(t.from.ID) // it was this one, or an earlier one that this one stands for
	if err := t.focus(ctx, lead.ID); err != nil {
		return err
	}
	return t.showProposal(ctx, lead, proposal, remark, t.say)
}

// handledLate is how old a message may be for a plan in it to count from when it
// was written. After that, dates from then would lie in the past.
const handledLate = 10 * time.Minute

// saidAt is when the person wrote the message, told from others of that second
// by its number; now, where it was written long ago, or the clocks do not agree.
// Handled again after a crash it has the same time, and so has what comes of it.
func (t *turn) saidAt() time.Time {
	now := t.clock.Now().UTC()
	at := t.sent.Add(time.Duration(t.message%1000) * time.Microsecond)
	if at.After(now) || now.Sub(at) > handledLate {
		return now
	}
	return at.UTC()
}

// approve schedules a proposal.
func approve(ctx context.Context, t *turn, args []string) error {
	ids, err := numbers(args, 1)
	if err != nil {
		return err
	}
	made, err := readMark(args[1:])
	if err != nil {
		return err
	}
	tapped := fmt.Sprint("scheduled ", t.chat, " ", t.message)
	if t.recent.has(tapped, t.clock.Now()) { // a second tap: they see what came of the first
		t.flash(ctx, "✅ Scheduled")
		return nil
	}
	scheduled, err := t.sched.Approve(ctx, t.from.ID, ids[0], made)
	switch {
	case errors.Is(err, scheduler.ErrNotFound):
		return t.notice(ctx, "This lead is gone: it was deleted, or it belongs to somebody else. Nothing was scheduled.")
	case errors.Is(err, scheduler.ErrNoProposal):
		return t.notice(ctx, "This proposal was discarded. Nothing was scheduled.")
	case errors.Is(err, scheduler.ErrProposalReplaced):
		return t.show(ctx, plain("A newer plan was proposed for this lead since; this one was not scheduled."), []button{press("📋 Show the newer plan", "showplan", ids[0])})
	case errors.Is(err, scheduler.ErrSuperseded):
		return t.show(ctx, plain("Another plan for this lead was scheduled at the same moment, and that one counts."), []button{press("👤 Open the lead", "lead", ids[0])})
	case errors.Is(err, scheduler.ErrEmptyPlan):
		return t.notice(ctx, "Every step of this plan is done or skipped, so there is nothing to schedule.")
	case err != nil:
		return err
	}
	if scheduled.Already && discardedAt(scheduled.Lead).Equal(made) {
		return t.show(ctx, join(plain("This proposal for "), describe(scheduled.Lead), plain(" was discarded, so nothing was scheduled. The plan from before it stays in force.")), []button{press("👤 Open the lead", "lead", ids[0])})
	}
	if !scheduled.Already {
		t.flash(ctx, "✅ Scheduled")
	}
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	if err := t.show(ctx, scheduledText(scheduled, user, t.now(user)), []button{press("👤 Open the lead", "lead", ids[0])}); err != nil {
		return err
	}
	t.recent.first(tapped, t.clock.Now())
	return nil
}

// scheduledText tells what was scheduled, and when it comes.
func scheduledText(s scheduler.Scheduled, user scheduler.User, now time.Time) richText {
	plan := s.Lead.Plan()
	room := min(max((maxText-500)/max(len(s.Reminders), 1)-50, 8), 60)
	// A reminder that is due at once may be on its way already, and its due date be that of the next nudge.
	comes := func(r scheduler.Reminder) time.Time {
		if r.ReminderCount > 0 && !s.Already {
			return r.Planned()
		}
		return r.DueAt
	}
	reminders := slices.DeleteFunc(slices.Clone(s.Reminders), func(r scheduler.Reminder) bool { return !r.Status.Open() })
	slices.SortStableFunc(reminders, func(a, b scheduler.Reminder) int { return comes(a).Compare(comes(b)) })
	open := len(reminders)
	var list richText
	var due []time.Time
	for _, r := range reminders {
		due = append(due, comes(r))
		step, _ := plan.Step(r.StepID)
		list = lines(list, plain(fmt.Sprintf("%d. %s · %s", r.StepID, dated(comes(r).In(now.Location()), now), cut(oneLine(step.Description), room))))
	}
	head := join(plain("✅ Scheduled for "), describe(s.Lead), plain(": "+count(open, "reminder")+"."))
	tail := "You will hear from me when each is due."
	if s.Already {
		head = join(plain("✅ Scheduled for "), describe(s.Lead), plain(": "+count(open, "reminder")+" to come."))
		tail = "Your press changed nothing: this proposal was scheduled before, or another took its place."
	}
	if s.Cancelled > 0 {
		tail = count(int(s.Cancelled), "reminder") + " of the earlier plan cancelled. " + tail
	}
	if note := quietNote(due, user, now.Location()); note != "" {
		tail += " " + note
	}
	if user.PausedUntil.After(now) {
		tail += " You have paused me until " + moment(user.PausedUntil.In(now.Location()), now) + ", so none comes before; /resume ends that."
	}
	return paragraphs(head, list, plain(tail))
}

// oneLine is a text without line breaks and characters that reorder it.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(dropControl, strings.Join(strings.Fields(text), " ")))
}
