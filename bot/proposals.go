package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// showProposal shows a proposal: every step, when it will come, and how that
// date was found.
func (t *turn) showProposal(ctx context.Context, lead scheduler.Lead, proposal scheduler.Proposal, remark string, by teller) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	slots := t.sched.Preview(user, proposal.Plan, proposal.At)
	steps, open := proposalSteps(proposal.Plan, slots, t.now(user))
	parts := pack(join(plain("📋 Plan for "), describe(lead), plain(": "+count(len(steps), "step")+". Nothing is scheduled yet.")), steps)
	for _, part := range parts[:len(parts)-1] {
		if err := by(ctx, part); err != nil {
			return err
		}
		by = t.say // what takes another message's place is the beginning
	}
	text := parts[len(parts)-1]
	notes := planWarnings(proposal.Plan, slots)
	var due []time.Time
	for i, step := range proposal.Plan.Steps {
		if closedMark(step) == "" {
			due = append(due, slots[i].Due)
		}
	}
	if note := quietNote(due, user, t.zone); note != "" {
		notes = append(notes, note)
	}
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
			append(t.another(lead), press("🗑 Discard", "drop", lead.ID, mark(proposal))))
	}
	return by(ctx, text,
		[]button{press("✅ Schedule "+count(open, "step"), "go", lead.ID, mark(proposal))},
		append(draftsButton(proposal, lead.ID), append(t.another(lead), press("🗑 Discard", "drop", lead.ID, mark(proposal)))...))
}

// draftsButton shows a proposal's drafts, where it has any.
func draftsButton(p scheduler.Proposal, leadID int64) []button {
	if !slices.ContainsFunc(p.Plan.Steps, func(step planparse.Step) bool { return step.SuggestedText != "" }) {
		return nil
	}
	return []button{press("✉️ Drafts", "drafts", leadID, mark(p))}
}

// another is the button for another plan, where asking again makes another.
func (t *turn) another(lead scheduler.Lead) []button {
	if t.model == nil {
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
	planparse.WarnActionUnknown:     "", // it has no bearing on what comes when
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

// mark tells a lead's proposals apart, in the data of buttons; readMark is when
// the proposal was made that a button's first argument stands for.
func mark(proposal scheduler.Proposal) string { return strconv.FormatInt(proposal.At.UnixMicro(), 36) }

func readMark(args []string) (time.Time, error) {
	if len(args) == 0 {
		return time.Time{}, errStale
	}
	micros, err := strconv.ParseInt(args[0], 36, 64)
	if err != nil {
		return time.Time{}, errStale
	}
	return time.UnixMicro(micros).UTC(), nil
}

// discard drops a proposal.
func discard(ctx context.Context, t *turn, args []string) error {
	lead, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	made, err := readMark(args[1:])
	if err != nil {
		return err
	}
	switch proposal, waits := lead.Proposal(); {
	case waits && proposal.At.Equal(made):
		// What is left tells which proposal it was; see discardedAt.
		if _, err := t.store.ProposeAt(ctx, t.from.ID, lead.ID, planparse.Plan{}, made); err != nil {
			return err
		}
	case waits:
		return t.show(ctx, plain("A newer plan was proposed for this lead since, and that one waits still: nothing was discarded."), []button{press("📋 Show the newer plan", "showplan", lead.ID)})
	case !discardedAt(lead).Equal(made):
		return t.notice(ctx, "This proposal was scheduled, or another took its place. Nothing was discarded.")
	}
	return t.show(ctx, join(plain("🗑 The proposal for "), describe(lead), plain(" is discarded. /plan makes another.")), []button{press("👤 Open the lead", "lead", lead.ID)})
}

// discardedAt is when the proposal was made that a lead's user discarded last;
// zero where there was another since, or it was scheduled.
func discardedAt(lead scheduler.Lead) time.Time {
	var left scheduler.Proposal
	if json.Unmarshal(lead.ProposalJSON, &left) != nil || len(left.Plan.Steps) > 0 {
		return time.Time{}
	}
	return left.At
}

// showDrafts sends the drafts of a proposal, each to be copied.
func showDrafts(ctx context.Context, t *turn, args []string) error {
	lead, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	made, err := readMark(args[1:])
	if err != nil {
		return err
	}
	plan := lead.Plan() // in force, if that is what became of the proposal
	if proposal, waits := lead.Proposal(); waits {
		if !proposal.At.Equal(made) {
			return t.notice(ctx, "A newer plan was proposed for this lead since. /plan shows it.")
		}
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
