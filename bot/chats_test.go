package bot_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// The conversations in testdata/chats are written as they look in the chat:
//
//	# What a line in front of it explains.
//	set ALLOWED_USERS=7
//	Ann: /newlead Jane Doe, CTO @ Acme
//	  a further line of the same message
//	Bot: Plan for Jane Doe … Nothing is scheduled yet
//	  [Schedule 7 steps] [Drafts]
//	  not: replaces
//	Ann presses: Schedule
//	Bot edits: ✅ Scheduled for Jane Doe … 7 reminders
//	24h pass
//	Bot: Time for the next step
//	Ann presses: Done
//	Bot edits: ✅ Done … Next: 2. Connect [Undo]
//	Ann shares: 38.88 -6.97
//	Bot sends a file: BEGIN:VCALENDAR
//
// What the bot says is given in part: pieces in their order, with … between
// them, and the labels of buttons. "Bot:" is a new message, "Bot edits:" one
// that was there, and "Bot answers:" what pops up after a press, or comes as a
// message where the bot took longer than Telegram waits. Each of these lines is
// about another message, or a later state of it. It is always ten on a Monday
// morning when a conversation begins, in UTC, so 10:0 stands for the first
// minutes.

// chatLine is one line of a conversation, with those that belong to it.
type chatLine struct {
	number int
	who    string
	does   string // "", presses, shares, edits, answers, sends a file, pass
	text   string
	more   []string
}

var (
	chatForm   = regexp.MustCompile(`^(\w+)(?: (presses|shares|edits|answers|sends a file))?:(?: (.*))?$`)
	passForm   = regexp.MustCompile(`^(\S+) pass(?:es)?$`)
	buttonForm = regexp.MustCompile(`\[[^\]]+\]`)
)

// readChat reads a conversation and the settings it is held under.
func readChat(t *testing.T, path string) (lines []chatLine, environ []string) {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	scanner := bufio.NewScanner(file)
	for n := 1; scanner.Scan(); n++ {
		line := scanner.Text()
		found, pass := chatForm.FindStringSubmatch(line), passForm.FindStringSubmatch(line)
		setting, isSetting := strings.CutPrefix(line, "set ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "  "):
			require.NotEmpty(t, lines, "%s:%d", path, n)
			last := &lines[len(lines)-1]
			last.more = append(last.more, strings.TrimPrefix(line, "  "))
		case isSetting:
			environ = append(environ, setting)
		case pass != nil:
			lines = append(lines, chatLine{number: n, does: "pass", text: pass[1]})
		default:
			require.NotNil(t, found, "%s:%d: %q is no line of a conversation", path, n, line)
			lines = append(lines, chatLine{number: n, who: found[1], does: found[2], text: found[3]})
		}
	}
	require.NoError(t, scanner.Err())
	return lines, environ
}

// TestChats holds every conversation on every backend. With CHATS=strict they
// are held at the pace that Telegram allows, a message a second in each chat,
// on a Bot API that refuses what is faster; with -parallel 40 that takes half a
// minute.
func TestChats(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/chats/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		for backend := range backends {
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txt")+" on "+backend, func(t *testing.T) {
				t.Parallel()
				lines, environ := readChat(t, path)
				var w *world
				if os.Getenv("CHATS") == "strict" {
					w = prepare(t, backend, telegramtest.WithStrictLimits())
					w.start(environ...)
				} else {
					w = newWorld(t, backend, environ...)
				}
				w.holds(path, lines)
				_, metrics := w.get("/metrics")
				require.NotContains(t, metrics, `outcome="400"`, "Telegram took everything as it was")
				require.NotContains(t, metrics, `outcome="429"`)
				require.NotContains(t, w.log.String(), "level=ERROR")
			})
		}
	}
}

// holds a conversation.
func (w *world) holds(path string, lines []chatLine) {
	w.Helper()
	people := map[string]*person{}
	var p *person // who acted last: the bot's lines are what they see
	press := ""
	for _, l := range lines {
		where := fmt.Sprintf("%s:%d", path, l.number)
		if l.who != "" && l.who != "Bot" {
			if p = people[l.who]; p == nil {
				p = w.person(int64(7+len(people)), l.who)
				people[l.who] = p
			}
		}
		switch {
		case l.does == "pass":
			d, err := time.ParseDuration(l.text)
			require.NoError(w, err, where)
			p.look()
			w.clock.Advance(d)
			w.service.Dispatcher().Trigger()
		case l.who != "Bot" && l.does == "":
			p.look()
			p.Send(strings.Join(append([]string{l.text}, l.more...), "\n"))
		case l.does == "presses":
			press = p.presses(l.text)
		case l.does == "shares":
			var at [2]float64
			_, err := fmt.Sscan(l.text, &at[0], &at[1])
			require.NoError(w, err, where)
			p.look()
			p.SendLocation(at[0], at[1])
		case l.does == "answers":
			p.hears(press, l.text)
		default:
			p.sawBot(where, l)
		}
	}
}

// sawBot waits for a message of the bot's as a line has it.
func (p *person) sawBot(where string, l chatLine) {
	p.Helper()
	var pieces, buttons, not []string
	for _, text := range append([]string{l.text}, l.more...) {
		if unwanted, ok := strings.CutPrefix(text, "not: "); ok {
			not = append(not, unwanted)
			continue
		}
		for _, label := range buttonForm.FindAllString(text, -1) {
			buttons = append(buttons, strings.Trim(label, "[]"))
		}
		for piece := range strings.SplitSeq(buttonForm.ReplaceAllString(text, ""), " … ") {
			if piece = strings.TrimSpace(piece); piece != "" {
				pieces = append(pieces, piece)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m, err := p.Wait(ctx, func(m telegramtest.Message) bool {
		before, known := p.before[m.ID]
		if !m.FromBot() || before == showing(m) || known != (l.does == "edits") {
			return false
		}
		if l.does == "sends a file" {
			return m.Document != nil
		}
		return inOrder(m.Body(), pieces)
	})
	if err != nil {
		var seen strings.Builder
		for _, m := range p.Messages() {
			if m.FromBot() && p.before[m.ID] != showing(m) {
				fmt.Fprintf(&seen, "--- %d\n%s\n%q\n", m.ID, m.Body(), m.Labels())
			}
		}
		require.NoError(p, err, "%s: waiting for %q; since then the bot said:\n%s\nThe log ends:\n%s", where, pieces, seen.String(), tail(p.log.String()))
	}
	p.before[m.ID] = showing(m)
	if l.does == "sends a file" {
		data, ok := p.telegram.File(m.Document.FileID)
		require.True(p, ok, where)
		require.True(p, inOrder(string(data), pieces), "%s: the file has no %q but\n%s", where, pieces, data)
	}
	for _, label := range buttons {
		require.Contains(p, strings.Join(m.Labels(), "\n"), label, where)
	}
	for _, unwanted := range not {
		require.NotContains(p, showing(m), unwanted, where)
	}
	// A cycle that is still storing what it delivered comes first. Where the
	// backend is down there is none to wait for.
	_, _ = p.service.Dispatcher().Cycle(context.Background())
}

// inOrder reports whether a text has all pieces, one behind the other.
func inOrder(text string, pieces []string) bool {
	for _, piece := range pieces {
		_, rest, found := strings.Cut(text, piece)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

func tail(text string) string { return text[max(len(text)-2000, 0):] }
