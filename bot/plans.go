package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// focused is the lead in focus. Without one, or where it was deleted, the
// person is told and ok is false.
func (t *turn) focused(ctx context.Context) (lead scheduler.Lead, ok bool, err error) {
	user, err := t.user(ctx)
	if err != nil {
		return scheduler.Lead{}, false, err
	}
	if user.FocusLead != 0 {
		lead, err = t.store.Lead(ctx, t.from.ID, user.FocusLead)
		if err == nil {
			return lead, true, nil
		}
		if !errors.Is(err, scheduler.ErrNotFound) {
			return scheduler.Lead{}, false, err
		}
	}
	all, err := t.store.Leads(ctx, t.from.ID)
	if err != nil {
		return scheduler.Lead{}, false, err
	}
	gone := "Which lead is this for? Add one with /newlead, or open one from /leads, and then send it again."
	switch {
	case user.FocusLead != 0:
		gone = "The lead you had open is gone: it was deleted. Open another from /leads, or add one with /newlead, and then send this again."
	case len(all) == 1:
		return all[0], true, nil
	}
	var rows [][]button
	if len(all) > 0 {
		rows = append(rows, []button{press("👥 Your leads", "leads", 0)})
	}
	return scheduler.Lead{}, false, t.say(ctx, plain(gone), rows...)
}

// looksLikePlan reports whether the person meant to paste a plan.
func looksLikePlan(text string) bool {
	text = strings.TrimSpace(text)
	return strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") || strings.Contains(text, "```") ||
		strings.Contains(text, `"step_id"`) || strings.Contains(text, `"delay_days"`)
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

// pasted makes a plan the proposal for the lead in focus.
func (t *turn) pasted(ctx context.Context, parsed planparse.Plan) error {
	lead, ok, err := t.focused(ctx)
	if err != nil || !ok {
		return err
	}
	return t.propose(ctx, lead, parsed, "")
}

// propose stores a plan as a lead's proposal and shows it. A remark stands
// under it.
func (t *turn) propose(ctx context.Context, lead scheduler.Lead, parsed planparse.Plan, remark string) error {
	proposal, err := t.store.Propose(ctx, t.from.ID, lead.ID, parsed)
	if err != nil {
		return err
	}
	if err := t.focus(ctx, lead.ID); err != nil {
		return err
	}
	return t.showProposal(ctx, lead, proposal, remark, t.say)
}

// showProposal shows a proposal: every step, when it will come, and how that
// date was found.
func (t *turn) showProposal(ctx context.Context, lead scheduler.Lead, proposal scheduler.Proposal, remark string, by func(context.Context, richText, ...[]button) error) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	slots := t.sched.Preview(user, proposal.Plan, proposal.At)
	steps, open := proposalSteps(proposal.Plan, slots, t.now(user))
	parts := pack(join(plain("📋 Plan for "), describe(lead), plain(": "+count(len(steps), "step")+". Nothing is scheduled yet.")), steps)
	for _, part := range parts[:len(parts)-1] {
		if err := t.say(ctx, part); err != nil {
			return err
		}
	}
	text := parts[len(parts)-1]
	notes := planWarnings(proposal.Plan, slots)
	if user.TimeZone == "" {
		notes = append(notes, "Times are those of "+zoneLabel(t.zone.String())+"; /timezone sets yours.")
	}
	if remark != "" {
		notes = append([]string{remark}, notes...)
	}
	for i, note := range notes {
		note := plain("ℹ️ " + cut(note, 200))
		if i == 0 {
			text = paragraphs(text, note)
		} else {
			text = lines(text, note)
		}
	}
	if len(lead.Plan().Steps) > 0 {
		text = paragraphs(text, plain("Scheduling it replaces the plan in force: reminders of that one that are still open are cancelled."))
	}
	if open == 0 {
		return by(ctx, paragraphs(text, plain("Every step of it is done or skipped, so there is nothing to be reminded of.")),
			append(t.another(lead), press("🗑 Discard", "drop", lead.ID)))
	}
	return by(ctx, text,
		[]button{press("✅ Schedule "+count(open, "step"), "go", lead.ID, strconv.FormatInt(proposal.At.UnixMicro(), 36))},
		append(draftsButton(proposal.Plan, lead.ID), append(t.another(lead), press("🗑 Discard", "drop", lead.ID))...))
}

// draftsButton shows a plan's drafts, where it has any.
func draftsButton(p planparse.Plan, leadID int64) []button {
	if !slices.ContainsFunc(p.Steps, func(step planparse.Step) bool { return step.SuggestedText != "" }) {
		return nil
	}
	return []button{press("✉️ Drafts", "drafts", leadID)}
}

// another is the button for another plan, where asking again makes another.
func (t *turn) another(lead scheduler.Lead) []button {
	if !t.planner.slow() {
		return nil
	}
	return []button{press("✨ Another plan", "regen", lead.ID)}
}

// proposalSteps is a text for each step of a plan; open is how many would be
// scheduled.
func proposalSteps(p planparse.Plan, slots []planparse.Slot, now time.Time) (steps []richText, open int) {
	room := 300 // a long plan in a few messages, a short one in all its words
	if len(p.Steps) > 10 {
		room = 80
	}
	for i, step := range p.Steps {
		number := fmt.Sprintf("%d. ", step.ID)
		what := cut(oneLine(step.Description), room)
		if closed := closedMark(step); closed != "" {
			steps = append(steps, plain(number+closed+" "+what))
			continue
		}
		open++
		if step.SuggestedText != "" {
			what += " ✉️"
		}
		at := slots[i].Due.In(now.Location())
		steps = append(steps, lines(join(plain(number), bold(dated(at, now)), plain(" · "+foundBy(step, slots[i]))), plain("    "+what)))
	}
	return steps, open
}

// pack puts a head and lines into as few messages as hold them, and leaves
// room in the last for what comes under them.
func pack(head richText, list []richText) []richText {
	const room = maxText - 1200
	messages := []richText{head}
	for i, line := range list {
		last := messages[len(messages)-1]
		switch {
		case units(last.plain())+units(line.plain()) > room:
			messages = append(messages, line)
		case i == 0:
			messages[len(messages)-1] = paragraphs(last, line)
		default:
			messages[len(messages)-1] = lines(last, line)
		}
	}
	return messages
}

func closedMark(step planparse.Step) string {
	switch step.Status {
	case planparse.StatusDone:
		return "✅"
	case planparse.StatusSkipped:
		return "⏭"
	}
	return ""
}

// foundBy says how a step's date was found.
func foundBy(step planparse.Step, slot planparse.Slot) string {
	switch slot.Source {
	case planparse.SourceDelay:
		return "day " + cut(oneLine(strings.Trim(string(step.Delay), `"`)), 20)
	case planparse.SourceTiming:
		return "“" + cut(oneLine(step.Timing), 40) + "”"
	}
	if timing := oneLine(step.Timing); timing != "" {
		return "“" + cut(timing, 30) + "” names no date: spaced by 3 days"
	}
	return "no date given: spaced by 3 days"
}

// warnings says in words what was found and dealt with; codes that need no
// word to the person are not in it.
var warnings = map[planparse.Warning]string{
	planparse.WarnRepaired:          "The JSON was damaged; I mended it. Please look the steps over.",
	planparse.WarnTruncated:         "The text ends before the plan does, so its end is missing. If it was cut in two by Telegram, send the rest now.",
	planparse.WarnMultipleDocuments: "There were several plans in the text; I took the one with the most steps.",
	planparse.WarnElementDropped:    "Something in the list was no step, and was left out.",
	planparse.WarnTooManySteps:      fmt.Sprintf("The plan has more than %d steps; the rest was left out.", planparse.MaxSteps),
	planparse.WarnStepIDDuplicate:   "two steps had this number",
	planparse.WarnDelayInvalid:      "delay_days is not usable and was ignored",
	planparse.WarnDelayNegative:     "delay_days lies in the past and was ignored",
	planparse.WarnDelayOutOfRange:   "delay_days is more than a year away and was ignored",
	planparse.WarnTimingInvalid:     "its timing is not text",
	planparse.WarnTimingUnparseable: "its timing names no date",
	planparse.WarnTimingConflict:    "timing and delay_days disagree; delay_days counts",
	planparse.WarnReferenceMissing:  "its timing refers to a step that is not there",
	planparse.WarnReferenceCycle:    "it waits for a step that waits for it",
	planparse.WarnClamped:           "moved to the date of the step above it",
	planparse.WarnNonMonotonic:      "comes before the step above it",
	planparse.WarnStatusNormalised:  "its status was unknown and is taken for pending",
	planparse.WarnActionUnknown:     "its kind of action is new to me",
	planparse.WarnDelayFractional:   "",
	planparse.WarnDelayString:       "",
	planparse.WarnFenced:            "",
	planparse.WarnWrapped:           "",
	planparse.WarnLeadingText:       "",
	planparse.WarnTrailingText:      "",
	planparse.WarnDoubleEncoded:     "",
	planparse.WarnKeyAlias:          "",
	planparse.WarnStepIDMissing:     "",
	planparse.WarnStepIDCoerced:     "",
	planparse.WarnStepIDInvalid:     "",
	planparse.WarnEmptyPlan:         "",
	planparse.WarnNoSteps:           "",
	planparse.WarnNoJSON:            "",
}

// planWarnings are the warnings of a plan and its dates in words: those of the
// document first, then one line for each that concerns steps, with their
// numbers.
func planWarnings(p planparse.Plan, slots []planparse.Slot) []string {
	var out []string
	for _, code := range p.Warnings {
		if words := warnings[code]; words != "" {
			out = append(out, words)
		}
	}
	var order []planparse.Warning
	steps := map[planparse.Warning][]string{}
	note := func(id int, codes []planparse.Warning) {
		for _, code := range codes {
			number := strconv.Itoa(id)
			if warnings[code] == "" || slices.Contains(steps[code], number) {
				continue
			}
			if steps[code] == nil {
				order = append(order, code)
			}
			steps[code] = append(steps[code], number)
		}
	}
	for i, step := range p.Steps {
		note(step.ID, step.Warnings)
		if i < len(slots) {
			note(step.ID, slots[i].Warnings)
		}
	}
	for _, code := range order {
		noun := "Step "
		if len(steps[code]) > 1 {
			noun = "Steps "
		}
		out = append(out, noun+cut(strings.Join(steps[code], ", "), 60)+": "+warnings[code]+".")
	}
	return out
}

// showProposal is the button of that name.
func showProposal(ctx context.Context, t *turn, args []string) error {
	lead, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	proposal, ok := lead.Proposal()
	if !ok {
		return t.notice(ctx, "No proposal waits for this lead any more.")
	}
	return t.showProposal(ctx, lead, proposal, "", t.say)
}

// approve schedules a proposal.
func approve(ctx context.Context, t *turn, args []string) error {
	ids, err := numbers(args, 1)
	if err != nil || len(args) < 2 {
		return errStale
	}
	micros, err := strconv.ParseInt(args[1], 36, 64)
	if err != nil {
		return errStale
	}
	scheduled, err := t.sched.Approve(ctx, t.from.ID, ids[0], time.UnixMicro(micros).UTC())
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
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	return t.show(ctx, scheduledText(scheduled, user, t.now(user)), []button{press("👤 Open the lead", "lead", ids[0])})
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
	for _, r := range reminders {
		step, _ := plan.Step(r.StepID)
		list = lines(list, plain(fmt.Sprintf("%d. %s · %s", r.StepID, dated(comes(r).In(now.Location()), now), cut(oneLine(step.Description), room))))
	}
	head := join(plain("✅ Scheduled for "), describe(s.Lead), plain(": "+count(open, "reminder")+"."))
	if s.Already {
		head = join(plain("✅ Already scheduled for "), describe(s.Lead), plain(": "+count(open, "reminder")+" to come."))
	}
	tail := "You will hear from me when each is due."
	if s.Cancelled > 0 {
		tail = count(int(s.Cancelled), "reminder") + " of the earlier plan cancelled. " + tail
	}
	if user.PausedUntil.After(now) {
		tail += " You have paused me until " + moment(user.PausedUntil.In(now.Location()), now) + ", so none comes before; /resume ends that."
	}
	return paragraphs(head, list, plain(tail))
}

// discard drops a proposal.
func discard(ctx context.Context, t *turn, args []string) error {
	lead, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	if _, ok := lead.Proposal(); ok {
		if _, err := t.store.Propose(ctx, t.from.ID, lead.ID, planparse.Plan{}); err != nil {
			return err
		}
	}
	return t.show(ctx, join(plain("🗑 The proposal for "), describe(lead), plain(" is discarded. /plan makes another.")), []button{press("👤 Open the lead", "lead", lead.ID)})
}

// showDrafts sends the drafts of a proposal, each to be copied.
func showDrafts(ctx context.Context, t *turn, args []string) error {
	lead, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	plan := lead.Plan()
	if proposal, ok := lead.Proposal(); ok {
		plan = proposal.Plan
	}
	text, left := join(plain("✉️ Drafts for "), describe(lead)), maxText-300
	found := false
	for _, step := range plan.Steps {
		if step.SuggestedText == "" {
			continue
		}
		found = true
		if size := units(step.SuggestedText) + 100; size > left {
			if err := t.say(ctx, text); err != nil {
				return err
			}
			text, left = nil, maxText-300
		}
		left -= units(step.SuggestedText) + 100
		text = paragraphs(text, lines(bold(fmt.Sprintf("%d. %s", step.ID, cut(oneLine(step.Description), 80))), copyable(cut(step.SuggestedText, maxText-300))))
	}
	if !found {
		return t.notice(ctx, "None of the steps has a draft.")
	}
	return t.say(ctx, text)
}

// fragments joins a plan that Telegram's apps cut in two: texts over 4096
// characters arrive as several messages. Only the last text of each person is
// kept, in memory: should it be lost, the person sends the plan again.
type fragments struct {
	mu    sync.Mutex
	last  map[int64]fragment
	lists map[int64]fragment // of plans that are no JSON
}

type fragment struct {
	text string
	at   time.Time
}

// The size from which a text may have been cut, and how long its rest is
// waited for.
const (
	fragmentSize = 3500
	fragmentTime = time.Minute
)

// parse reads a plan from a text, or from the texts before it and this one
// together where that makes more of it.
func (f *fragments) parse(person int64, text string, now time.Time) (planparse.Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	plan, err := planparse.Parse(text)
	if before, ok := f.last[person]; ok && now.Sub(before.at) < fragmentTime {
		joined, joinedErr := planparse.Parse(before.text + text)
		if joinedErr == nil && (err != nil || len(joined.Steps) > len(plan.Steps)) {
			text, plan, err = before.text+text, joined, nil
		}
	}
	delete(f.last, person)
	cutOff := err != nil || slices.Contains(plan.Warnings, planparse.WarnTruncated)
	if cutOff && len(text) >= fragmentSize && len(text) <= planparse.MaxInput && looksLikePlan(text) {
		if f.last == nil {
			f.last = map[int64]fragment{}
		}
		f.last[person] = fragment{text, now}
	}
	return plan, err
}

// listed reads a plan that is a list, from a text or from the one before it and
// this one together.
func (f *fragments) listed(person int64, text string, now time.Time) (planparse.Plan, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	plan, ok := listedPlan(text)
	if before, waits := f.lists[person]; waits && now.Sub(before.at) < fragmentTime {
		whole := before.text + "\n" + text
		if joined, joinedOK := listedPlan(whole); joinedOK && len(joined.Steps) > len(plan.Steps) {
			text, plan, ok = whole, joined, true
		}
	}
	delete(f.lists, person)
	if ok && len(text) >= fragmentSize && len(text) <= planparse.MaxInput {
		if f.lists == nil {
			f.lists = map[int64]fragment{}
		}
		f.lists[person] = fragment{text, now}
	}
	return plan, ok
}

// oneLine is a text without line breaks and characters that reorder it.
func oneLine(text string) string {
	return strings.Map(dropControl, strings.Join(strings.Fields(text), " "))
}
