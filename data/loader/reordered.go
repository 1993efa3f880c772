package loader

import (
	"slices"

	"contralens/world"
)

// Reordered is one more buffer of a batch: a view of the batch's images in another order, of which
// a process has the rows at the places of its own images. A view depends on the image alone, so it
// is the one that another process makes, bit for bit, and need not be sent.
type Reordered struct {
	View int // index in ViewOptions.Views
	// Order returns the rows of the whole batch with the given index, which has n images, in the
	// other order: a permutation of 0 … n-1. It is called from a goroutine of the loader.
	Order func(batch, n int) []int64
}

// reordering is a sampler whose batches have, after the images of this process, those at the same
// places in other orders, so one and the same number of each.
type reordering struct {
	shared
	world  world.World
	groups int
	orders []Reordered
}

// Batch returns this process's images of batch i, and those of each order.
func (r reordering) Batch(i int) []int {
	all, whole := slices.Clone(r.shared.Batch(i)), r.Whole(i)
	from, to := r.world.Images(len(whole), r.groups)
	for _, o := range r.orders {
		for _, row := range o.Order(i, len(whole))[from:to] {
			all = append(all, whole[row])
		}
	}
	return all
}
