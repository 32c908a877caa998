package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDemoKilledOnAJourney kills the demo again and again while its clock is on
// the way through a week of reminders: each nudge comes once, none is lost, and
// the clock does not go back.
func TestDemoKilledOnAJourney(t *testing.T) {
	t.Parallel()
	const leads, steps, kills = 6, 3, 4
	p := newProcess(t)
	p.start()
	d := &demoUser{process: p}
	for lead := range leads {
		d.post("send", map[string]any{"text": fmt.Sprintf("/newlead Lead %d", lead)})
		d.waits(fmt.Sprintf("Plan for <b>Lead %d</b>", lead), "7 steps")
		var plan []string
		for step := range steps {
			plan = append(plan, fmt.Sprintf(`{"step_id":%d,"action_type":"email","description":"Do L%dS%[1]d","delay_days":%[1]d}`, step+1, lead))
		}
		d.post("send", map[string]any{"text": "/plan [" + strings.Join(plan, ",") + "]"})
		d.waits(fmt.Sprintf("Do L%dS%d", lead, steps))
		d.press("Schedule")
	}
	clock := d.state().Now
	target := clock.Add(8 * 24 * time.Hour)
	for life := 0; d.state().Now.Before(target); life++ {
		arrived := make(chan struct{})
		go func() {
			defer close(arrived)
			left := target.Sub(clock) + time.Minute
			body, _ := json.Marshal(map[string]string{"by": left.Round(time.Second).String()})
			resp, err := http.Post("http://"+p.addr+"/demo/advance", "application/json", bytes.NewReader(body))
			if err == nil {
				_ = resp.Body.Close()
			}
		}()
		if life < kills {
			time.Sleep(200*time.Millisecond + rand.N(600*time.Millisecond))
			p.kill()
			<-arrived
			p.start()
		} else {
			<-arrived
		}
		now := d.state().Now
		require.False(t, now.Before(clock), "the clock does not go back")
		t.Logf("life %d ended %v into the journey", life, now.Sub(clock).Round(time.Minute))
		clock = now
	}
	times, reminded := map[string]int{}, map[string]bool{}
	for _, m := range d.state().Messages {
		if found := nudged.FindStringSubmatch(m.HTML); found != nil && !m.Mine {
			times[found[1]+" on "+m.At.Format(time.DateOnly)]++
			reminded[found[1]] = true
		}
	}
	p.stop()
	for nudge, n := range times {
		require.Equal(t, 1, n, nudge)
	}
	require.Len(t, reminded, leads*steps, "none is lost: %v", times)
}

// nudged finds what a message reminds of. The nudges of a step are a day apart;
// one whose delivery a crash left in doubt is worded again as the next.
var nudged = regexp.MustCompile(`(?s)^<b>[^<]+</b>.*<b>(Do L\dS\d)</b>`)
