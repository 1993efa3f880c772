package dashboard

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestEmbeddingView: thumbnails on hover and on keyboard focus, PCA and UMAP, the
// epochs.
func TestEmbeddingView(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("embedding", "ft"), desktop)
	p.until(`document.querySelectorAll(".scatter [data-i]").length === 120`)
	p.do(js(`document.querySelector(".scatter").scrollIntoView({block: "center"})`))
	at := eval[[]float64](p, `(() => { const r = document.querySelector(".scatter [data-i='17']").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	p.until(`!document.querySelector(".tip").hidden`)
	if got := eval[string](p, `document.querySelector(".caption").textContent`); !strings.Contains(got, "class-7 · image 17 · img-17.jpg") {
		t.Errorf("want class, number and file of the image, got %q", got)
	}
	if got := eval[string](p, `getComputedStyle(document.querySelector(".picture")).backgroundImage`); !strings.Contains(got, "thumbnails?run=ft") {
		t.Errorf("want the image's picture, got %q", got)
	}
	// A click selects the image and shows its file and its neighbors, which can be
	// selected in turn.
	p.click(at[0], at[1])
	p.until(`document.querySelector(".picked .file")?.textContent === "photos/class-7/img-17.jpg"`)
	same := eval[int](p, `[...document.querySelectorAll(".neighbor")].filter((e) => e.textContent.startsWith("class-7")).length`)
	if n := eval[int](p, `document.querySelectorAll(".neighbor").length`); n != 8 || same < 6 {
		t.Errorf("want 8 neighbors, most of class 7 whose features lie along one axis, got %d and %d", n, same)
	}
	p.shot("embedding")
	p.do(js(`document.querySelector(".neighbor").click()`))
	p.until(`document.querySelector(".picked .file").textContent !== "photos/class-7/img-17.jpg"`)
	// Zooming spreads the marks and keeps the point under the pointer; All resets it.
	place := `(() => { const r = document.querySelector(".scatter [data-i='17']").getBoundingClientRect(); return Math.round(r.left + r.width / 2); })()`
	spread := `(() => { const x = [...document.querySelectorAll(".scatter [data-i]")].map((e) => e.getBoundingClientRect().left); return Math.max(...x) - Math.min(...x); })()`
	narrow := eval[float64](p, spread)
	p.do(js(fmt.Sprintf(`document.querySelector(".scatter svg").dispatchEvent(new WheelEvent("wheel", {deltaY: -300, clientX: %f, clientY: %f, cancelable: true}))`, at[0], at[1])))
	p.until(fmt.Sprintf(`%s > 2 * %f`, spread, narrow))
	if x := eval[float64](p, place); x < at[0]-2 || x > at[0]+2 {
		t.Errorf("zooming at an image moved it from %.0f to %.0f", at[0], x)
	}
	corner := eval[[]float64](p, `(() => { const r = document.querySelector(".scatter svg").getBoundingClientRect(); return [r.left, r.top]; })()`)
	p.drag(corner[0]+40, corner[1]+30, corner[0]+90, corner[1]+30)
	p.until(fmt.Sprintf(`Math.abs(%s - %f) < 3`, place, at[0]+50))
	p.do(js(`document.querySelector("[aria-label='Show all']").click()`))
	p.until(fmt.Sprintf(`Math.abs(%s - %f) < 2`, spread, narrow))
	// The legend fades all classes except the pressed ones.
	p.do(js(`document.querySelector(".classes [data-label='3']").click()`))
	if n := eval[int](p, `document.querySelectorAll(".scatter [data-i]:not([opacity])").length`); n != 12 {
		t.Errorf("want the 12 images of one class in full color, got %d", n)
	}
	p.do(js(`document.querySelector(".classes [data-label='3']").click()`))
	p.do(js(`document.querySelector("[name=pictures]").click()`))
	p.until(`document.querySelectorAll(".scatter svg image").length === 120`)
	p.shot("embedding-pictures")
	p.do(js(`document.querySelector("[name=pictures]").click()`))
	p.do(js(`document.activeElement.blur()`))
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 5, 5))
	p.until(`document.querySelector(".tip").hidden`)
	p.do(js(`document.querySelector(".scatter svg").focus()`))
	p.until(`!document.querySelector(".tip").hidden`)
	first := eval[string](p, `document.querySelector(".caption").textContent`)
	other := fmt.Sprintf(`document.querySelector(".caption").textContent !== %q`, first)
	p.press(kb.ArrowRight)
	// The page may draw the response to a key after the press returns; the first image may be the last on the right.
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end) && !eval[bool](p, other); {
		time.Sleep(50 * time.Millisecond)
	}
	if !eval[bool](p, other) {
		p.press(kb.ArrowLeft)
	}
	p.until(other)
	p.until(`document.querySelector(".embedding [role=status]").textContent.startsWith("class-")`)

	pca := eval[string](p, `document.querySelector(".scatter g").innerHTML`)
	p.do(js(`document.querySelector("[value=umap]").click()`))
	p.within(20*time.Second, `document.querySelector("[data-chart=embedding] .readout").textContent.includes("UMAP with")`)
	if eval[string](p, `document.querySelector(".scatter g").innerHTML`) == pca {
		t.Error("UMAP shows what PCA shows")
	}
	// Features of class c are around axis c: UMAP groups them.
	share := eval[float64](p, `(() => { const m = [...document.querySelectorAll(".scatter [data-i]")].map((e) => { const b = e.getBBox(); return [b.x + b.width / 2, b.y + b.height / 2]; });
		return m.filter((a, i) => { let best = -1, d = Infinity; m.forEach((b, j) => { const e = (a[0]-b[0])**2 + (a[1]-b[1])**2; if (j !== i && e < d) [best, d] = [j, e]; }); return best % 10 === i % 10; }).length / m.length; })()`)
	if share < 0.4 {
		t.Errorf("want most nearest neighbors of the same class (1 in 10 by chance), got %.2f", share)
	}
	p.do(js(`document.querySelector("[value=pca]").click()`))
	p.do(js(`document.querySelector("[name=epoch]").focus()`))
	p.press(kb.Home)
	p.until(`document.querySelector("[data-chart=embedding] .readout").textContent.startsWith("epoch 0,")`)
	if csv := p.download("embedding", "csv"); strings.Count(csv, "\n") != 121 {
		t.Errorf("want 120 rows, got %.100s", csv)
	}
}

// TestAligned: layouts that differ only in rotation, reflection, scale and position
// coincide, so that images can be followed from epoch to epoch.
func TestAligned(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), "", desktop)
	p.do(js(`import("./layout.js").then((m) => { window.layout = m; })`))
	p.until(`window.layout`)
	for _, mirror := range []int{1, -1} {
		worst := eval[float64](p, fmt.Sprintf(`(() => {
			const flat = (list) => Float32Array.from(list.flat());
			const reference = Array.from({ length: 50 }, (_, i) => [Math.sin(3 * i) * (1 + i %% 7), Math.cos(5 * i) * (2 + i %% 3) + 4]);
			const turned = reference.map(([x, y]) => [0.3 * (Math.cos(2) * x - Math.sin(2) * y) - 9, %d * 0.3 * (Math.sin(2) * x + Math.cos(2) * y) + 2]);
			const got = layout.aligned(flat(turned), flat(reference));
			return Math.max(...reference.map((p, i) => Math.hypot(got[2 * i] - p[0], got[2 * i + 1] - p[1])));
		})()`, mirror))
		if worst > 1e-5 {
			t.Errorf("mirrored %d: a point is %g off after aligning", mirror, worst)
		}
	}
	if got := eval[string](p, `JSON.stringify(layout.nearestTo([[1, 0], [0, 1], [2, 0.1], [-1, 0]], 0, 2).map((n) => n.image))`); got != "[2,1]" {
		t.Errorf("the nearest by cosine are %s, want [2,1]", got)
	}
}

// TestEmbeddingsBeside: two runs with the same images are on the same axes, as large as each
// other; pointing at an image shows it in both, and its neighbors are those of each run.
func TestEmbeddingsBeside(t *testing.T) {
	dir, plain, _ := twoRuns(t)
	plain.probe(t, 120, 0, 3)
	p := open(t, serve(t, dir), runHash("embedding", "plain", "ft")+"&image=17", desktop)
	p.until(`document.querySelectorAll(".scatter [data-i]").length === 240`)
	sizes := eval[[]float64](p, `[...document.querySelectorAll(".scatter > svg > g")].map((g) => g.getBBox().width)`)
	if r := sizes[0] / sizes[1]; r < 0.6 || r > 1.7 {
		t.Errorf("want layouts of about equal size, got widths of %v", sizes)
	}
	p.until(`document.querySelectorAll(".picked h4").length === 2`)
	if got := eval[[]string](p, `[...document.querySelectorAll(".picked h4")].map((e) => e.textContent)`); strings.Join(got, " ") != "plain ft" {
		t.Errorf("want the neighbors in each run, got %q", got)
	}
	p.do(js(`document.querySelector("[data-chart=embedding-2]").scrollIntoView({block: "center"})`))
	at := eval[[]float64](p, `(() => { const r = document.querySelector("[data-chart=embedding-2] [data-i='4']").getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]; })()`)
	p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, at[0], at[1]))
	p.until(`document.querySelectorAll(".scatter .ring[visibility=visible]").length === 2`)
	p.shot("embedding-two")
}

// TestUnlikeEmbeddings: that runs have other probe sets is said.
func TestUnlikeEmbeddings(t *testing.T) {
	dir := t.TempDir()
	for name, n := range map[string]int{"few": 20, "more": 30} {
		newRun(t, filepath.Join(dir, name), nil).probe(t, n, 0, 1)
	}
	p := open(t, serve(t, dir), runHash("embedding", "few", "more"), desktop)
	p.until(`document.querySelectorAll(".scatter [data-i]").length === 50`)
	const remark = `document.querySelector(".probe-note")`
	p.until(remark + `.textContent.startsWith("The probe sets of these runs have different images")`)
	p.shot("embedding-unlike")
}

// TestCircle: images that are circled are shown with their classes, and a reload keeps the
// layout, the epoch, the classes and the chosen image.
func TestCircle(t *testing.T) {
	dir, _, _ := twoRuns(t)
	p := open(t, serve(t, dir), runHash("embedding", "ft"), desktop)
	p.until(`document.querySelectorAll(".scatter [data-i]").length === 120`)
	p.do(js(`document.querySelector(".scatter").scrollIntoView({block: "center"})`))
	p.do(js(`[...document.querySelectorAll(".zoom button")].find((b) => b.textContent === "Circle").click()`))
	box := eval[[]float64](p, `(() => { const r = document.querySelector(".scatter > svg").getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })()`)
	corner := func(kind input.DispatchMouseEventType, x, y float64) {
		p.do(chromedp.MouseEvent(kind, x, y, chromedp.ButtonType(input.MouseButtonLeft), chromedp.ClickCount(1)))
	}
	// Around everything: all 120 images, twelve of each class.
	corner(input.DispatchMouseEventTypeMousePressed, box[0]+2, box[1]+2)
	for _, at := range [][2]float64{{box[2] - 2, box[1] + 2}, {box[2] - 2, box[3] - 2}, {box[0] + 2, box[3] - 2}} {
		corner(input.DispatchMouseEventTypeMouseMoved, at[0], at[1])
	}
	corner(input.DispatchMouseEventTypeMouseReleased, box[0]+2, box[3]-2)
	p.until(`document.querySelector(".picked h3")?.textContent === "120 images circled"`)
	if got := eval[string](p, `document.querySelector(".picked .file").textContent`); !strings.Contains(got, "class-0 12 · class-1 12") || !strings.Contains(got, "2 more classes") {
		t.Errorf("want the classes of the images, got %q", got)
	}
	if csv := p.download("embedding", "csv"); strings.Count(csv, ",1\n") != 120 {
		t.Errorf("want the circled images in the table, got %.200s", csv)
	}
	p.do(js(`document.querySelector(".neighbor").click()`))
	p.until(`document.querySelector(".picked .file code")`)
	p.do(js(`document.querySelector(".classes [data-label='3']").click()`))
	p.do(js(`const e = document.querySelector("[name=epoch]"); e.value = 1; e.dispatchEvent(new Event("input"))`))
	p.until(`document.querySelector("[data-chart=embedding] .readout").textContent.startsWith("epoch 2,")`)
	p.until(`["epoch=2", "class=3", "image="].every((s) => location.hash.includes(s))`)
	p.do(chromedp.Reload())
	p.until(`document.querySelector("[data-chart=embedding] .readout")?.textContent.startsWith("epoch 2,")`)
	p.until(`document.querySelector(".picked .file code") && document.querySelectorAll(".scatter [data-i]:not([opacity])").length === 12`)
}

// TestManyClasses: of 300 classes the legend has a part, and others are found by name.
func TestManyClasses(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "run"), nil)
	f.train(t, 10)
	f.probeOf(t, 600, 300, 1)
	p := open(t, serve(t, dir), runHash("embedding", "run"), desktop)
	p.until(`document.querySelectorAll(".scatter [data-i]").length === 600`)
	if n := eval[int](p, `document.querySelectorAll(".classes button").length`); n != 40 {
		t.Errorf("want 40 classes in the legend, got %d", n)
	}
	p.do(js(`const f = document.querySelector(".find input"); f.value = "class-299"; f.dispatchEvent(new Event("input"))`))
	p.do(js(`document.querySelector(".classes [data-label='299']").click()`))
	p.until(`document.querySelectorAll(".scatter [data-i]:not([opacity])").length === 2`)
	p.until(`location.hash.includes("class=299")`)
}
