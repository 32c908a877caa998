package bot

import (
	"cmp"
	"context"
	"strings"

	tele "gopkg.in/telebot.v3"

	"github.com/followthrough-go/followthrough/scheduler"
)

// textOf is what a message says, which for a picture or a file is what stands
// under it, without the characters that neither Telegram nor a database keeps.
func textOf(m *tele.Message) string {
	return strings.TrimSpace(strings.Map(visible, strings.ToValidUTF8(cmp.Or(m.Text, m.Caption), "\uFFFD")))
}

// contactText is a shared contact as a person would type the lead.
func contactText(c *tele.Contact) string {
	name := strings.NewReplacer(",", " ", "@", " ").Replace(c.FirstName + " " + c.LastName)
	return strings.Join(strings.Fields(name), " ") + "\n" + c.PhoneNumber
}

// text handles a message that is no command.
func (t *turn) text(ctx context.Context, text string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	parsed, planErr := t.fragments.parse(t.from.ID, text, t.clock.Now())
	switch {
	case planErr == nil:
		return t.pasted(ctx, parsed)
	case mustBePlan(text), looksLikePlan(text) && !anyText(user.Awaiting):
		return t.say(ctx, unusable(planErr))
	}
	if answered, err := t.answer(ctx, user, text); answered || err != nil {
		return err
	}
	if parsed, ok := t.fragments.listed(t.from.ID, text, t.clock.Now()); ok {
		return t.pasted(ctx, parsed)
	}
	if c, ok := t.named(strings.ToLower(strings.Trim(text, " .!?"))); ok {
		return t.command(ctx, c.name, "") // the slash was forgotten
	}
	if user.Awaiting == awaitingPlan {
		return t.say(ctx, unusable(planErr), []button{press("Never mind", "cancel")})
	}
	return t.unclear(ctx, user)
}

// unclear asks what a text is that is neither a command nor a plan nor an
// answer. The question quotes the text, and so its buttons lead to it.
func (t *turn) unclear(ctx context.Context, user scheduler.User) error {
	rows := keyboard{{press("👤 A new lead", "keeplead")}}
	if user.FocusLead != 0 {
		found, err := t.store.Lead(ctx, t.from.ID, user.FocusLead)
		if err == nil {
			rows = append(keyboard{{press("📝 A note on "+cut(called(found), 40), "keepnote", found.ID)}}, rows...)
		}
	}
	_, err := t.courier.say(ctx, t.chat, chatMessage{
		text: plain("I did not recognise that as a plan or a command. What is it? /help lists what I can do."), keys: rows, answers: t.message,
	})
	return err
}

// quotedText is the text that an unclear message had; where Telegram does not
// say any more, the person is told, and ok is false.
func (t *turn) quotedText(ctx context.Context) (text string, ok bool, err error) {
	if t.quoted != nil {
		text = textOf(t.quoted)
	}
	if text == "" {
		return "", false, t.show(ctx, plain("I no longer have that text; please send it again, behind /newlead or /note."))
	}
	return text, true, nil
}

// keepAsNote makes the quoted text a note on a lead.
func keepAsNote(ctx context.Context, t *turn, args []string) error {
	found, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	text, ok, err := t.quotedText(ctx)
	if err != nil || !ok {
		return err
	}
	return t.noted(ctx, found, text, sourceOf(t.chat, int64(t.quoted.ID), t.quoted.Time()))
}

// keepAsLead makes the quoted text a lead.
func keepAsLead(ctx context.Context, t *turn, _ []string) error {
	text, ok, err := t.quotedText(ctx)
	if err != nil || !ok {
		return err
	}
	// The lead comes from that message, however often the button is pressed.
	from := *t
	from.message, from.sent, from.toast = int64(t.quoted.ID), t.quoted.Time(), nil
	t.flash(ctx, "")
	if err := t.show(ctx, plain("👤 A new lead it is.")); err != nil {
		return err
	}
	return newLead(ctx, &from, text)
}
