package loader

import (
	"math/rand/v2"

	"contralens/world"
)

// Sampler says which samples make up the batches of an epoch. It is asked from one
// goroutine.
type Sampler interface {
	Batches() int      // of the whole epoch
	Batch(i int) []int // the indices of this process's samples in batch i, which stay as they are
}

// Epoch is the usual Sampler: batch i is samples i·Size to (i+1)·Size-1 of an order,
// and each process of a world takes its rows of every batch.
type Epoch struct {
	Order    []int // indices of the samples
	Size     int   // of a batch, over all processes
	DropLast bool  // leave out a last batch that is not full
	World    world.World
}

// Batches is the number of batches of the epoch.
func (e Epoch) Batches() int { return Batches(len(e.Order), e.Size, e.DropLast) }

// Batch is this process's part of batch i.
func (e Epoch) Batch(i int) []int {
	all := e.Order[i*e.Size : min((i+1)*e.Size, len(e.Order))]
	from, to := e.World.Rows(len(all))
	return all[from:to]
}

// Shuffled is the order of an epoch: a permutation of n indices that depends on seed
// and epoch alone, so that all processes agree on it.
func Shuffled(n int, seed uint64, epoch int) []int {
	return rand.New(rand.NewPCG(seed^0x6f72646572, uint64(epoch))).Perm(n)
}

// InOrder is the order of n indices as they are.
func InOrder(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// Batches is the number of batches of n samples.
func Batches(n, size int, dropLast bool) int {
	if dropLast {
		return n / size
	}
	return (n + size - 1) / size
}
