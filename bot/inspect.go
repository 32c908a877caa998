package bot

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// TelegramReport is what Telegram says of a token.
type TelegramReport struct {
	Username string // of the bot, without the at sign
	// Notes are sentences about what a start of the service will change.
	Notes []string
}

// InspectTelegram asks Telegram about the configured token. Its errors say
// what to do.
func InspectTelegram(ctx context.Context, config Config) (TelegramReport, error) {
	api := &telegram{base: string(config.TelegramURL), token: config.TelegramToken, transport: newTransport(), observe: func(string, string) {}}
	defer api.transport.(*http.Transport).CloseIdleConnections()
	me, err := api.me(ctx)
	if err != nil {
		return TelegramReport{}, telegramAdvice(config, err)
	}
	report := TelegramReport{Username: me.Username}
	if _, err := api.clock.deviation(); err != nil {
		return report, err
	}
	hook, err := api.webhook(ctx)
	refused := (*apiError)(nil)
	switch {
	case errors.As(err, &refused) && refused.Code == http.StatusNotFound:
		report.Notes = append(report.Notes, "whether it has a webhook is not known: this Bot API server does not say")
	case err != nil:
		return report, telegramAdvice(config, err)
	case config.WebhookURL == "" && hook.URL != "":
		report.Notes = append(report.Notes, "the bot has a webhook, set by something else or while WEBHOOK_URL was set: the service takes it away when it starts")
	case config.WebhookURL != "" && hook.URL != config.webhookAddress():
		report.Notes = append(report.Notes, "the webhook is not set yet: the service does that when it starts")
	case hook.URL != "":
		return report, hook.undelivered(time.Hour)
	}
	return report, nil
}

func telegramAdvice(config Config, err error) error {
	var refused *apiError
	var proxy *proxyError
	switch {
	case errors.As(err, &refused) && (refused.Code == http.StatusUnauthorized || refused.Code == http.StatusNotFound):
		return fmt.Errorf("Telegram does not know TELEGRAM_BOT_TOKEN; copy it again from @BotFather (%w)", err)
	case errors.As(err, &refused) && (refused.Code == http.StatusTooManyRequests || refused.Code >= 500):
		return fmt.Errorf("Telegram is in trouble or has had enough of this bot for now; try again later (%w)", err)
	case errors.As(err, &refused):
		return fmt.Errorf("Telegram refuses the bot, and only its support can tell why (%w)", err)
	case errors.As(err, &proxy) && proxy.Status >= 500:
		return fmt.Errorf("TELEGRAM_API_URL %s is not a Bot API server, or one in trouble (%w)", config.TelegramURL, err)
	case errors.As(err, &proxy):
		return fmt.Errorf("TELEGRAM_API_URL %s is not a Bot API server (%w)", config.TelegramURL, err)
	}
	return fmt.Errorf("TELEGRAM_API_URL %s %s (%w)", config.TelegramURL, unreached(err), err)
}

// unreached says why a server was not reached, as the end of a sentence.
func unreached(err error) string {
	var name *net.DNSError
	var plain tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var connection *net.OpError
	switch {
	case errors.As(err, &connection) && connection.Op == "proxyconnect":
		return "is behind a proxy that cannot be reached; are HTTPS_PROXY and HTTP_PROXY right?"
	case errors.As(err, &name):
		return "names a host that this machine's name server does not know; is the name right, and is there a way to the internet?"
	case errors.As(err, &plain), errors.Is(err, http.ErrSchemeMismatch):
		return "does not speak TLS; should it begin with http: instead of https:?"
	case errors.As(err, &certificate):
		return "shows a certificate that this machine does not accept; are the root certificates there, and is its clock right?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refuses connections; is the server up, and the port right?"
	}
	return "does not answer; is there a way to the internet?"
}

// InspectModel has the configured model write a plan for nobody, and returns
// how many steps it has.
func InspectModel(ctx context.Context, config Config) (steps int, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	spend := &budget{limit: int(config.LLMDailyTokens), clock: scheduler.SystemClock(), spent: func(int) {}}
	writer := newModel(config, transport, spend, slog.New(slog.DiscardHandler))
	plan, err := writer.ask(ctx, planparse.Brief{Name: "Jane Doe", Title: "CTO", Company: "Acme"})
	if err != nil {
		return 0, modelAdvice(config, err)
	}
	return len(plan.Steps), nil
}

func modelAdvice(config Config, err error) error {
	var unconnected *net.OpError
	var unplanned *planparse.ParseError
	status := statusOf(err)
	base := func(what string) error {
		const whole = "/chat/completions"
		if strings.HasSuffix(strings.TrimSuffix(string(config.LLMURL), "/"), whole) {
			what += "; leave " + whole + " off its end, which is added to it"
		}
		return fmt.Errorf("LLM_BASE_URL %s %s (%w)", config.LLMURL, what, err)
	}
	switch {
	case errors.As(err, &unconnected):
		return base(unreached(err))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("the endpoint does not accept LLM_API_KEY; copy it again from the provider's settings (%w)", err)
	case status == http.StatusPaymentRequired || status == http.StatusTooManyRequests:
		return fmt.Errorf("the endpoint wants no more of this account for now; look at its credit and its limits (%w)", err)
	case status == http.StatusNotFound:
		return base("is not the base of an OpenAI-compatible endpoint (most end in /v1), or it has no LLM_MODEL " + config.LLMModel)
	case status >= 500:
		return base("is in trouble; try again later")
	case errors.Is(err, errNoCompletion):
		return base("is not the base of an OpenAI-compatible endpoint; most end in /v1")
	case errors.As(err, &unplanned):
		return fmt.Errorf("LLM_MODEL %s answers, and what it writes is no plan; a larger one may (%w)", config.LLMModel, err)
	case errors.Is(err, context.DeadlineExceeded):
		return base("takes too long to write a plan; a smaller LLM_MODEL may be faster")
	}
	return fmt.Errorf("LLM_BASE_URL, LLM_API_KEY or LLM_MODEL is not right: %w", err)
}
