package bot

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/followthrough-go/followthrough/planparse"
)

// playbook writes the plan that a good salesperson follows with anybody: be
// seen, connect, ask before offering, follow up briefly, and then ask for a
// meeting. Its drafts can be sent as they are: they use what is known of the
// lead and invent nothing. It goes through planparse, like any other plan.
func playbook(lead planparse.Brief) (planparse.Plan, error) {
	encoded, err := json.Marshal(play(lead))
	if err != nil {
		return planparse.Plan{}, fmt.Errorf("write plan: %w", err)
	}
	plan, err := planparse.Parse(string(encoded))
	if err != nil {
		return planparse.Plan{}, fmt.Errorf("write plan: %w", err)
	}
	return plan, nil
}

// played is a step as the plan format has it.
type played struct {
	ID     int     `json:"step_id"`
	Action string  `json:"action_type"`
	What   string  `json:"description"`
	Draft  *string `json:"suggested_text"`
	Timing string  `json:"timing"`
	Delay  int     `json:"delay_days"`
	Status string  `json:"status"`
}

func play(lead planparse.Brief) []played {
	name := cut(oneLine(lead.Name), 60)
	first := firstName(name)
	company := cut(oneLine(lead.Company), 60)
	title := cut(oneLine(lead.Title), 60)

	atCompany, ofCompany, yourWork := "", "", "what you do"
	if company != "" {
		atCompany, ofCompany, yourWork = " at "+company, " and "+company, "what you do at "+company
	}
	role := "in your role"
	if title != "" {
		role = "as " + title
	}
	recall := ""
	if notes := cut(oneLine(unaddressed(lead.Notes)), 160); notes != "" {
		recall = " You noted: “" + notes + "”; one sentence about it makes this message yours."
	}

	// What a step needs stands in it: it is all that a reminder has at hand.
	profile, mail := "", ""
	for _, link := range linksIn(lead.Notes) {
		if link.onLinkedIn() {
			profile = " " + link.url
			break
		}
	}
	if address := mailForm.FindString(lead.Notes); address != "" {
		mail = " to " + address
	}

	var steps []played
	add := func(delay int, action, what, draft string) {
		step := played{ID: len(steps) + 1, Action: action, What: what, Timing: fmt.Sprintf("Day %d", delay), Delay: delay, Status: planparse.StatusPending}
		if draft != "" {
			step.Draft = &draft
		}
		steps = append(steps, step)
	}
	add(0, planparse.ActionLinkedInLike,
		"Read the LinkedIn profile of "+name+ofCompany+", and like one or two recent posts that you mean it for."+profile, "")
	add(1, planparse.ActionLinkedInComment,
		"Comment on a recent post by "+name+": two sentences that add something, and nothing to sell."+profile, "")
	add(3, planparse.ActionLinkedInConnect,
		"Send "+name+" a connection request with a short note."+profile,
		fmt.Sprintf("Hi %s, I have been reading about %s and would like to follow it more closely. Glad to connect!", first, yourWork))
	add(5, planparse.ActionLinkedInDM,
		"Once connected, ask "+name+" an open question. If the request is still open, wait a few days."+recall+profile,
		fmt.Sprintf("Hi %s, good to be connected! I would like to understand your work a little better: what takes more of your time than it should at the moment, %s%s? I ask many people this, and am glad to share what I hear.", first, role, atCompany))
	add(8, planparse.ActionEmailOutreach,
		"If there is no answer yet, write "+name+" a short mail"+mail+".",
		fmt.Sprintf("Subject: One question for you\n\nHi %s,\n\nI reached out on LinkedIn a few days ago. I would like to hear how things are going%s and find out whether I can be of use; if not, I will say so.\n\nWould a short call next week suit you? And if somebody else is the better person to ask, a name helps me just as much.\n\nBest regards", first, atCompany))
	add(11, planparse.ActionFollowupMessage,
		"Follow up with "+name+" in three lines, on the channel where you are most likely to be read.",
		fmt.Sprintf("Hi %s, I know how full weeks get, so just briefly: is this worth a conversation now, later, or not at all? One word is enough, and I will act on it.", first))
	add(14, planparse.ActionMeetingRequest,
		"Ask "+name+" for a meeting, with a clear frame.",
		fmt.Sprintf("Hi %s, would you have 20 minutes for a call this week or next? I will come with questions about your priorities%s rather than with slides. Name a time that suits you and I will send the invitation.", first, atCompany))
	return steps
}

// firstName is how a person is addressed: the first word of a name that is not
// a form of address.
func firstName(name string) string {
	for _, word := range strings.Fields(name) {
		switch strings.ToLower(strings.TrimSuffix(word, ".")) {
		case "dr", "prof", "mr", "mrs", "ms", "herr", "frau":
			continue
		}
		return word
	}
	return name
}
