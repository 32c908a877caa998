package bot

import (
	"io"
	"log/slog"
	"net/http"
)

// HookSecret is the secret of a bot's webhook, to be looked for where it must
// not be.
func HookSecret(token Secret) string { return hookSecret(token).Reveal() }

// Unnamed is unnamed, for tests from outside.
func Unnamed(server string, answers func() bool) *http.Transport { return unnamed(server, answers) }

// TravelBy has a service that is not running reach Telegram by a transport of
// the test's.
func (s *Service) TravelBy(transport *http.Transport) { s.telegram.transport = transport }

func silence() *slog.Logger { return slog.New(slog.DiscardHandler) }

func textLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
