package bot_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// oddMessages is what people send, sooner or later.
var oddMessages = []string{
	"/start", "/START@followthrough_bot", " /help  ", "/help nonsense", "/", "//", "/xyzzy", "/newleed Jane", "/leads@other_bot", "today", "Help!", "hello", "👍", "…", "\u200b",
	"/newlead", "/newlead Jane Doe, CTO @ Acme, met at the fair", "/newlead Jane Doe", "/newlead <b>Bob</b> & \"Co\", <i>x</i> @ A&B, jane@acme.com https://linkedin.com/in/x", "/newlead @", "/newlead , , ,",
	"/newlead יעל כהן, סמנכ\"לית @ חברה", "/newlead \u202eEvil, boss", "/newlead 👩‍👩‍👧‍👦, 👑 @ 🏢", "/newlead Z" + strings.Repeat("\u0308", 500), "/newlead " + strings.Repeat("x", 4000), "/newlead Jane\nDay 1: like\nDay 2: write",
	"/plan", "/plan nonsense", "/plan []", `[{"description":"Call her","delay_days":0}]`, `[{"step_id":1,"description":"<b>Call</b> & write","suggested_text":"Hi *there* _x_ ` + "`y`" + `","timing":"Day 2"},{"description":"Ask","delay_days":3}]`,
	`{"steps":[{"description":"` + strings.Repeat("long ", 300) + `","suggested_text":"` + strings.Repeat("😀 draft ", 200) + `","delay_days":0}]}`, `[{"step_id":1,"description":"cut o`, `[{"description":"nul \u0000 \ud800","delay_days":-3}]`,
	"Day 1: like their posts, Day 3: connect, Day 7: send the DM", "[" + strings.Repeat(`{"description":"Step","delay_days":1},`, 49) + `{"description":"Step","delay_days":1}]`,
	"/leads", "/lead", "/lead jane", "/lead 1", "/lead #2", "/lead 99999999999999999999", "/today", "/week", "/snoozed", "/note", "/note likes <tea> & cake", "/undo", "/delete", "/delete jane", "/cancel",
	"/timezone", "/timezone Lisbon", "/timezone UTC+5:30", "/timezone IST", "/timezone Atlantis", "/timezone ../../etc/passwd", "/quiet", "/quiet 21-7", "/quiet 10pm-7am", "/quiet off", "/quiet x",
	"/sendhour", "/sendhour 9", "/sendhour 9am", "/sendhour off", "/sendhour 99", "/pause", "/pause 1", "/pause until friday", "/pause never", "/resume", "/settings", "/export", "/export ics", "/export csv", "/export pdf",
	"friday 14:00", "in 3 hours", "whenever", "Jane Doe, CEO @ Initech", strings.Repeat("All work and no play. ", 180),
}

// TestAPersonWhoDoesAnything has somebody send odd messages and press whatever
// button there is, old ones too. Everything is answered, nothing breaks, and
// Telegram takes all of it. WALK is how many things they do, 60 without it;
// WALK_SEED does the same things again.
func TestAPersonWhoDoesAnything(t *testing.T) {
	t.Parallel()
	things, seed := 60, uint64(time.Now().UnixNano())
	if n, err := strconv.Atoi(os.Getenv("WALK")); err == nil {
		things = n
	}
	if n, err := strconv.ParseUint(os.Getenv("WALK_SEED"), 10, 64); err == nil {
		seed = n
	}
	for backend := range backends {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, backend)
			p := w.person(7, "<Ann>")
			chance := rand.New(rand.NewPCG(seed, 0))
			did := []string{fmt.Sprintf("WALK_SEED=%d", seed)}
			for n := range things {
				did = append(did, p.doesSomething(chance))
				require.Eventually(t, func() bool { return w.handled() > n }, patience, 10*time.Millisecond, "did %q", did)
				changed := slices.ContainsFunc(p.Messages(), func(m telegramtest.Message) bool { return m.FromBot() && p.before[m.ID] != showing(m) })
				require.True(t, changed || !strings.HasPrefix(did[len(did)-1], "says "), "no answer; did %q", did)
			}
			for _, m := range p.Messages() {
				for _, apology := range []string{"went wrong", "cannot reach", "did not take", "took longer"} {
					require.False(t, m.FromBot() && strings.Contains(m.Text, apology), "%q; did %q; the log ends:\n%s", m.Text, did, tail(w.log.String()))
				}
			}
			require.NotContains(t, w.log.String(), "level=ERROR", "did %q", did)
			_, metrics := w.get("/metrics")
			require.NotContains(t, metrics, `outcome="400"`, "did %q", did)
		})
	}
}

// updateCount is how many updates were handled, in the metrics.
var updateCount = regexp.MustCompile(`(?m)^followthrough_update_seconds_count\{[^}]*\} (\d+)$`)

// handled is how many updates the service is done with.
func (w *world) handled() int {
	_, metrics := w.get("/metrics")
	sum := 0
	for _, found := range updateCount.FindAllStringSubmatch(metrics, -1) {
		n, err := strconv.Atoi(found[1])
		require.NoError(w, err)
		sum += n
	}
	return sum
}

// doesSomething does the next thing, and says which it was.
func (p *person) doesSomething(chance *rand.Rand) string {
	p.Helper()
	p.look()
	if chance.IntN(20) == 0 {
		p.clock.Advance(time.Duration(chance.IntN(100)) * time.Hour)
		_, err := p.service.Dispatcher().Cycle(context.Background())
		require.NoError(p, err)
		p.look()
	}
	if chance.IntN(20) < 12 {
		type choice struct {
			message int
			label   string
			data    string
		}
		var choices []choice
		messages := p.Messages()
		for _, m := range messages[max(len(messages)-12, 0):] {
			for _, row := range m.Rows() {
				for _, b := range row {
					if b.CallbackData != "" {
						choices = append(choices, choice{m.ID, b.Text, b.CallbackData})
					}
				}
			}
		}
		if len(choices) > 0 {
			c := choices[chance.IntN(len(choices))]
			id, err := p.PressData(c.message, c.data)
			require.NoError(p, err)
			p.told(id)
			return "presses " + c.label + " (" + c.data + ")"
		}
	}
	text := oddMessages[chance.IntN(len(oddMessages))]
	p.Send(text)
	return "says " + text[:min(len(text), 60)]
}
