package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	tele "gopkg.in/telebot.v3"
)

// placeholder stands for the token everywhere above the transport. Errors of
// net/http quote addresses, and an address of the Bot API holds the token.
const placeholder = "token"

// telegram calls the Bot API. It is safe for concurrent use.
//
// It takes telebot's types and its way to make a call, and no more: telebot
// has no contexts, puts the token into errors, takes a proxy's HTML page for
// success, and cannot tell a refused call from one that may have gone through.
// A telebot Bot that is never started is a few words of memory, so each call
// has one of its own, with a transport that knows the call's context, and
// writes down how far the call came.
type telegram struct {
	base      string
	token     Secret
	transport http.RoundTripper
	// observe is told the outcome of each call.
	observe func(method, outcome string)
	clock   remoteClock
}

// apiError is the Bot API's own refusal: the call certainly had no effect.
type apiError struct {
	Method      string
	Code        int
	Description string
	RetryAfter  time.Duration // of a 429; zero where none was given
}

func (e *apiError) Error() string {
	return fmt.Sprintf("telegram: %s: %d %s", e.Method, e.Code, e.Description)
}

// uneditable reports whether a message is refused to be changed whatever it
// should say: it was deleted, or is too old.
func (e *apiError) uneditable() bool {
	for _, reason := range []string{"message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID"} {
		if e.Code == http.StatusBadRequest && strings.Contains(e.Description, reason) {
			return true
		}
	}
	return false
}

// callError is a call that got no answer of the Bot API's.
type callError struct {
	Method string
	// Unsent says that the request certainly did not reach the Bot API.
	Unsent bool
	Err    error
}

func (e *callError) Error() string { return fmt.Sprintf("telegram: %s: %v", e.Method, e.Err) }
func (e *callError) Unwrap() error { return e.Err }

// proxyError is an answer by something in front of the Bot API.
type proxyError struct {
	Status     int
	RetryAfter time.Duration
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("answered by something that is not the Bot API: HTTP %d %s", e.Status, http.StatusText(e.Status))
}

// refused reports whether the request was certainly not passed on. That holds
// for a proxy that finds fault with the request or has too many of them; a 502
// may also mean that the Bot API did the work and its answer was lost.
func (e *proxyError) refused() bool {
	return e.Status >= 300 && e.Status < 500 && e.Status != http.StatusRequestTimeout
}

// call calls a method, and decodes the answer's result into result unless that
// is nil. Errors are an *apiError or a *callError.
func (t *telegram) call(ctx context.Context, limit time.Duration, method string, params, result any) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := t.try(ctx, method, params, result)
	t.observe(method, outcomeLabel(err))
	return err
}

func (t *telegram) try(ctx context.Context, method string, params, result any) error {
	journey := &journey{ctx: ctx, token: t.token, next: t.transport, clock: &t.clock}
	if form, ok := params.(form); ok {
		// Telebot's way to make any call knows JSON only.
		journey.form, params = &form, nil
	}
	once, err := tele.NewBot(tele.Settings{
		URL: t.base, Token: placeholder, Offline: true, Updates: 1,
		Client: &http.Client{Transport: journey, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect would carry the token to another host
		}},
	})
	if err != nil {
		return &callError{Method: method, Unsent: true, Err: err}
	}
	data, err := once.Raw(method, params)
	var answer struct {
		OK          *bool           `json:"ok"`
		Result      json.RawMessage `json:"result"`
		Code        int             `json:"error_code"`
		Description string          `json:"description"`
		Parameters  struct {
			RetryAfter int `json:"retry_after"`
		} `json:"parameters"`
	}
	if data == nil {
		return &callError{Method: method, Unsent: !journey.left.Load(), Err: cause(ctx, err)}
	}
	foreign := &proxyError{Status: journey.status, RetryAfter: journey.retryAfter}
	if json.Unmarshal(data, &answer) != nil || answer.OK == nil || !*answer.OK && answer.Code == 0 {
		return &callError{Method: method, Unsent: foreign.refused(), Err: foreign}
	}
	if !*answer.OK {
		return &apiError{Method: method, Code: answer.Code, Description: answer.Description,
			RetryAfter: max(retryAfter(answer.Parameters.RetryAfter), journey.retryAfter)}
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer.Result, result); err != nil {
		return &callError{Method: method, Err: fmt.Errorf("%w, and this as the result: %w", foreign, err)}
	}
	return nil
}

// cause is what is worth telling of a failed call: the reason under net/http's
// wrapping, without the address.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// journey is the transport of one call.
type journey struct {
	ctx   context.Context
	token Secret
	next  http.RoundTripper
	clock *remoteClock
	form  *form // to be sent in place of the body, if there is one

	left       atomic.Bool // something of the request may have left this machine
	status     int
	retryAfter time.Duration
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 16 << 20

// RoundTrip implements http.RoundTripper.
func (j *journey) RoundTrip(outer *http.Request) (*http.Response, error) {
	req, err := j.request(outer)
	if outer.Body != nil && (err != nil || j.form != nil) {
		_ = outer.Body.Close() // nobody else will
	}
	if err != nil {
		return nil, err
	}
	resp, err := j.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	j.status = resp.StatusCode
	j.clock.read(resp.Header.Get("Date"), time.Now())
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		j.retryAfter = retryAfter(seconds)
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxAnswer)
	return resp, nil
}

// request is what goes out: it has the token. An address that does not have the
// placeholder may have the token already, for every error above to tell, and goes
// nowhere.
func (j *journey) request(outer *http.Request) (*http.Request, error) {
	if err := j.ctx.Err(); err != nil {
		return nil, err
	}
	before, after, found := strings.Cut(outer.URL.Path, "/bot"+placeholder+"/")
	if !found {
		return nil, errors.New("no place for the token in the address")
	}
	req := outer.Clone(httptrace.WithClientTrace(j.ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { j.left.Store(true) },
	}))
	req.URL.Path = before + "/bot" + j.token.Reveal() + "/" + after
	if j.form != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(j.form.body)), int64(len(j.form.body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(j.form.body)), nil }
		req.Header.Set("Content-Type", j.form.mime)
	}
	return req, nil
}

// longestPause bounds what Telegram, or what stands before it, may ask for. Who
// is not ready by then says so again.
const longestPause = time.Hour

// retryAfter is the pause that a number of seconds asks for.
func retryAfter(seconds int) time.Duration {
	return time.Duration(min(max(seconds, 0), int(longestPause/time.Second))) * time.Second
}

// outcomeLabel names an outcome for metrics, in a handful of words.
func outcomeLabel(err error) string {
	var refused *apiError
	var failed *callError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refused):
		return strconv.Itoa(refused.Code)
	case errors.As(err, &failed) && failed.Unsent:
		return "unsent"
	default:
		return "unknown"
	}
}

// The time limits of calls. A getUpdates may wait as long as it asked to, and
// then some: Telegram holds back the news of a second poller for three seconds.
const (
	callLimit  = 20 * time.Second
	pollMargin = 4 * time.Second
)

// chatMessage is a message as the dialogue composes it.
type chatMessage struct {
	text   richText
	keys   keyboard
	locate string // instead of keys, the label of a button that shares the place
	// located takes such a button away.
	located bool
	silent  bool // no sound
	// answers is a message of the person's that this one quotes; zero: none.
	answers int64
}

// me asks who the bot is.
func (t *telegram) me(ctx context.Context) (tele.User, error) {
	var me tele.User
	err := t.call(ctx, callLimit, "getMe", map[string]any{}, &me)
	if err == nil && me.Username == "" { // every bot has one
		err = &callError{Method: "getMe", Err: &proxyError{Status: http.StatusOK}}
	}
	return me, err
}

// updatesAtOnce is the most updates that Telegram gives at a time.
const updatesAtOnce = 100

// updateKinds are the updates the bot has a use for.
func updateKinds() []string { return []string{"message", "callback_query", "my_chat_member"} }

// updates waits for updates from offset on, up to wait.
func (t *telegram) updates(ctx context.Context, offset int, wait time.Duration) ([]tele.Update, error) {
	var raw []json.RawMessage
	err := t.call(ctx, wait+pollMargin, "getUpdates", map[string]any{
		"offset": offset, "timeout": int(wait.Seconds()), "limit": updatesAtOnce, "allowed_updates": updateKinds(),
	}, &raw)
	if err != nil {
		return nil, err
	}
	updates := make([]tele.Update, 0, len(raw))
	for _, one := range raw {
		if update, ok := readUpdate(one); ok {
			updates = append(updates, update)
		}
	}
	return updates, nil
}

// readUpdate decodes an update. One that cannot be read must not hold up the
// others for ever: with its id it is passed over like one of no interest.
func readUpdate(data []byte) (tele.Update, bool) {
	var update tele.Update
	if json.Unmarshal(data, &update) == nil {
		return update, true
	}
	var id struct {
		ID int `json:"update_id"`
	}
	err := json.Unmarshal(data, &id)
	return tele.Update{ID: id.ID}, err == nil
}

// send sends a message once and returns its id.
func (t *telegram) send(ctx context.Context, chat int64, m chatMessage) (int64, error) {
	markup, err := m.keys.markup()
	if err != nil {
		return 0, &callError{Method: "sendMessage", Unsent: true, Err: err}
	}
	params := map[string]any{"chat_id": chat, "disable_notification": m.silent, "link_preview_options": map[string]any{"is_disabled": true}}
	if m.answers != 0 {
		params["reply_parameters"] = map[string]any{"message_id": m.answers, "allow_sending_without_reply": true}
	}
	switch {
	case len(m.keys) > 0:
		params["reply_markup"] = markup
	case m.locate != "":
		params["reply_markup"] = map[string]any{
			"keyboard":        [][]map[string]any{{{"text": m.locate, "request_location": true}}},
			"resize_keyboard": true, "one_time_keyboard": true,
		}
	case m.located:
		params["reply_markup"] = map[string]any{"remove_keyboard": true}
	}
	var sent struct {
		ID int64 `json:"message_id"`
	}
	err = t.formatted(ctx, "sendMessage", params, m, &sent)
	return sent.ID, err
}

// document is a file as the bot sends it.
type document struct {
	name, mime string
	data       []byte
}

// sendDocument sends a file with a line of text under it, once.
func (t *telegram) sendDocument(ctx context.Context, chat int64, file document, caption string) error {
	form, err := newForm(map[string]string{"chat_id": strconv.FormatInt(chat, 10), "caption": cut(caption, maxCaption)}, "document", file)
	if err != nil {
		return &callError{Method: "sendDocument", Unsent: true, Err: err}
	}
	return t.call(ctx, callLimit, "sendDocument", form, nil)
}

// form is a multipart form, which is how files go to the Bot API.
type form struct {
	mime string
	body []byte
}

func newForm(values map[string]string, name string, file document) (form, error) {
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for key, value := range values {
		if err := parts.WriteField(key, value); err != nil {
			return form{}, err
		}
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition(name, file.name))
	header.Set("Content-Type", file.mime)
	part, err := parts.CreatePart(header)
	if err != nil {
		return form{}, err
	}
	if _, err := part.Write(file.data); err != nil {
		return form{}, err
	}
	if err := parts.Close(); err != nil {
		return form{}, err
	}
	return form{parts.FormDataContentType(), body.Bytes()}, nil
}

// edit replaces a message. A message that reads that way already is fine.
func (t *telegram) edit(ctx context.Context, chat, message int64, m chatMessage) error {
	markup, err := m.keys.markup()
	if err != nil {
		return &callError{Method: "editMessageText", Unsent: true, Err: err}
	}
	err = t.formatted(ctx, "editMessageText", map[string]any{
		"chat_id": chat, "message_id": message, "reply_markup": markup, "link_preview_options": map[string]any{"is_disabled": true},
	}, m, nil)
	if refused := (*apiError)(nil); errors.As(err, &refused) && strings.Contains(refused.Description, "message is not modified") {
		return nil
	}
	return err
}

// formatted calls a method with a text in HTML and buttons under it. Where
// Telegram cannot read the markup it gets the text without any, and where it
// finds fault with a button, those that do no more than open a page or copy a
// text are left out: a refused message was certainly not sent, and would be
// refused again.
func (t *telegram) formatted(ctx context.Context, method string, params map[string]any, m chatMessage, result any) error {
	text := m.text.sendable()
	params["text"], params["parse_mode"] = text.html(), "HTML"
	pressable, fewer := m.keys.pressable()
	for plainly := false; ; {
		err := t.call(ctx, callLimit, method, params, result)
		var refused *apiError
		if !errors.As(err, &refused) || refused.Code != http.StatusBadRequest {
			return err
		}
		complaint := strings.ToLower(refused.Description)
		switch {
		case !plainly && strings.Contains(complaint, "entit"):
			plainly = true
			params["text"] = text.plain()
			delete(params, "parse_mode")
		case fewer && (strings.Contains(complaint, "button") || strings.Contains(complaint, "url")):
			markup, markupErr := pressable.markup()
			if markupErr != nil {
				return err
			}
			params["reply_markup"], fewer = markup, false
		default:
			return err
		}
	}
}

// answer stops the waiting sign on a pressed button and may show a short text.
// Where the press is too old for it Telegram refuses, and nobody sees the text.
func (t *telegram) answer(ctx context.Context, callback, text string) error {
	params := map[string]any{"callback_query_id": callback}
	if text != "" {
		params["text"] = cut(text, 200)
	}
	return t.call(ctx, callLimit, "answerCallbackQuery", params, nil)
}

// typing shows for some seconds that the bot is at work.
func (t *telegram) typing(ctx context.Context, chat int64) error {
	return t.call(ctx, callLimit, "sendChatAction", map[string]any{"chat_id": chat, "action": "typing"}, nil)
}

// webhookInfo is what Telegram says of a bot's webhook.
type webhookInfo struct {
	URL           string `json:"url"` // empty: updates are polled
	Pending       int    `json:"pending_update_count"`
	LastErrorDate int64  `json:"last_error_date"` // Unix seconds
	LastError     string `json:"last_error_message"`
}

// undelivered is why updates wait, if something went wrong with their delivery
// lately: of the last failure Telegram tells however long ago it was.
func (i webhookInfo) undelivered(lately time.Duration) error {
	if i.LastError == "" || i.Pending == 0 || time.Since(time.Unix(i.LastErrorDate, 0)) >= lately {
		return nil
	}
	return fmt.Errorf("Telegram cannot deliver to WEBHOOK_URL: %s", cut(oneLine(i.LastError), 200))
}

func (t *telegram) webhook(ctx context.Context) (webhookInfo, error) {
	var info webhookInfo
	err := t.call(ctx, callLimit, "getWebhookInfo", map[string]any{}, &info)
	return info, err
}

// setWebhook has updates posted to an address, with secret in a header.
func (t *telegram) setWebhook(ctx context.Context, address string, secret Secret) error {
	return t.call(ctx, callLimit, "setWebhook", map[string]any{
		"url": address, "secret_token": secret.Reveal(), "max_connections": atOnce, "allowed_updates": updateKinds(),
	}, nil)
}

// deleteWebhook has updates kept for whoever polls; those that wait stay.
func (t *telegram) deleteWebhook(ctx context.Context) error {
	return t.call(ctx, callLimit, "deleteWebhook", map[string]any{"drop_pending_updates": false}, nil)
}

// menu sets the commands that Telegram offers behind the slash.
func (t *telegram) menu(ctx context.Context, commands []tele.Command) error {
	return t.call(ctx, callLimit, "setMyCommands", map[string]any{"commands": commands}, nil)
}
