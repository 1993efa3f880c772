// Package emulated runs the kernels for a GPU on the host, so that tests can check their
// arithmetic without a GPU. It is slow.
package emulated

import (
	_ "contralens/torch" // the C++ that launches the kernels
	"contralens/torch/internal/shim/norm/emulated"
)

// Orders in which the threads of a block take turns between two barriers. Every other
// number is the seed of a shuffled order.
const (
	Upwards   = emulated.Upwards
	Downwards = emulated.Downwards
)

// Norms runs f while FusedNorm launches a GPU's kernels on the CPU. It returns the number of
// launches.
func Norms(order int, f func()) (launches int) { return emulated.Norms(order, f) }
