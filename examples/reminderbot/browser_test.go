package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// pasted is what a language model writes when asked for a plan: a plan, with
// things around it.
const pasted = "Sure! Here is a plan for Jane:\n\n```json\n" + `{
  "engagement_plan": [
    {"step_id": 1, "action_type": "linkedin_like", "description": "Like her post on review queues", "timing": "Day 1"},
    {"step_id": 2, "action_type": "linkedin_connect", "description": "Connect with a short note", "suggested_text": "Hi Jane, great talking at the fair! Here is the write-up I mentioned.", "timing": "Day 3"},
    {"step_id": 3, "action_type": "email", "description": "Ask for a call", "timing": "two weeks later",},
  ]
}` + "\n```\n\nLet me know if you want it shorter."

// The README's first five minutes, in a browser as wide as a desk's and one as a
// phone's, with the real program and a crash in the middle.
func TestTheFirstFiveMinutes(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]int64{"desktop": {1280, 800}, "phone": {390, 844}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			firstFiveMinutes(t, name, size[0], size[1])
		})
	}
}

func firstFiveMinutes(t *testing.T, name string, width, height int64) {
	ctx := browse(t, width, height, false)
	dir := screens(t)
	service := newProcess(t)
	service.start()

	look := func(what string) chromedp.Action[chromedp.Void] {
		return chromedp.Steps(shoot(filepath.Join(dir, "service-"+name+"-"+what+".png")), none(misfits))
	}
	// aside does something at the clock or the time line, which a phone has behind a button.
	aside := func(steps ...chromedp.Action[chromedp.Void]) chromedp.Action[chromedp.Void] {
		if width < 600 {
			steps = append([]chromedp.Action[chromedp.Void]{chromedp.Click(chromedp.CSS("#open-side")), chromedp.WaitVisible(chromedp.CSS("#side.open")), settled()}, steps...)
		}
		return chromedp.Steps(steps...)
	}
	arrived := chromedp.WaitEnabled(chromedp.CSS("#next"))
	require.NoError(t, walk(ctx,
		chromedp.Navigate("http://"+service.addr),
		chromedp.WaitVisible(chromedp.CSS("#start")),
		chromedp.Click(chromedp.CSS("#start")),
		chromedp.WaitVisible(chromedp.CSS(".msg.in")),
		chromedp.SendKeys(text, "/newlead Jane Doe, CTO @ Acme, met at the fair"),
		enter(),
		chromedp.WaitVisible(button("Schedule")),
		look("1-proposal"),
		paste(pasted),
		chromedp.Click(chromedp.CSS("#send")),
		chromedp.WaitVisible(said("review queues")),
		look("2-pasted"),
		chromedp.Evaluate[chromedp.Void](latest("Schedule")+`.click()`),
		aside(
			chromedp.WaitVisible(chromedp.CSS("#line .step")),
			none(`[...document.querySelectorAll("#line .step")].length === 3 ? [] : [document.querySelector("#line").innerText]`),
			look("3-scheduled"),
		),
	))

	// A day later the first step is due; then straight to the second.
	require.NoError(t, walk(ctx,
		chromedp.Click(chromedp.CSS(`[data-by="24h"]`)),
		chromedp.WaitVisible(button("Done")),
		arrived,
		tap("Done"),
		chromedp.WaitVisible(button("Undo")),
		aside(arrived, chromedp.Click(chromedp.CSS("#next"))),
		chromedp.WaitVisible(chromedp.Search(`//pre[contains(., "great talking at the fair")]`)),
		arrived,
		chromedp.WaitNotPresent(chromedp.CSS("#toast.shown")),
		look("4-reminder"),
	))
	before := chat(t, ctx)

	service.kill()
	require.NoError(t, walk(ctx, chromedp.WaitVisible(chromedp.Search(`//*[@id="status" and contains(., "connecting")]`))))
	service.start()
	require.NoError(t, walk(ctx, chromedp.WaitVisible(chromedp.Search(`//*[@id="status" and normalize-space()="bot"]`))))
	require.Equal(t, before, chat(t, ctx), "a crash loses nothing and repeats nothing")

	require.NoError(t, walk(ctx,
		chromedp.Evaluate[chromedp.Void](latest("Done")+`.click()`),
		chromedp.WaitNotPresent(button("Done")),
		aside(chromedp.WaitVisible(chromedp.CSS("#line .completed")), look("5-done")),
	))
	require.Equal(t, len(before), len(chat(t, ctx)), "the reminder was edited, not answered with another message")
}

// said finds a message of the chat by its words.
func said(words string) chromedp.Search {
	return chromedp.Search(`//*[contains(@class, "body") and contains(., "` + words + `")]`)
}

// latest is the JavaScript for the last button with the words.
func latest(label string) string {
	return `[...document.querySelectorAll(".key")].filter((b) => b.textContent.includes("` + label + `")).at(-1)`
}

// chat is the text of every message on the page.
func chat(t *testing.T, ctx context.Context) []string {
	t.Helper()
	texts, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`[...document.querySelectorAll(".body")].map((b) => b.textContent)`))
	require.NoError(t, err)
	return texts
}

// paste puts a text into the composer at once, as the clipboard does.
func paste(s string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := chromedp.Focus(text)(ctx, t); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, input.InsertText, input.InsertTextParams{Text: s})
		return err
	})
}
