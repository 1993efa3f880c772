package torch

/*
#include "core.h"
*/
import "C"

import (
	"fmt"
	"strconv"
	"strings"

	"contralens/internal/option"
)

// Device is where a tensor lives. The zero value is the CPU.
type Device struct {
	cuda int // 0: the CPU, n: cuda:n-1
}

// CPU is the host's memory.
var CPU = Device{}

// CUDA is the GPU with the given index.
func CUDA(index int) Device { return Device{cuda: index + 1} }

// IsCPU reports whether the device is the CPU.
func (d Device) IsCPU() bool { return d.cuda == 0 }

func (d Device) String() string {
	if d.cuda == 0 {
		return "cpu"
	}
	return fmt.Sprintf("cuda:%d", d.cuda-1)
}

func (d Device) index() int { return d.cuda - 1 }

// CUDADevices is the number of GPUs that this libtorch can use.
func CUDADevices() int { return int(C.cl_cuda_devices()) }

// ParseDevice parses "cpu", "cuda" or "cuda:N". "" means "cpu". It returns an error
// if libtorch doesn't see the device.
func ParseDevice(s string) (Device, error) {
	if err := Load(); err != nil {
		return CPU, err
	}
	if s == "" || s == "cpu" {
		return CPU, nil
	}
	index := 0
	if rest, ok := strings.CutPrefix(s, "cuda:"); ok {
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return CPU, option.Text("device", "cpu or cuda:N", s)
		}
		index = n
	} else if s != "cuda" {
		return CPU, option.Text("device", "cpu or cuda:N", s)
	}
	if n := CUDADevices(); index >= n {
		return CPU, fmt.Errorf("device %s: this libtorch (%s) sees %d GPUs; use cpu, or build with "+
			"LIBTORCH=/path/to/a/CUDA/libtorch", s, Version(), n)
	}
	return CUDA(index), nil
}
