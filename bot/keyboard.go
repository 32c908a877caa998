package bot

import (
	"fmt"
	"slices"
	"strings"
)

// maxData is what Telegram takes as a button's data, in bytes.
const maxData = 64

// button is one inline button: what it says, and the data that comes back
// when it is pressed, the text it copies, or the address it opens.
type button struct{ label, data, copies, url string }

// keyboard is the rows of buttons under a message.
type keyboard [][]button

// press makes a button that calls the action of that name; see [dialogue.press].
func press(label, action string, args ...any) button {
	var data strings.Builder
	data.WriteString(action)
	for _, arg := range args {
		fmt.Fprintf(&data, ":%v", arg)
	}
	return button{label: label, data: data.String()}
}

// pageButtons are the ways from one page of a list to those beside it; the
// number of the page comes last in what the action gets.
func pageButtons(page, pages int, back, on, action string, args ...any) []button {
	var turns []button
	if page > 0 {
		turns = append(turns, press(back, action, append(slices.Clone(args), page-1)...))
	}
	if page < pages-1 {
		turns = append(turns, press(on, action, append(slices.Clone(args), page+1)...))
	}
	return turns
}

// maxCopies is the longest text a copy button takes.
const maxCopies = 256

// copying makes a button that puts text on the clipboard.
func copying(label, text string) button { return button{label: label, copies: text} }

// opening makes a button that opens an address in the browser.
func opening(label, url string) button { return button{label: label, url: url} }

// markup is the keyboard as the Bot API takes it; no rows take a keyboard away.
func (k keyboard) markup() (map[string]any, error) {
	rows := make([][]map[string]any, 0, len(k))
	for _, row := range k {
		var buttons []map[string]any
		for _, b := range row {
			encoded := map[string]any{"text": cut(b.label, 60)}
			switch {
			case b.copies != "":
				encoded["copy_text"] = map[string]string{"text": b.copies}
			case b.url != "":
				encoded["url"] = b.url
			case len(b.data) > maxData:
				// Telegram would refuse the whole message.
				return nil, fmt.Errorf("data of button %q has %d bytes, over %d", b.label, len(b.data), maxData)
			default:
				encoded["callback_data"] = b.data
			}
			buttons = append(buttons, encoded)
		}
		if len(buttons) > 0 {
			rows = append(rows, buttons)
		}
	}
	return map[string]any{"inline_keyboard": rows}, nil
}

// pressable is the keyboard without the buttons that do not call the bot; fewer
// says that there were any.
func (k keyboard) pressable() (rows keyboard, fewer bool) {
	for _, row := range k {
		rest := slices.DeleteFunc(slices.Clone(row), func(b button) bool { return b.data == "" })
		rows, fewer = append(rows, rest), fewer || len(rest) < len(row)
	}
	return rows, fewer
}
