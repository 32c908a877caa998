package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	tele "gopkg.in/telebot.v3"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
	"github.com/followthrough-go/followthrough/scheduler"
)

// facts are what is known of Telegram and of telebot, each with the tests that
// fail where the bot does not mind it.
var facts = []struct {
	fact  string
	tests []string
}{
	// Telegram.
	{"a message a second to a chat, thirty overall, twenty a minute to a group", []string{"TestAHundredPeopleAtOnce", "TestAGroupIsToldOnceInAWhile"}},
	{"429 says how long to wait, in the body and in a header", []string{"TestSendTellsWhatBecameOfTheMessage", "TestTheHeaderSaysHowLongToWait", "TestSayWaitsWhereTelegramAsks", "TestAPauseOfYearsIsAnHour"}},
	{"a 429 may mean one chat or the whole bot", []string{"TestAPauseForEveryoneIsKept", "TestTwoChatsToldToWaitMeanEveryone"}},
	{"who blocked the bot, is gone, or never wrote, is refused until they write", []string{"TestEveryWayNotToBeReached", "TestSomebodyWhoBlocksTheBotAndComesBack"}},
	{"limits of texts, captions, answers to presses, data and copied texts", []string{"TestTextsFullOfMarkupAndOfAnyLength", "TestWhatIsTooLongIsCut", "TestButtonsFitTelegramsLimit"}},
	{"a stray sign of legacy Markdown loses the message", []string{"TestTextsFullOfMarkupAndOfAnyLength", "TestNamesAndDraftsOfAllKinds"}},
	{"HTML that cannot be parsed was certainly not sent, and goes as plain text", []string{"TestMarkupThatTelegramRefusesIsSentAsPlainText", "TestButtonsThatTelegramRefusesAreLeftOut"}},
	{"a press is answered first, and in time or not at all", []string{"TestAHundredPeopleAtOnce", "TestPressesThatAreNotThePersonsOwn", "TestADialogueThroughTelegramsTroubles"}},
	{"a client sends whatever data it likes", []string{"TestButtonsPressedTwiceOrByOthers", "TestPressesThatAreNotThePersonsOwn"}},
	{"an edit that changes nothing is refused", []string{"TestEditThatChangesNothingIsFine"}},
	{"getUpdates waits 50 s at most, gives a hundred, and forgets what is before the offset", []string{"TestWhatIsAskedOfGetUpdates", "TestUpdatesAreConfirmedOnlyAfterTheyWereHandled", "TestAStuckHandlerHoldsUpNobodyElse"}},
	{"a 409 is tried again for ever", []string{"TestPollerOutlivesFailuresWithoutSpinning", "TestPollingThroughTelegramsTroubles", "TestAWebhookOfEarlierIsTakenAwayAtTheBeginningOnly"}},
	{"a webhook has a secret, and is posted again what it did not take", []string{"TestUpdatesByWebhook", "TestAWebhookThroughTelegramsTroubles", "TestAWebhookIsSetWithinSecondsOfTelegramsReturn", "TestAWebhooksUpdateThatIsCutOffIsPostedAgain"}},
	{"paid broadcasts cost Stars", []string{"TestWhatIsNeverAskedForAndWhatIsSilent"}},
	{"a digest makes no sound", []string{"TestWhatIsNeverAskedForAndWhatIsSilent"}},
	{"ids of updates may begin anew", []string{"TestNumbersMayStartAnewAfterAQuietWeek"}},
	// Telebot.
	{"its poller asks without waiting", []string{"TestWhatIsAskedOfGetUpdates", "TestServerThatDoesNotHoldRequestsIsNotHammered"}},
	{"its buttons' data has a form of its own", []string{"TestButtonsPressedTwiceOrByOthers"}},
	{"the token stands in its errors", []string{"TestSendWhereNothingListens", "TestSendTellsWhatBecameOfTheMessage", "TestRedirectsAreNotFollowedWithTheToken"}},
	{"its poller spins when Telegram, a proxy or a name server fails", []string{"TestPollerOutlivesFailuresWithoutSpinning", "TestPollingThroughTelegramsTroubles", "TestAServerThatRepeatsItselfIsNotHammered"}},
	{"it takes a proxy's page for success", []string{"TestAPageIsNoSuccess", "TestAnswersThatSayNothingAreNobodys", "TestSendTellsWhatBecameOfTheMessage"}},
	{"its errors have no types but for two", []string{"TestSendTellsWhatBecameOfTheMessage", "TestEveryWayNotToBeReached", "TestADialogueThroughTelegramsTroubles"}},
	{"a stop cuts a message off that is delivered all the same", []string{"TestSendIsSeenThroughWhenTheServiceStops"}},
	{"a stop before the start hangs", []string{"TestAStopBeforeTheStart"}},
	{"a stop with many updates waiting hangs", []string{"TestStoppingWithManyWaiting", "TestStoppingDoesNotWaitForEver"}},
	{"a stop does not wait for handlers", []string{"TestStoppingFinishesAndConfirmsWhatIsAtWork", "TestAStopApologisesToNobody", "TestAStopDoesNotWaitForAnApology"}},
	{"a panic ends the process, or is swallowed", []string{"TestAPanicIsCaughtLoggedAndTold", "TestAPanicWithAnything"}},
	{"its calls have no context", []string{"TestSendThatWasCancelledBeforeItLeft", "TestACallEndsWithItsContext", "TestAConnectionThatDiedSilentlyIsNotUsedOnAndOn", "TestABodyThatIsNotSentIsClosed"}},
	{"data over 64 bytes is not noticed", []string{"TestButtonsFitTelegramsLimit", "TestWhatIsTooLongIsCut"}},
}

func TestEveryFactHasItsTests(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*_test.go")
	require.NoError(t, err)
	var source strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		source.Write(data)
	}
	for _, f := range facts {
		require.NotEmpty(t, f.tests, f.fact)
		for _, name := range f.tests {
			require.Contains(t, source.String(), "func "+name+"(t *testing.T)", f.fact)
		}
	}
}

// apiThatAnswers is a Bot API with one answer for everything.
func apiThatAnswers(t *testing.T, status int, header http.Header, body string) *telegram {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return newTestCourier(srv.URL).api
}

func TestTheHeaderSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	wait := http.Header{"Retry-After": {"7"}}
	for body, everyone := range map[string]bool{
		`{"ok":false,"error_code":429,"description":"Too Many Requests"}`: false,
		"<html>Too many requests</html>":                                  true, // a proxy's
	} {
		c := newTestCourier("")
		c.api = apiThatAnswers(t, http.StatusTooManyRequests, wait, body)
		got := c.Send(t.Context(), nudgeFor(7, "Ann"))
		require.Equal(t, scheduler.NotDelivered, got.Outcome, body)
		require.Equal(t, 7*time.Second, got.RetryAfter, body)
		require.Equal(t, everyone, got.Everyone, body)
	}
}

func TestEveryWayNotToBeReached(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code        int
		description string
		gone        bool
	}{
		{403, "Forbidden: bot was blocked by the user", true},
		{403, "Forbidden: user is deactivated", true},
		{403, "Forbidden: bot can't initiate conversation with a user", true},
		{403, "Forbidden: bot was kicked from the group chat", true},
		{400, "Bad Request: chat not found", true},
		{400, "Bad Request: user not found", true},
		{400, "Bad Request: PEER_ID_INVALID", true},
		{400, "Bad Request: USER_IS_BLOCKED", true},
		{400, "Bad Request: INPUT_USER_DEACTIVATED", true},
		{400, "Bad Request: group chat was upgraded to a supergroup chat", true},
		{400, "Bad Request: not enough rights to send text messages to the chat", true},
		{400, "Bad Request: message is too long", false},
		{400, "Bad Request: BUTTON_DATA_INVALID", false},
	} {
		c := newTestCourier("")
		c.api = apiThatAnswers(t, tc.code, nil, fmt.Sprintf(`{"ok":false,"error_code":%d,"description":%q}`, tc.code, tc.description))
		got := c.Send(t.Context(), nudgeFor(7, "Ann"))
		require.Equal(t, scheduler.Refused, got.Outcome, tc.description)
		require.Equal(t, tc.gone, !got.ThisOnly, tc.description)
	}
}

// The fake refuses what Telegram would refuse.
func TestWhatIsTooLongIsCut(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	jane := srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"})
	jane.Send("/start")
	c := newTestCourier(srv.URL)
	long := strings.Repeat("😀", 5000)

	id, err := c.say(t.Context(), 7, chatMessage{text: plain("press"), keys: keyboard{{press("Go", strings.Repeat("x", 64)), copying("Copy", long[:4*maxCopies/2])}}})
	require.NoError(t, err)
	pressed, err := jane.Press(int(id), "Go")
	require.NoError(t, err)
	require.NoError(t, c.api.answer(t.Context(), pressed, long))
	answer, err := jane.Answer(t.Context(), pressed)
	require.NoError(t, err)
	require.Equal(t, 99, strings.Count(answer.Text, "😀"), "of 200 units")

	require.NoError(t, c.sendDocument(t.Context(), 7, document{"x.csv", "text/csv", []byte("x")}, long))
	last, _ := jane.Last()
	require.Equal(t, 511, strings.Count(last.Caption, "😀"), "of 1024 units")

	before := len(srv.Calls())
	_, err = c.say(t.Context(), 7, chatMessage{text: plain("press"), keys: keyboard{{press("Go", strings.Repeat("x", 65))}}})
	var failed *callError
	require.ErrorAs(t, err, &failed)
	require.True(t, failed.Unsent)
	require.Len(t, srv.Calls(), before, "nothing left that Telegram would refuse")
}

func TestWhatIsAskedOfGetUpdates(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	api := newTestCourier(srv.URL).api
	_, err := api.updates(t.Context(), 5, 0)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for !srv.Polling() {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err = api.updates(ctx, 5, pollWait)
	require.ErrorIs(t, err, context.Canceled)
	asked := srv.Calls("getUpdates")[1].Params
	require.Equal(t, "5", asked["timeout"], "it is held, and not for longer than Telegram allows")
	require.Equal(t, "5", asked["offset"])
	require.Equal(t, "100", asked["limit"])
	require.JSONEq(t, `["message","callback_query","my_chat_member"]`, asked["allowed_updates"])
}

func TestWhatIsNeverAskedForAndWhatIsSilent(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	srv.User(telegramtest.Person{ID: 7, FirstName: "Jane"}).Send("/start")
	c := newTestCourier(srv.URL)
	c.words = wording(time.UTC)
	item := scheduler.Item{Lead: scheduler.Lead{ID: 1, Name: "Ann"}, Reminder: scheduler.Reminder{ID: 1, StepID: 1}}
	for i, kind := range []scheduler.Kind{scheduler.Nudge, scheduler.Followup, scheduler.Digest, scheduler.Stale} {
		got := c.Send(t.Context(), scheduler.Message{Kind: kind, TelegramID: 7, Items: []scheduler.Item{item}, Now: time.Now()})
		require.Equal(t, scheduler.Delivered, got.Outcome)
		sent := srv.Calls("sendMessage")[i].Params
		require.NotContains(t, sent, "allow_paid_broadcast")
		require.Equal(t, fmt.Sprint(kind == scheduler.Digest || kind == scheduler.Stale), sent["disable_notification"], "kind %v", kind)
	}
}

// A group has a limit of its own, and needs no more than to be told once.
func TestAGroupIsToldOnceInAWhile(t *testing.T) {
	t.Parallel()
	d, srv, ann := newDialogue(t)
	group := srv.Group(5, "Sales")
	command := func(id int64) string {
		return said(t, d, srv, fmt.Sprintf(`{"update_id":1,"message":{"message_id":1,"from":{"id":%d,"first_name":"X"},"chat":{"id":%d,"type":"group"},"text":"/leads"}}`, id, group.ID))
	}
	require.Contains(t, command(7), "talk in a chat of our own")
	for id := range int64(30) {
		require.Empty(t, command(id+1))
	}
	require.Len(t, ann.In(group).Messages(), 1)

	// What others wrote to each other while the bot was away is more than it keeps.
	for _, chat := range []int64{group.ID, ann.ID()} {
		d.flooded(t.Context(), update(1, chat))
	}
	require.Len(t, ann.In(group).Messages(), 1)
	last, _ := ann.Last()
	require.Contains(t, last.Text, "more at once than I can keep")
}

func TestAPageIsNoSuccess(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"<html><h1>502 Bad Gateway</h1></html>", "", "{}", "null", `{"result":true}`, `"ok"`} {
		for _, status := range []int{http.StatusOK, http.StatusBadGateway} {
			api := apiThatAnswers(t, status, nil, body)
			require.Error(t, api.answer(t.Context(), "1", ""), "%d %q", status, body)
			require.Error(t, api.edit(t.Context(), 7, 1, chatMessage{text: plain("x")}), "%d %q", status, body)
			require.Error(t, api.deleteWebhook(t.Context()), "%d %q", status, body)
		}
	}
}

func TestAnswersThatSayNothingAreNobodys(t *testing.T) {
	t.Parallel()
	for body, call := range map[string]func(*telegram) error{
		`{"ok":false}`:             func(api *telegram) error { return api.typing(t.Context(), 7) },
		`{"ok":true,"result":{}}`:  func(api *telegram) error { _, err := api.me(t.Context()); return err },
		`{"ok":true,"result":"x"}`: func(api *telegram) error { _, err := api.updates(t.Context(), 0, 0); return err },
	} {
		var foreign *proxyError
		require.ErrorAs(t, call(apiThatAnswers(t, http.StatusOK, nil, body)), &foreign, body)
		require.False(t, foreign.refused(), "it may have been carried out")
	}
}

// closing is a request's body that knows whether it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestABodyThatIsNotSentIsClosed(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	const good = "http://telegram.invalid/bot" + placeholder + "/getMe"
	nowhere := unnamed("", func() bool { return false })
	for name, tc := range map[string]struct {
		address string
		journey *journey
	}{
		"a call that is over":    {good, &journey{ctx: gone, next: nowhere}},
		"no place for the token": {"http://telegram.invalid/getMe", &journey{ctx: t.Context(), next: nowhere}},
		"a form in its place":    {good, &journey{ctx: t.Context(), next: nowhere, form: &form{}}},
		"a server out of reach":  {good, &journey{ctx: t.Context(), next: nowhere}},
	} {
		body := &closing{Reader: strings.NewReader("{}")}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tc.address, body)
		require.NoError(t, err)
		_, err = tc.journey.RoundTrip(req)
		require.Error(t, err, name)
		require.True(t, body.closed, name)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then it is noticed that nobody waits
		close(arrived)
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := newTestCourier(silent.URL).api.me(ctx)
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "S3CRET")
}

func TestAStopBeforeTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f := newFakeUpdates(update(1, 7))
		p := &poller{fetch: f.fetch, handlers: handledBy(ignored), held: always, log: silence()}
		require.NoError(t, p.run(ctx))
		require.Zero(t, f.fetched())
	})
}

func TestStoppingWithManyWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var many []tele.Update
		for id := range 10 * updatesAtOnce {
			many = append(many, update(id+1, int64(id%3)))
		}
		f := newFakeUpdates(many...)
		_, stop := running(t, f, func(ctx context.Context, _ tele.Update) { _ = pause(ctx, time.Second) })
		time.Sleep(10 * time.Second)
		began := time.Now()
		stop()
		require.Less(t, time.Since(began), stopTime)
	})
}

// What a stop cuts off is handled again, so that there is nothing to apologise for.
func TestAStopApologisesToNobody(t *testing.T) {
	t.Parallel()
	d, srv, _ := newDialogue(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	update, ok := readUpdate([]byte(`{"update_id":1,"message":{"message_id":1,"from":{"id":7,"first_name":"Ann"},"chat":{"id":7,"type":"private"},"text":"/leads"}}`))
	require.True(t, ok)
	d.update(ctx, update)
	require.Empty(t, srv.Calls("sendMessage"))
}

func TestAStopDoesNotWaitForAnApology(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	d := &dialogue{
		courier: newTestCourier(silent.URL), clock: scheduler.SystemClock(), log: silence(),
		username: func() string { return "" }, handled: func(string, time.Duration) {},
		commands: []command{{name: "help", run: func(context.Context, *turn, string) error { return errors.New("no database") }}},
	}
	began := time.Now()
	d.update(ctx, tele.Update{Message: &tele.Message{Text: "/help", Sender: &tele.User{ID: 7}, Chat: &tele.Chat{ID: 7, Type: tele.ChatPrivate}}})
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestAPanicWithAnything(t *testing.T) {
	t.Parallel()
	for _, cause := range []any{42, errors.New("42"), "42", struct{ n int }{42}} {
		var log strings.Builder
		d := &dialogue{
			courier: newTestCourier("http://telegram.invalid"), clock: scheduler.SystemClock(), log: textLog(&log),
			username: func() string { return "" }, handled: func(string, time.Duration) {},
			commands: []command{{name: "help", run: func(context.Context, *turn, string) error { panic(cause) }}},
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // there is nobody to tell
		d.update(ctx, tele.Update{Message: &tele.Message{Text: "/help", Sender: &tele.User{ID: 7}, Chat: &tele.Chat{ID: 7, Type: tele.ChatPrivate}}})
		require.Contains(t, log.String(), "42")
	}
}

// unnamed is a transport for which one name has an address, as long as the name
// server answers.
func unnamed(server string, answers func() bool) *http.Transport {
	transport := newTransport()
	silent := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("the name server does not answer")
	}}
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if answers() {
			addr = server
		}
		return (&net.Dialer{Resolver: silent}).DialContext(ctx, network, addr)
	}
	return transport
}

// What one chat is told is kept for it, and what two are told for everybody.
func TestAPauseForEveryoneIsKept(t *testing.T) {
	t.Parallel()
	srv := telegramtest.Start(t, telegramtest.WithToken(testToken))
	for id := range int64(4) {
		srv.User(telegramtest.Person{ID: id + 7, FirstName: "Jane"}).Send("/start")
	}
	srv.Fault(telegramtest.Fault{Method: "sendMessage", RetryAfter: time.Minute, Times: 2})
	c := newTestCourier(srv.URL)
	first := c.Send(t.Context(), nudgeFor(7, "Ann"))
	require.Equal(t, scheduler.NotDelivered, first.Outcome)
	require.False(t, first.Everyone)
	require.Equal(t, scheduler.NotDelivered, c.Send(t.Context(), nudgeFor(7, "Ann")).Outcome)
	require.Len(t, srv.Calls("sendMessage"), 1, "the chat is left alone")
	require.True(t, c.Send(t.Context(), nudgeFor(8, "Ann")).Everyone)
	third := c.Send(t.Context(), nudgeFor(9, "Ann"))
	require.Equal(t, scheduler.NotDelivered, third.Outcome)
	require.True(t, third.Everyone)
	require.Greater(t, third.RetryAfter, 50*time.Second)
	require.Len(t, srv.Calls("sendMessage"), 2, "everybody is")
}
