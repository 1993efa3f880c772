package loader

import (
	"math/rand/v2"

	"contralens/world"
)

// Sampler chooses the samples of each batch of an epoch. It is called from one
// goroutine.
type Sampler interface {
	Batches() int      // of the whole epoch
	Batch(i int) []int // indices of this process's samples in batch i; must not be modified
}

// shared is a Sampler whose batches are shared by several processes.
type shared interface {
	Sampler
	Whole(i int) []int // batch i of all processes; must not be modified
}

// Epoch is the usual Sampler: batch i consists of elements i·Size to (i+1)·Size-1 of an
// order, and each process of a world takes its share of the rows.
type Epoch struct {
	Order    []int // indices of the samples
	Size     int   // of a batch, summed over all processes
	DropLast bool  // skip the last batch if it is not full
	World    world.World
	Groups   int // of a batch, with batch-norm statistics of their own; see world.World.Images
}

// Batches returns the number of batches of the epoch.
func (e Epoch) Batches() int { return Batches(len(e.Order), e.Size, e.DropLast) }

// Batch returns this process's part of batch i.
func (e Epoch) Batch(i int) []int {
	all := e.Whole(i)
	from, to := e.World.Images(len(all), e.Groups)
	return all[from:to]
}

// Whole returns batch i of all processes.
func (e Epoch) Whole(i int) []int { return e.Order[i*e.Size : min((i+1)*e.Size, len(e.Order))] }

// Shuffled returns the order of an epoch: a permutation of n indices that depends only
// on seed and epoch, so that all processes agree on it.
func Shuffled(n int, seed uint64, epoch int) []int {
	return rand.New(rand.NewPCG(seed^0x6f72646572, uint64(epoch))).Perm(n)
}

// InOrder returns the indices 0 … n-1.
func InOrder(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// Batches returns the number of batches of n samples.
func Batches(n, size int, dropLast bool) int {
	if dropLast {
		return n / size
	}
	return (n + size - 1) / size
}
