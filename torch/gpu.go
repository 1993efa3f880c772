package torch

/*
#include <stdlib.h>
#include "core.h"
*/
import "C"

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"sync"
	"unsafe"
)

// GPU describes one of NVIDIA's GPUs.
type GPU struct {
	Device       Device
	Name         string // "NVIDIA H100 80GB HBM3"
	Major, Minor int    // compute capability
	Free, Total  int64  // memory, in bytes; others may use what is not free
	PCI          string // "0000:3b:00.0"
}

// AtLeast reports whether the GPU has this compute capability or a higher one.
func (g GPU) AtLeast(major, minor int) bool {
	return g.Major > major || g.Major == major && g.Minor >= minor
}

// String is the GPU in a line.
func (g GPU) String() string {
	return fmt.Sprintf("%s, %.1f of %.1f GB free, compute capability %d.%d",
		g.Name, float64(g.Free)/1e9, float64(g.Total)/1e9, g.Major, g.Minor)
}

// CUDAState is what is known about GPUs before one is used.
type CUDAState struct {
	Built   bool   // libtorch's CUDA backend is in the process
	Count   int    // GPUs that can be used
	Driver  int    // the newest CUDA that the driver supports, as 13020 for 13.2; 0: there is no driver
	Runtime int    // the CUDA that libtorch was built with
	CuDNN   int    // as 91002 for 9.10.2; 0: none
	NVML    bool   // the driver's management library can be loaded
	code    int    // of the CUDA runtime; why Count is 0
	text    string // of code
}

// States of the CUDA runtime that have sentences of their own.
const (
	cudaOldDriver = 35  // cudaErrorInsufficientDriver
	cudaNoDevice  = 100 // cudaErrorNoDevice
)

// CUDAInfo returns what is known about GPUs. It uses none.
var CUDAInfo = sync.OnceValue(func() CUDAState {
	s := C.cl_cuda()
	return CUDAState{
		Built: s.built != 0, Count: int(s.count), Driver: int(s.driver), Runtime: int(s.runtime), CuDNN: int(s.cudnn),
		NVML: s.nvml != 0, code: int(s.code), text: C.GoString(s.text),
	}
})

// CUDADevices is the number of GPUs that this libtorch can use.
func CUDADevices() int { return CUDAInfo().Count }

// CUDAVersion formats a version of CUDA: 13020 is "13.2".
func CUDAVersion(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// oldestGPU is the oldest libtorch that is used with GPUs, as Version numbers it.
const oldestGPU = 20600

// versionNumber is libtorch's version as a number: 20600 for 2.6.0.
func versionNumber() int { return int(C.cl_version_number()) }

// visibleVariable is the environment variable that lists the GPUs that CUDA shows to a process.
const visibleVariable = "CUDA_VISIBLE_DEVICES"

// Hidden reports whether there is a driver and the environment hides every GPU.
func (s CUDAState) Hidden() bool {
	_, set := os.LookupEnv(visibleVariable)
	return set && s.Count == 0 && s.Driver > 0 && (s.code == cudaNoDevice || s.code == 0)
}

// Problem explains why no GPU can be used, and says what to do about it. It is "" if one
// can be used.
func (s CUDAState) Problem() string { return s.problem(versionNumber()) }

// problem is Problem for a version of libtorch.
func (s CUDAState) problem(version int) string {
	if !s.Built {
		return fmt.Sprintf("this libtorch (%s) has no CUDA; take one that has: contralens engine build FOLDER, or "+
			"make build LIBTORCH=FOLDER", Version())
	}
	switch {
	case version < oldestGPU:
		return fmt.Sprintf("want libtorch 2.6 or newer for a GPU, got %s; take a newer one: contralens engine build FOLDER, "+
			"or make build LIBTORCH=FOLDER", Version())
	case s.Count > 0:
		return ""
	case s.Driver == 0:
		return fmt.Sprintf("there is no NVIDIA driver; install one that supports CUDA %s", CUDAVersion(s.Runtime))
	case s.code == cudaOldDriver:
		return fmt.Sprintf("the NVIDIA driver supports CUDA %s and this libtorch needs %s; update the driver, "+
			"or take a libtorch for CUDA %d", CUDAVersion(s.Driver), CUDAVersion(s.Runtime), s.Driver/1000)
	case s.Hidden():
		return fmt.Sprintf("CUDA_VISIBLE_DEVICES is %q and hides every GPU; unset it", os.Getenv(visibleVariable))
	case s.code == cudaNoDevice || s.code == 0:
		return "the NVIDIA driver sees no GPU; see what nvidia-smi says"
	}
	return fmt.Sprintf("CUDA says: %s (error %d); see what nvidia-smi says", cmp.Or(s.text, "nothing"), s.code)
}

// allocatorVariables configure libtorch's allocator on GPUs; the second one since 2.9.
var allocatorVariables = []string{"PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_ALLOC_CONF"}

var expandable = regexp.MustCompile(`(^|,)\s*expandable_segments\s*:\s*True`)

// fabricVersion is the first libtorch that asks NVML for every expandable segment.
const fabricVersion = 20900

// allocatorProblem explains why libtorch's allocator would end the program at its first
// allocation on a GPU, or is "".
func (s CUDAState) allocatorProblem(version int) string {
	for _, name := range allocatorVariables {
		if version >= fabricVersion && !s.NVML && expandable.MatchString(os.Getenv(name)) {
			return fmt.Sprintf("%s=%s wants NVIDIA's library libnvidia-ml.so.1, and there is none; unset the variable, "+
				"or install the library, in a container by NVIDIA_DRIVER_CAPABILITIES=compute,utility", name, os.Getenv(name))
		}
	}
	return ""
}

// GPUInfo describes a GPU. It makes the GPU ready for use, which takes some of its
// memory. The error is a *DeviceError.
func GPUInfo(d Device) (GPU, error) {
	var g C.cl_gpu
	if text := C.cl_cuda_gpu(C.int(d.Index()), &g); text != nil {
		defer C.free(unsafe.Pointer(text))
		e := message("", text)
		if e.OutOfMemory {
			return GPU{}, &DeviceError{d.String(), "its memory is full; " + freeMemory}
		}
		return GPU{}, &DeviceError{d.String(), e.Message}
	}
	return GPU{
		Device: d, Name: C.GoString(&g.name[0]), PCI: C.GoString(&g.pci[0]),
		Major: int(g.major), Minor: int(g.minor), Free: int64(g.free), Total: int64(g.total),
	}, nil
}

// freeMemory says what to do about a GPU that is full.
const freeMemory = "nvidia-smi lists the programs that use it; end them or choose another device"
