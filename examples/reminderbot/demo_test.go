package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

func TestOnlyThePageItselfMayWrite(t *testing.T) {
	t.Parallel()
	s, d, page := startDemo(t)
	_ = s
	own := page.URL
	for name, tt := range map[string]struct {
		header map[string]string
		want   int
	}{
		"the page":                   {map[string]string{"Origin": own, "Sec-Fetch-Site": "same-origin"}, http.StatusOK},
		"an old browser":             {map[string]string{"Origin": own}, http.StatusOK},
		"a program":                  {nil, http.StatusOK},
		"another site":               {map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"another port":               {map[string]string{"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"another site, old browser":  {map[string]string{"Origin": "https://evil.example"}, http.StatusForbidden},
		"a sandboxed frame":          {map[string]string{"Origin": "null"}, http.StatusForbidden},
		"a name that was rebound":    {map[string]string{"Host": "evil.example", "Origin": "http://evil.example"}, http.StatusForbidden},
		"a form":                     {map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, http.StatusUnsupportedMediaType},
		"a form that says it is not": {map[string]string{"Content-Type": "text/plain"}, http.StatusUnsupportedMediaType},
	} {
		before := len(written(d))
		status, _ := ask(t, page, "/demo/send", `{"text":"hello"}`, tt.header)
		require.Equal(t, tt.want, status, name)
		after := len(written(d))
		require.Equal(t, tt.want == http.StatusOK, after > before, name)
	}
}

// written is what the person has written.
func written(d *demo) []string {
	var texts []string
	for _, m := range d.person.Messages() {
		if !m.FromBot() {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

func TestHostNames(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "localhost:8080": true, "LOCALHOST:80": true, "demo.localhost:8080": true, "127.0.0.1:8080": true,
		"[::1]:8080": true, "192.168.1.5": true, "": false, "evil.example": false, "localhost.evil.example:80": false, "127.0.0.1.evil.example": false,
	} {
		require.Equal(t, want, localName(host), host)
	}
}

func TestReadingThroughAReboundNameIsRefusedToo(t *testing.T) {
	t.Parallel()
	_, d, _ := startDemo(t)
	for _, path := range []string{"/", "/demo/state", "/demo/events", "/demo/page.js"} {
		r := httptest.NewRequest(http.MethodGet, "http://evil.example"+path, nil)
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		require.Equal(t, http.StatusForbidden, w.Code, path)
	}
}

func TestThePageAndItsAssetsNeedNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	_, d, _ := startDemo(t)
	for path, kind := range map[string]string{
		"/": "text/html", "/demo/page.css": "text/css", "/demo/page.js": "text/javascript", "/demo/icon.svg": "image/svg+xml", "/demo/wall.svg": "image/svg+xml",
	} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil)
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Header().Get("Content-Type"), kind, path)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'self'")
		body := strings.ReplaceAll(w.Body.String(), "http://www.w3.org/2000/svg", "")
		require.NotContains(t, body, "//cdn", path)
		require.NotRegexp(t, `(src|href)="https?://`, body, path)
	}
	r := httptest.NewRequest(http.MethodGet, "http://localhost/nowhere", nil)
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusNotFound, w.Code)
}

func TestAPressWaitsForTheBotsAnswer(t *testing.T) {
	t.Parallel()
	_, d, page := startDemo(t)
	status, _ := ask(t, page, "/demo/send", `{"text":"/newlead Jane"}`, nil)
	require.Equal(t, http.StatusOK, status)
	plan, err := d.person.Wait(t.Context(), telegramtest.Contains("Plan for"))
	require.NoError(t, err)
	press := func(row, column int, label string) (int, string) {
		body := string(mustJSON(pressRequest{Message: plan.ID, Row: row, Column: column, Label: label}))
		return ask(t, page, "/demo/press", body, nil)
	}

	status, body := press(1, 0, "✏️ Change")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"text":"Send the plan you want instead.","show_alert":true}`, body)

	for _, stale := range []struct {
		row, column int
		label       string
	}{{0, 0, "Something else"}, {5, 0, "x"}, {0, 5, "x"}, {-1, 0, "x"}} {
		status, body = press(stale.row, stale.column, stale.label)
		require.Equal(t, http.StatusConflict, status)
		require.Contains(t, body, "no longer there")
	}
}

func TestLongTextsAreSplitAsTelegramsAppsDo(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"short":   "hello",
		"words":   strings.Repeat("word ", 2000),
		"lines":   strings.Repeat(strings.Repeat("x", 99)+"\n", 100),
		"no gaps": strings.Repeat("é", 10_000),
		"emoji":   strings.Repeat("😀", 5_000),
	} {
		text = strings.TrimSpace(text)
		parts := split(text, maxMessage)
		squeeze := strings.NewReplacer(" ", "", "\n", "")
		require.Equal(t, squeeze.Replace(text), squeeze.Replace(strings.Join(parts, "")), name)
		for _, part := range parts {
			require.LessOrEqual(t, len(utf16.Encode([]rune(part))), maxMessage, name)
			require.NotEmpty(t, part, name)
		}
	}
	require.Equal(t, []string{"hello"}, split("hello", 5))
	require.Equal(t, []string{"one", "two"}, split("one two", 5))
	require.Equal(t, []string{"a b", "c d"}, split("a b\nc d", 6), "a line end is better than a space")
}

func TestEmptyMessagesAndBadJourneysAreRefused(t *testing.T) {
	t.Parallel()
	_, d, page := startDemo(t)
	for path, bodies := range map[string][]string{
		"/demo/send":    {`{"text":"  \n"}`, `{}`, `{`, `[]`},
		"/demo/advance": {`{"by":"-1h"}`, `{"by":"0s"}`, `{"by":"soon"}`, `{"by":"9000h"}`, `{}`},
	} {
		for _, body := range bodies {
			status, answer := ask(t, page, path, body, nil)
			require.Equal(t, http.StatusBadRequest, status, body)
			require.Contains(t, answer, "error", body)
		}
	}
	require.Empty(t, written(d))
}

func TestOneJourneyAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		telegram, err := telegramtest.New()
		require.NoError(t, err)
		defer telegram.Close()
		d := newDemo(telegram, fixedClock{}, noAgenda, func(ctx context.Context, by time.Duration) error {
			select {
			case <-time.After(by):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		first := make(chan error, 1)
		go func() { first <- d.advance(time.Hour) }()
		synctest.Wait()
		require.Equal(t, &journey{From: fixedClock{}.Now(), To: fixedClock{}.Now().Add(time.Hour)}, d.state(t.Context()).Journey)
		require.ErrorIs(t, d.advance(time.Hour), errTravelling)
		require.NoError(t, <-first)
		require.Nil(t, d.state(t.Context()).Journey)

		go func() { first <- d.advance(time.Hour) }()
		synctest.Wait()
		d.Close()
		require.ErrorIs(t, <-first, context.Canceled, "closing stops the clock on its way")
	})
}

type fixedClock struct{}

func (fixedClock) Now() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

func noAgenda(context.Context) ([]agendaItem, error) { return nil, nil }

func TestAnAgendaThatCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	telegram, err := telegramtest.New()
	require.NoError(t, err)
	defer telegram.Close()
	d := newDemo(telegram, fixedClock{}, func(context.Context) ([]agendaItem, error) { return nil, errors.New("secret detail") }, nil)
	require.Equal(t, "The reminders cannot be read at the moment.", d.state(t.Context()).Trouble)
}

// stream reads a page's events until the test ends.
func stream(t *testing.T, page *httptest.Server) <-chan event {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, page.URL+"/demo/events", nil)
	require.NoError(t, err)
	resp, err := page.Client().Do(r)
	require.NoError(t, err)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	events := make(chan event, 100)
	go func() {
		defer resp.Body.Close()
		defer close(events)
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var e event
			if json.Unmarshal([]byte(data), &e) == nil {
				events <- e
			}
		}
	}()
	return events
}

func TestAStreamSendsTheWholeStateThenChanges(t *testing.T) {
	t.Parallel()
	s, d, page := startDemo(t)
	d.person.Send("/start")
	_, err := d.person.Wait(t.Context(), telegramtest.Contains("Welcome"))
	require.NoError(t, err)

	events := stream(t, page)
	first := <-events
	require.True(t, first.Whole)
	require.Len(t, first.Messages, 2)
	require.Contains(t, first.Messages[1].HTML, "<b>Welcome!</b>")
	require.Equal(t, "newlead", first.Commands[0].Command)

	m := s.say("<i>News</i>")
	next := <-events
	require.False(t, next.Whole)
	require.Len(t, next.Messages, 1, "only what changed")
	require.Equal(t, m, next.Messages[0].ID)

	s.call("deleteMessage", map[string]any{"chat_id": demoPerson.ID, "message_id": m})
	require.Equal(t, []int{m}, (<-events).Removed)

	// The clock alone is news, too: nothing fell due on the way.
	require.NoError(t, d.advance(time.Hour))
	require.Eventually(t, func() bool { e := <-events; return e.Journey == nil && e.Now.Sub(first.Now) > time.Hour }, patience, time.Millisecond)

	again := <-stream(t, page)
	require.True(t, again.Whole, "a page that reconnects starts anew")
	require.Len(t, again.Messages, 2)

	d.Close()
	for range events { // ends, or the test would not
	}
}

func TestDocumentsAreDownloadsNeverPages(t *testing.T) {
	t.Parallel()
	_, d, page := startDemo(t)
	d.person.Send("/start")
	r := httptest.NewRequest(http.MethodPost, "/bot"+d.telegram.Token()+"/sendDocument", strings.NewReader(strings.Join([]string{
		"--x", `Content-Disposition: form-data; name="chat_id"`, "", "1000001",
		"--x", `Content-Disposition: form-data; name="document"; filename="plän.html"`, "", "<script>alert(1)</script>", "--x--", "",
	}, "\r\n")))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	w := httptest.NewRecorder()
	d.telegram.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code, w.Body)

	var document *pageDocument
	for _, m := range d.state(t.Context()).Messages {
		if m.Document != nil {
			document = m.Document
		}
	}
	require.Equal(t, "plän.html", document.Name)
	resp, err := page.Client().Get(page.URL + "/demo/file/" + document.ID)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "<script>alert(1)</script>", string(body))
	require.Equal(t, "application/octet-stream", resp.Header.Get("Content-Type"))
	require.Contains(t, resp.Header.Get("Content-Disposition"), "attachment")
}
