package scheduler_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The table of failures names a test for each row: there must be one.
func TestEachFailureInTheDocumentationIsTested(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../docs/reminders.md")
	require.NoError(t, err)
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "../examples/reminderbot/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			tests.Write(text)
		}
	}
	rows := regexp.MustCompile(`(?m)^\|(.+)\|(.+)\|(.+)\|(.+)\|$`).FindAllStringSubmatch(string(document), -1)
	require.Greater(t, len(rows), 20)
	for _, row := range rows[2:] {
		for name := range strings.SplitSeq(row[4], ",") {
			require.Contains(t, tests.String(), "func Test"+strings.TrimSpace(name)+"(", "for %s", row[1])
		}
	}
}
