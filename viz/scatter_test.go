package viz

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A vector figure has a mark for each point and its entry in the legend, and a ring for the chosen one.
func TestScatter(t *testing.T) {
	a := Cloud{Label: "first", X: []float64{1, 2, 3}, Y: []float64{10, 20, 30}, Chosen: -1}
	b := Cloud{Label: "second", X: []float64{1.5}, Y: []float64{25}, Chosen: -1}
	shapes := func(clouds ...Cloud) (n int, text string) {
		t.Helper()
		out := filepath.Join(t.TempDir(), "scatter.svg")
		if err := WriteScatter(out, "title", "x", "y", clouds); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(data), "<path"), string(data)
	}
	without, _ := shapes(a, b)
	fewer, _ := shapes(Cloud{Label: "first", X: a.X[:2], Y: a.Y[:2], Chosen: -1}, Cloud{Label: "second", X: []float64{3}, Y: []float64{30}, Chosen: -1})
	if without != fewer+1 {
		t.Errorf("%d shapes for four points, %d for three", without, fewer)
	}
	a.Chosen = 2
	with, text := shapes(a, b)
	if with != without+2 || !strings.Contains(text, ">chosen<") || !strings.Contains(text, ">second<") {
		t.Errorf("%d shapes with a chosen point, %d without, in\n%s", with, without, text)
	}
	if err := WriteScatter(filepath.Join(t.TempDir(), "scatter.gif"), "", "", "", []Cloud{a}); err == nil || !strings.Contains(err.Error(), "want png, svg, pdf") {
		t.Errorf("gif: %v", err)
	}
}
