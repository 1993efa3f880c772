package setup

import (
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"contralens/config"
	"contralens/data/datatest"
)

// The images of a run are opened from its options. A folder that has moved and a file that is gone are a sentence
// each.
func TestReplay(t *testing.T) {
	dir := t.TempDir()
	for _, class := range []string{"cat", "dog"} {
		datatest.Pictures(filepath.Join(dir, "train", class), 3, 24, func(i, x, y int) color.RGBA { return datatest.Noise(i+len(class), x, y) })
	}
	c := config.DefaultContrast()
	c.DataFolder, c.Dataset, c.InputRes, c.Method = dir, "folder", 16, "MoCov2"
	if _, err := c.Resolve(map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	options := config.Values(&c)
	r, err := NewReplay(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if r.Len() != 6 || r.Class(0) != "cat" || r.Class(5) != "dog" || !strings.HasSuffix(r.Path(5), "02.png") {
		t.Errorf("%d images, classes %q and %q, path %q", r.Len(), r.Class(0), r.Class(5), r.Path(5))
	}
	other, err := NewReplay(t.Context(), options) // r should read each image for the first time
	if err != nil {
		t.Fatal(err)
	}
	before := other.Sample(t.Context())
	if why := (&before).Differs(other.Sample(t.Context())); why != "" || len(before.Images) != 6 || before.Images[0][0] != 24 {
		t.Errorf("a sample %+v differs from itself: %q", before, why)
	}
	crops, err := r.Crops(t.Context(), 1, 2)
	if err != nil || len(crops) != 2 || crops[1].Bounds().Dx() != 16 || crops[1].Bounds().Dy() != 16 {
		t.Fatalf("the crops are %v, error %v", crops, err)
	}
	for _, at := range []int{6, -1} {
		if _, err := r.Crops(t.Context(), at, 1); err == nil {
			t.Errorf("there are crops of image %d", at)
		}
	}
	if err := os.Remove(filepath.Join(dir, "train", "cat", "02.png")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Crops(t.Context(), 2, 2); err == nil || !strings.Contains(err.Error(), "image 2 cannot be read any more") {
		t.Errorf("a file that is gone: %v", err)
	}
	if fresh, err := NewReplay(t.Context(), options); err != nil || fresh.Len() != 5 {
		t.Errorf("error %v; want the images that are there", err)
	}
	// Other pictures under the same names, of the same size.
	datatest.Pictures(filepath.Join(dir, "train", "cat"), 3, 24, func(_, _, _ int) color.RGBA { return color.RGBA{250, 250, 250, 255} })
	datatest.Pictures(filepath.Join(dir, "train", "dog"), 3, 24, func(_, _, _ int) color.RGBA { return color.RGBA{5, 5, 5, 255} })
	if fresh, err := NewReplay(t.Context(), options); err != nil || !strings.Contains((&before).Differs(fresh.Sample(t.Context())), "another size or brightness") {
		t.Errorf("error %v; other pictures are not noticed", err)
	}
	if err := os.Rename(dir, dir+"-moved"); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir + "-moved")
	if _, err := NewReplay(t.Context(), options); err == nil || !strings.Contains(err.Error(), "cannot be opened") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder that has moved: %v", err)
	}
	// What the message advises.
	if err := os.Symlink(dir+"-moved", dir); err != nil {
		t.Fatal(err)
	}
	if fresh, err := NewReplay(t.Context(), options); err != nil || fresh.Len() != 6 {
		t.Errorf("a link to the new folder: %v", err)
	}
}
