package embedded

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// An apiError is an answer that is not success: PostgREST's own, or what
// PostgreSQL raised.
type apiError struct {
	status  int
	code    string
	message string
	details string // empty: null
	hint    string // empty: null

	rawDetails []byte // JSON instead of details
	empty      bool   // the body is {}
	plain      string // the body, as text

	header headerFields // beside the usual ones
}

// Error implements error.
func (e *apiError) Error() string { return e.message + " (" + e.code + ")" }

// asAPIError turns any error into an answer.
func asAPIError(err error) *apiError {
	var api *apiError
	if errors.As(err, &api) {
		return api
	}
	var sql *filter.SQLError
	if errors.As(err, &sql) {
		return &apiError{status: statusOf(sql.Code), code: sql.Code, message: sql.Message, details: sql.Detail, hint: sql.Hint}
	}
	var parse *filter.ParseError
	if errors.As(err, &parse) {
		return &apiError{status: http.StatusBadRequest, code: "PGRST100", message: parse.Message, details: parse.Details}
	}
	return &apiError{status: http.StatusServiceUnavailable, code: "PGRST001", message: "Database client error. Retrying the connection.", details: err.Error()}
}

// statusOf is PostgREST's mapping of SQLSTATEs, one for all requests but those of
// strangers: who may not is told 401 there.
func statusOf(code string) int {
	if chosen, ok := strings.CutPrefix(code, "PT"); ok { // by a function
		if status, err := strconv.Atoi(chosen); err == nil && status >= 200 && status <= 999 {
			return status
		}
		return http.StatusInternalServerError
	}
	switch code {
	case "23503", "23505":
		return http.StatusConflict
	case "25006":
		return http.StatusMethodNotAllowed
	case "42501":
		return http.StatusForbidden
	case "42883", "42P01":
		return http.StatusNotFound
	case "42P17", "53400":
		return http.StatusInternalServerError
	case "57P01":
		return http.StatusServiceUnavailable
	case "P0001":
		return http.StatusBadRequest
	}
	for _, of := range []struct {
		status  int
		classes []string
	}{
		{http.StatusForbidden, []string{"0L", "0P", "28"}},
		{http.StatusRequestEntityTooLarge, []string{"54"}},
		{http.StatusServiceUnavailable, []string{"08", "53"}},
		{http.StatusInternalServerError, []string{"09", "25", "2D", "38", "39", "3B", "40", "55", "57", "58", "F0", "HV", "P0", "XX"}},
	} {
		if slices.ContainsFunc(of.classes, func(class string) bool { return strings.HasPrefix(code, class) }) {
			return of.status
		}
	}
	return http.StatusBadRequest
}

// appendJSON writes the body with all four keys, in PostgREST's order.
func (e *apiError) appendJSON(dst []byte) []byte {
	if e.empty {
		return append(dst, "{}"...)
	}
	dst = append(dst, `{"code":`...)
	dst = filter.AppendJSONString(dst, e.code)
	dst = append(dst, `,"details":`...)
	if e.rawDetails != nil {
		dst = append(dst, e.rawDetails...)
	} else {
		dst = appendOptional(dst, e.details)
	}
	dst = appendOptional(append(dst, `,"hint":`...), e.hint)
	dst = append(dst, `,"message":`...)
	return append(filter.AppendJSONString(dst, e.message), '}')
}

func appendOptional(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return filter.AppendJSONString(dst, s)
}
