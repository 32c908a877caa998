package planparse_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
)

var start = time.Date(2026, time.March, 4, 10, 0, 0, 0, time.UTC) // a Wednesday

func ExampleParse() {
	answer := "Here is your plan:\n```json\n" + `[
	  {"step_id": 1, "action_type": "linkedin_like", "delay_days": 0, "timing": "Day 0"},
	  {"step_id": 2, "action_type": "linkedin_connect", "delay_days": "3 days", "timing": "Day 3"},
	  {"step_id": 3, "action_type": "linkedin_dm", "timing": "2 business days after step 2"},
	]` + "\n```"

	plan, err := planparse.Parse(answer)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(plan.Outcome, plan.Warnings)
	for _, slot := range plan.Schedule(start) {
		fmt.Println(slot.StepID, slot.Due.Format("Mon 2 Jan 15:04"), slot.Source, slot.Warnings)
	}
	// Output:
	// repaired [fenced leading_text repaired]
	// 1 Wed 4 Mar 10:00 delay_days []
	// 2 Sat 7 Mar 10:00 delay_days [delay_string]
	// 3 Tue 10 Mar 10:00 timing []
}

func ExampleParse_noPlan() {
	_, err := planparse.Parse("I am sorry, I cannot help with that.")
	var perr *planparse.ParseError
	if errors.As(err, &perr) {
		fmt.Println(perr.Code)
	}
	// Output: no_json
}

func ExampleParseTiming() {
	for _, text := range []string{
		"Day 3-5",
		"in two weeks",
		"next Tuesday at 2pm",
		"3 days after step 2",
		"once they accept",
		"Know their priorities first",
	} {
		t, err := planparse.ParseTiming(text, start)
		var refused *planparse.TimingError
		switch {
		case errors.As(err, &refused):
			fmt.Printf("%s: no date, %s\n", text, refused.Reason)
		case t.RelativeTo.Kind != planparse.ToBase:
			fmt.Printf("%s: %v days after %v\n", text, t.OffsetDays, t.RelativeTo)
		default:
			fmt.Printf("%s: %s\n", text, t.Due.Format("Mon 2 Jan 15:04"))
		}
	}
	// Output:
	// Day 3-5: Sat 7 Mar 10:00
	// in two weeks: Wed 18 Mar 10:00
	// next Tuesday at 2pm: Tue 10 Mar 14:00
	// 3 days after step 2: 3 days after step:2
	// once they accept: no date, event
	// Know their priorities first: no date, no_timing
}

func ExamplePlan_Schedule() {
	plan, err := planparse.Parse(`[{"timing": "Day 3"}, {"timing": "2 days later"}, {"timing": "when ready"}]`)
	if err != nil {
		fmt.Println(err)
		return
	}
	slots := plan.Schedule(start,
		planparse.SendHour(9),
		planparse.WeekendRoll(),
		planparse.OnUnparseable(func(text string, reason planparse.Reason) {
			fmt.Printf("no date in %q: %s\n", text, reason)
		}),
	)
	for _, slot := range slots {
		fmt.Println(slot.StepID, slot.Due.Format("Mon 2 Jan 15:04"), slot.Source)
	}
	// Output:
	// no date in "when ready": event
	// 1 Mon 9 Mar 09:00 timing
	// 2 Wed 11 Mar 09:00 timing
	// 3 Fri 13 Mar 09:00 default
}

func ExampleStep() {
	stored := `{"step_id":1,"action_type":"linkedin_dm","status":"pending","score":{"model":0.92}}`
	var step planparse.Step
	if err := json.Unmarshal([]byte(stored), &step); err != nil {
		fmt.Println(err)
		return
	}
	step.Status = planparse.StatusDone
	out, err := json.Marshal(step)
	fmt.Println(string(out), err)
	// Output: {"step_id":1,"action_type":"linkedin_dm","status":"done","score":{"model":0.92}} <nil>
}

func ExamplePrompt() {
	prompt := planparse.Prompt(planparse.Brief{
		Name: "Jane Doe", Title: "CTO", Company: "Acme", Notes: "met at the fair",
	})
	_, lead, _ := strings.Cut(prompt, "<<<LEAD\n")
	fmt.Print(lead)
	// Output:
	// Name: Jane Doe
	// Title: CTO
	// Company: Acme
	// Notes: met at the fair
	// LEAD>>>
	//
	// Write the plan now. Answer with the JSON array and nothing else.
}

// What no date could be found in is counted over all plans, and looked at when
// the prompt is next worked on.
func ExampleTally() {
	var unread planparse.Tally
	for _, answer := range []string{
		`[{"step_id": 1, "timing": "Day 1"}, {"step_id": 2, "timing": "once they accept"}]`,
		`[{"step_id": 1, "delay_days": "soon"}, {"step_id": 2, "timing": "after the demo"}]`,
	} {
		plan, err := planparse.Parse(answer)
		if err != nil {
			fmt.Println(err)
			return
		}
		plan.Schedule(start, planparse.OnUnparseable(unread.Add))
	}
	fmt.Println(unread.Total(), unread.ByReason())
	// Output: 3 map[event:2 no_timing:1]
}
