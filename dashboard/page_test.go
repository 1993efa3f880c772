package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"contralens/scores/record"
)

// twoRuns makes a plain run and one with the feature transformation.
func twoRuns(t testing.TB) (dir string, plain, ft *fixture) {
	t.Helper()
	dir = t.TempDir()
	plain = newRun(t, filepath.Join(dir, "plain"), nil)
	plain.train(t, 300)
	ft = newRun(t, filepath.Join(dir, "ft"), map[string]string{"mixnorm": "true", "mixnorm_target": "posneg"})
	ft.train(t, 500)
	ft.probe(t, 120, 0, 2, 4)
	return dir, plain, ft
}

// chartText is a JavaScript expression for the text in a chart's frame.
func chartText(chart, selector string) string {
	return fmt.Sprintf("document.querySelector('[data-chart=%q] %s')?.textContent ?? ''", chart, selector)
}

const drawn = `document.querySelector("[data-chart=pos_mean] .u-over")`

// TestLive: a recorded step is on the page within two seconds, in the overview and in
// the run's view.
func TestLive(t *testing.T) {
	dir, plain, _ := twoRuns(t)
	server := serve(t, dir)
	p := open(t, server, "", desktop)
	p.until(`document.querySelector("tr[data-run=plain] .epoch")?.textContent.startsWith("3 / 20")`)
	if state := eval[string](p, `document.querySelector("tr[data-run=plain] .chip").textContent`); state != "running" {
		t.Errorf("want a running run, got %q", state)
	}
	plain.train(t, 100)
	p.within(3*time.Second, `document.querySelector("tr[data-run=plain] .epoch").textContent.startsWith("4 / 20")`)
	newRun(t, filepath.Join(dir, "third"), nil).train(t, 10)
	p.until(`document.querySelector("tr[data-run=third]")`)

	p.do(chromedp.Navigate(server.URL + "/" + runHash("curves", "plain")))
	p.until(drawn)
	p.until(`document.querySelector("[data-fact=Step]").textContent === "400"`)
	begin := time.Now()
	plain.train(t, 7)
	p.within(3*time.Second, `document.querySelector("[data-fact=Step]").textContent === "407"`)
	t.Logf("a step was on the page after %v", time.Since(begin).Round(time.Millisecond))
	p.until(`document.querySelector("[data-chart=pos_mean] .plot").getAttribute("aria-label").includes("up to step 407")`)
}

// TestCurves: zooming by dragging, by buttons and by keys; smoothing, log axes, peaks;
// scores before and after the transformation; downloads.
func TestCurves(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("curves", "ft"), desktop)
	p.until(drawn)
	p.until(`document.querySelector("[data-chart=pos_mean] .readout").textContent.includes("before")`)
	all := eval[string](p, chartText("pos_mean", ".readout"))
	if !strings.Contains(all, "after") {
		t.Errorf("want the positives before and after FT, got %q", all)
	}

	// Dragging over the middle half of one chart zooms all of them.
	p.do(js(`document.querySelector("[data-chart=pos_mean]").scrollIntoView({block: "center"})`))
	box := eval[[]float64](p, `(() => { const r = document.querySelector("[data-chart=pos_mean] .u-over").getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()`)
	y := box[1] + box[3]/2
	p.drag(box[0]+box[2]*0.25, y, box[0]+box[2]*0.75, y)
	p.until(`document.querySelector(".span").textContent.includes("steps 1")`)
	var from, to int
	if _, err := fmt.Sscanf(eval[string](p, `document.querySelector(".span").textContent`), "steps %d to %d", &from, &to); err != nil || from < 115 || from > 137 || to < 363 || to > 388 {
		t.Errorf("want about steps 126 to 375, got %d to %d (%v)", from, to, err)
	}
	p.until(fmt.Sprintf(`document.querySelector("[data-chart=loss] .plot").getAttribute("aria-label").match(/up to step (\d+)/)[1] <= %d`, to))
	p.do(js(`document.querySelector("[data-chart=loss] .plot").focus()`))
	p.press("0")
	p.until(`document.querySelector(".span").textContent === ""`)
	p.press("+")
	p.until(`document.querySelector(".span").textContent !== ""`)
	// The cursor is moved in the data of all steps, which are fewer than those of the zoom.
	const whole = `performance.getEntriesByType("resource").filter((e) => e.name.includes("api/curves") && e.name.includes("from=0&")).length`
	before := eval[int](p, whole)
	p.press("0")
	p.until(fmt.Sprintf("%s > %d", whole, before))
	p.press(kb.ArrowLeft)
	const read = `document.querySelector("[data-chart=loss] .readout").textContent`
	p.until(read + `.startsWith("step ")`)
	// Charts that are drawn anew, as for other axes and new data, keep the cursor of the keys.
	step, _, _ := strings.Cut(eval[string](p, read), ":")
	for _, log := range []bool{true, false} {
		p.do(js(`document.querySelector("[name=logY]").click()`))
		p.until(fmt.Sprintf(`document.querySelector("[data-chart=uniformity] .readout").textContent.includes("drawn linearly") === %v`, log))
		p.until(fmt.Sprintf(`%s.startsWith(%q)`, read, step+":"))
	}
	p.do(js(`document.querySelector("[aria-label='Zoom in']").click()`))
	p.until(`document.querySelector(".span").textContent !== ""`)
	p.do(js(`document.querySelector("[aria-label='Show all']").click()`))
	p.until(`document.querySelector(".span").textContent === ""`)

	// A chart with the name of another one would be drawn in its place.
	if got := eval[string](p, `(() => { const all = [...document.querySelectorAll("[data-chart]")].map((c) => c.dataset.chart); return all.filter((c, i) => all.indexOf(c) !== i).join(" "); })()`); got != "" {
		t.Errorf("two charts are named %s", got)
	}

	// A value that is not above 0 has no logarithm: such a chart stays linear and says
	// so.
	p.do(js(`document.querySelector("[name=logY]").click()`))
	p.until(`document.querySelector("[data-chart=uniformity] .readout").textContent.includes("drawn linearly")`)
	if got := eval[int](p, `[...document.querySelectorAll(".chart")].filter((c) => !c.querySelector(".u-over")).length`); got != 0 {
		t.Errorf("with log values %d charts vanish", got)
	}
	if got := eval[string](p, chartText("loss", ".readout")); strings.Contains(got, "linearly") {
		t.Errorf("the loss has a logarithm, got %q", got)
	}
	p.do(js(`document.querySelector("[name=logY]").click()`))

	// Plots that are replaced before they were drawn keep their own ranges.
	p.do(js(`for (let i = 0; i < 9; i++) for (const n of ["logX", "logY"]) document.querySelector("[name=" + n + "]").click()`))
	p.do(js(`for (const n of ["logX", "logY"]) document.querySelector("[name=" + n + "]").click()`))

	svg := func() string { return p.download("loss", "svg") }
	plain := svg()
	for _, change := range []string{`i = document.querySelector("[name=smooth]"); i.value = 0.96; i.dispatchEvent(new Event("input"))`, `document.querySelector("[name=logY]").click()`, `document.querySelector("[name=logX]").click()`, `document.querySelector("[name=envelope]").click()`} {
		p.do(js("{let i; " + change + "}"))
		now := svg()
		if now == plain {
			t.Errorf("%s changed nothing", change)
		}
		plain = now
	}
	if !strings.HasPrefix(plain, "<svg ") || !strings.Contains(plain, "InfoNCE") || strings.Contains(plain, "style=") || strings.Contains(plain, "NaN") {
		t.Errorf("want a plain SVG with its axis, got %.300s", plain)
	}
	if png := p.download("loss", "png"); !strings.HasPrefix(png, "\x89PNG") || len(png) < 5000 {
		t.Errorf("want a PNG, got %d bytes %.20q", len(png), png)
	}
	csv := p.download("pos_mean", "csv")
	if rows := strings.Split(csv, "\n"); rows[0] != "run,series,step,steps,mean,min,max" || len(rows) < 400 || !strings.Contains(csv, "ft,raw_pos_mean,1,") {
		t.Errorf("want the data of both curves, got %d rows: %.200s", len(rows), csv)
	}
	if n := eval[int](p, `[...document.querySelectorAll(".chart")].filter((c) => c.querySelector(".how p").textContent.length > 10).length - document.querySelectorAll(".chart").length`); n != 0 {
		t.Error("want an explanation at every chart")
	}
}

// TestConstant: a series that does not change has a chart. Smoothing leaves rounding errors
// on it, which are no reason for an axis that is too fine for numbers.
func TestConstant(t *testing.T) {
	dir := t.TempDir()
	scoreFiles(t, filepath.Join(dir, "run", "scores"), 3)
	p := open(t, serve(t, dir), runHash("curves", "run"), desktop)
	p.until(drawn)
	if got := eval[string](p, chartText("pos_mean", ".readout")); got != "0.2" {
		t.Errorf("want the constant score 0.2, got %q", got)
	}
}

// TestCompare: two runs selected in the overview are drawn in the same charts, and the
// options in which they differ are highlighted.
func TestCompare(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), "", desktop)
	p.until(`document.querySelectorAll("tbody tr").length === 2`)
	p.do(js(`document.querySelectorAll("td.select input").forEach((i) => i.click())`))
	p.until(`document.querySelector(".primary").textContent === "Compare 2 runs"`)
	p.do(js(`document.querySelector(".primary").click()`))
	p.until(drawn)
	p.until(`document.querySelectorAll(".facts tbody tr").length === 2`)
	csv := p.download("loss", "csv")
	if !strings.Contains(csv, "\nft,loss,") || !strings.Contains(csv, "\nplain,loss,") {
		t.Errorf("want both runs' losses, got %.200s", csv)
	}
	// With the pointer over one chart, all charts show the values of both runs, by
	// name.
	p.do(js(`document.querySelector("[data-chart=pos_mean]").scrollIntoView({block: "center"})`))
	box := eval[[]float64](p, `(() => { const r = document.querySelector("[data-chart=pos_mean] .u-over").getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()`)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, box[0]+box[2]/2, box[1]+box[3]/2))
	for _, chart := range []string{"pos_mean", "neg_mean"} {
		p.until(fmt.Sprintf(`document.querySelector("[data-chart=%s] .values")?.hidden === false`, chart))
		shown := eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll("[data-chart=%s] .values .value span")].map((e) => e.textContent)`, chart))
		slices.Sort(shown)
		if strings.Join(shown, " | ") != "ft | ft, before FT | plain" {
			t.Errorf("%s: want the values of both runs by name, got %q", chart, shown)
		}
	}
	steps := eval[[]string](p, `["pos_mean", "neg_mean"].map((c) => document.querySelector("[data-chart=" + c + "] .values .at").textContent)`)
	if steps[0] != steps[1] || !strings.HasPrefix(steps[0], "step ") {
		t.Errorf("want the same step in all charts, got %q", steps)
	}
	p.shot("compare")
	p.do(js(`document.querySelector(".tabs [data-tab=settings]").click()`))
	p.until(`document.querySelectorAll(".options .differs").length > 0`)
	if got := eval[[]string](p, `[...document.querySelectorAll(".options .differs th")].map((t) => t.firstChild.textContent)`); strings.Join(got, " ") != "mixnorm mixnorm_target" {
		t.Errorf("want the two options that differ, got %q", got)
	}
	p.do(js(`document.querySelector("[name=only]").click()`))
	p.until(`document.querySelectorAll(".options tbody tr").length > 15 && document.querySelectorAll(".options .differs").length === 2`)
	p.until(`document.querySelector(".environment code").textContent.startsWith("contralens contrast")`)
}

// TestForeignRun: the configuration tab of a run of another program says that there is
// none.
func TestForeignRun(t *testing.T) {
	dir := t.TempDir()
	check(t, record.Generate(filepath.Join(dir, "pytorch", "scores", "record"), 50))
	p := open(t, serve(t, dir), runHash("settings", "pytorch"), desktop)
	p.until(`document.querySelector(".settings .empty")?.textContent.includes("another program")`)
}

// TestHistograms: heat map and ridgelines, the time slider, before and after.
func TestHistograms(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("histograms", "ft"), desktop)
	p.until(`document.querySelector("[data-chart=pos] image") && document.querySelector("[data-chart=neg] image")`)
	if n := eval[int](p, `document.querySelectorAll("[data-chart=distribution] path[stroke-dasharray]").length`); n != 2 {
		t.Errorf("want two dashed distributions before FT, got %d", n)
	}
	p.shot("histograms")
	last := eval[string](p, `document.querySelector(".time output").textContent`)
	p.do(js(`document.querySelector("[name=time]").focus()`))
	p.press(kb.Home)
	p.until(`document.querySelector(".time output").textContent.startsWith("steps 1 to")`)
	p.press(kb.End)
	p.until(`document.querySelector(".time output").textContent === ` + fmt.Sprintf("%q", last))
	p.do(js(`document.querySelector("[value=ridges]").click()`))
	p.until(`document.querySelectorAll("[data-chart=pos] path").length > 20 && !document.querySelector("[data-chart=pos] image")`)
	after := eval[string](p, `document.querySelector("[data-chart=pos] svg").innerHTML`)
	p.do(js(`document.querySelector("[name=before]").click()`))
	p.until(`document.querySelector("[data-chart=pos] .readout").textContent === "before FT"`)
	if eval[string](p, `document.querySelector("[data-chart=pos] svg").innerHTML`) == after {
		t.Error("before and after FT look the same")
	}
	if csv := p.download("neg", "csv"); !strings.HasPrefix(csv, "histogram,step,from,to,count\nraw_neg,1,") {
		t.Errorf("want the histograms that are shown, got %.80s", csv)
	}
}

// TestMillion: a run of a million recorded steps opens in under 1.5 s, asserted with a
// margin for busy machines, and keeps its peaks at every zoom.
func TestMillion(t *testing.T) {
	dir := t.TempDir()
	check(t, record.Generate(record.Dir(filepath.Join(dir, "long")), 1_000_000))
	p := open(t, serve(t, dir), "", desktop)
	p.until(`document.querySelector("tr[data-run=long]")`)
	p.do(js(`{window.begin = performance.now(); document.querySelector(".name a").click();
		const look = () => { if (document.querySelectorAll(".chart .u-over").length > 15 && document.querySelector("[data-chart=loss] .readout").textContent) window.took = performance.now() - begin; else requestAnimationFrame(look); }; look();}`))
	p.until(`window.took`)
	took := eval[float64](p, `window.took`)
	t.Logf("a million steps were drawn after %.0f ms", took)
	if took > 3000 {
		t.Errorf("want a million steps drawn in under 1,500 ms (3,000 here), took %.0f", took)
	}
	if csv := p.download("loss", "csv"); strings.Count(csv, ",50\n") != 9 {
		t.Errorf("want the nine peaks of 50 among the maxima, got %d", strings.Count(csv, ",50\n"))
	}
	p.do(js(`for (let i = 0; i < 11; i++) document.querySelector("[aria-label='Zoom in']").click()`))
	p.until(`(document.querySelector("[data-chart=loss] .plot").getAttribute("aria-label").match(/up to step ([\d,]+)/)?.[1].replaceAll(",", "") ?? 1e9) < 600000`)
	if csv := p.download("loss", "csv"); !strings.Contains(csv, ",1,") {
		t.Error("want single steps when zoomed in far")
	}
}

// click presses and releases the left button.
func (p *tab) click(x, y float64) {
	p.Helper()
	left := chromedp.ButtonType(input.MouseButtonLeft)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x, y),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x, y, left, chromedp.ClickCount(1)),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x, y, left, chromedp.ClickCount(1)))
}

// drag moves the mouse with its button down.
func (p *tab) drag(x0, y0, x1, y1 float64) {
	p.Helper()
	left := chromedp.ButtonType(input.MouseButtonLeft)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x0, y0), chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, x0, y0, left, chromedp.ClickCount(1)))
	for i := range 5 {
		f := float64(i+1) / 5
		p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, x0+(x1-x0)*f, y0+(y1-y0)*f, left))
	}
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, x1, y1, left, chromedp.ClickCount(1)))
}

// download returns the file that a chart's download button saves.
func (p *tab) download(chart, kind string) string {
	p.Helper()
	p.do(js(fmt.Sprintf(`{window.saved = ""; const make = URL.createObjectURL.bind(URL); const blobs = {};
		URL.createObjectURL = (b) => { const u = make(b); blobs[u] = b; return u; };
		HTMLAnchorElement.prototype.click = function () {
			if (!this.download) return this.dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true}));
			const r = new FileReader(); r.onload = () => { window.saved = JSON.stringify([this.download, r.result]); }; r.readAsDataURL(blobs[this.href]);
		};
		document.querySelector('[data-chart=%q] [data-save=%s]').click();}`, chart, kind)))
	p.until("window.saved")
	var saved [2]string
	check(p, json.Unmarshal([]byte(eval[string](p, "window.saved")), &saved))
	if name := saved[0]; !strings.HasPrefix(name, "contralens-") || !strings.HasSuffix(name, "-"+chart+"."+kind) {
		p.Errorf("want a file name with run and chart, got %s", name)
	}
	p.saved = saved[0]
	_, data, _ := strings.Cut(saved[1], ",")
	b, err := base64.StdEncoding.DecodeString(data)
	check(p, err)
	return string(b)
}

// axe is axe-core, which checks pages for accessibility.
func axe(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "axe.min.js"))
	check(t, err)
	return string(b)
}
