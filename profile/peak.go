package profile

import (
	"time"

	"contralens/torch"
)

// Peak returns the highest rate, in operations per second, of a product of large square
// matrices of the given type or of a large convolution, with the current number of threads:
// what the processor achieves in practice. Products and convolutions come from two
// libraries, of which either may be the faster one. Peak repeats them for the given time, to
// find a quiet moment. If a single product of the largest size takes longer than that, as in
// bfloat16 without instructions for it, it uses smaller matrices.
func Peak(dtype torch.Dtype, device torch.Device, long time.Duration) (best float64) {
	rate := work.rate
	if !device.IsCPU() {
		rate = func(w work) float64 { return w.rateOn(device) }
	}
	generator := torch.NewGenerator(0, device)
	defer generator.Free()
	torch.Scoped(func() {
		random := func(shape ...int) *torch.Tensor {
			if !device.IsCPU() { // the host would take seconds
				x := torch.Empty(shape, torch.Options{Dtype: dtype, Device: device})
				return x.Normal_(0, 1, generator)
			}
			n := 1
			for _, size := range shape {
				n *= size
			}
			return torch.FromFloat32(normal(n, 0), shape...).To(dtype).ToDevice(device)
		}
		var all []work
		square := func(n int) work {
			a := random(n, n)
			return work{2 * cube(n), func() *torch.Tensor { return a.Mm(a) }}
		}
		// n images of a size, with as many channels in as out, in channels-last order, which
		// the libraries' fastest kernels of both kinds take.
		convolution := func(n, channels, size, kernel int) work {
			x := random(n, channels, size, size).Contiguous(torch.ChannelsLast)
			w := random(channels, channels, kernel, kernel).Contiguous(torch.ChannelsLast)
			operations := 2 * float64(n*size*size) * float64(channels*channels*kernel*kernel)
			return work{operations, func() *torch.Tensor { return x.Conv2d(w, nil, 1, kernel/2, 1, 1) }}
		}
		small := square(512)
		rate(small) // the first use of a kernel compiles it
		best = rate(small)
		if !device.IsCPU() {
			// What is smaller is over before the next launch.
			all = append(all, square(8192), convolution(64, 1024, 16, 1), convolution(64, 256, 28, 3))
		} else if 2*cube(2048) > 2*best*max(time.Second, long).Seconds() {
			all = append(all, small, square(768), convolution(1, 256, 16, 1), convolution(1, 128, 16, 3))
		} else {
			// On some processors, the larger size comes closer to the peak.
			all = append(all, square(2048), square(3072), convolution(16, 1024, 16, 1), convolution(16, 256, 28, 3))
		}
		for begin, round := time.Now(), 0; round < 3 || time.Since(begin) < long; round++ {
			for _, w := range all {
				best = max(best, rate(w))
			}
		}
	})
	return best
}

// work is a computation to time.
type work struct {
	operations float64
	do         func() *torch.Tensor
}

// rate returns the operations per second.
func (w work) rate() float64 {
	begin := time.Now()
	torch.Scoped(func() {
		y := w.do()
		for y.Dim() > 0 {
			y = y.Select(0, 0)
		}
		y.Item()
	})
	return w.operations / time.Since(begin).Seconds()
}

// rateOn is rate by the clock of a GPU.
func (w work) rateOn(d torch.Device) float64 {
	begin := torch.NewMark(d)
	defer begin.Free()
	torch.Scoped(func() { w.do() })
	end := torch.NewMark(d)
	defer end.Free()
	return w.operations / max(end.Since(begin), time.Microsecond).Seconds()
}

func cube(n int) float64 { return float64(n) * float64(n) * float64(n) }
