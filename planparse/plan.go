package planparse

import (
	"fmt"
	"slices"
)

// Plan is an engagement plan as it was read from a model's output or from
// storage: its steps in the order written, what had to be done to get at
// them, and how that went.
//
// A Plan is a value; nothing in this package changes one behind its holder's
// back. Copies share their steps' slice, as slices do.
type Plan struct {
	// Steps in the order written, which is not necessarily that of their dates.
	Steps []Step
	// Outcome sums up how much of the document could be used.
	Outcome Outcome
	// Warnings that concern the whole document, each code once. What concerns
	// one step stands in that step's own list.
	Warnings []Warning

	// kept holds what Unmarshal met where no step could be read, so that
	// writing the plan back does not destroy it.
	kept []byte
}

// IsZero reports whether the plan is absent, as opposed to present and
// unreadable. It makes the omitzero option of encoding/json work.
func (p Plan) IsZero() bool {
	return len(p.Steps) == 0 && len(p.Warnings) == 0 && len(p.kept) == 0
}

// Step finds a step by its id.
func (p Plan) Step(id int) (Step, bool) {
	for _, s := range p.Steps {
		if s.ID == id {
			return s, true
		}
	}
	return Step{}, false
}

// Outcome says how much of a document could be used.
type Outcome string

// The outcomes, from best to worst.
const (
	// OutcomeOK: the JSON was valid. There may still be warnings, about prose
	// around it or single values.
	OutcomeOK Outcome = "ok"
	// OutcomeRepaired: the JSON was not valid, every step was recovered.
	OutcomeRepaired Outcome = "repaired"
	// OutcomePartial: steps are missing, cut off or over the limit.
	OutcomePartial Outcome = "partial"
	// OutcomeError: there is no plan.
	OutcomeError Outcome = "error"
)

// Warning is the code of something that was found and dealt with. Codes are
// stable and meant for programs; the constants document them.
type Warning string

// Warnings about the document.
const (
	// WarnFenced: the JSON stood in a Markdown code fence.
	WarnFenced Warning = "fenced"
	// WarnWrapped: the steps stood inside an object rather than in a bare array.
	WarnWrapped Warning = "wrapped"
	// WarnLeadingText: something other than the document came before it.
	WarnLeadingText Warning = "leading_text"
	// WarnTrailingText: something other than the document came after it.
	WarnTrailingText Warning = "trailing_text"
	// WarnRepaired: the JSON was not valid and was mended.
	WarnRepaired Warning = "repaired"
	// WarnTruncated: the text ended before the document did. A half-written
	// last step is dropped, never completed.
	WarnTruncated Warning = "truncated"
	// WarnMultipleDocuments: several plans were found; the one with the most
	// steps was taken, of equals the last.
	WarnMultipleDocuments Warning = "multiple_documents"
	// WarnDoubleEncoded: the JSON stood inside a JSON string.
	WarnDoubleEncoded Warning = "double_encoded"
	// WarnElementDropped: an element of the array was not a step.
	WarnElementDropped Warning = "element_dropped"
	// WarnTooManySteps: only the first [MaxSteps] were kept.
	WarnTooManySteps Warning = "too_many_steps"
	// WarnEmptyPlan: there is an array for the steps and nothing in it.
	WarnEmptyPlan Warning = "empty_plan"
	// WarnNoSteps: there is JSON, and no step in it.
	WarnNoSteps Warning = "no_steps"
	// WarnNoJSON: there is no JSON at all.
	WarnNoJSON Warning = "no_json"
)

// Warnings about one step.
const (
	// WarnKeyAlias: a field had another name than the format gives it, or the
	// step stood under its time, as in {"Day 3": {...}}.
	WarnKeyAlias Warning = "key_alias"
	// WarnStepIDMissing: no step_id; the step took its position as its id.
	WarnStepIDMissing Warning = "step_id_missing"
	// WarnStepIDCoerced: the step_id was a number written as text.
	WarnStepIDCoerced Warning = "step_id_coerced"
	// WarnStepIDDuplicate: an earlier step had the same id; this one got another.
	WarnStepIDDuplicate Warning = "step_id_duplicate"
	// WarnStepIDInvalid: the step_id could not be one; the position was used.
	WarnStepIDInvalid Warning = "step_id_invalid"
	// WarnDelayInvalid: delay_days was not usable, and not used.
	WarnDelayInvalid Warning = "delay_invalid"
	// WarnDelayString: delay_days was text, and could be read.
	WarnDelayString Warning = "delay_string"
	// WarnDelayFractional: delay_days was not a whole number; it was kept exactly.
	WarnDelayFractional Warning = "delay_fractional"
	// WarnDelayNegative: delay_days lay before the plan's start, and was not used.
	WarnDelayNegative Warning = "delay_negative"
	// WarnDelayOutOfRange: delay_days was over [MaxDays], and was not used.
	WarnDelayOutOfRange Warning = "delay_out_of_range"
	// WarnTimingInvalid: timing was not a string.
	WarnTimingInvalid Warning = "timing_invalid"
	// WarnTimingUnparseable: timing was needed and names no date.
	WarnTimingUnparseable Warning = "timing_unparseable"
	// WarnTimingConflict: delay_days and timing differ by more than a day;
	// delay_days was followed.
	WarnTimingConflict Warning = "timing_conflict"
	// WarnReferenceMissing: the timing refers to a step that is not there.
	WarnReferenceMissing Warning = "reference_missing"
	// WarnReferenceCycle: steps wait for each other.
	WarnReferenceCycle Warning = "reference_cycle"
	// WarnClamped: a derived date lay before the step above and was moved to it.
	WarnClamped Warning = "clamped"
	// WarnNonMonotonic: a date lies before that of the step above, and stands
	// because it is explicit or because the step above waits for it.
	WarnNonMonotonic Warning = "non_monotonic"
	// WarnStatusNormalised: the status was not one of the three.
	WarnStatusNormalised Warning = "status_normalised"
	// WarnActionUnknown: the action is none of the eight in [Actions].
	WarnActionUnknown Warning = "action_unknown"
)

// What a document may hold. Beyond them Parse says so and does not guess.
const (
	// MaxInput is the most bytes Parse looks at.
	MaxInput = 256 << 10
	// MaxSteps is the most steps a plan keeps.
	MaxSteps = 50
	// MaxTiming is the most runes of a timing string that are looked at.
	MaxTiming = 256
	// MaxDays is how far from its base a step may lie, in days.
	MaxDays = 365
)

// ParseError says that there is no plan in a text.
type ParseError struct {
	// Code is the reason: [WarnNoJSON], [WarnNoSteps] or [WarnEmptyPlan], or
	// empty where the input was refused unread.
	Code Warning
	// Err is the cause where there is one beyond the code, such as [ErrTooLarge].
	Err error
}

func (e *ParseError) Error() string {
	switch e.Code {
	case WarnNoJSON:
		return "planparse: no JSON in the text"
	case WarnNoSteps:
		return "planparse: the JSON holds no steps"
	case WarnEmptyPlan:
		return "planparse: the plan is empty"
	}
	return fmt.Sprintf("planparse: %v", e.Err)
}

// Unwrap returns the cause, for errors.Is.
func (e *ParseError) Unwrap() error { return e.Err }

// addWarning appends a code unless the list has it: lists are short, and
// their order, that of discovery, is worth keeping.
func addWarning(list []Warning, w Warning) []Warning {
	if slices.Contains(list, w) {
		return list
	}
	return append(list, w)
}
