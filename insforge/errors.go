package insforge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Errors of the client itself, to be found with errors.Is.
var (
	// ErrNoRows says that One found no row.
	ErrNoRows = errors.New("no rows")
	// ErrTooManyRows says that One found more than one row.
	ErrTooManyRows = errors.New("more than one row")
	// ErrRowLimit says that All was about to collect more rows than allowed
	// (see [WithMaxRows]).
	ErrRowLimit = errors.New("more rows than allowed")
	// ErrUnfiltered says that an Update or Delete would have changed every row
	// of the table; [Query.AllRows] permits that.
	ErrUnfiltered = errors.New("a filter is required (AllRows permits to change every row)")
	// ErrURLTooLong says that a query does not fit into a URL that every
	// gateway takes, and could not be split into several.
	ErrURLTooLong = errors.New("the query is too long for a URL")
	// ErrHidden says that an update would not be seen in its own answer: it sets a
	// column that an and/or filter is about to what the filter does not accept, and
	// PostgREST before 14.4 leaves such rows out of the answer. Nothing has been sent.
	// [Query.Update], which only counts the rows, counts them right.
	ErrHidden = errors.New("changed rows would be missing from the answer (use the method Update): the filter does not hold of what the update sets")
	// ErrNoRollback says that the server does not undo requests, and that the
	// write under [Query.Rollback] has not been sent.
	ErrNoRollback = errors.New("the server does not allow rollback")
)

// Error is the server's refusal: every answer outside 2xx, whoever gave it
// (PostgreSQL, PostgREST, InsForge, a gateway with an HTML page).
type Error struct {
	Status  int    // HTTP status
	Code    string // SQLSTATE ("23505"), PostgREST's ("PGRST116") or InsForge's ("AUTH_UNAUTHORIZED"); may be empty
	Message string
	Hint    string
	Details json.RawMessage // usually a JSON string, sometimes an array; nil where there are none

	RequestID  string        // of the response's headers, for the server's logs
	RetryAfter time.Duration // what the server asked to wait; 0 where it did not say

	Method   string // HTTP method of the request
	Table    string // table or function; the path of a raw request
	Attempts int    // how often the request was sent

	uncertain bool // an attempt may have been carried out all the same
}

// Error implements error. It never contains a credential or the request's URL.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "insforge: %s %s: %d", e.Method, e.Table, e.Status)
	if e.Code != "" {
		b.WriteByte(' ')
		b.WriteString(e.Code)
	}
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(e.Message)
	} else if text := http.StatusText(e.Status); text != "" {
		b.WriteByte(' ')
		b.WriteString(text)
	}
	if d := e.DetailsText(); d != "" {
		b.WriteString(" (")
		b.WriteString(d)
		b.WriteByte(')')
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " after %d attempts", e.Attempts)
	}
	return b.String()
}

// DetailsText returns Details as text: the string itself where it is one, the
// JSON otherwise.
func (e *Error) DetailsText() string {
	var s string
	if len(e.Details) == 0 || json.Unmarshal(e.Details, &s) == nil {
		return s
	}
	return string(e.Details)
}

// Is makes PostgREST's complaint about a single row comparable with
// [ErrNoRows] and [ErrTooManyRows].
func (e *Error) Is(target error) bool {
	if e.Code != "PGRST116" {
		return false
	}
	none := strings.Contains(e.DetailsText(), "contains 0 rows")
	return target == ErrNoRows && none || target == ErrTooManyRows && !none
}

// TransportError says that no complete answer came back: the server could not
// be reached, the connection broke, or the time was up. Unwrap gives the cause,
// such as [context.DeadlineExceeded] or a [net.Error].
type TransportError struct {
	Method   string
	Table    string
	Attempts int
	Err      error

	unsent    bool // nothing of the request reached the server
	uncertain bool // an attempt may have been carried out
}

// Error implements error. It never contains a credential or the request's URL.
func (e *TransportError) Error() string {
	s := fmt.Sprintf("insforge: %s %s: %v", e.Method, e.Table, e.Err)
	if e.Attempts > 1 {
		s += fmt.Sprintf(" after %d attempts", e.Attempts)
	}
	return s
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// Timeout reports whether the time was up: the attempt's or the context's.
func (e *TransportError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.Is(e.Err, context.DeadlineExceeded) || errors.As(e.Err, &t) && t.Timeout()
}

// IsUniqueViolation reports whether a row with the same unique key exists.
func IsUniqueViolation(err error) bool { return hasCode(err, "23505", "DATABASE_DUPLICATE") }

// IsForeignKeyViolation reports whether a row refers to one that does not
// exist, or is referred to by one that does.
func IsForeignKeyViolation(err error) bool {
	return hasCode(err, "23503", "DATABASE_CONSTRAINT_VIOLATION")
}

// IsCheckViolation reports whether a value breaks a CHECK constraint.
func IsCheckViolation(err error) bool { return hasCode(err, "23514") }

// IsNotFound reports whether what was asked for does not exist: the row of
// [One], or the table, function or path.
func IsNotFound(err error) bool {
	var e *Error
	return errors.Is(err, ErrNoRows) || errors.As(err, &e) && e.Status == http.StatusNotFound
}

// IsPermission reports whether the server refused the credentials, or what
// they were used for. PostgREST answers 401 to anonymous requests where others
// get 403.
func IsPermission(err error) bool {
	var e *Error
	return errors.As(err, &e) &&
		(e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden || e.Code == "42501")
}

// IsRateLimited reports whether the server asked to slow down, and how long it
// asked to wait (0 if it did not say).
func IsRateLimited(err error) (wait time.Duration, limited bool) {
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusTooManyRequests {
		return e.RetryAfter, true
	}
	return 0, false
}

// SafeToRepeat reports whether the server has certainly not carried out the
// request, so that sending it again cannot do anything twice. It is false for
// nil and for errors of other packages.
func SafeToRepeat(err error) bool {
	var e *Error
	if errors.As(err, &e) {
		return !e.uncertain
	}
	var t *TransportError
	if errors.As(err, &t) {
		return !t.uncertain
	}
	return false
}

func hasCode(err error, codes ...string) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code == code {
			return true
		}
	}
	return false
}

// errorBody is the union of what PostgREST ({code,message,details,hint}) and
// InsForge ({error,message,statusCode,nextActions}) send.
type errorBody struct {
	Code        any             `json:"code"`
	Error       any             `json:"error"`
	Message     string          `json:"message"`
	Details     json.RawMessage `json:"details"`
	Hint        string          `json:"hint"`
	NextActions string          `json:"nextActions"`
}

// newError reads whatever body came with a refusal.
func newError(status int, header http.Header, body []byte, clean redactor, now time.Time) *Error {
	e := &Error{
		Status:     status,
		RequestID:  clean.clean(requestID(header)),
		RetryAfter: retryAfter(header, now),
	}
	body = bytes.TrimSpace(body)
	var b errorBody
	if len(body) > 0 && body[0] == '{' && json.Unmarshal(body, &b) == nil {
		e.Code, e.Message, e.Hint = clean.clean(scalar(b.Code)), clean.clean(b.Message), clean.clean(b.Hint)
		if e.Code == "" {
			e.Code = clean.clean(scalar(b.Error))
		}
		if e.Hint == "" {
			e.Hint = clean.clean(b.NextActions)
		}
		if len(b.Details) > 0 && string(b.Details) != "null" {
			e.Details = json.RawMessage(clean.clean(string(b.Details)))
		}
		return e
	}
	e.Message = clean.clean(plainText(body))
	return e
}

func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return ""
	}
}

// plainText makes one short line of a page or a plain text.
func plainText(body []byte) string {
	var b strings.Builder
	inTag := false
	for _, r := range string(body[:min(len(body), 4096)]) {
		switch {
		case r == '<':
			inTag = true
			b.WriteByte(' ')
		case r == '>' && inTag:
			inTag = false
		case !inTag:
			b.WriteRune(r)
		}
	}
	text := []rune(strings.Join(strings.Fields(b.String()), " "))
	if len(text) > 200 {
		return string(text[:200]) + "…"
	}
	return string(text)
}

func requestID(h http.Header) string {
	for _, name := range []string{"X-Request-Id", "Sb-Request-Id", "X-Amzn-Requestid", "Cf-Ray"} {
		if id := h.Get(name); id != "" {
			return id
		}
	}
	return ""
}

// retryAfter reads Retry-After in seconds or as a date. A date is compared
// with the response's own Date where there is one, so that a wrong clock on
// this side does not matter.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	const most = 1 << 31 // seconds; far beyond what anyone waits, and no overflow
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if !(seconds > 0) {
			return 0
		}
		return time.Duration(min(seconds, most) * float64(time.Second))
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(at.Sub(now), 0)
}
