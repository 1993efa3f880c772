package data_test

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"contralens/data"
	"contralens/data/datatest"
	"contralens/data/sets"
	"contralens/views"
)

// openTrain opens the training images of a dataset.
func openTrain(t *testing.T, o sets.Options) (data.Dataset, error) {
	t.Helper()
	p, err := sets.Open(t.Context(), o)
	return p.Train, err
}

// A repeated dataset starts again after its end, and its files remain files.
func TestRepeat(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "a/1.jpg", "b/1.jpg", "c/1.jpg")
	images, err := openTrain(t, sets.Options{Folder: dir, CacheBytes: -1})
	if err != nil {
		t.Fatal(err)
	}
	long := data.Repeat(images, 7)
	var m, want views.Image
	for i := range long.Len() {
		if err := errors.Join(long.Image(t.Context(), i, &m), images.Image(t.Context(), i%3, &want)); err != nil ||
			long.Label(i) != i%3 || long.Path(i) != images.Path(i%3) || !bytes.Equal(m.Pix, want.Pix) {
			t.Errorf("image %d is not image %d: %v", i, i%3, err)
		}
	}
	if _, ok := long.(data.Files); long.Len() != 7 || !ok {
		t.Errorf("%d images, files %v", long.Len(), ok)
	}
}

// Decode decodes cached images too, and returns the file of all others.
func TestDecode(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "a/1.jpg", "b/1.png")
	images, err := openTrain(t, sets.Options{Folder: dir})
	if err != nil {
		t.Fatal(err)
	}
	var m, want views.Image
	for i := range images.Len() {
		file, err := data.Decode(t.Context(), images, i, nil, &m)
		if content, e := os.ReadFile(images.Path(i)); err != nil || e != nil || !bytes.Equal(file, content) {
			t.Errorf("image %d: %d bytes of its file, %v, %v", i, len(file), err, e)
		}
		if err := images.Image(t.Context(), i, &want); err != nil { // this caches it
			t.Fatal(err)
		}
		file, err = data.Decode(t.Context(), images, i, nil, &m)
		if err != nil || file != nil || m.W != want.W || !bytes.Equal(m.Pix, want.Pix) {
			t.Errorf("cached image %d: %d bytes of its file, %v", i, len(file), err)
		}
	}
}
