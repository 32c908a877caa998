// Package insforge is a client of PostgREST: of PostgREST itself, of Supabase,
// and of InsForge, which stands in front of one.
//
//	client, err := insforge.New("https://PROJECT.insforge.app",
//		insforge.WithDialect(insforge.InsForge), insforge.WithAPIKey(key))
//	…
//	due, err := insforge.All[Reminder](ctx, client.From("scheduled_reminders").
//		Where(filter.Lte("due_at", now), filter.In("status", "pending", "sent")).
//		Order("due_at", "id"))
//
// # Queries
//
// A [Query] is an immutable value that says which rows are meant. Generic
// functions send it: [All], [Rows], [One], [Maybe] and [Count] read, [Insert],
// [Update] and [Delete] write and return the rows. The methods [Query.Insert],
// [Query.Update] and [Query.Delete] write and return only how many rows it
// were. [Call] and [Client.Function] call functions, and [Client.Do] sends any
// other request.
//
// Filters come from package filter, which sends any text and any time safely.
// Text in a string form of the kind "lte.2026-01-02" goes through
// [Query.Filter]. Each key of a URL is used once, because InsForge's gateway
// merges repeated ones: filters that share a column are folded into one and=(…),
// or a second one, of a write, has the column's name in quotes for its key.
//
// An Update or Delete without a filter is refused with [ErrUnfiltered] unless
// [Query.AllRows] asks for it, and one with a limit always, because versions of
// PostgREST differ in what they make of that. To claim rows, put the condition
// into the filter and look at what comes back: a row that somebody else changed
// first is not among them. (PostgREST before 14.4 by itself leaves out rows that an
// and/or filter no longer accepts as they are afterwards; the client sends filters
// so that this does not happen, or refuses with [ErrHidden].)
//
// # Values
//
// Times are sent in UTC, cut to the microsecond, which is what PostgreSQL keeps,
// in filters and in columns that are written alike: cut a time by
// time.Truncate(time.Microsecond) before comparing it with one that came back. A
// column of type date takes the day in UTC; send text ("2026-01-02") where
// another day is meant. Text that is not UTF-8, or that has a zero byte in a
// filter, is an error before anything is sent.
//
// Integers of any size are exact; into fields of type any numbers are decoded as
// json.Number. InsForge is written in JavaScript: it rounds integers beyond 2^53
// in answers (select them as text, "id::text"), and removes empty strings from
// what is written to columns that are not text (write null).
//
// Rows of one insert may have different keys. Keys that are missing in some
// then get the column's default, as if the rows had been inserted one by one.
//
// # Errors
//
// Whatever the server refuses is an [*Error], with the status, the code of
// PostgreSQL, PostgREST or InsForge, and the message, whether the body was
// theirs or a proxy's page. Where no answer came it is a [*TransportError].
// [IsUniqueViolation], [IsNotFound], [IsPermission] and [IsRateLimited] answer
// the usual questions, and [SafeToRepeat] whether the request was certainly not
// carried out. The errors of the client itself, such as [ErrNoRows], are found
// by errors.Is. No error contains a key, a token or a URL.
//
// # Retries
//
// A failed request is sent again by [RetryPolicy] if that cannot do anything
// twice. That is so
//
//   - for every request that was certainly not carried out: there was no
//     connection, the answer was 429, PostgREST had no database connection
//     (PGRST000, PGRST002, PGRST003), or the transaction was rolled back by a
//     deadlock or serialisation failure (40P01, 40001);
//   - after a lost or cut answer, a timeout, or 408, 500, 502, 503, 504 and the
//     like, only for what is harmless twice: reads, inserts with
//     [OnConflictIgnore], and what is declared [Idempotent].
//
// Other refusals are final. Waits grow exponentially, at random below their
// limit; a Retry-After, in seconds or as a date, is honoured up to a limit, and
// beyond that returned with the error at once. Each attempt has its own timeout
// ([WithTimeout]) and all together [RetryPolicy.Budget] and the context's
// deadline. When the time is up the error is still the last real one. (Below
// all this net/http sends a read, never a write, once more when the connection
// it took from the pool turns out to be dead.)
//
// # Pages
//
// [All] and [Rows] read page after page until one is empty, because a server
// may return fewer rows than it is asked for. That takes a small request or two
// more than there are pages; a [Query.Limit] that is reached saves them, and
// [Query.Counted] does where one page has all the rows. Give an order that ends
// in a unique column, or rows may come twice or not at all: with one, each page
// is sought from the last row of the one before, and rows that come and go
// meanwhile do no harm. All returns an error rather than more than [WithMaxRows].
//
// A long [filter.In] list is split over several requests, so that no URL is
// longer than gateways take, and the parts of an ordered result are merged; not
// by text, whose order is known to the database alone. Updates and deletes are
// split only if [Batched] allows it, since they would be several transactions.
// What cannot be split, such as a list under or, is [ErrURLTooLong].
//
// # Servers that lack something
//
// [Query.Fallback] makes reads work where a server or gateway refuses a filter
// or ignores it: the client fetches more and filters itself, and says so.
//
// # Cost
//
// Rows are decoded as encoding/json does, by its next implementation
// (go-json-experiment), in half of its time. Reading 50 rows of 12 kB into structs
// takes about two thirds of the time and half of the memory that net/http with
// io.ReadAll and encoding/json takes, and about half of the time with goccy/go-json
// for [WithDecoder]; examples/compare/client measures it beside other clients.
// [Rows] holds one page of rows at a time. A client opens at most 16 connections,
// unless [WithHTTPClient] brings its own.
//
// # Testing
//
// Package insforgetest starts a server for a test that injects faults and logs
// requests. Package embedded is the same server inside the process, without a
// socket: see the example of this package.
package insforge
