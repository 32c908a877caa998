package bot

import (
	"context"

	"github.com/followthrough-go/followthrough/planparse"
)

// planner writes engagement plans.
type planner interface {
	// write returns a plan for a lead, and a remark for its user where there
	// is something to say.
	write(ctx context.Context, lead planparse.Brief) (plan planparse.Plan, remark string, err error)
	// slow reports whether it thinks: it takes a while, and says something else
	// when it is asked again.
	slow() bool
}
