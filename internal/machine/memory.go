package machine

import (
	"os"
	"strconv"
	"strings"
)

// Memory is an amount of memory in bytes.
type Memory struct {
	Total int64 // of the machine; 0 if unknown
	Limit int64 // that this process may use: Total, or a lower limit of a control group
}

// MemorySize returns the size of the machine's memory.
func MemorySize() Memory { return here.memory() }

func (s system) memory() Memory {
	m := Memory{Total: kilobytes(s.read("/proc/meminfo"), "MemTotal")}
	m.Limit = m.Total
	if limit := s.memoryLimit(); limit > 0 && (m.Total == 0 || limit < m.Total) {
		m.Limit = limit
	}
	return m
}

// PeakResident returns the peak resident memory of this process in bytes, or 0 if it is
// unknown.
func PeakResident() int64 { return here.peakResident() }

// ResetPeak makes PeakResident start anew from the current resident memory, where the system
// allows it.
func ResetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

func (s system) peakResident() int64 { return kilobytes(s.read("/proc/self/status"), "VmHWM") }

// kilobytes returns a value in kB, converted to bytes.
func kilobytes(text, key string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(field(text, key), " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
