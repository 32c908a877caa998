package telegramtest

import (
	"maps"
	"slices"
	"time"
)

// state is everything the server remembers. It changes only through apply, so
// that a journal of records rebuilds it exactly.
type state struct {
	people     map[int64]*account
	chats      map[int64]*chat
	updates    []update // what the bot has not confirmed yet
	lastUpdate int64
	lastID     int // of messages, across all chats
	queries    map[string]*query
	lastQuery  int64
	commands   []Command
	webhook    *webhook // nil when updates are polled
	allowed    []string // kinds of update the bot asked for; nil means the default
	files      map[string][]byte
}

// account is a person as the bot can reach them.
type account struct {
	Person
	standing standing
}

// standing says whether the bot may write to a person.
type standing string

const (
	stranger    standing = ""            // has never written to the bot
	reachable   standing = "reachable"   // has the bot's chat open
	blocked     standing = "blocked"     // blocked the bot
	deactivated standing = "deactivated" // the account is gone
)

// chat is a conversation and what is in it, oldest first.
type chat struct {
	Chat
	messages []*Message
	keyboard *ReplyKeyboard
}

func (c *chat) find(id int) (int, bool) {
	return slices.BinarySearchFunc(c.messages, id, func(m *Message, id int) int { return m.ID - id })
}

// query is a pressed button the bot has not answered yet, or has.
type query struct {
	ID     string
	From   int64 // who pressed
	At     time.Time
	Answer *Answer
}

// A record is one change of state; exactly one field is set. Records that
// belong together are journaled as one line, so that a crash keeps all of them
// or none.
type record struct {
	Person    *Person         `json:"person,omitempty"`
	Group     *Chat           `json:"group,omitempty"`
	Standing  *standingChange `json:"standing,omitempty"`
	Message   *Message        `json:"message,omitempty"` // new, or the new contents of an old one
	Keyboard  *keyboardChange `json:"keyboard,omitempty"`
	Deleted   *deletion       `json:"deleted,omitempty"`
	Update    *update         `json:"update,omitempty"`
	Confirmed int64           `json:"confirmed,omitempty"` // updates below this id are done
	Query     *queryOpened    `json:"query,omitempty"`
	Answered  *queryAnswered  `json:"answered,omitempty"`
	Commands  *[]Command      `json:"commands,omitempty"`
	Webhook   *webhookChange  `json:"webhook,omitempty"`
	Allowed   *[]string       `json:"allowed,omitempty"`
	File      *fileStored     `json:"file,omitempty"`
	Counters  *counters       `json:"counters,omitempty"`
}

type (
	standingChange struct {
		ID       int64    `json:"id"`
		Standing standing `json:"standing"`
	}
	keyboardChange struct {
		ChatID   int64          `json:"chat_id"`
		Keyboard *ReplyKeyboard `json:"keyboard,omitempty"`
	}
	deletion struct {
		ChatID int64 `json:"chat_id"`
		ID     int   `json:"message_id"`
	}
	queryOpened struct {
		ID   string    `json:"id"`
		From int64     `json:"from"`
		At   time.Time `json:"at"`
	}
	queryAnswered struct {
		ID     string `json:"id"`
		Answer Answer `json:"answer"`
	}
	webhookChange struct {
		Webhook *webhook `json:"set,omitempty"`
	}
	fileStored struct {
		ID   string `json:"id"`
		Data []byte `json:"data"`
	}
	// counters are the last numbers given away; what they counted may be gone.
	counters struct {
		Update  int64 `json:"update,omitempty"`
		Message int   `json:"message,omitempty"`
		Query   int64 `json:"query,omitempty"`
	}
)

func newState() *state {
	return &state{
		people:  map[int64]*account{},
		chats:   map[int64]*chat{},
		queries: map[string]*query{},
		files:   map[string][]byte{},
	}
}

func (s *state) apply(r record) {
	switch {
	case r.Person != nil:
		s.applyPerson(*r.Person)
	case r.Group != nil:
		if c, known := s.chats[r.Group.ID]; known {
			c.Chat = *r.Group
			break
		}
		s.chats[r.Group.ID] = &chat{Chat: *r.Group}
	case r.Standing != nil:
		if a, ok := s.people[r.Standing.ID]; ok {
			a.standing = r.Standing.Standing
		}
	case r.Message != nil:
		s.applyMessage(r.Message)
	case r.Keyboard != nil:
		if c, ok := s.chats[r.Keyboard.ChatID]; ok {
			c.keyboard = r.Keyboard.Keyboard
		}
	case r.Deleted != nil:
		if c, ok := s.chats[r.Deleted.ChatID]; ok {
			if i, ok := c.find(r.Deleted.ID); ok {
				c.messages = slices.Delete(c.messages, i, i+1)
			}
		}
	case r.Update != nil:
		s.lastUpdate = r.Update.ID
		s.updates = append(s.updates, *r.Update)
	case r.Confirmed != 0:
		s.updates = slices.DeleteFunc(s.updates, func(u update) bool { return u.ID < r.Confirmed })
	case r.Query != nil:
		s.lastQuery++
		s.queries[r.Query.ID] = &query{ID: r.Query.ID, From: r.Query.From, At: r.Query.At}
	case r.Answered != nil:
		if q, ok := s.queries[r.Answered.ID]; ok {
			q.Answer = &r.Answered.Answer
		}
	case r.Commands != nil:
		s.commands = *r.Commands
	case r.Webhook != nil:
		s.webhook = r.Webhook.Webhook
	case r.Allowed != nil:
		s.allowed = *r.Allowed
	case r.File != nil:
		s.files[r.File.ID] = r.File.Data
	case r.Counters != nil:
		s.lastUpdate, s.lastID, s.lastQuery = r.Counters.Update, r.Counters.Message, r.Counters.Query
	}
}

// snapshot are the fewest records that make this state from an empty one.
func (s *state) snapshot() []record {
	var records []record
	add := func(r record) { records = append(records, r) }
	for _, id := range slices.Sorted(maps.Keys(s.people)) {
		a := s.people[id]
		add(record{Person: &a.Person})
		if a.standing != stranger {
			add(record{Standing: &standingChange{ID: id, Standing: a.standing}})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.chats)) {
		c := s.chats[id]
		if c.Type != "private" {
			add(record{Group: &c.Chat})
		}
		for _, m := range c.messages {
			add(record{Message: m})
		}
		if c.keyboard != nil {
			add(record{Keyboard: &keyboardChange{ChatID: id, Keyboard: c.keyboard}})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.queries)) {
		q := s.queries[id]
		add(record{Query: &queryOpened{ID: id, From: q.From, At: q.At}})
		if q.Answer != nil {
			add(record{Answered: &queryAnswered{ID: id, Answer: *q.Answer}})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.files)) {
		add(record{File: &fileStored{ID: id, Data: s.files[id]}})
	}
	if s.commands != nil {
		add(record{Commands: &s.commands})
	}
	if s.webhook != nil {
		add(record{Webhook: &webhookChange{Webhook: s.webhook}})
	}
	if s.allowed != nil {
		add(record{Allowed: &s.allowed})
	}
	for _, u := range s.updates {
		add(record{Update: &u})
	}
	add(record{Counters: &counters{Update: s.lastUpdate, Message: s.lastID, Query: s.lastQuery}})
	return records
}

func (s *state) applyPerson(p Person) {
	a, known := s.people[p.ID]
	if !known {
		a = &account{}
		s.people[p.ID] = a
	}
	a.Person = p
	c, known := s.chats[p.ID]
	if !known {
		c = &chat{}
		s.chats[p.ID] = c
	}
	c.Chat = Chat{ID: p.ID, Type: "private", FirstName: p.FirstName, LastName: p.LastName, Username: p.Username}
}

func (s *state) applyMessage(m *Message) {
	s.lastID = max(s.lastID, m.ID)
	c, ok := s.chats[m.Chat.ID]
	if !ok {
		return
	}
	i, known := c.find(m.ID)
	if known {
		c.messages[i] = m
		return
	}
	c.messages = slices.Insert(c.messages, i, m)
}
