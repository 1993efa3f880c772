package setup

import (
	"fmt"

	"contralens/config"
	"contralens/dist"
	"contralens/internal/machine"
	"contralens/torch"
)

// ShareMachine gives each process of a machine its share of the processors, if the options leave
// threads and workers open, and a GPU of its own if they compute on one. It changes nothing for a
// process alone.
func ShareMachine(m *config.Machine, l dist.Launch) error {
	if l.World().Alone() {
		return nil
	}
	each := max(1, machine.Processors()/max(1, l.LocalSize))
	if m.Threads == 0 {
		m.Threads = each
	}
	if m.Workers == 0 {
		m.Workers = each
	}
	if !OnGPU(*m) {
		return nil
	}
	return ownGPU(m, l, torch.CUDADevices())
}

// ownGPU gives each process of a machine its own of so many GPUs, unless a launcher shows each
// process one alone.
func ownGPU(m *config.Machine, l dist.Launch, gpus int) error {
	switch {
	case l.LocalSize <= 1:
		return nil
	case m.GPU != "" || m.Device != "auto" && m.Device != "cuda":
		return &config.ValueError{
			Option: "device", Want: "auto, cuda or cpu with several processes", Got: m.DeviceName(),
			Hint: "each takes the GPU of its own rank",
		}
	case l.LocalRank >= gpus:
		return &config.ValueError{
			Option: "device", Want: fmt.Sprintf("a GPU for each of the %d processes of this machine", l.LocalSize), Got: gpus,
			Hint: "start fewer processes, or give --device cpu",
		}
	}
	m.Device = fmt.Sprintf("cuda:%d", l.LocalRank)
	return nil
}
