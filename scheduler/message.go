package scheduler

import (
	"context"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
)

// Sender delivers messages to people. Send must be safe for concurrent use.
//
// A Sender tells exactly what became of the message, since nothing else may be
// concluded from an error: see [Outcome]. When ctx ends before the message has
// left, Send answers NotDelivered; once it is on its way Send sees it through,
// under a time limit of its own, so that stopping the service does not turn
// deliveries into guesses.
type Sender interface {
	Send(ctx context.Context, m Message) Result
}

// Outcome is what is known of a message after the attempt to send it.
type Outcome int

// The outcomes of a send, and what the dispatcher does about each.
const (
	// Delivered: the far side confirmed it. The nudge is confirmed.
	Delivered Outcome = iota + 1
	// NotDelivered: it certainly did not arrive (refused connection, 429, an
	// error answered before anything was sent). The claim is released and the
	// nudge comes again after Result.RetryAfter.
	NotDelivered
	// Refused: it can never arrive (the user blocked the bot, the chat does
	// not exist). The user's reminders are parked.
	Refused
	// Ambiguous: it may have arrived (time-out, connection cut). It is never
	// sent again; the step's next nudge comes at its time.
	Ambiguous
)

// String names the outcome as logs and metrics do.
func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case NotDelivered:
		return "not_delivered"
	case Refused:
		return "refused"
	case Ambiguous:
		return "ambiguous"
	}
	return "unknown"
}

// Result is a Sender's answer.
type Result struct {
	Outcome   Outcome
	MessageID int64 // of a delivered message; 0 where there is none
	// RetryAfter is how long the far side asked to wait before NotDelivered
	// is tried again; 0 leaves it to the dispatcher.
	RetryAfter time.Duration
	// Everyone says that NotDelivered would meet any message now, whoever it is
	// for: a rate limit of the whole bot, or a far side that cannot be reached.
	Everyone bool
	// ThisOnly says that Refused is about this message, not about its
	// recipient: only its reminders are parked.
	ThisOnly bool
	// Err says what happened, for the log; it carries no secret.
	Err error
}

// Kind tells messages apart.
type Kind int

// The kinds of message a dispatcher sends.
const (
	Nudge    Kind = iota + 1 // one step of one lead: Items has exactly one entry
	Digest                   // several steps in one message
	Followup                 // a lead without open steps: Items has one entry, with no Reminder
	Stale                    // leads that nothing has happened with for a week and nothing is planned for: Items has one entry each, with no Reminder
)

// Message is what a user is to be told, before it is put into words.
type Message struct {
	Kind       Kind
	TelegramID int64
	User       User // settings of the recipient; its zone is the one to show times in
	Items      []Item
	Now        time.Time
	// Until is when it is too late to let the message leave: the claim that
	// stands behind it no longer holds, or the user's quiet hours begin. A
	// Sender that waits before it sends answers NotDelivered once that has
	// passed, on the clock that Now was read from. Zero: at any time.
	Until time.Time
}

// Item is one step in a message.
type Item struct {
	Reminder Reminder // as claimed, less PlanVersion and LastError, which are not read
	Lead     Lead
	Step     planparse.Step // the zero Step where the lead's plan has none of that number
	Stage    Stage          // which nudge this is
	Next     time.Time      // when the step comes again if nobody acts; zero if it will not
	Overdue  time.Duration  // how long after its due time this goes out
}
