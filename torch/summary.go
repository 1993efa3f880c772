package torch

/*
#cgo CFLAGS: -I${SRCDIR}/internal/shim/summary
#include "summary.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Summary has statistics of each row of a matrix and a histogram of its elements.
type Summary struct {
	Mean, Variance, Max []float64 // of each row; the divisor of the variance is columns-1
	Counts              []int64   // histogram of all elements, in bins of equal width
}

// Summarize computes a Summary of a float32 matrix in one pass, with the given number of
// bins from low to high. Elements below low or above high count in the first or the last
// bin; NaN is not counted. Tensors on other devices are first copied to the CPU. It
// panics with an *Error unless t is a matrix, bins ≥ 1 and low < high.
func (t *Tensor) Summarize(low, high float64, bins int) Summary {
	if t.Dim() != 2 || bins < 1 || !(low < high) {
		panic(&Error{Op: "summarize", Message: fmt.Sprintf("want a matrix and bins between two numbers, got shape %v and "+
			"%d bins from %v to %v", t.Shape(), bins, low, high)})
	}
	n := t.Size(0)
	s := Summary{make([]float64, n), make([]float64, n), make([]float64, n), make([]int64, bins)}
	at := func(v []float64) *C.double { return (*C.double)(unsafe.Pointer(unsafe.SliceData(v))) }
	err := C.cl_summary(unsafe.Pointer(t.c()), C.double(low), C.double(high), C.int(bins), at(s.Mean), at(s.Variance),
		at(s.Max), (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(s.Counts))))
	check("summarize", err)
	return s
}
