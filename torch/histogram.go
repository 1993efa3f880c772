package torch

import "fmt"

// histogramPart is the most elements that one histc counts: float32, in which it counts,
// has all whole numbers up to 2^24.
const histogramPart = 1 << 24

// Histogram counts the elements of t, float32, in bins of equal width from low to high.
// The result is int64 [bins] on t's device. Elements below low or above high count in the
// first or the last bin; NaN is not counted. These are the counts of [Tensor.Summarize],
// by operators that run on any device, and nothing waits for it. It panics with an *Error
// unless bins ≥ 1 and low < high.
func (t *Tensor) Histogram(low, high float64, bins int) *Tensor {
	if bins < 1 || bins > histogramPart || !(low < high) {
		panic(&Error{Op: "histogram", Message: fmt.Sprintf("want bins between two numbers, got %d bins from %v to %v",
			bins, low, high)})
	}
	var counts *Tensor
	NoGrad(func() {
		counts = Scoped1(func() *Tensor {
			all := t.Detach().To(Float32).Reshape(-1)
			var total *Tensor
			for first := 0; first == 0 || first < all.Numel(); first += histogramPart {
				part := all.Narrow(0, first, min(histogramPart, all.Numel()-first))
				counts := Scoped1(func() *Tensor { return part.histogram(low, high, bins).To(Int64) })
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

// histogram counts at most histogramPart elements, in float32. An element's bin is
// computed as the kernel of Summarize does, and histc only counts: its borders lie half a
// bin away from the numbers of the bins, so that its own rounding decides nothing. NaN
// becomes bin -1, which is out of its range; before libtorch 2, histc does not expect it.
func (t *Tensor) histogram(low, high float64, bins int) *Tensor {
	scale, last := float64(bins)/(high-low), float64(bins-1)
	bin := t.MulScalar(scale).AddScalar_(-low*scale).Clamp_(0, last).inplace("aten::floor_")
	bin.inplace("aten::nan_to_num_", -1.0)
	return call("aten::histc", bin, bins, -0.5, last+0.5)
}
