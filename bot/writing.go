package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// regenerate is the button for another plan. Where a plan is in force or
// proposed, the person is asked first.
func regenerate(ctx context.Context, t *turn, args []string) error {
	lead, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	_, proposed := lead.Proposal()
	scheduled := len(lead.Plan().Steps) > 0
	if !proposed && !scheduled {
		return t.write(ctx, lead, 0)
	}
	var what richText
	if proposed {
		what = plain("The proposal that waits for your OK is replaced.")
	}
	if scheduled {
		what = lines(what, plain("The plan in force ("+progress(lead)+") stays until you schedule the new one; then its open reminders are cancelled."))
	}
	return t.say(ctx, paragraphs(join(plain("✨ Write a new plan for "), describe(lead), plain("?")), what),
		[]button{press("✨ Yes, write it", "regenyes", lead.ID, proposalMark(lead)), press("Keep", "regenno", lead.ID, proposalMark(lead))})
}

// confirmRegenerate writes the plan in place of the question.
func confirmRegenerate(ctx context.Context, t *turn, args []string) error {
	lead, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	if outdated, err := t.outdated(ctx, lead, args[1:]); outdated || err != nil {
		return err
	}
	if err := t.write(ctx, lead, t.message); err != nil {
		return err
	}
	t.recent.first(t.question(), t.clock.Now())
	return nil
}

// outdated reports whether there is another proposal than when the person was
// asked whether it may be replaced: a plan costs money, and the one that is there
// was not asked about. It tells them so, unless they see what came of the
// question: it was a second tap then.
func (t *turn) outdated(ctx context.Context, lead scheduler.Lead, args []string) (bool, error) {
	switch {
	case t.recent.has(t.question(), t.clock.Now()):
		t.flash(ctx, "")
		return true, nil
	case !slices.Equal(args, []string{proposalMark(lead)}):
		return true, t.notice(ctx, "Another plan was proposed since I asked. /lead shows it.")
	}
	return false, nil
}

// question names the message whose button was pressed.
func (t *turn) question() string { return fmt.Sprint("question ", t.chat, " ", t.message) }

// proposalMark tells a lead's proposals apart.
func proposalMark(lead scheduler.Lead) string {
	proposal, ok := lead.Proposal()
	if !ok {
		return "0"
	}
	return mark(proposal)
}

func keepPlan(ctx context.Context, t *turn, args []string) error {
	lead, err := t.pressedLead(ctx, args)
	if err != nil {
		return err
	}
	if outdated, err := t.outdated(ctx, lead, args[1:]); outdated || err != nil {
		return err
	}
	return t.show(ctx, join(plain("The plan for "), describe(lead), plain(" stays as it is.")), []button{press("👤 Open the lead", "lead", lead.ID)})
}

// write has a plan written for a lead and proposes it, in place of one of the
// bot's messages, or in a new one where message is zero. Where it takes time
// the person sees how far it is.
func (t *turn) write(ctx context.Context, lead scheduler.Lead, message int64) error {
	t.flash(ctx, "")
	at := func(stage) {}
	if t.model != nil {
		work, err := t.begin(ctx, message, describe(lead))
		if err != nil {
			return err
		}
		defer work.end()
		at, message = work.at, work.message
	}
	by := t.say
	if message != 0 {
		by = func(ctx context.Context, text richText, rows ...[]button) error {
			return t.replace(ctx, message, text, rows...)
		}
	}
	proposal, remark, err := t.newProposal(ctx, lead, at)
	at(stages)
	again := press("✨ Try again", "regen", lead.ID)
	if unwritten := (*unwrittenError)(nil); errors.As(err, &unwritten) {
		return by(ctx, join(plain("✍️ "+unwritten.why+", so the proposal for "), describe(lead), plain(" stays as it was.")),
			[]button{press("📋 Show the proposal", "showplan", lead.ID), again})
	}
	if err != nil {
		if t.model != nil && ctx.Err() == nil { // or the message would say for ever that it is being made
			if err := by(ctx, join(plain("✍️ The plan for "), describe(lead), plain(" could not be made.")), []button{again}); err != nil {
				t.log.Warn("answer not delivered", "telegram_id", t.from.ID, "error", err)
			}
		}
		return err
	}
	return t.showProposal(ctx, lead, proposal, remark, by)
}

// newProposal has a plan written for a lead and proposes it. Where the model
// writes none the playbook does, unless another proposal waits: then the error is
// an *unwrittenError.
func (t *turn) newProposal(ctx context.Context, lead scheduler.Lead, at func(stage)) (proposal scheduler.Proposal, remark string, err error) {
	brief, err := t.brief(ctx, lead)
	if err != nil {
		return scheduler.Proposal{}, "", err
	}
	at(stageWriting)
	parsed, remark, err := t.compose(ctx, brief)
	_, waits := lead.Proposal()
	if unwritten := (*unwrittenError)(nil); errors.As(err, &unwritten) && !waits {
		remark = unwritten.why + ", so this one is from the built-in playbook. “Another plan” asks it again."
		parsed, err = playbook(brief)
	}
	if err != nil {
		return scheduler.Proposal{}, "", err
	}
	at(stageScheduling)
	if proposal, err = t.store.Propose(ctx, t.from.ID, lead.ID, parsed); err != nil {
		return scheduler.Proposal{}, "", err
	}
	return proposal, remark, t.focus(ctx, lead.ID)
}

// compose has a plan written: by the model, where there is one.
func (t *turn) compose(ctx context.Context, lead planparse.Brief) (plan planparse.Plan, remark string, err error) {
	if t.model != nil {
		return t.model.write(ctx, lead)
	}
	plan, err = playbook(lead)
	return plan, "", err
}

// briefNotes is how many notes a plan is written from.
const briefNotes = 50

// brief is what is known of a lead: what it was made from, and what was noted
// since, in that order.
func (t *turn) brief(ctx context.Context, lead scheduler.Lead) (planparse.Brief, error) {
	noted, err := t.notes(ctx, lead.ID, briefNotes)
	if err != nil {
		return planparse.Brief{}, err
	}
	return planparse.Brief{
		Name: lead.Display(), Title: lead.Title, Company: lead.Company,
		Notes: strings.TrimSpace(lead.Notes + "\n" + strings.Join(noted, "\n")),
	}, nil
}

// stage is a part of the writing of a plan.
type stage int

const (
	stageResearching stage = iota
	stageWriting
	stageScheduling
	stages
)

// text is the progress as it is shown: what is done, and what is going on.
func (s stage) text(about richText) richText {
	list := make([]richText, 0, stages)
	for i, words := range [stages]string{
		stageResearching: "Researching: what you know about them",
		stageWriting:     "Writing: this may take a minute",
		stageScheduling:  "Scheduling: a date for each step",
	} {
		mark := "▫️ "
		switch {
		case stage(i) < s:
			mark = "✔️ "
		case stage(i) == s:
			mark, words = "⏳ ", words+"…"
		}
		list = append(list, plain(mark+words))
	}
	return paragraphs(join(plain("✍️ Making a plan for "), about), lines(list...))
}

// progressEvery is how often the message about progress may change, and
// typingEvery how often the typing sign is renewed, which Telegram takes down
// after five seconds.
const (
	progressEvery = time.Second
	typingEvery   = 4 * time.Second
)

// working is a message that shows how far a plan is, with the typing sign
// above it.
type working struct {
	message int64
	end     func() // stops the showing; may be called again

	mu  sync.Mutex
	now stage
}

// begin shows the first stage, and keeps the message and the typing sign up to
// date until end is called.
func (t *turn) begin(ctx context.Context, message int64, about richText) (*working, error) {
	first := chatMessage{text: stageResearching.text(about)}
	var err error
	if message == 0 {
		message, err = t.courier.say(ctx, t.chat, first)
	} else {
		err = t.courier.edit(ctx, t.chat, message, first)
	}
	if err != nil {
		return nil, err
	}
	work := &working{message: message}
	// Both are ornaments: that they fail is no reason to stop. What ends is the
	// waiting between edits, never an edit under way: that one could otherwise
	// reach Telegram after the proposal.
	waiting, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		for waiting.Err() == nil {
			_ = t.courier.api.typing(waiting, t.chat)
			_ = pause(waiting, typingEvery)
		}
	})
	wait.Go(func() {
		shown := stageResearching
		for pause(waiting, progressEvery) == nil {
			if now := work.stage(); now != shown {
				_ = t.courier.edit(ctx, t.chat, message, chatMessage{text: now.text(about)})
				shown = now
			}
		}
	})
	work.end = sync.OnceFunc(func() {
		cancel()
		wait.Wait()
	})
	return work, nil
}

// at says which stage the work is at; after the last one nothing changes the
// message any more.
func (w *working) at(s stage) {
	if s == stages {
		w.end()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = s
}

func (w *working) stage() stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}
