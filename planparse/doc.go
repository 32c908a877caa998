// Package planparse turns what a language model wrote about an engagement plan
// into steps with dates.
//
// A model asked for a plan answers with JSON, mostly: in a code fence, after
// some reasoning, with a trailing comma, cut off at the end, with "Day 3" where
// a number should be and "once they accept" where a date should be. This
// package reads what is there, reports by code whatever it had to mend, and
// never makes up what is not.
//
// # Three steps
//
// [Parse] finds the plan in a text and reads its steps. It gives up only where
// there is no plan at all.
//
// [Plan.Schedule] puts the steps on the calendar. A step's date comes from its
// delay_days where that can be used, else from its timing, else from its
// position: three days for every step so far. What refers to another step is
// counted from it. Every [Slot] says which field it came from, which words were
// understood, and what is to be said against it.
//
// [Prompt] asks for a plan in the first place, in the format the other two
// want, and [Schema] describes the format to models that can be held to one.
//
// # Timing
//
// [ParseTiming] reads a single timing. "Day N" is N days after the base and may
// stand anywhere in a text. Everything else has to be the whole text, a closed
// list of fillers aside: "in 3 days" is a date and "3 days of training" is not,
// and nothing but the rest of the sentence tells them apart. A text that names
// no date is refused with a [Reason]; it is never taken for "now", which is
// what searching for the word would make of "know their priorities".
//
//   - Weeks have 7 days and months 30. "Week N" begins 7(N-1) days in, "Month N"
//     30(N-1). Of a range the lower bound counts.
//   - Business days are Monday to Friday; see [Holidays].
//   - "Friday" is the next one after the base, "this Friday" that of the same
//     week, "next Friday" that of the week after. Weeks begin on Monday.
//   - Days keep the base's clock time, also where the clocks are changed
//     between; hours and fractions of days are exact. Parts of the day have an
//     hour each: morning 9, noon 12, afternoon 14, close of business 17,
//     evening 18.
//   - Nothing lies before the base or more than [MaxDays] after it.
//
// English is complete. Russian, Spanish and German share its grammar with
// vocabularies of their own, and a few more languages have their commonest words.
//
// Texts without a date are worth knowing, because it is the prompt that brought
// them about: [OnUnparseable] is told each with its reason, and [Tally] counts
// them.
//
// How well this does on labelled strings is printed category by category, every
// miss listed, by
//
//	go test -v -run TestAccuracy ./planparse
//
// and beside other parsers, with the time each takes, by the program in
// examples/compare/timing.
//
// # Storage
//
// A [Plan] is stored as the JSON array of its steps. Fields this package does
// not know, and odd values in those it does, survive being read and written
// back; only what was changed through a [Step]'s exported fields changes.
//
// All functions are pure and safe for concurrent use. They take time in
// proportion to the length of their input, whatever is in it.
package planparse
