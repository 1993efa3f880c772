package dashboard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestSetting: values of all types go into the address and come back; a default is left out,
// and what is not a value counts as missing.
func TestSetting(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("curves", "ft")+"&smooth=much&log=2&mode=odd", desktop)
	p.until(drawn)
	p.do(js(`import("./address.js").then((m) => { window.m = m; window.all = {
		number: m.setting("smoothing", 0.6, { lasting: true }), flag: m.setting("flag", false), word: m.setting("word", null),
		list: m.setting("list", []), range: m.setting("range", [0, 1]),
		bad: [m.setting("smooth", 0.6), m.setting("log", true), m.setting("mode", "heat", { valid: (v) => v === "heat" })],
	}; })`))
	p.until(`window.all`)
	if got := eval[string](p, `JSON.stringify(all.bad.map((s) => s.get()))`); got != `[0.6,true,"heat"]` {
		t.Errorf("want the defaults instead of what is not a value, got %s", got)
	}
	p.do(js(`all.number.set(0.8); all.flag.set(true); all.word.set("a&b =/#"); all.list.set(["x", "y"])`))
	want := `[0.8,true,"a&b =/#",["x","y"]]`
	values := `JSON.stringify([all.number, all.flag, all.word, all.list].map((s) => s.get()))`
	if got := eval[string](p, values); got != want {
		t.Errorf("want %s at once, got %s", want, got)
	}
	p.until(`location.hash.includes("smoothing=0.8") && location.hash.includes("list=x&list=y")`)
	p.until(`document.querySelector(".tabs a:nth-child(2)").getAttribute("href").includes("smoothing=0.8")`)
	if got := eval[string](p, `m.runsAddress(["a/b"])`); got != "#/runs?tab=curves&run=a%2Fb&smoothing=0.8" {
		t.Errorf("want the lasting setting alone in the address of other runs, got %s", got)
	}
	// As if the address had been opened anew.
	p.do(js(`window.dispatchEvent(new Event("hashchange"))`))
	if got := eval[string](p, values); got != want {
		t.Errorf("want %s from the address, got %s", want, got)
	}
	p.do(js(`all.number.set(0.6); all.flag.set(false); all.word.set(null); all.list.set([])`))
	p.until(`!/smoothing|flag|word|list/.test(location.hash)`)
}

// TestOverviewKept: filter and selection survive a reload, and Back from a run.
func TestOverviewKept(t *testing.T) {
	dir, _, _ := twoRuns(t)
	server := serve(t, dir)
	p := open(t, server, "", desktop)
	p.until(`document.querySelectorAll("tbody tr").length === 2`)
	p.do(js(`{const f = document.querySelector("[type=search]"); f.value = "mocov2 ft"; f.dispatchEvent(new Event("input"))}`))
	p.until(`document.querySelectorAll("tbody tr").length === 1`)
	p.do(js(`document.querySelector("td.select input").click()`))
	kept := `document.querySelectorAll("tbody tr").length === 1 && document.querySelector("td.select input").checked` +
		` && document.querySelector("[type=search]").value === "mocov2 ft"`
	p.until(kept + ` && location.hash.includes("pick=ft")`)
	p.do(chromedp.Reload())
	p.until(kept)
	p.do(js(`document.querySelector(".name a").click()`))
	p.until(drawn)
	if got := eval[string](p, `document.querySelector(".brand").getAttribute("href")`); !strings.Contains(got, "pick=ft") {
		t.Errorf("want the logo to lead back to the overview as it was, got %s", got)
	}
	p.do(js(`history.back()`))
	p.until(kept)
	p.do(chromedp.Navigate(fmt.Sprintf("%s/#/?find=plain&pick=plain&pick=ft", server.URL)))
	p.until(`document.querySelectorAll("tbody tr").length === 1 && document.querySelector(".primary").textContent === "Compare 2 runs"`)
}
