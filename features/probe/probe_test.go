package probe

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func square(w, h int, c color.Color) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, c)
		}
	}
	return m
}

func TestProbe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "probe")
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "want a probe set with probe.json, found none; was the run made with one?") {
		t.Errorf("no probe: %v", err)
	}
	colors := []color.Color{color.RGBA{255, 0, 0, 255}, color.RGBA{0, 255, 0, 255}, color.RGBA{0, 0, 255, 255}}
	var pictures []image.Image
	for i, c := range colors {
		pictures = append(pictures, square(20+30*i, 50, c))
	}
	made, err := Create(dir, Images{Labels: []int{0, 1, -1}, Classes: []string{"a", "b"}, Thumbnail: 16}, pictures)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []int{10, 0, 2} {
		if err := made.Add(e, []float32{1, 2, 3, 4, 5, float32(e)}, 2); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if epochs, err := p.Epochs(); err != nil || fmt.Sprint(epochs) != "[0 2 10]" {
		t.Errorf("epochs %v, %v", epochs, err)
	}
	f, dim, err := p.Features(10)
	if err != nil || dim != 2 || fmt.Sprint(f) != "[1 2 3 4 5 10]" {
		t.Errorf("features %v [%d], %v", f, dim, err)
	}
	file, err := os.Open(p.Thumbnails())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sheet, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range colors {
		x, y := i%p.Columns*16+8, i/p.Columns*16+8
		if r, g, b, _ := sheet.At(x, y).RGBA(); fmt.Sprint(r>>8, g>>8, b>>8) != fmt.Sprint(c.(color.RGBA).R, c.(color.RGBA).G, c.(color.RGBA).B) {
			t.Errorf("picture %d: %v", i, sheet.At(x, y))
		}
	}
	if err := made.Add(3, []float32{1}, 2); err == nil {
		t.Error("features of too few images are written")
	}
	os.WriteFile(p.path(2), []byte("half"), 0o644)
	if _, _, err := p.Features(2); err == nil || !strings.Contains(err.Error(), "epoch_002.npy") {
		t.Errorf("half a file: %v", err)
	}
	for _, text := range []string{"", "[]", `{"labels":[5],"classes":["a"],"thumbnail":8,"columns":1}`, `{"labels":[0],"thumbnail":100000,"columns":1}`} {
		os.WriteFile(filepath.Join(dir, "probe.json"), []byte(text), 0o644)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "probe.json") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
