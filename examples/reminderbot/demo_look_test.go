package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
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
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-dev-shm-usage", true),
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
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
			_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
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

// search finds a control by its words.
func button(label string) chromedp.Search {
	return chromedp.Search(`//button[contains(., "` + label + `")]`)
}

func TestLook(t *testing.T) {
	for _, view := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"desktop-light", 1280, 800, false}, {"desktop-dark", 1280, 800, true}, {"phone-light", 390, 844, false}, {"phone-dark", 390, 844, true}} {
		t.Run(view.name, func(t *testing.T) {
			_, _, page := startDemo(t)
			ctx := browse(t, view.width, view.height, view.dark)
			dir := screens(t)
			pic := func(name string) chromedp.Action[chromedp.Void] {
				return shoot(filepath.Join(dir, view.name+"-"+name+".png"))
			}
			steps := []chromedp.Action[chromedp.Void]{
				chromedp.Navigate(page.URL),
				chromedp.WaitVisible(chromedp.CSS("#start")),
				pic("1-empty"),
				chromedp.Click(chromedp.CSS("#start")),
				chromedp.WaitVisible(chromedp.CSS(".msg.in")),
				chromedp.SendKeys(chromedp.CSS("#text"), "/newlead Jane Doe, CTO @ Acme, met at the fair"),
				chromedp.Click(chromedp.CSS("#send")),
				chromedp.WaitVisible(chromedp.CSS(".key")),
				pic("2-plan"),
				chromedp.Click(chromedp.CSS(`.key`)),
				chromedp.WaitNotPresent(chromedp.CSS(".key")),
				chromedp.Evaluate[chromedp.Void](`document.querySelector("#next").click()`),
				chromedp.WaitVisible(chromedp.CSS(".copyable")),
				pic("3-reminder"),
				chromedp.SendKeys(chromedp.CSS("#text"), "/"),
				chromedp.WaitVisible(chromedp.CSS("#commands li")),
				pic("4-menu"),
				chromedp.SendKeys(chromedp.CSS("#text"), "help\r"),
				chromedp.WaitVisible(chromedp.CSS("blockquote")),
				chromedp.Click(button("Done")),
				chromedp.WaitVisible(button("Undo")),
				pic("5-done"),
			}
			if view.width < 600 {
				steps = append(steps, chromedp.Click(chromedp.CSS("#open-side")), chromedp.WaitVisible(chromedp.CSS("#side.open")), pic("6-side"))
			}
			require.NoError(t, chromedp.Do(ctx, steps...))
		})
	}
}
