package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/scheduler"
)

// historyPage is how many lines of a lead's history one message shows.
const historyPage = 10

// showLog shows what happened with a lead, a page at a time.
func showLog(ctx context.Context, t *turn, args []string) error {
	found, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	page, by := 0, t.say
	if len(args) > 1 { // from one page to another
		ids, err := numbers(args, 2)
		if err != nil {
			return err
		}
		page, by = int(min(ids[1], 1000)), t.show
	}
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	// One more than there is room for tells whether there is another page.
	history, err := t.store.Activities(ctx, t.from.ID, found.ID, (page+1)*historyPage+1)
	if err != nil {
		return err
	}
	pages := (len(history) + historyPage - 1) / historyPage
	page = min(page, max(pages-1, 0))
	shown := history[page*historyPage : min((page+1)*historyPage, len(history))]
	list := plain("Nothing yet.")
	if len(shown) > 0 {
		// Notes are read here, so a long one has the room that the others leave.
		const most = maxText - 500
		list = historyText(shown, t.now(user), most)
		for room := most; units(list.plain()) > most; {
			room = room * 3 / 4
			list = historyText(shown, t.now(user), room)
		}
	}
	return by(ctx, paragraphs(join(plain("🕓 History of "), describe(found)), list),
		pageButtons(page, pages, "◀ Newer", "Older ▶", "log", found.ID),
		[]button{press("👤 Open the lead", "lead", found.ID)})
}

// historyText lists what happened with a lead, the latest first, with so much
// of each line's content.
func historyText(history []scheduler.Activity, now time.Time, room int) richText {
	var list richText
	for _, a := range history {
		list = lines(list, plain(fmt.Sprintf("%s · %s", moment(a.CreatedAt.In(now.Location()), now), activityWords(a, room))))
	}
	return list
}

// activityWords puts a line of the log into words.
func activityWords(a scheduler.Activity, room int) string {
	words, known := map[string]string{
		scheduler.ActivityStepDone:      "✅ done",
		scheduler.ActivityStepSkipped:   "⏭ skipped",
		scheduler.ActivityStepSnoozed:   "💤 snoozed",
		scheduler.ActivityStepReopened:  "↩️ opened again",
		scheduler.ActivityPlanScheduled: "📋",
		scheduler.ActivityLeadCreated:   "👤 added",
		scheduler.ActivityFollowupSent:  "📨 I asked how it goes",
		activityNote:                    "📝 noted",
		activityDetails:                 "✏️ before that",
	}[a.Type]
	if !known {
		words = cut(oneLine(strings.ReplaceAll(a.Type, "_", " ")), 40)
	}
	content := cut(oneLine(a.Content), room)
	switch {
	case content == "":
		return words
	case a.Type == scheduler.ActivityPlanScheduled:
		return words + " " + content
	}
	return words + ": " + content
}

// activityNote is what the log calls a note, as rows of other programs do;
// activityDetails is how a lead was described before that was changed.
const (
	activityNote    = "context_update"
	activityDetails = "details_changed"
)

// notes are what a person noted about a lead since it was made, in the order
// in which they did; where there are more than limit, the latest.
func (t *turn) notes(ctx context.Context, leadID int64, limit int) ([]string, error) {
	history, err := t.store.Activities(ctx, t.from.ID, leadID, 4*limit)
	if err != nil {
		return nil, err
	}
	var noted []string
	for _, a := range slices.Backward(history) {
		if text := strings.TrimSpace(a.Content); a.Type == activityNote && text != "" {
			noted = append(noted, text)
		}
	}
	return noted[max(len(noted)-limit, 0):], nil
}

// note adds to the notes of the lead in focus.
func note(ctx context.Context, t *turn, args string) error {
	found, ok, err := t.focused(ctx)
	if err != nil || !ok {
		return err
	}
	if args == "" {
		return t.askNote(ctx, found)
	}
	return t.noted(ctx, found, args, t.source())
}

func askNote(ctx context.Context, t *turn, args []string) error {
	found, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	return t.askNote(ctx, found)
}

func (t *turn) askNote(ctx context.Context, lead scheduler.Lead) error {
	return t.ask(ctx, awaitingNote, lead.ID, join(plain("📝 What is new with "), describe(lead), plain("? Your next message becomes a note.")))
}

// noted keeps a note on a lead, and has the lead in focus from then on. source
// is the message the note comes from: of each there is one note, also where it is
// handled again after a crash, or its button is pressed twice.
func (t *turn) noted(ctx context.Context, lead scheduler.Lead, text, source string) error {
	if err := t.logOnce(ctx, lead, activityNote, text, source); err != nil {
		return err
	}
	// Reminders look for addresses in what the lead has for notes.
	_, found := takeAddresses(text)
	notes, before := lead.Notes, "\n"
	for _, address := range found {
		if !strings.Contains(notes, address) {
			notes, before = notes+before+address, ", "
		}
	}
	if notes != lead.Notes {
		if err := t.store.Describe(ctx, t.from.ID, lead.ID, scheduler.Details{Name: lead.Name, Title: lead.Title, Company: lead.Company, Notes: strings.TrimSpace(notes)}); err != nil {
			return err
		}
	}
	if err := t.focus(ctx, lead.ID); err != nil {
		return err
	}
	return t.show(ctx, join(plain("📝 Noted with "), describe(lead), plain(".")), []button{press("👤 Open the lead", "lead", lead.ID), press("✨ New plan", "regen", lead.ID)})
}

// logOnce adds the line to a lead's log that a message leads to.
func (t *turn) logOnce(ctx context.Context, lead scheduler.Lead, kind, text, source string) error {
	return t.store.LogOnce(ctx, scheduler.Activity{LeadID: lead.ID, TelegramID: t.from.ID, Type: kind, Content: text,
		Metadata: map[string]any{"source": source}}, "source")
}

// source names the person's message in the database.
func (t *turn) source() string { return sourceOf(t.chat, t.message, t.sent) }

// sourceOf names a message. Its time is part of that: each bot of Telegram numbers
// the messages of its chats anew, and another may have had this database before.
func sourceOf(chat, message int64, sent time.Time) string {
	return fmt.Sprintf("telegram:%d:%d:%d", chat, message, sent.Unix())
}

// askDetails asks how a lead should be described from now on.
func askDetails(ctx context.Context, t *turn, args []string) error {
	found, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	return t.ask(ctx, awaitingDetails, found.ID, lines(
		join(plain("✏️ Send it as it should be: name, title @ company, notes. Without notes, those there are stay.")),
		join(plain("Now it is: "), code(cut(typed(found), 1000))),
	))
}

// typed is a lead as a person would type it.
func typed(lead scheduler.Lead) string {
	text := called(lead)
	switch {
	case lead.Company != "":
		text += ", " + strings.TrimSpace(oneLine(lead.Title)+" @ "+oneLine(lead.Company))
	case lead.Title != "":
		text += ", " + oneLine(lead.Title)
	}
	return text
}

// redescribe changes what a lead is called and where it works. What was there
// goes to the history.
func (t *turn) redescribe(ctx context.Context, lead scheduler.Lead, text string) error {
	described := readLead(text)
	if described.name == "" {
		return t.say(ctx, plain("There is no name in that. Send it like this: Jane Doe, CTO @ Acme"), []button{press("Never mind", "cancel")})
	}
	old, before := lead, typed(lead)
	if lead.Notes != "" && described.notes != "" {
		before += ", " + lead.Notes
	}
	lead.Name, lead.Title, lead.Company = described.name, described.title, described.company
	if described.notes != "" {
		lead.Notes = described.notes
	}
	if typed(lead) != typed(old) || lead.Notes != old.Notes { // or it was handled before
		if err := t.logOnce(ctx, lead, activityDetails, before, t.source()); err != nil {
			return err
		}
	}
	if err := t.store.Describe(ctx, t.from.ID, lead.ID, scheduler.Details{Name: lead.Name, Title: lead.Title, Company: lead.Company, Notes: lead.Notes}); err != nil {
		return err
	}
	if err := t.focus(ctx, lead.ID); err != nil {
		return err
	}
	return t.card(ctx, lead, t.say)
}
