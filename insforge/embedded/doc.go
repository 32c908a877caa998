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
// (to one, to many, many to many, to itself; inner, spread; filtered, ordered,
// limited, counted), order, limit, offset and Range, counts, single objects, CSV,
// bulk inserts with columns and missing=default, on_conflict with merge or
// ignore, PUT, limited PATCH and DELETE, and every Prefer of PostgREST 12.0.
// Values have PostgreSQL's types and meaning (package filter evaluates them),
// constraints are real, errors carry PostgreSQL's code, message, details and
// hint, and functions of the program stand in for those of the database, whose
// rows are selected, filtered and paged like those of tables ([WithFunction]).
//
// # What differs from PostgREST, knowingly
//
//	full-text search            400 0A000 that says so
//	functions (/rpc)            those given by WithFunction, else 404 PGRST202; what one has written stays if the answer is an error
//	HEAD of a function          calls it; PostgreSQL need not call one that is STABLE if nothing is shown
//	system columns              ctid, xmin, … and functions of a row as columns, but count, do not exist
//	aggregates in select        refused (PGRST123), in spread embeds too, where PostgREST forgets to; but tasks(count) is there
//	roles, JWT, row security    none; WithAPIKey checks one key
//	schemas                     public only
//	count=planned, estimated    of reads: exact
//	text                        sorts by code point; case and classes of characters are those of C.UTF-8, as of the latest Unicode
//	regular expressions         no look-around, back-references, embedded options but (?i) at the start, \a \b \c \e \u \x; \m, \M, \y on ASCII only (0A000)
//	tsvector, money, inet, …    behave as text, and so do multiranges
//	array subscripts            [2:3]={a,b} is {a,b}
//	order without order=        order of writing; PostgreSQL may reuse space
//	equal in order=             order of writing; PostgreSQL may have any
//	a bad value in a PATCH      noticed if a row matches; in PostgreSQL that depends on the plan
//	a bad pattern               noticed at once; PostgreSQL's plan may look into it with the first row, or the first that other filters leave
//	of several mistakes         the one told may be another where PostgreSQL's plan decides
//	a cast that fails           noticed in rows that are shown; PostgreSQL's plan may try others
//	limits of several embeds    taken in order; which PostgREST comes to first, in an error or where two may mean one embed, hangs on hashes
//	an upsert that embeds hide  201 if it inserted; PostgREST says 200 where PostgreSQL's plan has not read what was inserted
//	missing=default             works where the table's name needs quotes; PostgREST raises 42602 or 42P01
//	depth of trees and selects  1000 levels (400 PGRST100)
//	vnd.pgrst.plan, geo+json    415
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
// A PATCH or DELETE with limit changes every row of the table that has the same
// values in the columns of its order, and is undone with PGRST110 if those are
// more than the limit: order it by the primary key. A tree for an embedded
// resource, as in owners.or=(…), filters the table itself when it stands in a
// write, where the orders and limits of embedded resources have no effect; and
// embedded rows are shown as they were before the write.
//
// # Durability
//
// A [Store] with a file answers a write when it is on disk: bbolt commits with
// fsync, and all writes that arrive during one commit share the next. Readers
// see what is on disk, and wait for nobody. On a full disk writes are refused
// with 53100 and leave no trace, until there is space again; should the disk
// fail in another way, or a write find that somebody has cut the file short, the
// store refuses everything from then on.
//
// Opening verifies the whole file: the structure of its pages, and a checksum of
// everything that was put in. What is damaged, cut short, from a later version
// or from another program is refused with [ErrForeignFile], which says what to
// do, and left alone; so is a file without one of its two headers, though the
// other would do, since the last write may be missing there. (A header lies in
// one sector, which disks write whole or not at all.) [ErrLocked] says which
// other process has the file. A backup is a copy made while the store is closed.
//
// All rows are in memory as well, with indexes for the primary key, for unique
// and foreign keys, and those declared: two to three times the size of the file.
package embedded
