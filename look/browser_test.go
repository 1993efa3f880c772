package look

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// chromium starts a browser for one test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil && path == "" {
			path = p
		}
	}
	if path == "" {
		t.Fatal("want Chromium for the test of the page, found none: apt-get install chromium, or make deps")
	}
	profile := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.UserDataDir(profile),
		chromedp.Env("TMPDIR="+profile), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true))
	allocated, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(allocated)
	ctx, timeout := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(func() { timeout(); closeTab(); stop() })
	return ctx
}

// The page opens from disk without errors and without asking for anything, fits narrow
// windows, follows the color scheme, and its command can be copied by keyboard.
func TestPageInBrowser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	text := pageOf(t, lookAt(t, messy(t), Options{Now: still, Measure: measured}))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx := chromium(t)
	for _, width := range []int64{1280, 400} {
		for _, scheme := range []string{"light", "dark"} {
			err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
					Source: `window.troubles = []; addEventListener("error", (e) => troubles.push(e.message), true);`,
				})
				if err != nil {
					return err
				}
				_, err = cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
				})
				if err != nil {
					return err
				}
				_, err = cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride,
					emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1})
				return err
			}), chromedp.Navigate("file://"+file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := chromedp.Run(ctx, chromedp.Evaluate[map[string]any](`({
				troubles: troubles.join(), width: document.documentElement.scrollWidth,
				asked: performance.getEntriesByType("resource").filter((e) => !e.name.startsWith("data:")).length,
				undrawn: [...document.images].filter((m) => !m.naturalWidth).length,
				back: getComputedStyle(document.body).backgroundColor,
			})`))
			if err != nil {
				t.Fatal(err)
			}
			back := map[string]string{"light": "rgb(244, 246, 248)", "dark": "rgb(13, 18, 24)"}[scheme]
			if got["troubles"] != "" || got["width"].(float64) > float64(width) || got["asked"].(float64) > 0 ||
				got["undrawn"].(float64) > 0 || got["back"] != back {
				t.Errorf("%d pixels, %s: %v", width, scheme, got)
			}
		}
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector("[data-copy]").focus(), true`)); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.KeyEvent("\r")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(30 * time.Millisecond) {
		said, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById("said").textContent`))
		if err != nil {
			t.Fatal(err)
		}
		if said == "copied" || said == "selected" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the button says nothing")
		}
	}
}
