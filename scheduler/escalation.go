package scheduler

import "time"

// Stage is which nudge of a step a message is. Each is worded differently.
type Stage int

// The stages of a step nobody acts on.
const (
	StageDue    Stage = iota + 1 // the first nudge, at the due time
	StageGentle                  // a repeated nudge
	StageLast                    // the last nudge: it says that the step now rests for a week
	StageFinal                   // back after the rest: from now on the step is only listed
)

// Escalation says how long to wait after each nudge: Gaps[0] after the first,
// Gaps[1] after the second. After one nudge more than there are gaps the step
// rests for Rest, comes back once, and is parked.
type Escalation struct {
	Gaps []time.Duration
	Rest time.Duration
}

// DefaultEscalation is a nudge when due, one a day later, one two days after
// that, a week's rest, and a last word.
func DefaultEscalation() Escalation {
	return Escalation{Gaps: []time.Duration{24 * time.Hour, 48 * time.Hour}, Rest: 7 * 24 * time.Hour}
}

// escalationStep is what one claim of a reminder means.
type escalationStep struct {
	stage  Stage
	gap    time.Duration // how far the claim moves due_at
	status Status        // what a confirmed delivery sets
}

// after tells what the nudge means that follows count earlier ones.
func (e Escalation) after(count int) escalationStep {
	count = max(count, 0) // rows are written by others, too
	switch {
	case count < len(e.Gaps):
		stage := StageGentle
		if count == 0 {
			stage = StageDue
		}
		return escalationStep{stage, e.Gaps[count], Sent}
	case count == len(e.Gaps):
		return escalationStep{StageLast, e.Rest, Snoozed}
	default:
		return escalationStep{StageFinal, e.Rest, Parked}
	}
}

// inDigest tells what a digest does to a reminder after count nudges: it comes
// singly again after the gap, as the same nudge, unless its nudges were used
// up.
func (e Escalation) inDigest(count int) escalationStep {
	step := e.after(count)
	if step.stage == StageLast && len(e.Gaps) > 0 {
		step.gap, step.status = e.Gaps[len(e.Gaps)-1], Sent
	}
	return step
}
