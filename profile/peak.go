package profile

import (
	"time"

	"contralens/torch"
)

// Peak returns the highest rate, in operations a second, among products of large square
// matrices of a type, with the threads that training has: what the processor can do in
// practice. It repeats them for that long, several times each, to find a quiet moment.
// Where a single large product would take longer, as in bfloat16 without instructions
// for it, the matrices are smaller.
func Peak(dtype torch.Dtype, device torch.Device, long time.Duration) (best float64) {
	torch.Scoped(func() {
		matrix := func(n int) *torch.Tensor { return torch.FromFloat32(normal(n*n, 0), n, n).To(dtype).ToDevice(device) }
		// The larger size comes nearer to the peak on some processors.
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

// rate returns the operations a second of a product of a [n, n] with itself.
func rate(a *torch.Tensor) float64 {
	begin := time.Now()
	torch.Scoped(func() { a.Mm(a).Select(0, 0).Float64s() }) // reading it waits for a GPU
	return operations(a.Size(0)) / time.Since(begin).Seconds()
}

// operations returns the operations of a product [n, n] by [n, n].
func operations(n int) float64 {
	side := float64(n)
	return 2 * side * side * side
}
