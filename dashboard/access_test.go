package dashboard

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestAccessibility: axe-core finds no problem that is more than minor in any view, in dark and light,
// on a desktop and on a phone, where nothing is wider than the screen.
func TestAccessibility(t *testing.T) {
	dir, _, _ := twoRuns(t)
	newRun(t, filepath.Join(dir, longName), nil).train(t, 20)
	write(t, filepath.Join(dir, "broken", "run.json"), "{")
	write(t, filepath.Join(dir, "broken", "metrics.jsonl"), "?\n")
	for _, run := range []string{"plain", "ft"} {
		write(t, filepath.Join(dir, run, "log.txt"), "note: a note\nfailed: an error\n")
	}
	write(t, filepath.Join(dir, "ft", "notes.json"), `{"text": "a note", "tags": ["paper"]}`)
	server := serve(t, dir)
	views := []struct{ hash, ready string }{
		{"#/", `document.querySelectorAll("tbody tr").length === 4`},
		{runHash("curves", "plain", "ft"), drawn},
		{runHash("curves", "broken"), `document.querySelector(".tab .empty")`},
		{runHash("histograms", "plain", "ft"), `document.querySelector("[data-chart=neg-2] image")`},
		{runHash("3d", "ft"), `document.querySelector("[data-chart='3d'] svg")`},
		{runHash("embedding", "ft") + "&image=17", `document.querySelector(".classes li") && document.querySelector(".neighbor")`},
		{runHash("all", "plain"), `document.querySelector(".part [data-chart='3d'] svg")`},
		{runHash("log", "plain", "ft"), `document.querySelectorAll(".log pre:not([hidden])").length === 2`},
		{runHash("settings", "ft"), `document.querySelector(".changed")`},
		{runHash("settings", "plain", "ft", longName), `document.querySelector(".options .differs")`},
		{runHash("curves", "nowhere", "ft"), `document.querySelector(".empty h2")`},
		{"#/?parallel=1&group=mixnorm", `document.querySelector(".parallel svg") && document.querySelector("tr.group")`},
	}
	source := axe(t)
	for _, l := range []look{{1280, 860, false, false}, {1280, 860, true, false}, {390, 844, false, true}, {390, 844, true, true}} {
		rules := `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]`
		if l.dark { // differs from light only in colors
			rules = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
		}
		p := open(t, server, "", l)
		p.do(js(source))
		for i, v := range views {
			p.do(js(fmt.Sprintf("location.hash = %q", v.hash)))
			p.until(v.ready)
			p.do(js(`window.report = null; document.querySelectorAll("details").forEach((d) => { d.open = d.className !== "menu"; });
				axe.run(document, {resultTypes: ["violations"], runOnly: ` + rules + `}).then((r) => {
					window.report = r.violations.filter((v) => ["moderate", "serious", "critical"].includes(v.impact)).map((v) => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + n.any.map((a) => a.message).join("; ").slice(0, 200)).join(" | "));
				}, (e) => { window.report = [String(e)]; })`))
			p.until("window.report")
			if found := eval[[]string](p, "window.report"); len(found) > 0 {
				t.Errorf("%+v %s:\n%s", l, v.hash, strings.Join(found, "\n"))
			}
			if wide := eval[int64](p, "document.documentElement.scrollWidth"); wide > l.width {
				t.Errorf("%+v %s: want at most %d pixels, got %d; the widest: %s", l, v.hash, l.width, wide, eval[string](p, `[...document.querySelectorAll("main *")].filter((e) => !e.closest(".scroll, .tabs") || e.matches(".hidden")).sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right)[0].outerHTML.slice(0, 200)`))
			}
			if l.phone && !l.dark {
				p.shot(fmt.Sprintf("phone-%d", i+1))
			}
		}
	}
}

// TestKeyboard: everything can be reached and used without a mouse.
func TestKeyboard(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), "", desktop)
	p.until(`document.querySelectorAll("tbody tr").length === 2`)
	// tabTo presses Tab until a matching element has the focus.
	tabTo := func(selector string) {
		t.Helper()
		for range 60 {
			p.press(kb.Tab)
			if eval[bool](p, fmt.Sprintf("document.activeElement.matches(%q)", selector)) {
				if eval[string](p, `getComputedStyle(document.activeElement).outlineStyle`) == "none" {
					t.Errorf("%s: the focus cannot be seen", selector)
				}
				return
			}
		}
		t.Fatalf("Tab does not reach %s", selector)
	}
	tabTo(".skip")
	tabTo("#theme")
	p.press(kb.Enter)
	p.until(`document.documentElement.dataset.theme === "light"`)
	p.press(kb.Enter)
	p.until(`document.documentElement.dataset.theme === "dark"`)
	tabTo("tr:first-child input")
	p.press(" ")
	tabTo("tr:last-child input")
	p.press(" ")
	p.until(`document.querySelector(".primary").textContent === "Compare 2 runs"`)
	tabTo(".name a")
	p.press(kb.Enter)
	p.until(drawn)
	tabTo(".tabs a:nth-child(2)")
	p.press(kb.Enter)
	p.until(`document.querySelector("[data-chart=pos] image, [data-chart=pos] .empty")`)
	p.do(js(`document.querySelector(".tabs a").focus()`))
	p.press(kb.Enter)
	p.until(drawn)
	tabTo("[name=smooth]")
	p.press(kb.ArrowRight)
	p.until(`document.querySelector(".slider output").textContent === "0.62"`)
	tabTo(".menu summary")
	p.press(kb.Enter)
	p.until(`document.querySelector(".menu").open`)
	tabTo("[data-save=svg]")
	p.press(kb.Escape)
	p.until(`!document.querySelector(".menu").open && document.activeElement.matches(".menu summary")`)
	tabTo("[role=application]")
	p.press("+")
	p.until(`document.querySelector(".span").textContent !== ""`)
	tabTo(".how summary")
	p.press(" ")
	p.until(`document.querySelector(".how").open`)
}

// TestReducedMotion: users who prefer reduced motion get no animation.
func TestReducedMotion(t *testing.T) {
	p := open(t, serve(t, t.TempDir()), "", desktop)
	p.until(`document.querySelector("#live").textContent === "live"`)
	const animation = `getComputedStyle(document.querySelector("#live"), "::before").animationName`
	if got := eval[string](p, animation); got != "pulse" {
		t.Errorf("want the pulse of the live mark, got %q", got)
	}
	p.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	}))
	if got := eval[string](p, animation); got != "none" {
		t.Errorf("want no motion, got %q", got)
	}
	p.until(`document.querySelector(".empty").textContent.includes("No runs here yet")`)
}

// TestTokenInBrowser: without the token nothing is served, with it everything, also on
// the next visit. The token does not stay in the address bar.
func TestTokenInBrowser(t *testing.T) {
	dir, _, _ := twoRuns(t)
	s, err := New(Options{Dir: dir, Token: NewToken()})
	check(t, err)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() { server.CloseClientConnections(); server.Close(); s.Close() })
	p := open(t, server, "", desktop)
	p.until(`document.body.innerText.includes("want the token")`)
	p.do(chromedp.Navigate(server.URL + "/?token=" + s.Token))
	p.until(`document.querySelectorAll("tbody tr").length === 2`)
	if at := eval[string](p, "location.href"); strings.Contains(at, "token") {
		t.Errorf("the token is still in the address: %s", at)
	}
	p.do(chromedp.Navigate(server.URL + "/" + runHash("curves", "plain")))
	p.until(drawn)
	p.until(`document.querySelector("#live").textContent === "live"`)
}
