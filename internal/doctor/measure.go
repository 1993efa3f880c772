package doctor

import (
	"fmt"
	"time"

	"contralens/config"
	"contralens/profile"
	"contralens/setup"
	"contralens/torch"
)

// measureTime is how long each rate of a GPU is measured.
const measureTime = 500 * time.Millisecond

// rates are what a GPU achieves.
type rates struct {
	precision string  // of the products
	upload    float64 // bytes per second from page-locked memory
	products  float64 // operations per second
}

// Measure returns how fast each GPU takes images and computes, in the precision that a
// training chooses there. It takes some seconds for each.
func Measure() []Finding { return measured(torch.CUDAInfo(), measureGPU) }

// measured is Measure of the GPUs of a machine. measure measures one.
func measured(s torch.CUDAState, measure func(torch.Device) (rates, error)) []Finding {
	if why := s.Problem(); why != "" {
		return []Finding{{"measured", "nothing, no GPU; contralens bench step measures the CPU", ""}}
	}
	var all []Finding
	for i := range s.Count {
		d := torch.CUDA(i)
		f := Finding{What: d.String()}
		r, err := measure(d)
		f.Found = fmt.Sprintf("measured: uploads %.1f GB/s from page-locked memory, products %.1f TFLOP/s in %s",
			r.upload/1e9, r.products/1e12, r.precision)
		if err != nil {
			f.Found, f.Problem = "could not be measured", err.Error()
		}
		all = append(all, f)
	}
	return all
}

// measureGPU measures one GPU.
func measureGPU(d torch.Device) (r rates, err error) {
	r.precision = config.GPUPrecision(d.String())
	err = torch.Run(func() error {
		if _, err := setup.Device(config.Machine{Device: d.String(), Precision: r.precision}); err != nil {
			return err
		}
		r.upload = profile.UploadRate(d, measureTime)
		r.products = profile.Peak(setup.Dtype(r.precision), d, measureTime)
		return nil
	})
	return r, err
}
