package telegramtest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// dump is everything a state holds, to be compared.
func dump(t require.TestingT, s *state) string {
	all, err := json.Marshal(s.snapshot())
	require.NoError(t, err)
	return string(all)
}

func TestASnapshotMakesTheSameState(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := newState()
		private, group := Chat{ID: 7, Type: "private", FirstName: "Ann"}, Chat{ID: -9, Type: "group", Title: "Team"}
		bot := Person{ID: 1, IsBot: true, FirstName: "Bot"}
		s.apply(record{Person: &Person{ID: 7, FirstName: "Ann"}})
		s.apply(record{Group: &group})
		steps := rapid.SliceOf(rapid.IntRange(0, 9)).Draw(t, "steps")
		for i, step := range steps {
			chat := private
			if rapid.Bool().Draw(t, "in the group") {
				chat = group
			}
			id := rapid.IntRange(1, s.lastID+1).Draw(t, "message")
			query := fmt.Sprint(rapid.Int64Range(1, s.lastQuery+1).Draw(t, "query"))
			s.apply([]record{
				{Message: &Message{ID: s.lastID + 1, From: &bot, Chat: chat, Text: fmt.Sprint("text ", i)}},
				{Message: &Message{ID: id, From: &bot, Chat: private, Text: fmt.Sprint("edit ", i)}},
				{Deleted: &deletion{ChatID: chat.ID, ID: id}},
				{Update: &update{ID: s.lastUpdate + 1, Message: &Message{ID: id, Chat: chat}}},
				{Confirmed: s.lastUpdate},
				{Query: &queryOpened{ID: query, From: 7}},
				{Answered: &queryAnswered{ID: query, Answer: Answer{Text: "ok"}}},
				{Keyboard: &keyboardChange{ChatID: chat.ID, Keyboard: &ReplyKeyboard{OneTime: true}}},
				{File: &fileStored{ID: query, Data: []byte("data")}},
				{Standing: &standingChange{ID: 7, Standing: blocked}},
			}[step])
		}
		// By way of the file's encoding, as a journal does.
		line, err := encode(s.snapshot())
		require.NoError(t, err)
		var records []record
		require.NoError(t, json.Unmarshal(line, &records))
		again := newState()
		for _, r := range records {
			again.apply(r)
		}
		require.Equal(t, dump(t, s), dump(t, again))
		require.Equal(t, []int64{s.lastUpdate, int64(s.lastID), s.lastQuery}, []int64{again.lastUpdate, int64(again.lastID), again.lastQuery})
	})
}

func TestAGrownJournalIsWrittenAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "chat")
	first, err := New(WithJournal(path))
	require.NoError(t, err)
	ann := first.User(Person{ID: 7, FirstName: "Ann"})
	ann.Send("hello")
	for range 40 {
		first.mu.Lock()
		require.NoError(t, first.commit(record{Message: &Message{ID: 2, Chat: first.state.chats[7].Chat, Text: strings.Repeat("x", 10_000)}}))
		first.mu.Unlock()
	}
	require.NoError(t, first.Close())
	require.Greater(t, size(t, path), int64(compactFrom))

	for range 2 { // what was compacted is read like any other
		again, err := New(WithJournal(path))
		require.NoError(t, err)
		require.Less(t, size(t, path), int64(20_000))
		require.Equal(t, dump(t, first.state), dump(t, again.state))
		require.NoError(t, again.Close())
	}
	_, err = os.Stat(path + ".new")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}
