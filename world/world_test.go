package world

import "testing"

// The ranges of the ranks are adjacent, and their lengths differ by at most one.
func TestRows(t *testing.T) {
	for size := 1; size <= 9; size++ {
		for n := range 40 {
			next, least, most := 0, n, 0
			for rank := range size {
				from, to := World{Rank: rank, Size: size}.Rows(n)
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
	if (World{Rank: 1, Size: 2}).First() || (World{Size: 2}).Alone() {
		t.Error("one process of two takes itself for the first, or for the only one")
	}
	for _, w := range []World{{Rank: 1, Size: 1}, {Rank: 1}, {Rank: -1, Size: 2}, {Size: -1}, {Rank: 2, Size: 2}} {
		if w.Check() == nil {
			t.Errorf("%+v is taken for a place in a world", w)
		}
	}
}

// The groups of a batch are those of one process that splits it, whatever the number of
// processes, and each has two images at least.
func TestImages(t *testing.T) {
	for size := 1; size <= 4; size++ {
		for each := 1; each <= 3; each++ {
			groups := size * each
			for n := 2; n < 60; n++ {
				next, count := 0, 0
				for rank := range size {
					w := World{Rank: rank, Size: size}
					from, to := w.Images(n, groups)
					own, all := w.Groups(n, groups)
					if most := w.Most(n, groups); to-from > most {
						t.Fatalf("%v: %d of %d images in %d groups, at most %d expected", w, to-from, n, groups, most)
					}
					if from != next || to < from || all != min(groups, n/2) || own > 0 && to-from < 2*own || own == 0 && to > from {
						t.Fatalf("%v: images %d to %d of %d in %d of %d groups, want them from %d on, two in each group",
							w, from, to, n, own, all, next)
					}
					if want := count * n / all; from != want {
						t.Fatalf("%v: images from %d of %d in %d groups, want %d, where a group of one process begins",
							w, from, n, groups, want)
					}
					next, count = to, count+own
				}
				if next != n {
					t.Errorf("%d processes train on %d of %d images", size, next, n)
				}
			}
		}
	}
}
