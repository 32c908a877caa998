package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	tele "gopkg.in/telebot.v3"
)

// fakeUpdates is Telegram's queue of updates: fetching from an offset confirms
// what lies before it.
type fakeUpdates struct {
	mu      sync.Mutex
	queue   []tele.Update
	fetches []time.Time
	fail    error
	arrived chan struct{}
}

func newFakeUpdates(updates ...tele.Update) *fakeUpdates {
	return &fakeUpdates{queue: updates, arrived: make(chan struct{}, 100)}
}

func (f *fakeUpdates) fetch(ctx context.Context, offset int, wait time.Duration) ([]tele.Update, error) {
	f.mu.Lock()
	f.fetches = append(f.fetches, time.Now())
	err := f.fail
	f.queue = slices.DeleteFunc(f.queue, func(u tele.Update) bool { return u.ID < offset })
	queue := slices.Clone(f.queue[:min(len(f.queue), updatesAtOnce)])
	f.mu.Unlock()
	if err != nil || len(queue) > 0 || wait == 0 {
		return queue, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(wait):
		return nil, nil
	case <-f.arrived:
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.Clone(f.queue), f.fail
	}
}

func (f *fakeUpdates) add(u tele.Update) {
	f.mu.Lock()
	f.queue = append(f.queue, u)
	f.mu.Unlock()
	f.arrived <- struct{}{}
}

func (f *fakeUpdates) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

func (f *fakeUpdates) unconfirmed() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ids []int
	for _, u := range f.queue {
		ids = append(ids, u.ID)
	}
	return ids
}

func (f *fakeUpdates) fetched() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.fetches)
}

func ignored(context.Context, tele.Update) {}

// handledBy is a function for a dialogue.
func handledBy(handle func(context.Context, tele.Update)) handlers {
	return handlers{ignored, handle, ignored}
}

func always(context.Context) bool { return true }

func update(id int, chat int64) tele.Update {
	return tele.Update{ID: id, Message: &tele.Message{Chat: &tele.Chat{ID: chat}}}
}

// running starts a poller and returns what stops it.
func running(t *testing.T, f *fakeUpdates, handle func(ctx context.Context, u tele.Update)) (p *poller, stop func()) {
	t.Helper()
	p = &poller{fetch: f.fetch, handlers: handledBy(handle), held: always, log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.run(ctx) }()
	return p, func() {
		cancel()
		require.NoError(t, <-done)
	}
}

func TestUpdatesAreConfirmedOnlyAfterTheyWereHandled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeUpdates(update(10, 1), update(11, 2))
		release := make(chan struct{})
		_, stop := running(t, f, func(_ context.Context, u tele.Update) {
			if u.ID == 10 {
				<-release
			}
		})
		time.Sleep(3 * time.Second)
		require.Equal(t, []int{10, 11}, f.unconfirmed(), "10 is at work, and holds 11 though that is handled")
		f.add(update(12, 3))
		time.Sleep(3 * time.Second)
		close(release)
		synctest.Wait()
		time.Sleep(3 * time.Second)
		require.Empty(t, f.unconfirmed())
		stop()
	})
}

func TestOrderWithinAChatAndParallelBetweenChats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeUpdates(update(1, 7), update(2, 7), update(3, 8), update(4, 7))
		var mu sync.Mutex
		var began []int
		release := make(chan struct{})
		_, stop := running(t, f, func(_ context.Context, u tele.Update) {
			mu.Lock()
			began = append(began, u.ID)
			mu.Unlock()
			if u.ID == 1 {
				<-release
			}
		})
		time.Sleep(5 * time.Second)
		mu.Lock()
		require.ElementsMatch(t, []int{1, 3}, began, "2 and 4 wait for 1, 3 does not; none is handled twice")
		mu.Unlock()
		close(release)
		time.Sleep(5 * time.Second)
		mu.Lock()
		require.Equal(t, []int{2, 4}, began[2:])
		mu.Unlock()
		stop()
	})
}

func TestStoppingFinishesAndConfirmsWhatIsAtWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeUpdates(update(1, 7), update(2, 7))
		started := make(chan struct{})
		_, stop := running(t, f, func(ctx context.Context, u tele.Update) {
			started <- struct{}{}
			time.Sleep(2 * time.Second)
			require.NoError(t, ctx.Err(), "the handler may finish")
		})
		<-started
		stop()
		require.Equal(t, []int{2}, f.unconfirmed(), "what was not begun stays for the next poller")
	})
}

func TestStoppingDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeUpdates(update(1, 7))
		started := make(chan struct{})
		_, stop := running(t, f, func(ctx context.Context, _ tele.Update) {
			close(started)
			<-ctx.Done()
		})
		<-started
		began := time.Now()
		stop()
		require.Less(t, time.Since(began), 10*time.Second)
		require.Equal(t, []int{1}, f.unconfirmed(), "what was cut off is handled again by the next poller")
	})
}

func TestPollerOutlivesFailuresWithoutSpinning(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		&apiError{Method: "getUpdates", Code: 409, Description: "Conflict"},
		&apiError{Method: "getUpdates", Code: 401, Description: "Unauthorized"},
		&callError{Method: "getUpdates", Unsent: true, Err: errors.New("connection refused")},
		&callError{Method: "getUpdates", Err: &proxyError{Status: 502}},
		&callError{Method: "getUpdates", Unsent: true, Err: &net.DNSError{Err: "server misbehaving", Name: "api.telegram.org", IsTemporary: true}},
	} {
		t.Run(err.Error(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFakeUpdates()
				f.set(err)
				handled := make(chan time.Time, 1)
				p, stop := running(t, f, func(context.Context, tele.Update) { handled <- time.Now() })
				time.Sleep(24 * time.Hour)
				require.Greater(t, f.fetched(), 24*3600/6, "it goes on trying")
				require.Less(t, f.fetched(), 24*3600/2, "it does not spin")
				polling, _, state := p.health.state()
				require.True(t, polling)
				require.ErrorIs(t, state, err)

				back := time.Now()
				f.set(nil)
				f.add(update(5, 1))
				require.Less(t, (<-handled).Sub(back), 10*time.Second, "it is there again within seconds")
				synctest.Wait()
				_, _, state = p.health.state()
				require.NoError(t, state)
				stop()
			})
		})
	}
}

func TestServerThatDoesNotHoldRequestsIsNotHammered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := &poller{handlers: handledBy(ignored), held: always, log: slog.New(slog.DiscardHandler), fetch: func(context.Context, int, time.Duration) ([]tele.Update, error) {
			calls++
			return nil, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, p.run(ctx))
		require.LessOrEqual(t, calls, 241)
	})
}

// A server that minds no offset has something to say each time, and is not asked
// as fast as it answers.
func TestAServerThatRepeatsItselfIsNotHammered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		const most = int(time.Minute/pollGap) + pollBurst + 1
		calls := 0
		p := &poller{handlers: handledBy(ignored), held: always, log: silence(), fetch: func(context.Context, int, time.Duration) ([]tele.Update, error) {
			if calls++; calls > most {
				cancel()
			}
			return []tele.Update{{ID: 77}}, nil
		}}
		require.NoError(t, p.run(ctx))
		require.LessOrEqual(t, calls, most)
		require.Greater(t, calls, most/2)
	})
}

// A ledger that cannot be read when the process begins is read when it can be,
// and not written over before.
func TestALedgerIsReadLateRatherThanNever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		store := newStore(t, func() time.Duration {
			if down.Load() {
				return time.Hour
			}
			return 0
		})
		open := func(id, chat int) string {
			return fmt.Sprintf(`{"update_id":%d,"message":{"message_id":1,"from":{"id":%d},"chat":{"id":%d},"text":"x"}}`, id, chat, chat)
		}
		ledger := fmt.Sprintf(`{"open":[%s,%s],"done":{"6":%d}}`, open(1, 7), open(5, 9), markOf(update(6, 9)))
		require.NoError(t, store.SetMemo(t.Context(), ledgerName, ledger, ledgerLife))

		f := newFakeUpdates(update(5, 9)) // 1 is forgotten
		var mu sync.Mutex
		var began []int
		down.Store(true)
		die := life(t, f, store, func(_ context.Context, u tele.Update) {
			mu.Lock()
			began = append(began, u.ID)
			mu.Unlock()
		})
		defer die()
		handled := func() []int {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(began)
		}
		time.Sleep(time.Minute)
		require.Equal(t, []int{5}, handled(), "people are not kept waiting")
		down.Store(false)
		time.Sleep(5 * time.Second)
		require.Equal(t, []int{5, 1}, handled())
		f.add(update(6, 9))
		time.Sleep(5 * time.Second)
		require.Equal(t, []int{5, 1}, handled(), "6 was handled by the process before")

		late := newLedger(store, silence())
		down.Store(true)
		late.read(t.Context())
		down.Store(false)
		require.False(t, late.write(t.Context(), entries{Handled: map[int]uint32{9: 1}}), "what it cannot read it does not write over")
		late.read(t.Context())
		require.True(t, late.write(t.Context(), entries{Handled: map[int]uint32{9: 1}}))
	})
}

// Who writes on and on behind a handler that takes long is told, and does not fill
// the memory; what others say gets through.
func TestAFloodIsPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeUpdates()
		for id := range 3 * mostWaiting {
			f.queue = append(f.queue, update(id+1, 7))
		}
		f.queue = append(f.queue, update(5000, 8))
		var handled, over, other atomic.Int32
		release := make(chan struct{})
		p := &poller{fetch: f.fetch, held: always, log: silence()}
		p.handlers = handledBy(func(_ context.Context, u tele.Update) {
			if u.ID == 5000 {
				other.Add(1)
			} else {
				<-release
				handled.Add(1)
			}
		})
		p.flooded = func(_ context.Context, u tele.Update) {
			require.Greater(t, u.ID, mostWaiting)
			over.Add(1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.run(ctx) }()
		time.Sleep(30 * time.Second)
		require.EqualValues(t, 1, other.Load())
		require.EqualValues(t, 2*mostWaiting, over.Load(), "each is passed over once")
		close(release)
		time.Sleep(30 * time.Second)
		require.EqualValues(t, mostWaiting, handled.Load())
		require.Empty(t, f.unconfirmed())
		cancel()
		require.NoError(t, <-done)
	})
}

func TestAStuckHandlerHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const others = 3 * updatesAtOnce
		updates := []tele.Update{update(1, 7), update(2, 7)}
		for id := range others {
			updates = append(updates, update(id+3, int64(id%20+100)))
		}
		f := newFakeUpdates(updates...)
		var handled atomic.Int32
		release := make(chan struct{})
		_, stop := running(t, f, func(_ context.Context, u tele.Update) {
			if u.ID == 1 {
				<-release
			}
			handled.Add(1)
		})
		time.Sleep(10 * time.Second)
		require.EqualValues(t, others, handled.Load(), "all but the stuck one and the one behind it")
		close(release)
		time.Sleep(5 * time.Second)
		require.EqualValues(t, others+2, handled.Load(), "and each once")
		require.Empty(t, f.unconfirmed())
		stop()
	})
}

func TestAWebhookOfEarlierIsTakenAwayAtTheBeginningOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hook := &apiError{Method: "getUpdates", Code: 409, Description: "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}
		f := newFakeUpdates()
		f.set(hook)
		var unhooked atomic.Int32
		p := &poller{fetch: f.fetch, handlers: handledBy(ignored), held: always, log: slog.New(slog.DiscardHandler), unhook: func(context.Context) error {
			unhooked.Add(1)
			f.set(nil)
			return nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- p.run(ctx) }()
		time.Sleep(10 * time.Second)
		require.EqualValues(t, 1, unhooked.Load())
		_, _, err := p.health.state()
		require.NoError(t, err)

		f.set(hook) // somebody sets one now
		time.Sleep(time.Minute)
		require.EqualValues(t, 1, unhooked.Load())
		_, _, err = p.health.state()
		require.ErrorIs(t, err, hook)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestAPollerWithASuccessorBeginsNothingMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeUpdates(update(1, 7), update(2, 7), update(3, 8))
		var mine atomic.Bool
		mine.Store(true)
		var began atomic.Int32
		release := make(chan struct{})
		p := &poller{fetch: f.fetch, log: silence(), held: func(context.Context) bool { return mine.Load() }}
		p.handlers = handledBy(func(context.Context, tele.Update) {
			began.Add(1)
			<-release
		})
		done := make(chan error)
		go func() { done <- p.run(t.Context()) }()
		synctest.Wait()
		require.EqualValues(t, 2, began.Load())
		mine.Store(false)
		fetched := f.fetched()
		close(release)
		require.NoError(t, <-done)
		require.EqualValues(t, 2, began.Load(), "2 is its successor's")
		require.Equal(t, fetched, f.fetched(), "and so is the next request")
		polling, _, err := p.health.state()
		require.False(t, polling)
		require.NoError(t, err)
	})
}

func TestTheHealthOfPollingSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		says string
	}{
		{&apiError{Method: "getUpdates", Code: 401, Description: "Unauthorized"}, "check TELEGRAM_BOT_TOKEN"},
		{&apiError{Method: "getUpdates", Code: 409, Description: "Conflict: terminated by other getUpdates request"}, "another process with its token"},
		{&apiError{Method: "getUpdates", Code: 429, Description: "Too Many Requests: retry after 3600"}, "when the pause that it wants is over"},
		{&apiError{Method: "setWebhook", Code: 400, Description: "Bad Request: bad webhook: Failed to resolve host"}, "does not take WEBHOOK_URL"},
		{&apiError{Method: "getUpdates", Code: 500, Description: "Internal Server Error"}, "nothing to do but wait"},
		{&callError{Method: "getUpdates", Err: &proxyError{Status: 502}}, "nothing to do but wait"},
		{&callError{Method: "getUpdates", Err: &proxyError{Status: 407}}, "check TELEGRAM_API_URL and the proxy"},
		{&callError{Method: "getUpdates", Unsent: true, Err: errors.New("no such host")}, "check the network"},
		{errors.New("Telegram cannot deliver to WEBHOOK_URL: Connection refused"), "WEBHOOK_URL: Connection refused"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var health pollHealth
			health.start()
			health.failed(tc.err)
			time.Sleep(90 * time.Second)
			health.failed(tc.err)
			_, _, err := health.state()
			require.ErrorIs(t, err, tc.err)
			require.ErrorContains(t, err, "no updates for 1m30s: ")
			require.ErrorContains(t, err, tc.says)
			health.succeeded()
			_, _, err = health.state()
			require.NoError(t, err)
		})
	}
}

func TestOneWorkerPerChat(t *testing.T) {
	t.Parallel()
	var busy, handled atomic.Int32
	in := newInbox(t.Context(), handledBy(func(context.Context, tele.Update) {
		require.EqualValues(t, 1, busy.Add(1), "updates of one chat are handled one at a time")
		busy.Add(-1)
		handled.Add(1)
	}))
	const all = 5000
	for id := 1; id <= all; id++ {
		in.admit([]tele.Update{update(id, 7)})
		if id%mostWaiting == 0 || id == all {
			require.Eventually(t, func() bool { return int(handled.Load()) == id }, time.Minute, time.Millisecond)
		}
	}
	in.close()
	require.Equal(t, all+1, in.offset())
}

func TestNumbersMayStartAnewAfterAQuietWeek(t *testing.T) {
	t.Parallel()
	in := newInbox(t.Context(), handledBy(ignored))
	require.Equal(t, 1, in.admit([]tele.Update{update(1000, 7)}))
	require.Equal(t, 0, in.admit([]tele.Update{update(1000, 7)}), "queued or handled, but not confirmed")
	in.workers.Wait()
	require.Equal(t, 1001, in.offset())
	require.Equal(t, 1, in.admit([]tele.Update{update(12, 7)}), "a lower number is new all the same")
	in.workers.Wait()
	require.Equal(t, 13, in.offset())
}
