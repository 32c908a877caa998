package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/bot/telegramtest"
)

// screens is where pictures of the page go: $SCREENSHOTS if it is set.
func screens(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		require.NoError(t, os.MkdirAll(dir, 0o755))
		return dir
	}
	return t.TempDir()
}

// browse opens a browser window of the given size, or skips the test.
func browse(t *testing.T, width, height int64, dark bool) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("no Chromium or Chrome on this machine")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(time.Minute),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	require.NoError(t, chromedp.Do(ctx,
		chromedp.EmulateViewport(width, height, chromedp.EmulateScale(2)),
		chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
				Source: `window.errors = []; console.error = console.warn = (...words) => errors.push(words.join(" "));
					for (const e of ["error", "unhandledrejection", "securitypolicyviolation"]) addEventListener(e, (x) => errors.push(x.message || x.reason || x.violatedDirective || x.target.outerHTML), true);`,
			})
			if err != nil {
				return err
			}
			_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
			})
			return err
		}),
	))
	return ctx
}

// shoot keeps a picture of the page as it is.
func shoot(name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := chromedp.Sleep(400*time.Millisecond)(ctx, t); err != nil {
			return err
		}
		png, err := chromedp.CaptureScreenshot()(ctx, t)
		if err != nil {
			return err
		}
		return os.WriteFile(name, png, 0o600)
	})
}

// button finds a control by its words.
func button(label string) chromedp.Search {
	return chromedp.Search(`//button[contains(., "` + label + `")]`)
}

// settled waits until nothing moves any more, so that a click meets its mark.
func settled() chromedp.Action[chromedp.Void] {
	return chromedp.Poll[chromedp.Void](`document.getAnimations().length === 0`)
}

// tap clicks a button once it is where it stays: what came in the chat has moved
// the others.
func tap(label string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(
		chromedp.WaitVisible(button(label)),
		chromedp.Poll[chromedp.Void](`(() => {
			const found = [...document.querySelectorAll("button")].find((b) => b.textContent.includes("`+label+`"));
			const place = found && JSON.stringify(found.getBoundingClientRect()), rests = place && place === window.placeBefore;
			window.placeBefore = place;
			return rests && document.getAnimations().length === 0;
		})()`),
		chromedp.Click(button(label)),
	)
}

// enter presses the Enter key as a keyboard does: a key that the page handles
// types nothing.
func enter() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		key := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, key)
		if err == nil {
			key.Type, key.Text = input.DispatchKeyEventTypeKeyUp, ""
			_, err = cdp.Call(ctx, t, input.DispatchKeyEvent, key)
		}
		return err
	})
}

// walk takes the steps one by one, each within a time that a slow machine
// needs, and says which one failed.
func walk(ctx context.Context, steps ...chromedp.Action[chromedp.Void]) error {
	for i, step := range steps {
		ctx, cancel := context.WithTimeout(ctx, patience)
		err := chromedp.Do(ctx, step)
		cancel()
		if err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// check fails unless the JavaScript expression is true.
func check(expression string) chromedp.Action[chromedp.Void] {
	return none("[" + expression + "].filter((ok) => !ok)")
}

// none fails if the JavaScript expression, a list, has anything in it.
func none(expression string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		found, err := chromedp.Evaluate[[]any](expression)(ctx, t)
		if err == nil && len(found) > 0 {
			err = fmt.Errorf("the page has %v for %s", found, expression)
		}
		return err
	})
}

// focused fails unless the element has the focus.
func focused(selector string) chromedp.Action[chromedp.Void] {
	return none(`document.activeElement.matches("` + selector + `") ? [] : [document.activeElement.outerHTML.slice(0, 200)]`)
}

const text = chromedp.CSS("#text")

// misfits are what sticks out at a side of the window or of its own box, what
// went wrong in the page's script, and what it asked of another host.
const misfits = `[...document.querySelectorAll(".bar *, .body, .body *, .key, .composer *, .jumps button, .step *")]` +
	`.filter((e) => { const r = e.getBoundingClientRect(); return r.width && (r.left < 0 || r.right > innerWidth || e.scrollWidth > e.clientWidth + 4 && e.clientWidth > 0 && getComputedStyle(e).overflowX === "visible"); })` +
	`.map((e) => e.outerHTML.slice(0, 200)).concat(window.errors)` +
	`.concat(performance.getEntriesByType("resource").map((e) => e.name).filter((name) => !name.startsWith(location.origin + "/")))`

// nameless are controls that a screen reader has no name for.
const nameless = `[...document.querySelectorAll("button, a, textarea, [role]")].filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.getAttribute("aria-label") && !e.innerText.trim() && !e.matches("[role=status], [role=alert]")).map((e) => e.outerHTML.slice(0, 200))`

// faint is what can be seen and has less contrast than WCAG 2 asks of text at
// level AA: 4.5 to 1, or 3 to 1 where it is large. What lies on the wall is
// compared with each of its colours.
const faint = `(() => {
	const read = (css) => { const n = css.match(/[\d.]+/g).map(Number); return css.startsWith("color(") ? [n[0] * 255, n[1] * 255, n[2] * 255, n[3] ?? 1] : [n[0], n[1], n[2], n[3] ?? 1]; };
	const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
	const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
	const root = getComputedStyle(document.documentElement);
	const wall = ["a", "b", "c"].map((n) => { const hex = root.getPropertyValue("--wall-" + n).trim(); return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).concat(1); });
	const found = new Set(), texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const element = texts.currentNode.parentElement, style = getComputedStyle(element);
		if (!texts.currentNode.textContent.trim() || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest(".unseen, script, :disabled, .tg-spoiler:not(.seen)")) continue;
		let layers = [], opacity = 1, base = [[255, 255, 255, 1]], opaque = false;
		for (let e = element; e; e = e.parentElement) {
			opacity *= getComputedStyle(e).opacity;
			if (opaque) continue;
			const colour = read(getComputedStyle(e).backgroundColor);
			layers.unshift(colour);
			opaque = colour[3] === 1;
			if (e.classList.contains("wall")) [base, opaque] = [wall, true];
		}
		const large = parseFloat(style.fontSize) >= 24 || parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
		for (const b of base) {
			const behind = layers.reduce((under, top) => over(top, under), b), ink = read(style.color);
			const [one, other] = [light(over([...ink.slice(0, 3), ink[3] * opacity], behind)), light(behind)];
			const contrast = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
			if (contrast < (large ? 3 : 4.5)) found.add(contrast.toFixed(2) + ": " + element.outerHTML.slice(0, 100));
		}
	}
	return [...found];
})()`

func TestThePageOnEveryScreen(t *testing.T) {
	t.Parallel()
	for _, view := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"desktop-light", 1280, 800, false}, {"desktop-dark", 1280, 800, true}, {"phone-light", 390, 844, false}, {"phone-dark", 390, 844, true}} {
		t.Run(view.name, func(t *testing.T) {
			t.Parallel()
			if (view.width < 600) != view.dark && os.Getenv("SCREENSHOTS") == "" {
				t.Skip("two of the four are enough to see what breaks; SCREENSHOTS=DIR keeps pictures of all")
			}
			_, _, page := startDemo(t)
			ctx := browse(t, view.width, view.height, view.dark)
			dir := screens(t)
			look := func(name string) chromedp.Action[chromedp.Void] {
				return chromedp.Steps(shoot(filepath.Join(dir, view.name+"-"+name+".png")), none(misfits), none(faint), none(nameless))
			}
			steps := []chromedp.Action[chromedp.Void]{
				chromedp.Navigate(page.URL),
				chromedp.WaitVisible(chromedp.CSS("#start")),
				look("1-empty"),
				chromedp.Click(chromedp.CSS("#start")),
				chromedp.WaitVisible(chromedp.CSS(".msg.in")),
				chromedp.SendKeys(text, "/newlead Jane Doe, CTO @ Acme, met at the fair"),
				chromedp.Click(chromedp.CSS("#send")),
				chromedp.WaitVisible(button("Schedule")),
				look("2-plan"),
				tap("Schedule"),
				chromedp.WaitNotPresent(button("Schedule")),
			}
			narrow := view.width < 600
			if narrow {
				steps = append(steps, chromedp.Click(chromedp.CSS("#open-side")), chromedp.WaitVisible(chromedp.CSS("#side.open")), settled())
			}
			steps = append(steps,
				chromedp.WaitEnabled(chromedp.CSS("#next")), // the time line has come
				chromedp.Click(chromedp.CSS("#next")),
				chromedp.WaitVisible(chromedp.CSS(".copyable")),
				look("3-reminder"),
				chromedp.SendKeys(text, "/"),
				chromedp.WaitVisible(chromedp.CSS("#commands li")),
				look("4-menu"),
				chromedp.SendKeys(text, "help"),
				enter(),
				chromedp.WaitVisible(chromedp.CSS("blockquote")),
				tap("Done"),
				chromedp.WaitVisible(button("Undo")),
				look("5-done"),
			)
			if narrow {
				steps = append(steps, chromedp.Click(chromedp.CSS("#open-side")), chromedp.WaitVisible(chromedp.CSS("#side.open")), look("6-side"))
			}
			require.NoError(t, walk(ctx, steps...))
		})
	}
}

// A person without a mouse gets everywhere.
func TestThePageByKeyboardAlone(t *testing.T) {
	t.Parallel()
	s, d, page := startDemo(t)
	ctx := browse(t, 1280, 800, false)
	tab := chromedp.KeyEvent(kb.Tab)
	require.NoError(t, walk(ctx,
		chromedp.Navigate(page.URL),
		chromedp.WaitVisible(chromedp.CSS("#start")),
		chromedp.Focus(chromedp.CSS("#start")),
		enter(),
		chromedp.WaitVisible(chromedp.CSS(".msg.in")),
		focused("#text"),
		// The second command of the menu.
		chromedp.KeyEvent("/"),
		chromedp.WaitVisible(chromedp.CSS("#commands")),
		chromedp.KeyEvent(kb.ArrowDown),
		chromedp.KeyEvent(kb.Tab),
		check(`document.activeElement.id === "text" && document.activeElement.value === "/leads "`),
		chromedp.Evaluate[chromedp.Void](`document.activeElement.value = ""`),
		chromedp.KeyEvent("/newlead Jane"),
		enter(),
		chromedp.WaitVisible(button("Schedule")),
		check(`document.activeElement.value === ""`),
		chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("button")].find((b) => b.textContent.includes("Schedule")).focus()`),
		enter(),
		chromedp.WaitNotPresent(button("Schedule")),
		focused("#text"), // the focus is not lost with the button
		chromedp.WaitEnabled(chromedp.CSS("#next")), // the time line has come
		tab, tab,
		focused("[data-by='1h']"),
		tab, tab, tab,
		focused("#next"),
		enter(),
		chromedp.WaitVisible(button("Done")),
		// Not lost on the way either: the same key goes to the one after it.
		chromedp.WaitEnabled(chromedp.CSS("#next")),
		focused("#next"),
		enter(),
		chromedp.WaitVisible(chromedp.Search(`//*[@id="date" and not(contains(., "23 November"))]`)),
	))
	_, err := d.person.Wait(t.Context(), telegramtest.Contains("step 1"))
	require.NoError(t, err)

	// The bot's own keyboard, put away and back.
	s.call("sendMessage", map[string]any{"chat_id": demoPerson.ID, "text": "Where are you?", "reply_markup": map[string]any{"keyboard": [][]map[string]any{{{"text": "Far away"}}}}})
	require.NoError(t, walk(ctx,
		chromedp.WaitVisible(chromedp.CSS("#keyboard")),
		chromedp.Focus(chromedp.CSS("#board")),
		enter(),
		chromedp.WaitNotVisible(chromedp.CSS("#keyboard")),
		enter(),
		chromedp.WaitVisible(chromedp.CSS("#keyboard")),
		chromedp.Focus(chromedp.CSS("#keyboard button")),
		enter(),
		chromedp.WaitVisible(chromedp.Search(`//*[contains(@class, "out")]//*[contains(@class, "body") and contains(., "Far away")]`)),
	))
}

// What comes in is followed to the end, also where one message comes while the
// page is on its way to another; a person who has moved the chat up stays there
// and is told how much came.
func TestThePageFollowsTheChat(t *testing.T) {
	t.Parallel()
	s, _, page := startDemo(t)
	ctx := browse(t, 1280, 800, false)
	tall := strings.Repeat("line\n", 30)
	arrive := func(n int) chromedp.Action[chromedp.Void] {
		return chromedp.Func(func(context.Context, *chromedp.Target) error {
			for range n {
				s.say(tall)
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		})
	}
	messages := func(n int) chromedp.Action[chromedp.Void] {
		return chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.querySelectorAll(".msg.in .body").length === %d`, n))
	}
	const atEnd = `(document.querySelector("#scroll").scrollHeight - document.querySelector("#scroll").scrollTop - document.querySelector("#scroll").clientHeight < 2)`
	require.NoError(t, walk(ctx,
		moving(),
		chromedp.Navigate(page.URL),
		chromedp.WaitVisible(chromedp.CSS("#start")),
		chromedp.Click(chromedp.CSS("#start")),
		messages(1),
		arrive(8),
		messages(9),
		chromedp.Poll[chromedp.Void](atEnd),
		check(`document.querySelector("#down").hidden`),

		chromedp.Evaluate[chromedp.Void](`document.querySelector("#scroll").scrollBy(0, -700)`),
		chromedp.WaitVisible(chromedp.CSS("#down")),
		chromedp.Evaluate[chromedp.Void](`window.place = document.querySelector("#scroll").scrollTop`),
		arrive(3),
		messages(12),
		settled(),
		check(`document.querySelector("#scroll").scrollTop === place && document.querySelector("#down-count").textContent === "3"`),

		chromedp.Click(chromedp.CSS("#down")),
		chromedp.Poll[chromedp.Void](atEnd),
		check(`document.querySelector("#down").hidden`),
		arrive(1),
		messages(13),
		chromedp.Poll[chromedp.Void](atEnd),
		none(misfits),
	))
}

// moving takes back that browse asks the page to keep still.
func moving() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "no-preference"}},
		})
		return err
	})
}

func TestThePageComesBackWithTheService(t *testing.T) {
	t.Parallel()
	s, d, _ := startDemo(t)
	ln, err := net.Listen("tcp", freeAddr(t))
	require.NoError(t, err)
	serve := func(ln net.Listener) *http.Server {
		web := &http.Server{Handler: d.Handler(), ReadHeaderTimeout: time.Minute}
		go func() { _ = web.Serve(ln) }()
		return web
	}
	web := serve(ln)
	ctx := browse(t, 1280, 800, false)
	require.NoError(t, walk(ctx,
		chromedp.Navigate("http://"+ln.Addr().String()),
		chromedp.WaitVisible(chromedp.CSS("#start")),
		chromedp.Click(chromedp.CSS("#start")),
		chromedp.WaitVisible(chromedp.CSS(".msg.in")),
	))
	require.NoError(t, web.Close())
	require.NoError(t, walk(ctx,
		chromedp.WaitVisible(chromedp.Search(`//*[@id="status" and contains(., "connecting")]`)),
		chromedp.SendKeys(text, "not lost"),
		chromedp.Click(chromedp.CSS("#send")),
		chromedp.WaitVisible(chromedp.CSS("#toast.shown")),
		check(`document.querySelector("#text").value === "not lost"`),
	))
	s.say("Meanwhile")
	ln, err = net.Listen("tcp", ln.Addr().String())
	require.NoError(t, err)
	web = serve(ln)
	t.Cleanup(func() { _ = web.Close() })
	require.NoError(t, walk(ctx,
		chromedp.WaitVisible(chromedp.Search(`//*[contains(@class, "body") and contains(., "Meanwhile")]`)),
		chromedp.Click(chromedp.CSS("#send")),
		chromedp.WaitVisible(chromedp.Search(`//*[contains(@class, "out")]//*[contains(@class, "body") and contains(., "not lost")]`)),
	))
}
