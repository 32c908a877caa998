package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sashabaranov/go-openai"

	"github.com/followthrough-go/followthrough/planparse"
)

// model has a language model write plans, by any OpenAI-compatible endpoint.
// It is safe for concurrent use.
type model struct {
	client *openai.Client
	name   string
	key    Secret
	budget *budget
	log    *slog.Logger
	// plainOnly is set once the endpoint refused a schema and answered without.
	plainOnly atomic.Bool
}

// What a plan may take: time for all attempts together, length of what is told
// about the lead, and tokens of one answer. A model that thinks aloud needs
// several times what the plan has.
const (
	modelTime   = 75 * time.Second
	modelNotes  = 4000
	modelAnswer = 16_000
)

// newModel returns a model at the configured endpoint, asked by way of
// transport.
func newModel(config Config, transport http.RoundTripper, budget *budget, log *slog.Logger) *model {
	settings := openai.DefaultConfig(config.LLMKey.Reveal())
	settings.BaseURL = string(config.LLMURL)
	settings.HTTPClient = newModelCalls(transport)
	return &model{client: openai.NewClientWithConfig(settings), name: config.LLMModel, key: config.LLMKey, budget: budget, log: log}
}

// unwrittenError says that the model wrote no plan, in words for whoever waits
// for it. What went wrong is in the log.
type unwrittenError struct{ why string }

func (e *unwrittenError) Error() string { return e.why }

// write returns a plan for a lead, and a remark for its user where there is
// something to say. Errors are an *unwrittenError, or those of ctx.
func (m *model) write(ctx context.Context, lead planparse.Brief) (plan planparse.Plan, remark string, err error) {
	limited, cancel := context.WithTimeout(ctx, modelTime)
	defer cancel()
	plan, err = m.ask(limited, lead)
	switch {
	case err == nil:
		if cutOff := slices.Index(plan.Warnings, planparse.WarnTruncated); cutOff >= 0 {
			plan.Warnings = slices.Delete(slices.Clone(plan.Warnings), cutOff, cutOff+1) // it speaks of what people paste
			remark = "The language model's answer breaks off, so the end of this plan may be missing. “Another plan” asks it again."
		}
		return plan, remark, nil
	case ctx.Err() != nil:
		return planparse.Plan{}, "", ctx.Err()
	}
	m.log.Warn("the model wrote no plan", "error", err)
	why := "The language model did not deliver a plan"
	if spent := (*spentError)(nil); errors.As(err, &spent) {
		why = "The language model has written all it may for today and writes again in " + hours(spent.again)
	}
	return planparse.Plan{}, "", &unwrittenError{why}
}

// hours is a duration in words, to the hour.
func hours(d time.Duration) string {
	return count(int((d+time.Hour-1)/time.Hour), "hour")
}

// ask gets a plan from the model. An answer that holds no whole plan is sent
// back once, with what is wrong with it. Its errors hold neither the key nor
// what people wrote about the lead.
func (m *model) ask(ctx context.Context, lead planparse.Brief) (planparse.Plan, error) {
	lead.Notes = cut(lead.Notes, modelNotes)
	messages := []openai.ChatCompletionMessage{{Role: openai.ChatMessageRoleUser, Content: planparse.Prompt(lead)}}
	answer, err := m.complete(ctx, messages)
	if err != nil {
		return planparse.Plan{}, m.explain(err)
	}
	plan, err := planparse.Parse(answer)
	if err == nil && plan.Outcome != planparse.OutcomePartial {
		return plan, nil
	}
	complaint := "Your answer is cut off or has broken steps."
	if err != nil {
		complaint = fmt.Sprintf("Your answer cannot be used: %v.", err)
	}
	repaired, repairErr := m.complete(ctx, append(messages,
		openai.ChatCompletionMessage{Role: openai.ChatMessageRoleAssistant, Content: cut(answer, 20_000)},
		openai.ChatCompletionMessage{Role: openai.ChatMessageRoleUser, Content: complaint + " Send the whole plan again, as a JSON array of steps and nothing else."}))
	if repairErr == nil {
		if second, secondErr := planparse.Parse(repaired); secondErr == nil {
			return second, nil
		}
	}
	if listed, ok := listedPlan(answer); ok && err != nil {
		return listed, nil
	}
	return plan, err // half a plan is better than none
}

// complete asks for one answer; first with the schema, and where the endpoint
// does not take that, without it and without the bound on the answer's length,
// which older servers do not know either.
func (m *model) complete(ctx context.Context, messages []openai.ChatCompletionMessage) (string, error) {
	request := openai.ChatCompletionRequest{Model: m.name, Messages: messages}
	if m.plainOnly.Load() {
		return m.answer(ctx, request)
	}
	full := request
	full.MaxCompletionTokens = modelAnswer
	full.ResponseFormat = &openai.ChatCompletionResponseFormat{
		Type:       openai.ChatCompletionResponseFormatTypeJSONSchema,
		JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: "engagement_plan", Schema: planparse.Schema(), Strict: true},
	}
	answer, err := m.answer(ctx, full)
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusNotImplemented:
		// A 404 is how a router says that none of its providers takes schemas.
		plain, plainErr := m.answer(ctx, request)
		if plainErr == nil {
			m.plainOnly.Store(true)
		}
		return plain, plainErr
	}
	return answer, err
}

// answer asks once, within the budget.
func (m *model) answer(ctx context.Context, request openai.ChatCompletionRequest) (string, error) {
	told := 0
	for _, message := range request.Messages {
		told += estimate(message.Content)
	}
	spend, err := m.budget.reserve(told + modelAnswer)
	if err != nil {
		return "", err
	}
	response, err := m.client.CreateChatCompletion(ctx, request)
	if err != nil {
		if statusOf(err) != 0 {
			spend(0) // what was refused costs nothing; what was cut off may have been paid for
		}
		return "", err
	}
	text := contentOf(response)
	used := response.Usage.TotalTokens
	if used <= 0 {
		used = told + estimate(text) // an endpoint that does not count
	}
	spend(used)
	if strings.TrimSpace(text) == "" {
		return "", errors.New("the model answered nothing")
	}
	return text, nil
}

// contentOf is the text of an answer; some endpoints send it in parts.
func contentOf(response openai.ChatCompletionResponse) string {
	if len(response.Choices) == 0 {
		return ""
	}
	message := response.Choices[0].Message
	text := message.Content
	for _, part := range message.MultiContent {
		text += part.Text
	}
	return text
}

// statusOf is the HTTP status an endpoint refused a request with; zero for
// other errors.
func statusOf(err error) int {
	var refused *openai.APIError
	var unworded *openai.RequestError
	switch {
	case errors.As(err, &unworded): // it may wrap an empty one of the others
		return unworded.HTTPStatusCode
	case errors.As(err, &refused):
		return refused.HTTPStatusCode
	}
	var told *modelRefusal
	if errors.As(err, &told) {
		return told.status
	}
	return 0
}

// modelRefusal is an endpoint's refusal as it may be logged and shown.
type modelRefusal struct {
	status int
	text   string
}

func (e *modelRefusal) Error() string { return fmt.Sprintf("HTTP %d: %s", e.status, e.text) }

// complaintOf is what an endpoint said when it refused a request; empty where
// something in front of it answered with a page.
func complaintOf(err error) string {
	var refused *openai.APIError
	var unworded *openai.RequestError
	switch {
	case errors.As(err, &unworded):
		var body struct{ Error, Message, Detail string }
		_ = json.Unmarshal(unworded.Body, &body) // whatever of it can be read
		return cmp.Or(body.Error, body.Message, body.Detail)
	case errors.As(err, &refused):
		return refused.Message
	}
	return ""
}

// explain is an error that may be logged and shown: without the request it was
// about, which holds what people wrote about a lead, and without the key,
// which some endpoints repeat when they refuse it.
func (m *model) explain(err error) error {
	var wrapped *url.Error
	switch status := statusOf(err); {
	case status != 0:
		text := complaintOf(err)
		if key := m.key.Reveal(); key != "" {
			text = strings.ReplaceAll(text, key, redacted)
		}
		return &modelRefusal{status, cut(oneLine(cmp.Or(text, http.StatusText(status))), 200)}
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer in time: %w", context.DeadlineExceeded)
	case errors.As(err, &wrapped):
		return wrapped.Err
	}
	return err
}
