package loader_test

import (
	"fmt"
	"io"
	"slices"
	"testing"

	"contralens/data/datatest"
	"contralens/data/loader"
	"contralens/world"
)

// The processes of a world together load what one process loads: each batch is the
// concatenation of the batches of the ranks, even if a rank has no row of it.
func TestWorld(t *testing.T) {
	for size := 1; size <= 5; size++ { // 53 images: the last batch of 10 has 3
		one := loader.NewViews(t.Context(), datatest.Options(2))
		defer one.Close()
		var ranks []*loader.ViewLoader
		for rank := range size {
			o := datatest.Options(2)
			o.World = world.World{Rank: rank, Size: size}
			ranks = append(ranks, loader.NewViews(t.Context(), o))
			defer ranks[rank].Close()
		}
		for batch := 0; ; batch++ {
			want, err := one.Next()
			var indices []int
			var labels []int64
			values := make([][]float32, 2)
			for _, l := range ranks {
				b, e := l.Next()
				if e != err || l.Batches() != one.Batches() {
					t.Fatalf("world of %d: batch %d: %v, want %v", size, batch, e, err)
				}
				if e == nil {
					indices, labels = append(indices, b.Indices...), append(labels, b.Samples.Labels...)
					for v := range values {
						values[v] = append(values[v], b.Samples.Values[v]...)
					}
					l.Recycle(b)
				}
			}
			if err == io.EOF {
				break
			}
			if fmt.Sprint(indices, labels) != fmt.Sprint(want.Indices, want.Samples.Labels) ||
				!slices.Equal(values[0], want.Samples.Values[0]) || !slices.Equal(values[1], want.Samples.Values[1]) {
				t.Errorf("world of %d: batch %d is another one", size, batch)
			}
			one.Recycle(want)
		}
	}
}

// The order of an epoch must not change, because checkpoints were trained with it.
func TestShuffled(t *testing.T) {
	for _, tc := range []struct {
		seed  uint64
		epoch int
		want  string
	}{{0, 1, "[4 0 3 2 7 1 5 6]"}, {7, 3, "[0 6 1 3 5 7 4 2]"}} {
		if got := fmt.Sprint(loader.Shuffled(8, tc.seed, tc.epoch)); got != tc.want {
			t.Errorf("seed %d, epoch %d: %s, want %s", tc.seed, tc.epoch, got, tc.want)
		}
	}
}

// A view in another order has, of each process, the rows at its places: together, those of one process
// in that order.
func TestReordered(t *testing.T) {
	order := func(batch, n int) []int64 {
		rows := make([]int64, n)
		for i := range rows {
			rows[i] = int64(((n - 1 - i) + batch) % n)
		}
		return rows
	}
	for _, size := range []int{1, 2, 5} {
		one := loader.NewViews(t.Context(), datatest.Options(2))
		defer one.Close()
		var ranks []*loader.ViewLoader
		for rank := range size {
			o := datatest.Options(2)
			o.World, o.Reordered = world.World{Rank: rank, Size: size}, []loader.Reordered{{View: 1, Order: order}}
			ranks = append(ranks, loader.NewViews(t.Context(), o))
			defer ranks[rank].Close()
		}
		for batch := 0; ; batch++ {
			want, err := one.Next()
			var views [3][]float32
			var labels []int64
			for _, l := range ranks {
				b, e := l.Next()
				if e != err {
					t.Fatalf("world of %d: batch %d: %v, want %v", size, batch, e, err)
				}
				if e == nil {
					for v := range views {
						views[v] = append(views[v], b.Samples.Values[v]...)
					}
					labels = append(labels, b.Samples.Labels...)
					l.Recycle(b)
				}
			}
			if err == io.EOF {
				break
			}
			each := len(want.Samples.Values[1]) / want.N
			var reordered []float32
			for _, row := range order(batch, want.N) {
				reordered = append(reordered, want.Samples.Values[1][int(row)*each:(int(row)+1)*each]...)
			}
			if !slices.Equal(labels, want.Samples.Labels) || !slices.Equal(views[0], want.Samples.Values[0]) ||
				!slices.Equal(views[1], want.Samples.Values[1]) || !slices.Equal(views[2], reordered) {
				t.Errorf("world of %d: batch %d is another one", size, batch)
			}
			one.Recycle(want)
		}
	}
}
