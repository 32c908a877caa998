// Command reminderbot reminds people in Telegram of the steps of their
// engagement plans.
//
// Without any setting it runs a demo: data in a file, and a chat page in the
// place of Telegram. Given TELEGRAM_BOT_TOKEN and INSFORGE_URL it does the
// same for real. `reminderbot help` lists the settings.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
	_ "time/tzdata" // small containers have no time zones

	"github.com/followthrough-go/followthrough/scheduler"
)

// The exit statuses of the commands.
const (
	exitFine  = 0
	exitError = 1 // something is wrong with the world: settings, connections
	exitUsage = 2 // something is wrong with the command line
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(command(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

const usage = `Followthrough's reminder bot: engagement plans become reminders in Telegram.

Usage:
  reminderbot                  run the service; without settings, as a demo
  reminderbot check            test every setting and connection
  reminderbot migrate          create or update the tables in an InsForge project
  reminderbot migrate -dry-run say what that would do
  reminderbot migrate -print   write the SQL for psql to standard output
  reminderbot version          print the version
  reminderbot help             print this

Settings are environment variables, or lines of a .env file in the working directory:
  TELEGRAM_BOT_TOKEN           token from @BotFather; absent: a local chat page stands in for Telegram
  TELEGRAM_API_URL             Bot API base, default https://api.telegram.org
  WEBHOOK_URL                  https address under which Telegram reaches HTTP_ADDR; absent: updates are polled
  INSFORGE_URL                 database API; absent: data is kept in DATA_FILE
  INSFORGE_API_KEY             its key
  INSFORGE_DIALECT             insforge (default) or postgrest
  DATA_FILE                    file of the embedded store, default followthrough.db; :memory: keeps nothing
  HTTP_ADDR                    /healthz, /readyz, /metrics and the demo's page, default 127.0.0.1:8080
  POLL_INTERVAL                longest pause between two looks for due reminders, default 15m
  FOLLOWUP_INTERVAL            how often leads without open steps are looked at, default 6h
  RETENTION                    how long done, skipped and cancelled reminders are kept, default 8760h
  ALLOWED_USERS                Telegram ids between commas; empty: everyone
  LLM_BASE_URL, LLM_API_KEY,
  LLM_MODEL                    OpenAI-compatible endpoint that writes plans; absent: the built-in playbook
  LLM_DAILY_TOKENS             tokens it may use in 24 hours, by everybody together, default 500000
  TZ_DEFAULT                   time zone of people who have set none, default UTC
  ESCALATION                   waits after the 1st and 2nd nudge, default 24h,48h
  MAX_PER_CYCLE                single messages a person gets at a time, default 3; the rest is one digest
  SEND_RATE                    messages a second to everybody together, default 25
`

// command runs what the arguments ask for and returns the exit status.
func command(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if slices.ContainsFunc(append([]string{name}, args...), func(arg string) bool {
		return arg == "help" || arg == "-h" || arg == "-help" || arg == "--help"
	}) {
		fmt.Fprint(stdout, usage)
		return exitFine
	}
	switch name {
	case "version", "-version", "--version":
		fmt.Fprintln(stdout, version())
		return exitFine
	case "migrate":
		return migrate(ctx, args, environ, stdout, stderr)
	case "check":
		if len(args) > 0 {
			return misused(stderr, "check takes no arguments")
		}
		return checkAll(ctx, environ, stdout, stderr)
	case "":
		return serve(ctx, environ, stderr, scheduler.SystemClock())
	}
	return misused(stderr, fmt.Sprintf("unknown command %q", name))
}

func misused(stderr io.Writer, problem string) int {
	fmt.Fprintf(stderr, "reminderbot: %s\n\n%s", problem, usage)
	return exitUsage
}

// failed tells what went wrong and returns the exit status for it. Being told
// to stop is nothing that went wrong.
func failed(stderr io.Writer, err error) int {
	if err == nil || errors.Is(err, context.Canceled) {
		return exitFine
	}
	fmt.Fprintf(stderr, "reminderbot: %v\n", err)
	return exitError
}

// newLogger logs to w: text for people at a terminal, JSON for programs. Both
// write durations as people read them.
func newLogger(w io.Writer, terminal bool) *slog.Logger {
	options := &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration {
			a.Value = slog.StringValue(a.Value.Duration().Round(time.Millisecond).String())
		}
		return a
	}}
	if terminal {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// isTerminal reports whether somebody is likely to watch w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
