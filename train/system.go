package train

import (
	"math"
	"sync/atomic"
	"time"

	"contralens/internal/machine"
	"contralens/rundir"
	"contralens/torch"
)

// SystemHook writes what the training uses of the machine to system.jsonl: the first line
// after two seconds, then one every tenth second, less often in long trainings. A line costs
// a few reads of /proc. On a GPU, nvidia-smi is asked beside the training, for the next line.
func SystemHook() Hook { return systemHook(2 * time.Second) }

// systemHook is SystemHook with another time before the first line.
func systemHook(first time.Duration) Hook {
	var begin, last time.Time
	var usage func() machine.Usage
	var gpu atomic.Pointer[machine.GPU]
	var bus string
	return Hook{
		Order: Metrics,
		Start: func(r *Run) error {
			begin, usage = time.Now(), machine.WatchUsage()
			last, bus = begin, busOf(r.Model.Device())
			return rundir.KeepSystem(r.Dir, r.GlobalStep)
		},
		Step: func(r *Run, s Step) error {
			interval := first
			if last != begin {
				interval = loadInterval(last.Sub(begin))
			}
			if time.Since(last) < interval {
				return nil
			}
			last = time.Now()
			line := systemLine(s.Step, usage(), gpu.Load())
			if bus != "" {
				go func() {
					if g, ok := machine.GPULoad(bus); ok {
						gpu.Store(&g)
					}
				}()
			}
			return rundir.AddSystem(r.Dir, line)
		},
	}
}

// loadInterval is the time from one line of system.jsonl to the next; elapsed is that from
// the start to the last one.
func loadInterval(elapsed time.Duration) time.Duration {
	return min(max(10*time.Second, elapsed/360), time.Minute)
}

// systemLine makes a line. gpu may be nil.
func systemLine(step int, u machine.Usage, gpu *machine.GPU) rundir.System {
	mib := func(bytes int64) *float64 {
		if bytes == 0 {
			return nil
		}
		return new(float64(bytes >> 20))
	}
	percent := func(share float64) *float64 { return new(math.Round(1000*share) / 10) }
	line := rundir.System{
		Step: float64(step), Time: time.Now().Format(time.RFC3339), Own: percent(u.Own), Others: percent(u.Others),
		Resident: mib(u.Resident), Available: mib(u.Available),
	}
	if gpu != nil {
		line.GPU, line.GPUMemory = percent(gpu.Busy), mib(gpu.Memory)
	}
	return line
}

// busOf is the PCI bus id of a device, or "" if it is the CPU or unknown.
func busOf(d torch.Device) string {
	if d.IsCPU() {
		return ""
	}
	g, err := torch.GPUInfo(d)
	if err != nil {
		return "" // the training says more about it
	}
	return g.PCI
}
