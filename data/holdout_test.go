package data

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"contralens/views"
)

// named is a dataset of file names in two classes of three images to one.
type named []string

func (n named) Name() string                                       { return "named" }
func (n named) Len() int                                           { return len(n) }
func (n named) Label(i int) int                                    { return i / (3 * len(n) / 4) }
func (n named) Classes() []string                                  { return []string{"cats", "dogs"} }
func (n named) Path(i int) string                                  { return n[i] }
func (named) Image(_ context.Context, _ int, _ *views.Image) error { return nil }

func files(folder string, n int) (all named) {
	for i := range n {
		all = append(all, fmt.Sprintf("%s/%04d.jpg", folder, i))
	}
	return all
}

func pathsOf(d Dataset) (all []string) {
	for i := range d.Len() {
		all = append(all, d.Path(i)[len("photos/"):])
	}
	return all
}

// About a tenth is held out, of every class, the same images wherever the folder is.
func TestHoldOut(t *testing.T) {
	rest, held := HoldOut(files("photos", 4000))
	if n := held.Len(); n < 340 || n > 460 || rest.Len()+n != 4000 {
		t.Errorf("%d of 4000 images held out, %d left", n, rest.Len())
	}
	if counts := ClassCounts(held); counts[0] < 2*counts[1] || counts[1] < 60 {
		t.Errorf("held out by class: %v", counts)
	}
	if _, moved := HoldOut(files("photoz", 4000)); !slices.Equal(pathsOf(held), pathsOf(moved)) {
		t.Error("another folder holds out other images")
	}
	small, few := HoldOut(files("photos", 8))
	if counts := ClassCounts(few); counts[0] != 1 || counts[1] != 1 || small.Len() != 6 {
		t.Errorf("held out of 8: %v", counts)
	}
	if d, none := HoldOut(files("photos", 4)[:2]); none != nil || d.Len() != 2 {
		t.Errorf("held out of single images: %v", none)
	}
}

// Validation images are of every class, and other ones than those held out to test on.
func TestValidation(t *testing.T) {
	learn, test := HoldOut(files("photos", 4000))
	rest, held := Validation(learn)
	if n := held.Len(); n < 300 || n > 420 || rest.Len()+n != learn.Len() {
		t.Errorf("%d of %d images to validate on, %d left", n, learn.Len(), rest.Len())
	}
	for _, p := range pathsOf(held) {
		if slices.Contains(pathsOf(test), p) || slices.Contains(pathsOf(rest), p) {
			t.Fatalf("%s is in two splits", p)
		}
	}
}

// The images are those that docs/evaluation.md describes: Python's hashlib gave these names.
func TestHoldOutGolden(t *testing.T) {
	_, held := Validation(files("photos", 40))
	want := []string{
		"0000.jpg", "0001.jpg", "0008.jpg", "0011.jpg", "0027.jpg", "0028.jpg", // cats
		"0033.jpg", // dogs
	}
	if got := pathsOf(held); !slices.Equal(got, want) {
		t.Errorf("to validate on: %v, want %v", got, want)
	}
	_, held = HoldOut(files("photos", 40))
	if got, want := pathsOf(held), []string{"0010.jpg", "0020.jpg", "0035.jpg", "0037.jpg"}; !slices.Equal(got, want) {
		t.Errorf("to test on: %v, want %v", got, want)
	}
}
