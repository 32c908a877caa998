package bot

import (
	"context"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/scheduler"
)

const testToken = "123:S3CRET"

// newTestCourier is a courier without limits of its own that says what the
// lead's name is.
func newTestCourier(url string) *courier {
	return &courier{
		api:      &telegram{base: url, token: testToken, transport: http.DefaultTransport.(*http.Transport).Clone(), observe: func(string, string) {}},
		limiter:  scheduler.NewLimiter(1000, 1000),
		complete: func(_ context.Context, m scheduler.Message) scheduler.Message { return m },
		words: func(m scheduler.Message) chatMessage {
			return chatMessage{text: bold(m.Items[0].Lead.Name), keys: keyboard{{press("Done", "done", 1)}}}
		},
	}
}

func nudgeFor(user int64, name string) scheduler.Message {
	return scheduler.Message{Kind: scheduler.Nudge, TelegramID: user, Items: []scheduler.Item{{Lead: scheduler.Lead{Name: name}}}}
}

func TestSendTellsWhatBecameOfTheMessage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		fault   telegramtest.Fault
		want    scheduler.Result
		arrived bool
	}{
		{name: "delivered", want: scheduler.Result{Outcome: scheduler.Delivered}, arrived: true},
		{name: "rate limit", fault: telegramtest.Fault{RetryAfter: 7 * time.Second}, want: scheduler.Result{Outcome: scheduler.NotDelivered, RetryAfter: 7 * time.Second}},
		{name: "blocked", fault: telegramtest.Fault{Status: 403, Description: "Forbidden: bot was blocked by the user"}, want: scheduler.Result{Outcome: scheduler.Refused}},
		{name: "no such chat", fault: telegramtest.Fault{Status: 400, Description: "Bad Request: chat not found"}, want: scheduler.Result{Outcome: scheduler.Refused}},
		{name: "bad message", fault: telegramtest.Fault{Status: 400, Description: "Bad Request: BUTTON_DATA_INVALID"}, want: scheduler.Result{Outcome: scheduler.Refused, ThisOnly: true}},
		{name: "bad token", fault: telegramtest.Fault{Status: 401, Description: "Unauthorized"}, want: scheduler.Result{Outcome: scheduler.NotDelivered, Everyone: true}},
		{name: "internal error", fault: telegramtest.Fault{Status: 500}, want: scheduler.Result{Outcome: scheduler.NotDelivered}},
		{name: "gateway's page", fault: telegramtest.Fault{HTML: true}, want: scheduler.Result{Outcome: scheduler.Ambiguous}},
		{name: "gateway's page after delivery", fault: telegramtest.Fault{HTML: true, Deliver: true}, want: scheduler.Result{Outcome: scheduler.Ambiguous}, arrived: true},
		{name: "gateway in JSON", fault: telegramtest.Fault{Status: 502, Deliver: true}, want: scheduler.Result{Outcome: scheduler.Ambiguous}, arrived: true},
		{name: "proxy refuses", fault: telegramtest.Fault{HTML: true, Status: 403}, want: scheduler.Result{Outcome: scheduler.NotDelivered, Everyone: true}},
		{name: "cut after delivery", fault: telegramtest.Fault{Drop: true}, want: scheduler.Result{Outcome: scheduler.Ambiguous}, arrived: true},
		{name: "cut within the answer", fault: telegramtest.Fault{Truncate: true}, want: scheduler.Result{Outcome: scheduler.Ambiguous}, arrived: true},
		{name: "cut before delivery", fault: telegramtest.Fault{Reset: true}, want: scheduler.Result{Outcome: scheduler.Ambiguous}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
			jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
			jane.Send("/start")
			if tc.name != "delivered" {
				tc.fault.Method = "sendMessage"
				srv.Fault(tc.fault)
			}
			got := newTestCourier(srv.URL).Send(t.Context(), nudgeFor(7, "Ann & <Co>"))
			if tc.want.Outcome == scheduler.Delivered {
				require.NoError(t, got.Err)
				require.NotZero(t, got.MessageID)
				got.MessageID = 0
			} else {
				require.Error(t, got.Err)
				require.NotContains(t, got.Err.Error(), "S3CRET")
			}
			got.Err = nil
			require.Equal(t, tc.want, got)
			last, ok := jane.Last()
			require.Equal(t, tc.arrived, ok)
			if ok {
				require.Equal(t, "Ann & <Co>", last.Text)
			}
			require.Len(t, srv.Calls("sendMessage"), 1)
		})
	}
}

func TestSendWhereNothingListens(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	for _, base := range []string{"http://" + listener.Addr().String(), "http://telegram.invalid"} {
		got := newTestCourier(base).Send(t.Context(), nudgeFor(7, "Ann"))
		require.Equal(t, scheduler.NotDelivered, got.Outcome, base)
		require.True(t, got.Everyone)
		require.NotContains(t, got.Err.Error(), "S3CRET")
	}
}

func TestSendThatWasCancelledBeforeItLeft(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, scheduler.NotDelivered, newTestCourier(srv.URL).Send(ctx, nudgeFor(7, "Ann")).Outcome)
	require.Empty(t, srv.Calls())
}

func TestSendIsSeenThroughWhenTheServiceStops(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")
	ctx, cancel := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-ctx.Done()
		srv.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	go func() { <-arrived; cancel() }()
	require.Equal(t, scheduler.Delivered, newTestCourier(slow.URL).Send(ctx, nudgeFor(7, "Ann")).Outcome)
}

func TestTwoChatsToldToWaitMeanEveryone(t *testing.T) {
	t.Parallel()
	var f floods
	now := time.Now()
	require.False(t, f.note(1, 5*time.Second, now))
	require.False(t, f.note(1, 5*time.Second, now))
	wait, everyone := f.left(2, now)
	require.Zero(t, wait)
	require.False(t, everyone)
	require.True(t, f.note(2, 9*time.Second, now.Add(time.Second)))
	wait, everyone = f.left(3, now.Add(time.Second))
	require.Equal(t, 9*time.Second, wait)
	require.True(t, everyone)
	require.False(t, f.note(3, time.Second, now.Add(time.Minute)), "what is over does not count")
}

func TestMarkupThatTelegramRefusesIsSentAsPlainText(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")
	srv.Fault(telegramtest.Fault{Method: "sendMessage", Status: 400, Description: "Bad Request: can't parse entities: Unexpected end tag at byte offset 3", Times: 1})
	got := newTestCourier(srv.URL).Send(t.Context(), nudgeFor(7, "Ann"))
	require.Equal(t, scheduler.Delivered, got.Outcome)
	last, _ := jane.Last()
	require.Equal(t, "Ann", last.Text)
	require.Empty(t, last.Entities)
	_, ok := last.Button("Done")
	require.True(t, ok)
}

func TestButtonsThatTelegramRefusesAreLeftOut(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")
	c := newTestCourier(srv.URL)
	c.words = func(scheduler.Message) chatMessage {
		return chatMessage{text: bold("Ann"), keys: keyboard{{press("Done", "done", 1), copying("Copy", "hi")}, {opening("Open", "https://x.example")}}}
	}
	for _, complaint := range []string{"Bad Request: BUTTON_URL_INVALID", "Bad Request: inline keyboard button URL 'https://x.example' is invalid: Wrong HTTP URL", "Bad Request: Text buttons are unallowed in the inline keyboard"} {
		srv.Fault(telegramtest.Fault{Method: "sendMessage", Status: 400, Description: complaint, Times: 1})
		got := c.Send(t.Context(), nudgeFor(7, "Ann"))
		require.Equal(t, scheduler.Delivered, got.Outcome, complaint)
		last, _ := jane.Last()
		require.Equal(t, []string{"Done"}, last.Labels(), "what can be acted on stays")
		require.NotEmpty(t, last.Entities, "the markup, too")
	}
}

func TestTextsFullOfMarkupAndOfAnyLength(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")
	c := newTestCourier(srv.URL)
	for _, name := range []string{
		"<b>&amp;</i>", "*_`[x](y)", "שלום \u202eabc", "👩‍👩‍👧‍👦", "\xff\xfe", "\x00\x01", "   ", "",
		strings.Repeat("&", 10_000), strings.Repeat("😀", 10_000), strings.Repeat("a\n", 5_000),
	} {
		got := c.Send(t.Context(), nudgeFor(7, name))
		require.Equal(t, scheduler.Delivered, got.Outcome, "%.20q: %v", name, got.Err)
	}
	require.Len(t, srv.Calls("sendMessage"), 11, "none needed the plain form")
}

func TestSayWaitsWhereTelegramAsks(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")
	srv.Fault(telegramtest.Fault{Method: "sendMessage", RetryAfter: time.Second, Times: 1})
	id, err := newTestCourier(srv.URL).say(t.Context(), 7, chatMessage{text: plain("hello")})
	require.NoError(t, err)
	require.NotZero(t, id)
	require.Len(t, srv.Calls("sendMessage"), 2)
}

// TestAPauseOfYearsIsAnHour: then Telegram is asked again.
func TestAPauseOfYearsIsAnHour(t *testing.T) {
	t.Parallel()
	for _, seconds := range []int{3601, 1_000_000_000, math.MaxInt} {
		require.Equal(t, time.Hour, retryAfter(seconds))
	}
	require.Equal(t, 7*time.Second, retryAfter(7))
	require.Zero(t, retryAfter(-1))
}

func TestEditThatChangesNothingIsFine(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"}).Send("/start")
	c := newTestCourier(srv.URL)
	m := chatMessage{text: plain("hello")}
	id, err := c.say(t.Context(), 7, m)
	require.NoError(t, err)
	require.NoError(t, c.edit(t.Context(), 7, id, m))
	require.NoError(t, c.edit(t.Context(), 7, id, chatMessage{text: plain("changed")}))
	require.ErrorContains(t, c.api.answer(t.Context(), "no-such-query", "late"), "too old", "or it would be taken for seen")
}

func TestRedirectsAreNotFollowedWithTheToken(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(elsewhere.Close)
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(redirecting.Close)
	got := newTestCourier(redirecting.URL).Send(t.Context(), nudgeFor(7, "Ann"))
	require.Equal(t, scheduler.NotDelivered, got.Outcome)
	require.Zero(t, asked.Load())
}

// A message that waited for its turn until it was too late stays here.
func TestAMessageWhoseTurnComesTooLateDoesNotLeave(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")
	c := newTestCourier(srv.URL)
	c.limiter = scheduler.NewLimiter(1000, 10) // three at once, then one every 100 ms
	now := time.Now()
	outcomes := map[scheduler.Outcome]int{}
	for range 8 {
		m := nudgeFor(7, "Ann")
		m.Now, m.Until = time.Now(), now.Add(250*time.Millisecond)
		outcomes[c.Send(t.Context(), m).Outcome]++
	}
	require.Positive(t, outcomes[scheduler.Delivered])
	require.Positive(t, outcomes[scheduler.NotDelivered])
	require.Equal(t, 8, outcomes[scheduler.Delivered]+outcomes[scheduler.NotDelivered])
	arrived := 0
	for _, m := range jane.Messages() {
		if m.FromBot() {
			arrived++
		}
	}
	require.Equal(t, outcomes[scheduler.Delivered], arrived)
}
