package dashboard

import (
	"fmt"
	"image"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/features/layout"
	"contralens/features/probe"
	"contralens/internal/npy"
)

// TestFollowImages: Play goes through the epochs, and each image moves from its place to the next one; the
// slider does so too; the last epoch ends it.
func TestFollowImages(t *testing.T) {
	dir, _, ft := twoRuns(t)
	ft.probe(t, 120, 0, 1, 2, 3)
	p := open(t, serve(t, dir), runHash("embedding", "ft")+"&epoch=0", desktop)
	p.until(`document.querySelector("[data-chart=embedding] .readout")?.textContent.startsWith("epoch 0,")`)
	p.do(js(`window.places = []; document.querySelector(".embedding").addEventListener("frame", (e) => {
		const r = document.querySelector(".scatter [data-i='17']").getBoundingClientRect();
		places.push([r.left, r.top, e.detail.share]);
	})`))
	p.do(js(`document.querySelector("[name=play]").click()`))
	p.until(`document.querySelector("[name=play]").textContent.includes("Pause")`)
	p.until(`document.querySelector("[data-chart=embedding] .readout").textContent.startsWith("epoch 3,")`)
	p.until(`document.querySelector("[name=play]").textContent.includes("Play")`)
	if got := eval[string](p, `document.querySelector(".toolbar output").textContent`); got != "3" {
		t.Errorf("want the last epoch, got %s", got)
	}
	// Between two epochs the image is on the line between its places.
	places := eval[[][]float64](p, `places`)
	passages := 0
	for i := 1; i < len(places); i++ {
		if places[i][2] <= places[i-1][2] {
			passages++
		}
	}
	if ends := len(slices.DeleteFunc(slices.Clone(places), func(f []float64) bool { return f[2] < 1 })); ends != 3 || passages != 2 {
		t.Errorf("want three passages to their end, got %d ends, %d starts over in %v", ends, passages, places)
	}
	last := places[len(places)-1]
	p.do(js(`places.length = 0; const e = document.querySelector("[name=epoch]"); e.value = 0; e.dispatchEvent(new Event("input"))`))
	p.until(`places.at(-1)?.[2] === 1`)
	back := eval[[][]float64](p, `places`)
	begin, end := back[0], back[len(back)-1]
	for _, f := range back {
		for c := range 2 {
			low, high := min(begin[c], end[c])-1.5, max(begin[c], end[c])+1.5
			if f[c] < low || f[c] > high {
				t.Errorf("at %.2f of the way the image is at %v, not between %v and %v", f[2], f[:2], begin, end)
			}
		}
	}
	if d := max(abs(begin[0]-last[0]), abs(begin[1]-last[1])); d > 40 {
		t.Errorf("the way back starts %.0f pixels from where the image was", d)
	}
	p.until(`location.hash.includes("epoch=0")`)
	p.shot("embedding-followed")
}

func abs(v float64) float64 { return max(v, -v) }

// manyImages adds a probe set of n images.
func manyImages(t testing.TB, f *fixture, n int, epochs ...int) {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, 2, 2))
	set := probe.Images{Thumbnail: 2, Classes: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		set.Labels = append(set.Labels, i%len(set.Classes))
	}
	made, err := probe.Create(probe.Dir(f.dir), set, slices.Repeat([]image.Image{picture}, n))
	check(t, err)
	for _, e := range epochs {
		features := make([]float32, 4*n)
		for i := range n {
			features[4*i+i%3] = float32(3 + e)
			for c := range 4 {
				features[4*i+c] += float32(rng.NormFloat64())
			}
		}
		check(t, made.Add(e, features, 4))
	}
}

// TestManyImages: 20,000 images are on a canvas that moves; they are pointed at, circled and linked between
// two runs. The rate of the frames is reported.
func TestManyImages(t *testing.T) {
	const n = 20_000
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		f := newRun(t, filepath.Join(dir, name), nil)
		f.train(t, 10)
		manyImages(t, f, n, 0, 1)
	}
	server := serve(t, dir)
	for _, run := range []string{"a", "b"} {
		layoutOf(t, server.URL, "run="+run+"&method=pca&epoch=1")
	}
	p := open(t, server, runHash("embedding", "a")+"&epoch=0", desktop)
	p.until(`document.querySelector("[data-chart=embedding] .readout")?.textContent.startsWith("epoch 0, 20,000 images")`)
	const inked = `(() => { const c = document.querySelector(".scatter canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()`
	if got := eval[int](p, inked); got < 20_000 {
		t.Errorf("want the canvas to have marks, got %d pixels", got)
	}
	p.do(js(`window.frames_ = []; document.querySelector(".embedding").addEventListener("frame", (e) => frames_.push([performance.now(), e.detail.ms, e.detail.share]))`))
	p.do(js(`document.querySelector("[name=play]").click()`))
	p.until(`frames_.at(-1)?.[2] === 1`)
	frames := eval[[][]float64](p, `frames_`)
	work := 0.0
	for _, f := range frames {
		work += f[1] / float64(len(frames))
	}
	span := frames[len(frames)-1][0] - frames[0][0]
	t.Logf("%d images: %d frames in %.0f ms, %.1f per second; drawing one takes %.1f ms", n, len(frames), span,
		1000*float64(len(frames)-1)/span, work)
	p.until(`document.querySelector("[data-chart=embedding] .readout").textContent.startsWith("epoch 1, 20,000")`)
	p.shot("embedding-many")
	// A click finds an image and its neighbors.
	box := eval[[]float64](p, `(() => { document.querySelector(".scatter").scrollIntoView({block: "center"}); const r = document.querySelector(".scatter > svg").getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()`)
	p.click(box[0]+box[2]/2, box[1]+box[3]/2)
	p.until(`document.querySelectorAll(".neighbor").length === 8`)
	// Two runs: what is chosen in one is chosen in the other.
	p = open(t, server, runHash("embedding", "a", "b"), desktop)
	p.until(`document.querySelectorAll(".scatter canvas").length === 2`)
	p.until(`[...document.querySelectorAll(".chart .readout")].every((e) => e.textContent.startsWith("epoch 1, 20,000"))`)
	before := eval[string](p, `[...document.querySelectorAll(".scatter canvas")].map((c) => c.toDataURL().length).join()`)
	p.do(js(`document.querySelector(".classes [data-label='3']").click()`))
	p.until(`[...document.querySelectorAll(".scatter canvas")].map((c) => c.toDataURL().length).join() !== "` + before + `"`)
	p.shot("embedding-many-two")
	if csv := p.download("embedding-2", "csv"); strings.Count(csv, "\n") != n+1 {
		t.Errorf("want a row for each image, got %d", strings.Count(csv, "\n"))
	}
	kept := layout.Dir(probe.Dir(filepath.Join(dir, "a")))
	if _, h, err := npy.Read(filepath.Join(kept, fmt.Sprintf("pca_%03d.npy", 1))); err != nil || h.Shape[0] != n {
		t.Errorf("kept: %v, %v", h.Shape, err)
	}
}
