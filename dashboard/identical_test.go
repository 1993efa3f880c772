package dashboard

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contralens/features/probe"
)

// TestIdenticalImages: images that all have the same features are drawn at one place, by PCA and by UMAP, and the page says so.
func TestIdenticalImages(t *testing.T) {
	dir := t.TempDir()
	f := newRun(t, filepath.Join(dir, "same"), map[string]string{"name": "same"})
	f.train(t, 20)
	f.probe(t, 40)
	p, err := probe.Open(probe.Dir(f.dir))
	check(t, err)
	for epoch := range 4 {
		check(t, p.Add(epoch, slices.Repeat([]float32{0.5, 0, -0.25, 1}, 40), 4))
	}
	page := open(t, serve(t, dir), runHash("embedding", "same"), desktop)
	page.until(`document.querySelectorAll(".scatter [data-i]").length === 40`)
	page.shot("embedding-identical")
	if got := eval[string](page, `document.querySelector("main").textContent`); !strings.Contains(got, "40 images, all at one point") {
		t.Errorf("PCA does not say that all images are at one point: %q", got)
	}
	size := `(() => { const all = [...document.querySelectorAll(".scatter [data-i]")].map((e) => e.getBoundingClientRect());
		return [Math.max(...all.map((r) => r.left)) - Math.min(...all.map((r) => r.left)),
			Math.max(...all.map((r) => r.top)) - Math.min(...all.map((r) => r.top))]; })()`
	if got := eval[[]float64](page, size); !(got[0] < 2 && got[1] < 2) {
		t.Errorf("PCA spreads identical images over %v pixels", got)
	}
	page.do(js(`document.querySelector("[value=umap]").click()`))
	page.until(`document.querySelector("main").textContent.includes("40 images, UMAP: all at one point")`)
	if got := eval[[]float64](page, size); !(got[0] < 2 && got[1] < 2) {
		t.Errorf("UMAP spreads identical images over %v pixels", got)
	}
}
