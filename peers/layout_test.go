package peers

import "testing"

// The layout of buckets survives a checkpoint, and a text that is none is left out.
func TestLayoutTexts(t *testing.T) {
	layout := LayoutOf(LayoutTexts([][]int{{3, 4}, {0, 1, 2}}))
	if len(layout) != 2 || len(layout[0]) != 2 || layout[1][2] != 2 || LayoutOf([]string{"1 x"}) != nil || LayoutOf(nil) != nil {
		t.Errorf("layout %v", layout)
	}
}
