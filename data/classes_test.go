package data

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"contralens/views"
)

// counted is a dataset with a given number of images per class.
type counted struct{ labels, per []int }

func newCounted(per ...int) counted {
	c := counted{per: per}
	for class, n := range per {
		for range n {
			c.labels = append(c.labels, class)
		}
	}
	return c
}

func (c counted) Name() string      { return "counted" }
func (c counted) Len() int          { return len(c.labels) }
func (c counted) Label(i int) int   { return c.labels[i] }
func (c counted) Path(i int) string { return fmt.Sprint(i) }
func (c counted) Classes() []string { return make([]string, len(c.per)) }
func (c counted) Image(_ context.Context, i int, dst *views.Image) error {
	dst.Resize(1, 1)
	dst.Pix[0] = uint8(i)
	return nil
}

func paths(d Dataset) []string {
	var p []string
	for i := range d.Len() {
		p = append(p, d.Path(i))
	}
	return p
}

// The profile of CIFAR-10-LT with a factor of 100 is the published one. Two seeds keep
// the same number of images, but different ones.
func TestLongTail(t *testing.T) {
	per := slices.Repeat([]int{5000}, 10)
	a, err := LongTail(newCounted(per...), 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ClassCounts(a), []int{5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50}; !slices.Equal(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	b, _ := LongTail(newCounted(per...), 100, 2)
	again, _ := LongTail(newCounted(per...), 100, 1)
	if slices.Equal(paths(a), paths(b)) || !slices.Equal(paths(a), paths(again)) {
		t.Error("want other images with another seed, the same with the same")
	}
	small, _ := LongTail(newCounted(100, 3, 40), 400, 0)
	if got, want := ClassCounts(small), []int{100, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("counts %v, want %v: no more than there are, no fewer than one", got, want)
	}
	for _, factor := range []float64{0.5, math.NaN(), math.Inf(1)} {
		if _, err := LongTail(newCounted(2, 2), factor, 0); err == nil {
			t.Errorf("factor %v was taken", factor)
		}
	}
	if _, err := LongTail(newCounted(2), 10, 0); err == nil {
		t.Error("a dataset of one class was taken")
	}
}

func TestFraction(t *testing.T) {
	d := newCounted(1000, 250, 20)
	f, err := Fraction(d, 0.01, 7)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ClassCounts(f), []int{10, 3, 1}; !slices.Equal(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	// A tenth contains the hundredth, because both start from the same shuffled lists.
	tenth, _ := Fraction(d, 0.1, 7)
	for _, p := range paths(f) {
		if !slices.Contains(paths(tenth), p) {
			t.Errorf("image %s is in the hundredth but not in the tenth", p)
		}
	}
	if _, err := Fraction(d, 0, 1); err == nil {
		t.Error("a share of 0 was taken")
	}
}

func TestSplit(t *testing.T) {
	first, second := Split(newCounted(100, 10, 1), 0.1, 3)
	if len(first) != 90+9+1 || len(second) != 10+1 {
		t.Errorf("halves of %d and %d", len(first), len(second))
	}
	all := slices.Sorted(slices.Values(append(slices.Clone(first), second...)))
	if len(slices.Compact(all)) != 111 {
		t.Error("the halves overlap")
	}
}

// Every class comes equally often, all images of a class before any of them repeats,
// and each epoch has another order.
func TestBalancedOrder(t *testing.T) {
	d := newCounted(90, 6, 4)
	b := ClassBalanced(d, 5, 1)
	if got := ClassCounts(b); slices.Max(got)-slices.Min(got) > 1 || b.Len() != 100 {
		t.Errorf("counts %v of %d", got, b.Len())
	}
	times := map[string]int{}
	for _, p := range paths(b) {
		times[p]++
	}
	for i := 96; i < 100; i++ { // the last class: 33 or 34 draws of 4 images
		if n := times[fmt.Sprint(i)]; n < 8 || n > 9 {
			t.Errorf("image %d came %d times", i, n)
		}
	}
	if slices.Equal(paths(b), paths(ClassBalanced(d, 5, 2))) || !slices.Equal(paths(b), paths(ClassBalanced(d, 5, 1))) {
		t.Error("want another order in another epoch, the same in the same")
	}
}
