package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	tele "gopkg.in/telebot.v3"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/scheduler"
)

// handlerTime bounds the handling of one update. Writing a plan by a model is
// the longest of it.
const handlerTime = 2 * time.Minute

// dialogue answers people. It is safe for concurrent use. What must not be
// forgotten is in the store; what it remembers itself may be.
type dialogue struct {
	store   *scheduler.Store
	sched   *scheduler.Scheduler
	courier *courier
	model   *model // writes plans; nil: the playbook does
	clock   scheduler.Clock
	zone    *time.Location // of people who have not set theirs
	atlas   atlas
	allowed UserIDs
	log     *slog.Logger
	// username is the bot's own; empty until Telegram told it.
	username func() string
	// handled is told of each update, for metrics.
	handled func(kind string, took time.Duration)

	commands  []command
	actions   map[string]action
	fragments fragments
	unplaced  unplaced
	marks     marks
	toasts    toasts
	boards    boards
	recent    recent
}

// turn is one message or press, and the means to answer it.
type turn struct {
	*dialogue
	from    *tele.User
	chat    int64
	message int64     // the person's, or the one whose button was pressed
	sent    time.Time // when the person's message was written, to the second; zero for a press

	settings *scheduler.User // once asked for
	toast    *toast          // of a press; nil for a message
	quoted   *tele.Message   // what the message with the pressed button answered, if anything
}

func (d *dialogue) handlers() handlers { return handlers{d.received, d.update, d.flooded} }

// received is told of an update before its turn comes. A press is answered in
// time even if it has to wait: behind others in its chat, or for a backend that
// is busy with other chats.
func (d *dialogue) received(ctx context.Context, u tele.Update) {
	if u.Callback != nil && u.Callback.Sender != nil {
		d.toasts.expect(ctx, d.courier.api, d.log, u.Callback.ID)
	}
}

// flooded is told of an update that is passed over, since too many of its chat
// wait for their turn. In a group, whose id is negative, nobody spoke to the bot.
func (d *dialogue) flooded(ctx context.Context, u tele.Update) {
	chat := chatOf(u)
	d.log.Debug("update passed over, too many of its chat are waiting", "telegram_id", chat)
	if !d.recent.first(fmt.Sprint("flood ", chat), d.clock.Now()) {
		return
	}
	d.log.Warn("updates passed over, too many of their chat are waiting", "telegram_id", chat, "most", mostWaiting)
	if chat < 0 {
		return
	}
	text := "⚠️ That is more at once than I can keep. I am still at your earlier messages, and did not take the last ones; please send them again when I have caught up."
	if _, err := d.courier.say(ctx, chat, chatMessage{text: plain(text)}); err != nil {
		d.log.Warn("answer not delivered", "telegram_id", chat, "error", err)
	}
}

// update handles one update. It does not fail: what goes wrong is told to the
// person and to the log.
func (d *dialogue) update(ctx context.Context, u tele.Update) {
	ctx, cancel := context.WithTimeout(ctx, handlerTime)
	defer cancel()
	began := time.Now()
	switch {
	case u.Callback != nil:
		d.pressed(ctx, u.Callback)
		d.handled("press", time.Since(began))
	case u.Message != nil && u.Message.Sender != nil && u.Message.Chat != nil:
		d.said(ctx, u.Message)
		d.handled("message", time.Since(began))
	case u.MyChatMember != nil:
		d.membership(ctx, u.MyChatMember)
		d.handled("membership", time.Since(began))
	default:
		d.handled("other", time.Since(began))
	}
}

// said handles a message.
func (d *dialogue) said(ctx context.Context, m *tele.Message) {
	t := &turn{dialogue: d, from: m.Sender, chat: m.Chat.ID, message: int64(m.ID), sent: m.Time()}
	t.run(ctx, func() error {
		if m.Sender.IsBot {
			return nil
		}
		text := textOf(m)
		name, args, isCommand := d.parseCommand(text)
		// A private chat has the id of its person, should its type be missing.
		if m.Chat.Type != tele.ChatPrivate && (m.Chat.Type != "" || m.Chat.ID != m.Sender.ID) {
			// People talk to each other there, or to many bots of theirs; and
			// Telegram bears no more than twenty messages a minute.
			if !isCommand || !d.recent.first(fmt.Sprint("group ", m.Chat.ID), d.clock.Now()) {
				return nil
			}
			return t.say(ctx, plain("I keep leads and reminders private, so let's talk in a chat of our own: open "+d.self()+" and send /start."))
		}
		if !d.allowed.Allow(m.Sender.ID) {
			return t.say(ctx, join(plain("This bot is private. If it should be yours too, ask its owner to add your id to ALLOWED_USERS: "), code(strconv.FormatInt(m.Sender.ID, 10))))
		}
		// Each picture of an album comes as a message, and one of them has the text.
		seen := m.AlbumID != "" && !d.recent.first("album "+m.AlbumID, d.clock.Now())
		switch {
		case isCommand:
			return t.command(ctx, name, args)
		case m.Location != nil:
			return located(ctx, t, point{float64(m.Location.Lat), float64(m.Location.Lng)})
		case m.Contact != nil:
			return newLead(ctx, t, contactText(m.Contact))
		case text != "":
			return t.text(ctx, text)
		case isService(m), seen:
			return nil
		}
		return t.say(ctx, plain("I read text only, no pictures, voices or files. A plan can be pasted as text; /help says what else I can do."))
	})
}

// isService reports whether a message is Telegram's own note about the chat.
func isService(m *tele.Message) bool {
	return m.IsService() || m.PinnedMessage != nil || m.AutoDeleteTimer != nil
}

// self is how people find the bot.
func (d *dialogue) self() string {
	if name := d.username(); name != "" {
		return "@" + name
	}
	return "me"
}

// membership handles a person blocking or unblocking the bot. Blocking needs
// no answer: the next reminder meets a refusal and parks the others.
func (d *dialogue) membership(ctx context.Context, change *tele.ChatMemberUpdate) {
	if change.Chat == nil || change.Chat.Type != tele.ChatPrivate || change.NewChatMember == nil || change.NewChatMember.Role != tele.Member {
		return
	}
	if _, err := d.store.Unblock(ctx, change.Chat.ID); err != nil {
		d.log.Warn("reminders of a returning user not un-parked; their /start will do it", "telegram_id", change.Chat.ID, "error", err)
	}
}

// run calls a handler and tells the person when it fails, or panics.
func (t *turn) run(ctx context.Context, handler func() error) {
	defer func() {
		if cause := recover(); cause != nil {
			t.log.Error("handler panicked", "panic", cause, "telegram_id", t.from.ID, "stack", string(debug.Stack()))
			t.apologise(ctx, "Something went wrong on my side, and I have noted it for whoever runs me. Your data is as it was; please try again, or try another way.")
		}
	}()
	err := handler()
	if err == nil {
		return
	}
	log := t.log.With("telegram_id", t.from.ID, "error", err)
	var refused *apiError
	var failed *callError
	switch {
	case errors.As(err, &refused), errors.As(err, &failed):
		// Telegram does not take our answers: no use in sending another.
		log.Warn("answer not delivered")
	case errors.Is(err, context.Canceled):
		log.Warn("handler cut off; the process that comes next handles it again")
	case errors.Is(err, context.DeadlineExceeded):
		log.Warn("handler cut off")
		t.apologise(ctx, "That took longer than I can wait. Nothing was lost; please send it again in a moment.")
	case errors.Is(err, scheduler.ErrNotFound):
		log.Info("something asked for is gone")
		t.apologise(ctx, "I cannot find that any more. It was deleted, or it belongs to somebody else. /leads shows what is there.")
	case refusal(err) == http.StatusUnauthorized || refusal(err) == http.StatusForbidden:
		log.Error("the backend refuses the service's key")
		t.apologise(ctx, "My database does not let me in; whoever runs me has to see to that. Nothing was lost; please try this again later.")
	case refusal(err) == http.StatusBadRequest:
		// The backend is there, and finds fault with what was to be stored.
		log.Error("handler failed")
		t.apologise(ctx, "My database did not take that, so nothing was changed. I have noted it for whoever runs me; please try it in other words.")
	default:
		log.Error("handler failed")
		t.apologise(ctx, "I cannot reach my database right now. Nothing was lost, and reminders will come as soon as it is back; please try this again in a moment.")
	}
}

// refusal is the HTTP status with which the backend refused a request; zero
// for other errors.
func refusal(err error) int {
	var refused *insforge.Error
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// apologise says what went wrong, also when the handler's time is over, but not
// when it was cut off.
func (t *turn) apologise(ctx context.Context, text string) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})()
	if err := t.say(late, plain("⚠️ "+text)); err != nil {
		t.log.Warn("answer not delivered", "telegram_id", t.from.ID, "error", err)
	}
}

// teller is a way to tell a person something, with rows of buttons if there are
// any: to say it, or to show it in place of what was said.
type teller func(ctx context.Context, text richText, rows ...[]button) error

// say sends an answer.
func (t *turn) say(ctx context.Context, text richText, rows ...[]button) error {
	t.flash(ctx, "") // a press is answered before anything else
	m := chatMessage{text: text, keys: rows}
	if len(rows) == 0 && t.chat == t.from.ID { // a message has one kind of keyboard only, and is of one chat
		m.located = t.boards.take(t.from.ID)
	}
	_, err := t.courier.say(ctx, t.chat, m)
	return err
}

// show answers a press by changing the message it came from, and a message
// with another.
func (t *turn) show(ctx context.Context, text richText, rows ...[]button) error {
	if t.toast == nil {
		return t.say(ctx, text, rows...)
	}
	return t.replace(ctx, t.message, text, rows...)
}

// replace changes one of the bot's messages. Where it is there no more, or is
// too old to be changed, what it should say comes in a new one.
func (t *turn) replace(ctx context.Context, message int64, text richText, rows ...[]button) error {
	t.flash(ctx, "")
	err := t.courier.edit(ctx, t.chat, message, chatMessage{text: text, keys: rows})
	if refused := (*apiError)(nil); errors.As(err, &refused) && refused.uneditable() {
		return t.say(ctx, text, rows...)
	}
	return err
}

// notice tells something in passing: on top of the chat after a press, as
// long as Telegram waits for it, else as a message.
func (t *turn) notice(ctx context.Context, text string) error {
	if t.toast != nil && t.toast.show(ctx, text) {
		return nil
	}
	return t.say(ctx, plain(text))
}

// flash answers a press in a word, if there is one to answer: what it led to is
// shown in the message.
func (t *turn) flash(ctx context.Context, text string) {
	if t.toast != nil {
		t.toast.show(ctx, text)
	}
}

// user is the person's settings.
func (t *turn) user(ctx context.Context) (scheduler.User, error) {
	if t.settings == nil {
		user, err := t.store.User(ctx, t.from.ID)
		if err != nil {
			return scheduler.User{}, err
		}
		t.settings = &user
	}
	return *t.settings, nil
}

// now is the time in the person's zone.
func (t *turn) now(user scheduler.User) time.Time { return t.clock.Now().In(user.Location(t.zone)) }

// change stores settings of the person, and forgets those read before.
func (t *turn) change(ctx context.Context, change scheduler.UserChange) error {
	t.settings = nil
	return t.store.ChangeUser(ctx, t.from.ID, change)
}

// action is what a button does. args are the parts of its data after the name.
type action func(ctx context.Context, t *turn, args []string) error

// errStale says that a button's data is not of this version's making.
var errStale = errors.New("unknown button")

// pressed handles the press of a button.
func (d *dialogue) pressed(ctx context.Context, press *tele.Callback) {
	if press.Sender == nil {
		return
	}
	t := &turn{dialogue: d, from: press.Sender, chat: press.Sender.ID, toast: d.toasts.take(ctx, d.courier.api, d.log, press.ID)}
	defer t.toast.close(ctx)
	t.toast.lead(ctx)
	if press.Message != nil && press.Message.Chat != nil {
		t.chat, t.message, t.quoted = press.Message.Chat.ID, int64(press.Message.ID), press.Message.ReplyTo
	}
	t.run(ctx, func() error {
		// In a message that was meant for somebody else, or stands where others
		// read along, nothing of the presser's belongs.
		foreign := t.chat != t.from.ID
		t.chat = t.from.ID
		if !d.allowed.Allow(press.Sender.ID) {
			return t.notice(ctx, "This bot is private; your id is not among its ALLOWED_USERS.")
		}
		if foreign {
			return t.notice(ctx, "This button is not yours: it belongs to somebody else's chat with me, and your press changed nothing.")
		}
		name, rest, _ := strings.Cut(press.Data, ":")
		do, known := d.actions[name]
		if !known || t.message == 0 {
			return t.notice(ctx, "This button is from an earlier version of me. /today and /leads show the current state.")
		}
		err := do(ctx, t, strings.Split(rest, ":"))
		if errors.Is(err, errStale) || outOfRange(err) {
			return t.notice(ctx, "This button is damaged or from an earlier version of me. /today and /leads show the current state.")
		}
		return err
	})
}

// outOfRange reports whether a number was too large for the backend, which none
// of its own making is.
func outOfRange(err error) bool {
	var refused *insforge.Error
	return errors.As(err, &refused) && refused.Code == "22003" // numeric_value_out_of_range
}

// numbers reads leading numeric arguments of a button.
func numbers(args []string, n int) ([]int64, error) {
	if len(args) < n {
		return nil, errStale
	}
	out := make([]int64, n)
	for i := range out {
		v, err := strconv.ParseInt(args[i], 10, 64)
		if err != nil || v < 0 {
			return nil, errStale
		}
		out[i] = v
	}
	return out, nil
}

// describe names a lead with what is known of them: "Jane Doe (CTO @ Acme)".
func describe(lead scheduler.Lead) richText {
	name := bold(isolated(cut(called(lead), maxField)))
	if role := roleOf(lead); role != "" {
		return join(name, plain(" ("+isolated(role)+")"))
	}
	return name
}

// called is what a lead is called, in one line; its number where the name, which
// another program may have written, shows nothing.
func called(lead scheduler.Lead) string {
	name := oneLine(lead.Display())
	if unseen(name) {
		lead.Name = ""
		return lead.Display()
	}
	return name
}

// whose is the line of a message that says which lead it is about; none where
// the lead is gone.
func whose(lead scheduler.Lead) richText {
	if lead.ID == 0 && lead.Name == "" {
		return nil
	}
	return join(plain("👤 "), describe(lead))
}

// roleOf is what a lead does and where, in one line: "CTO @ Acme".
func roleOf(lead scheduler.Lead) string {
	title, company := cut(oneLine(lead.Title), maxField), cut(oneLine(lead.Company), maxField)
	switch {
	case title != "" && company != "":
		return fmt.Sprintf("%s @ %s", title, company)
	case company != "":
		return company
	default:
		return title
	}
}
