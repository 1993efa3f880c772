package viz

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// Each curve of precision over recall is drawn in its color, and one without points is none.
func TestWritePrecision(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p.png")
	err := WritePrecision(path, "Precision", []PrecisionCurve{
		{"cat", []float64{0, 0.5, 1}, []float64{1, 0.9, 0.2}}, {"dog", nil, nil}, {"cow", []float64{0, 0.4}, []float64{0.5, 0.5}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true} {
		if n := pixels(m, palette[i]); n > 100 != want {
			t.Errorf("curve %d has %d pixels", i, n)
		}
	}
}

// pixels counts the pixels of a color.
func pixels(m image.Image, c color.NRGBA) (n int) {
	b := m.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if color.NRGBAModel.Convert(m.At(x, y)) == c {
				n++
			}
		}
	}
	return n
}
