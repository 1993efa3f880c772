package views

import (
	"testing"

	"contralens/internal/golden"
)

func TestShortestEdgeGolden(t *testing.T) {
	c := golden.Load(t, "detection", "ops", "resize_shape")
	rows := c.Array("rows") // height, width, short, longest, new height, new width
	for i := range rows.Shape[0] {
		r := rows.I64[6*i:]
		w, h := ShortestEdge(int(r[1]), int(r[0]), int(r[2]), int(r[3]))
		if w != int(r[5]) || h != int(r[4]) {
			t.Errorf("%d x %d to %d, %d: got %d x %d, want %d x %d", r[1], r[0], r[2], r[3], w, h, r[5], r[4])
		}
	}
}

func TestShortestEdge(t *testing.T) {
	for _, c := range [][6]int{{10, 20, 0, 5, 10, 20}, {10, 20, 30, 0, 30, 60}, {1, 4000, 100, 500, 1, 500}} {
		if w, h := ShortestEdge(c[0], c[1], c[2], c[3]); w != c[4] || h != c[5] {
			t.Errorf("%v: got %d x %d", c, w, h)
		}
	}
}
