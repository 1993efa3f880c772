// Package world has the rank of this process among the processes that train together. It
// knows no tensors and no network, so the loader, the model, hooks and the run directory
// can all use a [World]. A training in one process is [Single].
package world

import "fmt"

// World is the group of processes that train together, and the rank of this process. The
// zero value is a world of one process, like Single().
type World struct {
	Rank int // of this process, from 0 to Size-1
	Size int // number of processes; 0 and 1 both mean that this process is alone
	Node int // number of processes on each node, whose ranks follow each other; 0: all are on one
}

// Single returns the world of a process that trains alone.
func Single() World { return World{Rank: 0, Size: 1} }

// First reports whether this process has rank 0. Only that process writes logs,
// checkpoints and records.
func (w World) First() bool { return w.Rank == 0 }

// Alone reports whether there is no other process.
func (w World) Alone() bool { return w.Size <= 1 }

// Rows returns the range [from, to) of n rows that belongs to this process. Ranges are in
// the order of the ranks, and their lengths differ by at most one.
func (w World) Rows(n int) (from, to int) {
	size := max(w.Size, 1)
	return w.Rank * n / size, (w.Rank + 1) * n / size
}

// Images returns the range [from, to) of the n images of a batch that this process trains on.
// The batch consists of groups that have batch-norm statistics of their own, and every
// process has equally many of them. A group needs two images, so a small batch has fewer
// groups, and the last processes may have no image. The groups do not depend on the number
// of processes: one process that splits the batch into as many groups has the same.
func (w World) Images(n, groups int) (from, to int) {
	if w.Alone() {
		return 0, n
	}
	first, last := w.groups(n, groups)
	all := live(n, max(groups, w.Size))
	return first * n / all, last * n / all
}

// Most returns the largest number of images that a process has of batches of at most n.
func (w World) Most(n, groups int) int {
	if w.Alone() {
		return n
	}
	each := max(groups, w.Size) / w.Size
	return min(n, max((n+w.Size-1)/w.Size, 3*each)) // a group of a small batch has two or three
}

// Groups returns how many of the groups of a batch of n images this process has, and how many
// there are in all. groups is the number of a full batch.
func (w World) Groups(n, groups int) (own, all int) {
	first, last := w.groups(n, groups)
	return last - first, live(n, max(groups, w.Size))
}

func (w World) groups(n, groups int) (first, last int) {
	size := max(w.Size, 1)
	groups = max(groups, size)
	all := live(n, groups)
	return min(w.Rank*groups/size, all), min((w.Rank+1)*groups/size, all)
}

// live is the number of groups of a batch of n images, at most groups.
func live(n, groups int) int { return max(1, min(groups, n/2)) }

// PerNode returns the number of processes on each node.
func (w World) PerNode() int {
	if w.Node > 0 {
		return w.Node
	}
	return max(w.Size, 1)
}

// Of returns the world as the process of another rank has it.
func (w World) Of(rank int) World {
	w.Rank = rank
	return w
}

// Check returns an error if the rank is not between 0 and Size-1.
func (w World) Check() error {
	if w.Size < 0 || w.Rank < 0 || w.Rank >= max(w.Size, 1) {
		return fmt.Errorf("world: want a rank from 0 to size-1, got rank %d of size %d", w.Rank, w.Size)
	}
	return nil
}

func (w World) String() string { return fmt.Sprintf("rank %d of %d", w.Rank, max(w.Size, 1)) }
