package bot

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// newLead adds a lead and proposes a plan for it. Handled again, after a
// crash, it finds the lead it made.
func newLead(ctx context.Context, t *turn, args string) error {
	described, parsed, planned := t.leadWithPlan(args)
	text := readLead(described)
	if text.name == "" {
		if err := t.await(ctx, awaitingLead); err != nil {
			return err
		}
		return t.say(ctx, join(plain("Who is it? Send the name, and what you know, like this: "), code("Jane Doe, CTO @ Acme, met at the fair")), []button{press("Never mind", "cancel")})
	}
	lead, err := t.store.CreateLead(ctx, scheduler.NewLead{
		TelegramID: t.from.ID, Name: text.name, Title: text.title, Company: text.company, Notes: text.notes, Context: args,
		SourceRef: t.source(),
	})
	if err != nil {
		return err
	}
	if err := t.focus(ctx, lead.ID); err != nil {
		return err
	}
	if proposal, ok := lead.Proposal(); ok {
		return t.showProposal(ctx, lead, proposal, "", t.say)
	}
	if len(lead.Plan().Steps) > 0 {
		return t.card(ctx, lead, t.say)
	}
	// The log is for reading; a lead is no less there without a line in it.
	if err := t.logOnce(ctx, lead, scheduler.ActivityLeadCreated, cut(oneLine(args), 500), t.source()); err != nil {
		t.log.Warn("activity not logged", "lead", lead.ID, "error", err)
	}
	if !planned {
		parsed, planned = t.unplaced.of(t.from.ID, t.clock.Now())
	}
	if planned {
		return t.propose(ctx, lead, parsed, "")
	}
	return t.write(ctx, lead, 0)
}

// leadWithPlan splits what a lead is made of into the lead and a plan that
// comes along with it: what stands before the plan is the lead.
func (t *turn) leadWithPlan(text string) (described string, parsed planparse.Plan, planned bool) {
	t.fragments.forget(t.from.ID)
	if parsed, err := t.fragments.parse(t.from.ID, text, t.clock.Now()); err == nil {
		return text[:max(strings.IndexAny(text, "[{`"), 0)], parsed, true
	}
	first, more, _ := strings.Cut(text, "\n")
	if parsed, ok := t.fragments.listed(t.from.ID, more, t.clock.Now()); ok {
		return first, parsed, true
	}
	return text, planparse.Plan{}, false
}

// pressedLead is the lead a button is about.
func (t *turn) pressedLead(ctx context.Context, args []string) (scheduler.Lead, error) {
	ids, err := numbers(args, 1)
	if err != nil {
		return scheduler.Lead{}, err
	}
	return t.store.Lead(ctx, t.from.ID, ids[0])
}

// leadsPerPage is how many leads one message lists.
const leadsPerPage = 8

func leads(ctx context.Context, t *turn, args string) error {
	if args != "" {
		return lead(ctx, t, args) // who names one means it
	}
	return t.list(ctx, 0, t.say)
}

func pageLeads(ctx context.Context, t *turn, args []string) error {
	page, err := numbers(args, 1)
	if err != nil {
		return err
	}
	return t.list(ctx, int(page[0]), t.show)
}

// list shows a page of a person's leads.
func (t *turn) list(ctx context.Context, page int, by teller) error {
	all, err := t.store.Leads(ctx, t.from.ID)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return by(ctx, join(plain("No leads yet. Add the first: "), code("/newlead Jane Doe, CTO @ Acme, met at the fair")))
	}
	pages := (len(all) + leadsPerPage - 1) / leadsPerPage
	page = min(page, pages-1)
	shown := all[page*leadsPerPage : min((page+1)*leadsPerPage, len(all))]
	text := bold(fmt.Sprintf("👥 Your leads (%d)", len(all)))
	if pages > 1 {
		text = join(text, plain(fmt.Sprintf(", page %d of %d", page+1, pages)))
	}
	var list richText
	var rows [][]button
	for _, lead := range shown {
		line := join(plain("• "), bold(isolated(cut(called(lead), 80))))
		if role := roleOf(lead); role != "" {
			line = join(line, plain(" ("+isolated(cut(role, 120))+")"))
		}
		list = lines(list, join(line, plain(" – "+progress(lead))))
		rows = append(rows, []button{press(cut(called(lead), 40), "lead", lead.ID)})
	}
	return by(ctx, paragraphs(text, list), append(rows, pageButtons(page, pages, "◀ Newer", "Older ▶", "leads"))...)
}

// progress says how far a lead's plan has come.
func progress(lead scheduler.Lead) string {
	plan := lead.Plan()
	if len(plan.Steps) == 0 {
		if _, ok := lead.Proposal(); ok {
			return "a plan waits for your OK"
		}
		return "no plan"
	}
	closed := 0
	for _, step := range plan.Steps {
		if closedMark(step) != "" {
			closed++
		}
	}
	if closed == len(plan.Steps) {
		return "all steps closed"
	}
	return fmt.Sprintf("%d of %s closed", closed, count(len(plan.Steps), "step"))
}

// lead is the command of that name.
func lead(ctx context.Context, t *turn, args string) error {
	found, ok, err := t.find(ctx, args, "lead")
	if err != nil || !ok {
		return err
	}
	return t.opened(ctx, found, t.say)
}

// find is the lead a person names, or the one in focus. Where it is not clear
// the person is asked, with a button for each that may be meant.
func (t *turn) find(ctx context.Context, name, action string) (scheduler.Lead, bool, error) {
	wanted := searchable(strings.TrimPrefix(name, "#"))
	if wanted == "" {
		return t.focused(ctx)
	}
	all, err := t.store.Leads(ctx, t.from.ID)
	if err != nil {
		return scheduler.Lead{}, false, err
	}
	found := matching(all, wanted)
	switch len(found) {
	case 0:
		return scheduler.Lead{}, false, t.say(ctx, plain("No lead is called “"+cut(oneLine(name), 80)+"”. /leads lists them; /newlead adds one."))
	case 1:
		return found[0], true, nil
	}
	var rows [][]button
	for _, lead := range found[:min(len(found), mostFound)] {
		rows = append(rows, []button{press(cut(strings.TrimSpace(called(lead)+" "+roleOf(lead)), 50), action, lead.ID)})
	}
	text := plain("Which one?")
	if more := len(found) - mostFound; more > 0 {
		text = plain(fmt.Sprintf("Which one? %d more fit: write more of the name, or look through /leads.", more))
	}
	return scheduler.Lead{}, false, t.say(ctx, text, rows...)
}

// mostFound is how many leads a question offers.
const mostFound = 10

// matching are the leads a name may mean: the one with that number, or those
// with exactly that name, or else those with it among the words of name and
// company, or else anywhere in them. What is wanted is [searchable].
func matching(all []scheduler.Lead, wanted string) []scheduler.Lead {
	var exact, inWords, partly []scheduler.Lead
	for _, lead := range all {
		switch name := searchable(lead.Display()); {
		case strconv.FormatInt(lead.ID, 10) == wanted:
			return []scheduler.Lead{lead}
		case name == wanted:
			exact = append(exact, lead)
		case strings.Contains(" "+name+" "+searchable(lead.Company)+" ", " "+wanted+" "):
			inWords = append(inWords, lead)
		case strings.Contains(name+" "+searchable(lead.Company), wanted):
			partly = append(partly, lead)
		}
	}
	switch {
	case exact != nil:
		return exact
	case inWords != nil:
		return inWords
	}
	return partly
}

// openLead sends a lead's card, and backToLead puts it in place of what was
// opened from it.
func openLead(ctx context.Context, t *turn, args []string) error   { return t.open(ctx, args, t.say) }
func backToLead(ctx context.Context, t *turn, args []string) error { return t.open(ctx, args, t.show) }

func (t *turn) open(ctx context.Context, args []string, by teller) error {
	found, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	return t.opened(ctx, found, by)
}

// opened has a lead in focus and shows it, or its proposal where the person had
// a plan for it.
func (t *turn) opened(ctx context.Context, lead scheduler.Lead, by teller) error {
	if err := t.focus(ctx, lead.ID); err != nil {
		return err
	}
	if parsed, ok := t.unplaced.of(t.from.ID, t.clock.Now()); ok {
		return t.propose(ctx, lead, parsed, "")
	}
	return t.card(ctx, lead, by)
}

// cardHistory is how much of a lead's history its card shows.
const cardHistory = 3

// card shows a lead: who it is, the plan with its dates, and what can be done.
func (t *turn) card(ctx context.Context, lead scheduler.Lead, by teller) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	lead, reminders, err := t.sched.Reconcile(ctx, t.from.ID, lead.ID)
	if err != nil {
		return err
	}
	now := t.now(user)
	// A card without its history is still a card.
	history, err := t.store.Activities(ctx, t.from.ID, lead.ID, cardHistory)
	if err != nil {
		t.log.Warn("activity not read", "lead", lead.ID, "error", err)
	}
	steps, left := listed(holdingsOf(lead, reminders))
	text := paragraphs(join(plain("👤 "), describe(lead)), italic(cut(lead.Notes, 600)), planText(steps, left, now), historyText(history, now, 120))
	var rows [][]button
	if _, ok := lead.Proposal(); ok {
		rows = append(rows, []button{press("📋 Show the proposed plan", "showplan", lead.ID)})
	}
	if len(steps) > 0 {
		rows = append(rows, []button{press("☑️ Tick steps off", "steps", lead.ID)})
	}
	rows = append(rows,
		[]button{press("📝 Add a note", "addnote", lead.ID), press("✏️ Edit", "edit", lead.ID), press("🕓 History", "log", lead.ID)},
		[]button{press("✨ New plan", "regen", lead.ID), press("🗑 Delete", "del", lead.ID)})
	return by(ctx, text, rows...)
}

// planText lists a lead's steps and how they stand; left more are not among them.
func planText(steps []holding, left int, now time.Time) richText {
	if len(steps) == 0 {
		return plain("No plan is scheduled.")
	}
	room := max((maxText-1200)/(len(steps)+1)-50, 20)
	var list richText
	for _, h := range steps {
		what, _ := h.texts()
		line := fmt.Sprintf("%s %d. %s", h.mark(), h.number(), cut(oneLine(what), room))
		if when := standing(h.reminder, now); when != "" {
			line += " – " + when
		}
		list = lines(list, plain(line))
	}
	if left > 0 {
		list = lines(list, plain(fmt.Sprintf("… and %d more. /today and /week show what is due.", left)))
	}
	return list
}

// chooseSteps shows a lead's card with a button for each step.
func chooseSteps(ctx context.Context, t *turn, args []string) error {
	found, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	return t.toggles(ctx, found)
}

// toggles is the lead card with a button for each step, that ticks it off or
// opens it again.
func (t *turn) toggles(ctx context.Context, lead scheduler.Lead) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	lead, reminders, err := t.sched.Reconcile(ctx, t.from.ID, lead.ID)
	if err != nil {
		return err
	}
	steps, left := listed(holdingsOf(lead, reminders))
	var rows [][]button
	for i, h := range steps {
		if i%4 == 0 {
			rows = append(rows, nil)
		}
		mark, done := "◻️", 1
		if closed := h.closed(); closed != "" {
			mark, done = closed, 0
		}
		args := []any{lead.ID, h.number(), done}
		if h.reminder.ID != 0 && h.reminder.PlannedAt.IsZero() {
			args = append(args, h.reminder.ID) // somebody else wrote it, and the plan may not know it
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], press(fmt.Sprintf("%s %d", mark, h.number()), "step", args...))
	}
	text := paragraphs(join(plain("👤 "), describe(lead)), planText(steps, left, t.now(user)), plain("Press a number to tick the step off, or to open it again."))
	return t.show(ctx, text, append(rows, []button{press("⬅️ Back to the lead", "card", lead.ID)})...)
}

// toggleStep ticks a step off or opens it again, in the reminder and the plan.
func toggleStep(ctx context.Context, t *turn, args []string) error {
	ids, err := numbers(args, 3)
	if err != nil {
		return err
	}
	var change scheduler.Change
	done := ids[2] == 1
	switch row, rowErr := numbers(args[3:], 1); {
	case len(args) == 3:
		change, err = t.sched.SetStep(ctx, t.from.ID, ids[0], int(ids[1]), done)
	case rowErr != nil:
		return rowErr
	case done:
		change, err = t.sched.Complete(ctx, t.from.ID, row[0])
	default:
		change, err = t.sched.Reopen(ctx, t.from.ID, row[0])
	}
	if err != nil && !errors.Is(err, scheduler.ErrAlreadyHandled) && !errors.Is(err, scheduler.ErrNotFound) {
		return err
	}
	if change.Mark.ReminderID != 0 {
		t.marks.note(t.from.ID, change.Mark)
	}
	found := change.Lead
	if found.ID == 0 {
		// It stands as wanted already, is in the plan no more, or its lead was
		// not read: show what is.
		if found, err = t.store.Lead(ctx, t.from.ID, ids[0]); err != nil {
			return err
		}
	}
	return t.toggles(ctx, found)
}

// deleteLead is the command /delete: it asks.
func deleteLead(ctx context.Context, t *turn, args string) error {
	found, ok, err := t.find(ctx, args, "del")
	if err != nil || !ok {
		return err
	}
	return t.askDelete(ctx, found)
}

func askDelete(ctx context.Context, t *turn, args []string) error {
	found, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	return t.askDelete(ctx, found)
}

func (t *turn) askDelete(ctx context.Context, lead scheduler.Lead) error {
	reminders, err := t.store.Reminders(ctx, t.from.ID, lead.ID)
	if err != nil {
		return err
	}
	open := 0
	for _, r := range reminders {
		if r.Status.Open() || r.Status == scheduler.Parked {
			open++
		}
	}
	what := "the plan and the history"
	if open > 0 {
		what = "the plan, " + count(open, "open reminder") + " and the history"
	}
	return t.say(ctx, join(plain("Delete "), describe(lead), plain(" with "+what+"? This cannot be taken back.")),
		[]button{press("🗑 Yes, delete", "delyes", lead.ID), press("Keep", "delno", lead.ID)})
}

// yourLeads leads to the list.
func yourLeads() []button { return []button{press("👥 Your leads", "leads", 0)} }

func confirmDelete(ctx context.Context, t *turn, args []string) error {
	found, err := t.pressedLead(ctx, args)
	if errors.Is(err, scheduler.ErrNotFound) {
		t.flash(ctx, "Gone already.")
		return t.show(ctx, plain("🗑 The lead is deleted, and the reminders too."), yourLeads())
	}
	if err != nil {
		return err
	}
	if err := t.store.DeleteLead(ctx, t.from.ID, found.ID); err != nil {
		return err
	}
	return t.show(ctx, join(plain("🗑 "), describe(found), plain(" is deleted, and the reminders too.")), yourLeads())
}

func keepLead(ctx context.Context, t *turn, args []string) error {
	found, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	return t.show(ctx, join(describe(found), plain(" stays.")), []button{press("👤 Open the lead", "lead", found.ID)})
}

// searchable is a text as it is compared in a search: case, accents, and what
// shows nothing do not count.
func searchable(text string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Cf) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(text))
	return strings.Join(strings.Fields(bare), " ")
}
