package machine

import (
	"strconv"
	"strings"
)

// Memory is how much memory there is, in bytes.
type Memory struct {
	Total int64 // of the machine; 0 where the system does not tell
	Limit int64 // that the process may use: the total, or less by a control group's limit
}

// MemorySize returns the size of the memory.
func MemorySize() Memory { return here.memory() }

func (s system) memory() Memory {
	m := Memory{Total: kilobytes(s.read("/proc/meminfo"), "MemTotal")}
	m.Limit = m.Total
	if limit := s.memoryLimit(); limit > 0 && (m.Total == 0 || limit < m.Total) {
		m.Limit = limit
	}
	return m
}

// PeakResident returns the largest resident size that this process has had, in bytes;
// 0 where the system does not tell.
func PeakResident() int64 { return here.peakResident() }

func (s system) peakResident() int64 { return kilobytes(s.read("/proc/self/status"), "VmHWM") }

// kilobytes returns a value that is written in kB, in bytes.
func kilobytes(text, key string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(field(text, key), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
