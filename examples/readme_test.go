//lint:file-ignore SA4006 the README leaves out what everybody writes after each line

package examples_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// readme is the code that the README shows, line for line.
func readme(ctx context.Context, key, whatTheModelWrote string, lead scheduler.Lead) (scheduler.Scheduled, error) {
	client, err := insforge.New("https://my-project.insforge.app", insforge.WithAPIKey(key), insforge.WithDialect(insforge.InsForge))
	store, err := scheduler.NewStore(client, scheduler.SystemClock())
	plan, err := planparse.Parse(whatTheModelWrote)
	planner, err := scheduler.New(store)
	scheduled, err := planner.Schedule(ctx, lead, plan, time.Now())
	return scheduled, err
}

// What the README shows compiles: it stands above, and here is its proof.
func TestTheCodeOfTheReadmeCompiles(t *testing.T) {
	t.Parallel()
	_ = readme
	text, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	_, shown, found := strings.Cut(string(text), "```go\n")
	require.True(t, found)
	shown, rest, _ := strings.Cut(shown, "```\n")
	require.NotContains(t, rest, "```go", "the code of another block is compiled nowhere")
	here, err := os.ReadFile("readme_test.go")
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(here), "\n\t", "\n"), "\n"+shown)
}
