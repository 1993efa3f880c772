package viz

import (
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// The figure has both charts and all curves; labels of ticks do not repeat.
func TestScaling(t *testing.T) {
	gpus := []int{1, 2, 4, 8, 16}
	out := filepath.Join(t.TempDir(), "scaling.png")
	curve := Scaling{Label: "a", GPUs: gpus, Values: []float64{1000, 1900, 3500, 6000, 9000}}
	other := Scaling{Label: "b", GPUs: gpus[:3], Values: []float64{1000, 1500, 2000}}
	ideal := Scaling{Label: "ideal", GPUs: gpus, Values: []float64{1000, 2000, 4000, 8000, 16000}, Faint: true}
	if err := WriteScaling(out, "title", []Scaling{curve, other, ideal}, []Scaling{curve, other}); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range palette[:2] {
		left, right := 0, 0
		for y := range m.Bounds().Dy() {
			for x := range m.Bounds().Dx() {
				r, g, b, _ := m.At(x, y).RGBA()
				if uint8(r>>8) == c.R && uint8(g>>8) == c.G && uint8(b>>8) == c.B {
					if x < m.Bounds().Dx()/2 {
						left++
					} else {
						right++
					}
				}
			}
		}
		if left < 100 || right < 100 {
			t.Errorf("curve %d has %d pixels on the left and %d on the right, want it in both charts", i, left, right)
		}
	}
	for _, c := range []struct{ low, high float64 }{{1, 10}, {700, 5e4}, {3, 4e9}} {
		labels := map[string]bool{}
		for _, tick := range powersOfTen(c.low, c.high) {
			if tick.Value < c.low || tick.Value > c.high || (tick.Label != "" && labels[tick.Label]) || math.IsNaN(tick.Value) {
				t.Errorf("%v to %v: tick %+v", c.low, c.high, tick)
			}
			labels[tick.Label] = true
		}
		if len(labels) < 2 {
			t.Errorf("%v to %v: labels %v", c.low, c.high, labels)
		}
	}
}
