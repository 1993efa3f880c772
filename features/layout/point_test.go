package layout

import (
	"slices"
	"testing"
)

// TestApart: images that were at one point come apart as soon as their features do.
func TestApart(t *testing.T) {
	rows := make([]float32, 0, 60)
	for i := range 30 {
		rows = append(rows, float32(i%2), float32(i))
	}
	before, err := UMAP(slices.Repeat([]float32{1, 2}, 30), 2, nil, quiet)
	if err != nil || !onePoint(before, 2) {
		t.Fatalf("identical rows are at %v: %v", before, err)
	}
	if now, err := UMAP(rows, 2, before, quiet); err != nil || onePoint(now, 2) {
		t.Errorf("different rows stay at %v: %v", now[:2], err)
	}
}
