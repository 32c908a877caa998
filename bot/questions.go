package bot

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/followthrough-go/followthrough/scheduler"
)

// What a person's next message answers; see [scheduler.User.Awaiting]. Those
// about a lead or a reminder have its id behind them: "note:12".
const (
	awaitingPlan    = "plan"
	awaitingLead    = "lead"
	awaitingNote    = "note"
	awaitingDetails = "edit"
	awaitingTime    = "when"
)

// await remembers what the next message is; empty: nothing.
func (t *turn) await(ctx context.Context, what string) error {
	var value any
	if what != "" {
		value = what
	}
	return t.change(ctx, scheduler.UserChange{scheduler.ColumnAwaiting: value})
}

// ask puts a question about a lead or a reminder that the next message
// answers.
func (t *turn) ask(ctx context.Context, what string, id int64, question richText) error {
	t.fragments.forget(t.from.ID)
	if err := t.await(ctx, what+":"+strconv.FormatInt(id, 10)); err != nil {
		return err
	}
	return t.say(ctx, question, []button{press("Never mind", "cancel")})
}

// neverMind is what people say who thought better of it, slash or no slash.
var neverMind = regexp.MustCompile(`(?i)^(?:cancel|never ?mind|nothing|no(?:,? thanks?)?|stop|abort|forget it)[.!]*$`)

// answer takes a text for the answer to what was asked last, if anything was
// that takes any text for an answer.
func (t *turn) answer(ctx context.Context, user scheduler.User, text string) (answered bool, err error) {
	what, number, _ := strings.Cut(user.Awaiting, ":")
	if t.asked(user) && neverMind.MatchString(text) {
		return true, cancelQuestion(ctx, t, "")
	}
	if c, ok := t.named(strings.ToLower(text)); ok && what == awaitingLead {
		return true, t.command(ctx, c.name, "") // nobody is called so
	}
	if what == awaitingLead {
		return true, newLead(ctx, t, text)
	}
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return false, nil
	}
	if what == awaitingTime {
		return true, t.snoozeTo(ctx, id, text)
	}
	if !anyText(user.Awaiting) {
		return false, nil
	}
	found, err := t.store.Lead(ctx, t.from.ID, id)
	if errors.Is(err, scheduler.ErrNotFound) {
		return false, t.await(ctx, "") // deleted in the meantime
	}
	if err != nil {
		return true, err
	}
	if what == awaitingNote {
		return true, t.noted(ctx, found, text, t.source())
	}
	return true, t.redescribe(ctx, found, text)
}

// asked reports whether the person has a question to answer: what their next
// message is, or which lead a plan is for.
func (t *turn) asked(user scheduler.User) bool {
	_, unplaced := t.unplaced.of(t.from.ID, t.clock.Now())
	return user.Awaiting != "" || unplaced
}

// anyText reports whether what is awaited may be any text at all.
func anyText(awaiting string) bool {
	what, _, _ := strings.Cut(awaiting, ":")
	return what == awaitingNote || what == awaitingDetails
}

// settle ends what an earlier command, or a plan that was cut in two, waited
// for: the next message was to be the rest of it, and is another command
// instead.
func (t *turn) settle(ctx context.Context, name string) error {
	if name == "start" || name == "help" {
		return nil // these work without the backend
	}
	t.fragments.forget(t.from.ID)
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	if user.Awaiting == "" || name == "cancel" {
		return nil
	}
	return t.await(ctx, "")
}

// cancelQuestion is the command /cancel.
func cancelQuestion(ctx context.Context, t *turn, _ string) error {
	user, err := t.user(ctx)
	if err != nil {
		return err
	}
	if !t.asked(user) {
		return t.show(ctx, plain("I am not waiting for anything. /undo takes back what you last did with a step."))
	}
	if err := t.await(ctx, ""); err != nil {
		return err
	}
	t.unplaced.forget(t.from.ID)
	return t.show(ctx, plain("👌 Never mind, then."))
}

func pressedCancel(ctx context.Context, t *turn, _ []string) error { return cancelQuestion(ctx, t, "") }
