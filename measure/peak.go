package measure

import (
	"time"

	"contralens/torch"
)

// Peak is the rate in operations a second of the fastest among products of large
// square matrices of a type, with the threads that training has: what the
// processor can do in practice. They are repeated for so long, several times each,
// to find a quiet moment, but where they are slow, as bfloat16 without instructions
// for it is, for ten times as long at most and the product that it then is at.
func Peak(dtype torch.Dtype, device torch.Device, long time.Duration) (best float64) {
	torch.Scoped(func() {
		// The larger size comes nearer to the peak on some processors.
		sides := []int{2048, 3072}
		var matrices []*torch.Tensor
		for _, n := range sides {
			matrices = append(matrices, torch.FromFloat32(normal(n*n, 0), n, n).To(dtype).ToDevice(device))
		}
		for begin, round := time.Now(), 0; round < 3 || time.Since(begin) < long; round++ {
			for i, n := range sides {
				best = max(best, rate(matrices[i], n))
				if time.Since(begin) > 10*long {
					return
				}
			}
		}
	})
	return best
}

// rate is that of a product [n, n] by [n, n].
func rate(a *torch.Tensor, n int) float64 {
	begin := time.Now()
	torch.Scoped(func() { a.Mm(a).Select(0, 0).Float64s() }) // reading it waits for a GPU
	side := float64(n)
	return 2 * side * side * side / time.Since(begin).Seconds()
}
