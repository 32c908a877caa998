package telegramtest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// config is what the options set.
type config struct {
	token        string
	bot          Person
	now          func() time.Time
	journal      string
	strict       bool
	callbackLife time.Duration
	calls        int
}

// An Option configures [New]; one that makes no sense is New's error.
type Option func(*config) error

var tokenShape = regexp.MustCompile(`^[0-9]{1,18}:[A-Za-z0-9_-]{1,64}$`)

// WithToken sets the bot's token, "<bot id>:<secret>". Without it the token is
// [DefaultToken].
func WithToken(token string) Option {
	return func(c *config) error {
		if !tokenShape.MatchString(token) {
			return errors.New("the token is not of the form <bot id>:<secret>")
		}
		c.token = token
		return nil
	}
}

// WithBot sets the bot's first name and username, which getMe tells.
func WithBot(firstName, username string) Option {
	return func(c *config) error {
		if firstName == "" || username == "" {
			return errors.New("a bot needs a first name and a username")
		}
		c.bot.FirstName, c.bot.Username = firstName, strings.TrimPrefix(username, "@")
		return nil
	}
}

// WithClock sets the clock that dates messages and lets unanswered button
// presses grow old; time.Now without it. Long polls, rate limits and delays
// run on real time.
func WithClock(now func() time.Time) Option {
	return func(c *config) error {
		if now == nil {
			return errors.New("the clock is nil")
		}
		c.now = now
		return nil
	}
}

// WithJournal keeps the server's state in a file: every change is written and
// synced before the call that made it is answered, and New starts from what
// the file holds. A line torn by a crash is dropped, and a file that has grown
// by what no longer counts is written anew; a file of another kind is refused
// with [ErrForeignFile] and left alone.
func WithJournal(path string) Option {
	return func(c *config) error {
		if path == "" {
			return errors.New("the journal's path is empty")
		}
		c.journal = path
		return nil
	}
}

// WithStrictLimits refuses with 429 what goes over Telegram's published rates:
// 30 messages a second overall, one a second in a private chat with a burst of
// three, 20 a minute in a group. It also slows down repeated getUpdates
// conflicts by three seconds as Telegram does.
func WithStrictLimits() Option {
	return func(c *config) error {
		c.strict = true
		return nil
	}
}

// WithCallbackLife sets how long a pressed button waits for its answer; 30
// seconds without it. Telegram does not publish its own figure.
func WithCallbackLife(d time.Duration) Option {
	return func(c *config) error {
		if d <= 0 {
			return errors.New("the life of a callback must be positive")
		}
		c.callbackLife = d
		return nil
	}
}

// WithCallLog sets how many calls [Server.Calls] remembers at most, the latest;
// ten thousand without it. A server that runs for months needs few.
func WithCallLog(n int) Option {
	return func(c *config) error {
		if n < 1 {
			return errors.New("the call log must have room for one call")
		}
		c.calls = n
		return nil
	}
}

// DefaultToken is the token of a server made without [WithToken].
const DefaultToken = "123456:TEST"

func newConfig(opts []Option) (config, error) {
	c := config{
		token:        DefaultToken,
		bot:          Person{IsBot: true, FirstName: "Followthrough", Username: "followthrough_bot"},
		now:          time.Now,
		callbackLife: 30 * time.Second,
		calls:        10_000,
	}
	for _, opt := range opts {
		if err := opt(&c); err != nil {
			return config{}, fmt.Errorf("telegramtest: %w", err)
		}
	}
	id, _, _ := strings.Cut(c.token, ":")
	c.bot.ID, _ = strconv.ParseInt(id, 10, 64) // the token's shape was checked
	return c, nil
}
