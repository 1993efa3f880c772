package data

import (
	"context"

	"contralens/views"
)

// subset is a selection of a dataset's images.
type subset struct {
	Dataset
	indices []int
}

func (s subset) Len() int          { return len(s.indices) }
func (s subset) Label(i int) int   { return s.Dataset.Label(s.indices[i]) }
func (s subset) Path(i int) string { return s.Dataset.Path(s.indices[i]) }

func (s subset) Image(ctx context.Context, i int, dst *views.Image) error {
	return s.Dataset.Image(ctx, s.indices[i], dst)
}

// Select returns the images of d at the given indices, in that order. An index may
// occur more than once.
func Select(d Dataset, indices []int) Dataset {
	s := subset{d, indices}
	if f, ok := d.(Files); ok {
		return withFiles{s, func(ctx context.Context, i int, buf []byte) ([]byte, error) {
			return f.File(ctx, indices[i], buf)
		}, f.Decoder(), selected(d, indices)}
	}
	return s
}

// selectedShards are the larger files of a selection of images.
type selectedShards struct {
	Sharded
	indices []int
}

func selected(d Dataset, indices []int) Sharded {
	if s := shardsOf(d); s != nil {
		return selectedShards{s, indices}
	}
	return nil
}

func (s selectedShards) Shard(i int) int { return s.Sharded.Shard(s.indices[i]) }
func (s selectedShards) Fetch(i int)     { s.Sharded.Fetch(s.indices[i]) }

// Repeat returns a dataset of n images: those of d, repeated.
func Repeat(d Dataset, n int) Dataset {
	indices := make([]int, n)
	for i := range indices {
		indices[i] = i % d.Len()
	}
	return Select(d, indices)
}

// Limit keeps n images: the first of every class, then the second of every class, and
// so on.
func Limit(d Dataset, n int) Dataset {
	byClass := map[int][]int{}
	most := 0
	for i := range d.Len() {
		l := d.Label(i)
		byClass[l] = append(byClass[l], i)
		most = max(most, len(byClass[l]))
	}
	var indices []int
	for round := 0; round < most && len(indices) < n; round++ {
		for l := -1; l < len(d.Classes()) && len(indices) < n; l++ {
			if round < len(byClass[l]) {
				indices = append(indices, byClass[l][round])
			}
		}
	}
	return Select(d, indices)
}

// relabeled is a dataset with other class numbers.
type relabeled struct {
	Dataset
	number  map[int]int
	classes []string
}

func (r relabeled) Label(i int) int   { return r.number[r.Dataset.Label(i)] }
func (r relabeled) Classes() []string { return r.classes }

// Relabel replaces the classes of d. number maps every label that occurs in d to an
// index into classes.
func Relabel(d Dataset, number map[int]int, classes []string) Dataset {
	return wrap(relabeled{d, number, classes}, d)
}
