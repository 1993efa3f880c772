package loader_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"testing"

	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/data/sets"
	"contralens/views"
)

// A replayed view has the pixels that the epoch had, also of large JPEG files, which are decoded in part,
// and another epoch has others.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		datatest.Put(t, dir, []string{"a.jpg", "b.jpg", "c.png"}[i], jpegOrPNG(t, i))
	}
	p, err := sets.Open(t.Context(), sets.Options{Name: "folder", Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	for name, dataset := range map[string]data.Dataset{"generated": datatest.Generated{N: 5, Bad: -1}, "files": p.Train} {
		spec, err := views.Preset("B", 32, 0.2)
		if err != nil {
			t.Fatal(err)
		}
		o := loader.ViewOptions{
			Dataset: dataset, Views: []views.Spec{spec, spec}, BatchSize: dataset.Len(), Workers: 2, Seed: 7, Epoch: 3, Shuffle: true,
		}
		o.Pixels = datatest.Pixels(o, 2)
		l := loader.NewViews(t.Context(), o)
		b, err := l.Next()
		if err != nil {
			t.Fatal(err)
		}
		for row, index := range b.Indices {
			again, err := loader.Replay(t.Context(), o, index)
			if err != nil {
				t.Fatal(err)
			}
			other := o
			other.Epoch++
			next, err := loader.Replay(t.Context(), other, index)
			if err != nil {
				t.Fatal(err)
			}
			n := spec.Len()
			for v := range again {
				if !slices.Equal(again[v], b.Samples.Pixels[v][row*n:(row+1)*n]) {
					t.Errorf("%s: view %d of image %d has other pixels", name, v, index)
				}
				if slices.Equal(again[v], next[v]) {
					t.Errorf("%s: view %d of image %d is the same in another epoch", name, v, index)
				}
			}
		}
		l.Close()
	}
}

// jpegOrPNG is a picture above loader.WholePixels.
func jpegOrPNG(t *testing.T, i int) []byte {
	t.Helper()
	at := func(x, y int) color.RGBA { return color.RGBA{uint8(x + 40*i), uint8(y), uint8(x * y / 50), 255} }
	if i == 2 {
		return datatest.PNG(40, 30, at)
	}
	m := image.NewRGBA(image.Rect(0, 0, 300, 200))
	for p := range 300 * 200 {
		m.Set(p%300, p/300, at(p%300, p/300))
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
