package telegramtest

import (
	"encoding/json"
	"strings"
	"time"
)

// Person is a Telegram account, a bot's own included.
type Person struct {
	ID           int64  `json:"id"`
	IsBot        bool   `json:"is_bot"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name,omitempty"`
	Username     string `json:"username,omitempty"`
	LanguageCode string `json:"language_code,omitempty"` // IETF tag of the person's app
}

// Chat is a conversation as messages carry it. A private chat has the id of
// the person in it; groups have negative ids.
type Chat struct {
	ID        int64  `json:"id"`
	Type      string `json:"type"` // "private" or "group"
	Title     string `json:"title,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Username  string `json:"username,omitempty"`
}

// Message is a message as the Bot API encodes it and as the chat shows it
// now, edits applied.
type Message struct {
	ID              int             `json:"message_id"`
	From            *Person         `json:"from,omitempty"`
	Chat            Chat            `json:"chat"`
	Date            int64           `json:"date"`                // Unix seconds
	EditDate        int64           `json:"edit_date,omitempty"` // Unix seconds of the last edit, 0 if none
	ForwardOrigin   json.RawMessage `json:"forward_origin,omitempty"`
	ReplyTo         *Message        `json:"reply_to_message,omitempty"`
	Text            string          `json:"text,omitempty"`
	Entities        []Entity        `json:"entities,omitempty"`
	Document        *Document       `json:"document,omitempty"`
	Caption         string          `json:"caption,omitempty"`
	CaptionEntities []Entity        `json:"caption_entities,omitempty"`
	Location        *Location       `json:"location,omitempty"`
	Contact         *Contact        `json:"contact,omitempty"`
	ReplyMarkup     *InlineKeyboard `json:"reply_markup,omitempty"`
}

// Entity is one stretch of formatted text. Offset and Length count UTF-16
// code units, as everywhere in Telegram.
type Entity struct {
	Type     string  `json:"type"` // bold, italic, underline, strikethrough, spoiler, code, pre, blockquote, text_link, …
	Offset   int     `json:"offset"`
	Length   int     `json:"length"`
	URL      string  `json:"url,omitempty"`      // of a text_link
	User     *Person `json:"user,omitempty"`     // of a text_mention
	Language string  `json:"language,omitempty"` // of a pre
}

// InlineKeyboard is the rows of buttons under a message.
type InlineKeyboard struct {
	Rows [][]Button `json:"inline_keyboard"`
}

// Button is one inline button; exactly one of the fields after Text is set.
type Button struct {
	Text         string    `json:"text"`
	CallbackData string    `json:"callback_data,omitempty"`
	URL          string    `json:"url,omitempty"`
	CopyText     *CopyText `json:"copy_text,omitempty"`
	WebApp       *WebApp   `json:"web_app,omitempty"`
}

// CopyText is what a copy button puts on the clipboard.
type CopyText struct {
	Text string `json:"text"`
}

// WebApp is the Mini App a button opens.
type WebApp struct {
	URL string `json:"url"`
}

// Document is a file in a message; [Server.File] has its bytes.
type Document struct {
	FileID   string `json:"file_id"`
	UniqueID string `json:"file_unique_id"`
	Name     string `json:"file_name,omitempty"`
	MIME     string `json:"mime_type,omitempty"`
	Size     int    `json:"file_size"`
}

// Location is a point a person shared, in degrees.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Contact is a card from a person's address book.
type Contact struct {
	PhoneNumber string `json:"phone_number"`
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name,omitempty"`
	UserID      int64  `json:"user_id,omitempty"` // 0 if they are not on Telegram
}

// Command is an entry of the bot's command menu.
type Command struct {
	Command     string `json:"command"`
	Description string `json:"description"`
}

// FromBot reports whether the bot wrote the message.
func (m Message) FromBot() bool { return m.From != nil && m.From.IsBot }

// Time is when the message was sent, to the second, in UTC.
func (m Message) Time() time.Time { return time.Unix(m.Date, 0).UTC() }

// Body is the text, or the caption of a document.
func (m Message) Body() string {
	if m.Document != nil {
		return m.Caption
	}
	return m.Text
}

// Rows are the rows of inline buttons; none for a message without a keyboard.
func (m Message) Rows() [][]Button {
	if m.ReplyMarkup == nil {
		return nil
	}
	return m.ReplyMarkup.Rows
}

// Labels are the texts of the inline buttons, row by row.
func (m Message) Labels() []string {
	var labels []string
	for _, row := range m.Rows() {
		for _, b := range row {
			labels = append(labels, b.Text)
		}
	}
	return labels
}

// Button finds the first inline button whose label contains the given text,
// in any case.
func (m Message) Button(label string) (Button, bool) {
	for _, row := range m.Rows() {
		for _, b := range row {
			if containsFold(b.Text, label) {
				return b, true
			}
		}
	}
	return Button{}, false
}

// Contains is a condition for [User.Wait]: a message of the bot whose text
// contains s, in any case.
func Contains(s string) func(Message) bool {
	return func(m Message) bool { return m.FromBot() && containsFold(m.Body(), s) }
}

func containsFold(s, part string) bool {
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

// update is one entry of the bot's queue.
type update struct {
	ID       int64          `json:"update_id"`
	Message  *Message       `json:"message,omitempty"`
	Edited   *Message       `json:"edited_message,omitempty"`
	Callback *callbackQuery `json:"callback_query,omitempty"`
	Member   *memberChange  `json:"my_chat_member,omitempty"`
	// Other is the content of an update this package has no type for, by its kind.
	Other map[string]json.RawMessage `json:"-"`
}

// MarshalJSON implements json.Marshaler.
func (u update) MarshalJSON() ([]byte, error) {
	type plain update
	if u.Other == nil {
		return json.Marshal(plain(u))
	}
	fields := map[string]any{"update_id": u.ID}
	for kind, content := range u.Other {
		fields[kind] = content
	}
	return json.Marshal(fields)
}

// UnmarshalJSON implements json.Unmarshaler; only a journal is read.
func (u *update) UnmarshalJSON(data []byte) error {
	type plain update
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	if err := json.Unmarshal(data, (*plain)(u)); err == nil && u.known() {
		return nil
	}
	*u = update{}
	if err := json.Unmarshal(fields["update_id"], &u.ID); err != nil {
		return err
	}
	delete(fields, "update_id")
	u.Other = fields
	return nil
}

// known reports whether the update is of a kind this package has a type for.
func (u update) known() bool {
	return u.Message != nil || u.Edited != nil || u.Callback != nil || u.Member != nil
}

// kind is the update's name in allowed_updates.
func (u update) kind() string {
	switch {
	case u.Message != nil:
		return "message"
	case u.Edited != nil:
		return "edited_message"
	case u.Callback != nil:
		return "callback_query"
	case u.Other != nil:
		for kind := range u.Other {
			return kind
		}
	}
	return "my_chat_member"
}

type callbackQuery struct {
	ID           string   `json:"id"`
	From         Person   `json:"from"`
	Message      *Message `json:"message,omitempty"`
	ChatInstance string   `json:"chat_instance"`
	Data         string   `json:"data"`
}

type memberChange struct {
	Chat Chat       `json:"chat"`
	From Person     `json:"from"`
	Date int64      `json:"date"`
	Old  chatMember `json:"old_chat_member"`
	New  chatMember `json:"new_chat_member"`
}

type chatMember struct {
	User      Person `json:"user"`
	Status    string `json:"status"` // "member" or, once blocked, "kicked"
	UntilDate *int64 `json:"until_date,omitempty"`
}
