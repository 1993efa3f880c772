// Package world says which of several processes this one is. It knows no tensors
// and no network, so that the loader, the model, hooks and the run directory can
// all be given a World. Today a training is one process, Single().
package world

import "fmt"

// World is the group of processes that train together and this process's place in it.
// The zero value is a world of one process, as Single() is.
type World struct {
	Rank int // of this process, from 0 to Size-1
	Size int // processes; 0 and 1: this process is alone
}

// Single is the world of a process that trains alone.
func Single() World { return World{Rank: 0, Size: 1} }

// First reports whether this is the process of rank 0, which writes what is written
// once: logs, checkpoints, records.
func (w World) First() bool { return w.Rank == 0 }

// Alone reports whether there is no other process.
func (w World) Alone() bool { return w.Size <= 1 }

// Rows are the rows [from, to) of n that belong to this process. The ranks' rows lie
// in the order of the ranks, and their numbers differ by at most one.
func (w World) Rows(n int) (from, to int) {
	size := max(w.Size, 1)
	return w.Rank * n / size, (w.Rank + 1) * n / size
}

// Check is an error if there is no such place in a world.
func (w World) Check() error {
	if w.Size < 0 || w.Rank < 0 || w.Rank >= max(w.Size, 1) {
		return fmt.Errorf("world: want a rank from 0 to size-1, got rank %d of size %d", w.Rank, w.Size)
	}
	return nil
}

func (w World) String() string { return fmt.Sprintf("rank %d of %d", w.Rank, max(w.Size, 1)) }
