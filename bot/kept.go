package bot

import (
	"encoding/json"

	tele "gopkg.in/telebot.v3"
)

// keptUpdate is what the dialogue makes use of in an update, in the Bot API's
// words, so that it can be read like one. Telebot's own types say what is zero
// too, at length, and cannot read everything that they write.
type keptUpdate struct {
	ID         int          `json:"update_id"`
	Message    *keptMessage `json:"message,omitempty"`
	Press      *keptPress   `json:"callback_query,omitempty"`
	Membership *keptMember  `json:"my_chat_member,omitempty"`
}

type keptMessage struct {
	ID       int            `json:"message_id"`
	From     *keptUser      `json:"from,omitempty"`
	Chat     *keptChat      `json:"chat,omitempty"`
	Date     int64          `json:"date,omitempty"`
	Text     string         `json:"text,omitempty"`
	Location *tele.Location `json:"location,omitempty"`
	Contact  *tele.Contact  `json:"contact,omitempty"`
	Album    string         `json:"media_group_id,omitempty"`
	ReplyTo  *keptMessage   `json:"reply_to_message,omitempty"`
}

type keptPress struct {
	ID      string       `json:"id"`
	From    *keptUser    `json:"from,omitempty"`
	Message *keptMessage `json:"message,omitempty"`
	Data    string       `json:"data,omitempty"`
}

type keptMember struct {
	Chat *keptChat `json:"chat,omitempty"`
	New  *keptRole `json:"new_chat_member,omitempty"`
}

type keptRole struct {
	Status tele.MemberStatus `json:"status"`
}

type keptUser struct {
	ID        int64  `json:"id"`
	FirstName string `json:"first_name,omitempty"`
	IsBot     bool   `json:"is_bot,omitempty"`
}

type keptChat struct {
	ID   int64         `json:"id"`
	Type tele.ChatType `json:"type,omitempty"`
}

// essence is an update as the ledger keeps it. Of one that nothing comes of, it
// is the id.
func essence(u tele.Update) json.RawMessage {
	kept := keptUpdate{ID: u.ID}
	switch m, press, change := u.Message, u.Callback, u.MyChatMember; {
	case press != nil:
		kept.Press = &keptPress{ID: press.ID, From: keepUser(press.Sender), Message: keepMessage(press.Message), Data: press.Data}
		if pressed := kept.Press.Message; pressed != nil {
			pressed.Text = "" // the bot's own words
			pressed.ReplyTo = keepMessage(press.Message.ReplyTo)
		}
	case m != nil && !isService(m):
		kept.Message = keepMessage(m)
	case change != nil:
		kept.Membership = &keptMember{Chat: keepChat(change.Chat)}
		if change.NewChatMember != nil {
			kept.Membership.New = &keptRole{change.NewChatMember.Role}
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		panic(err) // numbers and strings only; Telegram's coordinates are finite, or could not have been read
	}
	return text
}

func keepMessage(m *tele.Message) *keptMessage {
	if m == nil {
		return nil
	}
	return &keptMessage{ID: m.ID, From: keepUser(m.Sender), Chat: keepChat(m.Chat), Date: m.Unixtime, Text: textOf(m), Location: m.Location, Contact: m.Contact, Album: m.AlbumID}
}

func keepUser(u *tele.User) *keptUser {
	if u == nil {
		return nil
	}
	return &keptUser{ID: u.ID, FirstName: u.FirstName, IsBot: u.IsBot}
}

func keepChat(c *tele.Chat) *keptChat {
	if c == nil {
		return nil
	}
	return &keptChat{ID: c.ID, Type: c.Type}
}
