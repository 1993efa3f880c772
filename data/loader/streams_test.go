package loader

import (
	"fmt"
	"slices"
	"testing"

	"contralens/world"
)

// Every image comes once, the rows of a stream stay with it, and the order depends only on
// seed, epoch and streams.
func TestStreams(t *testing.T) {
	shard := func(i int) int { return i / 10 } // 20 shards and a short one
	for _, count := range []int{1, 2, 3, 4, 7, 32} {
		for _, n := range []int{5, 203} {
			s := Streams{Count: count, Window: 16}
			order := s.Order(n, 12, shard, 3, 1)
			if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, InOrder(n)) {
				t.Fatalf("%d streams of %d images: not every image once: %v", count, n, order)
			}
			if !slices.Equal(order, s.Order(n, 12, shard, 3, 1)) {
				t.Errorf("%d streams: drawn twice, two orders", count)
			}
			if n > 100 && (slices.Equal(order, s.Order(n, 12, shard, 3, 2)) || slices.Equal(order, s.Order(n, 12, shard, 4, 1))) {
				t.Errorf("%d streams: epoch or seed change nothing", count)
			}
		}
	}
	// The order must not change, because checkpoints were trained with it.
	if got := fmt.Sprint(Streams{Count: 2, Window: 4}.Order(12, 4, func(i int) int { return i / 3 }, 7, 3)); got != golden {
		t.Errorf("got %s, want %s", got, golden)
	}
}

const golden = "[8 7 0 3 6 9 2 1 10 11 5 4]"

// Few shards are open at a time: in a batch there are those of a window of each stream.
func TestStreamsGoOn(t *testing.T) {
	const count, window, size = 4, 20, 16
	shard := func(i int) int { return i / 10 }
	order := Streams{Count: count, Window: window}.Order(800, size, shard, 0, 1)
	first, last := map[int]int{}, map[int]int{}
	for at, i := range order {
		if _, seen := first[shard(i)]; !seen {
			first[shard(i)] = at
		}
		last[shard(i)] = at
	}
	for s := range first {
		if open := last[s] - first[s]; open > count*window+size {
			t.Errorf("shard %d is read from place %d to %d, want at most %d places", s, first[s], last[s], count*window+size)
		}
	}
	for at, i := range order { // stream c gets shards of its own, while all have some
		if row := at % size; at < 700 {
			for other, j := range order[:at] {
				if shard(i) == shard(j) && other%size/4 != row/4 {
					t.Fatalf("shard %d is in streams %d and %d", shard(i), row/4, other%size/4)
				}
			}
		}
	}
}

// fetched is a list of shards that were asked for.
type fetched struct{ images []int }

func (f *fetched) Shard(i int) int { return i / 10 }
func (f *fetched) Fetch(i int)     { f.images = append(f.images, i) }

// Each process fetches the shards of its own rows, each once, before the batch that needs them.
func TestFetchAhead(t *testing.T) {
	var f fetched
	order := Streams{Count: 2, Window: 10}.Order(200, 8, f.Shard, 0, 1)
	all := map[int]bool{}
	for rank := range 2 {
		f.images = nil
		a := &fetchAhead{
			Epoch: Epoch{Order: order, Size: 8, World: world.World{Rank: rank, Size: 2}}, shards: &f, images: 40, seen: map[int]bool{},
		}
		for i := range a.Batches() {
			for _, image := range a.Batch(i) {
				if !slices.ContainsFunc(f.images, func(j int) bool { return f.Shard(j) == f.Shard(image) }) {
					t.Fatalf("rank %d: batch %d has image %d, whose shard was not fetched", rank, i, image)
				}
			}
		}
		for _, i := range f.images {
			if all[f.Shard(i)] {
				t.Errorf("rank %d: shard %d is fetched again", rank, f.Shard(i))
			}
			all[f.Shard(i)] = true
		}
	}
	if len(all) != 20 {
		t.Errorf("%d shards were fetched, want 20", len(all))
	}
}
