package bot

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// remoteClock compares this machine's clock with that of a server, by the date
// of its answers. A bot whose clock is wrong reminds at the wrong time and finds
// nothing wrong with itself.
type remoteClock struct {
	ahead atomic.Int64 // nanoseconds that this machine's clock is ahead
}

// clockTolerance is what the clocks may differ by: an answer tells the time in
// whole seconds, and may have been on its way for a while.
const clockTolerance = 30 * time.Second

// read notes the date of an answer that came at now. A date that cannot be read
// says nothing.
func (c *remoteClock) read(date string, now time.Time) {
	if there, err := http.ParseTime(date); err == nil {
		c.ahead.Store(int64(now.Sub(there)))
	}
}

// deviation is how far this machine's clock is ahead of the server's, negative
// if it is behind, and an error if that is more than can be explained.
func (c *remoteClock) deviation() (time.Duration, error) {
	ahead := time.Duration(c.ahead.Load())
	if ahead.Abs() <= clockTolerance {
		return ahead, nil
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	return ahead, fmt.Errorf("this machine's clock is %v %s Telegram's, and reminders go by it; set it right, as by turning on NTP", ahead.Abs().Round(time.Second), direction)
}
