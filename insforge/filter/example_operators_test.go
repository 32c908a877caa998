package filter_test

import (
	"time"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// Null differs from nothing and equals nothing; IsDistinct counts it as a value.
func ExampleNeq() {
	print(filter.Neq("stage", "won"))
	print(filter.IsDistinct("stage", "won"))
	// Output:
	// stage=neq.won
	// stage=isdistinct.won
}

// Numbers of any size and times of any zone arrive as they are; times are cut to
// the microsecond, which is what PostgreSQL keeps.
func ExampleGt() {
	at := time.Date(2026, 3, 1, 9, 0, 0, 123456789, time.FixedZone("CET", 3600))
	print(filter.Gt("telegram_id", int64(9007199254740993)), filter.Gte("score", 1.5), filter.Lt("due_at", at), filter.Lte("name", "m"))
	// Output:
	// telegram_id=gt.9007199254740993
	// score=gte.1.5
	// due_at=lt.2026-03-01T08:00:00.123456Z
	// name=lte.m
}

// A star or a percent sign stands for any text, an underscore for one
// character; a backslash before either of the latter makes it mean itself.
func ExampleLike() {
	print(filter.Like("name", "Ann*"), filter.ILike("email", "%@example.com"), filter.Like("code", `100\%`))
	// Output:
	// name=like.Ann*
	// email=ilike.%@example.com
	// code=like.100\%
}

func ExampleMatch() {
	print(filter.Match("code", `^\d{4}\*$`), filter.IMatch("name", "^(ann|bob)$"))
	// Output:
	// code=match.^\d{4}\*$
	// name=imatch.^(ann|bob)$
}

func ExampleIs() {
	print(filter.IsNull("completed_at"), filter.Not(filter.IsNull("due_at")), filter.Is("done", true), filter.Is("done", "unknown"))
	// Output:
	// completed_at=is.null
	// due_at=not.is.null
	// and=(done.is.true,done.is.unknown)
}

// A text-search configuration is a name, not a language tag; without one the
// database's default applies.
func ExampleFts() {
	print(filter.Fts("doc", "german", "katze & !hund"))
	print(filter.Plfts("doc", "", "fat cats"))
	print(filter.Phfts("doc", "english", "fat cats"))
	print(filter.Wfts("doc", "english", `cats -dogs "black or white"`))
	// Output:
	// doc=fts(german).katze & !hund
	// doc=plfts.fat cats
	// doc=phfts(english).fat cats
	// doc=wfts(english).cats -dogs "black or white"
}

// The elements of arrays may be any text.
func ExampleOv() {
	print(filter.Ov("tags", []string{"a,b", `"quoted"`, "NULL", ""}), filter.Cd("scores", []int{1, 2, 3}))
	// Output:
	// tags=ov.{"a,b","\"quoted\"","NULL",""}
	// scores=cd.{1,2,3}
}

// Ranges are compared by where they lie.
func ExampleSl() {
	week := filter.Range{Lower: "2026-03-02", Upper: "2026-03-09"}
	print(filter.Sl("during", week))
	print(filter.Sr("during", week))
	print(filter.Nxr("during", week))
	print(filter.Nxl("during", week))
	print(filter.Adj("during", week))
	print(filter.Ov("during", filter.Range{Lower: "2026-03-02", Bounds: "(]"}))
	// Output:
	// during=sl.[2026-03-02,2026-03-09)
	// during=sr.[2026-03-02,2026-03-09)
	// during=nxr.[2026-03-02,2026-03-09)
	// during=nxl.[2026-03-02,2026-03-09)
	// during=adj.[2026-03-02,2026-03-09)
	// during=ov.(2026-03-02,]
}

// Trees nest as deep as needed. Text inside them is quoted where PostgREST
// wants it, so that no value can end a tree early.
func ExampleOr() {
	print(filter.Or(
		filter.Eq("name", `Doe), "Jane`),
		filter.And(filter.Gte("score", 5), filter.Not(filter.Or(filter.IsNull("due_at"), filter.In("stage", "won", "lost")))),
	))
	// Output: or=(name.eq."Doe), \"Jane",and(score.gte.5,not.or(due_at.is.null,stage.in.(won,lost))))
}

// Where a row is not to match, null counts as neither: neither of these finds
// rows without a stage.
func ExampleNot() {
	print(filter.Eq("stage", "won"))
	print(filter.Not(filter.Eq("stage", "won")))
	print(filter.Not(filter.And(filter.Eq("stage", "won"), filter.Gt("score", 3))))
	// Output:
	// stage=eq.won
	// stage=not.eq.won
	// not.and=(stage.eq.won,score.gt.3)
}

// An arrow leads into JSON, two get text out; a number is a place in an array.
// Keys with special characters are quoted.
func ExamplePath() {
	print(filter.Eq("data->address->>city", "Oslo"))
	print(filter.Gt("data->visits->0", filter.JSON(3)))
	print(filter.Eq(`data->"first name"->>"0"`, "Ann"))
	// Output:
	// data->address->>city=eq.Oslo
	// data->visits->0=gt.3
	// data->"first name"->>"0"=eq.Ann
}

// Names that mean something else in a URL, or have special characters, work
// like all others.
func ExampleQuote() {
	print(filter.Eq("order", 1), filter.Eq(filter.Quote(`odd "name", v1.0`), 2))
	// Output: and=(order.eq.1,"odd \"name\", v1.0".eq.2)
}

// A slice is an array and text is text, unless JSON says otherwise.
func ExampleJSON() {
	print(filter.Cs("data", filter.JSON([]int{1, 2})), filter.Eq("data->name", filter.JSON("Ann")))
	// Output:
	// data=cs.[1,2]
	// data->name=eq."Ann"
}

// Columns of embedded resources are named behind a dot; the filter keeps rows of
// the resource, and with !inner in select those of the table too.
func ExampleAnd() {
	print(filter.Eq("notes.author", "Ann"), filter.Or(filter.Gt("notes.id", 5), filter.IsNull("notes.text")))
	print(filter.And(filter.Gte("id", 1), filter.Lt("id", 5)))
	// Output:
	// notes.author=eq.Ann
	// notes.or=(id.gt.5,text.is.null)
	// and=(id.gte.1,id.lt.5)
}
