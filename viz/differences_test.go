package viz

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// panels are differences of seven arms in three measures: with an interval, without one, and far away.
func panels() (all []DifferencePanel) {
	for _, title := range []string{"k-NN", "linear probe", "10 labels per class"} {
		p := DifferencePanel{Title: title, Axis: "difference from plain, percentage points"}
		for i, name := range []string{"pos", "neg", "posneg", "an arm with a name that is much too long for the axis", "auto"} {
			r := DifferenceRow{Label: name, Mean: 0.5 * float64(i-1), Points: []float64{0.5*float64(i-1) - 0.2, 0.5*float64(i-1) + 0.2}}
			if i != 2 {
				r.Low, r.High, r.Interval = r.Mean-0.6, r.Mean+0.6, true
			}
			p.Rows = append(p.Rows, r)
		}
		all = append(all, p)
	}
	return all
}

// The figure names arms and measures, and has every format that is asked for.
func TestDifferences(t *testing.T) {
	dir := t.TempDir()
	if keep := os.Getenv("FIGURE_DIR"); keep != "" {
		dir = keep
	}
	files, err := Differences(dir, "study", panels(), Options{Title: "Feature transformation", Formats: []string{"svg", "png", "pdf"}})
	if err != nil || len(files) != 3 {
		t.Fatalf("%v, %v", files, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "study.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Feature transformation", ">posneg<", ">linear probe<", "difference from plain", "…"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the figure lacks %q", want)
		}
	}
	// A bar for each interval is 4 in a panel, of its own width.
	width := Styles[2].Line * 1.6
	bars := 0
	for _, line := range strings.Split(string(b), "\n") {
		if strings.Contains(line, "stroke-width:"+plain(float64(width), 2)) {
			bars++
		}
	}
	if bars != 12 {
		t.Errorf("%d intervals are drawn, want 12", bars)
	}
	if _, err := Differences(dir, "study", panels(), Options{Formats: []string{"gif"}}); err == nil {
		t.Error("gif was drawn")
	}
}
