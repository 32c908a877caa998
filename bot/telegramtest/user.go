package telegramtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Errors of a person's actions, for errors.Is.
var (
	ErrNoMessage = errors.New("no such message in the chat")
	ErrNoButton  = errors.New("no such button under the message")
)

// User is a person with a chat open: the one with the bot, or a group. Users
// are safe for concurrent use; two with the same id are the same person.
type User struct {
	server *Server
	id     int64
	chat   int64
}

// User makes a person known to Telegram, or updates one, and returns them.
// Until they write, the bot may not write to them. A person without a name is
// called "User" and the id.
func (s *Server) User(p Person) *User {
	if p.FirstName == "" {
		p.FirstName = "User " + strconv.FormatInt(p.ID, 10)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, known := s.state.people[p.ID]; !known || a.Person != p {
		_ = s.commit(record{Person: &p}) // a failure shows in Err
	}
	return &User{server: s, id: p.ID, chat: p.ID}
}

// Group makes a group that the bot is in. Its id is negative, as Telegram's
// are; a positive one is taken as its opposite. As bots do by default, the bot
// sees only commands, mentions of it and replies to it there.
func (s *Server) Group(id int64, title string) Chat {
	g := Chat{ID: -max(id, -id), Type: "group", Title: title}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, known := s.state.chats[g.ID]; !known || c.Chat != g {
		_ = s.commit(record{Group: &g}) // a failure shows in Err
	}
	return g
}

// In is the person with the group open instead of their own chat.
func (u *User) In(group Chat) *User {
	return &User{server: u.server, id: u.id, chat: group.ID}
}

// ID is the person's id, which is also the id of their own chat with the bot.
func (u *User) ID() int64 { return u.id }

// Send writes to the bot and returns the message; the zero Message if the
// journal cannot be written, see [Server.Err]. It unblocks the bot first if it
// was blocked, as Telegram's apps insist on.
func (u *User) Send(text string) Message {
	text, _ = clean(text, nil)
	return u.put(Message{Text: text, Entities: withAutomatic(text, nil)})
}

// Reply writes to the bot in answer to one of the messages.
func (u *User) Reply(to int, text string) Message {
	text, _ = clean(text, nil)
	m := Message{Text: text, Entities: withAutomatic(text, nil)}
	if quoted, ok := u.Message(to); ok {
		quoted.ReplyTo = nil
		m.ReplyTo = &quoted
	}
	return u.put(m)
}

// SendLocation shares a point, in degrees.
func (u *User) SendLocation(latitude, longitude float64) Message {
	return u.put(Message{Location: &Location{Latitude: latitude, Longitude: longitude}})
}

// SendContact shares a card from the address book.
func (u *User) SendContact(c Contact) Message { return u.put(Message{Contact: &c}) }

// Update gives the bot an update of any kind, with the content as it is given:
// what this package has no type for, such as a sticker or a kind of update yet
// unknown, and what no Telegram sends. In the chats it does not appear. Its
// number is the next one, and is returned; kinds that the bot has not asked for
// are left out, and have none.
func (s *Server) Update(kind string, content any) (id int64, err error) {
	encoded, err := json.Marshal(content)
	if err != nil {
		return 0, fmt.Errorf("an update of kind %q: %w", kind, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	records := s.enqueue(nil, update{Other: map[string]json.RawMessage{kind: encoded}})
	if len(records) == 0 {
		return 0, nil
	}
	return records[0].Update.ID, s.commit(records...)
}

// put adds a message of the person's to their chat and to the bot's updates.
func (u *User) put(m Message) Message {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.people[u.id]
	var records []record
	switch {
	case u.chat != u.id, a.standing == reachable:
	case a.standing == blocked:
		records = s.standingRecords(a, reachable)
	default:
		records = append(records, record{Standing: &standingChange{ID: u.id, Standing: reachable}})
	}
	from := a.Person
	m.ID, m.From, m.Chat, m.Date = s.state.lastID+1, &from, s.state.chats[u.chat].Chat, s.cfg.now().Unix()
	records = append(records, record{Message: &m})
	if m.Chat.Type == "private" || s.concernsBot(m) {
		shown := m.clone()
		records = s.enqueue(records, update{Message: &shown})
	}
	if s.commit(records...) != nil {
		return Message{}
	}
	return m.clone()
}

// concernsBot reports whether a bot sees a message of a group.
func (s *Server) concernsBot(m Message) bool {
	return strings.HasPrefix(m.Text, "/") || containsFold(m.Text, "@"+s.cfg.bot.Username) || m.ReplyTo != nil && m.ReplyTo.FromBot()
}

// Edit changes the text of one of the person's own messages.
func (u *User) Edit(messageID int, text string) error {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.find(u.chat, messageID)
	if !ok || m.FromBot() {
		return fmt.Errorf("editing message %d: %w", messageID, ErrNoMessage)
	}
	edited := m.clone()
	edited.Text, _ = clean(text, nil)
	edited.Entities = withAutomatic(edited.Text, nil)
	edited.EditDate = s.cfg.now().Unix()
	shown := edited.clone()
	return s.commit(s.enqueue([]record{{Message: &edited}}, update{Edited: &shown})...)
}

// Press presses the first inline button of a message whose label contains the
// given text, in any case, and returns the press's id for [User.Answer]. Like
// a phone, it does not wait for the bot. Buttons that do not call the bot
// cannot be pressed here.
func (u *User) Press(messageID int, label string) (pressID string, err error) {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.find(u.chat, messageID)
	if !ok {
		return "", fmt.Errorf("pressing %q under message %d: %w", label, messageID, ErrNoMessage)
	}
	for _, row := range m.Rows() {
		for _, b := range row {
			if b.CallbackData != "" && containsFold(b.Text, label) {
				return s.press(u.id, m, b.CallbackData)
			}
		}
	}
	return "", fmt.Errorf("pressing %q under message %d, which has %q: %w", label, messageID, m.Labels(), ErrNoButton)
}

// PressData is a client that sends whatever it likes: a press with the given
// callback data under a message that need not have such a button any more.
func (u *User) PressData(messageID int, data string) (pressID string, err error) {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.find(u.chat, messageID)
	if !ok {
		return "", fmt.Errorf("pressing under message %d: %w", messageID, ErrNoMessage)
	}
	return s.press(u.id, m, data)
}

// press queues a callback query. The caller holds s.mu.
func (s *Server) press(from int64, m *Message, data string) (string, error) {
	id := strconv.FormatInt(s.state.lastQuery+1, 10)
	shown := m.clone()
	records := s.enqueue([]record{{Query: &queryOpened{ID: id, From: from, At: s.cfg.now()}}}, update{Callback: &callbackQuery{
		ID: id, From: s.state.people[from].Person, Message: &shown, ChatInstance: strconv.FormatInt(m.Chat.ID, 10), Data: data,
	}})
	return id, s.commit(records...)
}

// find looks up a message. The caller holds s.mu.
func (s *Server) find(chatID int64, messageID int) (*Message, bool) {
	c, ok := s.state.chats[chatID]
	if !ok {
		return nil, false
	}
	i, ok := c.find(messageID)
	if !ok {
		return nil, false
	}
	return c.messages[i], true
}

// Messages is the open chat as the person sees it now, oldest first.
func (u *User) Messages() []Message {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	messages := make([]Message, 0, len(s.state.chats[u.chat].messages))
	for _, m := range s.state.chats[u.chat].messages {
		messages = append(messages, m.clone())
	}
	return messages
}

// Message is one message of the chat as it is now.
func (u *User) Message(id int) (Message, bool) {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	m, ok := u.server.find(u.chat, id)
	if !ok {
		return Message{}, false
	}
	return m.clone(), true
}

// Last is the latest message of the bot.
func (u *User) Last() (Message, bool) {
	for _, m := range slices.Backward(u.Messages()) {
		if m.FromBot() {
			return m, true
		}
	}
	return Message{}, false
}

// Keyboard is the reply keyboard the bot has put up, nil if none.
func (u *User) Keyboard() *ReplyKeyboard {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	return u.server.state.chats[u.chat].keyboard
}

// Typing is what the bot is seen doing, "typing" for one, and until when, in
// real time; "" if nothing.
func (u *User) Typing() (action string, until time.Time) {
	u.server.mu.Lock()
	defer u.server.mu.Unlock()
	a := u.server.typing[u.chat]
	if !time.Now().Before(a.until) {
		return "", time.Time{}
	}
	return a.name, a.until
}

// Wait waits until a message in the chat satisfies the condition, as it is or
// after an edit, and returns the latest that does. The condition may use the
// server.
func (u *User) Wait(ctx context.Context, condition func(Message) bool) (Message, error) {
	for {
		u.server.mu.Lock()
		// What an edit replaces is not written to, so the list is all there is to copy.
		messages, changed := slices.Clone(u.server.state.chats[u.chat].messages), u.server.changed
		u.server.mu.Unlock()
		for _, m := range slices.Backward(messages) {
			if c := m.clone(); condition(c) {
				return c, nil
			}
		}
		if err := u.server.until(ctx, changed); err != nil {
			return Message{}, fmt.Errorf("waiting for a message: %w; the chat has:\n%s", err, u.transcript())
		}
	}
}

// await waits until the condition holds for the state.
func (s *Server) await(ctx context.Context, condition func(*state) bool) error {
	for {
		s.mu.Lock()
		ok, changed := condition(s.state), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		if err := s.until(ctx, changed); err != nil {
			return err
		}
	}
}

// until waits for a change.
func (s *Server) until(ctx context.Context, changed <-chan struct{}) error {
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.done:
		return errors.New("the server was closed")
	}
}

// transcript is the end of the chat in a few lines, for error messages.
func (u *User) transcript() string {
	messages := u.Messages()
	var b strings.Builder
	for _, m := range messages[max(0, len(messages)-10):] {
		who := "person"
		if m.FromBot() {
			who = "bot"
		}
		fmt.Fprintf(&b, "  %d %s: %.200q %q\n", m.ID, who, m.Body(), m.Labels())
	}
	return b.String()
}

// Block blocks the bot: it can no longer write here, and is told so.
func (u *User) Block() { u.setStanding(blocked) }

// Unblock lets the bot write again.
func (u *User) Unblock() { u.setStanding(reachable) }

// Deactivate deletes the account.
func (u *User) Deactivate() { u.setStanding(deactivated) }

func (u *User) setStanding(to standing) {
	s := u.server
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.state.people[u.id]
	if a.standing == to {
		return
	}
	_ = s.commit(s.standingRecords(a, to)...) // a failure shows in Err
}

// standingRecords changes a person's standing and tells the bot where Telegram
// would. The caller holds s.mu.
func (s *Server) standingRecords(a *account, to standing) []record {
	records := []record{{Standing: &standingChange{ID: a.ID, Standing: to}}}
	if to == deactivated {
		return records
	}
	member := func(st standing) chatMember {
		if st == blocked {
			forever := int64(0)
			return chatMember{User: s.cfg.bot, Status: "kicked", UntilDate: &forever}
		}
		return chatMember{User: s.cfg.bot, Status: "member"}
	}
	change := memberChange{Chat: s.state.chats[a.ID].Chat, From: a.Person, Date: s.cfg.now().Unix(), Old: member(a.standing), New: member(to)}
	return s.enqueue(records, update{Member: &change})
}
