package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

// planner writes engagement plans.
type planner interface {
	// write returns a plan for a lead, and a remark for its user where there
	// is something to say.
	write(ctx context.Context, lead scheduler.Lead) (plan planparse.Plan, remark string, err error)
	// slow reports whether it thinks: it takes a while, and says something else
	// when it is asked again.
	slow() bool
}

// model has a language model write plans, by any OpenAI-compatible endpoint.
// Where that fails the playbook writes the plan: people wait for one.
type model struct {
	completions openai.ChatCompletionService
	name        string
	fallback    planner
	log         *slog.Logger
}

// What a plan may take: time for all attempts together, and length of what is
// told about the lead.
const (
	modelTime  = 75 * time.Second
	modelNotes = 4000
)

// newModel returns a planner that asks the endpoint at url.
func newModel(url BaseURL, key Secret, name string, client *http.Client, fallback planner, log *slog.Logger) *model {
	// The service is made by itself: openai.NewClient takes settings of its own
	// from the environment, and could send another account's key to url.
	options := []option.RequestOption{
		option.WithBaseURL(string(url) + "/"), option.WithAPIKey(key.Reveal()),
		option.WithHTTPClient(client), option.WithMaxRetries(2), option.WithMaxRetryDelay(10 * time.Second),
	}
	if key == "" {
		options = append(options, option.WithHeaderDel("Authorization"))
	}
	return &model{openai.NewChatCompletionService(options...), name, fallback, log}
}

func (m *model) slow() bool { return true }

func (m *model) write(ctx context.Context, lead scheduler.Lead) (planparse.Plan, string, error) {
	limited, cancel := context.WithTimeout(ctx, modelTime)
	defer cancel()
	plan, err := m.ask(limited, lead)
	if err == nil {
		return plan, "", nil
	}
	if ctx.Err() != nil {
		return planparse.Plan{}, "", ctx.Err()
	}
	m.log.Warn("the model wrote no plan; the playbook does", "lead", lead.ID, "error", modelError(err))
	plan, _, err = m.fallback.write(ctx, lead)
	return plan, "The language model did not deliver a plan, so this one is from the built-in playbook. “Another plan” tries the model again.", err
}

// ask gets a plan from the model. An answer that holds no whole plan is sent
// back once, with what is wrong with it.
func (m *model) ask(ctx context.Context, lead scheduler.Lead) (planparse.Plan, error) {
	messages := []openai.ChatCompletionMessageParamUnion{openai.UserMessage(planparse.Prompt(planparse.Brief{
		Name: lead.Name, Title: lead.Title, Company: lead.Company, Notes: cut(lead.Notes, modelNotes),
	}))}
	answer, err := m.complete(ctx, messages)
	if err != nil {
		return planparse.Plan{}, err
	}
	plan, err := planparse.Parse(answer)
	if err == nil && plan.Outcome != planparse.OutcomePartial {
		return plan, nil
	}
	complaint := "Your answer is cut off or has broken steps."
	if err != nil {
		complaint = fmt.Sprintf("Your answer cannot be used: %v.", err)
	}
	repaired, repairErr := m.complete(ctx, append(messages, openai.AssistantMessage(cut(answer, 20_000)),
		openai.UserMessage(complaint+" Send the whole plan again, as a JSON array of steps and nothing else.")))
	if repairErr == nil {
		if second, secondErr := planparse.Parse(repaired); secondErr == nil {
			return second, nil
		}
	}
	return plan, err // half a plan is better than none
}

// complete asks for one answer; first with the schema, and where the endpoint
// does not know of schemas, without.
func (m *model) complete(ctx context.Context, messages []openai.ChatCompletionMessageParamUnion) (string, error) {
	params := openai.ChatCompletionNewParams{Model: m.name, Messages: messages}
	if schema := planparse.Schema(); len(schema) > 0 {
		params.ResponseFormat.OfJSONSchema = &openai.ResponseFormatJSONSchemaParam{
			JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{Name: "engagement_plan", Schema: schema},
		}
	}
	answer, err := m.completions.New(ctx, params)
	if refused := (*openai.Error)(nil); errors.As(err, &refused) && (refused.StatusCode == http.StatusBadRequest || refused.StatusCode == http.StatusUnprocessableEntity) {
		params.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{}
		answer, err = m.completions.New(ctx, params)
	}
	if err != nil {
		return "", err
	}
	if len(answer.Choices) == 0 || strings.TrimSpace(answer.Choices[0].Message.Content) == "" {
		return "", errors.New("the model answered nothing")
	}
	return answer.Choices[0].Message.Content, nil
}

// modelError is an error without the request it was about: that could hold
// what people wrote about a lead.
func modelError(err error) error {
	if refused := (*openai.Error)(nil); errors.As(err, &refused) {
		return fmt.Errorf("HTTP %d: %s", refused.StatusCode, cut(oneLine(refused.Message), 200))
	}
	return err
}
