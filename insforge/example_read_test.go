package insforge_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

func ExampleAll() {
	ctx := context.Background()
	leads := exampleClient().From("leads").Order("id")

	page, err := insforge.All[Lead](ctx, leads.Limit(2).Offset(1))
	for _, lead := range page {
		fmt.Println(lead.Name)
	}
	fmt.Println(err)
	_, err = insforge.All[Lead](ctx, leads.MaxRows(2))
	fmt.Println(errors.Is(err, insforge.ErrRowLimit))
	// Output:
	// Bob
	// Cy
	// <nil>
	// true
}

// A list that is short as a rule comes with its count, and then one request is
// enough to know that it is whole.
func ExampleQuery_Counted() {
	leads, err := insforge.All[Lead](context.Background(), exampleClient().From("leads").Order("id").Counted())
	fmt.Println(len(leads), err)
	// Output: 3 <nil>
}

// What is selected is named, renamed, converted and taken apart by the server.
func ExampleQuery_Select() {
	type row struct {
		Number string  `json:"number"`
		Name   string  `json:"name"`
		City   *string `json:"city"`
	}
	rows, err := insforge.All[row](context.Background(), exampleClient().From("leads").
		Select("number:id::text", "name", "city:data->address->>city").
		Order("id").Limit(2))
	for _, r := range rows {
		fmt.Printf("%q %s", r.Number, r.Name)
		if r.City != nil {
			fmt.Print(" in ", *r.City)
		}
		fmt.Println()
	}
	fmt.Println(err)
	// Output:
	// "1" Ann in Oslo
	// "2" Bob
	// <nil>
}

// Rows of tables that are connected by a foreign key come along; !inner leaves
// out the rows that have none.
func ExampleQuery_Select_embedded() {
	ctx := context.Background()
	client := exampleClient()
	type note struct {
		Text string `json:"text"`
	}
	type lead struct {
		Name  string `json:"name"`
		Notes []note `json:"notes"`
	}
	leads, err := insforge.All[lead](ctx, client.From("leads").Select("name", "notes!inner(text)").Order("id"))
	fmt.Println(leads, err)

	// Three dots merge the columns of the one row that is referred to.
	type told struct {
		Text string `json:"text"`
		By   string `json:"by"`
	}
	notes, err := insforge.All[told](ctx, client.From("notes").Select("text", "...leads(by:name)").Order("id").Limit(1))
	fmt.Println(notes, err)
	// Output:
	// [{Ann [{met at the fair} {asked for the price}]} {Bob [{prefers mail}]}] <nil>
	// [{met at the fair Ann}] <nil>
}

// A hint says by which foreign key; a row without a match can be asked for.
func ExampleQuery_Select_hint() {
	ctx := context.Background()
	type lead struct {
		Name string `json:"name"`
	}
	without, err := insforge.All[lead](ctx, exampleClient().From("leads").
		Select("name", "notes!notes_lead_id_fkey()").Where(filter.IsNull("notes")))
	fmt.Println(without, err)
	// Output: [{Cy}] <nil>
}

func ExampleQuery_EmbedOrder() {
	type note struct {
		Text string `json:"text"`
	}
	type lead struct {
		Name string `json:"name"`
		Last []note `json:"last"`
	}
	leads, err := insforge.All[lead](context.Background(), exampleClient().From("leads").
		Select("name", "last:notes(text)").
		EmbedOrder("last", "id.desc").EmbedLimit("last", 1).
		Where(filter.Neq("last.text", "prefers mail")).
		Order("id").Limit(2))
	fmt.Println(leads, err)
	// Output: [{Ann [{asked for the price}]} {Bob []}] <nil>
}

func ExampleQuery_Order() {
	leads, err := insforge.All[Lead](context.Background(), exampleClient().From("leads").
		Order("due_at.desc.nullslast", "id"))
	for _, lead := range leads {
		fmt.Println(lead.Name)
	}
	fmt.Println(err)
	// Output:
	// Bob
	// Ann
	// Cy
	// <nil>
}

// Null comes last, and first where the order descends, unless it says otherwise.
func ExampleQuery_Order_nulls() {
	for _, order := range []string{"due_at", "due_at.nullsfirst", "due_at.desc", "due_at.desc.nullslast"} {
		leads, err := insforge.All[Lead](context.Background(), exampleClient().From("leads").Order(order, "id"))
		fmt.Print(order, ":")
		for _, lead := range leads {
			fmt.Print(" ", lead.Name)
		}
		fmt.Println("", err)
	}
	// Output:
	// due_at: Ann Bob Cy <nil>
	// due_at.nullsfirst: Cy Ann Bob <nil>
	// due_at.desc: Cy Bob Ann <nil>
	// due_at.desc.nullslast: Bob Ann Cy <nil>
}

func ExampleQuery_TimeZone() {
	row, err := insforge.One[map[string]any](context.Background(), exampleClient().From("leads").
		Select("due_at").Where(filter.Eq("id", 1)).TimeZone("Asia/Tokyo"))
	fmt.Println(row["due_at"], err)
	// Output: 2026-03-01T18:00:00+09:00 <nil>
}

func ExampleQuery_Strict() {
	ctx := context.Background()
	dated := exampleClient().From("leads").Select("due_at").Where(filter.Eq("id", 1)).TimeZone("Asia/Atlantis")
	lead, err := insforge.One[Lead](ctx, dated)
	fmt.Println(lead.DueAt.Format(time.RFC3339), err)
	_, err = insforge.One[Lead](ctx, dated.Strict())
	fmt.Println(err)
	// Output:
	// 2026-03-01T09:00:00Z <nil>
	// insforge: GET leads: 400 PGRST122: Invalid preferences given with handling=strict (Invalid preferences: timezone=Asia/Atlantis)
}

func ExampleQuery_Schema() {
	// This server has one schema, as it says itself.
	_, err := insforge.All[Lead](context.Background(), exampleClient().From("leads").Schema("sales"))
	fmt.Println(err)
	// Output: insforge: GET leads: 406 PGRST106: The schema must be one of the following: public
}
