package torch

/*
#include "core.h"
*/
import "C"

// MemoryUse is the memory that tensors take, in bytes.
type MemoryUse struct {
	Now      int64
	Peak     int64 // the most since ResetMemoryPeak
	Reserved int64 // the most that libtorch has taken from the device, to use it again
}

// inUse is the device whose memory counts: the one that UseGPU was called for last.
var inUse = CPU

// DeviceMemory returns what the tensors on a device take. Before libtorch 2.9, it is all that is
// in use on a GPU, by any program, and the peak is not known.
func DeviceMemory(d Device) MemoryUse {
	if d.IsCPU() {
		now, peak := int64(C.cl_memory_now()), int64(C.cl_memory_peak())
		return MemoryUse{Now: now, Peak: peak, Reserved: peak}
	}
	var m C.cl_memory
	check("memory", C.cl_device_memory(C.int(d.index()), &m))
	return MemoryUse{Now: int64(m.now), Peak: int64(m.peak), Reserved: int64(m.reserved)}
}

// MemoryInUse is the number of bytes that tensors take on the device in use.
func MemoryInUse() int64 { return DeviceMemory(inUse).Now }

// MemoryPeak is the largest MemoryInUse since ResetMemoryPeak.
func MemoryPeak() int64 { return DeviceMemory(inUse).Peak }

// ResetMemoryPeak starts a new measurement of the peak.
func ResetMemoryPeak() {
	if inUse.IsCPU() {
		C.cl_memory_reset_peak()
		return
	}
	check("memory", C.cl_device_reset_peak(C.int(inUse.index())))
}
