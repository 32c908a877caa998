package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// TelegramReport is what Telegram says of a token.
type TelegramReport struct {
	Username string // of the bot, without the at sign
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
	hook, err := api.webhook(ctx)
	if err != nil {
		return report, telegramAdvice(config, err)
	}
	if hook.URL != "" && hook.LastError != "" && hook.URL == config.webhookAddress() {
		return report, fmt.Errorf("Telegram cannot deliver to WEBHOOK_URL: %s", cut(oneLine(hook.LastError), 200))
	}
	return report, nil
}

func telegramAdvice(config Config, err error) error {
	var refused *apiError
	var proxy *proxyError
	switch {
	case errors.As(err, &refused) && (refused.Code == http.StatusUnauthorized || refused.Code == http.StatusNotFound):
		return fmt.Errorf("Telegram does not know TELEGRAM_BOT_TOKEN; copy it again from @BotFather (%w)", err)
	case errors.As(err, &refused):
		return err
	case errors.As(err, &proxy):
		return fmt.Errorf("TELEGRAM_API_URL %s is not a Bot API server (%w)", config.TelegramURL, err)
	}
	return fmt.Errorf("%s does not answer; is there a way to the internet? (%w)", config.TelegramURL, err)
}

// InspectModel has the configured model write a plan for nobody, and returns
// how many steps it has.
func InspectModel(ctx context.Context, config Config) (steps int, err error) {
	transport := newTransport()
	defer transport.CloseIdleConnections()
	spend := &budget{limit: int(config.LLMDailyTokens), clock: scheduler.SystemClock(), spent: func(int) {}}
	writer := newModel(config, transport, spend, playbook{}, slog.New(slog.DiscardHandler))
	plan, err := writer.ask(ctx, planparse.Brief{Name: "Jane Doe", Title: "CTO", Company: "Acme"})
	if err != nil {
		return 0, fmt.Errorf("LLM_BASE_URL, LLM_API_KEY or LLM_MODEL is not right: %w", err)
	}
	return len(plan.Steps), nil
}
