package loader

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"contralens/data/codec"
	"contralens/detect"
	"contralens/detect/detecttest"
	"contralens/views"
)

// An image alone becomes the batch that a test of a set with it has.
func TestSingle(t *testing.T) {
	scene := detecttest.Scenes(1, 61, 40, 3)[0]
	path := filepath.Join(t.TempDir(), "a.png")
	if err := os.WriteFile(path, scene.PNG, 0o644); err != nil {
		t.Fatal(err)
	}
	set := &detect.Set{Images: []detect.Image{{ID: "a", Path: path, Width: scene.Width, Height: scene.Height}}}
	l, err := New(context.Background(), Options{Set: set, BatchSize: 1, Short: []int{33}, MaxSide: 50, Divisor: 32, Pixels: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want, err := l.Next()
	if err != nil {
		t.Fatal(err)
	}
	var m views.Image
	if err := (&codec.Decoder{}).Decode(scene.PNG, &m, func() string { return path }); err != nil {
		t.Fatal(err)
	}
	got := Single(&m, 33, 50, 32)
	if got.Width != want.Width || got.Height != want.Height || got.Samples[0].Width != want.Samples[0].Width ||
		!slices.Equal(got.Pixels, want.Pixels) {
		t.Errorf("%d x %d of %+v, want %d x %d of %+v, or other pixels", got.Width, got.Height, got.Samples, want.Width,
			want.Height, want.Samples)
	}
}
