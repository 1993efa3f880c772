package torch

/*
#include "core.h"
*/
import "C"

import "fmt"

// histogramPart is the most elements that one histc counts: float32, in which it counts,
// has all whole numbers up to 2^24.
const histogramPart = 1 << 24

// Histogram counts the elements of t, float32, in bins of equal width from low to high.
// The result has [bins] whole numbers on t's device: int32, or int64 from 2^31 elements
// on. Elements below low or above high count in the first or the last bin; NaN is not
// counted. Operators that run on any device compute it, and nothing waits for it. Counts
// are those of [Tensor.Summarize] if bins/(high-low) is a power of two. Otherwise an
// element next to a border may count in the neighboring bin. It panics with an *Error
// unless bins ≥ 1 and low < high.
func (t *Tensor) Histogram(low, high float64, bins int) *Tensor {
	if bins < 1 || !(low < high) {
		panic(&Error{Op: "histogram", Message: fmt.Sprintf("want bins between two numbers, got %d bins from %v to %v",
			bins, low, high)})
	}
	dtype := Int32
	if t.Numel() >= 1<<31 {
		dtype = Int64
	}
	var counts *Tensor
	NoGrad(func() {
		counts = Scoped1(func() *Tensor {
			all := t.Detach().To(Float32).Reshape(-1)
			var total *Tensor
			for first := 0; first == 0 || first < all.Numel(); first += histogramPart {
				part := all.Narrow(0, first, min(histogramPart, all.Numel()-first))
				counts := Scoped1(func() *Tensor { return part.histogram(low, high, bins).To(dtype) })
				if total != nil {
					counts = total.Add(counts)
				}
				total = counts
			}
			return total
		})
	})
	return counts
}

// histogram counts at most histogramPart elements, in float32. histc computes a bin as
// (x-low)·bins/(high-low), and leaves out what is out of range. On the CPU NaN becomes
// such a number, because histc does not expect it before libtorch 2.
func (t *Tensor) histogram(low, high float64, bins int) *Tensor {
	x := t.Clamp(low, high)
	if t.Device().IsCPU() {
		x.inplace("aten::nan_to_num_", low-(high-low))
	}
	r := C.cl_histogram(x.c(), C.int64_t(bins), C.double(low), C.double(high))
	check("histogram", r.err)
	return wrap(r.t)
}
