package measure

import (
	"time"

	"contralens/torch"
)

// Peak is the rate in operations a second of the fastest of several products of
// large square matrices of a type, with the threads that training has: what the
// processor can do in practice.
func Peak(dtype torch.Dtype, device torch.Device) (best float64) {
	// The larger size comes nearer to the peak on some processors; many repetitions
	// of the smaller one find a quiet moment.
	for _, try := range []struct{ side, repetitions int }{{2048, 8}, {4096, 3}} {
		torch.Scoped(func() {
			a := torch.Full([]int{try.side, try.side}, 0.5, torch.Options{Dtype: dtype, Device: device})
			for range try.repetitions {
				torch.Scoped(func() {
					begin := time.Now()
					a.Mm(a).Select(0, 0).Float64s() // reading it waits for a GPU
					n := float64(try.side)
					best = max(best, 2*n*n*n/time.Since(begin).Seconds())
				})
			}
		})
	}
	return best
}
