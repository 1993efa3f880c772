// Package emulated runs the CUDA kernels of package norm on the host, for tests.
// After a change of kernels.cu run go build -a ./torch/...; package core explains why.
package emulated

/*
#cgo CXXFLAGS: -std=c++20 -O2 -g0 -Wno-unknown-pragmas
#cgo CXXFLAGS: -I${SRCDIR}/.. -I${SRCDIR}/../../core -I${SRCDIR}/../../launch
#include "emulated.h"
*/
import "C"

// Orders in which the threads of a block take turns. Every other number is the seed of a
// shuffled order.
const (
	Upwards   = 0
	Downwards = 1
)

// Norms runs f while batch norm launches a GPU's kernels on the CPU. It returns the number
// of launches.
func Norms(order int, f func()) (launches int) {
	C.cl_norm_emulate(C.uint(order))
	defer C.cl_norm_emulate_stop()
	f()
	return int(C.cl_norm_emulated_launches())
}
