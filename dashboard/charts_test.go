package dashboard

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestAxis: curves over steps, epochs and training time. The axis and the zoom survive a
// reload.
func TestAxis(t *testing.T) {
	dir, _, _ := twoRuns(t)
	server := serve(t, dir)
	p := open(t, server, runHash("curves", "plain", "ft"), desktop)
	p.until(drawn)
	choose := func(axis string) {
		p.do(js(fmt.Sprintf(`{const s = document.querySelector("[name=axis]"); s.value = %q; s.dispatchEvent(new Event("change"))}`, axis)))
	}
	picture := func() string { return p.download("loss", "svg") }
	if got := picture(); !strings.Contains(got, ">step<") || !strings.Contains(got, ">500<") {
		t.Errorf("want an axis of steps up to 500, got %.2000s", got)
	}
	choose("epoch")
	if got := picture(); !strings.Contains(got, ">epoch<") || !strings.Contains(got, ">5<") {
		t.Errorf("want an axis of epochs up to 5, got %.2000s", got)
	}
	// 500 steps of 256 images at about 480 images/s are 267 s.
	choose("time")
	if got := picture(); !strings.Contains(got, ">training time, minutes<") || !strings.Contains(got, ">4<") || strings.Contains(got, ">6<") {
		t.Errorf("want an axis of about 4.5 minutes, got %.2000s", got)
	}
	choose("epoch")
	p.do(js(`document.querySelector("[aria-label='Zoom in']").click()`))
	p.until(`location.hash.includes("x=epoch") && location.hash.includes("from=")`)
	span := eval[string](p, `document.querySelector(".span").textContent`)
	if !strings.HasPrefix(span, "epochs 1.2") {
		t.Errorf("want the middle half of five epochs, got %q", span)
	}
	p.do(chromedp.Reload())
	p.until(drawn)
	p.until(fmt.Sprintf(`document.querySelector(".span").textContent === %q`, span))
	if n := eval[int](p, `document.querySelectorAll(".chart").length`); n < 18 {
		t.Errorf("a page that opens with a zoom has %d charts", n)
	}
}

// TestContent: charts of something that a method does not have are left out.
func TestContent(t *testing.T) {
	dir, _, _ := twoRuns(t)
	server := serve(t, dir)
	p := open(t, server, runHash("curves", "plain"), desktop)
	p.until(drawn)
	const lambda = `Boolean(document.querySelector("[data-chart=lambda]"))`
	if eval[bool](p, lambda) {
		t.Error("a run without the transformation has no λ")
	}
	if !eval[bool](p, `Boolean(document.querySelector("[data-chart=queue_fill]"))`) {
		t.Error("a queue has a chart of how full it is")
	}
	p.do(chromedp.Navigate(server.URL + "/" + runHash("curves", "plain", "ft")))
	p.until(lambda)
	// In a comparison, a color is a run, and positives and negatives differ in their dashes.
	svg := p.download("lambda", "svg")
	if strings.Contains(svg, "#0072b2") || strings.Count(svg, `stroke="#d55e00"`) < 4 {
		t.Errorf("want both λ in the color of the second run, got %.3000s", svg)
	}
}

// TestExport: files are for paper: light, whatever the page is, with title, runs, legend and
// colors, and without the cursor.
func TestExport(t *testing.T) {
	dir, _, _ := twoRuns(t)
	server := serve(t, dir)
	p := open(t, server, runHash("histograms", "ft"), look{width: 1280, height: 860, dark: true})
	p.until(`document.querySelector("[data-chart=pos] image")`)
	svg := p.download("pos", "svg")
	for _, want := range []string{">Positives over time<", ">ft<", ">density<", ">FT starts<", `fill="#ffffff"`, "<title>"} {
		if !strings.Contains(svg, want) {
			t.Errorf("want %s in the file, got %.600s", want, svg)
		}
	}
	if strings.Contains(svg, "#005f9e") || strings.Contains(svg, "#6fbdf2") {
		t.Error("the file has the cursor of the time")
	}
	if p.saved != "contralens-ft-pos.svg" {
		t.Errorf("want the run in the file's name, got %s", p.saved)
	}
	if theme := eval[string](p, `document.documentElement.dataset.theme ?? ""`); theme != "" {
		t.Errorf("saving changed the theme of the page to %q", theme)
	}
	p.do(js(`document.querySelector("[data-tab=curves]").click()`))
	p.until(drawn)
	if svg := p.download("loss", "svg"); !strings.Contains(svg, "#0072b2") || strings.Contains(svg, "#56b4e9") {
		t.Error("curves in a light file have the colors of a dark page")
	}
	p.do(js(`document.querySelector("[data-tab=histograms]").click()`))
	p.until(`document.querySelector("[data-chart=distribution] svg")`)
	p.do(js(`document.querySelector("[data-chart=distribution] [name=dark]").click()`))
	if svg := p.download("distribution", "svg"); !strings.Contains(svg, "#151c24") || !strings.Contains(svg, ">Positives before FT<") {
		t.Errorf("want a dark file with a legend, got %.600s", svg)
	}
}

// TestTime: a click on a heat map chooses the time, which a reload keeps.
func TestTime(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("histograms", "ft"), desktop)
	p.until(`document.querySelector("[data-chart=pos] image")`)
	p.do(js(`document.querySelector("[data-chart=pos]").scrollIntoView({block: "center"})`))
	at := eval[[]float64](p, `(() => { const r = document.querySelector("[data-chart=pos] image").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	p.click(at[0], at[1])
	p.until(`document.querySelector(".time output").textContent.match(/^steps 2[45]\d to 2[45]\d$/)`)
	p.until(`document.querySelector("[data-chart=pos] .values").textContent.includes("density")`)
	p.until(`location.hash.match(/time=2[45]\d/)`)
	p.do(chromedp.Reload())
	p.until(`document.querySelector(".time output")?.textContent.match(/^steps 2[45]\d to/)`)
}

// TestSideBySide: the histograms of two runs have equal axes, and their distributions are
// drawn over each other.
func TestSideBySide(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("histograms", "plain", "ft"), desktop)
	p.until(`document.querySelectorAll(".histograms image").length === 4`)
	ticks := eval[[]string](p, `["pos", "neg", "pos-2", "neg-2"].map((id) => [...document.querySelectorAll("[data-chart=" + id + "] svg > g:first-of-type text")].map((t) => t.textContent).join(" "))`)
	for _, other := range ticks[1:] {
		if other != ticks[0] {
			t.Errorf("want equal axes, got %q", ticks)
		}
	}
	if got := eval[string](p, `[...document.querySelectorAll("[data-chart=distribution] .key li")].map((l) => l.textContent).join(" | ")`); got != "plain | ft" {
		t.Errorf("want a curve for each run, got %q", got)
	}
	p.shot("histograms-two")
}

// TestLandscape: the 3-D view turns by keys, by dragging and by its buttons.
func TestLandscape(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("3d", "plain", "ft"), desktop)
	const picture = `document.querySelector("[data-chart='3d'] svg").innerHTML`
	p.until(`document.querySelectorAll("[data-chart='3d'] path").length >= 6`)
	p.do(js(`{const s = document.querySelector(".toolbar select"); s.selectedIndex = [...s.options].findIndex((o) => o.text === "Positives over time: ft"); s.dispatchEvent(new Event("change"))}`))
	p.until(`document.querySelectorAll("[data-chart='3d'] path").length > 40`)
	p.shot("landscape")
	p.do(js(`document.querySelector(".turnable").focus()`))
	turned := func(what string, turn func()) {
		before := eval[string](p, picture)
		turn()
		for end := time.Now().Add(3 * time.Second); eval[string](p, picture) == before; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%s does not turn the landscape", what)
				return
			}
		}
	}
	for _, key := range []string{kb.ArrowLeft, kb.ArrowRight, kb.ArrowUp, kb.ArrowDown} {
		turned(fmt.Sprintf("key %q", key), func() { p.press(key) })
	}
	box := eval[[]float64](p, `(() => { const r = document.querySelector(".turnable").getBoundingClientRect(); return [r.left + r.width / 2, r.top + 60]; })()`)
	turned("dragging", func() { p.drag(box[0], box[1], box[0]+90, box[1]+20) })
	turned("a button", func() { p.do(js(`document.querySelector("[aria-label='Turn left']").click()`)) })
}

// TestLandscapeAxes: the landscape has three axes with titles and round ticks, fills its
// canvas, zooms, shows values under the pointer, and keeps its angle in the address.
func TestLandscapeAxes(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("3d", "ft"), desktop)
	p.until(`document.querySelectorAll("[data-chart='3d'] [data-curve]").length > 20`)
	p.do(js(`document.querySelector(".turnable").scrollIntoView({block: "center"})`))
	texts := eval[[]string](p, `[...document.querySelectorAll("[data-chart='3d'] svg text")].map((e) => e.textContent)`)
	for _, want := range []string{"score", "step", "density", "200", "400", "0"} {
		if !slices.Contains(texts, want) {
			t.Errorf("want %q at an axis, got %q", want, texts)
		}
	}
	if share := eval[float64](p, `(() => { const s = document.querySelector("[data-chart='3d'] svg"); return s.getBBox().width / s.viewBox.baseVal.width; })()`); share < 0.8 {
		t.Errorf("the landscape takes %.0f %% of the width", 100*share)
	}
	at := eval[[]float64](p, `(() => { const c = [...document.querySelectorAll("[data-curve]")].at(-1), m = c.getPointAtLength(c.getTotalLength() / 2).matrixTransform(c.getScreenCTM()); return [m.x, m.y]; })()`)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	p.until(`document.querySelector("[data-chart='3d'] .values").textContent.match(/^step \d+, score .*density/)`)
	p.do(js(`document.querySelector("[aria-label='Zoom in']").click()`))
	p.do(js(`document.querySelector("[aria-label='Turn left']").click()`))
	p.until(`location.hash.includes("closer=1.4") && location.hash.includes("turn=-0.7")`)
	svg := p.download("3d", "svg")
	if !strings.Contains(svg, ">density<") || !strings.Contains(svg, "Positives over time") {
		t.Errorf("want axes and title in the file, got %.500s", svg)
	}
	if p.saved != "contralens-ft-3d.svg" {
		t.Errorf("want the run in the file's name, got %s", p.saved)
	}
}

// TestTicks: ticks have as many decimals as their distance needs, and none of them twice.
func TestTicks(t *testing.T) {
	p := open(t, serve(t, t.TempDir()), "", desktop)
	p.do(js(`Promise.all([import("./axes.js"), import("./format.js"), import("./range.js")]).then(([a, f, r]) => {
		window.axes = a; window.format = f; window.range = r; })`))
	p.until(`window.axes`)
	for _, c := range []struct{ code, want string }{
		{`[0.75, 0.5, 0.25, 0, -0.25].map((v) => format.tick(v, 0.25)).join(" ")`, "0.75 0.50 0.25 0.00 −0.25"},
		{`[0.4, 0.2].map((v) => format.tick(v, 0.2)).join(" ")`, "0.4 0.2"},
		{`format.tick(1500, 500)`, "1,500"},
		{`format.tick(0.00002, 0.00001)`, "0.00002"},
		{`axes.ticks(...range.ranged(0.1, Math.fround(0.1)), 4).map((t) => t.text).join(" ")`, "0.095 0.100 0.105"},
		{`axes.ticks(1, 2, 10, { whole: true }).map((t) => t.text).join(" ")`, "1 2"},
		{`axes.ticks(-0.13, 0.36, 5).map((t) => t.text).join(" ")`, "−0.1 0.0 0.1 0.2 0.3"},
		{`axes.ticks(0, 500, 5, { whole: true }).map((t) => t.text).join(" ")`, "0 100 200 300 400 500"},
		{`axes.ticks(0.001, 1000, 5, { log: true }).map((t) => t.text).join(" ")`, "0.001 0.1 10 1,000"},
	} {
		if got := eval[string](p, c.code); got != c.want {
			t.Errorf("%s: got %q, want %q", c.code, got, c.want)
		}
	}
}

// TestSparseCurve: the axis of k-NN has the untrained network's accuracy, although it comes
// before the first step and before the queue is full.
func TestSparseCurve(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), nil)
	f.append(t, "metrics.jsonl", map[string]any{"epoch": 0, "step": 0, "epoch_end": true, "knn": 21})
	f.train(t, 500)
	p := open(t, serve(t, dir), runHash("curves", "run"), desktop)
	p.until(drawn)
	svg := p.download("knn", "svg")
	if !strings.Contains(svg, ">30<") || !strings.Contains(svg, ">40<") {
		t.Errorf("want an axis from 21 to about 44 %%, got %.3000s", svg)
	}
}

// TestLabelsOfCurves: the labels of marks are above the chart, where no line passes, and the
// last tick is not cut off.
func TestLabelsOfCurves(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), map[string]string{"mem": "moco", "mixnorm": "true"})
	f.onset = 801
	f.train(t, 2000)
	p := open(t, serve(t, dir), runHash("curves", "run"), look{width: 930, height: 900})
	p.until(drawn)
	p.do(js(`window.texts = [];
		const draw = CanvasRenderingContext2D.prototype.fillText;
		CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
			const at = this.getTransform().transformPoint(new DOMPoint(x, y)), width = this.measureText(text).width;
			const right = at.x + width * ({ center: 0.5, right: 0, end: 0 }[this.textAlign] ?? 1);
			texts.push({ text, below: at.y, over: right - this.canvas.width });
			return draw.apply(this, arguments);
		};
		dispatchEvent(new Event("themechange"))`))
	for _, text := range []string{"2,000", "queue full", "FT"} {
		p.until(fmt.Sprintf(`texts.some((t) => t.text === %q)`, text))
	}
	if cut := eval[[]string](p, `texts.filter((t) => t.over > 0).map((t) => t.text + " by " + t.over)`); len(cut) > 0 {
		t.Errorf("cut off at the right edge, in pixels: %q", cut)
	}
	if low := eval[int](p, `texts.filter((t) => ["queue full", "FT"].includes(t.text) && t.below > 18).length`); low > 0 {
		t.Errorf("%d labels of marks lie on the chart", low)
	}
}
