package bot

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	tele "gopkg.in/telebot.v3"

	"github.com/followthrough-go/followthrough/scheduler"
)

// A process that dies between what an update led to and its confirmation leaves
// the update to the next one, which handles it again. What people made of it in
// between stays: one lead, one note, one plan.
func TestAnUpdateThatIsHandledAgain(t *testing.T) {
	t.Parallel()
	d, srv, ann := newDialogue(t)
	store, sent := d.store, time.Now().Unix()-30
	say := func(message int, text string) string {
		return said(t, d, srv, fmt.Sprintf(`{"update_id":%d,"message":{"message_id":%[1]d,"date":%d,"from":{"id":7,"first_name":"Ann"},"chat":{"id":7,"type":"private"},"text":%q}}`,
			message, sent, text))
	}
	pressLatest := func(label string) string {
		t.Helper()
		last, _ := ann.Last()
		button, ok := last.Button(label)
		require.True(t, ok, last.Labels())
		return said(t, d, srv, fmt.Sprintf(`{"update_id":1,"callback_query":{"id":"x","from":{"id":7,"first_name":"Ann"},"data":%q,"message":{"message_id":%d,"chat":{"id":7,"type":"private"}}}}`,
			button.CallbackData, last.ID))
	}
	for range 2 {
		require.Contains(t, say(10, "/newlead Jane Doe"), "Plan for <b>Jane Doe</b>: 7 steps")
	}
	leads, err := store.Leads(t.Context(), 7)
	require.NoError(t, err)
	require.Len(t, leads, 1)

	for range 2 {
		require.Contains(t, say(11, "/note likes tea"), "Noted")
	}
	require.Contains(t, say(12, "/note likes tea"), "Noted", "the same words in another message are another note")
	require.Equal(t, 2, strings.Count(say(13, "/lead"), "noted: likes tea"))

	// A plan that was pasted, and scheduled before the paste is handled again.
	const plan = `[{"description":"Call","delay_days":0},{"description":"Write","delay_days":3}]`
	require.Contains(t, say(14, plan), "2 steps")
	older, _ := ann.Last()
	require.Contains(t, say(14, plan), "2 steps")
	scheduled := func() []scheduler.Reminder {
		reminders, err := store.Reminders(t.Context(), 7, leads[0].ID)
		require.NoError(t, err)
		return reminders
	}
	button, _ := older.Button("Schedule")
	newer, _ := ann.Last()
	again, _ := newer.Button("Schedule")
	require.Equal(t, button.CallbackData, again.CallbackData, "it is the same proposal")
	require.Contains(t, pressLatest("Schedule"), "✅ Scheduled")
	before := scheduled()
	require.Len(t, before, 2)
	require.Contains(t, say(14, plan), "2 steps")
	require.Contains(t, pressLatest("Schedule"), "✅ Scheduled")
	require.Equal(t, before, scheduled(), "nothing comes twice")
	require.Contains(t, say(15, plan), "2 steps")
	require.Contains(t, pressLatest("Schedule"), "2 reminders of the earlier plan cancelled", "the same plan in another message is another plan")

	// Words of the buttons that are left behind.
	require.Contains(t, say(16, plan), "2 steps")
	last, _ := ann.Last()
	require.Contains(t, pressLatest("Discard"), "is discarded")
	stale, _ := last.Button("Schedule")
	press := func(data string) string {
		return said(t, d, srv, fmt.Sprintf(`{"update_id":1,"callback_query":{"id":"y","from":{"id":7,"first_name":"Ann"},"data":%q,"message":{"message_id":%d,"chat":{"id":7,"type":"private"}}}}`, data, last.ID))
	}
	require.Contains(t, press(stale.CallbackData), "was discarded, so nothing was scheduled. The plan from before it stays in force")
	require.Contains(t, press(button.CallbackData), "Your press changed nothing: this proposal was scheduled before, or another took its place")
	require.NotContains(t, press(button.CallbackData), "discarded")
}

// While a plan is being written for somebody, nothing that others say after that
// can be confirmed. Who takes over after a crash finds it in the ledger.
func TestWhatWasHandledBehindASlowOneIsNotHandledAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newCrowd(t, 0, near).service.store
		f := newFakeUpdates(update(10, 1), update(11, 2), update(12, 3))
		handled := map[int]int{}
		life := func(slow bool) (die func()) {
			ctx, cancel := context.WithCancel(t.Context())
			p := &poller{fetch: f.fetch, received: ignored, held: always, log: silence(), handled: ledger{store: store, log: silence()},
				handle: func(ctx context.Context, u tele.Update) {
					if slow && u.ID == 10 {
						<-ctx.Done()
						return
					}
					f.mu.Lock()
					handled[u.ID]++
					f.mu.Unlock()
				}}
			// It dies without a word: what a stop would confirm or write is not.
			inbox := newInbox(func(tele.Update) {}, func(u tele.Update) { p.handle(ctx, u) })
			inbox.recall(p.handled.read(ctx))
			done := make(chan struct{})
			go func() { p.poll(ctx, inbox); close(done) }()
			return func() { cancel(); inbox.close(); <-done }
		}
		die := life(true)
		time.Sleep(3 * time.Second)
		f.add(update(13, 2))
		time.Sleep(3 * time.Second)
		die()
		require.Equal(t, []int{10, 11, 12, 13}, f.unconfirmed())

		die = life(false)
		time.Sleep(3 * time.Second)
		f.add(update(14, 2))
		time.Sleep(10 * time.Second)
		fetched := f.fetched()
		time.Sleep(time.Minute)
		require.LessOrEqual(t, f.fetched()-fetched, 13, "it waits for updates, and does not ask for what is done")
		require.Empty(t, f.unconfirmed())
		die()
		require.Equal(t, map[int]int{10: 1, 11: 1, 12: 1, 13: 1, 14: 1}, handled)
	})
}

// The button that shares a place stays in front of a person until a message
// takes it away.
func TestTheLocationButtonGoesAway(t *testing.T) {
	t.Parallel()
	d, srv, ann := newDialogue(t)
	say := func(content string) string { return said(t, d, srv, fromAnn(content)) }
	ask := func() {
		t.Helper()
		require.Contains(t, say(`"text":"/timezone"`), "share your location")
		require.NotNil(t, ann.Keyboard())
	}
	ask()
	say(`"text":"/timezone Lisbon"`)
	require.Nil(t, ann.Keyboard(), "a zone was set by its name")
	ask()
	group := srv.Group(5, "Sales")
	said(t, d, srv, fmt.Sprintf(`{"update_id":1,"message":{"message_id":1,"from":{"id":7,"first_name":"Ann"},"chat":{"id":%d,"type":"group"},"text":"/leads"}}`, group.ID))
	require.NotNil(t, ann.Keyboard(), "what is said in another chat leaves it there")
	say(`"text":"/help"`)
	require.Nil(t, ann.Keyboard(), "they thought better of it")
	ask()
	found := regexp.MustCompile(`nearest city`)
	require.Regexp(t, found, say(`"location":{"latitude":38.88,"longitude":-6.97}`))
	last, _ := ann.Last()
	button, ok := last.Button("Madrid")
	require.True(t, ok, last.Labels())
	got := said(t, d, srv, fmt.Sprintf(`{"update_id":1,"callback_query":{"id":"x","from":{"id":7,"first_name":"Ann"},"data":%q,"message":{"message_id":%d,"chat":{"id":7,"type":"private"}}}}`, button.CallbackData, last.ID))
	require.Contains(t, got, "Your time zone is Europe/Madrid")
	require.Nil(t, ann.Keyboard(), "a zone was chosen")
}
