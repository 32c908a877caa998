package bot_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// atATime is how many tests run side by side unless -parallel says otherwise.
// They spend their time waiting: for a message at Telegram's pace, for a
// back-off. As many as there are cores would wait one after the other.
const atATime = "16"

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", atATime); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
