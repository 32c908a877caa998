// Package embedded is PostgREST without PostgreSQL: tables in memory or in one
// file, served over HTTP with the answers of PostgREST 12.0.2, in its own
// dialect or in that of InsForge's proxy.
//
//	schema, err := embedded.ParseTables(tablesJSON)
//	store, err := embedded.Open("data.db", schema)
//	http.ListenAndServe("127.0.0.1:3000", store.Handler(embedded.PostgREST))
//
// A client in the same process needs no socket: see [Store.Transport].
//
// # What it does
//
// All filters and operators but full-text search, and/or trees, JSON paths,
// casts and aliases in select, embedded resources along declared foreign keys
// (to one, to many, inner, spread; filtered, ordered and limited), order,
// limit, offset and Range, counts, single objects, CSV, bulk inserts with
// columns and missing=default, on_conflict with merge or ignore, PUT, limited
// PATCH and DELETE, and every Prefer of PostgREST 12.0. Values have PostgreSQL's
// types and meaning (package filter evaluates them), constraints are real, and
// errors carry PostgreSQL's code, message, details and hint.
//
// # What differs from PostgREST, knowingly
//
//	full-text search            400 0A000 that says so
//	functions (/rpc)            404 PGRST202 for every name
//	roles, JWT, row security    none; WithAPIKey checks one key
//	schemas                     public only
//	many-to-many embedding      no relationship found (PGRST200)
//	count=planned, estimated    exact
//	text                        sorts by code point; ilike folds by Unicode
//	regular expressions         no look-around or back-references (0A000); \m, \M, \y are ASCII
//	tsvector, money, inet, …    behave as text; intervals too
//	order without order=        order of writing; PostgreSQL may reuse space
//	a bad value in a PATCH      noticed if a row matches; in PostgreSQL that depends on the plan
//	application/vnd.pgrst.plan  415
//	the root document           lists tables and columns only
//
// # What may surprise, and is PostgREST's
//
// A PATCH with and=(…) or or=(…) that asks for return=representation shows, and
// counts, only the rows that satisfy the tree after the change as well: a
// compare-and-swap whose condition stands in a tree seems to have changed
// nothing. Plain filters (status=eq.pending) do not have this trap, nor does
// return=minimal with count=exact.
//
// # Durability
//
// A [Store] with a file answers a write when it is on disk: bbolt commits with
// fsync, and all writes that arrive during one commit share the next. Readers
// see only what is on disk. A file that is not a whole one of this package is
// refused with [ErrForeignFile] and left alone; [ErrLocked] says that another
// process has it. Should the disk fail, the store refuses everything from then
// on rather than show what might be lost.
//
// All rows are in memory as well, at about their size on disk, with indexes for
// the primary key, for unique and foreign keys, and those declared.
package embedded
