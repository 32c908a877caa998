package telegramtest

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Telegram's bounds on keyboards.
const (
	maxCallbackData = 64  // bytes
	maxCopyText     = 256 // UTF-16 units
	maxButtons      = 100
	maxButtonsInRow = 8
)

// ReplyKeyboard replaces the person's own keyboard: pressing a button sends
// its text, or shares a location.
type ReplyKeyboard struct {
	Rows        [][]ReplyButton `json:"keyboard"`
	Placeholder string          `json:"input_field_placeholder,omitempty"`
	OneTime     bool            `json:"one_time_keyboard,omitempty"`
}

// ReplyButton is one button of a [ReplyKeyboard].
type ReplyButton struct {
	Text            string `json:"text"`
	RequestLocation bool   `json:"request_location,omitempty"`
	RequestContact  bool   `json:"request_contact,omitempty"`
}

// markup is a reply_markup that has passed the checks.
type markup struct {
	inline *InlineKeyboard
	reply  *ReplyKeyboard
	remove bool // takes the reply keyboard away
}

// readMarkup checks the reply_markup parameter as Telegram does.
func readMarkup(p params) (markup, error) {
	var fields map[string]json.RawMessage
	given, err := p.decode("reply_markup", &fields)
	switch {
	case err != nil && !json.Valid([]byte(p.str("reply_markup"))):
		return markup{}, badRequest("can't parse reply keyboard markup JSON object")
	case err != nil:
		return markup{}, badRequest("object expected as reply markup")
	case !given:
		return markup{}, nil
	}
	switch {
	case fields["inline_keyboard"] != nil:
		inline, err := readInline(fields["inline_keyboard"])
		return markup{inline: inline}, err
	case fields["keyboard"] != nil:
		reply, err := readReply([]byte(p.str("reply_markup")))
		return markup{reply: reply}, err
	default:
		var flags struct {
			Remove bool `json:"remove_keyboard"`
		}
		_ = json.Unmarshal([]byte(p.str("reply_markup")), &flags) // other keys mean nothing here
		return markup{remove: flags.Remove}, nil
	}
}

func readInline(raw json.RawMessage) (*InlineKeyboard, error) {
	var rows [][]json.RawMessage
	if err := json.Unmarshal(raw, &rows); err != nil {
		return nil, badRequest(`field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays`)
	}
	k := &InlineKeyboard{}
	total := 0
	for _, row := range rows {
		if len(row) == 0 {
			continue
		}
		var buttons []Button
		for _, raw := range row {
			b, err := readButton(raw)
			if err != nil {
				return nil, err
			}
			buttons = append(buttons, b)
		}
		total += len(buttons)
		if len(buttons) > maxButtonsInRow || total > maxButtons {
			return nil, badRequest("REPLY_MARKUP_TOO_LONG")
		}
		k.Rows = append(k.Rows, buttons)
	}
	if total == 0 {
		return nil, nil
	}
	return k, nil
}

func readButton(raw json.RawMessage) (Button, error) {
	unparsed := func(format string, args ...any) error {
		return badRequest("can't parse inline keyboard button: "+format, args...)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return Button{}, unparsed("InlineKeyboardButton must be an Object")
	}
	if fields["text"] == nil {
		return Button{}, unparsed(`Can't find field "text"`)
	}
	var b Button
	for _, f := range []struct {
		name, kind string
		into       any
	}{
		{"text", "String", &b.Text},
		{"callback_data", "String", &b.CallbackData},
		{"url", "String", &b.URL},
		{"copy_text", "Object", &b.CopyText},
		{"web_app", "Object", &b.WebApp},
	} {
		value, given := fields[f.name]
		if !given || bytes.Equal(value, []byte("null")) {
			continue
		}
		if err := json.Unmarshal(value, f.into); err != nil {
			return Button{}, unparsed(`Field "%s" must be of type %s`, f.name, f.kind)
		}
	}
	return b, b.check(unparsed)
}

// check refuses a button Telegram would refuse.
func (b *Button) check(unparsed func(string, ...any) error) error {
	b.Text = strings.TrimSpace(b.Text)
	if b.Text == "" {
		return badRequest("inline keyboard button text must be non-empty")
	}
	switch {
	case b.URL != "":
		link, err := checkLink(b.URL)
		if err != nil {
			return badRequest("inline keyboard button URL '%s' is invalid: %v", b.URL, err)
		}
		*b = Button{Text: b.Text, URL: link}
	case b.CallbackData != "":
		if len(b.CallbackData) > maxCallbackData {
			return badRequest("BUTTON_DATA_INVALID")
		}
		*b = Button{Text: b.Text, CallbackData: b.CallbackData}
	case b.CopyText != nil:
		if n := units(b.CopyText.Text); n == 0 || n > maxCopyText {
			return badRequest("BUTTON_COPY_TEXT_INVALID")
		}
		*b = Button{Text: b.Text, CopyText: b.CopyText}
	case b.WebApp != nil:
		if !strings.HasPrefix(b.WebApp.URL, "https://") {
			return badRequest("inline keyboard button Web App URL '%s' is invalid: Only HTTPS links are allowed", b.WebApp.URL)
		}
	default:
		return unparsed("Text buttons are unallowed in the inline keyboard")
	}
	return nil
}

func readReply(raw []byte) (*ReplyKeyboard, error) {
	var loose struct {
		ReplyKeyboard
		Rows [][]json.RawMessage `json:"keyboard"`
	}
	if err := json.Unmarshal(raw, &loose); err != nil {
		return nil, badRequest(`field "keyboard" of the ReplyKeyboardMarkup must be an Array of Arrays`)
	}
	k := loose.ReplyKeyboard
	for _, row := range loose.Rows {
		var buttons []ReplyButton
		for _, raw := range row {
			var b ReplyButton
			// A button may be its text alone.
			if json.Unmarshal(raw, &b.Text) != nil && json.Unmarshal(raw, &b) != nil {
				return nil, badRequest("can't parse keyboard button: KeyboardButton must be a String or an Object")
			}
			if strings.TrimSpace(b.Text) == "" {
				return nil, badRequest("keyboard button text must be non-empty")
			}
			buttons = append(buttons, b)
		}
		k.Rows = append(k.Rows, buttons)
	}
	return &k, nil
}
