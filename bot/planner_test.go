package bot

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/planparse"
	"github.com/followthrough-go/followthrough/scheduler"
)

func TestThePlaybook(t *testing.T) {
	t.Parallel()
	for _, lead := range []scheduler.Lead{
		{Name: "Dr. Jane Doe", Title: "CTO", Company: "Acme", Notes: "met at the fair"},
		{Name: "Jane"},
		{ID: 7},
		{Name: strings.Repeat("Maximiliane ", 50), Company: strings.Repeat("Acme ", 100), Title: strings.Repeat("x", 300), Notes: strings.Repeat("n ", 3000)},
		{Name: "=\"quo\\ted\"=", Company: "<Acme> & Söhne"},
	} {
		plan, remark, err := playbook{}.write(t.Context(), lead)
		require.NoError(t, err)
		require.Empty(t, remark)
		require.Equal(t, planparse.OutcomeOK, plan.Outcome)
		require.Empty(t, plan.Warnings)
		require.Len(t, plan.Steps, 7)
		slots := plan.Schedule(time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC))
		for i, step := range plan.Steps {
			require.Equal(t, i+1, step.ID)
			require.Contains(t, planparse.Actions(), step.Action)
			require.Empty(t, step.Warnings)
			require.Empty(t, slots[i].Warnings)
			require.NotEmpty(t, step.Description)
			for _, gap := range []string{"{", "}", "[", "]", "  ", " ,", " ."} {
				require.NotContains(t, step.SuggestedText, gap, "a draft is usable as it is")
			}
			switch step.Action {
			case planparse.ActionLinkedInLike, planparse.ActionLinkedInComment:
				require.Empty(t, step.SuggestedText)
			case planparse.ActionLinkedInConnect:
				require.NotEmpty(t, step.SuggestedText)
				require.Less(t, units(step.SuggestedText), 300, "what LinkedIn takes")
			default:
				require.NotEmpty(t, step.SuggestedText)
			}
		}
	}
	require.Equal(t, "Jane", firstName("Dr. Jane Doe"))
	require.Equal(t, "Dr.", firstName("Dr."))
}

// scriptedModel answers chat completions from a list.
type scriptedModel struct {
	mu       sync.Mutex
	answers  []string // content; "!400" and the like answer with that status
	requests []string
	auth     []string
}

func (s *scriptedModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, string(body))
	s.auth = append(s.auth, r.Header.Get("Authorization"))
	answer := s.answers[0]
	s.answers = s.answers[1:]
	w.Header().Set("Content-Type", "application/json")
	if status, failing := map[string]int{"!400": 400, "!401": 401}[answer]; failing {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":{"message":"no such thing","type":"invalid_request_error"}}`)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": "1", "object": "chat.completion", "created": 1, "model": "m",
		"choices": []any{map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"role": "assistant", "content": answer}}},
	})
}

func TestTheModelWritesPlans(t *testing.T) {
	t.Parallel()
	good := "Sure!\n```json\n[{\"step_id\":1,\"action_type\":\"linkedin_dm\",\"description\":\"Write\",\"delay_days\":2}]\n```"
	for _, tc := range []struct {
		name     string
		answers  []string
		requests int
		steps    int
		remark   string
	}{
		{"at once", []string{good}, 1, 1, ""},
		{"in the second round", []string{"I am sorry, I cannot.", good}, 2, 1, ""},
		{"without a schema", []string{"!400", good}, 2, 1, ""},
		{"not at all", []string{"no", "no again"}, 2, 7, "built-in playbook"},
		{"with a wrong key", []string{"!401"}, 1, 7, "built-in playbook"},
		{"half", []string{`[{"step_id":1,"description":"Write"},{"step_id":2,"descr`, "no"}, 2, 1, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			script := &scriptedModel{answers: tc.answers}
			srv := httptest.NewServer(script)
			t.Cleanup(srv.Close)
			m := newModel(BaseURL(srv.URL+"/v1"), "MODEL-SECRET", "some-model", srv.Client(), playbook{}, slog.New(slog.DiscardHandler))
			plan, remark, err := m.write(t.Context(), scheduler.Lead{Name: "Jane Doe", Company: "Acme", Notes: "likes chess"})
			require.NoError(t, err)
			require.Len(t, plan.Steps, tc.steps)
			require.Contains(t, remark, tc.remark)
			require.Len(t, script.requests, tc.requests)
			require.Contains(t, script.requests[0], "some-model")
			require.Contains(t, script.requests[0], "likes chess")
			require.Equal(t, "Bearer MODEL-SECRET", script.auth[0])
		})
	}
}

func TestAModelThatIsNotThere(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	m := newModel(BaseURL(srv.URL), "MODEL-SECRET", "m", &http.Client{Transport: newTransport()}, playbook{}, slog.New(slog.DiscardHandler))
	plan, remark, err := m.write(t.Context(), scheduler.Lead{Name: "Jane"})
	require.NoError(t, err)
	require.Len(t, plan.Steps, 7)
	require.Contains(t, remark, "playbook")
	_, err = InspectModel(t.Context(), Config{LLMURL: BaseURL(srv.URL), LLMKey: "MODEL-SECRET", LLMModel: "m"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "MODEL-SECRET")
}
