// Package scheduler turns engagement plans into reminders that arrive when
// they are due, once each, whatever crashes in between.
//
// Its only access to a database is a PostgREST API: no transactions, no locks,
// no server-side functions. Everything rests on one operation, the conditional
// PATCH, which PostgreSQL carries out atomically row by row:
//
//   - A [Scheduler] turns plans into rows of scheduled_reminders and carries
//     out what people do with them: done, skipped, snoozed, undone. Each is a
//     compare-and-swap, safe to repeat and to run anywhere.
//   - A [Dispatcher] sleeps until the earliest reminder is due, claims what is
//     due, hands it to a [Sender], and stores what became of it.
//   - [Followups] ask after leads whose plan has run out, and list those that
//     seem forgotten.
//   - A [Store] is the repository they work on.
//
// # The promise
//
// Each nudge is delivered at most once, and no step is silently lost. A claim
// moves a reminder's due date past the next gap and counts the nudge before
// anything is sent. A process that dies between claim and send has thereby put
// the reminder off, not lost it: the step's next nudge comes at its time. A
// claim whose response was lost is read back by its token; a message that may
// or may not have arrived is never sent again.
//
// # The life of a reminder
//
// Pending until a first nudge is delivered, then sent. Nudges follow one
// another by the gaps of an [Escalation]; after the last one the step is
// snoozed for a week, comes back once, and is parked: listed, no longer sent.
// A person may complete, skip or snooze it at any time. A plan that replaces
// another cancels what is open of it.
package scheduler
