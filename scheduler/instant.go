package scheduler

import (
	"bytes"
	"time"
)

// instant reads a timestamp as PostgreSQL writes it into JSON, also where
// time.Time cannot: "infinity" and years of five digits become doomsday,
// "-infinity", dates before our era and NULL the zero time. One such row must
// not make a whole listing unreadable.
type instant time.Time

// UnmarshalText implements encoding.TextUnmarshaler.
func (t *instant) UnmarshalText(text []byte) error {
	*t = instant{}
	if len(text) == 0 || string(text) == "-infinity" || bytes.HasSuffix(text, []byte(" BC")) {
		return nil
	}
	if (*time.Time)(t).UnmarshalText(text) != nil {
		*t = instant(doomsday)
	}
	return nil
}
