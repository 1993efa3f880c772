package loader

import (
	"cmp"
	"math/rand/v2"

	"contralens/data"
)

// Streams describe an order for shards that are far away: each stream goes through shards one
// after the other, so that every shard is fetched once in an epoch.
type Streams struct {
	// Count is the number of streams: rows c·B/Count to (c+1)·B/Count of every batch of B are
	// of stream c. 0: no streams, the order is a permutation of all images.
	Count int
	// Window is the number of images of a stream that are shuffled at a time; 0: 16384.
	Window int
}

// Window is the usual number of images of a stream that are shuffled at a time.
const Window = 16384

// window returns the number of images that are shuffled at a time.
func (s Streams) window() int { return cmp.Or(s.Window, Window) }

// Order returns the order of an epoch of n images in batches of size: every image once. The
// order of the shards is drawn from seed and epoch, and stream c gets shards c, c+Count, ….
// When a stream is through, the others fill its rows. shard returns the shard of an image.
// The order does not depend on the number of processes (as that of canonical nodes in
// MosaicML's streaming).
func (s Streams) Order(n, size int, shard func(i int) int, seed uint64, epoch int) []int {
	r := rand.New(rand.NewPCG(seed^0x73747265616d, uint64(epoch)))
	streams := s.deal(n, shard, r)
	window := s.window()
	for _, images := range streams {
		for from := 0; from < len(images); from += window {
			part := images[from:min(from+window, len(images))]
			r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
		}
	}
	order := make([]int, 0, n)
	next := 0 // stream that fills the next row of one that is through
	for from := 0; from < n; from += size {
		rows := min(size, n-from)
		for c := range streams {
			for range (c+1)*rows/s.Count - c*rows/s.Count {
				at := c
				for len(streams[at]) == 0 {
					next = (next + 1) % s.Count
					at = next
				}
				order = append(order, streams[at][0])
				streams[at] = streams[at][1:]
			}
		}
	}
	return order
}

// deal gives each stream its images, shard after shard.
func (s Streams) deal(n int, shard func(i int) int, r *rand.Rand) [][]int {
	var shards [][]int
	at := map[int]int{}
	for i := range n {
		j, known := at[shard(i)]
		if !known {
			j = len(shards)
			at[shard(i)] = j
			shards = append(shards, nil)
		}
		shards[j] = append(shards[j], i)
	}
	streams := make([][]int, s.Count)
	for place, j := range r.Perm(len(shards)) {
		c := place % s.Count
		streams[c] = append(streams[c], shards[j]...)
	}
	return streams
}

// fetchAhead fetches the shards of the batches that come soon, before their images are read.
type fetchAhead struct {
	Epoch
	shards data.Sharded
	images int // looked at before they are read
	next   int // the first batch that was not looked at
	seen   map[int]bool
}

// Batch returns the samples of batch i, as the sampler does.
func (f *fetchAhead) Batch(i int) []int {
	f.next = max(f.next, i)
	for f.next < f.Batches() && f.next*f.Size < i*f.Size+f.images {
		for _, image := range f.Epoch.Batch(f.next) {
			if shard := f.shards.Shard(image); !f.seen[shard] {
				f.seen[shard] = true
				f.shards.Fetch(image)
			}
		}
		f.next++
	}
	return f.Epoch.Batch(i)
}
