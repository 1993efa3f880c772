package profile

import (
	"time"

	"contralens/torch"
)

// Peak returns the highest rate, in operations per second, of a product of large square
// matrices of the given type, with the current number of threads: what the processor
// achieves in practice. It repeats the products for the given time, to find a quiet
// moment. If a single product of the largest size takes longer than that, as in
// bfloat16 without instructions for it, it uses smaller matrices.
func Peak(dtype torch.Dtype, device torch.Device, long time.Duration) (best float64) {
	torch.Scoped(func() {
		matrix := func(n int) *torch.Tensor { return torch.FromFloat32(normal(n*n, 0), n, n).To(dtype).ToDevice(device) }
		// On some processors, the larger size comes closer to the peak.
		sides := []int{2048, 3072}
		small := matrix(512)
		rate(small) // the first use of a kernel compiles it
		if best = rate(small); operations(sides[0]) > 2*best*max(time.Second, long).Seconds() {
			sides = []int{512, 768}
		}
		var matrices []*torch.Tensor
		for _, n := range sides {
			matrices = append(matrices, matrix(n))
		}
		for begin, round := time.Now(), 0; round < 3 || time.Since(begin) < long; round++ {
			for _, m := range matrices {
				best = max(best, rate(m))
			}
		}
	})
	return best
}

// rate returns the operations per second of a product of a [n, n] with itself.
func rate(a *torch.Tensor) float64 {
	begin := time.Now()
	torch.Scoped(func() { a.Mm(a).Select(0, 0).Float64s() }) // reading the result waits for a GPU
	return operations(a.Size(0)) / time.Since(begin).Seconds()
}

// operations returns the number of operations of a product [n, n] by [n, n].
func operations(n int) float64 {
	side := float64(n)
	return 2 * side * side * side
}
