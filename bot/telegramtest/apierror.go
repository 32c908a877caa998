package telegramtest

import (
	"fmt"
	"math"
	"net/http"
	"time"
)

// apiError is a refusal as the Bot API words it.
type apiError struct {
	code        int
	description string
	retryAfter  time.Duration // of a 429
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s", e.code, e.description) }

func badRequest(format string, args ...any) *apiError {
	return &apiError{code: http.StatusBadRequest, description: "Bad Request: " + fmt.Sprintf(format, args...)}
}

func forbidden(reason string) *apiError {
	return &apiError{code: http.StatusForbidden, description: "Forbidden: " + reason}
}

func conflict(reason string) *apiError {
	return &apiError{code: http.StatusConflict, description: "Conflict: " + reason}
}

func tooManyRequests(wait time.Duration) *apiError {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	return &apiError{
		code:        http.StatusTooManyRequests,
		description: fmt.Sprintf("Too Many Requests: retry after %d", seconds),
		retryAfter:  time.Duration(seconds) * time.Second,
	}
}

var (
	errUnauthorized  = &apiError{code: http.StatusUnauthorized, description: "Unauthorized"}
	errNotFound      = &apiError{code: http.StatusNotFound, description: "Not Found"}
	errInternal      = &apiError{code: http.StatusInternalServerError, description: "Internal Server Error"}
	errChatNotFound  = badRequest("chat not found")
	errQueryTooOld   = badRequest("query is too old and response timeout expired or query ID is invalid")
	errNotModified   = badRequest("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")
	errOtherPoll     = conflict("terminated by other getUpdates request; make sure that only one bot instance is running")
	errWebhookSet    = conflict("terminated by setWebhook request")
	errWebhookActive = conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
)
