package planparse

// kind is what the grammar needs to know of a word. Words that play the same
// part share a kind; val tells them apart where it matters.
type kind uint8

const (
	kEnd         kind = iota // past the last token
	kWord                    // a word the lexicon does not have
	kNum                     // num
	kOrd                     // num: 3rd, third
	kUnit                    // val: a unit
	kBusiness                // business, working
	kWeekday                 // val: a time.Weekday
	kMonth                   // val: a time.Month
	kWeekend                 //
	kDayName                 // val: days from the base; today, tomorrow
	kTonight                 // val: minutes of the day
	kNow                     //
	kPart                    // val: minutes of the day; morning
	kClose                   // val: minutes; end of day: a part that may stand alone
	kEdge                    // val: an edge
	kPeriodEnd               // val: a unit; EOW, EOM, EOY
	kQuarter                 // a calendar quarter
	kThis                    //
	kNext                    //
	kLast                    //
	kPrevious                // previous, prior, above
	kFollowing               // following
	kAfterNext               // "week after next", val: a unit
	kAfter                   // after, post
	kFrom                    //
	kOf                      //
	kWith                    // with, as: what makes two things simultaneous
	kSame                    // same day, val: unit
	kLead                    // a filler that may stand before a time; val: a lead
	kThe                     //
	kA                       // a, an: also the number one
	kAnd                     //
	kOr                      //
	kTo                      // to, through
	kBetween                 //
	kAgo                     //
	kBefore                  //
	kLater                   // later, afterwards
	kThat                    // that, this one
	kMore                    // another, additional
	kTail                    // a filler that may stand after a time
	kInto                    // into: as in "3 days into the sequence"
	kStart                   // start, kick-off
	kPlan                    // plan, sequence, campaign
	kRecurring               // weekly, every
	kPast                    // yesterday
	kEvent                   // if, when, once
	kNegative                // no, not
	kStep                    // step, touch
	kMessage                 // message, email
	kDone                    // completed, sent: what a step may be
	kDo                      // send, start: verbs that may stand before a time
	kLabel                   // timing, due
	kHalf                    //
	kSpan                    // val: minutes; a length of time in one word
	kFew                     // num
	kHundred                 //
	kPlaceholder             // tbd
	kNothing                 // n/a, none
	kMeridiem                // val: 0 am, 12 pm
	kOclock                  //
	kZone                    // val: minutes east of UTC, or a generic American zone
	kT                       // the T of T+3, and of ISO 8601
	kX                       // the X of "Day X"

	kDash
	kComma
	kColon
	kSlash
	kPlus
	kTilde
	kOpen
	kClosing
	kDot
	kSep  // | ;
	kMark // ! ?
	kEquals
	kOther
)

// unit is a unit of time.
type unit = int32

const (
	uSecond unit = iota
	uMinute
	uHour
	uDay
	uBusinessDay
	uWeek
	uFortnight
	uMonth
	uYear
	uDecade // known in order to be refused
)

// edge is a part of a period.
type edge = int32

const (
	edgeStart edge = iota
	edgeMiddle
	edgeLate
	edgeLater // "later this week": after now, whatever the day
	edgeEnd
)

// lead tells apart the few leading fillers that change how what follows is read.
type lead = int32

const (
	leadPlain  lead = iota
	leadWindow      // within, over: "the next week" after it is an amount
	leadAt          // a bare number after it is a clock time
	leadIn          // in: a bare unit after it is one of it ("через неделю")
	leadApprox
	leadStart  // please, starting: the only ones that go with "now"
	leadWait   // wait: may stand behind an amount as well
	leadDuring // a window, or an event that lasts
)

// The two words for "to" that may also stand before a single day, which is the
// bound of a window then: the German one before anything, "until" before a day
// of the calendar.
const (
	toAny int32 = iota + 1
	toBound
)

// tailOver marks the fillers that say an amount is over: "once 3 days have
// passed" is three days from the base, whatever "once" is elsewhere.
const tailOver int32 = 1

// endsInDay marks the phrase that takes the word from "Mid Day 3".
const endsInDay = 1

// notOne marks the unit that does not count with an article: "3 weekdays" are
// three days, "a weekday" is any.
const notOne = 2

// many marks a plural that does not look like one in English.
const many = 3

// alsoVerb marks the German day that is an English verb as well: "Tag 3" is a
// day, "Tag 3 colleagues" is not.
const alsoVerb = 1

// andPlus marks the "and" that always adds: "Day 3 plus 2 days".
const andPlus int32 = 1

// giveOrTake marks the tilde that was "+/-": the number behind it is no bound
// of a range.
const giveOrTake int32 = 1

// token is a word, a number or a mark of a timing string.
type token struct {
	kind       kind
	space      bool // something other than a token stood before it
	digits     uint8
	val        int32
	num        float64
	start, end uint16 // bytes of the normalised text
}

const (
	numDigits  int32 = iota
	numDecimal       // with a point
	numComma         // with a comma: in "Day 1,2" a list, elsewhere a fraction
	numWord          // spelt out
)

// lexeme is an entry of the lexicon.
type lexeme struct {
	kind kind
	val  int32
	num  float64
}
