package doctor

import (
	"fmt"

	"contralens/internal/humanize"
	"contralens/torch"
)

// devices describes where can be computed: the CPU, and a line for each GPU and for the
// libraries of GPUs. onBus is the number of NVIDIA's GPUs in the machine; describe describes
// one. A machine without a GPU has no problem, and neither has one whose user hides them.
func devices(s torch.CUDAState, onBus int, describe func(torch.Device) (torch.GPU, error)) []Finding {
	if why := s.Problem(); why != "" {
		switch {
		case s.Built && !s.Hidden() && (s.Driver > 0 || onBus > 0):
			return []Finding{{"devices", "cpu; no GPU can be used", why}}
		case !s.Built && onBus > 0:
			why += "; the machine has " + humanize.Count(onBus, "NVIDIA GPU")
		}
		return []Finding{{"devices", "cpu; no GPU: " + why, ""}}
	}
	runtime, driver := torch.CUDAVersion(s.Runtime), torch.CUDAVersion(s.Driver)
	all := []Finding{
		{"devices", "cpu, " + humanize.Count(s.Count, "GPU"), ""},
		{"CUDA", fmt.Sprintf("%s, driver for %s, %s", runtime, driver, cuDNN(s.CuDNN)), ""},
	}
	for i := range s.Count {
		f := Finding{What: torch.CUDA(i).String()}
		g, err := describe(torch.CUDA(i))
		if f.Found = g.String() + ", PCI " + g.PCI; err != nil {
			f.Found, f.Problem = "cannot be used", err.Error()
		}
		all = append(all, f)
	}
	return all
}

// cuDNN names a version: 91002 is 9.10.2.
func cuDNN(v int) string {
	if v == 0 {
		return "no cuDNN"
	}
	return fmt.Sprintf("cuDNN %d.%d.%d", v/10000, v%10000/100, v%100)
}
