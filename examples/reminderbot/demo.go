package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// demoClock tells the time the whole service lives in; its location is the
// zone the page shows.
type demoClock interface{ Now() time.Time }

// agendaItem is a reminder as the page's time line shows it.
type agendaItem struct {
	ID     int64     `json:"id"`
	Due    time.Time `json:"due"` // when it comes next, or was finished
	Lead   string    `json:"lead"`
	Step   string    `json:"step"`
	Status string    `json:"status"` // as in scheduled_reminders
	Found  string    `json:"found"`  // how the date was found, in words
}

// demoPerson is who sits in front of the chat page.
var demoPerson = telegramtest.Person{ID: 1_000_001, FirstName: "You", LanguageCode: "en"}

// demo is a chat page in the place of Telegram's apps, with the service's
// clock and reminders beside the chat. It holds nothing that matters: the chat
// lives in the Bot API server, the reminders in the store.
type demo struct {
	telegram *telegramtest.Server
	person   *telegramtest.User
	clock    demoClock
	agenda   func(context.Context) ([]agendaItem, error)
	forward  func(context.Context, time.Duration) error

	closing context.Context // ends streams and the journey through time
	close   context.CancelFunc

	mu      sync.Mutex
	journey *journey // the clock's present journey, nil while it just ticks
	watch   map[chan struct{}]struct{}
}

// journey is the clock on its way to a later time.
type journey struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// newDemo makes the page. agenda lists the reminders to show, of which the page
// takes the first agendaSize; advance moves
// the service's clock, hop by hop, so that what falls due on the way is
// delivered, and returns when it has arrived.
func newDemo(telegram *telegramtest.Server, clock demoClock, agenda func(context.Context) ([]agendaItem, error), advance func(context.Context, time.Duration) error) *demo {
	d := &demo{
		telegram: telegram,
		person:   telegram.User(demoPerson),
		clock:    clock,
		agenda:   agenda,
		forward:  advance,
		watch:    map[chan struct{}]struct{}{},
	}
	d.closing, d.close = context.WithCancel(context.Background())
	return d
}

// Close ends the page's streams and stops the clock where it is. An HTTP
// server that serves the page calls it when it shuts down, or it would wait
// for streams that never end.
func (d *demo) Close() { d.close() }

var errTravelling = errors.New("the clock is already on its way")

// advance takes the service's clock forward and returns when it has arrived.
func (d *demo) advance(by time.Duration) error {
	from := d.clock.Now()
	d.mu.Lock()
	if d.journey != nil {
		d.mu.Unlock()
		return errTravelling
	}
	d.journey = &journey{From: from, To: from.Add(by)}
	d.mu.Unlock()
	d.notify()
	defer func() {
		d.mu.Lock()
		d.journey = nil
		d.mu.Unlock()
		d.notify()
	}()
	return d.forward(d.closing, by)
}

// notify wakes the page's streams.
func (d *demo) notify() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.watch {
		select {
		case c <- struct{}{}:
		default: // a token is waiting there already
		}
	}
}

// subscribe is for notify what telegramtest's Subscribe is for the chat.
func (d *demo) subscribe() (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.watch[c] = struct{}{}
	return c, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.watch, c)
	}
}

// pageState is everything the page shows.
type pageState struct {
	Now      time.Time              `json:"now"`
	Zone     string                 `json:"zone"` // IANA name; empty for the browser's own
	Bot      string                 `json:"bot"`
	Username string                 `json:"username"`
	Commands []telegramtest.Command `json:"commands"`
	Messages []pageMessage          `json:"messages"`
	Keyboard [][]pageKey            `json:"keyboard"` // the reply keyboard, if any
	Doing    string                 `json:"doing"`    // "typing" and the like
	Agenda   []agendaItem           `json:"agenda"`
	More     bool                   `json:"more"`    // there are reminders after those of the agenda
	Trouble  string                 `json:"trouble"` // why the agenda is not known
	Journey  *journey               `json:"journey"`
}

// pageMessage is a message as the page draws it.
type pageMessage struct {
	ID       int            `json:"id"`
	Mine     bool           `json:"mine"`
	At       time.Time      `json:"at"`
	Edited   bool           `json:"edited"`
	HTML     string         `json:"html"`
	ReplyTo  string         `json:"reply_to,omitempty"`
	Document *pageDocument  `json:"document,omitempty"`
	Location string         `json:"location,omitempty"`
	Rows     [][]pageButton `json:"rows,omitempty"`
}

type pageDocument struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Size int    `json:"size"`
}

// pageButton is an inline button; a press names it by place and label.
type pageButton struct {
	Label string `json:"label"`
	Kind  string `json:"kind"`            // press, link or copy
	Value string `json:"value,omitempty"` // the link, or the text to copy
}

type pageKey struct {
	Label    string `json:"label"`
	Location bool   `json:"location,omitempty"`
}

// state is what the page shows now.
func (d *demo) state(ctx context.Context) pageState {
	now := d.clock.Now()
	bot := d.telegram.Bot()
	doing, _ := d.person.Typing()
	s := pageState{
		Now:      now,
		Zone:     zoneName(now.Location()),
		Bot:      bot.FirstName,
		Username: bot.Username,
		Commands: d.telegram.Commands(),
		Messages: []pageMessage{},
		Doing:    doing,
		Agenda:   []agendaItem{},
	}
	for _, m := range d.person.Messages() {
		s.Messages = append(s.Messages, toPage(m))
	}
	if k := d.person.Keyboard(); k != nil {
		for _, row := range k.Rows {
			var keys []pageKey
			for _, b := range row {
				keys = append(keys, pageKey{Label: b.Text, Location: b.RequestLocation})
			}
			s.Keyboard = append(s.Keyboard, keys)
		}
	}
	items, err := d.agenda(ctx)
	if err != nil {
		s.Trouble = "The reminders cannot be read at the moment."
	}
	s.Agenda = append(s.Agenda, items...)
	slices.SortStableFunc(s.Agenda, func(a, b agendaItem) int {
		return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
	})
	if s.More = len(s.Agenda) > agendaSize; s.More {
		s.Agenda = s.Agenda[:agendaSize]
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.Journey = d.journey
	return s
}

// zoneName is the zone's name if a browser can know it.
func zoneName(l *time.Location) string {
	if l == time.Local {
		return ""
	}
	return l.String()
}

func toPage(m telegramtest.Message) pageMessage {
	p := pageMessage{ID: m.ID, Mine: !m.FromBot(), At: m.Time(), Edited: m.EditDate != 0, HTML: m.HTML()}
	if m.ReplyTo != nil {
		p.ReplyTo = m.ReplyTo.Body()
	}
	if m.Document != nil {
		p.Document = &pageDocument{ID: m.Document.FileID, Name: m.Document.Name, Size: m.Document.Size}
	}
	if m.Location != nil {
		p.Location = "📍 Shared location"
	}
	for _, row := range m.Rows() {
		var buttons []pageButton
		for _, b := range row {
			button := pageButton{Label: b.Text, Kind: "press"}
			switch {
			case b.CopyText != nil:
				button.Kind, button.Value = "copy", b.CopyText.Text
			case b.URL != "":
				button.Kind, button.Value = "link", b.URL
			case b.WebApp != nil:
				button.Kind, button.Value = "link", b.WebApp.URL
			}
			buttons = append(buttons, button)
		}
		p.Rows = append(p.Rows, buttons)
	}
	return p
}
