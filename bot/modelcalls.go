package bot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// modelCalls sends the requests of a model's client. The client itself makes
// one attempt, takes a redirect's page for an answer, and reads answers of any
// size; here is what it leaves out.
type modelCalls struct{ http *http.Client }

// The bounds of a call.
const (
	modelTries    = 3
	modelPatience = 10 * time.Second // the longest wait between two attempts
	maxCompletion = 4 << 20          // bytes of an answer
)

func newModelCalls(transport http.RoundTripper) modelCalls {
	return modelCalls{&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the request holds what people wrote about a lead: it goes where it was told to
	}}}
}

// Do sends a request, and again where the endpoint was too busy or could not be
// reached. Asking twice costs money and does no other harm, so a request whose
// answer was lost is not repeated on a guess: only the endpoint's own word, or
// no connection at all, is a reason.
func (c modelCalls) Do(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := c.once(req)
		wait, again := retryIn(resp, err, try)
		if !again || try == modelTries || patience(req.Context(), wait) != nil {
			return resp, err
		}
		if req.GetBody == nil {
			return resp, err
		}
		body, bodyErr := req.GetBody()
		if bodyErr != nil {
			return resp, err
		}
		req = req.Clone(req.Context())
		req.Body = body
	}
}

// once makes one attempt and reads its answer.
func (c modelCalls) once(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, fmt.Errorf("the endpoint redirects (HTTP %d); LLM_BASE_URL must be the address that answers", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxCompletion+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxCompletion {
		return nil, errors.New("the answer is too long to be a plan")
	}
	if resp.StatusCode < 300 {
		if !json.Valid(body) {
			kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
			return nil, fmt.Errorf("%w (HTTP %d, %d bytes of type %q)", errNoCompletion, resp.StatusCode, len(body), cut(oneLine(kind), 40))
		}
		resp.StatusCode = worded(body, resp.StatusCode)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// errNoCompletion says that an endpoint is none of the kind that is needed: a
// page, a stream, or nothing came where JSON should.
var errNoCompletion = errors.New("the answer is no chat completion")

// worded is the status that an answer's body speaks of: routers answer 200 and
// put what their provider said into the body.
func worded(body []byte, status int) int {
	var answer struct {
		Choices []json.RawMessage `json:"choices"`
		Error   *struct {
			Code any `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.Error == nil || len(answer.Choices) > 0 {
		return status
	}
	if code, ok := answer.Error.Code.(float64); ok && code >= 400 && code < 600 {
		return int(code)
	}
	return http.StatusBadGateway
}

// retryIn says whether an attempt is worth repeating, and after how long.
func retryIn(resp *http.Response, err error, try int) (time.Duration, bool) {
	wait := 500 * time.Millisecond << (try - 1)
	wait = wait/2 + rand.N(wait/2)
	if err != nil {
		return wait, unsent(err)
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	asked := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(asked, 64); err == nil && seconds > 0 {
		wait = max(wait, time.Duration(min(seconds, 3600)*float64(time.Second)))
	} else if date, err := http.ParseTime(asked); err == nil {
		wait = max(wait, time.Until(date))
	}
	return wait, wait <= modelPatience
}

// unsent reports whether a request failed before there was a connection to
// send it on.
func unsent(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial"
}
