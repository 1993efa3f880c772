package torch

/*
#include <stdlib.h>
#include "core.h"
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// Device is where a tensor lives. The zero value is the CPU.
type Device struct {
	code int // 0: the CPU; otherwise 1 more than the number that cl_device returns
}

// CPU is the host's memory.
var CPU = Device{}

// CUDA is the GPU with the given index.
func CUDA(index int) Device { return Device{index + 1} }

// IsCPU reports whether the device is the CPU.
func (d Device) IsCPU() bool { return d == CPU }

// IsCUDA reports whether the device is one of NVIDIA's GPUs.
func (d Device) IsCUDA() bool { return d.code > 0 && d.code <= C.CL_DEVICE_TYPE }

// Index is the device's number among those of its type.
func (d Device) Index() int { return max(0, d.code-1) % C.CL_DEVICE_TYPE }

// Type is the type of the device as PyTorch has it: "cpu", "cuda", "meta", and others.
func (d Device) Type() string {
	name := C.cl_device_type(C.int(d.index()))
	defer C.free(unsafe.Pointer(name))
	return C.GoString(name)
}

// String is "cpu", "cuda:0", or the like.
func (d Device) String() string {
	if d.IsCPU() {
		return "cpu"
	}
	return fmt.Sprintf("%s:%d", d.Type(), d.Index())
}

// index is the device's number in C. It is not its index: see cl_device.
func (d Device) index() int { return d.code - 1 }
