package bot

import (
	"context"
	"regexp"
	"strings"

	tele "gopkg.in/telebot.v3"
)

// command is one thing people can ask for by name. /help, the menu behind the
// slash and the hint at a misspelt command are made from these.
type command struct {
	name  string // without the slash
	args  string // as the help shows them; empty for none
	brief string // one line, for the menu
	// detail and example are for "/help name".
	detail  string
	example string
	// aliases are words that people try for it; they lead here and are no
	// commands of their own.
	aliases []string
	run     func(ctx context.Context, t *turn, args string) error
}

// register sets up what the dialogue understands.
func (d *dialogue) register() {
	d.commands = []command{
		{name: "start", brief: "Say hello and see how I work", run: start,
			detail: "Also brings back reminders that were parked because you had blocked me."},
		{name: "newlead", aliases: []string{"add", "new", "create", "addlead"}, args: "NAME, TITLE @ COMPANY, NOTES", brief: "Add a lead and get a plan for them", run: newLead,
			detail:  "Only the name is needed. I propose a plan with dates; nothing is scheduled before you press the button.",
			example: "/newlead Jane Doe, CTO @ Acme, met at the fair"},
		{name: "plan", aliases: []string{"schedule", "propose", "generate"}, args: "[JSON]", brief: "Propose a plan for the lead in focus", run: plan,
			detail: "With a plan after it, or in your next message, that becomes the proposal. A plan can also be pasted without any command: raw output of a language model will do, with fences and prose around it. " +
				"The lead in focus is the one you added or opened last."},
		{name: "leads", aliases: []string{"list", "all", "contacts"}, brief: "List your leads", run: leads},
		{name: "lead", aliases: []string{"edit", "rename", "find", "search", "history", "log", "open", "show", "card"}, args: "[NAME]", brief: "Open a lead: plan, dates, history", run: lead,
			detail: "Without a name it opens the lead in focus.", example: "/lead Jane"},
		{name: "today", aliases: []string{"tasks", "reminders", "done", "skip", "todo", "due", "now", "agenda"}, brief: "What is due today", run: today},
		{name: "week", aliases: []string{"tomorrow", "upcoming", "calendar"}, brief: "What is due in the next seven days", run: week},
		{name: "snoozed", aliases: []string{"snooze", "parked"}, brief: "What is put off or no longer reminded of", run: snoozed},
		{name: "note", aliases: []string{"notes", "context", "comment"}, args: "TEXT", brief: "Add a note to the lead in focus", run: note, example: "/note prefers mail, back from holiday on Monday"},
		{name: "undo", aliases: []string{"back", "revert"}, brief: "Take back what you last did with a step", run: undoLast, detail: "Within a minute."},
		{name: "delete", aliases: []string{"remove", "forget"}, args: "[NAME]", brief: "Delete a lead with its reminders", run: deleteLead, detail: "I ask before I do."},
		{name: "timezone", aliases: []string{"tz", "zone", "location", "time"}, args: "[PLACE]", brief: "Set your time zone", run: timezone,
			detail: "Takes a city, a zone or an offset; or share your location and I look for the nearest city. I do not keep the place.", example: "/timezone Lisbon"},
		{name: "quiet", aliases: []string{"night", "dnd"}, args: "[FROM-UNTIL | off]", brief: "Set hours without reminders", run: quiet, example: "/quiet 21:00-7:30"},
		{name: "sendhour", args: "[HOUR | off]", brief: "Set the hour reminders are planned for", run: sendHour,
			detail: "Without one, a step is due at the time of day its plan was made. It holds for plans scheduled from then on.", example: "/sendhour 9"},
		{name: "pause", aliases: []string{"stop", "mute", "silence"}, args: "[DAYS | until WHEN]", brief: "No reminders for a while", run: pauseReminders, detail: "For so many days, until a day or a time; without either, for a week.", example: "/pause until monday"},
		{name: "resume", aliases: []string{"unpause", "continue", "unmute"}, brief: "End the pause", run: resume},
		{name: "settings", aliases: []string{"config", "preferences", "options"}, brief: "Show your settings", run: settings},
		{name: "export", aliases: []string{"ics", "csv", "download", "backup"}, args: "[ICS | CSV]", brief: "Get your steps as a calendar and a table",
			run: export, detail: "The calendar (ICS) has the open steps; the table (CSV) has every lead and every step. Without a word after it you get both."},
		{name: "cancel", brief: "Never mind what I just asked", run: cancelQuestion},
		{name: "help", aliases: []string{"commands", "menu", "info", "about"}, args: "[COMMAND]", brief: "Show what I can do", run: help},
	}
	d.actions = map[string]action{
		"go": approve, "showplan": showProposal, "drop": discard,
		"regen": regenerate, "regenyes": confirmRegenerate, "regenno": keepPlan,
		"lead": openLead, "card": backToLead, "leads": pageLeads, "step": toggleStep, "steps": chooseSteps, "log": showLog, "drafts": showDrafts,
		"addnote": askNote, "edit": askDetails, "keepnote": keepAsNote, "keeplead": keepAsLead, "cancel": pressedCancel,
		"del": askDelete, "delyes": confirmDelete, "delno": keepLead,
		"list": pageAgenda, "zone": pressedZone, "nozone": noZone,
		"done": done, "skip": skip, "snooze": snooze, "postpone": postpone, "when": askWhen, "undo": undo, "open": openReminder, "draft": showDraft,
	}
}

// commandForm is a command and what follows it: "/plan@somebot\n[...]". A name
// may have characters that no command has: it was meant as one all the same.
var commandForm = regexp.MustCompile(`(?s)^/ ?([\pL\pN_-]+)(?:@([A-Za-z0-9_]+))?(?:[:,;.!?]*$|[:,;]\s*(.*)|\s+(.*))$`)

// parseCommand reads a message as a command. One for another bot is none.
func (d *dialogue) parseCommand(text string) (name, args string, ok bool) {
	text = strings.TrimSpace(text)
	if text == "/" {
		return "help", "", true
	}
	found := commandForm.FindStringSubmatch(text)
	if found == nil {
		return "", "", false
	}
	if own := d.username(); found[2] != "" && own != "" && !strings.EqualFold(found[2], own) {
		return "", "", false
	}
	return strings.ToLower(found[1]), strings.TrimSpace(found[3] + found[4]), true
}

// command runs the command of that name, or says what comes nearest.
func (t *turn) command(ctx context.Context, name, args string) error {
	c, ok := t.named(name)
	if !ok {
		nearest := t.nearest(name)
		text := plain("I do not know /" + cut(name, 40) + ". Did you mean /" + nearest.name + "? " + nearest.brief + ". /help lists everything.")
		if args != "" && nearest.args != "" {
			text = lines(text, join(plain("To copy: "), code("/"+nearest.name+" "+cut(args, maxText-500))))
		}
		return t.say(ctx, text)
	}
	if err := t.settle(ctx, name); err != nil {
		return err
	}
	return c.run(ctx, t, args)
}

// named is the command of that name.
func (d *dialogue) named(name string) (command, bool) {
	for _, c := range d.commands {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

// nearest is the command whose name takes the fewest changes to get to.
func (d *dialogue) nearest(name string) command {
	name = cutBytes(name, 40) // no command is as long, and the comparison takes time
	best, least := d.commands[0], len(name)+100
	for _, c := range d.commands {
		changes := editDistance(name, c.name)
		if strings.HasPrefix(c.name, name) || strings.HasPrefix(name, c.name) {
			changes = min(changes, 1)
		}
		for _, alias := range c.aliases {
			changes = min(changes, 2*editDistance(name, alias))
		}
		if changes < least {
			best, least = c, changes
		}
	}
	return best
}

// editDistance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b.
func editDistance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// menu is the commands as Telegram offers them behind the slash.
func (d *dialogue) menu() []tele.Command {
	var menu []tele.Command
	for _, c := range d.commands {
		menu = append(menu, tele.Command{Text: c.name, Description: c.brief})
	}
	return menu
}

func start(ctx context.Context, t *turn, _ string) error {
	name := cut(oneLine(t.from.FirstName), 60)
	if name != "" {
		name = " " + name
	}
	back, err := t.store.Unblock(ctx, t.from.ID)
	greeting := paragraphs(
		join(plain("👋 Hello"+name+"! I turn engagement plans into reminders that arrive when they are due, so that no lead is forgotten.")),
		lines(
			bold("How it goes"),
			join(plain("1. Add a lead: "), code("/newlead Jane Doe, CTO @ Acme, met at the fair")),
			plain("2. I propose a plan with dates. Or paste one of your own, straight from a language model."),
			plain("3. Press the button under it. Each step then comes as a message, with a draft to copy and buttons for done, later and skip."),
		),
		plain("/help shows everything I can do."),
	)
	if back > 0 {
		greeting = paragraphs(greeting, plain("Good to have you back: "+count(int(back), "reminder")+" that I could not deliver will come again."))
	}
	if sayErr := t.say(ctx, greeting); sayErr != nil {
		return sayErr
	}
	return err
}

func help(ctx context.Context, t *turn, args string) error {
	if args != "" {
		name := strings.ToLower(strings.TrimPrefix(strings.Fields(args)[0], "/"))
		c, ok := t.named(name)
		var text richText
		if !ok {
			c = t.nearest(name)
			text = plain("I do not know /" + cut(name, 40) + "; this comes nearest:")
		}
		text = paragraphs(text, lines(bold("/"+c.name+spaced(c.args)), plain(c.brief+".")), plain(c.detail))
		if c.example != "" {
			text = paragraphs(text, join(plain("For example: "), code(c.example)))
		}
		return t.say(ctx, text)
	}
	var list richText
	for _, c := range t.commands {
		list = lines(list, plain("/"+c.name+spaced(c.args)+" – "+c.brief))
	}
	return t.say(ctx, paragraphs(bold("What I can do"), list,
		plain("You can also paste a plan at any time: it becomes the proposal for the lead in focus, the one you added or opened last. /help newlead tells more about a command.")))
}

func spaced(args string) string {
	if args == "" {
		return ""
	}
	return " " + args
}
