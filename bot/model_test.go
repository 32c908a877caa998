package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

const modelKey = "MODEL-SECRET"

// completion is an endpoint's answer.
type completion struct {
	status  int    // 200 where it is zero
	content string // of the message; where body is empty
	body    string
	header  [2]string
	used    int // tokens; zero: the endpoint does not count
}

// scriptedModel answers chat completions from a list, the last one for ever.
type scriptedModel struct {
	mu       sync.Mutex
	answers  []completion
	requests []modelRequest
}

// modelRequest is what the endpoint was asked.
type modelRequest struct {
	path, auth string
	body       string
	Model      string `json:"model"`
	Limit      int    `json:"max_completion_tokens"`
	Format     struct {
		Type   string `json:"type"`
		Schema struct {
			Strict bool            `json:"strict"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
	Messages []struct{ Role, Content string } `json:"messages"`
}

func (s *scriptedModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request := modelRequest{path: r.URL.Path, auth: r.Header.Get("Authorization"), body: string(body)}
	_ = json.Unmarshal(body, &request) // an unreadable one fails the test's look at it
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	w.Header().Set("Content-Type", "application/json")
	if answer.header[0] != "" {
		w.Header().Set(answer.header[0], answer.header[1])
	}
	if answer.status != 0 {
		w.WriteHeader(answer.status)
	}
	if answer.body != "" {
		_, _ = io.WriteString(w, answer.body)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": map[string]int{"total_tokens": answer.used},
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": answer.content}}},
	})
}

// testModel is a model that asks the script, with room for anything.
func testModel(t *testing.T, script *scriptedModel) (*model, *bytes.Buffer) {
	t.Helper()
	srv := httptest.NewServer(script)
	t.Cleanup(srv.Close)
	var log bytes.Buffer
	spend := &budget{limit: 1_000_000, clock: scheduler.SystemClock(), spent: func(int) {}}
	config := Config{LLMURL: BaseURL(srv.URL + "/v1"), LLMKey: modelKey, LLMModel: "some-model"}
	return newModel(config, srv.Client().Transport, spend, slog.New(slog.NewTextHandler(&log, nil))), &log
}

const goodPlan = "Sure!\n```json\n[{\"step_id\":1,\"action_type\":\"linkedin_dm\",\"description\":\"Write\",\"delay_days\":2}]\n```"

func TestTheModelWritesPlans(t *testing.T) {
	t.Parallel()
	good := completion{content: goodPlan}
	refusal := func(status int, message string) completion {
		return completion{status: status, body: `{"error":{"message":"` + message + `","type":"invalid_request_error"}}`}
	}
	for _, tc := range []struct {
		name     string
		answers  []completion
		requests int
		steps    int
		remark   string
		logged   string
	}{
		{"at once", []completion{good}, 1, 1, "", ""},
		{"in parts", []completion{{body: `{"choices":[{"message":{"role":"assistant","content":[{"type":"text","text":"[{\"description\":\"Write\","},{"type":"text","text":"\"delay_days\":2}]"}]}}]}`}}, 1, 1, "", ""},
		{"in the second round", []completion{{content: "I am sorry, I cannot."}, good}, 2, 1, "", ""},
		{"without a schema", []completion{refusal(400, "response_format is not supported"), good}, 2, 1, "", ""},
		{"without a schema, says a router", []completion{refusal(404, "No endpoints found that support the requested parameters"), good}, 2, 1, "", ""},
		{"when it has time again", []completion{refusal(429, "slow down"), good}, 2, 1, "", ""},
		{"when its provider is back", []completion{{body: `{"error":{"message":"provider is down","code":503}}`}, good}, 2, 1, "", ""},
		{"not at all", []completion{{content: "no"}, {content: "no again"}}, 2, 0, "did not deliver", "no JSON"},
		{"not, having nothing to say", []completion{{content: " "}}, 1, 0, "did not deliver", "answered nothing"},
		{"not, with a wrong key", []completion{refusal(401, "Incorrect API key provided: "+modelKey)}, 1, 0, "did not deliver", "HTTP 401: Incorrect API key provided: [secret]"},
		{"not, with an error that is a text", []completion{{status: 403, body: `{"error":"model not pulled"}`}}, 1, 0, "did not deliver", "HTTP 403: model not pulled"},
		{"not, behind a gateway", []completion{{status: 403, body: "<html>" + modelKey}}, 1, 0, "did not deliver", "HTTP 403: Forbidden"},
		{"not, having moved", []completion{{status: 302, header: [2]string{"Location", "https://elsewhere.invalid/v1"}}}, 1, 0, "did not deliver", "redirects"},
		{"not, being told to come back tomorrow", []completion{{status: 429, header: [2]string{"Retry-After", "86400"}, body: "{}"}}, 1, 0, "did not deliver", "429"},
		{"not, drowning us", []completion{{body: strings.Repeat(" ", maxCompletion+1)}}, 1, 0, "did not deliver", "too long"},
		{"as a list and nothing else", []completion{{content: "Day 1: like their posts\nDay 3: connect"}, {content: "I did."}}, 2, 2, "", ""},
		{"half", []completion{{content: `[{"step_id":1,"description":"Write"},{"step_id":2,"descr`}, {content: "no"}}, 2, 1, "The language model's answer breaks off, so the end of this plan may be missing. “Another plan” asks it again.", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			script := &scriptedModel{answers: tc.answers}
			m, log := testModel(t, script)
			plan, remark, err := m.write(t.Context(), planparse.Brief{Name: "Jane Doe", Company: "Acme", Notes: "likes chess"})
			if tc.steps == 0 {
				require.ErrorAs(t, err, new(*unwrittenError))
				require.ErrorContains(t, err, tc.remark)
			} else {
				require.NoError(t, err)
				require.Equal(t, tc.remark, remark)
			}
			require.Len(t, plan.Steps, tc.steps)
			require.NotContains(t, plan.Warnings, planparse.WarnTruncated, "which speaks of what people paste")
			require.Contains(t, log.String(), tc.logged)
			require.NotContains(t, log.String(), modelKey)
			require.NotContains(t, log.String(), "chess", "what people write about a lead is not for the log")
			require.Len(t, script.requests, tc.requests)
			first := script.requests[0]
			require.Equal(t, "/v1/chat/completions", first.path)
			require.Equal(t, "Bearer "+modelKey, first.auth)
			require.Equal(t, "some-model", first.Model)
			require.Equal(t, modelAnswer, first.Limit)
			require.Contains(t, first.Messages[0].Content, "likes chess")
			require.Equal(t, "json_schema", first.Format.Type)
			require.True(t, first.Format.Schema.Strict)
			require.JSONEq(t, string(planparse.Schema()), string(first.Format.Schema.Schema))
		})
	}
}

func TestTheRepairRoundSaysWhatWasWrong(t *testing.T) {
	t.Parallel()
	script := &scriptedModel{answers: []completion{{content: "I would rather not."}, {content: goodPlan}}}
	m, _ := testModel(t, script)
	_, _, err := m.write(t.Context(), planparse.Brief{Name: "Jane Doe"})
	require.NoError(t, err)
	second := script.requests[1].Messages
	require.Len(t, second, 3)
	require.Equal(t, "I would rather not.", second[1].Content)
	require.Contains(t, second[2].Content, "cannot be used")
}

func TestAnEndpointWithoutSchemasIsAskedForOneOnce(t *testing.T) {
	t.Parallel()
	script := &scriptedModel{answers: []completion{{status: 400, body: `{"error":{"message":"what is response_format?"}}`}, {content: goodPlan}}}
	m, _ := testModel(t, script)
	for range 2 {
		_, _, err := m.write(t.Context(), planparse.Brief{Name: "Jane Doe"})
		require.NoError(t, err)
	}
	require.Len(t, script.requests, 3)
	for _, later := range script.requests[1:] {
		require.Empty(t, later.Format.Type)
		require.Zero(t, later.Limit, "nor is the bound sent, which older servers do not know")
	}
}

func TestAnEndpointWithoutAKey(t *testing.T) {
	t.Parallel()
	script := &scriptedModel{answers: []completion{{content: goodPlan}}}
	srv := httptest.NewServer(script)
	t.Cleanup(srv.Close)
	steps, err := InspectModel(t.Context(), Config{LLMURL: BaseURL(srv.URL), LLMModel: "local", LLMDailyTokens: 50_000})
	require.NoError(t, err)
	require.Equal(t, 1, steps)
	require.Empty(t, script.requests[0].auth)
}

func TestWhatIsWrongWithAModel(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		answer completion
		path   string
		says   []string
	}{
		{completion{status: 401, body: `{"error":{"message":"Incorrect API key provided: ` + modelKey + `"}}`}, "", []string{"does not accept LLM_API_KEY; copy it again", "HTTP 401: Incorrect API key provided: [secret]"}},
		{completion{status: 402, body: `{"error":{"message":"Insufficient credits"}}`}, "", []string{"wants no more of this account", "Insufficient credits"}},
		{completion{status: 404, body: `{"error":{"message":"The model m does not exist"}}`}, "", []string{"no LLM_MODEL m", "The model m does not exist"}},
		{completion{status: 404, body: `<html>`}, "/v1/chat/completions", []string{"leave /chat/completions off its end"}},
		{completion{status: 500, body: `oops`}, "", []string{"is in trouble; try again later"}},
		{completion{body: `<html>Log in</html>`, header: [2]string{"Content-Type", "text/html; charset=utf-8"}}, "", []string{"is not the base of an OpenAI-compatible endpoint; most end in /v1", `of type "text/html"`}},
		{completion{body: "data: {}\n\n", header: [2]string{"Content-Type", "text/event-stream"}}, "", []string{"is not the base of an OpenAI-compatible endpoint", "event-stream"}},
		{completion{body: " "}, "", []string{"is not the base of an OpenAI-compatible endpoint", "1 bytes"}},
		{completion{content: "I cannot help with that."}, "", []string{"LLM_MODEL m answers, and what it writes is no plan"}},
	} {
		t.Run(tc.says[0], func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(&scriptedModel{answers: []completion{tc.answer}})
			t.Cleanup(srv.Close)
			_, err := InspectModel(t.Context(), Config{LLMURL: BaseURL(srv.URL + tc.path), LLMKey: modelKey, LLMModel: "m", LLMDailyTokens: 50_000})
			for _, says := range tc.says {
				require.ErrorContains(t, err, says)
			}
			require.NotContains(t, err.Error(), modelKey)
		})
	}
}

func TestAModelThatIsNotThere(t *testing.T) {
	t.Parallel()
	const nobody = "http://127.0.0.1:1" // a port that has just been given up may be another test's by now
	_, err := InspectModel(t.Context(), Config{LLMURL: BaseURL(nobody), LLMKey: modelKey, LLMModel: "m", LLMDailyTokens: 50_000})
	require.ErrorContains(t, err, "refused")
	require.NotContains(t, err.Error(), modelKey)
}

func TestAModelThatThinksTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		silent := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		spend := &budget{limit: 1_000_000, clock: scheduler.SystemClock(), spent: func(int) {}}
		m := newModel(Config{LLMURL: "http://model.invalid", LLMModel: "m"}, silent, spend, slog.New(slog.NewTextHandler(&log, nil)))
		began := time.Now()
		_, _, err := m.write(t.Context(), planparse.Brief{Name: "Jane"})
		require.ErrorAs(t, err, new(*unwrittenError))
		require.Equal(t, modelTime, time.Since(began))
		require.Contains(t, log.String(), "no answer in time")

		// Who does not wait any longer is told no more than that.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = m.write(ctx, planparse.Brief{Name: "Jane"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// roundTrip is a transport made of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestTheModelsBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		total := 0
		b := &budget{limit: 100, clock: scheduler.SystemClock(), spent: func(n int) { total += n }}
		first, err := b.reserve(60)
		require.NoError(t, err)
		_, err = b.reserve(60)
		var spent *spentError
		require.ErrorAs(t, err, &spent, "what is reserved counts")
		require.Equal(t, 24*time.Hour, spent.again)
		first(30)
		second, err := b.reserve(60)
		require.NoError(t, err)
		second(70) // an answer may cost more than was thought
		require.Equal(t, 100, total)
		time.Sleep(23 * time.Hour)
		_, err = b.reserve(1)
		require.ErrorAs(t, err, &spent)
		require.Equal(t, time.Hour, spent.again)
		time.Sleep(time.Hour)
		third, err := b.reserve(100)
		require.NoError(t, err, "a new day")
		time.Sleep(24 * time.Hour)
		_, err = b.reserve(100)
		require.NoError(t, err)
		third(10)
		_, err = b.reserve(1)
		require.ErrorAs(t, err, &spent, "what was reserved yesterday is settled with yesterday")
	})
}

func TestABudgetThatIsUsedUp(t *testing.T) {
	t.Parallel()
	script := &scriptedModel{answers: []completion{{content: goodPlan, used: 990_000}}}
	m, _ := testModel(t, script)
	_, remark, err := m.write(t.Context(), planparse.Brief{Name: "Jane"})
	require.NoError(t, err)
	require.Empty(t, remark)
	_, _, err = m.write(t.Context(), planparse.Brief{Name: "Jane"})
	require.ErrorAs(t, err, new(*unwrittenError))
	require.EqualError(t, err, "The language model has written all it may for today and writes again in 24 hours")
	require.Len(t, script.requests, 1, "the model is not asked")
}
