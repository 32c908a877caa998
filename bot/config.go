package bot

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/caarlos0/env/v11"
)

// Config is the service's configuration. [LoadConfig] reads it from the
// environment; every field says which variable it comes from.
type Config struct {
	// TelegramToken is the bot's token; without one the service runs as a demo.
	TelegramToken Secret `env:"TELEGRAM_BOT_TOKEN"`
	// TelegramURL is the base address of the Bot API.
	TelegramURL BaseURL `env:"TELEGRAM_API_URL" envDefault:"https://api.telegram.org"`
	// WebhookURL is where Telegram reaches this service from outside, by way of
	// whatever ends TLS in front of HTTPAddr. Without one, updates are polled.
	WebhookURL BaseURL `env:"WEBHOOK_URL"`

	// BackendURL is the database API; without one an embedded store in DataFile is used.
	BackendURL BaseURL `env:"INSFORGE_URL"`
	// BackendKey is the key the database API asks for.
	BackendKey Secret `env:"INSFORGE_API_KEY"`
	// BackendDialect is "insforge" or "postgrest".
	BackendDialect Dialect `env:"INSFORGE_DIALECT" envDefault:"insforge"`
	// DataFile holds the embedded store; ":memory:" keeps nothing.
	DataFile string `env:"DATA_FILE" envDefault:"followthrough.db"`

	// HTTPAddr is where health, metrics and the demo's page are served.
	HTTPAddr Address `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080"`
	// PollInterval is the longest sleep between two looks for due reminders.
	PollInterval Interval `env:"POLL_INTERVAL" envDefault:"15m"`
	// FollowupInterval is how often leads without open steps are looked at.
	FollowupInterval Interval `env:"FOLLOWUP_INTERVAL" envDefault:"6h"`

	// Retention is how long reminders are kept that are done, skipped or
	// cancelled.
	Retention Interval `env:"RETENTION" envDefault:"8760h"`

	// AllowedUsers are the Telegram ids of those who may use the bot; empty: everyone.
	AllowedUsers UserIDs `env:"ALLOWED_USERS"`

	// LLMURL is an OpenAI-compatible endpoint that writes plans; without one
	// the built-in playbook does.
	LLMURL   BaseURL `env:"LLM_BASE_URL"`
	LLMKey   Secret  `env:"LLM_API_KEY"`
	LLMModel string  `env:"LLM_MODEL"`
	// LLMDailyTokens is how many tokens the model may be paid for in a day, by
	// everybody together; beyond it the built-in playbook writes.
	LLMDailyTokens Positive `env:"LLM_DAILY_TOKENS" envDefault:"500000"`

	// Zone is the time zone of people who have not set their own.
	Zone Zone `env:"TZ_DEFAULT" envDefault:"UTC"`
	// Escalation is the waits after the first nudge, the second, and so on.
	Escalation Intervals `env:"ESCALATION" envDefault:"24h,48h"`
	// MaxPerCycle is how many single reminders one person gets at a time; the
	// rest come in one digest.
	MaxPerCycle Positive `env:"MAX_PER_CYCLE" envDefault:"3"`
	// SendRate is how many messages a second the bot sends to everybody together.
	SendRate Rate `env:"SEND_RATE" envDefault:"25"`

	notes   []string
	proxies []Secret
}

// ConfigError lists everything that is wrong with a configuration, one
// sentence each. None of them quotes a secret.
type ConfigError struct{ Problems []string }

// Error joins the sentences.
func (e *ConfigError) Error() string {
	if len(e.Problems) == 1 {
		return "configuration: " + e.Problems[0]
	}
	return "configuration:\n  - " + strings.Join(e.Problems, "\n  - ")
}

// LoadConfig reads the configuration from environ, in the form of
// [os.Environ], and for what that does not set from the file dotenv, if it
// exists. Errors are a *ConfigError that names every problem at once.
func LoadConfig(environ []string, dotenv string) (Config, error) {
	values := map[string]string{}
	if dotenv != "" {
		file, err := readDotenv(dotenv)
		if err != nil {
			return Config{}, &ConfigError{[]string{err.Error()}}
		}
		maps.Copy(values, file)
	}
	maps.Copy(values, env.ToMap(environ))
	for name, value := range values {
		values[name] = bare(strings.TrimSpace(value))
	}

	var config Config
	var problems []string
	if err := env.ParseWithOptions(&config, env.Options{Environment: values}); err != nil {
		problems = explain(err)
	}
	problems = append(problems, config.contradictions(values)...)
	if len(problems) > 0 {
		return Config{}, &ConfigError{problems}
	}
	config.notes = append(misspelt(values), config.oddities()...)
	config.proxies = proxyPasswords(environ)
	return config, nil
}

// bare is a value without quotation marks around it: docker's --env-file
// takes them for part of it, and they are never meant.
func bare(value string) string {
	if n := len(value); n > 1 && value[0] == value[n-1] && strings.ContainsRune(`"'`, rune(value[0])) {
		return value[1 : n-1]
	}
	return value
}

// Notes are sentences about settings that can be right and most likely are
// not. None of them quotes a secret.
func (c Config) Notes() []string { return slices.Clone(c.notes) }

// oddities are settings that are possible and hardly meant.
func (c Config) oddities() []string {
	var notes []string
	if c.BackendURL != "" && c.BackendKey == "" {
		notes = append(notes, "INSFORGE_URL is set and INSFORGE_API_KEY is not; only a server without keys answers that")
	}
	if c.SendRate > telegramRate && c.TelegramURL == publicTelegram && !c.Demo() {
		notes = append(notes, fmt.Sprintf("SEND_RATE is %v; Telegram takes about %d messages a second from a bot and refuses the rest for a while", float64(c.SendRate), telegramRate))
	}
	return notes
}

// telegramRate is how many messages a second Telegram takes from a bot.
const telegramRate = 30

// Demo reports whether the service stands in for Telegram itself.
func (c Config) Demo() bool { return c.TelegramToken == "" }

// Embedded reports whether the service brings its own store.
func (c Config) Embedded() bool { return c.BackendURL == "" }

// Secrets are the values that no output may carry.
func (c Config) Secrets() []Secret {
	secrets := append([]Secret{c.TelegramToken, c.BackendKey, c.LLMKey}, c.proxies...)
	if _, half, ok := strings.Cut(c.TelegramToken.Reveal(), ":"); ok {
		secrets = append(secrets, Secret(half)) // the other half is the bot's id, which everybody knows
	}
	if c.WebhookURL != "" {
		secrets = append(secrets, hookSecret(c.TelegramToken))
	}
	return slices.DeleteFunc(secrets, func(s Secret) bool { return s == "" })
}

// webhookAddress is what Telegram is told: a bare host gets a path, which
// keeps the webhook apart from the other endpoints.
func (c Config) webhookAddress() string {
	if c.webhookPath() == "" {
		return string(c.WebhookURL) + "/telegram"
	}
	return string(c.WebhookURL)
}

// webhookPath is the path of WEBHOOK_URL, as requests have it.
func (c Config) webhookPath() string {
	parsed, err := url.Parse(string(c.WebhookURL))
	if err != nil {
		return "" // it was checked when it was read
	}
	return parsed.EscapedPath()
}

// pathForm is a path that means the same to every proxy and router.
var pathForm = regexp.MustCompile(`^(?:/[A-Za-z0-9._~-]+)*$`)

// webhookProblems says what is wrong with WEBHOOK_URL.
func (c Config) webhookProblems() []string {
	path := c.webhookPath()
	switch {
	case c.WebhookURL == "":
	case c.TelegramToken == "":
		return []string{"WEBHOOK_URL is set but TELEGRAM_BOT_TOKEN is not; the demo has no use for a webhook"}
	case strings.HasPrefix(string(c.WebhookURL), "http:") && c.TelegramURL == publicTelegram:
		return []string{"WEBHOOK_URL begins with http:, and Telegram posts to https addresses only"}
	case !pathForm.MatchString(path):
		return []string{"WEBHOOK_URL has a path with characters that proxies may change; use letters, digits, dots and hyphens"}
	case slices.Contains([]string{"/healthz", "/readyz", "/metrics"}, path):
		return []string{"WEBHOOK_URL has the path of another endpoint of the service; use another, such as /telegram"}
	case c.TelegramURL == publicTelegram && !postable(string(c.WebhookURL)):
		return []string{"WEBHOOK_URL is an address that Telegram does not post to; it wants a public host, and port 443, 80, 88 or 8443"}
	}
	return nil
}

// postable reports whether Telegram posts to an address, as far as can be seen
// from here (core.telegram.org/bots/webhooks).
func postable(address string) bool {
	parsed, err := url.Parse(address)
	if err != nil {
		return false
	}
	host, err := netip.ParseAddr(parsed.Hostname())
	inside := err == nil && (host.IsLoopback() || host.IsPrivate() || host.IsUnspecified() || host.IsLinkLocalUnicast())
	return !inside && parsed.Hostname() != "localhost" && slices.Contains([]string{"", "443", "80", "88", "8443"}, parsed.Port())
}

// publicTelegram is the Bot API that everybody uses.
const publicTelegram BaseURL = "https://api.telegram.org"

// contradictions are settings that are well-formed each and wrong together. One
// that is set and not well-formed is in values only, and is not missing.
func (c Config) contradictions(values map[string]string) []string {
	var problems []string
	if c.TelegramToken != "" && !tokenForm.MatchString(c.TelegramToken.Reveal()) {
		problems = append(problems, "TELEGRAM_BOT_TOKEN has characters no bot token has; copy it again from @BotFather (digits, a colon, letters)")
	}
	for name, secret := range map[string]Secret{"INSFORGE_API_KEY": c.BackendKey, "LLM_API_KEY": c.LLMKey} {
		if strings.ContainsFunc(secret.Reveal(), unicode.IsControl) {
			problems = append(problems, name+" has a line break or another control character in it; copy it again, in one line")
		}
	}
	if tokenInPath.MatchString(string(c.TelegramURL)) {
		problems = append(problems, "TELEGRAM_API_URL goes on into a bot's address; it is the base alone, such as "+string(publicTelegram)+", and the token belongs in TELEGRAM_BOT_TOKEN")
	}
	problems = append(problems, c.webhookProblems()...)
	if c.BackendKey != "" && values["INSFORGE_URL"] == "" {
		problems = append(problems, "INSFORGE_API_KEY is set but INSFORGE_URL is not; set the address of the project too, or neither to keep data in a file")
	}
	if c.LLMURL != "" && c.LLMModel == "" {
		problems = append(problems, "LLM_BASE_URL is set but LLM_MODEL is not; name the model that should write the plans")
	}
	if c.LLMDailyTokens > 0 && c.LLMDailyTokens < leastBudget {
		problems = append(problems, fmt.Sprintf("LLM_DAILY_TOKENS is %d, which is not enough for one plan; it wants at least %d", c.LLMDailyTokens, leastBudget))
	}
	if values["LLM_BASE_URL"] == "" && (c.LLMModel != "" || c.LLMKey != "") {
		problems = append(problems, "LLM_MODEL or LLM_API_KEY is set but LLM_BASE_URL is not; set the endpoint too (such as https://openrouter.ai/api/v1), or none of them to use the built-in playbook")
	}
	return problems
}

// tokenForm is wider than Telegram's own tokens: it keeps out what would
// change the path of a request, and leaves the rest to getMe.
var tokenForm = regexp.MustCompile(`^[A-Za-z0-9:_-]+$`)

// tokenInPath finds where the base of the Bot API ends in an address of a bot.
var tokenInPath = regexp.MustCompile(`/bot(?:[0-9]+:.*)?$`)

// explain turns the parser's errors into sentences that begin with the
// variable's name.
func explain(err error) []string {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return []string{err.Error()}
	}
	var problems []string
	for _, err := range all.Errors {
		var parse env.ParseError
		if !errors.As(err, &parse) {
			problems = append(problems, err.Error())
			continue
		}
		name := parse.Name
		if field, ok := reflect.TypeFor[Config]().FieldByName(parse.Name); ok {
			name = field.Tag.Get("env")
		}
		problems = append(problems, name+" "+parse.Err.Error())
	}
	return problems
}

// BaseURL is an absolute http or https address without a trailing slash.
type BaseURL string

// UnmarshalText checks the address. Its errors do not quote it, since people
// put keys into addresses.
func (u *BaseURL) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*u = ""
		return nil
	}
	parsed, err := url.Parse(string(text))
	switch {
	case err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https"):
		return errors.New("is not an address; it wants the form https://host or https://host/path")
	case parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "":
		return errors.New("must be a plain address, without a user, a question mark or a hash")
	}
	*u = BaseURL(strings.TrimRight(string(text), "/"))
	return nil
}

// Dialect is how the backend lays out its paths.
type Dialect string

// The dialects.
const (
	InsForge  Dialect = "insforge"
	PostgREST Dialect = "postgrest"
)

// UnmarshalText accepts the two dialects, in any case.
func (d *Dialect) UnmarshalText(text []byte) error {
	switch v := Dialect(strings.ToLower(string(text))); v {
	case InsForge, PostgREST:
		*d = v
		return nil
	}
	return fmt.Errorf("is %q; it wants insforge (an InsForge project) or postgrest (PostgREST or Supabase's /rest/v1)", text)
}

// Address is a host and port to listen on.
type Address string

// UnmarshalText checks the form; whether the port is free shows on listening.
func (a *Address) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("is %q; it wants host:port, such as 127.0.0.1:8080, or :8080 for every interface", text)
	}
	*a = Address(text)
	return nil
}

// Listen listens on the address. Its errors say what to do.
func (a Address) Listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", string(a))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("HTTP_ADDR %s is in use by another process; stop it, or set HTTP_ADDR to another address (%w)", a, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("HTTP_ADDR %s is not an address of this machine; use one that is, or :port for every one (%w)", a, err)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("HTTP_ADDR %s may not be listened on by the user this runs as; use a port above 1023 (%w)", a, err)
	case err != nil:
		return nil, fmt.Errorf("HTTP_ADDR %s cannot be listened on: %w", a, err)
	}
	return listener, nil
}

// Interval is a positive duration.
type Interval time.Duration

// UnmarshalText accepts Go's durations.
func (i *Interval) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return fmt.Errorf("is %q; it wants a positive duration such as 90s, 15m or 6h", text)
	}
	if d < leastInterval {
		return fmt.Errorf("is %q; it wants a duration such as 90s, 15m or 6h, and %v at least", text, leastInterval)
	}
	*i = Interval(d)
	return nil
}

// leastInterval keeps a unit that was mistaken from wearing a backend out.
const leastInterval = 10 * time.Millisecond

// Duration is the interval as package time has it.
func (i Interval) Duration() time.Duration { return time.Duration(i) }

// Intervals is a comma-separated list of durations with at least one entry.
type Intervals []time.Duration

// UnmarshalText accepts Go's durations between commas.
func (l *Intervals) UnmarshalText(text []byte) error {
	var list Intervals
	for part := range strings.SplitSeq(string(text), ",") {
		var one Interval
		if err := one.UnmarshalText([]byte(strings.TrimSpace(part))); err != nil {
			return fmt.Errorf("is %q; it wants positive durations between commas, such as 24h,48h", text)
		}
		list = append(list, one.Duration())
	}
	*l = list
	return nil
}

// UserIDs is a set of Telegram ids; the empty set stands for everyone.
type UserIDs []int64

// UnmarshalText accepts ids between commas.
func (ids *UserIDs) UnmarshalText(text []byte) error {
	var list UserIDs
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		id, err := strconv.ParseInt(part, 10, 64)
		if err != nil || id <= 0 {
			return fmt.Errorf("has %q in it; it wants numeric Telegram ids between commas (the bot tells a person theirs at /start)", part)
		}
		list = append(list, id)
	}
	*ids = list
	return nil
}

// Allow reports whether the person may use the bot.
func (ids UserIDs) Allow(id int64) bool { return len(ids) == 0 || slices.Contains(ids, id) }

// Zone is a time zone known to this machine.
type Zone struct{ *time.Location }

// UnmarshalText accepts IANA names.
func (z *Zone) UnmarshalText(text []byte) error {
	location, err := time.LoadLocation(string(text))
	if err != nil || string(text) == "Local" {
		return fmt.Errorf("is %q, which is no time zone here; it wants a name such as Europe/Berlin or UTC", text)
	}
	*z = Zone{location}
	return nil
}

// Positive is a whole number of at least one.
type Positive int

// UnmarshalText accepts decimal numbers.
func (p *Positive) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("is %q; it wants a whole number of at least 1", text)
	}
	*p = Positive(n)
	return nil
}

// Rate is a number of messages a second.
type Rate float64

// UnmarshalText accepts positive numbers up to 1000.
func (r *Rate) UnmarshalText(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(f > 0 && f <= 1000) {
		return fmt.Errorf("is %q; it wants a number of messages a second, such as 25 (Telegram allows about 30)", text)
	}
	*r = Rate(f)
	return nil
}
