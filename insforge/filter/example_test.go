package filter_test

import (
	"fmt"
	"time"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

func print(filters ...filter.Filter) {
	params, err := filter.Params(filters...)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range params {
		fmt.Printf("%s=%s\n", p.Key, p.Value)
	}
}

func Example() {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	print(
		filter.Lte("due_at", now),
		filter.In("status", "pending", "sent", "snoozed"),
		filter.Or(filter.IsNull("last_reminded_at"), filter.Lt("last_reminded_at", now.Add(-24*time.Hour))),
	)
	// Output:
	// due_at=lte.2026-03-01T09:00:00Z
	// status=in.(pending,sent,snoozed)
	// or=(last_reminded_at.is.null,last_reminded_at.lt.2026-02-28T09:00:00Z)
}

// Two conditions on one column share a key, which gateways do not survive;
// they are folded into one tree.
func ExampleParams() {
	params, err := filter.Params(filter.Gte("id", 10), filter.Lt("id", 20), filter.Eq("name", "Ann"))
	fmt.Println(params, err)
	// Output: [{name eq.Ann} {and (id.gte.10,id.lt.20)}] <nil>
}

func ExampleEq() {
	print(filter.Eq("status", "in.progress")) // text is never taken for an operator
	print(filter.Eq("data->address->>city", "Berlin"))
	print(filter.Eq(filter.Quote("odd.name"), "x"))
	print(filter.Eq("deleted_at", nil))
	// Output:
	// status=eq.in.progress
	// data->address->>city=eq.Berlin
	// and=("odd.name".eq.x)
	// filter: eq on column "deleted_at": null is not a value to compare with: use IsNull, or Not(IsNull(…))
}

func ExampleIn() {
	print(filter.In("id", []int{1, 2, 3}))
	print(filter.Not(filter.In("name", "Doe, Jane", "Smith")))
	print(filter.In("id"))
	// Output:
	// id=in.(1,2,3)
	// name=not.in.("Doe, Jane",Smith)
	// id=in.()
}

func ExampleAnyOf() {
	print(filter.Like("name", filter.AnyOf("Ann*", "Bob*")))
	print(filter.Gt("score", filter.AllOf(10, 20)))
	// Output:
	// name=like(any).{Ann*,Bob*}
	// score=gt(all).{10,20}
}

func ExampleCs() {
	print(filter.Cs("tags", []string{"vip", "trade fair"}))
	print(filter.Cs("data", map[string]any{"lang": "de"}))
	print(filter.Cs("during", filter.Range{Lower: 1, Upper: 5}))
	// Output:
	// tags=cs.{vip,"trade fair"}
	// data=cs.{"lang":"de"}
	// during=cs.[1,5)
}

func ExampleFromString() {
	for _, expression := range []string{"lte.2026-03-01", "not.is.null", "pending", "in.progress"} {
		f, err := filter.FromString("column", expression)
		if err != nil {
			fmt.Println("error for", expression)
			continue
		}
		print(f)
	}
	// Output:
	// column=lte.2026-03-01
	// column=not.is.null
	// column=eq.pending
	// error for in.progress
}

func ExampleParseParam() {
	f, err := filter.ParseParam("or", "(a.eq.1,and(b.gt.2,c.is.null))")
	fmt.Println(filter.TreeString(f), err)
	_, err = filter.ParseParam("id", "equals.1")
	fmt.Println(err)
	// Output:
	// or(a.eq.1,and(b.gt.2,c.is.null)) <nil>
	// "failed to parse filter (equals.1)" (line 1, column 3): unexpected "u" expecting operator (eq, gt, ...)
}
