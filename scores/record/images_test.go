package record

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func imagesForTest() ImagesHeader {
	return NewImagesHeader(ImagesHeader{Every: 10, Queries: 2, Negatives: 2, Total: 5, EpochSteps: 4, KeyCrop: 1})
}

// writtenImages writes rows of the given steps.
func writtenImages(t *testing.T, dir string, resume int, steps ...int) {
	t.Helper()
	w, err := NewImagesWriter(dir, imagesForTest(), resume)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		row := ImagesRow{Step: step, Queries: []Query{{Image: step % 5, Positive: 0.5, Negatives: []Negative{
			{Key: Key{1, step - 1, 1}, Mixed: Key{-1, -1, -1}, Lambda: 1, Score: 0.25, Share: 0.75},
		}}}}
		if err := w.Add(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// Near finds the row of the nearest step, at both ends and after a cut, and rows after a resumed step are gone.
func TestImagesNear(t *testing.T) {
	dir := t.TempDir()
	writtenImages(t, dir, 0, 1, 11, 21, 31)
	writtenImages(t, dir, 25, 26)
	path := imagesPath(dir)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("half a row")
	f.Close()
	r, err := OpenImages(dir)
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range map[int]int{-5: 1, 1: 1, 6: 1, 7: 11, 12: 11, 21: 21, 23: 21, 24: 26, 100: 26} {
		row, err := r.Near(step)
		if err != nil || row.Step != want || len(row.Queries) != 1 || len(row.Queries[0].Negatives) != 1 {
			t.Errorf("near %d: %+v, error %v; want step %d", step, row, err, want)
		}
	}
	if row, _ := r.Near(21); row.Queries[0].Image != 1 || row.Queries[0].Negatives[0].Key != (Key{1, 20, 1}) {
		t.Errorf("row 21 is %+v", row)
	}
}

// What is missing or damaged is a sentence.
func TestImagesMistakes(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenImages(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "older version") {
		t.Errorf("no images: %v", err)
	}
	writtenImages(t, dir, 0)
	r, err := OpenImages(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Near(1); err == nil || !strings.Contains(err.Error(), "no step has been traced so far") {
		t.Errorf("no rows: %v", err)
	}
	writtenImages(t, dir, 0, 1)
	b, err := os.ReadFile(imagesPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{4, 16} { // the image of the query, and of its negative
		damaged := append([]byte{}, b...)
		binary.LittleEndian.PutUint32(damaged[at:], 5)
		if err := os.WriteFile(imagesPath(dir), damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Near(1); err == nil || !strings.Contains(err.Error(), "want an image below 5, got") {
			t.Errorf("an image beyond the dataset: %v", err)
		}
	}
	for text, want := range map[string]string{"{}": "want format", "x": "want JSON"} {
		if err := os.WriteFile(imagesHeaderPath(dir), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenImages(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := NewImagesWriter(dir, ImagesHeader{}, 0); err == nil {
		t.Error("a header without a format is taken")
	}
}
