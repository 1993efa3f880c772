// Package world has the rank of this process among the processes that train together. It
// knows no tensors and no network, so the loader, the model, hooks and the run directory
// can all use a [World]. Training is one process, [Single].
package world

import "fmt"

// World is the group of processes that train together, and the rank of this process. The
// zero value is a world of one process, like Single().
type World struct {
	Rank int // of this process, from 0 to Size-1
	Size int // number of processes; 0 and 1 both mean that this process is alone
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

// Check returns an error if the rank is not between 0 and Size-1.
func (w World) Check() error {
	if w.Size < 0 || w.Rank < 0 || w.Rank >= max(w.Size, 1) {
		return fmt.Errorf("world: want a rank from 0 to size-1, got rank %d of size %d", w.Rank, w.Size)
	}
	return nil
}

func (w World) String() string { return fmt.Sprintf("rank %d of %d", w.Rank, max(w.Size, 1)) }
