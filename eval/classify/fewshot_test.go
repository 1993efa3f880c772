package classify

import (
	"slices"
	"strings"
	"testing"
)

// A draw has n images of each class, other ones in other draws and with other seeds.
func TestDrawLabels(t *testing.T) {
	var labels []int64
	for i := range 300 {
		labels = append(labels, int64(i%3))
	}
	names := []string{"a", "b", "c"}
	draw := func(n int, seed, number uint64) []int {
		at, err := DrawLabels(labels, names, n, seed, number)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	first := draw(5, 1, 0)
	count := map[int64]int{}
	for _, i := range first {
		count[labels[i]]++
	}
	if len(first) != 15 || count[0] != 5 || count[1] != 5 || count[2] != 5 || len(slices.Compact(slices.Clone(first))) != 15 {
		t.Errorf("got %v, want 5 different images of each class", first)
	}
	if !slices.Equal(first, draw(5, 1, 0)) {
		t.Error("a draw cannot be repeated")
	}
	if slices.Equal(first, draw(5, 1, 1)) || slices.Equal(first, draw(5, 2, 0)) {
		t.Error("another draw, or one with another seed, is the same")
	}
	if _, err := DrawLabels(labels[:7], names, 3, 1, 0); err == nil || !strings.Contains(err.Error(), "few_shot: want at most 2 labels, the number of training images of b, got 3") {
		t.Errorf("too few images: %v", err)
	}
}
