package telegramtest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Telegram's bounds on texts, in UTF-16 units after entities are parsed.
const (
	maxText    = 4096
	maxCaption = 1024
)

// chatOf finds the chat a call is about. The caller holds s.mu.
func (s *Server) chatOf(p params) (*chat, error) {
	if !p.has("chat_id") {
		return nil, badRequest("chat_id is empty")
	}
	id, err := strconv.ParseInt(strings.TrimSpace(p.str("chat_id")), 10, 64)
	if err != nil {
		return nil, errChatNotFound
	}
	c, ok := s.state.chats[id]
	if !ok {
		return nil, errChatNotFound
	}
	return c, nil
}

// writable is chatOf for a method that puts something into the chat.
func (s *Server) writable(p params) (*chat, error) {
	c, err := s.chatOf(p)
	if err != nil {
		return nil, err
	}
	a, private := s.state.people[c.ID]
	if !private {
		return c, nil
	}
	switch a.standing {
	case blocked:
		return nil, forbidden("bot was blocked by the user")
	case deactivated:
		return nil, forbidden("user is deactivated")
	case stranger:
		return nil, forbidden("bot can't initiate conversation with a user")
	default:
		return c, nil
	}
}

// formatted reads a text with its formatting from the named parameter, and the
// entities from a parallel one when there is no parse mode.
func (s *Server) formatted(p params, name, entitiesName string, limit int) (string, []Entity, error) {
	text, entities, err := parseText(p.str(name), p.str("parse_mode"))
	if err != nil {
		return "", nil, err
	}
	if p.str("parse_mode") == "" {
		if entities, err = readEntities(p, entitiesName, text); err != nil {
			return "", nil, err
		}
	}
	text, entities = clean(text, entities)
	if units(text) > limit {
		if limit == maxCaption {
			return "", nil, badRequest("message caption is too long")
		}
		return "", nil, badRequest("message is too long")
	}
	return text, withAutomatic(text, s.resolveMentions(entities)), nil
}

// readEntities checks explicit entities against the text they format.
func readEntities(p params, name, text string) ([]Entity, error) {
	var entities []Entity
	if _, err := p.decode(name, &entities); err != nil {
		return nil, badRequest("can't parse entities JSON object")
	}
	length := units(text)
	for i, e := range entities {
		switch {
		case e.Offset < 0:
			return nil, badRequest("receive an entity with incorrect offset %d", e.Offset)
		case e.Length < 0:
			return nil, badRequest("receive an entity with incorrect length %d", e.Length)
		case e.Offset > length:
			return nil, badRequest("entity begins after the end of the text at UTF-16 offset %d", e.Offset)
		case e.Offset+e.Length > length:
			return nil, badRequest("entity beginning at UTF-16 offset %d ends after the end of the text at UTF-16 offset %d", e.Offset, e.Offset+e.Length)
		case e.Type == "text_link":
			link, err := checkLink(e.URL)
			if err != nil {
				return nil, badRequest("entity URL '%s' is invalid: %v", e.URL, err)
			}
			entities[i].URL = link
		case !entityTypes[e.Type]:
			return nil, badRequest("can't parse MessageEntity: Unsupported type specified")
		}
	}
	sortEntities(entities)
	return entities[:min(len(entities), maxEntities)], nil
}

var entityTypes = map[string]bool{
	"mention": true, "hashtag": true, "cashtag": true, "bot_command": true, "url": true, "email": true,
	"phone_number": true, "bold": true, "italic": true, "underline": true, "strikethrough": true, "spoiler": true,
	"blockquote": true, "expandable_blockquote": true, "code": true, "pre": true, "text_mention": true,
}

// resolveMentions fills in the people text mentions point at and drops the
// mentions of people nobody knows. The caller holds s.mu.
func (s *Server) resolveMentions(entities []Entity) []Entity {
	var kept []Entity
	for _, e := range entities {
		if e.Type == "text_mention" {
			if e.User == nil {
				continue
			}
			a, ok := s.state.people[e.User.ID]
			if !ok {
				continue
			}
			known := a.Person
			e.User = &known
		}
		kept = append(kept, e)
	}
	return kept
}

func (s *Server) sendMessage(_ context.Context, p params) (any, error) {
	if p.str("text") == "" {
		return nil, badRequest("message text is empty")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, entities, err := s.formatted(p, "text", "entities", maxText)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, badRequest("text must be non-empty")
	}
	return s.send(p, Message{Text: text, Entities: entities})
}

func (s *Server) sendDocument(_ context.Context, p params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	caption, entities, err := s.formatted(p, "caption", "caption_entities", maxCaption)
	if err != nil {
		return nil, err
	}
	m := Message{Caption: caption, CaptionEntities: entities}
	file, sent := p.files["document"]
	if name, attached := strings.CutPrefix(p.str("document"), "attach://"); attached {
		file, sent = p.files[name]
	}
	switch {
	case !sent && p.str("document") == "":
		return nil, badRequest("there is no document in the request")
	case !sent:
		return nil, badRequest("wrong file identifier/HTTP URL specified")
	case len(file.data) == 0:
		return nil, badRequest("file must be non-empty")
	}
	id := fmt.Sprintf("document-%d", s.state.lastID+1)
	m.Document = &Document{FileID: id, UniqueID: id, Name: file.name, MIME: file.mime, Size: len(file.data)}
	return s.send(p, m, record{File: &fileStored{ID: id, Data: file.data}})
}

// send puts a message of the bot into the chat the call names. The caller
// holds s.mu.
func (s *Server) send(p params, m Message, also ...record) (any, error) {
	keyboard, err := readMarkup(p)
	if err != nil {
		return nil, err
	}
	c, err := s.writable(p)
	if err != nil {
		return nil, err
	}
	if m.ReplyTo, err = c.repliedTo(p); err != nil {
		return nil, err
	}
	if err := s.limits.allow(c.Chat, time.Now()); err != nil {
		return nil, err
	}
	bot := s.cfg.bot
	m.ID, m.From, m.Chat, m.Date = s.state.lastID+1, &bot, c.Chat, s.cfg.now().Unix()
	m.ReplyMarkup = keyboard.inline
	records := append(also, record{Message: &m})
	if keyboard.reply != nil || keyboard.remove {
		records = append(records, record{Keyboard: &keyboardChange{ChatID: c.ID, Keyboard: keyboard.reply}})
	}
	delete(s.typing, c.ID)
	if err := s.commit(records...); err != nil {
		return nil, err
	}
	return m, nil
}

// repliedTo is the message the call answers, if it names one.
func (c *chat) repliedTo(p params) (*Message, error) {
	var reply struct {
		MessageID int  `json:"message_id"`
		Lenient   bool `json:"allow_sending_without_reply"`
	}
	if _, err := p.decode("reply_parameters", &reply); err != nil {
		return nil, badRequest("can't parse reply parameters JSON object")
	}
	if reply.MessageID == 0 {
		reply.MessageID, reply.Lenient = p.integer("reply_to_message_id"), p.flag("allow_sending_without_reply")
	}
	if reply.MessageID == 0 {
		return nil, nil
	}
	i, ok := c.find(reply.MessageID)
	switch {
	case ok:
		quoted := *c.messages[i]
		quoted.ReplyTo = nil
		return &quoted, nil
	case reply.Lenient:
		return nil, nil
	default:
		return nil, badRequest("message to be replied not found")
	}
}

// own finds a message of the bot's that the call wants to change. The caller
// holds s.mu.
func (s *Server) own(p params, purpose string) (*chat, *Message, error) {
	c, err := s.chatOf(p)
	if err != nil {
		return nil, nil, err
	}
	if !p.has("message_id") {
		return nil, nil, badRequest("message identifier is not specified")
	}
	i, ok := c.find(p.integer("message_id"))
	if !ok {
		return nil, nil, badRequest("message to %s not found", purpose)
	}
	return c, c.messages[i], nil
}

func (s *Server) editMessageText(_ context.Context, p params) (any, error) {
	if p.str("text") == "" {
		return nil, badRequest("message text is empty")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, entities, err := s.formatted(p, "text", "entities", maxText)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, badRequest("text must be non-empty")
	}
	return s.edit(p, func(m *Message) error {
		if m.Document != nil {
			return badRequest("there is no text in the message to edit")
		}
		m.Text, m.Entities = text, entities
		return nil
	})
}

func (s *Server) editMessageReplyMarkup(_ context.Context, p params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.edit(p, func(*Message) error { return nil })
}

// edit gives a message of the bot's new contents and the call's keyboard; a
// call without one takes the keyboard away. The caller holds s.mu.
func (s *Server) edit(p params, change func(*Message) error) (any, error) {
	keyboard, err := readMarkup(p)
	if err != nil {
		return nil, err
	}
	_, old, err := s.own(p, "edit")
	if err != nil {
		return nil, err
	}
	if !old.FromBot() {
		return nil, badRequest("message can't be edited")
	}
	edited := *old
	if err := change(&edited); err != nil {
		return nil, err
	}
	edited.ReplyMarkup = keyboard.inline
	if sameContent(*old, edited) {
		return nil, errNotModified
	}
	edited.EditDate = s.cfg.now().Unix()
	if err := s.commit(record{Message: &edited}); err != nil {
		return nil, err
	}
	return edited, nil
}

func sameContent(a, b Message) bool {
	return a.Text == b.Text && reflect.DeepEqual(a.Entities, b.Entities) &&
		a.Caption == b.Caption && reflect.DeepEqual(a.ReplyMarkup, b.ReplyMarkup)
}

func (s *Server) deleteMessage(_ context.Context, p params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, m, err := s.own(p, "delete")
	if err != nil {
		return nil, err
	}
	if s.cfg.now().Sub(m.Time()) > 48*time.Hour {
		return nil, badRequest("message can't be deleted for everyone")
	}
	return true, s.commit(record{Deleted: &deletion{ChatID: c.ID, ID: m.ID}})
}

// chatAction is what the bot is seen doing, until it does it.
type chatAction struct {
	name  string
	until time.Time
}

// actionLife is how long Telegram shows an action that is not repeated.
const actionLife = 5 * time.Second

var chatActions = map[string]bool{
	"typing": true, "upload_photo": true, "record_video": true, "upload_video": true, "record_voice": true,
	"upload_voice": true, "upload_document": true, "choose_sticker": true, "find_location": true,
	"record_video_note": true, "upload_video_note": true, "cancel": true,
}

func (s *Server) sendChatAction(_ context.Context, p params) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.writable(p)
	if err != nil {
		return nil, err
	}
	if !chatActions[p.str("action")] {
		return nil, badRequest("wrong parameter action in request")
	}
	s.typing[c.ID] = chatAction{name: p.str("action"), until: time.Now().Add(actionLife)}
	s.notify()
	return true, nil
}

// clone keeps what callers hold apart from what the server has: its messages
// are replaced, never changed, so the lists a caller could write to are enough.
func (m Message) clone() Message {
	m.Entities = slices.Clone(m.Entities)
	m.CaptionEntities = slices.Clone(m.CaptionEntities)
	if m.ReplyMarkup != nil {
		rows := make([][]Button, 0, len(m.ReplyMarkup.Rows))
		for _, row := range m.ReplyMarkup.Rows {
			rows = append(rows, slices.Clone(row))
		}
		m.ReplyMarkup = &InlineKeyboard{Rows: rows}
	}
	return m
}
