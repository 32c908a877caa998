package bot

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/planparse"
)

// fragments joins a plan that Telegram's apps cut in two: texts over 4096
// characters arrive as several messages. Only the last text of each person is
// kept, in memory: should it be lost, the person sends the plan again.
type fragments struct {
	mu    sync.Mutex
	last  map[int64]fragment
	lists map[int64]fragment // of plans that are no JSON
}

type fragment struct {
	text  string
	at    time.Time
	steps int // that could be read of it
}

// continuedBy reports whether a text is the rest of this one: with it there are
// more steps, or the end is there. One that is long was cut itself, and may be
// the middle of a draft. Anything else is another message.
func (f fragment) continuedBy(text string, joined planparse.Plan) bool {
	return len(joined.Steps) > f.steps || len(text) >= fragmentSize || !slices.Contains(joined.Warnings, planparse.WarnTruncated)
}

// The size from which a text may have been cut, and how long its rest is
// waited for.
const (
	fragmentSize = 3500
	fragmentTime = time.Minute
)

// parse reads a plan from a text, or from the texts before it and this one
// together where that makes more of it.
func (f *fragments) parse(person int64, text string, now time.Time) (planparse.Plan, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	plan, err := planparse.Parse(text)
	if before, ok := f.last[person]; ok && now.Sub(before.at) < fragmentTime {
		joined, joinedErr := planparse.Parse(before.text + text)
		if joinedErr == nil && before.continuedBy(text, joined) && (err != nil || len(joined.Steps) > len(plan.Steps)) {
			text, plan, err = before.text+text, joined, nil
		}
	}
	delete(f.last, person)
	cutOff := err != nil || slices.Contains(plan.Warnings, planparse.WarnTruncated)
	if cutOff && len(text) >= fragmentSize && len(text) <= planparse.MaxInput && looksLikePlan(text) {
		f.last = kept(f.last, person, fragment{text, now, len(plan.Steps)})
	}
	return plan, err
}

// listed reads a plan that is a list, from a text or from the one before it and
// this one together.
func (f *fragments) listed(person int64, text string, now time.Time) (planparse.Plan, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	plan, ok := listedPlan(text)
	if before, waits := f.lists[person]; waits && now.Sub(before.at) < fragmentTime {
		whole := before.text + "\n" + text
		// A list has no end to be seen, so a text without a step is another message.
		if joined, joinedOK := listedPlan(whole); joinedOK && len(joined.Steps) > max(len(plan.Steps), before.steps) {
			text, plan, ok = whole, joined, true
		}
	}
	delete(f.lists, person)
	if ok && len(text) >= fragmentSize && len(text) <= planparse.MaxInput {
		f.lists = kept(f.lists, person, fragment{text, now, len(plan.Steps)})
	}
	return plan, ok
}

// kept adds a person's fragment, and drops those whose rest did not come.
func kept(fragments map[int64]fragment, person int64, latest fragment) map[int64]fragment {
	if fragments == nil {
		fragments = map[int64]fragment{}
	}
	maps.DeleteFunc(fragments, func(_ int64, old fragment) bool { return latest.at.Sub(old.at) >= fragmentTime })
	fragments[person] = latest
	return fragments
}

// forget ends the wait for a person's rest of a plan: what they send next is no
// rest.
func (f *fragments) forget(person int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.last, person)
	delete(f.lists, person)
}
