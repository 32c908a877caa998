package planparse

import (
	"errors"
	"html"
	"slices"
	"strings"
)

// ErrTooLarge is the cause of a [ParseError] for a text over [MaxInput].
var ErrTooLarge = errors.New("the text is over 256 KiB")

// Parse reads a plan from what a language model answered: JSON, usually, with
// anything around it and anything wrong with it. Whatever had to be done to
// get at the steps is reported in the plan's and the steps' warnings.
//
// The error is a [*ParseError], and non-nil only where there is no plan at
// all; the Plan then has [OutcomeError] and says so in its warnings as well.
// Nothing is invented: a step the text was cut off in is dropped, and a value
// that cannot be read is left for [Plan.Schedule] to do without.
func Parse(text string) (Plan, error) {
	if len(text) > MaxInput {
		return Plan{Outcome: OutcomeError}, &ParseError{Err: ErrTooLarge}
	}
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.TrimPrefix(text, "\ufeff")

	found := search(text, afterThinking(text))
	if found.best == nil && strings.Contains(text, "&") {
		// A page has been copied from: "&quot;" is what it has for quotes.
		if plain := html.UnescapeString(text); plain != text {
			if again := search(plain, afterThinking(plain)); again.best != nil {
				found = again
				found.best.mended = true
			}
		}
	}
	plan := Plan{Outcome: OutcomeError}
	if found.best == nil {
		for _, w := range found.warnings() {
			plan.Warnings = addWarning(plan.Warnings, w)
		}
		code := WarnNoJSON
		switch {
		case found.empty:
			code = WarnEmptyPlan
		case found.json:
			code = WarnNoSteps
		}
		plan.Warnings = inOrder(addWarning(plan.Warnings, code))
		return plan, &ParseError{Code: code}
	}
	plan.Warnings = found.warnings()
	plan.Steps, plan.Warnings = found.best.steps(plan.Warnings)
	if len(plan.Steps) > MaxSteps {
		plan.Steps = slices.Clip(plan.Steps[:MaxSteps])
		plan.Warnings = addWarning(plan.Warnings, WarnTooManySteps)
		found.best.lost = true
	}
	switch d := found.best; {
	case d.lost:
		plan.Outcome = OutcomePartial
	case d.mended || d.truncated:
		plan.Outcome = OutcomeRepaired
	default:
		plan.Outcome = OutcomeOK
	}
	plan.Warnings = inOrder(plan.Warnings)
	number(plan.Steps)
	for i := range plan.Steps {
		plan.Steps[i].settle()
	}
	return plan, nil
}

// document is a plan found in a text: where it stands and what it is made of.
type document struct {
	start, end int
	r          *reader
	elements   []element

	wrapped, doubled, mended, truncated, dropped, several bool
	// lost is true when a step is known to be missing.
	lost bool
	// encoded is how many JSON strings the document stands in, one in another.
	encoded int
	// loose is true for objects that stand side by side, in no array.
	loose bool
}

// element is a member of the array of steps, with the reader that holds it and
// the time it is filed under, where there is one: {"Day 3": {...}}.
type element struct {
	r     *reader
	n     node
	under string
}

// score ranks documents: complete steps first.
func (d *document) score() int {
	n := 0
	for i := range d.elements {
		if d.elements[i].n.whole {
			n += stepness(d.elements[i].r, &d.elements[i].n)
		}
	}
	return n
}

// warnings lists what concerns the search rather than the steps.
func (f *findings) warnings() []Warning {
	var ws []Warning
	add := func(is bool, w Warning) {
		if is {
			ws = addWarning(ws, w)
		}
	}
	leading, trailing, fenced := f.around()
	d := f.best
	if d == nil {
		add(fenced, WarnFenced)
		add(f.wrapped && f.empty, WarnWrapped)
		add(f.truncated, WarnTruncated)
		return ws
	}
	add(fenced, WarnFenced)
	add(d.wrapped, WarnWrapped)
	add(leading, WarnLeadingText)
	add(trailing, WarnTrailingText)
	add(d.mended, WarnRepaired)
	add(d.truncated, WarnTruncated)
	add(f.documents > 1 || d.several, WarnMultipleDocuments)
	add(d.doubled, WarnDoubleEncoded)
	add(d.dropped, WarnElementDropped)
	return ws
}

// inOrder sorts warnings into the order of their constants.
func inOrder(ws []Warning) []Warning {
	slices.SortStableFunc(ws, func(a, b Warning) int {
		return slices.Index(warningOrder[:], a) - slices.Index(warningOrder[:], b)
	})
	return ws
}

// warningOrder lists all codes in the order in which lists give them.
var warningOrder = [...]Warning{
	WarnFenced, WarnWrapped, WarnLeadingText, WarnTrailingText, WarnRepaired, WarnTruncated,
	WarnMultipleDocuments, WarnDoubleEncoded, WarnKeyAlias, WarnElementDropped, WarnTooManySteps,
	WarnEmptyPlan, WarnNoSteps, WarnNoJSON,
	WarnStepIDMissing, WarnStepIDCoerced, WarnStepIDDuplicate, WarnStepIDInvalid,
	WarnDelayInvalid, WarnDelayString, WarnDelayFractional, WarnDelayNegative, WarnDelayOutOfRange,
	WarnTimingInvalid, WarnTimingUnparseable, WarnTimingConflict,
	WarnReferenceMissing, WarnReferenceCycle, WarnClamped, WarnNonMonotonic,
	WarnStatusNormalised, WarnActionUnknown,
}
