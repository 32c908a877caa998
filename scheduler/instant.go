package scheduler

import (
	"encoding/json"
	"time"
)

// instant reads a timestamp as PostgreSQL writes it into JSON, also where
// time.Time cannot: "infinity" and years of five digits become doomsday,
// "-infinity", dates before our era and NULL the zero time. One such row must
// not make a whole listing unreadable.
type instant struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (t *instant) UnmarshalJSON(data []byte) error {
	t.Time = time.Time{}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if text == "" || text == "-infinity" || (len(text) > 3 && text[len(text)-3:] == " BC") {
		return nil
	}
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		parsed = doomsday
	}
	t.Time = parsed
	return nil
}
