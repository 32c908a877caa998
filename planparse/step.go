package planparse

import "encoding/json"

// The eight actions a plan is made of.
const (
	ActionLinkedInLike    = "linkedin_like"
	ActionLinkedInComment = "linkedin_comment"
	ActionLinkedInConnect = "linkedin_connect"
	ActionLinkedInDM      = "linkedin_dm"
	ActionEmailOutreach   = "email_outreach"
	ActionMutualIntro     = "mutual_intro"
	ActionFollowupMessage = "followup_message"
	ActionMeetingRequest  = "meeting_request"
)

// Actions lists the eight actions in the order a plan usually takes them.
func Actions() []string {
	return []string{
		ActionLinkedInLike, ActionLinkedInComment, ActionLinkedInConnect, ActionLinkedInDM,
		ActionEmailOutreach, ActionMutualIntro, ActionFollowupMessage, ActionMeetingRequest,
	}
}

// The states of a step.
const (
	StatusPending = "pending"
	StatusDone    = "done"
	StatusSkipped = "skipped"
)

// Step is one action of a plan.
//
// A step remembers every field of the object it was read from. Writing it
// back changes only what was changed through the exported fields: fields this
// package does not know, and known ones holding something odd, survive as
// they were.
type Step struct {
	// ID is unique within its plan.
	ID int
	// Action is one of [Actions], or whatever the model invented.
	Action string
	// Description says what to do.
	Description string
	// SuggestedText is the draft to send; empty where there is none.
	SuggestedText string
	// Timing is the timing as written, such as "Day 3" or "2 days after step 1".
	Timing string
	// Delay is the JSON of delay_days as written; nil where it is absent. It is
	// raw because models put text, fractions and worse there, and 0 must not be
	// confused with nothing.
	Delay json.RawMessage
	// Status is one of [StatusPending], [StatusDone] and [StatusSkipped].
	Status string
	// CompletedAt is the moment of completion as written, normally RFC 3339;
	// empty while the step is open.
	CompletedAt string
	// Warnings about this step, each code once, in a stable order.
	Warnings []Warning

	fields []field
}

// field is one member of the object a step was read from.
type field struct {
	key string
	raw json.RawMessage
}
