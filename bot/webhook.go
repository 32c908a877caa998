package bot

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// webhook receives updates that Telegram posts. Like the poller it has those
// of one chat handled in order, and acknowledges an update, by answering the
// request, only after it was handled. Telegram posts what was not acknowledged
// again. Any number of processes may share an address: Telegram posts an update
// of a chat only when the one before it is through.
type webhook struct {
	address string
	secret  Secret
	api     *telegram
	inbox   *inbox
	cancel  context.CancelFunc // of the handlers
	log     *slog.Logger
	health  *pollHealth
}

// The webhook's times.
const (
	// hookWait is how long a request waits for its update to be handled. Telegram
	// posts the update again after that, and meets it at work.
	hookWait = 50 * time.Second
	// hookCheck is how often Telegram is asked whether the webhook is in force.
	hookCheck = time.Minute
	// maxUpdate bounds an update in bytes.
	maxUpdate = 4 << 20
)

// secretHeader carries the secret that Telegram was told with the address.
const secretHeader = "X-Telegram-Bot-Api-Secret-Token"

// hookSecret is the secret of a bot's webhook. It is made from the token, so
// that every process knows the same one, and nobody else can make it.
func hookSecret(token Secret) Secret {
	mac := hmac.New(sha256.New, []byte(token.Reveal()))
	_, _ = io.WriteString(mac, "followthrough webhook")
	return Secret(hex.EncodeToString(mac.Sum(nil)))
}

// newWebhook returns a webhook at the configured address. It answers requests
// at once, and updates are handled from then on; run brings Telegram to it.
func newWebhook(config Config, api *telegram, h handlers, health *pollHealth, log *slog.Logger) *webhook {
	handling, cancel := context.WithCancel(context.Background())
	return &webhook{address: config.webhookAddress(), secret: hookSecret(config.TelegramToken), api: api, inbox: newInbox(handling, h), cancel: cancel, log: log, health: health}
}

// ServeHTTP takes an update from Telegram.
func (h *webhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !hmac.Equal([]byte(r.Header.Get(secretHeader)), []byte(h.secret.Reveal())) {
		// What comes without the secret does not come from Telegram.
		http.Error(w, "unauthorized", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUpdate))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		// It would be no smaller the next time, and hold up what comes after it.
		h.log.Warn("an update was too large, and was passed over", "limit", tooLarge.Limit)
		return
	case err != nil:
		http.Error(w, "the update cannot be read", http.StatusBadRequest)
		return
	}
	update, ok := readUpdate(body)
	if !ok {
		// Telegram would post it again for a day, and it would be no better.
		h.log.Warn("an update without a number was passed over")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), hookWait)
	defer cancel()
	if !h.inbox.take(ctx, update) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "not handled yet", http.StatusServiceUnavailable)
	}
}

// run tells Telegram the address, and again should it be forgotten, until ctx
// ends; then it waits for the handlers at work. The webhook stays in force:
// Telegram keeps what it cannot deliver for the next process.
func (h *webhook) run(ctx context.Context) error {
	h.health.start()
	defer h.health.stop()
	failures := 0
	for ctx.Err() == nil {
		switch err := h.keep(ctx); {
		case ctx.Err() != nil:
		case err != nil:
			failures++
			h.health.failed(err)
			retreat(ctx, h.log, "webhook not in force", err, failures)
		default:
			failures = 0
			h.health.succeeded()
			_ = pause(ctx, hookCheck)
		}
	}
	patience := time.AfterFunc(drainTime, h.cancel)
	h.inbox.close()
	patience.Stop()
	h.cancel()
	return nil
}

// keep sees to it that the webhook is in force. Its error says why updates do
// not arrive.
func (h *webhook) keep(ctx context.Context) error {
	info, err := h.api.webhook(ctx)
	if err != nil {
		return err
	}
	if info.URL != h.address {
		if err := h.api.setWebhook(ctx, h.address, h.secret); err != nil {
			return err
		}
		h.log.Info("webhook set")
		return nil
	}
	return info.undelivered(2 * hookCheck)
}
