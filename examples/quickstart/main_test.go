package main

import (
	"context"
	"fmt"
	"os"
)

func Example() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// scheduled 3 reminders
	// to do for Jane Doe: Like her last post
	// to do for Jane Doe: Connect
	// delivered 2
	// delivered 0
	// still to come: 1
}
