package doctor

import (
	"fmt"

	"contralens/internal/humanize"
	"contralens/torch"
)

// devices describes where can be computed: the CPU, and a line for each GPU and for the
// libraries of GPUs. describe describes a GPU.
func devices(s torch.CUDAState, describe func(torch.Device) (torch.GPU, error)) []Finding {
	if why := s.Problem(); why != "" {
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
