package insforge_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/filter"
)

func ExampleColumns() {
	ctx := context.Background()
	leads := exampleClient().From("leads").Select("name", "stage")
	rows := []map[string]any{{"name": "Dee", "internal": true}, {"name": "Eve", "stage": "lost"}}
	inserted, err := insforge.Insert[map[string]any](ctx, leads, rows,
		insforge.Columns("name", "stage"), insforge.MissingDefault())
	fmt.Println(inserted, err)
	// Output: [map[name:Dee stage:new] map[name:Eve stage:lost]] <nil>
}

// Too many rows are none: a server that knows the limit undoes the update with
// PGRST124, one that is too old for it refuses the request.
// What a row lacks is null if Columns names it, and the default with
// MissingDefault.
func ExampleMissingDefault() {
	ctx := context.Background()
	leads := exampleClient().From("leads").Select("name", "stage")
	for i, options := range [][]insforge.WriteOption{
		{insforge.Columns("name", "stage")},
		{insforge.Columns("name", "stage"), insforge.MissingDefault()},
	} {
		row, err := insforge.Insert[map[string]any](ctx, leads, map[string]any{"name": fmt.Sprint("lead ", i)}, options...)
		fmt.Println(row, err)
	}
	// Output:
	// [map[name:lead 0 stage:<nil>]] <nil>
	// [map[name:lead 1 stage:new]] <nil>
}

func ExampleMaxAffected() {
	ctx := context.Background()
	leads := exampleClient().From("leads")
	_, err := leads.Where(filter.In("id", 1, 2)).Update(ctx, map[string]any{"stage": "lost"}, insforge.MaxAffected(1))
	var refusal *insforge.Error
	fmt.Println(errors.As(err, &refusal))
	lost, err := insforge.Count(ctx, leads.Where(filter.Eq("stage", "lost")))
	fmt.Println(lost, err)
	// Output:
	// true
	// 0 <nil>
}

func ExampleSingle() {
	ctx := context.Background()
	leads := exampleClient().From("leads")
	_, err := leads.Where(filter.Eq("stage", "new")).Update(ctx, map[string]any{"stage": "lost"}, insforge.Single())
	fmt.Println(errors.Is(err, insforge.ErrTooManyRows))
	// Output: true
}

// An attempt that leaves no trace. This server, as most, allows none, and the
// row stays where it is.
func ExampleQuery_Rollback() {
	ctx := context.Background()
	leads := exampleClient().From("leads")
	_, err := leads.Where(filter.Eq("id", 3)).Rollback().Delete(ctx)
	fmt.Println(errors.Is(err, insforge.ErrNoRollback))
	all, err := insforge.Count(ctx, leads)
	fmt.Println(all, err)
	// Output:
	// true
	// 3 <nil>
}

// A long list is more than fits into a URL. A read is split by itself; a
// delete only if it may take several transactions.
func ExampleBatched() {
	ctx := context.Background()
	ids := make([]int, 5000)
	for i := range ids {
		ids[i] = i
	}
	many := exampleClient().From("notes").Where(filter.In("id", ids))
	notes, err := insforge.All[map[string]any](ctx, many.Order("id"))
	fmt.Println(len(notes), err)
	_, err = many.Delete(ctx)
	fmt.Println(errors.Is(err, insforge.ErrURLTooLong))
	n, err := many.Delete(ctx, insforge.Batched())
	fmt.Println(n, err)
	// Output:
	// 3 <nil>
	// true
	// 3 <nil>
}
