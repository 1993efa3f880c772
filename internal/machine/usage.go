package machine

import (
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Usage is what this process used of the machine in some time.
type Usage struct {
	Own       float64 // share of its processors' time that it used, 0 to 1
	Others    float64 // share that others used, 0 to 1; 0 if it is unknown
	Resident  int64   // its resident memory in bytes; 0 if it is unknown
	Available int64   // memory that the machine can still give, in bytes; 0 if it is unknown
}

// WatchUsage starts watching what this process uses. The returned function returns the
// usage since the last call. It reads four small files of /proc.
func WatchUsage() func() Usage {
	begin, before, load := time.Now(), ProcessorTime(), WatchLoad()
	power := min(Quota(), float64(Affinity())) // seconds of processor time per second
	return func() Usage {
		now, used := time.Now(), ProcessorTime()
		u := Usage{Others: load(), Resident: here.resident(), Available: here.available()}
		if spent := now.Sub(begin).Seconds() * power; spent > 0 {
			u.Own = min(1, (used-before).Seconds()/spent)
		}
		begin, before, load = now, used, WatchLoad()
		return u
	}
}

func (s system) resident() int64 { return kilobytes(s.read("/proc/self/status"), "VmRSS") }

// available returns what the machine can still give, or what a limit leaves if that is less.
func (s system) available() int64 {
	free := kilobytes(s.read("/proc/meminfo"), "MemAvailable")
	if m := s.memory(); m.Limit < m.Total {
		free = min(free, max(0, m.Limit-s.resident()))
	}
	return free
}

// GPU is the load of a GPU.
type GPU struct {
	Busy   float64 // share of the time in which it computed, 0 to 1
	Memory int64   // that all programs use, in bytes
}

// GPULoad asks nvidia-smi for the load of the GPU with a PCI bus id, such as 0000:3b:00.0. It is
// no index: nvidia-smi counts by the bus, and CUDA the fastest first, among those that
// CUDA_VISIBLE_DEVICES shows. ok is false if there is no answer within two seconds.
func GPULoad(pci string) (g GPU, ok bool) {
	if pci == "" {
		return GPU{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "nvidia-smi", "--id="+pci,
		"--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return GPU{}, false
	}
	return parseGPU(string(out))
}

// parseGPU reads "percent, MiB".
func parseGPU(text string) (g GPU, ok bool) {
	busy, memory, _ := strings.Cut(strings.TrimSpace(text), ",")
	percent, err := strconv.ParseFloat(strings.TrimSpace(busy), 64)
	if err != nil {
		return GPU{}, false
	}
	mib, err := strconv.ParseInt(strings.TrimSpace(memory), 10, 64)
	return GPU{Busy: percent / 100, Memory: mib << 20}, err == nil
}
