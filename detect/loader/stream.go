package loader

import (
	"contralens/data/loader"
	"contralens/detect"
	"contralens/world"
)

// share is the Sampler of one of several processes: its rows of each batch of a stream. The
// whole batch is that of one process.
type share struct {
	all   *stream
	world world.World
	// Of the batch that Batch returned last, which the loader plans before it asks for the next one.
	whole []int // the images of all processes
	first int   // the place of the first own image
}

func (s *share) Batches() int { return s.all.Batches() }

func (s *share) Batch(i int) []int {
	s.whole = s.all.Batch(i)
	from, to := s.world.Rows(len(s.whole))
	s.first = from
	return s.whole[from:to]
}

// stream is the Sampler of training: an endless row of permutations of the images, of which
// those wider than high and the others wait in a bucket each. A bucket with enough images for
// a batch is a batch. Nothing is dropped between permutations. This is Detectron2's aspect ratio
// grouping of a whole batch; with several GPUs it groups the images of each, so that a batch has
// both kinds.
//
// Its indices count on from permutation to permutation: index pass·N + i is image i, drawn for
// the pass-th time. So random numbers that are keyed by them differ from pass to pass.
type stream struct {
	images  []detect.Image
	size    int
	batches int
	seed    uint64

	next    int // of the batch that comes next
	pass    int
	order   []int // of the pass; nil before it is drawn
	at      int   // in order
	buckets [2][]int
}

func (s *stream) Batches() int { return s.batches }

// Batch returns the indices of batch i. Batches before it are replayed, which is quick: only
// sizes are needed.
func (s *stream) Batch(i int) []int {
	if i < s.next {
		*s = stream{images: s.images, size: s.size, batches: s.batches, seed: s.seed}
	}
	for {
		batch := s.fill()
		s.next++
		if s.next > i {
			return batch
		}
	}
}

// fill takes images until a bucket is full.
func (s *stream) fill() []int {
	n := len(s.images)
	for {
		if s.order == nil {
			s.order, s.at = loader.Shuffled(n, s.seed, s.pass), 0
		}
		for s.at < n {
			i := s.order[s.at]
			s.at++
			bucket := &s.buckets[0]
			if s.images[i].Width > s.images[i].Height {
				bucket = &s.buckets[1]
			}
			*bucket = append(*bucket, s.pass*n+i)
			if len(*bucket) == s.size {
				full := *bucket
				*bucket = nil
				return full
			}
		}
		s.pass, s.order = s.pass+1, nil
	}
}
