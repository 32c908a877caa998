package bot_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c, err := bot.LoadConfig(nil, "")
	require.NoError(t, err)
	require.True(t, c.Demo())
	require.True(t, c.Embedded())
	require.Equal(t, bot.BaseURL("https://api.telegram.org"), c.TelegramURL)
	require.Equal(t, bot.InsForge, c.BackendDialect)
	require.Equal(t, "followthrough.db", c.DataFile)
	require.Equal(t, bot.Address("127.0.0.1:8080"), c.HTTPAddr)
	require.Equal(t, 15*time.Minute, c.PollInterval.Duration())
	require.Equal(t, 6*time.Hour, c.FollowupInterval.Duration())
	require.Equal(t, bot.Intervals{24 * time.Hour, 48 * time.Hour}, c.Escalation)
	require.EqualValues(t, 3, c.MaxPerCycle)
	require.EqualValues(t, 25, c.SendRate)
	require.Equal(t, time.UTC, c.Zone.Location)
	require.True(t, c.AllowedUsers.Allow(1))
}

func TestConfigSettings(t *testing.T) {
	t.Parallel()
	c, err := bot.LoadConfig([]string{
		"TELEGRAM_BOT_TOKEN=123:abc", "TELEGRAM_API_URL=http://localhost:8081/", "INSFORGE_URL=https://p.example/x",
		"INSFORGE_DIALECT=PostgREST", "ALLOWED_USERS=7, 8,", "ESCALATION=2s, 3s", `TZ_DEFAULT="Europe/Berlin"`, "POLL_INTERVAL=", "INSFORGE_API_KEY='k3y'",
	}, "")
	require.NoError(t, err)
	require.False(t, c.Demo())
	require.False(t, c.Embedded())
	require.Equal(t, "123:abc", c.TelegramToken.Reveal())
	require.Equal(t, bot.BaseURL("http://localhost:8081"), c.TelegramURL)
	require.Equal(t, bot.PostgREST, c.BackendDialect)
	require.True(t, c.AllowedUsers.Allow(8))
	require.False(t, c.AllowedUsers.Allow(9))
	require.Equal(t, bot.Intervals{2 * time.Second, 3 * time.Second}, c.Escalation)
	require.Equal(t, "Europe/Berlin", c.Zone.String(), "quotation marks of an env file's are none of the value's")
	require.Equal(t, "k3y", c.BackendKey.Reveal())
	require.Equal(t, 15*time.Minute, c.PollInterval.Duration(), "an empty variable is an absent one")
}

func TestConfigProblemsSayWhatToDo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ set, says string }{
		{"TELEGRAM_API_URL=api.telegram.org", "TELEGRAM_API_URL is not an address"},
		{"TELEGRAM_BOT_TOKEN=12/34", "copy it again from @BotFather"},
		{"INSFORGE_URL=https://user:pass@host", "must be a plain address"},
		{"INSFORGE_DIALECT=mysql", `is "mysql"; it wants insforge`},
		{"INSFORGE_API_KEY=k3y", "INSFORGE_URL is not"},
		{"HTTP_ADDR=8080", "it wants host:port"},
		{"HTTP_ADDR=localhost:99999", "it wants host:port"},
		{"POLL_INTERVAL=15", "it wants a positive duration"},
		{"POLL_INTERVAL=15ns", "10ms at least"},
		{"INSFORGE_URL=project INSFORGE_API_KEY=k3y", "INSFORGE_URL is not an address"},
		{"LLM_BASE_URL=llm LLM_MODEL=m", "LLM_BASE_URL is not an address"},
		{"FOLLOWUP_INTERVAL=-1h", "it wants a positive duration"},
		{"ALLOWED_USERS=7,@jane", `has "@jane" in it`},
		{"TZ_DEFAULT=Berlin", "which is no time zone here"},
		{"TZ_DEFAULT=Local", "which is no time zone here"},
		{"ESCALATION=24h,,48h", "positive durations between commas"},
		{"MAX_PER_CYCLE=0", "at least 1"},
		{"SEND_RATE=NaN", "messages a second"},
		{"LLM_BASE_URL=https://llm.example/v1", "LLM_MODEL is not"},
		{"LLM_MODEL=m", "LLM_BASE_URL is not"},
		{"LLM_DAILY_TOKENS=500", "not enough for one plan"},
		{"WEBHOOK_URL=https://bot.example", "TELEGRAM_BOT_TOKEN is not"},
		{"TELEGRAM_BOT_TOKEN=1:x WEBHOOK_URL=http://bot.example", "https addresses only"},
		{"TELEGRAM_BOT_TOKEN=1:x WEBHOOK_URL=https://bot.example/{x}", "characters that proxies may change"},
		{"TELEGRAM_BOT_TOKEN=1:x WEBHOOK_URL=https://bot.example/metrics/", "another endpoint"},
		{"TELEGRAM_BOT_TOKEN=1:x WEBHOOK_URL=https://bot.example:9000", "port 443, 80, 88 or 8443"},
		{"TELEGRAM_BOT_TOKEN=1:x WEBHOOK_URL=https://192.168.1.2", "wants a public host"},
		{"TELEGRAM_BOT_TOKEN=1:x WEBHOOK_URL=https://localhost:8443/x", "wants a public host"},
		{"INSFORGE_URL=https://p.example INSFORGE_API_KEY=s3same\x01", "INSFORGE_API_KEY has a line break or another control character"},
		{"TELEGRAM_API_URL=https://api.telegram.org/bot", "is the base alone"},
		{"TELEGRAM_API_URL=https://api.telegram.org/bot1:s3same", "the token belongs in TELEGRAM_BOT_TOKEN"},
	} {
		t.Run(tc.set, func(t *testing.T) {
			t.Parallel()
			_, err := bot.LoadConfig(strings.Fields(tc.set), "")
			var problems *bot.ConfigError
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems.Problems, 1)
			require.Contains(t, err.Error(), tc.says)
			require.NotContains(t, err.Error(), "s3same")
		})
	}
	t.Run("all at once", func(t *testing.T) {
		t.Parallel()
		_, err := bot.LoadConfig([]string{"SEND_RATE=x", "HTTP_ADDR=y", "INSFORGE_API_KEY=sesame"}, "")
		var problems *bot.ConfigError
		require.ErrorAs(t, err, &problems)
		require.Len(t, problems.Problems, 3)
		require.NotContains(t, err.Error(), "sesame")
	})
}

func TestConfigReadsDotenvUnderTheEnvironment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), ".env")
	require.NoError(t, os.WriteFile(file, []byte("# mine\nDATA_FILE=from-file.db\nSEND_RATE=5\nTELEGRAM_BOT_TOKEN='1:x'\n"), 0o600))
	c, err := bot.LoadConfig([]string{"SEND_RATE=7"}, file)
	require.NoError(t, err)
	require.Equal(t, "from-file.db", c.DataFile)
	require.EqualValues(t, 7, c.SendRate)
	require.Equal(t, "1:x", c.TelegramToken.Reveal())

	_, err = bot.LoadConfig(nil, filepath.Join(t.TempDir(), "absent"))
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(file, []byte("\ufeffTZ_DEFAULT=Europe/Berlin\r\n\r\nexport SEND_RATE=\"6\" # mine\r\n"), 0o600))
	c, err = bot.LoadConfig(nil, file)
	require.NoError(t, err, "as an editor on Windows writes it")
	require.Equal(t, "Europe/Berlin", c.Zone.String())
	require.EqualValues(t, 6, c.SendRate)

	require.NoError(t, os.WriteFile(file, []byte("# mine\nSEND_RATE=5\nTELEGRAM_BOT_TOKEN='hunter2"), 0o600))
	_, err = bot.LoadConfig(nil, file)
	require.ErrorContains(t, err, "from line 3 on; it takes lines of the form NAME=value")
	require.NotContains(t, err.Error(), "hunter2")

	_, err = bot.LoadConfig(nil, t.TempDir())
	require.ErrorContains(t, err, "cannot be read: is a directory")
	if os.Getuid() != 0 {
		require.NoError(t, os.Chmod(file, 0))
		_, err = bot.LoadConfig(nil, file)
		require.ErrorContains(t, err, "may not be read by the user this runs as")
	}
}

func TestConfigNotesWhatIsHardlyMeant(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ set, says string }{
		{"TELEGRAM_TOKEN=hunter2", "TELEGRAM_TOKEN is set, and there is no such setting; did you mean TELEGRAM_BOT_TOKEN?"},
		{"INSFORGE_KEY=hunter2", "did you mean INSFORGE_API_KEY?"},
		{"LLM_KEY=hunter2", "did you mean LLM_API_KEY?"},
		{"ALLOWED_USER=7", "did you mean ALLOWED_USERS?"},
		{"allowed_users=7", "did you mean ALLOWED_USERS?"},
		{"TZ_DEFUALT=UTC", "did you mean TZ_DEFAULT?"},
		{"INSFORGE_URL=https://x.example", "INSFORGE_API_KEY is not"},
		{"TELEGRAM_BOT_TOKEN=1:x SEND_RATE=100", "Telegram takes about 30"},
	} {
		c, err := bot.LoadConfig(strings.Fields(tc.set), "")
		require.NoError(t, err, tc.set)
		require.Len(t, c.Notes(), 1, tc.set)
		require.Contains(t, c.Notes()[0], tc.says)
		require.NotContains(t, c.Notes()[0], "hunter2")
	}
	c, err := bot.LoadConfig([]string{"PATH=/bin", "TZ=UTC", "HOME=/", "HTTP_PROXY=x", "SEND_RATE=5", "LANG=C", "TERM=x", "LOGNAME=x", "DATABASE_URL=x", "PORT=1"}, "")
	require.NoError(t, err)
	require.Empty(t, c.Notes())
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	c, err := bot.LoadConfig([]string{"TELEGRAM_BOT_TOKEN=1:hunter2", "INSFORGE_URL=https://x.example", "INSFORGE_API_KEY=hunter2k"}, "")
	require.NoError(t, err)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %x %q", c, c, c, c.TelegramToken, c.TelegramToken, c.TelegramToken)
	require.NoError(t, json.NewEncoder(&out).Encode(c))
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "config", c, "token", c.TelegramToken)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("start", "config", c, "token", c.TelegramToken)
	require.NotContains(t, out.String(), "hunter2")
	require.NotContains(t, out.String(), "68756e74657232", "in hexadecimal")
	require.Contains(t, out.String(), "[secret]")

	var log bytes.Buffer
	w := bot.Redact(&log, c.Secrets()...)
	n, err := w.Write([]byte("dial /bot1:hunter2/getMe with hunter2k\n"))
	require.NoError(t, err)
	require.Equal(t, 39, n)
	require.Equal(t, "dial /bot[secret]/getMe with [secret]\n", log.String())
}

func TestSecretsAreRecognisedInTheirGuises(t *testing.T) {
	t.Parallel()
	const key = `a"b\c<d>&é /+`
	c, err := bot.LoadConfig([]string{"TELEGRAM_BOT_TOKEN=1:hunter2", "INSFORGE_URL=https://x.example", "INSFORGE_API_KEY=" + key,
		"HTTPS_PROXY=http://joe:s3same@proxy.example:3128", "LLM_BASE_URL=https://l.example", "LLM_MODEL=m", "LLM_API_KEY=ok"}, "")
	require.NoError(t, err)
	var out bytes.Buffer
	w := bot.Redact(&out, c.Secrets()...)
	slog.New(slog.NewTextHandler(w, nil)).Info(key, "key", key, "error", fmt.Errorf("bad key %q", key))
	slog.New(slog.NewJSONHandler(w, nil)).Info(key, "key", key, "error", fmt.Errorf("bad key %q", key))
	require.NoError(t, json.NewEncoder(w).Encode(key))
	fmt.Fprintf(w, "https://h/%s?key=%s\n", url.PathEscape(key), url.QueryEscape(key))
	fmt.Fprintln(w, "only its second half: hunter2; invalid proxy address http://joe:s3same@proxy.example:3128")
	require.NotRegexp(t, `a.{1,4}b.{1,4}c.{0,2}(<|%3C)`, out.String())
	require.NotContains(t, out.String(), "hunter2")
	require.NotContains(t, out.String(), "s3same")
	fmt.Fprintln(w, "all is ok")
	require.Contains(t, out.String(), "all is ok", "a word is no secret")
}
