package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	tele "gopkg.in/telebot.v3"
	"pgregory.net/rapid"

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

// Another bot on the same database numbers the messages of its chats from one,
// too.
func TestAMessageOfAnotherBotIsAnother(t *testing.T) {
	t.Parallel()
	d, srv, _ := newDialogue(t)
	say := func(sent time.Time, text string) string {
		return said(t, d, srv, fmt.Sprintf(`{"update_id":1,"message":{"message_id":10,"date":%d,"from":{"id":7,"first_name":"Ann"},"chat":{"id":7,"type":"private"},"text":%q}}`, sent.Unix(), text))
	}
	before := time.Now().Add(-time.Hour)
	require.Contains(t, say(before, "/newlead Jane Doe"), "Plan for <b>Jane Doe</b>")
	require.Contains(t, say(time.Now(), "/newlead John Roe"), "Plan for <b>John Roe</b>")
	require.Contains(t, say(before, "/note likes tea"), "Noted")
	require.Contains(t, say(time.Now(), "/note likes coffee"), "Noted")
	require.Contains(t, say(time.Now(), "/lead"), "noted: likes coffee")
}

func newStore(t *testing.T, takes func() time.Duration) *scheduler.Store {
	client, err := newBackend(t, takes)()
	require.NoError(t, err)
	store, err := scheduler.NewStore(client, scheduler.SystemClock())
	require.NoError(t, err)
	return store
}

// life runs a poller on a ledger that others before and after it have, too. It
// dies without a word: what a stop would confirm or write is not.
func life(t *testing.T, f *fakeUpdates, store *scheduler.Store, handle func(ctx context.Context, u tele.Update)) (die func()) {
	ctx, cancel := context.WithCancel(t.Context())
	p := &poller{fetch: f.fetch, held: always, log: silence(), ledger: newLedger(store, silence())}
	inbox := newInbox(ctx, handledBy(handle))
	inbox.urge = p.ledger.ask
	inbox.resume(p.ledger.read(ctx))
	var running sync.WaitGroup
	running.Go(func() { p.poll(ctx, inbox) })
	running.Go(func() { p.ledger.keep(ctx, inbox, func() bool { return true }) })
	return func() { cancel(); inbox.close(); running.Wait() }
}

// While a plan is being written for somebody, Telegram goes on to show what
// others say. Who takes over after a crash finds in the ledger what was in hand.
func TestWhatWasHandledBehindASlowOneIsNotHandledAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t, near)
		f := newFakeUpdates(update(10, 1), update(11, 2), update(12, 3))
		handled := map[int]int{}
		handle := func(_ context.Context, u tele.Update) {
			f.mu.Lock()
			defer f.mu.Unlock()
			handled[u.ID]++
		}
		die := life(t, f, store, func(ctx context.Context, u tele.Update) {
			if u.ID == 10 {
				<-ctx.Done()
				return
			}
			handle(ctx, u)
		})
		time.Sleep(3 * time.Second)
		f.add(update(13, 2))
		time.Sleep(10 * time.Second)
		fetched := f.fetched()
		time.Sleep(time.Minute)
		require.LessOrEqual(t, f.fetched()-fetched, 13, "it waits for updates, though one is in hand all the time")
		require.Empty(t, f.unconfirmed(), "Telegram may forget what is in the ledger")
		die()

		die = life(t, f, store, handle)
		time.Sleep(3 * time.Second)
		f.add(update(14, 2))
		time.Sleep(10 * time.Second)
		die()
		require.Equal(t, map[int]int{10: 1, 11: 1, 12: 1, 13: 1, 14: 1}, handled)

		die = life(t, f, store, handle)
		time.Sleep(3 * time.Second)
		die()
		require.Len(t, handled, 5)
		require.Equal(t, 1, handled[10], "the ledger was written anew when it was through")
	})
}

// Telegram shows a hundred updates at a time. More than that many people who
// wait for a slow backend hold up nobody, and lose nothing in a crash.
func TestNothingOfACrowdIsLostInACrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t, far)
		f := newFakeUpdates()
		handled, wanted := map[int]int{}, map[int]int{}
		for id := 1; id <= 3*updatesAtOnce; id++ {
			f.queue = append(f.queue, update(id, int64(id%200)))
			wanted[id] = 1
		}
		var received atomic.Int32
		die := life(t, f, store, func(ctx context.Context, u tele.Update) {
			received.Add(1)
			<-ctx.Done()
		})
		time.Sleep(2 * time.Second)
		require.EqualValues(t, atOnce, received.Load())
		require.Empty(t, f.unconfirmed(), "Telegram had shown all of them by then")
		die()
		die = life(t, f, store, func(_ context.Context, u tele.Update) {
			f.mu.Lock()
			defer f.mu.Unlock()
			handled[u.ID]++
		})
		time.Sleep(5 * time.Second)
		die()
		require.Equal(t, wanted, handled)
	})
}

// A crash may have the last update of a chat handled again, and never one before
// it: taking something back and doing it again are two things.
func TestNothingIsHandledAgainBehindWhatCameAfterIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		lives := rapid.SliceOfN(rapid.IntRange(1, 3000), 1, 4).Draw(r, "lives, in ms")
		chats := rapid.SliceOfN(rapid.Int64Range(1, 4), 1, 60).Draw(r, "chats")
		slow := rapid.SliceOfN(rapid.IntRange(0, 2500), len(chats), len(chats)).Draw(r, "how long each takes, in ms")
		synctest.Test(t, func(t *testing.T) {
			store, f := newStore(t, far), newFakeUpdates()
			for i, chat := range chats {
				f.queue = append(f.queue, update(i+1, chat))
			}
			handled := map[int64][]int{} // by chat
			handle := func(ctx context.Context, u tele.Update) {
				f.mu.Lock()
				handled[u.Message.Chat.ID] = append(handled[u.Message.Chat.ID], u.ID)
				f.mu.Unlock()
				_ = pause(ctx, time.Duration(slow[u.ID-1]*(u.ID%3))*time.Millisecond)
			}
			for _, ms := range append(lives, 300_000) {
				die := life(t, f, store, handle)
				time.Sleep(time.Duration(ms) * time.Millisecond)
				die()
			}
			for chat, ids := range handled {
				require.True(t, slices.IsSorted(ids), "chat %d: %v", chat, ids)
				again := len(ids) - len(slices.Compact(slices.Clone(ids)))
				require.LessOrEqual(t, again, len(lives), "chat %d: %v", chat, ids)
			}
			for i, chat := range chats {
				require.Contains(t, handled[chat], i+1)
			}
		})
	})
}

// Another bot on the same database may come by the number of an update that was
// handled.
func TestAnUpdateOfAnotherBotIsAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := 0
		in := newInbox(t.Context(), handledBy(func(context.Context, tele.Update) { begun++ }))
		in.resume(entries{Handled: map[int]uint32{1: markOf(update(1, 7)), 2: markOf(update(2, 7))}})
		in.admit([]tele.Update{update(1, 7), update(2, 8)})
		synctest.Wait()
		in.close()
		require.Equal(t, 1, begun)
	})
}

// An update is through while it is written down as open, and Telegram is told so
// at once: what comes after it in its chat waits for the ledger all the same.
func TestWhatTheLedgerHasForOpenIsSettledByTheLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var began []int
		through := make(chan struct{})
		in := newInbox(t.Context(), handledBy(func(_ context.Context, u tele.Update) { began = append(began, u.ID); <-through }))
		in.urge = func() {}
		in.admit([]tele.Update{update(1, 7), update(2, 7)})
		e := in.entries(time.Now().Add(inHand))
		require.Len(t, e.Open, 2)
		through <- struct{}{}
		synctest.Wait()
		e = in.entries(time.Now().Add(inHand))
		require.Equal(t, map[int]uint32{1: markOf(update(1, 7))}, e.Handled, "Telegram may send it once more, after the other")
		in.confirm(in.offset())
		synctest.Wait()
		require.Equal(t, []int{1}, began, "who reads the ledger now begins with the first")
		e = in.entries(time.Now().Add(inHand))
		require.Len(t, e.Open, 1)
		require.Empty(t, e.Handled)
		in.recorded(e.settled)
		synctest.Wait()
		require.Equal(t, []int{1, 2}, began)
		close(through)
		in.close()
	})
}

// A write that seems to have failed may be in the ledger.
func TestTheLedgerIsWrittenAgainAfterADoubtfulWrite(t *testing.T) {
	t.Parallel()
	store := newStore(t, near)
	before, after := entries{Handled: map[int]uint32{1: 1}}, entries{Handled: map[int]uint32{1: 1}, Open: []json.RawMessage{essence(update(2, 7))}}
	l, doubtful := newLedger(store, silence()), newLedger(store, silence())
	require.True(t, l.write(t.Context(), before))
	require.True(t, doubtful.write(t.Context(), after))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.False(t, l.write(gone, after))
	require.True(t, l.write(t.Context(), before))
	require.Equal(t, before, l.read(t.Context()))
}

// What the dialogue makes use of in an update is in the ledger, and nothing else.
func TestUpdatesKeepTheirEssenceInTheLedger(t *testing.T) {
	t.Parallel()
	const from = `"from":{"id":7,"first_name":"Ann"},"chat":{"id":7,"type":"private"},"date":1700000000`
	for _, tc := range []struct{ update, kept string }{
		{`"message":{"message_id":5,` + from + `,"text":"/newlead Jane \ud83d\ude00 <b>","entities":[{"type":"bot_command","offset":0,"length":8}]}`,
			`"message":{"message_id":5,` + from + `,"text":"/newlead Jane \ud83d\ude00 <b>"}`},
		{`"message":{"message_id":5,"from":{"id":8,"first_name":"B","is_bot":true,"language_code":"de"},"chat":{"id":-7,"type":"group","title":"Sales"},"date":1700000000,"text":"/leads"}`,
			`"message":{"message_id":5,"from":{"id":8,"first_name":"B","is_bot":true},"chat":{"id":-7,"type":"group"},"date":1700000000,"text":"/leads"}`},
		{`"message":{"message_id":5,` + from + `,"location":{"latitude":0,"longitude":0}}`,
			`"message":{"message_id":5,` + from + `,"location":{"latitude":0,"longitude":0}}`},
		{`"message":{"message_id":5,` + from + `,"contact":{"phone_number":"+1","first_name":"Jane","last_name":"Doe"}}`,
			`"message":{"message_id":5,` + from + `,"contact":{"phone_number":"+1","first_name":"Jane","last_name":"Doe"}}`},
		{`"message":{"message_id":5,` + from + `,"photo":[{"file_id":"x","width":1,"height":1}],"media_group_id":"3","caption":"Jane Doe"}`,
			`"message":{"message_id":5,` + from + `,"media_group_id":"3","text":"Jane Doe"}`},
		{`"message":{"message_id":5,` + from + `,"voice":{"file_id":"x","duration":1}}`,
			`"message":{"message_id":5,` + from + `}`},
		{`"callback_query":{"id":"9","from":{"id":7,"first_name":"Ann"},"chat_instance":"1","data":"keepnote:1","message":{"message_id":6,` + from + `,"text":"What is it?",
			"reply_markup":{"inline_keyboard":[[{"text":"A note","callback_data":"keepnote:1"}]]},"reply_to_message":{"message_id":5,` + from + `,"caption":"likes tea","photo":[{"file_id":"x"}]}}}`,
			`"callback_query":{"id":"9","from":{"id":7,"first_name":"Ann"},"data":"keepnote:1","message":{"message_id":6,` + from + `,"reply_to_message":{"message_id":5,` + from + `,"text":"likes tea"}}}`},
		{`"callback_query":{"id":"9","from":{"id":7,"first_name":"Ann"},"inline_message_id":"x","data":"1"}`,
			`"callback_query":{"id":"9","from":{"id":7,"first_name":"Ann"},"data":"1"}`},
		{`"my_chat_member":{` + from + `,"old_chat_member":{"status":"kicked","user":{"id":42}},"new_chat_member":{"status":"member","user":{"id":42}}}`,
			`"my_chat_member":{"chat":{"id":7,"type":"private"},"new_chat_member":{"status":"member"}}`},
		// Nothing comes of these.
		{`"poll":{"id":"1"}`, ``},
		{`"message":{"message_id":5,` + from + `,"new_chat_title":"x"}`, ``},
		{`"message":{"message_id":5,` + from + `,"pinned_message":{"message_id":4}}`, ``},
	} {
		update, ok := readUpdate([]byte(`{"update_id":1,` + tc.update + `}`))
		require.True(t, ok)
		kept := essence(update)
		require.JSONEq(t, strings.TrimSuffix(`{"update_id":1,`+tc.kept, ",")+`}`, string(kept))
		again, ok := readUpdate(kept)
		require.True(t, ok)
		require.Equal(t, string(kept), string(essence(again)))
	}
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
	ask()
	d.boards.people = nil // as in a process that has just begun
	say(`"location":{"latitude":38.88,"longitude":-6.97}`)
	last, _ = ann.Last()
	said(t, d, srv, fmt.Sprintf(`{"update_id":1,"callback_query":{"id":"y","from":{"id":7,"first_name":"Ann"},"data":%q,"message":{"message_id":%d,"chat":{"id":7,"type":"private"}}}}`, button.CallbackData, last.ID))
	require.Nil(t, ann.Keyboard(), "an earlier process showed it")
}
