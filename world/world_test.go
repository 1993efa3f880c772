package world

import "testing"

// The ranges of the ranks are adjacent, and their lengths differ by at most one.
func TestRows(t *testing.T) {
	for size := 1; size <= 9; size++ {
		for n := range 40 {
			next, least, most := 0, n, 0
			for rank := range size {
				from, to := World{rank, size}.Rows(n)
				if from != next || to < from {
					t.Fatalf("rank %d of %d has rows %d to %d of %d, want them from %d on", rank, size, from, to, n, next)
				}
				next, least, most = to, min(least, to-from), max(most, to-from)
			}
			if next != n || most-least > 1 {
				t.Errorf("%d ranks have %d of %d rows, %d to %d each", size, next, n, least, most)
			}
		}
	}
}

func TestSingle(t *testing.T) {
	for _, w := range []World{Single(), {}} {
		if from, to := w.Rows(7); from != 0 || to != 7 || !w.First() || !w.Alone() || w.Check() != nil {
			t.Errorf("%+v: rows %d to %d of 7, %s", w, from, to, w)
		}
	}
	if (World{1, 2}).First() || (World{0, 2}).Alone() {
		t.Error("one process of two takes itself for the first, or for the only one")
	}
	for _, w := range []World{{1, 1}, {1, 0}, {-1, 2}, {0, -1}, {2, 2}} {
		if w.Check() == nil {
			t.Errorf("%+v is taken for a place in a world", w)
		}
	}
}
